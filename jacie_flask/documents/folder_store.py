"""Filings in a local folder."""

import os
from pathlib import Path

from jacie_flask.errors import DocumentUnavailable
from jacie_flask.interfaces import Blob, StoredObject


class FolderStore:
    """The files below a folder; keys are their paths in it, versions are size and time of change."""

    def __init__(self, root: Path, *, max_bytes: int) -> None:
        self._root = root.resolve()
        self._max_bytes = max_bytes
        self.label = self._root.name

    def list(self) -> list[StoredObject]:
        """List every file below the folder, hidden ones left out; raise DocumentUnavailable."""
        found = []
        try:
            for folder, folders, names in os.walk(self._root, onerror=_raise):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                for name in sorted(names):
                    path = Path(folder, name)
                    if not name.startswith(".") and path.is_file():
                        key = path.relative_to(self._root).as_posix()
                        found.append(StoredObject(key=key, size=path.stat().st_size, version=_version(path)))
        except OSError as error:
            raise DocumentUnavailable(f"cannot list {self._root}: {error}") from error
        return found

    def read(self, key: str, unless: str = "") -> Blob | None:
        """Return the file's bytes, read between two equal looks at its version; raise DocumentUnavailable."""
        path = self._path(key)
        try:
            for _ in range(3):
                before = _version(path)
                if before == unless:
                    return None
                if path.stat().st_size > self._max_bytes:
                    raise DocumentUnavailable(f"{key} is larger than {self._max_bytes} bytes", reason="it is too large")
                data = path.read_bytes()
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
        if not path.is_file():
            raise DocumentUnavailable(f"{key} is gone", reason="it is no longer in the store")
        return path

    def _path(self, key: str) -> Path:
        path = (self._root / key).resolve()
        if not path.is_relative_to(self._root):
            raise DocumentUnavailable(f"{key} points outside {self._root}", reason="access to it was denied")
        return path


def _raise(error: OSError) -> None:
    raise error


def _version(path: Path) -> str:
    stat = path.stat()
    return f"{stat.st_size}-{stat.st_mtime_ns}"
