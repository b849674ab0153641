"""Files that are there whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


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
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
