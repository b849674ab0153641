"""Ingestion: brings the index in line with the store, lexically first, vectors after; resumable at every document."""

import fcntl
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from jacie_flask.concurrency import pool
from jacie_flask.documents.catalog import StoreCatalog
from jacie_flask.documents.ledger import Ledger, LedgerRow
from jacie_flask.documents.reader import CachedReader
from jacie_flask.errors import DocumentRejected, DocumentUnavailable, RetrievalUnavailable
from jacie_flask.interfaces import AnalysedDocument, CatalogDocument, Embedder, IndexedDocument, VectorIndex

log = logging.getLogger(__name__)

_BATCH = 32
_NOTHING = IndexedDocument("", 0, 0)
_UNSHOWN = "it was written to the index, which does not show it yet: run the ingestion again"


@dataclass
class Report:
    """What an ingestion did: file names by outcome, the reason of each that was left out, and what was not read of the others."""

    unchanged: int = 0
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    pages: int = 0
    vectors: int = 0
    vectors_missing: str = ""
    unconfirmed: list[str] = field(default_factory=list)
    """Files that were written to the index, which does not show them yet: the next ingestion looks again."""


@dataclass(frozen=True)
class Ingestion:
    """The parts that an ingestion works on."""

    catalog: StoreCatalog
    reader: CachedReader
    index: VectorIndex
    embedder: Embedder
    ledger: Ledger
    workers: int = 2
    complete: Callable[[], bool] = lambda: True
    """Says whether the last listing of the store was whole: what was not listed is not taken for deleted otherwise."""
    pauses_s: Sequence[float] = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
    """How long an index that shows writes after a while is given before something counts as lost."""


Tick = Callable[[str, int, int, str], None]
"""Called as (phase, done, total, file name) after each piece of work.

Phases are ``documents`` (read), ``answerable`` (of all documents of the catalog, in every worker from now on) and ``vectors``.
"""


def ingest(parts: Ingestion, tick: Tick = lambda *_: None) -> Report:
    """Bring the index in line with the store; raise DocumentUnavailable or RetrievalUnavailable when a part is down."""
    with _alone(parts.ledger.path):
        report = Report()
        parts.catalog.refresh()
        documents = [document for document in parts.catalog.documents() if document.status != "missing"]
        for document in parts.catalog.documents():
            if document.status == "missing":
                report.skipped[document.filename] = document.reason
        if parts.complete():
            _remove_deleted(parts, documents, report)
        _repair(parts, documents)
        _add_texts(parts, documents, report, tick)
        parts.catalog.refresh()
        _add_vectors(parts, documents, report, tick)
        return report


