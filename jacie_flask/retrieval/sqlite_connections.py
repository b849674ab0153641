"""Connections to one SQLite file, kept open between uses: opening one costs more than most questions to it."""

import os
import sqlite3
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jacie_flask.sqlite_files import SharedMemory, read_only

BUSY_S = 10.0
KEPT = 16

_Idle = deque[tuple[tuple[int, ...], sqlite3.Connection]]


class SqliteConnections:
    """Lends connections to ``path`` to any number of threads, each to one at a time; at most 16 idle ones are kept.

    A connection is not lent again once the file at ``path`` is another one, or in a child of the process that opened it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: _Idle = deque()
        self._lent: set[int] = set()  # ids of the connections that are in use
        self._shared_memory = SharedMemory(path)
        self._writable = True
        weakref.finalize(self, _close_all, self._idle)

    @contextmanager
    def lent(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection outside any transaction; one whose use failed is closed, not kept."""
        connection = self._take()
        self._lent.add(id(connection))
        try:
            yield connection
            if connection.in_transaction:
                connection.rollback()
            file = self._file()
        except BaseException:  # the caller's errors, or a kill of its greenlet: not lent again, and the caller hears of it
            self._lent.discard(id(connection))
            connection.close()
            if not self._lent and not self._idle:
                self._shared_memory.forget()
            raise
        self._shared_memory.note()
        self._idle.append((file, connection))
        self._lent.discard(id(connection))
        while len(self._idle) > KEPT:
            _close_one(self._idle)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection inside a transaction that commits unless the caller raises."""
        with self.lent() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:  # the caller's errors, or a kill: nothing is written, and the caller hears of it
                connection.rollback()
                raise
            connection.execute("COMMIT")

    def _take(self) -> sqlite3.Connection:
        """Return an idle connection to the file that is there now, or a new one."""
        self._shared_memory.mend()
        file = self._file()
        while True:
            try:
                opened, connection = self._idle.pop()
            except IndexError:
                break
            if opened == file:
                return connection
            if opened[0] == os.getpid():  # a parent's connection is the parent's to close
                connection.close()
        connection = self._opened()
        connection.text_factory = _text
        return connection

    def _opened(self) -> sqlite3.Connection:
        if not self._writable:
            return read_only(self._path)
        connection = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:  # a damaged file, or a kill of the greenlet: closed, and the caller hears of it
            connection.close()
            raise
        return connection

    def give_up_writing(self) -> None:
        """Open the file as it is from now on: its disk cannot be written."""
        self._writable = False

    def _file(self) -> tuple[int, ...]:
        """Return what tells the file that is there now, as this process sees it, from any other."""
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return (os.getpid(),)
        return os.getpid(), found.st_dev, found.st_ino


def _text(data: bytes) -> str:
    """Return text as it is kept; bytes that are not UTF-8 become question marks, which the digest of their record tells."""
    return data.decode("utf-8", "replace")


def _close_one(idle: _Idle) -> None:
    with suppress(IndexError):
        opened, connection = idle.popleft()
        if opened[0] == os.getpid():
            connection.close()


def _close_all(idle: _Idle) -> None:
    while idle:
        _close_one(idle)
