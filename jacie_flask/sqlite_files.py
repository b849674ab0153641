"""SQLite files that can be made again: what tells that one is damaged, and how it is replaced while others have it open."""

import contextlib
import fcntl
import logging
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

log = logging.getLogger(__name__)

_DAMAGE = frozenset({
    sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_TOOBIG,
})  # fmt: skip
_DAMAGED_READS = frozenset({sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS, 8202})  # 8202: SQLITE_IOERR_DATA
_NOT_OPENED = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR})
UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, IndexError, KeyError, OverflowError, ArithmeticError)
"""What reading rows raises whose content is not what was written."""


class DamagedContentError(Exception):
    """A row holds other bytes than were written."""


@contextlib.contextmanager
def decoding() -> Iterator[None]:
    """Turn what reading a damaged row raises into DamagedContentError."""
    try:
        yield
    except UNREADABLE as error:
        raise DamagedContentError(f"{type(error).__name__}: {error}") from error


def is_damage(error: BaseException, path: Path) -> bool:
    """Say whether an error of using the file means that its content is damaged, or that something else stands in its place."""
    if isinstance(error, OSError):  # looking at the path, such as at a link to itself
        return _is_anything_misplaced(path)
    if not isinstance(error, sqlite3.Error):
        return isinstance(error, DamagedContentError)
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return isinstance(error, sqlite3.DataError)
    if code & 0xFF in _NOT_OPENED and code not in _DAMAGED_READS:
        return _is_anything_misplaced(path)
    return code & 0xFF in _DAMAGE or code in _DAMAGED_READS


def _is_anything_misplaced(path: Path) -> bool:
    return any(_is_misplaced(Path(f"{path}{ending}")) for ending in ("", "-wal", "-shm", "-journal"))


def _is_misplaced(path: Path) -> bool:
    """Say whether something stands at the path that is no file that this process can read and write, in a folder where it could."""
    try:
        found = path.lstat()
    except OSError:
        return False
    usable = stat.S_ISREG(found.st_mode) and os.access(path, os.R_OK | os.W_OK)
    return not usable and os.access(path.parent, os.W_OK | os.X_OK)


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells the file at the path from one that replaces it, None where there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def discard(path: Path, seen: tuple[int, int] | None, reason: object) -> None:
    """Take a damaged file and what belongs to it away, unless another process has replaced it; raise OSError.

    What is no file of ours is kept beside it under another name.
    """
    with _lock(path):
        if identity(path) != seen:
            return
        log.error("%s is damaged and made anew: %s", path, reason)
        for ending in ("", "-wal", "-shm", "-journal"):
            _take_away(Path(f"{path}{ending}"))


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Be the only process that replaces files of this folder."""
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)  # now: gevent closes descriptors when its hub runs next
        os.close(handle)


def _take_away(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rename(path.with_name(f"{path.name}.{time.time_ns()}.unknown"))
    else:
        path.unlink(missing_ok=True)


class SharedMemory:
    """The file of shared memory (``-shm``) of a database that this process has mapped: what must not become shorter.

    SQLite itself cuts the file to a few bytes when nobody has it mapped, so only the length that it had while a connection of
    this process was in use counts.
    """

    def __init__(self, path: Path) -> None:
        """Take the path of the database."""
        self._path = path
        self._shared = Path(f"{path}-shm")
        self._mapped: tuple[tuple[int, ...], int] | None = None

    def note(self) -> None:
        """Note the file's length: a connection that stays open has just been used, and has it mapped."""
        try:
            found = self._shared.stat()
        except OSError:
            self._mapped = None
            return
        known, length = self._mapped or ((), 0)
        mine = (os.getpid(), found.st_dev, found.st_ino)
        self._mapped = mine, max(found.st_size, length if known == mine else 0)

    def forget(self) -> None:
        """Note that no connection of this process is open any more."""
        self._mapped = None

    def mend(self) -> None:
        """Give a file that was cut back its length; raise sqlite3.OperationalError where it cannot have it.

        A page of the map that the file has no more ends the process that looks at it. What SQLite finds there instead of its
        own header it makes again from the log.
        """
        if self._mapped is None:
            return
        known, length = self._mapped
        try:
            found = self._shared.stat()
            if known != (os.getpid(), found.st_dev, found.st_ino) or found.st_size >= length:
                return
            with open(self._shared, "r+b") as file:
                os.posix_fallocate(file.fileno(), 0, length)
            log.error("%s was cut to %d bytes and has its length again", self._shared, found.st_size)
        except FileNotFoundError:
            self._mapped = None
        except OSError as error:
            raise sqlite3.OperationalError(f"the shared memory of {self._path.name} cannot be used: {error}") from error


def read_only(path: Path) -> sqlite3.Connection:
    """Open a file that cannot be written, as it is; raise sqlite3.Error where that cannot be told from a torn one."""
    log_file = Path(f"{path}-wal")
    with contextlib.suppress(OSError):
        if log_file.stat().st_size:
            raise sqlite3.OperationalError("the disk cannot be written and the last changes are not in the file yet")
    return sqlite3.connect(f"file:{_quoted(path)}?mode=ro&immutable=1", uri=True, timeout=10, check_same_thread=False)


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
