"""Kept connections: one user at a time, nothing left behind by the last one, never to a file that is gone."""

import sqlite3
import threading

import pytest

from jacie_flask.retrieval.sqlite_connections import KEPT, SqliteConnections


@pytest.fixture
def connections(tmp_path):
    """Return connections to a file with one table."""
    made = SqliteConnections(tmp_path / "some.db")
    with made.writing() as connection:
        connection.execute("CREATE TABLE t (n INTEGER)")
    return made


def numbers(connections):
    """Return what the table holds."""
    with connections.lent() as connection:
        return [n for (n,) in connection.execute("SELECT n FROM t ORDER BY n")]


def test_a_connection_is_kept_for_the_next_use(connections):
    """Two uses after each other share a connection, also from different threads."""
    used = []

    def use():
        with connections.lent() as connection:
            used.append(connection)

    for _ in range(2):
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    assert used[0] is used[1]


def test_nobody_shares_a_connection_while_it_is_used(connections):
    """Uses at the same time have connections of their own, of which a bounded number is kept."""
    with connections.lent() as one, connections.lent() as other:
        assert one is not other
    lent = [connections.lent() for _ in range(KEPT + 5)]
    opened = {id(each.__enter__()) for each in lent}
    for each in lent:
        each.__exit__(None, None, None)
    assert len(opened) == KEPT + 5
    assert len(connections._idle) == KEPT


def test_what_fails_is_rolled_back_and_its_connection_closed(connections):
    """A write that raises leaves nothing, and the next use gets a connection that works."""
    writing = connections.writing()
    connection = writing.__enter__()
    connection.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(KeyError):
        writing.gen.throw(KeyError())
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("SELECT 1")
    assert numbers(connections) == []


def test_a_read_left_open_does_not_hold_the_next_one_to_the_past(connections, tmp_path):
    """A transaction that its user did not end is ended: the next use sees what others have written since."""
    with connections.lent() as connection:
        connection.execute("BEGIN")
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    with SqliteConnections(tmp_path / "some.db").writing() as other:
        other.execute("INSERT INTO t VALUES (7)")
    assert numbers(connections) == [7]


def test_a_file_that_was_replaced_is_opened_anew(connections, tmp_path):
    """Nobody reads on from a file that was deleted and made again."""
    assert numbers(connections) == []
    (tmp_path / "some.db").rename(tmp_path / "old.db")
    with sqlite3.connect(tmp_path / "some.db") as connection:
        connection.execute("CREATE TABLE t (n INTEGER)")
        connection.execute("INSERT INTO t VALUES (5)")
    connection.close()
    assert numbers(connections) == [5]
