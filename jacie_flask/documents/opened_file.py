"""A file of a folder that was opened and checked, read in the threads of its store."""

import io
import os
from collections.abc import Callable
from typing import Any

from jacie_flask.errors import DocumentUnavailable


class OpenedFile(io.RawIOBase):
    """A regular file for reading; what is put at its path afterwards changes nothing of it. Its reader closes it."""

    def __init__(self, descriptor: int, name: str, ask: Callable[..., Any]) -> None:
        """Take over a descriptor; ``ask`` calls a function with arguments where it may block."""
        super().__init__()
        self._descriptor = descriptor
        self._ask = ask
        self._position = 0
        self.name = name
        found = os.fstat(descriptor)
        self.size = found.st_size
        self.modified_s = found.st_mtime
        self.version = f"{found.st_size:x}-{found.st_mtime_ns:x}"

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that every position can be read."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position and return it."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read on into a buffer and return how many bytes; raise OSError, also where the file became shorter."""
        wanted = min(len(buffer), self.size - self._position)
        if wanted <= 0:
            return 0
        try:
            data: bytes = self._ask(os.pread, self._descriptor, wanted, self._position)
        except DocumentUnavailable as error:
            raise OSError(str(error)) from error
        if not data:
            raise OSError(f"{self.name!r} became shorter while it was sent")
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """Close the descriptor, once."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()
