"""A folder of files that can be made again: shared by processes, bounded in bytes, safe to delete at any time."""

import contextlib
import os
import time
from pathlib import Path

from jacie_flask.concurrency import offload
from jacie_flask.files import replacing

_UNFINISHED = ".part-"
_ABANDONED_S = 3600.0


class BoundedFolder:
    """At most ``max_bytes`` in files of a folder; what was not used for longest makes room. A file is there whole or not at all."""

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes and note its use; None where there is no such file."""
        path = self._folder / name
        try:
            data: bytes = offload(path.read_bytes)
        except OSError:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return data

    def write(self, name: str, data: bytes) -> None:
        """Put a file there, whole or not at all, and make room for it."""
        try:
            self._put(name, data)
        except FileNotFoundError:  # somebody deleted the folder between two steps
            self._put(name, data)
        self._make_room()

    def _put(self, name: str, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with replacing(self._folder / name, prefix=_UNFINISHED) as file:
            offload(file.write, data)

    def _make_room(self) -> None:
        files: list[tuple[float, int, str]] = []
        abandoned = time.time() - _ABANDONED_S
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):  # another process deleted it
                    stat = entry.stat()
                    if not entry.name.startswith(_UNFINISHED):
                        files.append((stat.st_mtime, stat.st_size, entry.path))
                    elif stat.st_mtime < abandoned:
                        os.unlink(entry.path)
        excess = sum(size for _, size, _ in files) - self._max_bytes
        for _, size, path in sorted(files) if excess > 0 else ():
            if excess <= 0:
                return
            Path(path).unlink(missing_ok=True)
            excess -= size
