"""Shared memory of a SQLite file: what was cut is mended, and what SQLite cuts itself is no damage."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from jacie_flask.retrieval.sqlite_connections import SqliteConnections

OTHER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("CREATE TABLE IF NOT EXISTS t (a)")
connection.execute("INSERT INTO t VALUES (1)")
if sys.argv[2] == "leaves it":
    import os, signal
    os.kill(os.getpid(), signal.SIGKILL)
connection.close()
"""


def another_process(path: Path, end: str) -> None:
    """Write with another process, which closes the file or is killed and leaves its shared memory behind."""
    subprocess.run([sys.executable, "-c", OTHER, str(path), end], check=False, timeout=60)


def use(connections: SqliteConnections) -> int:
    """Count the rows."""
    with connections.lent() as connection:
        return connection.execute("SELECT count(*) FROM t").fetchone()[0]


@pytest.fixture
def path(tmp_path):
    """Return a database in WAL mode that another process wrote."""
    another_process(tmp_path / "index.db", "closes it")
    return tmp_path / "index.db"


def shared(path: Path) -> Path:
    """Return the file of shared memory."""
    return path.with_name(f"{path.name}-shm")


@pytest.mark.parametrize("end", ["closes it", "leaves it"])
def test_an_ordinary_restart_is_no_damage(path, end, caplog):
    """Whatever length the file has that processes before left or just began, opening it is not reported."""
    for length in (None, 0, 3, 32768):
        another_process(path, end)
        if length is not None:
            shared(path).write_bytes(bytes(length))
        connections = SqliteConnections(path)
        assert use(connections) > 0
        assert use(connections) > 0
        del connections  # and closed
    assert caplog.text == ""


def test_the_last_connection_takes_the_length_along(path, caplog):
    """Where no connection of this process is open any more, SQLite may begin the file anew, as short as it likes."""
    connections = SqliteConnections(path)
    use(connections)
    with pytest.raises(sqlite3.OperationalError), connections.lent() as connection:
        connection.execute("SELECT nothing FROM nowhere")
    shared(path).write_bytes(b"abc")
    assert use(connections) == 1
    assert caplog.text == ""


@pytest.mark.parametrize("length", [0, 1, 4096])
def test_a_cut_under_an_open_connection_is_mended(path, length, caplog):
    """The process goes on, and the log says what happened."""
    connections = SqliteConnections(path)
    use(connections)
    os.truncate(shared(path), length)
    assert use(connections) == 1
    assert shared(path).stat().st_size == 32768
    assert f"was cut to {length} bytes" in caplog.text
