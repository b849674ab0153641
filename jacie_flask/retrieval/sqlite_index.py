"""The embedded index: one SQLite file that processes share, read through a snapshot of numpy columns."""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from jacie_flask import keeping
from jacie_flask.errors import RetrievalUnavailable
from jacie_flask.facts.packing import packed
from jacie_flask.files import sealed, unsealed
from jacie_flask.interfaces import (
    AnalysedDocument,
    CatalogDocument,
    DocumentTables,
    IndexedDocument,
    IndexStatus,
    Offload,
    Passage,
    Postings,
    SearchQuery,
    inline,
)
from jacie_flask.retries import Budget
from jacie_flask.retrieval.corpus import Columns, Corpus, Field
from jacie_flask.retrieval.decoded_tables import DecodedTables
from jacie_flask.retrieval.ranking import passages, rank_pages
from jacie_flask.retrieval.sqlite_connections import SqliteConnections
from jacie_flask.sqlite_files import DamagedContentError, decoding, discard, identity, is_damage

log = logging.getLogger(__name__)

SCHEMA_VERSION = 4
REST_S = 1.0
REST_FACTOR = 5.0
_IDS_ASKED = 500

_SCHEMA = """
CREATE TABLE documents (
  row INTEGER PRIMARY KEY AUTOINCREMENT, document_id TEXT NOT NULL UNIQUE, content_hash TEXT NOT NULL,
  chunks INTEGER NOT NULL, columns BLOB NOT NULL, notes TEXT NOT NULL);
CREATE TABLE chunks (document INTEGER NOT NULL, position INTEGER NOT NULL, text TEXT NOT NULL,
  PRIMARY KEY (document, position)) WITHOUT ROWID;
CREATE TABLE vectors (row INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL, start INTEGER NOT NULL,
  dimension INTEGER NOT NULL, data BLOB NOT NULL, UNIQUE (document, start));
CREATE TABLE tables (document INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE generation (documents INTEGER NOT NULL);
INSERT INTO generation VALUES (0);
"""

Background = Callable[[Callable[[], object]], object]
"""Runs a function beside the caller."""


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    """A document's columns as they are kept: chunk pages (u4), labels, and both fields sorted by row."""

    chunk_pages: bytes
    labels: dict[int, list[str]]
    body: Postings
    heading: Postings


class _Snapshot:
    """What one rebuild read: the corpus, the database row of each of its documents and how far it has seen vectors."""

    def __init__(self, generation: int, rows: Sequence[int], corpus: Corpus) -> None:
        self.generation = generation
        self.rows = rows
        self.corpus = corpus
        self.place = {row: place for place, row in enumerate(rows)}
        self.vectors_seen = 0


def start_thread(work: Callable[[], object]) -> None:
    """Run ``work`` in a thread of its own."""
    threading.Thread(target=work, name="index-refresh", daemon=True).start()


