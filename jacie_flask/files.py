"""Files that are there whole or not at all."""

import contextlib
import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

_SEAL_BYTES = 16
_RECORD_SEAL_BYTES = 8


@contextlib.contextmanager
def replacing(path: Path, *, prefix: str) -> Iterator[BinaryIO]:
    """Yield a file, readable by its owner only, that becomes ``path`` when the block ends well and is gone when it does not.

    Until then it stands beside ``path`` under a name that begins with ``prefix``.
    """
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=prefix)
    try:
        with open(handle, "wb") as file:
            yield file
        os.replace(unfinished, path)
    except BaseException:  # a full disk, errors of the block, or a kill: nothing stays, and the caller hears of it
        Path(unfinished).unlink(missing_ok=True)
        raise


def read_regular(path: Path) -> bytes:
    """Return the bytes of a file; raise OSError, also where what stands there is no file, such as a pipe that nobody writes to."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "this is no regular file", str(path))
        return file.read()


def sealed(name: str, data: bytes) -> bytes:
    """Return the bytes behind a digest of them and of the name that they are kept under."""
    return _digest(name, data) + data


def unsealed(name: str, data: bytes) -> bytes | None:
    """Return what was sealed under this name, None where a byte of it is another one."""
    seal, content = data[:_SEAL_BYTES], data[_SEAL_BYTES:]
    return content if seal == _digest(name, content) else None


def seal(*values: object) -> bytes:
    """Return a digest (BLAKE2b, 8 bytes) of a record's values, each with its type and length."""
    return hashlib.blake2b(msgspec.msgpack.encode(values), digest_size=_RECORD_SEAL_BYTES).digest()


def _digest(name: str, data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_SEAL_BYTES, key=hashlib.blake2b(name.encode(), digest_size=32).digest()).digest()