@contextmanager
def _alone(ledger: Path) -> Iterator[None]:
    """Hold the lock of this ledger: a second ingestion waits for the first and then finds its work done."""
    ledger.parent.mkdir(parents=True, exist_ok=True)
    with open(ledger.with_suffix(".lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remove_deleted(parts: Ingestion, documents: list[CatalogDocument], report: Report) -> None:
    present = {document.document_id for document in documents}
    for row in parts.ledger.rows().values():
        if row.document_id not in present:
            parts.index.remove(row.document_id)
            parts.ledger.forget(row.document_id)
            report.removed.append(row.document_id)


def _repair(parts: Ingestion, documents: list[CatalogDocument]) -> None:
    """Compare the index with what the ledger says of it: what it lacks is put again, what nobody knows is removed."""
    ready = [row for row in parts.ledger.rows().values() if row.status == "ready"]
    held, lacking = _look(parts, ready)
    for row in lacking:
        log.warning("the index does not have all of %s: it is put again", row.document_id)
        parts.index.remove(row.document_id)
        parts.ledger.forget(row.document_id)
    whole = {row.document_id for row in ready} - {row.document_id for row in lacking}
    for row in ready:
        if row.document_id in whole and held[row.document_id].vectors < row.vectors:
            parts.ledger.record(msgspec.structs.replace(row, vectors=0))
    present = {document.document_id for document in documents}
    for document_id in held.keys() - present if parts.complete() else ():
        parts.index.remove(document_id)


def _look(parts: Ingestion, rows: Sequence[LedgerRow]) -> tuple[Mapping[str, IndexedDocument], list[LedgerRow]]:
    """Return what the index has, and the rows whose documents it does not have whole, after the time that it needs to show them."""
    for pause_s in (*(parts.pauses_s if parts.index.eventual else ()), None):
        held = parts.index.held()
        lacking = [row for row in rows if held.get(row.document_id, _NOTHING)[:2] != (row.content_hash, row.chunks)]
        if not lacking or pause_s is None:
            break
        time.sleep(pause_s)
    return held, lacking


class _Answerable:
    """Rows of documents that were written, recorded in steps of a tenth of what is there once the index shows them.

    A recorded row is the promise that every worker finds the document: workers look at the ledger before each question and
    bring what they answer from up to date when it names more documents.
    """

    def __init__(self, parts: Ingestion, total: int, tick: Tick) -> None:
        self._parts, self._total, self._tick = parts, total, tick
        self._ready = sum(row.status == "ready" for row in parts.ledger.rows().values())
        self._waiting: list[LedgerRow] = []

    def add(self, row: LedgerRow) -> None:
        """Take a row; record it with those before it when they are enough."""
        self._waiting.append(row)
        if len(self._waiting) >= max(1, self._ready // 10):
            self.record()

    def record(self) -> None:
        """Record what the index shows; what it does not show waits on."""
        if not self._waiting:
            return
        if self._parts.index.eventual:
            self._waiting, shown = self._missing()
        else:
            shown, self._waiting = self._waiting, []
        self._parts.ledger.record(*shown)
        self._ready = sum(row.status == "ready" for row in self._parts.ledger.rows().values())
        self._tick("answerable", self._ready, self._total, "")

    def lost(self) -> list[LedgerRow]:
        """Return the rows that the index does not show to the end."""
        self.record()
        return self._waiting

    def _missing(self) -> tuple[list[LedgerRow], list[LedgerRow]]:
        _, lacking = _look(self._parts, self._waiting)
        ids = {row.document_id for row in lacking}
        return lacking, [row for row in self._waiting if row.document_id not in ids]


def _add_texts(parts: Ingestion, documents: list[CatalogDocument], report: Report, tick: Tick) -> None:
    rows = parts.ledger.rows()
    todo = []
    for document in documents:
        row = rows.get(document.document_id)
        if row is None or row.version != document.version:
            todo.append(document)
        elif row.status == "rejected":
            report.skipped[document.filename] = row.reason
        else:
            if row.reason:  # a newer version could not be read, and is gone
                parts.ledger.record(msgspec.structs.replace(row, reason=""))
            report.unchanged += 1
            _note(report, document, row)
    answerable = _Answerable(parts, len(parts.catalog.documents()), tick)
    writing = threading.Lock()
    with pool(parts.workers, "ingest") as workers:
        jobs: dict[Future[LedgerRow], CatalogDocument] = {workers.submit(_add_text, parts, d, writing): d for d in todo}
        for done, job in enumerate(as_completed(jobs), 1):
            row, document = job.result(), jobs[job]
            if row.status == "ready":
                answerable.add(row)
                report.added.append(document.filename)
                report.pages += row.pages
                _note(report, document, row)
            else:
                _record_failure(parts, row, rows.get(document.document_id))
                report.skipped[document.filename] = row.reason
            tick("documents", done, len(todo), document.filename)
    _put_again(parts, answerable, documents, report)


def _record_failure(parts: Ingestion, row: LedgerRow, before: LedgerRow | None) -> None:
    """Record why a document cannot be read; one that is only out of reach stays answerable as it was before."""
    if row.status == "rejected":
        parts.index.remove(row.document_id)
    elif before is not None and before.status == "ready":
        row = msgspec.structs.replace(before, reason=f"its newest version cannot be read: {row.reason}")
    parts.ledger.record(row)


def _put_again(parts: Ingestion, answerable: _Answerable, documents: list[CatalogDocument], report: Report) -> None:
    """Write once more what the index does not show; what it does not show then is left to the next ingestion, and said."""
    lost = {row.document_id for row in answerable.lost()}
    again = [document for document in documents if document.document_id in lost]
    for document in again:
        log.warning("the index does not show %s: it is written once more", document.filename)
        parts.index.remove(document.document_id)
        _add_text(parts, document, threading.Lock())
    names = {document.document_id: document.filename for document in again}
    for row in answerable.lost() if again else ():
        filename = names[row.document_id]
        report.unconfirmed.append(filename)
        report.added.remove(filename)
        report.skipped[filename] = _UNSHOWN
        parts.ledger.record(LedgerRow(document_id=row.document_id, version="", status="unavailable", reason=_UNSHOWN))


def _note(report: Report, document: CatalogDocument, row: LedgerRow) -> None:
    if row.notes:
        report.notes[document.filename] = row.notes


def _add_text(parts: Ingestion, document: CatalogDocument, writing: threading.Lock) -> LedgerRow:
    """Write one document to the index and return its row; one that cannot be read gives a row with its reason."""
    try:
        version, analysed = parts.reader.read_version(document)
    except DocumentRejected as error:
        return LedgerRow(document_id=document.document_id, version=document.version, status="rejected", reason=error.reason)
    except DocumentUnavailable as error:  # without a version: the next ingestion tries again
        log.warning("%s was left out: %s", document.filename, error)
        return LedgerRow(document_id=document.document_id, version="", status="unavailable", reason=error.reason)
    row = LedgerRow(
        document_id=document.document_id,
        version=version,
        content_hash=analysed.content_hash,
        pages=len(analysed.pages),
        chunks=len(analysed.chunks),
        guess=analysed.guess,
        notes=analysed.notes,
    )
    with writing:
        parts.index.put(_described(document, analysed), analysed)
    return row


def _described(document: CatalogDocument, analysed: AnalysedDocument) -> CatalogDocument:
    guess = analysed.guess
    return msgspec.structs.replace(
        document,
        company=document.company or guess.get("company", ""),
        period=document.period or guess.get("period", ""),
        document_type=document.document_type or guess.get("document_type", ""),
    )


def _add_vectors(parts: Ingestion, documents: list[CatalogDocument], report: Report, tick: Tick) -> None:
    rows = parts.ledger.rows()
    todo = [(d, rows[d.document_id]) for d in documents if d.document_id in rows and rows[d.document_id].status == "ready"]
    todo = [(d, row) for d, row in todo if row.vectors < row.chunks]
    total = sum(row.chunks - row.vectors for _, row in todo)
    try:
        for document, row in sorted(todo, key=lambda pair: pair[1].chunks):
            for count in _embed_document(parts, document, row):
                report.vectors += count
                tick("vectors", report.vectors, total, document.filename)
    except RetrievalUnavailable as error:
        log.warning("vectors are incomplete, search stays lexical where they are missing: %s", error)
        report.vectors_missing = str(error)


def _embed_document(parts: Ingestion, document: CatalogDocument, row: LedgerRow) -> Iterator[int]:
    """Yield how many chunks each batch embedded; each batch is durable before the next begins."""
    try:
        _, analysed = parts.reader.read_version(document)
    except (DocumentUnavailable, DocumentRejected) as error:
        log.warning("%s keeps its lexical index only: %s", document.filename, error)
        return
    if analysed.content_hash != row.content_hash:
        return  # it changed since: the next ingestion takes it up
    document = _described(document, analysed)
    for start in range(row.vectors, len(analysed.chunks), _BATCH):
        texts = [chunk.text for chunk in analysed.chunks[start : start + _BATCH]]
        if not parts.index.put_vectors(document, analysed, start, parts.embedder.embed(texts)):
            log.warning("%s keeps its lexical index only: the index does not show it", document.filename)
            return
        row = msgspec.structs.replace(row, vectors=start + len(texts))
        parts.ledger.record(row)
        yield len(texts)
