"""API keys in one JSON file of hashes that any number of workers read, and that can be mounted or copied to other machines."""

import contextlib
import fcntl
import hashlib
import hmac
import logging
import os
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from jacie_flask.errors import UNDECODABLE, ConfigurationError, Unauthorized
from jacie_flask.files import read_regular, replacing
from jacie_flask.interfaces import SCOPES

log = logging.getLogger(__name__)

PREFIX = "jcy_"
_UNREAD = (-1,)
_TOKEN = re.compile(r"jcy_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_KEY_ID = re.compile(r"[0-9a-f]{12}")


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its secret; times are seconds since the epoch, ``hash`` is the SHA-256 of the whole key in hex."""

    key_id: str
    name: str
    tenant: str
    scopes: list[str]
    hash: str
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None

    def ended(self, now: float) -> str:
        """Return why the key is not valid any more, "" while it is."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and now >= self.expires_at else ""


class _File(msgspec.Struct, kw_only=True):
    version: int = 1
    keys: list[Key] = []


_decode = msgspec.json.Decoder(_File).decode


class KeyFile:
    """The keys in ``path``, read again whenever the file has changed: one look at it costs two microseconds.

    Once keys were seen they stay required, even if the file goes; a file that cannot be read leaves the last keys in force.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float]) -> None:
        self.path = path
        self._clock = clock
        self._stamp: tuple[int, ...] | None = _UNREAD
        self._keys: dict[str, Key] = {}
        self._seen = False
        self._complaint = ""

    def any(self) -> bool:
        """Say whether there is a file of keys, or a key was seen: a file that became empty or unreadable opens nothing."""
        self._keep_fresh()
        return self._seen or self._stamp is not None

    def check(self) -> None:
        """Raise ConfigurationError when the file is there and cannot be used."""
        try:
            self._read()
        except (OSError, *UNDECODABLE) as error:
            raise ConfigurationError(f"JACIE_KEYS holds {str(self.path)!r}, allowed: a file of keys ({error})") from error

    def all(self) -> list[Key]:
        """Return all keys, those that have ended too."""
        self._keep_fresh()
        return list(self._keys.values())

    def verify(self, token: str) -> Key:
        """Return the key that ``token`` is; raise Unauthorized with the reason as its detail."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise Unauthorized("not a key of this kind")
        key = self.valid(match[1])
        if not hmac.compare_digest(_hash(token).encode(), key.hash.encode()):
            raise Unauthorized(f"key {match[1]}: its secret does not match")
        return key

    def valid(self, key_id: str) -> Key:
        """Return the key of this id; raise Unauthorized when there is none or it has ended."""
        self._keep_fresh()
        key = self._keys.get(key_id)
        if key is None:
            raise Unauthorized(f"key {key_id} is unknown")
        if reason := key.ended(self._clock()):
            raise Unauthorized(f"key {key_id} ({key.name}) is {reason}")
        return key

    def create(self, name: str, *, tenant: str, scopes: frozenset[str], expires_at: float | None = None) -> tuple[Key, str]:
        """Add a key and return it with the token, which is nowhere else."""
        key_id = secrets.token_hex(6)
        token = f"{PREFIX}{key_id}_{secrets.token_urlsafe(32)}"
        key = Key(
            key_id=key_id,
            name=name,
            tenant=tenant,
            scopes=sorted(scopes & SCOPES),
            hash=_hash(token),
            created_at=self._clock(),
            expires_at=expires_at,
        )
        with self._changing():
            self._keys[key_id] = key
        return key, token

    def revoke(self, key_id: str) -> Key:
        """End a key in every worker that reads this file; raise KeyError for an unknown one."""
        with self._changing():
            key = self._keys[key_id]
            if key.revoked_at is None:
                key = self._keys[key_id] = msgspec.structs.replace(key, revoked_at=self._clock())
        return key

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Change the keys alone; the file is replaced whole."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path.with_name(self.path.name + ".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._read()
            yield
            with replacing(self.path, prefix=f".{self.path.name}.") as file:
                file.write(msgspec.json.format(msgspec.json.encode(_File(keys=list(self._keys.values())))) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            self._read()

    def _keep_fresh(self) -> None:
        if _stamp(self.path) == self._stamp:
            return
        try:
            self._read()
            self._complaint = ""
        except (OSError, *UNDECODABLE) as error:
            self._stamp = _UNREAD  # the next request tries again: a revoked key must not live on by a passing fault
            if str(error) != self._complaint:
                self._complaint = str(error)
                meanwhile = "the last ones stay in force" if self._keys else "every request is refused until they can be"
                log.error("the keys in %s cannot be read, %s: %s", self.path, meanwhile, error)

    def _read(self) -> None:
        self._stamp = _stamp(self.path)  # before the bytes: a change in between is seen next time
        if self._stamp is None:
            if self._seen and self._keys:
                log.error("the file of keys %s is gone: every request is refused until it is there again", self.path)
            self._keys = {}
            return
        found = _decode(read_regular(self.path)).keys
        if not found and (self._keys or not self._seen):
            log.error("the file of keys %s holds no key: every request is refused until one is made", self.path)
        self._keys = {key.key_id: key for key in found}
        self._seen = self._seen or bool(found)


def is_key_id(caller: str) -> bool:
    """Say whether a caller is a key: addresses and the subjects of tokens look otherwise."""
    return _KEY_ID.fullmatch(caller) is not None


def _hash(token: str) -> str:
    # A plain hash is right here: the secret is 256 random bits, which no dictionary holds and nobody can try through. A slow
    # password hash would only cost every request its time.
    return hashlib.sha256(token.encode()).hexdigest()


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
