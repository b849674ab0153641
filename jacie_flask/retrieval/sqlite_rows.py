"""The rows of the embedded index: how documents are kept in SQLite, each record with a digest that is checked when it is read."""

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from jacie_flask.files import seal, sealed, unsealed
from jacie_flask.interfaces import AnalysedDocument, IndexedDocument, Postings
from jacie_flask.retrieval.corpus import Columns, Corpus, Field

SCHEMA_VERSION = 6
"""Grows when records are kept otherwise: the file of another version is made anew."""

TABLES = ("documents", "chunks", "vectors", "tables", "generation")
SCHEMA = """
CREATE TABLE documents (
  row INTEGER PRIMARY KEY AUTOINCREMENT, document_id TEXT NOT NULL UNIQUE, content_hash TEXT NOT NULL,
  chunks INTEGER NOT NULL, columns BLOB NOT NULL, notes TEXT NOT NULL, seal BLOB NOT NULL);
CREATE TABLE chunks (document INTEGER NOT NULL, position INTEGER NOT NULL, text TEXT NOT NULL, seal BLOB NOT NULL,
  PRIMARY KEY (document, position)) WITHOUT ROWID;
CREATE TABLE vectors (row INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL, start INTEGER NOT NULL,
  dimension INTEGER NOT NULL, data BLOB NOT NULL, seal BLOB NOT NULL, UNIQUE (document, start));
CREATE TABLE tables (document INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE generation (documents INTEGER NOT NULL);
INSERT INTO generation VALUES (0);
"""
_IDS_AT_ONCE = 500


class DamagedDocuments(Exception):  # no error: the reader drops them and goes on
    """Documents of which a record holds other bytes than were written; ``names`` has their ids by row."""

    def __init__(self, names: Mapping[int, str]) -> None:
        """Take the ids of the documents by row."""
        super().__init__(", ".join(repr(str(name)[:100]) for name in names.values()))
        self.names = dict(names)


class Replaced(Exception):  # no error: the snapshot is older than a document
    """A document of the snapshot was replaced or removed."""


class StoredDocument(msgspec.Struct, frozen=True):
    """A document's own record, without its columns."""

    row: int
    document_id: str
    content_hash: str
    chunks: int
    notes: list[str]


class Snapshot:
    """What one rebuild read: the corpus, the database row of each of its documents and how far it has seen vectors."""

    def __init__(self, generation: int, rows: Sequence[int], corpus: Corpus) -> None:
        """Begin without vectors."""
        self.generation = generation
        self.rows = rows
        self.corpus = corpus
        self.place = {row: place for place, row in enumerate(rows)}
        self.vectors_seen = 0


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    """A document's columns as they are kept: chunk pages (u4), labels, both fields and the line items, sorted by row."""

    chunk_pages: bytes
    labels: dict[int, list[str]]
    body: Postings
    heading: Postings
    figures: Postings


_Record = tuple[int, str, str, int, str, bytes]
"""Row, id, content hash, chunks, notes as JSON, seal."""

_stored_decoder = msgspec.msgpack.Decoder(_Stored)
_notes_decoder = msgspec.json.Decoder(list[str])

# ---------------------------------------------------------------------------------------------------------------- writing


def columns_of(document_id: str, analysed: AnalysedDocument) -> bytes:
    """Return a document's columns as they are kept."""
    pages = np.array([chunk.page for chunk in analysed.chunks], dtype="<u4").tobytes()
    stored = _Stored(pages, analysed.labels, analysed.body, analysed.heading, analysed.figures)
    return sealed(_column_name(document_id, analysed.content_hash), msgspec.msgpack.encode(stored))


def insert_document(
    connection: sqlite3.Connection, document_id: str, analysed: AnalysedDocument, columns: bytes, tables: bytes
) -> None:
    """Write all records of a document that is not there."""
    notes = msgspec.json.encode(analysed.notes).decode()
    fields = (document_id, analysed.content_hash, len(analysed.chunks), notes)
    inserted = connection.execute(
        "INSERT INTO documents (document_id, content_hash, chunks, notes, columns, seal) VALUES (?, ?, ?, ?, ?, '')",
        (*fields, columns),
    )
    row = inserted.lastrowid or 0
    connection.execute("UPDATE documents SET seal = ? WHERE row = ?", (seal(row, *fields), row))
    texts = ((position, _storable(chunk.text)) for position, chunk in enumerate(analysed.chunks))
    connection.executemany(
        "INSERT INTO chunks VALUES (?, ?, ?, ?)", ((row, position, text, seal(row, position, text)) for position, text in texts)
    )
    connection.execute("INSERT INTO tables VALUES (?, ?)", (row, sealed(_table_name(row), tables)))
    connection.execute("UPDATE generation SET documents = documents + 1")


