"""A folder of files that can be made again: shared by processes, bounded in bytes, safe to delete at any time."""

import contextlib
import logging
import os
import shutil
import time
from pathlib import Path

from jacie_flask import keeping
from jacie_flask.concurrency import offload
from jacie_flask.data_folder import DISK
from jacie_flask.files import read_regular, replacing, sealed, unsealed

log = logging.getLogger(__name__)

_UNFINISHED = ".part-"
_ABANDONED_S = 3600.0


class BoundedFolder:
    """At most ``max_bytes`` in files of a folder; what was not used for longest makes room. A file is there whole or not at all."""

    def __init__(self, folder: Path, *, max_bytes: int, what: str = "copies of files") -> None:
        self._folder = folder
        self._what = what
        self._max_bytes = max_bytes

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes and note its use; None where there is no such file."""
        path = self._folder / name
        try:
            data: bytes | None = unsealed(name, offload(read_regular, path))
        except OSError:
            return None
        if data is None:
            log.error("%s is damaged and made anew", path)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return data

    def write(self, name: str, data: bytes) -> None:
        """Put a file there, whole or not at all, and make room for it; where that fails it is noted, and nothing is kept."""
        try:
            self._put(name, sealed(name, data))
            keeping.succeeded(self._what)
            keeping.succeeded(DISK)
        except OSError as error:
            keeping.failed(self._what, error)
        self._make_room()

    def _put(self, name: str, data: bytes) -> None:
        try:
            self._replace(name, data)
        except (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError):
            self._clear_the_way(
                self._folder / name
            )  # somebody deleted the folder between two steps, or put something in its place
            self._replace(name, data)

    def _replace(self, name: str, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with replacing(self._folder / name, prefix=_UNFINISHED) as file:
            offload(file.write, data)

    def _clear_the_way(self, path: Path) -> None:
        """Take away what is no folder where the folder belongs, and what is no file where the file belongs."""
        if self._folder.is_symlink() or (self._folder.exists() and not self._folder.is_dir()):
            self._folder.unlink()
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)

    def _make_room(self) -> None:
        files: list[tuple[float, int, str]] = []
        abandoned = time.time() - _ABANDONED_S
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):  # another process deleted it
                    stat = entry.stat()
                    if entry.is_dir(follow_symlinks=False):
                        continue
                    if not entry.name.startswith(_UNFINISHED):
                        files.append((stat.st_mtime, stat.st_size, entry.path))
                    elif stat.st_mtime < abandoned:
                        os.unlink(entry.path)
        excess = sum(size for _, size, _ in files) - self._max_bytes
        for _, size, path in sorted(files) if excess > 0 else ():
            if excess <= 0:
                return
            with contextlib.suppress(OSError):
                Path(path).unlink(missing_ok=True)
            excess -= size
