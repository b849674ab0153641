"""The folder that caches live in: bounded, shared by real processes, and whole whatever happens to it."""

import os
import subprocess
import sys
import time

import pytest

from jacie_flask.documents.bounded_folder import BoundedFolder
from tests.support.jacie import ROOT

WRITER = """
import shutil, sys
from pathlib import Path
from jacie_flask.documents.bounded_folder import BoundedFolder
folder, me, until = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
files = BoundedFolder(folder, max_bytes=40_000)
for at in range(until):
    name = f"n{at % 12}"
    files.write(name, (name * 2000).encode())
    found = files.read(f"n{(at * 7) % 12}")
    if found is not None:
        assert found == (f"n{(at * 7) % 12}" * 2000).encode(), (me, len(found))
    if me == "0" and at % 50 == 49:
        shutil.rmtree(folder, ignore_errors=True)
"""


@pytest.fixture
def files(tmp_path):
    """Return a folder that does not exist yet and holds 1000 bytes."""
    return BoundedFolder(tmp_path / "files", max_bytes=1000)


def test_what_was_written_is_read(files):
    """Whole, by name; what is not there is None."""
    files.write("a", b"one")
    files.write("a", b"two")
    assert files.read("a") == b"two"
    assert files.read("b") is None


def test_what_was_used_last_stays(files, tmp_path):
    """The bound is kept after each write; reading counts as use."""
    for at, name in enumerate("abc"):
        files.write(name, b"x" * 300)
        os.utime(tmp_path / "files" / name, (at, at))
    assert files.read("a")
    files.write("d", b"x" * 300)
    assert sorted(os.listdir(tmp_path / "files")) == ["a", "c", "d"]
    files.write("huge", b"x" * 2000)
    assert sum(path.stat().st_size for path in (tmp_path / "files").iterdir()) <= 1000


def test_what_a_killed_process_left_goes(files, tmp_path):
    """Unfinished files of others are left alone for an hour."""
    files.write("a", b"x")
    for name, age in ((".part-old", 4000), (".part-new", 10)):
        (tmp_path / "files" / name).write_bytes(b"x")
        os.utime(tmp_path / "files" / name, (time.time() - age,) * 2)
    files.write("b", b"x")
    assert sorted(os.listdir(tmp_path / "files")) == [".part-new", "a", "b"]


def test_many_processes_share_it(tmp_path):
    """Four processes write, read and make room at once, and one of them deletes the whole folder now and then."""
    folder = tmp_path / "shared"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(folder), str(at), "300"], env=environment, stderr=subprocess.PIPE)
        for at in range(4)
    ]
    failures = [writer.communicate(timeout=60)[1].decode() for writer in writers]
    assert failures == [""] * 4
    BoundedFolder(folder, max_bytes=40_000).write("last", b"x")
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 40_000
    assert not [name for name in os.listdir(folder) if name.startswith(".part-")]
