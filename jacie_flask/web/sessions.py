"""The signed cookie of people who signed in with a key: it names the key and never holds it."""

import secrets
import time
from dataclasses import dataclass

import msgspec
from flask import Request, Response
from itsdangerous import BadData, URLSafeTimedSerializer

from jacie_flask.access.ended_sessions import EndedSessions, Session
from jacie_flask.errors import Unauthorized

COOKIE = "jacie_session"
_SALT = "jacie session 2"
_LONGEST_S = 7 * 24 * 3600


@dataclass(frozen=True)
class Sessions:
    """Sessions signed with ``secret``; one lasts until it is signed out, a week at most, and no longer than its key."""

    secret: str
    ended: EndedSessions

    def open(self, response: Response, request: Request, key_id: str) -> None:
        """Give the browser a session of this key."""
        # the page's own word counts: a proxy that ends TLS may not say that it did
        secure = request.is_secure or request.headers.get("Origin", "").startswith("https://")
        value = self._serializer.dumps([key_id, secrets.token_hex(8), time.time()])
        response.set_cookie(COOKIE, value, _LONGEST_S, path=_path(request), secure=secure, httponly=True, samesite="Lax")

    def close(self, response: Response, request: Request) -> None:
        """End the request's session, copies of its cookie included, and have the browser forget it."""
        try:
            session = self._session(request)
        except Unauthorized:
            session = None
        if session:
            self.ended.add(session, session.opened_at + _LONGEST_S)
        response.delete_cookie(COOKIE, path=_path(request), httponly=True, samesite="Lax")

    def key_id(self, request: Request) -> str:
        """Return the key of the request's session, "" where there is none; raise Unauthorized for one that is not valid."""
        session = self._session(request)
        return session.key_id if session else ""

    def _session(self, request: Request) -> Session | None:
        given = request.cookies.get(COOKIE, "")
        if not given:
            return None
        try:
            session = msgspec.convert(self._serializer.loads(given, max_age=_LONGEST_S), Session)
        except (BadData, msgspec.ValidationError) as error:
            raise Unauthorized(f"the session is not valid: {error}") from error
        if session in self.ended:
            raise Unauthorized("the session was signed out")
        return session

    @property
    def _serializer(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.secret, salt=_SALT)


def _path(request: Request) -> str:
    return request.script_root or "/"
