"""The sessions that were signed out before they expired, in one file that the workers of a machine share."""

import contextlib
import fcntl
import logging
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from jacie_flask.errors import UNDECODABLE
from jacie_flask.files import read_regular, replacing

log = logging.getLogger(__name__)

LISTED = 1000
"""How many sessions of one key are listed one by one; one more ends all sessions of that key that were opened until then."""


_EVERY_KEY = "*"


class Session(msgspec.Struct, frozen=True, array_like=True):
    """A session as its cookie holds it: the key, an id of its own, and when it was opened (seconds since the epoch)."""

    key_id: str
    session_id: str
    opened_at: float


class _OfKey(msgspec.Struct):
    opened_until: float = 0.0
    expiry: dict[str, float] = {}


_decode = msgspec.json.Decoder(dict[str, _OfKey]).decode


class EndedSessions:
    """The sessions in ``path`` that have ended; the file is read again when it has changed.

    A file that cannot be read or written leaves what this process knows in force.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._stamp: tuple[int, ...] = ()
        self._known: dict[str, _OfKey] = {}

    def __contains__(self, session: Session) -> bool:
        self._keep_fresh()
        known, every = (self._known.get(name, _OfKey()) for name in (session.key_id, _EVERY_KEY))
        return session.opened_at <= max(known.opened_until, every.opened_until) or session.session_id in known.expiry

    def add(self, session: Session, expires_at: float) -> None:
        """End a session; its entry is kept until it would have expired."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with open(self._path.with_name(f"{self._path.name}.lock"), "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._keep_fresh()
                self._end(session, expires_at)
                with replacing(self._path, prefix=f".{self._path.name}.") as file:
                    file.write(msgspec.json.encode(self._known))
                self._stamp = _stamp(self._path)
        except OSError as error:
            self._end(session, expires_at)
            log.error("a sign-out is known to one worker only, %s cannot be written: %s", self._path, error)

    def _end(self, session: Session, expires_at: float) -> None:
        now = self._clock()
        for known in self._known.values():
            known.expiry = {name: until for name, until in known.expiry.items() if until > now}
        of_key = self._known.setdefault(session.key_id, _OfKey())
        of_key.expiry[session.session_id] = expires_at
        if len(of_key.expiry) > LISTED:
            of_key.opened_until, of_key.expiry = now, {}

    def _keep_fresh(self) -> None:
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            found = _decode(read_regular(self._path)) if stamp else {}
        except (OSError, *UNDECODABLE) as error:
            log.error("%s cannot be read, all sessions that were opened until now have ended: %s", self._path, error)
            found = {_EVERY_KEY: _OfKey(opened_until=self._clock())}
        for key_id, known in self._known.items():  # what only this process knows stays ended
            other = found.setdefault(key_id, _OfKey())
            other.opened_until = max(other.opened_until, known.opened_until)
            other.expiry |= known.expiry
        self._known = found


def _stamp(path: Path) -> tuple[int, ...]:
    with contextlib.suppress(OSError):
        found = os.stat(path)
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
    return ()
