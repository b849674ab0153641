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
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from jacie_flask import keeping
from jacie_flask.errors import RetrievalUnavailable
from jacie_flask.facts.packing import packed
from jacie_flask.interfaces import (
    AnalysedDocument,
    CatalogDocument,
    DocumentTables,
    IndexedDocument,
    IndexStatus,
    Offload,
    Passage,
    SearchQuery,
    inline,
)
from jacie_flask.retries import Budget
from jacie_flask.retrieval import sqlite_rows
from jacie_flask.retrieval.decoded_tables import DecodedTables
from jacie_flask.retrieval.ranking import passages, rank_pages
from jacie_flask.retrieval.sqlite_connections import SqliteConnections
from jacie_flask.retrieval.sqlite_rows import (
    DamagedDocuments,
    Replaced,
    Snapshot,
    read_snapshot,
    read_tables,
    read_texts,
    read_vectors,
)
from jacie_flask.sqlite_files import DamagedContentError, decoding, discard, identity, is_damage

log = logging.getLogger(__name__)

REST_S = 1.0
REST_FACTOR = 5.0
_MOST_DROPS = 5

Result = TypeVar("Result")
Background = Callable[[Callable[[], object]], object]
"""Runs a function beside the caller."""


def start_thread(work: Callable[[], object]) -> None:
    """Run ``work`` in a thread of its own."""
    threading.Thread(target=work, name="index-refresh", daemon=True).start()