class SqliteIndex:
    """A VectorIndex in one file; any number of processes may write and read it.

    ``background`` runs the rebuild of a stale snapshot, ``offload`` each search: pass the server's own where threads are not
    threads. ``on_loss`` is called when a damaged file was made anew, so that somebody fills it again.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        background: Background = start_thread,
        offload: Offload = inline,
        on_loss: Callable[[], object] = lambda: None,
    ) -> None:
        """Open the file, making it where it is missing; raise RetrievalUnavailable where it can never be there."""
        self.path = Path(path)
        self.label = f"sqlite:{self.path.name}"
        self.eventual = False
        self._asked, self._answered = 0, -1  # how often readers were told to look again, and for which of these one did
        self._background = background
        self._offload = offload
        self._on_loss = on_loss
        self._snapshot: _Snapshot | None = None
        self._rebuilding = threading.Lock()
        self._rest_until = 0.0
        self._counted: tuple[tuple[int, int], tuple[int, int, int]] | None = None
        self._connections = SqliteConnections(self.path)
        self._decoded: DecodedTables[int] = DecodedTables()
        self._prepared = False
        try:
            with self._guarded():
                pass
        except RetrievalUnavailable as error:
            if not self.path.parent.is_dir():
                raise
            log.error("the index cannot be opened yet, questions read the documents until it can: %s", error)

    # ---------------------------------------------------------------------------------------------------- writing

    def put(self, document: CatalogDocument, analysed: AnalysedDocument) -> None:
        """Make a document answerable lexically, replacing what was there under its id; the same content is left alone."""
        stored = _Stored(
            np.array([chunk.page for chunk in analysed.chunks], dtype="<u4").tobytes(),
            analysed.labels,
            analysed.body,
            analysed.heading,
        )
        columns = sealed(document.document_id, msgspec.msgpack.encode(stored))
        tables = packed(analysed.tables)
        notes = msgspec.json.encode(analysed.notes).decode()
        with self._guarded(), self._connections.writing() as connection:
            held = connection.execute(
                "SELECT columns, content_hash, notes, data FROM documents LEFT JOIN tables ON document = row WHERE document_id = ?",
                (document.document_id,),
            ).fetchone()
            if held == (columns, analysed.content_hash, notes, tables):
                return
            _forget(connection, document.document_id)
            row = connection.execute(
                "INSERT INTO documents (document_id, content_hash, chunks, columns, notes) VALUES (?, ?, ?, ?, ?)",
                (document.document_id, analysed.content_hash, len(analysed.chunks), columns, notes),
            ).lastrowid
            connection.executemany(
                "INSERT INTO chunks VALUES (?, ?, ?)",
                [(row, position, _storable(chunk.text)) for position, chunk in enumerate(analysed.chunks)],
            )
            connection.execute("INSERT INTO tables VALUES (?, ?)", (row, tables))
            connection.execute("UPDATE generation SET documents = documents + 1")

    def put_vectors(
        self, document: CatalogDocument, analysed: AnalysedDocument, start: int, vectors: NDArray[np.float32]
    ) -> bool:
        """Add dense vectors for the chunks from ``start``; a document that is gone or has changed is left alone."""
        data = np.ascontiguousarray(vectors, dtype="<f2")
        with self._guarded(), self._connections.writing() as connection:
            held = connection.execute(
                "SELECT row, chunks FROM documents WHERE document_id = ? AND content_hash = ?",
                (document.document_id, analysed.content_hash),
            ).fetchone()
            if held is None or start < 0 or start + len(data) > held[1]:
                return False
            connection.execute(
                "INSERT OR REPLACE INTO vectors (document, start, dimension, data) VALUES (?, ?, ?, ?)",
                (held[0], start, data.shape[1], data.tobytes()),
            )
        return True

    def remove(self, document_id: str) -> None:
        """Forget a document; unknown ids are fine."""
        with self._guarded(), self._connections.writing() as connection:
            if _forget(connection, document_id):
                connection.execute("UPDATE generation SET documents = documents + 1")

    # ---------------------------------------------------------------------------------------------------- reading

    def search(self, query: SearchQuery, budget: Budget | None = None) -> list[Passage]:
        """Return the best pages from the current snapshot; a stale one is replaced in the background meanwhile.

        A snapshot from before ``expire``, or one whose pages were replaced, is brought up to date first.
        """
        for last in (False, False, True):
            found: list[Passage] | None = self._offload(self._search, query, last)
            if found is not None:
                return found
            self._catch_up(budget)
        return []

    def _search(self, query: SearchQuery, last: bool) -> list[Passage] | None:
        """Return the best pages; None where the snapshot must be brought up to date, except at the last attempt."""
        with self._guarded(), self._connections.lent() as connection:
            snapshot = self._snapshot
            if snapshot is None or (self._answered < self._asked and not last):
                return None
            self._keep_up(connection)
            ranking = rank_pages(snapshot.corpus, query)
            try:
                return passages(snapshot.corpus, query, ranking, lambda rows: _texts(connection, snapshot, rows, strict=not last))
            except _Replaced:
                self.expire()
                return None

    def expire(self) -> None:
        """Answer from no snapshot that was read before this call."""
        self._asked += 1

    def check(self) -> None:
        """Do nothing: a file stores everything."""

    def _catch_up(self, budget: Budget | None) -> None:
        """Wait for a snapshot that was begun after the last ``expire``, building it unless somebody else is."""
        wanted = self._asked
        while self._answered < wanted:
            self._offload(self.refresh)
            if self._answered < wanted:
                if budget:
                    budget.check()
                time.sleep(0.01)

    def tables(self, document_ids: Sequence[str], budget: Budget | None = None) -> dict[str, DocumentTables]:
        """Return the tables of those documents that are here; damaged ones count as not here."""
        found: dict[str, DocumentTables] = self._offload(self._tables, document_ids)
        return found

    def _tables(self, document_ids: Sequence[str]) -> dict[str, DocumentTables]:
        rows: dict[int, tuple[str, str]] = {}
        with self._guarded(), self._connections.lent() as connection:
            connection.execute("BEGIN")
            for at in range(0, len(document_ids), _IDS_ASKED):
                ids = document_ids[at : at + _IDS_ASKED]
                marks = ",".join("?" * len(ids))
                statement = f"SELECT row, document_id, content_hash FROM documents WHERE document_id IN ({marks})"
                rows |= {row: (document_id, digest) for row, document_id, digest in connection.execute(statement, ids)}
            return {
                document_id: DocumentTables(content_hash=digest, tables=tables)
                for row, (document_id, digest) in rows.items()
                if (tables := self._decoded.of(row, partial(_table_data, connection, row))) is not None
            }

    def notes(self, document_ids: Sequence[str], budget: Budget | None = None) -> dict[str, list[str]]:
        """Return what was not read of those documents that are here and have notes."""
        found: dict[str, list[str]] = self._offload(self._notes, document_ids)
        return found

    def _notes(self, document_ids: Sequence[str]) -> dict[str, list[str]]:
        statement = (
            "SELECT document_id, notes FROM documents WHERE notes <> '[]' AND document_id IN (SELECT value FROM json_each(?))"
        )
        with self._guarded(), self._connections.lent() as connection:
            rows = connection.execute(statement, (msgspec.json.encode(list(document_ids)).decode(),)).fetchall()
            with decoding():
                return {document_id: msgspec.json.decode(notes, type=list[str]) for document_id, notes in rows}

    def refresh(self) -> bool:
        """Bring the snapshot up to date in the caller; False when another caller is doing so, or nothing changed."""
        if not self._rebuilding.acquire(blocking=False):
            return False
        started, asked = time.monotonic(), self._asked
        try:
            with self._guarded(), self._connections.lent() as connection:
                changed = self._bring_up_to_date(connection)
            self._answered = asked
            return changed
        finally:
            self._rest_until = time.monotonic() + max(REST_S, REST_FACTOR * (time.monotonic() - started))
            self._rebuilding.release()

    def status(self, budget: Budget | None = None) -> IndexStatus:
        """Say how much the index holds."""
        with self._guarded(), self._connections.lent() as connection:
            self._keep_up(connection)
            connection.execute("BEGIN")
            state = _state(connection)
            counted = self._counted
            if counted is None or counted[0] != state:
                self._counted = counted = state, _counted(connection)
            documents, chunks, vectors = counted[1]
            labels = self._snapshot.corpus.labels if self._snapshot else frozenset()
            return IndexStatus(documents=documents, chunks=chunks, vectors=vectors, labels=labels)

    def warm(self) -> None:
        """Build the snapshot."""
        self.refresh()

    def held(self) -> dict[str, IndexedDocument]:
        """Return, for each document that is here, its content hash, its chunks and how many have a vector."""
        with self._guarded(), self._connections.lent() as connection:
            rows = connection.execute(
                "SELECT document_id, content_hash, chunks, (SELECT coalesce(sum(length(data) / (2 * dimension)), 0)"
                " FROM vectors WHERE document = documents.row) FROM documents"
            ).fetchall()
            return {row[0]: IndexedDocument(row[1], row[2], row[3]) for row in rows}

    # --------------------------------------------------------------------------------------------------- snapshot

    def _keep_up(self, connection: sqlite3.Connection) -> None:
        """Start a refresh where the database is ahead of the snapshot."""
        held = self._snapshot
        if held and _state(connection) != (held.generation, held.vectors_seen):
            self._refresh_soon()

    def _refresh_soon(self) -> None:
        """Start a refresh beside the caller, one at a time and with a rest after each in proportion to its cost."""
        if time.monotonic() >= self._rest_until and not self._rebuilding.locked():
            self._rest_until = time.monotonic() + REST_S
            self._background(self._refresh_quietly)

    def _refresh_quietly(self) -> None:
        """Refresh; an index that cannot be read now is tried again by a later search."""
        try:
            self.refresh()
        except RetrievalUnavailable:
            return

    def _bring_up_to_date(self, connection: sqlite3.Connection) -> bool:
        """Read what changed: all columns when documents did, otherwise only the new vectors."""
        connection.execute("BEGIN")
        (generation, last_vector), snapshot = _state(connection), self._snapshot
        with decoding():
            if snapshot is None or snapshot.generation != generation:
                snapshot = _read_snapshot(connection, generation)
            elif last_vector == snapshot.vectors_seen:
                return False
            _read_vectors(connection, snapshot)
        self._snapshot = snapshot
        return True

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Prepare the file where that is still to be done, and turn what goes wrong into RetrievalUnavailable.

        A damaged file is taken away and made anew; ``on_loss`` is called then, because nothing is in it.
        """
        seen = identity(self.path)
        try:
            self._open_once(seen)
            yield
        except RetrievalUnavailable:
            raise
        except (sqlite3.Error, OSError, DamagedContentError) as error:
            if is_damage(error, self.path):
                self._make_anew(seen, error)
            raise RetrievalUnavailable(f"{type(error).__name__}: {error}") from error

    def _open_once(self, seen: tuple[int, int] | None) -> None:
        """Make the tables where this file has not been looked at yet; one that cannot be written is read as it is."""
        if self._prepared and seen is not None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._prepare()
        except sqlite3.OperationalError as error:
            if is_damage(error, self.path) or seen is None or not _is_read_only(self.path):
                raise
            self._connections.give_up_writing()
            keeping.failed("the index", "its disk cannot be written")
        self._prepared = True

    def _make_anew(self, seen: tuple[int, int] | None, reason: BaseException) -> None:
        """Replace a damaged file by an empty one."""
        try:
            discard(self.path, seen, reason)
            self._snapshot, self._counted, self._prepared, self._answered = None, None, False, -1
            self._prepare()
            self._prepared = True
        except (sqlite3.Error, OSError) as error:
            log.error("the index cannot be made anew: %s", error)
        self._on_loss()

    def _prepare(self) -> None:
        """Make the tables, or make them anew where an older Jacie made them: everything here can be ingested again."""
        with self._connections.lent() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("PRAGMA user_version").fetchone()[0] != SCHEMA_VERSION:
                for table in ("documents", "chunks", "vectors", "tables", "generation"):
                    connection.execute(f"DROP TABLE IF EXISTS {table}")
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.execute("COMMIT")


