"""Filings in a local folder."""

import contextlib
import logging
import os
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

from jacie_flask.concurrency import Lane
from jacie_flask.documents.keys import is_hidden
from jacie_flask.documents.opened_file import OpenedFile
from jacie_flask.errors import DocumentUnavailable
from jacie_flask.interfaces import Blob, ServedFile, StoredObject
from jacie_flask.retries import Budget

log = logging.getLogger(__name__)

_PLACES = 8
"""Reads of one store at once; as many may hang in a stalled mount before the store counts as not answering."""
_LISTING_FACTOR = 4.0
_PIECE = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | os.O_NOFOLLOW
_DENIED = "access to it was denied"
_GONE = "it is no longer in the store"
_NO_FILE = "it is no regular file (a pipe, a socket or a device)"
_STALLED = "its store did not answer"


class FolderStore:
    """The files below a folder; keys are their paths in it, versions are size and time of change.

    Every look at the folder happens in threads of this store alone and is awaited for ``patience_s`` (listing: four times
    that): a stalled network mount costs nobody else anything. Hidden files are neither listed nor read.
    """

    def __init__(self, root: Path, *, max_bytes: int, patience_s: float = 15.0) -> None:
        self._root = root.resolve()
        self._max_bytes = max_bytes
        self._reads = Lane(_PLACES, patience_s)
        self._listings = Lane(1, patience_s * _LISTING_FACTOR)
        self.label = self._root.name
        self.left_out: tuple[str, ...] = ()

    def list(self) -> list[StoredObject]:
        """List every file below the folder, hidden ones left out; raise DocumentUnavailable.

        A folder below it that cannot be listed is left out, and ``left_out`` names it.
        """
        try:
            found, left_out = self._listings.run(_files, self._root)
        except OSError as error:
            raise DocumentUnavailable(f"cannot list {self._root}: {error}", reason=_STALLED) from error
        for one in left_out:
            log.warning("%s", one)
        self.left_out = tuple(left_out)
        return list(found)

    def read(self, key: str, unless: str = "", budget: Budget | None = None) -> Blob | None:
        """Return the file's bytes, read between two equal looks at its version; raise DocumentUnavailable."""
        found: Blob | None = self._asked(key, self._read, key, unless, budget)
        return found

    def open(self, key: str, method: Literal["GET", "HEAD"] = "GET") -> ServedFile | str:
        """Return a regular file, opened; raise DocumentUnavailable when it is none or is gone."""
        file: OpenedFile = self._asked(key, self._open, key)
        return file

    def _asked(self, key: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Ask the file system in this store's own threads; say what went wrong in our words."""
        try:
            return self._reads.run(function, *arguments)
        except FileNotFoundError as error:
            raise DocumentUnavailable(f"{key!r} is gone", reason=_GONE) from error
        except TimeoutError as error:
            raise DocumentUnavailable(f"{key!r}: the file system does not answer: {error}", reason=_STALLED) from error
        except OSError as error:
            raise DocumentUnavailable(f"cannot read {key!r}: {error}", reason=_DENIED) from error

    def _read(self, key: str, unless: str, budget: Budget | None) -> Blob | None:
        path = self._path(key)
        for _ in range(3):
            with _opened(self._root, path) as (descriptor, before):
                if _version(before) == unless:
                    return None
                if before.st_size > self._max_bytes:
                    raise DocumentUnavailable(f"{key} is larger than {self._max_bytes} bytes", reason="it is too large")
                data = b"".join(_pieces(descriptor, self._max_bytes, budget))
                if _version(os.fstat(descriptor)) == _version(before) == _version(path.stat()):
                    return Blob(data=data, version=_version(before))
        raise DocumentUnavailable(f"{key} keeps changing", reason="it keeps changing while it is read")

    def _open(self, key: str) -> OpenedFile:
        path = self._path(key)
        return OpenedFile(_regular(self._root, path), path.name, partial(self._asked, key))

    def _path(self, key: str) -> Path:
        """Return where a key is: below the root and not hidden, also after links were followed; raise DocumentUnavailable."""
        try:
            path = (self._root / key).resolve()
        except (OSError, RuntimeError, ValueError) as error:  # a name too long, a loop of links, a NUL
            raise DocumentUnavailable(f"{key!r} is no path: {error}", reason=_DENIED) from error
        if not path.is_relative_to(self._root):
            raise DocumentUnavailable(f"{key} points outside {self._root}", reason=_DENIED)
        if is_hidden(key) or is_hidden(path.relative_to(self._root).as_posix()):
            raise DocumentUnavailable(f"{key!r} is hidden", reason=_DENIED)
        return path


@contextlib.contextmanager
def _opened(root: Path, path: Path) -> Iterator[tuple[int, os.stat_result]]:
    """Open a regular file; raise OSError or DocumentUnavailable."""
    descriptor = _regular(root, path)
    try:
        yield descriptor, os.fstat(descriptor)
    finally:
        os.close(descriptor)


def _regular(root: Path, path: Path) -> int:
    """Open a regular file below a folder, without waiting for whoever is at the other end of a pipe.

    ``path`` has no links: where one is put on its way meanwhile, it is not followed. Raise OSError or DocumentUnavailable.
    """
    descriptor = os.open(root, _FOLDER)
    *folders, name = path.relative_to(root).parts
    ways = [*((folder, _FOLDER | os.O_NOFOLLOW) for folder in folders), (name, _FILE)]
    for part, flags in ways:
        try:
            inner = os.open(part, flags, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = inner
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DocumentUnavailable(f"{path} is no regular file", reason=_NO_FILE)
    return descriptor


def _pieces(descriptor: int, most: int, budget: Budget | None) -> Iterator[bytes]:
    """Yield a file in pieces, one byte more than allowed at most: a file may grow while it is read."""
    left = most + 1
    while left > 0 and (piece := os.read(descriptor, min(_PIECE, left))):
        if budget:
            budget.check()
        left -= len(piece)
        yield piece


def _files(root: Path) -> tuple[list[StoredObject], list[str]]:
    """Walk a folder; return its files and sentences on what was left out; raise OSError for the root itself."""
    found: list[StoredObject] = []
    left_out: list[str] = []

    def unlisted(error: OSError) -> None:
        if Path(error.filename or root) == root:
            raise error
        name = os.path.relpath(error.filename, root)
        left_out.append(f"the folder {_shown(name)} cannot be listed ({error.strerror}): its documents are left out")

    for folder, folders, names in os.walk(root, onerror=unlisted):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                found += _stored(Path(folder, name), root, left_out)
    return found, left_out


def _stored(path: Path, root: Path, left_out: list[str]) -> Iterator[StoredObject]:
    """Yield a file as an object; nothing for what is no file, left while it was listed, or has a name that is no text."""
    key = path.relative_to(root).as_posix()
    if not _is_text(key):
        left_out.append(f"the file {_shown(key)} is left out: its name is not UTF-8")
        return
    try:
        found = path.stat()
    except OSError as error:  # it left, its link leads nowhere, or its folder may be listed and not entered
        if not isinstance(error, FileNotFoundError):
            left_out.append(f"the file {_shown(key)} cannot be looked at ({error.strerror}): it is left out")
        return
    if stat.S_ISREG(found.st_mode):
        yield StoredObject(key=key, size=found.st_size, version=_version(found))


def _shown(name: str) -> str:
    """Return a name as it may stand in a line of a log."""
    return repr(name[-200:])


def _version(found: os.stat_result) -> str:
    return f"{found.st_size}-{found.st_mtime_ns}"


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