def is_same(connection: sqlite3.Connection, document_id: str, analysed: AnalysedDocument, columns: bytes, tables: bytes) -> bool:
    """Say whether the document is there with exactly this content, as far as the records of its texts are not concerned."""
    found = connection.execute(
        "SELECT row, columns, content_hash, notes, data FROM documents LEFT JOIN tables ON document = row WHERE document_id = ?",
        (document_id,),
    ).fetchone()
    if found is None:
        return False
    notes = msgspec.json.encode(analysed.notes).decode()
    return tuple(found[1:]) == (columns, analysed.content_hash, notes, sealed(_table_name(found[0]), tables))


def insert_vectors(connection: sqlite3.Connection, row: int, start: int, vectors: NDArray[np.float16]) -> None:
    """Write the vectors of a document's chunks from ``start``."""
    fields = (row, start, vectors.shape[1], vectors.tobytes())
    connection.execute(
        "INSERT OR REPLACE INTO vectors (document, start, dimension, data, seal) VALUES (?, ?, ?, ?, ?)", (*fields, seal(*fields))
    )


def forget(connection: sqlite3.Connection, document_id: str) -> bool:
    """Delete all of a document; say whether it was there."""
    found = connection.execute("SELECT row FROM documents WHERE document_id = ?", (document_id,)).fetchone()
    if found is None:
        return False
    return forget_row(connection, found[0])


def forget_row(connection: sqlite3.Connection, row: int) -> bool:
    """Delete all records of a document's row; say whether it was there."""
    for statement in (
        "DELETE FROM vectors WHERE document = ?",
        "DELETE FROM tables WHERE document = ?",
        "DELETE FROM chunks WHERE document = ?",
    ):
        connection.execute(statement, (row,))
    deleted = connection.execute("DELETE FROM documents WHERE row = ?", (row,)).rowcount
    connection.execute("UPDATE generation SET documents = documents + ?", (deleted,))
    return deleted > 0


# ---------------------------------------------------------------------------------------------------------------- reading


def documents(
    connection: sqlite3.Connection, document_ids: Sequence[str] | None = None, unusable: Collection[int] = ()
) -> list[StoredDocument]:
    """Return the records of some documents, or of all of them, without the unusable rows; raise DamagedDocuments."""
    found: list[StoredDocument] = []
    damaged: dict[int, str] = {}
    for row, document_id, content_hash, chunks, notes, digest in _document_records(connection, document_ids):
        if row in unusable:
            continue
        if digest == seal(row, document_id, content_hash, chunks, notes):
            found.append(StoredDocument(row, document_id, content_hash, chunks, _notes_decoder.decode(notes)))
        else:
            damaged[row] = document_id
    if damaged:
        raise DamagedDocuments(damaged)
    return found


def _document_records(connection: sqlite3.Connection, document_ids: Sequence[str] | None) -> Iterator[_Record]:
    statement = "SELECT row, document_id, content_hash, chunks, notes, seal FROM documents"
    if document_ids is None:
        yield from connection.execute(f"{statement} ORDER BY row")
        return
    for start in range(0, len(document_ids), _IDS_AT_ONCE):
        ids = document_ids[start : start + _IDS_AT_ONCE]
        marks = ",".join("?" * len(ids))
        yield from connection.execute(f"{statement} WHERE document_id IN ({marks})", ids)


def indexed(connection: sqlite3.Connection, unusable: Collection[int]) -> dict[str, IndexedDocument]:
    """Return what is there of each document; raise DamagedDocuments."""
    counted = dict(
        connection.execute("SELECT document, coalesce(sum(length(data) / (2 * dimension)), 0) FROM vectors GROUP BY document")
    )
    return {
        one.document_id: IndexedDocument(one.content_hash, one.chunks, counted.get(one.row, 0))
        for one in documents(connection, None, unusable)
    }


