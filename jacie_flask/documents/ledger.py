"""What ingestion has done so far: one row a document, in a small SQLite file that every worker may read."""

import contextlib
import logging
import math
import os
import sqlite3
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from jacie_flask import keeping
from jacie_flask.files import seal
from jacie_flask.sqlite_files import DamagedContentError, decoding, discard, identity, is_damage, read_only

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
  document_id TEXT PRIMARY KEY, version TEXT NOT NULL, content_hash TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL,
  pages INTEGER NOT NULL, chunks INTEGER NOT NULL, vectors INTEGER NOT NULL, guess TEXT NOT NULL,
  notes TEXT NOT NULL, seal BLOB NOT NULL);
"""

FORMAT = 2
"""Grows when rows are kept otherwise; it is part of the file's name, so that each version has a file of its own."""

log = logging.getLogger(__name__)

_WHAT = "the ledger of documents"


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
    """The rows in ``path``; a missing file reads as empty, a damaged one is made anew and a damaged row dropped.

    All of it can be ingested again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = (str(path), f"{path}-wal")

    def rows(self) -> dict[str, LedgerRow]:
        """Return all rows by document id: none where the file is missing, damaged (it is made anew then) or cannot be read."""
        if not os.path.lexists(self.path):
            return {}
        seen = identity(self.path)
        try:
            return self._read()
        except (sqlite3.Error, OSError, DamagedContentError) as error:
            self._cope(error, seen)
        return {}

    def _read(self) -> dict[str, LedgerRow]:
        with contextlib.closing(self._opened_to_read()) as db:
            found = db.execute("SELECT * FROM documents").fetchall()
        damaged = [row[0] for row in found if row[-1] != seal(*row[:-1])]
        if damaged:
            log.error(
                "%s has %d rows with other bytes than were written: they are dropped and ingested again", self.path, len(damaged)
            )
            self._change("DELETE FROM documents WHERE document_id = ?", [(document_id,) for document_id in damaged])
        with decoding():
            return {row[0]: _row(row) for row in found if row[0] not in damaged}

    def _opened_to_read(self) -> sqlite3.Connection:
        try:
            return _opened(self.path)
        except sqlite3.OperationalError as error:
            if is_damage(error, self.path):
                raise
            keeping.failed(_WHAT, error)
            return read_only(self.path)

    def _cope(self, error: BaseException, seen: tuple[int, int] | None) -> None:
        """Take a damaged file away, or note that it cannot be used now."""
        try:
            if is_damage(error, self.path):
                discard(self.path, seen, error)
                return
        except OSError as harder:
            error = harder
        keeping.failed(_WHAT, error)

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
        if rows:
            self._change("INSERT OR REPLACE INTO documents VALUES (?,?,?,?,?,?,?,?,?,?,?)", [_values(row) for row in rows])

    def forget(self, document_id: str) -> None:
        """Drop one row."""
        self._change("DELETE FROM documents WHERE document_id = ?", [(document_id,)])

    def clear(self) -> None:
        """Drop everything: the index it described is gone."""
        self._change("DELETE FROM documents", [()])

    def _change(self, statement: str, values: Sequence[tuple[object, ...]]) -> None:
        """Change the file, a damaged one anew; what cannot be written is noted, and ingestion does it again some day."""
        for _ in range(2):
            seen = identity(self.path)
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with contextlib.closing(_opened(self.path)) as db, db:
                    db.executemany(statement, values)
                keeping.succeeded(_WHAT)
                return
            except (sqlite3.Error, OSError) as error:
                self._cope(error, seen)


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=10)
    db.text_factory = partial(str, encoding="utf-8", errors="replace")  # the seal tells that it is other text
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(_SCHEMA)
    except BaseException:  # a damaged file, or a kill of the greenlet: closed, and the caller copes with it
        db.close()
        raise
    return db


def _values(row: LedgerRow) -> tuple[str | int | bytes, ...]:
    values = (
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
    return (*values, seal(*values))


def _row(row: tuple[str, str, str, str, str, int, int, int, str, str, bytes]) -> LedgerRow:
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