def _is_read_only(path: Path) -> bool:
    """Say whether the disk of a file takes no writes, whoever asks."""
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY) or not os.access(path.parent, os.W_OK)


def _storable(text: str) -> str:
    """Return text that SQLite can hold: lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode()


def _forget(connection: sqlite3.Connection, document_id: str) -> bool:
    """Delete all of a document; say whether it was there."""
    held = connection.execute("SELECT row FROM documents WHERE document_id = ?", (document_id,)).fetchone()
    if held is None:
        return False
    connection.execute("DELETE FROM vectors WHERE document = ?", held)
    connection.execute("DELETE FROM tables WHERE document = ?", held)
    connection.execute("DELETE FROM chunks WHERE document = ?", held)
    connection.execute("DELETE FROM documents WHERE row = ?", held)
    return True


def _state(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return what every write changes: a number that grows with the set of documents, and the row of the newest vectors."""
    generation, last = connection.execute(
        "SELECT (SELECT documents FROM generation), (SELECT coalesce(max(row), 0) FROM vectors)"
    ).fetchone()
    return generation, last


def _counted(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Count documents, chunks and vectors."""
    documents, chunks = connection.execute("SELECT count(*), coalesce(sum(chunks), 0) FROM documents").fetchone()
    vectors = connection.execute("SELECT coalesce(sum(length(data) / (2 * dimension)), 0) FROM vectors").fetchone()[0]
    return documents, chunks, vectors


def _read_snapshot(connection: sqlite3.Connection, generation: int) -> _Snapshot:
    """Read every document's columns."""
    rows: list[int] = []
    documents: list[Columns] = []
    decoder = msgspec.msgpack.Decoder(_Stored)
    for row, document_id, columns in connection.execute("SELECT row, document_id, columns FROM documents ORDER BY row"):
        content = unsealed(document_id, columns)
        if content is None:
            raise ValueError(f"the columns of {document_id} are damaged")
        stored = decoder.decode(content)
        rows.append(row)
        documents.append(
            Columns(
                document_id,
                np.frombuffer(stored.chunk_pages, "<u4"),
                stored.labels,
                Field.of(stored.body),
                Field.of(stored.heading),
            )
        )
    return _Snapshot(generation, rows, Corpus(documents))


def _read_vectors(connection: sqlite3.Connection, snapshot: _Snapshot) -> None:
    """Put the vectors that came since the last time onto the snapshot; readers see each block whole or not at all."""
    cursor = connection.execute(
        "SELECT row, document, start, dimension, data FROM vectors WHERE row > ? ORDER BY row", (snapshot.vectors_seen,)
    )
    for row, document, start, dimension, data in cursor:
        place = snapshot.place.get(document)
        if place is not None:
            vectors = np.frombuffer(data, "<f2").reshape(-1, dimension)
            if not np.isfinite(vectors).all():
                raise ValueError(f"the vectors of row {row} are damaged")
            snapshot.corpus.set_vectors(int(snapshot.corpus.document_start[place]) + start, vectors)
        snapshot.vectors_seen = row


class _Replaced(Exception):  # no error: the snapshot is older than a document
    """A document of the snapshot was replaced or removed."""


def _texts(connection: sqlite3.Connection, snapshot: _Snapshot, rows: Sequence[int], *, strict: bool) -> Mapping[int, str]:
    """Read the texts of chunk rows; those of a document that was replaced meanwhile are left out, ``strict`` raises _Replaced."""
    starts = snapshot.corpus.document_start
    places = np.searchsorted(starts, rows, side="right") - 1
    found: dict[int, str] = {}
    for place in set(places.tolist()):
        start = int(starts[place])
        positions = [row - start for row, owner in zip(rows, places, strict=True) if owner == place]
        wanted = ",".join("?" * len(positions))
        statement = f"SELECT position, text FROM chunks WHERE document = ? AND position IN ({wanted})"
        for position, text in connection.execute(statement, (snapshot.rows[place], *positions)):
            found[start + position] = text
    if strict and len(found) < len(set(rows)):
        raise _Replaced
    return found


def _table_data(connection: sqlite3.Connection, row: int) -> bytes:
    """Read the packed tables of a document's row."""
    held = connection.execute("SELECT data FROM tables WHERE document = ?", (row,)).fetchone()
    return bytes(held[0]) if held else b""