def state(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return what every write changes: a number that grows with the set of documents, and the row of the newest vectors."""
    generation, last = connection.execute(
        "SELECT (SELECT documents FROM generation), (SELECT coalesce(max(row), 0) FROM vectors)"
    ).fetchone()
    return generation, last


def counts(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Count documents, chunks and vectors."""
    found, chunks = connection.execute("SELECT count(*), coalesce(sum(chunks), 0) FROM documents").fetchone()
    vectors = connection.execute("SELECT coalesce(sum(length(data) / (2 * dimension)), 0) FROM vectors").fetchone()[0]
    return found, chunks, vectors


def read_snapshot(connection: sqlite3.Connection, generation: int, unusable: Collection[int]) -> Snapshot:
    """Read every document's columns; raise DamagedDocuments for all of which a record is damaged."""
    rows: list[int] = []
    corpus: list[Columns] = []
    damaged: dict[int, str] = {}
    for one in documents(connection, None, unusable):
        (columns,) = connection.execute("SELECT columns FROM documents WHERE row = ?", (one.row,)).fetchone()
        content = unsealed(_column_name(one.document_id, one.content_hash), columns)
        if content is None:
            damaged[one.row] = one.document_id
            continue
        stored = _stored_decoder.decode(content)
        pages = np.frombuffer(stored.chunk_pages, "<u4")
        rows.append(one.row)
        fields = Field.of(stored.body), Field.of(stored.heading), Field.of(stored.figures)
        corpus.append(Columns(one.document_id, pages, stored.labels, *fields))
    if damaged:
        raise DamagedDocuments(damaged)
    return Snapshot(generation, rows, Corpus(corpus))


def read_vectors(connection: sqlite3.Connection, snapshot: Snapshot) -> None:
    """Put the vectors that came since the last time onto the snapshot; readers see each block whole or not at all.

    Raise DamagedDocuments for the documents whose vectors are damaged.
    """
    damaged: dict[int, str] = {}
    cursor = connection.execute(
        "SELECT row, document, start, dimension, data, seal FROM vectors WHERE row > ? ORDER BY row", (snapshot.vectors_seen,)
    )
    for row, *fields, digest in cursor:
        document, start, dimension, data = fields
        place = snapshot.place.get(document)
        if place is not None and digest == seal(*fields):
            vectors = np.frombuffer(data, "<f2").reshape(-1, dimension)
            snapshot.corpus.set_vectors(int(snapshot.corpus.document_start[place]) + start, vectors)
        elif place is not None:
            damaged[document] = snapshot.corpus.document_ids[place]
        snapshot.vectors_seen = row
    if damaged:
        raise DamagedDocuments(damaged)


def read_texts(connection: sqlite3.Connection, snapshot: Snapshot, rows: Sequence[int], *, strict: bool) -> Mapping[int, str]:
    """Read the texts of the corpus's chunks with these numbers; those of a document that was replaced meanwhile are left out.

    With ``strict`` raise Replaced for such a document, and DamagedDocuments where a text is not what was written.
    """
    starts = snapshot.corpus.document_start
    places = np.searchsorted(starts, rows, side="right") - 1
    found: dict[int, str] = {}
    damaged: dict[int, str] = {}
    for place in set(places.tolist()):
        start, row = int(starts[place]), snapshot.rows[place]
        positions = [number - start for number, owner in zip(rows, places, strict=True) if owner == place]
        texts = _sound_texts(connection, row, positions)
        found |= {start + position: text for position, text in texts.items()}
        if len(texts) < len(positions) and _is_there(connection, row):
            damaged[row] = snapshot.corpus.document_ids[place]
    if strict and damaged:
        raise DamagedDocuments(damaged)
    if strict and len(found) < len(set(rows)):
        raise Replaced
    return found


def _sound_texts(connection: sqlite3.Connection, row: int, positions: Sequence[int]) -> dict[int, str]:
    """Return the texts of a document's chunks by position, without those that are damaged or not there."""
    marks = ",".join("?" * len(positions))
    statement = f"SELECT position, text, seal FROM chunks WHERE document = ? AND position IN ({marks})"
    records = connection.execute(statement, (row, *positions))
    return {position: text for position, text, digest in records if digest == seal(row, position, text)}


def _is_there(connection: sqlite3.Connection, row: int) -> bool:
    """Say whether a document's row is still in use: rows are not used again, and texts go with their row."""
    return connection.execute("SELECT 1 FROM documents WHERE row = ?", (row,)).fetchone() is not None


def read_tables(connection: sqlite3.Connection, row: int) -> Callable[[], bytes]:
    """Return what reads the packed tables of a document's row; it raises ValueError where they are damaged."""

    def read() -> bytes:
        found = connection.execute("SELECT data FROM tables WHERE document = ?", (row,)).fetchone()
        data = unsealed(_table_name(row), found[0]) if found and isinstance(found[0], bytes) else None
        if data is None:
            raise ValueError(f"the tables of row {row} are damaged")
        return data

    return read


def _column_name(document_id: str, content_hash: str) -> str:
    return f"{document_id}\n{content_hash}"


def _table_name(row: int) -> str:
    return f"tables {row}"


def _storable(text: str) -> str:
    """Return text that SQLite can hold: lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode()
