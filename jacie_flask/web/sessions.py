"""The signed cookie of people who signed in with a key: it names the key and never holds it."""

from dataclasses import dataclass

from flask import Request, Response
from itsdangerous import BadData, URLSafeTimedSerializer

from jacie_flask.errors import Unauthorized

COOKIE = "jacie_session"
_SALT = "jacie session 1"
_LONGEST_S = 7 * 24 * 3600


@dataclass(frozen=True)
class Sessions:
    """Sessions signed with ``secret``; one lasts a week at most, and no longer than its key."""

    secret: str

    def open(self, response: Response, request: Request, key_id: str) -> None:
        """Give the browser a session of this key."""
        # the page's own word counts: a proxy that ends TLS may not say that it did
        secure = request.is_secure or request.headers.get("Origin", "").startswith("https://")
        response.set_cookie(
            COOKIE, self._serializer.dumps(key_id), _LONGEST_S, path=_path(request), secure=secure, httponly=True, samesite="Lax"
        )

    def close(self, response: Response, request: Request) -> None:
        """Have the browser forget its session."""
        response.delete_cookie(COOKIE, path=_path(request), httponly=True, samesite="Lax")

    def key_id(self, request: Request) -> str:
        """Return the key of the request's session, "" where there is none; raise Unauthorized for one that does not stand."""
        given = request.cookies.get(COOKIE, "")
        try:
            return str(self._serializer.loads(given, max_age=_LONGEST_S)) if given else ""
        except BadData as error:
            raise Unauthorized(f"the session does not stand: {error}") from error

    @property
    def _serializer(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.secret, salt=_SALT)


def _path(request: Request) -> str:
    return request.script_root or "/"