class SqliteIndex:
    """A VectorIndex in one file; any number of processes may write and read it.

    ``background`` runs the rebuild of a stale snapshot, ``offload`` each search: pass the server's own where threads are not
    threads. ``on_loss`` is called when damage was found, so that somebody fills the index again: with the ids of the documents
    that were dropped, or with None where the whole file was made anew.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        background: Background = start_thread,
        offload: Offload = inline,
        on_loss: Callable[[Sequence[str] | None], object] = lambda _: None,
    ) -> None:
        """Open the file, making it where it is missing; raise RetrievalUnavailable where it can never be there."""
        self.path = Path(path)
        self.label = f"sqlite:{self.path.name}"
        self.eventual = False
        self._asked, self._answered = 0, -1  # how often readers were told to look again, and for which of these one did
        self._background = background
        self._offload = offload
        self._on_loss = on_loss
        self._snapshot: Snapshot | None = None
        self._rebuilding = threading.Lock()
        self._rest_until = 0.0
        self._counted: tuple[tuple[int, int], tuple[int, int, int]] | None = None
        self._connections = SqliteConnections(self.path)
        self._decoded: DecodedTables[tuple[str, str]] = DecodedTables()
        self._unusable: set[int] = set()  # rows of damaged documents that could not be dropped from this file
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
        columns = sqlite_rows.columns_of(document.document_id, analysed)
        tables = packed(analysed.tables)
        known = (document.document_id, analysed, columns, tables)
        with self._guarded(), self._connections.writing() as connection:
            if not sqlite_rows.is_same(connection, *known):
                sqlite_rows.forget(connection, document.document_id)
                sqlite_rows.insert_document(connection, *known)

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
            sqlite_rows.insert_vectors(connection, held[0], start, data)
        return True

    def remove(self, document_id: str) -> None:
        """Forget a document; unknown ids are fine."""
        with self._guarded(), self._connections.writing() as connection:
            sqlite_rows.forget(connection, document_id)

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
                return passages(
                    snapshot.corpus, query, ranking, lambda rows: read_texts(connection, snapshot, rows, strict=not last)
                )
            except Replaced:
                self.expire()
                return None
            except DamagedDocuments as error:
                self._drop(error.names)
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
        found: dict[str, DocumentTables] = self._offload(self._read, partial(self._tables, document_ids))
        return found

    def _tables(self, document_ids: Sequence[str], connection: sqlite3.Connection) -> dict[str, DocumentTables]:
        found: dict[str, DocumentTables] = {}
        damaged: dict[int, str] = {}
        for one in sqlite_rows.documents(connection, document_ids, self._unusable):
            tables = self._decoded.of((one.document_id, one.content_hash), read_tables(connection, one.row))
            if tables is None:
                damaged[one.row] = one.document_id
            else:
                found[one.document_id] = DocumentTables(content_hash=one.content_hash, tables=tables)
        if damaged:
            raise DamagedDocuments(damaged)
        return found

    def notes(self, document_ids: Sequence[str], budget: Budget | None = None) -> dict[str, list[str]]:
        """Return what was not read of those documents that are here and have notes."""
        found: dict[str, list[str]] = self._offload(self._read, partial(self._notes, document_ids))
        return found

    def _notes(self, document_ids: Sequence[str], connection: sqlite3.Connection) -> dict[str, list[str]]:
        found = sqlite_rows.documents(connection, document_ids, self._unusable)
        return {one.document_id: one.notes for one in found if one.notes}

    def refresh(self) -> bool:
        """Bring the snapshot up to date in the caller; False when another caller is doing so, or nothing changed."""
        if not self._rebuilding.acquire(blocking=False):
            return False
        started, asked = time.monotonic(), self._asked
        try:
            changed = self._read(self._bring_up_to_date)
            self._answered = asked
            return changed
        finally:
            self._rest_until = time.monotonic() + max(REST_S, REST_FACTOR * (time.monotonic() - started))
            self._rebuilding.release()

    def status(self, budget: Budget | None = None) -> IndexStatus:
        """Say how much the index holds."""
        documents, chunks, vectors = self._read(self._counts)
        labels = self._snapshot.corpus.labels if self._snapshot else frozenset()
        return IndexStatus(documents=documents, chunks=chunks, vectors=vectors, labels=labels)

    def _counts(self, connection: sqlite3.Connection) -> tuple[int, int, int]:
        self._keep_up(connection)
        state = sqlite_rows.state(connection)
        counted = self._counted
        if counted is None or counted[0] != state:
            self._counted = counted = state, sqlite_rows.counts(connection)
        return counted[1]

    def warm(self) -> None:
        """Build the snapshot."""
        self.refresh()

    def held(self) -> dict[str, IndexedDocument]:
        """Return, for each document that is here, its content hash, its chunks and how many have a vector."""
        return self._read(lambda connection: sqlite_rows.indexed(connection, self._unusable))

    # --------------------------------------------------------------------------------------------------- snapshot

    def _keep_up(self, connection: sqlite3.Connection) -> None:
        """Start a refresh where the database is ahead of the snapshot."""
        held = self._snapshot
        if held and sqlite_rows.state(connection) != (held.generation, held.vectors_seen):
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
        (generation, last_vector), snapshot = sqlite_rows.state(connection), self._snapshot
        if snapshot is None or snapshot.generation != generation:
            snapshot = read_snapshot(connection, generation, self._unusable)
        elif last_vector == snapshot.vectors_seen:
            return False
        read_vectors(connection, snapshot)
        self._snapshot = snapshot
        return True

    def _read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do something with the file as it is at one moment; documents that turn out damaged are dropped, and it is done again."""
        for _ in range(_MOST_DROPS):
            try:
                with self._guarded(), self._connections.lent() as connection:
                    connection.execute("BEGIN")
                    with decoding():
                        return work(connection)
            except DamagedDocuments as error:
                self._drop(error.names)
        raise RetrievalUnavailable("documents of the index were damaged again and again while it was read")

    def _drop(self, names: Mapping[int, str]) -> None:
        """Take damaged documents out of the file, so that they are read again; where it cannot be written, pass over them."""
        try:
            with self._guarded(), self._connections.writing() as connection:
                dropped = {row: name for row, name in names.items() if sqlite_rows.forget_row(connection, row)}
        except RetrievalUnavailable:
            self._unusable |= names.keys()
            dropped = dict(names)
        self._snapshot = None
        self.expire()
        if dropped:
            log.error(
                "the index holds other bytes than were written of %s: it is dropped and read again", DamagedDocuments(dropped)
            )
            self._on_loss(list(dropped.values()))

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
            self._unusable.clear()
            self._prepare()
            self._prepared = True
        except (sqlite3.Error, OSError) as error:
            log.error("the index cannot be made anew: %s", error)
        self._on_loss(None)

    def _prepare(self) -> None:
        """Make the tables, or make them anew where an older Jacie made them: everything here can be ingested again."""
        with self._connections.lent() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("PRAGMA user_version").fetchone()[0] != sqlite_rows.SCHEMA_VERSION:
                for table in sqlite_rows.TABLES:
                    connection.execute(f"DROP TABLE IF EXISTS {table}")
                for statement in filter(str.strip, sqlite_rows.SCHEMA.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {sqlite_rows.SCHEMA_VERSION}")
            connection.execute("COMMIT")


def _is_read_only(path: Path) -> bool:
    """Say whether the disk of a file takes no writes, whoever asks."""
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY) or not os.access(path.parent, os.W_OK)
