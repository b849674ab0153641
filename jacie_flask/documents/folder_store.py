"""Filings in a local folder."""

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from jacie_flask.concurrency import offload
from jacie_flask.errors import DocumentUnavailable
from jacie_flask.interfaces import Blob, StoredObject
from jacie_flask.retries import Budget

log = logging.getLogger(__name__)


class FolderStore:
    """The files below a folder; keys are their paths in it, versions are size and time of change."""

    def __init__(self, root: Path, *, max_bytes: int) -> None:
        self._root = root.resolve()
        self._max_bytes = max_bytes
        self.label = self._root.name

    def list(self) -> list[StoredObject]:
        """List every file below the folder, hidden ones left out; raise DocumentUnavailable."""
        try:
            found: list[StoredObject] = offload(_files, self._root)
        except OSError as error:
            raise DocumentUnavailable(f"cannot list {self._root}: {error}") from error
        return found

    def read(self, key: str, unless: str = "", budget: Budget | None = None) -> Blob | None:
        """Return the file's bytes, read between two equal looks at its version; raise DocumentUnavailable."""
        path = self._path(key)
        try:
            for _ in range(3):
                before = _version(path)
                if before == unless:
                    return None
                if path.stat().st_size > self._max_bytes:
                    raise DocumentUnavailable(f"{key} is larger than {self._max_bytes} bytes", reason="it is too large")
                data: bytes = offload(path.read_bytes)
                if _version(path) == before:
                    return Blob(data=data, version=before)
        except FileNotFoundError as error:
            raise DocumentUnavailable(f"{key} is gone", reason="it is no longer in the store") from error
        except OSError as error:
            raise DocumentUnavailable(f"cannot read {key}: {error}", reason="access to it was denied") from error
        raise DocumentUnavailable(f"{key} keeps changing", reason="it keeps changing while it is read")

    def locate(self, key: str) -> Path | str:
        """Return the file's path; raise DocumentUnavailable when it is gone."""
        path = self._path(key)
        if not _is_file(path):
            raise DocumentUnavailable(f"{key} is gone", reason="it is no longer in the store")
        return path

    def _path(self, key: str) -> Path:
        try:
            path = (self._root / key).resolve()
        except (OSError, RuntimeError, ValueError) as error:  # a name too long, a loop of links, a NUL
            raise DocumentUnavailable(f"{key!r} is no path: {error}", reason="access to it was denied") from error
        if not path.is_relative_to(self._root):
            raise DocumentUnavailable(f"{key} points outside {self._root}", reason="access to it was denied")
        return path


def _files(root: Path) -> list[StoredObject]:
    """Walk a folder; raise OSError."""
    found: list[StoredObject] = []
    for folder, folders, names in os.walk(root, onerror=_raise):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                found += _stored(Path(folder, name), root)
    return found


def _stored(path: Path, root: Path) -> Iterator[StoredObject]:
    """Yield a file as an object; nothing for what is no file, left while it was listed, or has a name that is no text."""
    key = path.relative_to(root).as_posix()
    if not _is_text(key):
        log.warning("%r was left out: its name is not UTF-8", key)
        return
    with contextlib.suppress(FileNotFoundError):
        if path.is_file():
            yield StoredObject(key=key, size=path.stat().st_size, version=_version(path))


def _raise(error: OSError) -> None:
    raise error


def _version(path: Path) -> str:
    stat = path.stat()
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # what may not be looked at cannot be opened either
        return False


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
