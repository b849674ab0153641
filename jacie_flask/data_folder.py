"""The folder of the files that Jacie makes: readable by its owner alone, and full, read-only or damaged without harm."""

import contextlib
import errno
import functools
import logging
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jacie_flask import keeping
from jacie_flask.errors import ConfigurationError

log = logging.getLogger(__name__)

DISK = "new files"
"""What is not kept where JACIE_DATA takes no files at all."""

_UNWRITABLE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ENFILE}
)
_OURS = (
    "cache",
    "pictures",
    "spool",
    "metrics",
    "tenants",
    "ledger-*",
    "index*",
    "keys.json*",
    "secret-key",
    "ended-sessions.json*",
    "ingestion.done",
)
_PROBE = b"\0" * 4096
_METRIC_FILES = ("counter", "histogram", "gauge_livesum", "gauge_livemax")
_METRIC_BYTES = 1 << 20  # what prometheus_client makes a file as large as; every series of this server fits
_SHARED_MEMORY = Path("/dev/shm")  # files there are made in a folder that is the user's own


def make_files_private() -> None:
    """Give files that this process and its children make later to their owner alone."""
    os.umask(0o077)


@functools.cache
def prepare(folder: Path) -> bool:
    """Make the folder, its owner's alone, and return whether files can be written there; files made later are private too.

    A full or read-only folder is noted and used as it is. Raise ConfigurationError where it is no folder and cannot become one.
    """
    make_files_private()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_private(folder)
        return probe(folder)
    except OSError as error:
        allowed = f"a folder that can be written ({error})"
        raise ConfigurationError(f"JACIE_DATA holds {str(folder)!r}, allowed: {allowed}") from error


def probe(folder: Path) -> bool:
    """Return whether the folder takes files at present, and note it; raise OSError where that is no matter of its disk."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(_PROBE)
            file.flush()
    except OSError as error:
        if error.errno not in _UNWRITABLE or not folder.is_dir():
            raise
        keeping.failed(DISK, error)
        return False
    keeping.recovered()
    return True


def _make_private(folder: Path) -> None:
    """Take the rights of others from the folder and from what Jacie made in it; a folder that all users share is left as it is."""
    if not folder.stat().st_mode & stat.S_ISVTX:
        _restrict(folder)
    for pattern in _OURS:
        for path in folder.glob(pattern):
            _restrict(path)
            if path.is_dir() and not path.is_symlink():
                for parent, folders, files in os.walk(path):
                    for name in (*folders, *files):
                        _restrict(Path(parent, name))


def _restrict(path: Path) -> None:
    with contextlib.suppress(OSError):  # another user's, or gone
        mode = path.lstat().st_mode
        if (stat.S_ISDIR(mode) or stat.S_ISREG(mode)) and mode & 0o077:
            path.chmod(stat.S_IMODE(mode) & 0o700)


def metrics_place(data: Path, bytes_needed: int) -> Path | None:
    """Return a folder for the counts of several processes: in memory where there is room, else in ``data``; None where there is none."""
    for folder in (_own(_SHARED_MEMORY), _own(Path(tempfile.gettempdir())), data / "metrics"):
        if folder is not None and _holds(folder, bytes_needed):
            return folder
    return None


def _own(parent: Path) -> Path | None:
    """Return this user's own folder below one that all users share, None where there can be none."""
    folder = parent / f"jacie-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    return folder if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077 else None


def _holds(folder: Path, size: int) -> bool:
    """Say whether so many bytes fit there, really: a file that is only as long as it says ends a process when it is used."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError:
        return False
    return True


def reserve_metrics(folder: Path, pid: int) -> bool:
    """Make the files that a process counts in, with all their room; return False, with none of them, where they do not fit."""
    made: list[Path] = []
    try:
        for name in _METRIC_FILES:
            path = folder / f"{name}_{pid}.db"
            made.append(path)
            with open(path, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, _METRIC_BYTES)
    except OSError as error:
        for path in made:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        keeping.failed("metrics", error)
        return False
    return True


def shrink_metrics(folder: Path, pid: int) -> None:
    """Give back the room that the counts of a process that has ended do not use."""
    for name in _METRIC_FILES:
        with contextlib.suppress(OSError), open(folder / f"{name}_{pid}.db", "r+b") as file:
            used = int.from_bytes(file.read(4), sys.byteorder)  # prometheus_client.mmap_dict: how far the file is in use
            file.truncate(max(8, min(used, _METRIC_BYTES)))


def metrics_bytes(processes: int) -> int:
    """Return how much room the counts of so many processes take."""
    return processes * len(_METRIC_FILES) * _METRIC_BYTES


def places_for(folder: Path) -> Iterator[Path]:
    """Yield where a file that is needed for a moment may be written: the folder, then this user's own ones in memory and among temporary files."""
    yield folder
    for other in (_own(_SHARED_MEMORY), _own(Path(tempfile.gettempdir()))):
        if other is not None:
            yield other
