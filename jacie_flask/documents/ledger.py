"""What ingestion has done so far: one row a document, in a small SQLite file that every worker may read."""

import contextlib
import math
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
  document_id TEXT PRIMARY KEY, version TEXT NOT NULL, content_hash TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL,
  pages INTEGER NOT NULL, chunks INTEGER NOT NULL, vectors INTEGER NOT NULL, guess TEXT NOT NULL,
  notes TEXT NOT NULL);
"""


class LedgerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A document as ingestion left it; ``status`` is ready, rejected or unavailable, ``vectors`` counts the chunks that have one.

    ``notes`` are sentences on content of the document that was not read.
    """

    document_id: str
    version: str
    content_hash: str = ""
    status: str = "ready"
    reason: str = ""
    pages: int = 0
    chunks: int = 0
    vectors: int = 0
    guess: dict[str, str] = {}
    notes: list[str] = []


class Ledger:
    """The rows in ``path``; a missing file reads as empty, and a file that is no database is made anew."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = (str(path), f"{path}-wal")

    def rows(self) -> dict[str, LedgerRow]:
        """Return all rows by document id."""
        with self._open(write=False) as db:
            if db is None:
                return {}
            found = db.execute("SELECT * FROM documents").fetchall()
        return {row[0]: _row(row) for row in found}

    def stamp(self) -> tuple[int, ...]:
        """Return something that changes with every write, without opening the file."""
        stats = []
        for file in self._files:
            with contextlib.suppress(OSError):
                found = os.stat(file)
                stats += [found.st_size, found.st_mtime_ns]
        return tuple(stats)

    def age_s(self) -> float:
        """Return how many seconds ago the files were last written, infinity where there are none."""
        times = []
        for file in self._files:
            with contextlib.suppress(OSError):
                times.append(os.stat(file).st_mtime)
        return abs(time.time() - max(times)) if times else math.inf

    def record(self, *rows: LedgerRow) -> None:
        """Write rows, all at once."""
        if not rows:
            return
        with self._open(write=True) as db:
            if db:
                db.executemany("INSERT OR REPLACE INTO documents VALUES (?,?,?,?,?,?,?,?,?,?)", map(_values, rows))

    def forget(self, document_id: str) -> None:
        """Drop one row."""
        with self._open(write=True) as db:
            if db:
                db.execute("DELETE FROM documents WHERE document_id = ?", (document_id,))

    @contextlib.contextmanager
    def _open(self, *, write: bool) -> Iterator[sqlite3.Connection | None]:
        if not write and not self.path.exists():
            yield None
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(self._connect()) as db, db:
            yield db

    def _connect(self) -> sqlite3.Connection:
        try:
            return _opened(self.path)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
                raise
        self.path.unlink(missing_ok=True)  # it can all be ingested again
        return _opened(self.path)


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=10)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(_SCHEMA)
    except BaseException:
        db.close()
        raise
    return db


def _values(row: LedgerRow) -> tuple[str | int, ...]:
    return (
        row.document_id,
        row.version,
        row.content_hash,
        row.status,
        row.reason,
        row.pages,
        row.chunks,
        row.vectors,
        msgspec.json.encode(row.guess).decode(),
        msgspec.json.encode(row.notes).decode(),
    )


def _row(row: tuple[str, str, str, str, str, int, int, int, str, str]) -> LedgerRow:
    return LedgerRow(
        document_id=row[0],
        version=row[1],
        content_hash=row[2],
        status=row[3],
        reason=row[4],
        pages=row[5],
        chunks=row[6],
        vectors=row[7],
        guess=msgspec.json.decode(row[8], type=dict[str, str]),
        notes=msgspec.json.decode(row[9], type=list[str]),
    )
