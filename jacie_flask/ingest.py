"""Ingestion: brings the index in line with the store, lexically first, vectors after; resumable at every document."""

import fcntl
import logging
import threading
from collections.abc import Callable, Iterator
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
from jacie_flask.interfaces import AnalysedDocument, CatalogDocument, Embedder, VectorIndex

log = logging.getLogger(__name__)

_BATCH = 32


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


@dataclass(frozen=True)
class Ingestion:
    """The parts that an ingestion works on."""

    catalog: StoreCatalog
    reader: CachedReader
    index: VectorIndex
    embedder: Embedder
    ledger: Ledger
    workers: int = 2


Tick = Callable[[str, int, int, str], None]
"""Called as (phase, done, total, file name) after each piece of work; phases are ``documents`` and ``vectors``."""


def ingest(parts: Ingestion, tick: Tick = lambda *_: None) -> Report:
    """Bring the index in line with the store; raise DocumentUnavailable or RetrievalUnavailable when a part is down."""
    with _alone(parts.ledger.path):
        report = Report()
        parts.catalog.refresh()
        documents = [document for document in parts.catalog.documents() if document.status != "missing"]
        for document in parts.catalog.documents():
            if document.status == "missing":
                report.skipped[document.filename] = document.reason
        _drop_if_index_is_gone(parts)
        _remove_deleted(parts, documents, report)
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


def _drop_if_index_is_gone(parts: Ingestion) -> None:
    rows = parts.ledger.rows()
    if rows and parts.index.status().documents < sum(row.status == "ready" for row in rows.values()):
        parts.ledger.clear()


def _remove_deleted(parts: Ingestion, documents: list[CatalogDocument], report: Report) -> None:
    present = {document.document_id for document in documents}
    for row in parts.ledger.rows().values():
        if row.document_id not in present:
            parts.index.remove(row.document_id)
            parts.ledger.forget(row.document_id)
            report.removed.append(row.document_id)


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
            report.unchanged += 1
            _note(report, document, row)
    writing = threading.Lock()
    with pool(parts.workers, "ingest") as workers:
        jobs: dict[Future[LedgerRow], CatalogDocument] = {workers.submit(_add_text, parts, d, writing): d for d in todo}
        for done, job in enumerate(as_completed(jobs), 1):
            row, document = job.result(), jobs[job]
            if row.status == "ready":
                report.added.append(document.filename)
                report.pages += row.pages
                _note(report, document, row)
            else:
                report.skipped[document.filename] = row.reason
            tick("documents", done, len(todo), document.filename)


def _note(report: Report, document: CatalogDocument, row: LedgerRow) -> None:
    if row.notes:
        report.notes[document.filename] = row.notes


def _add_text(parts: Ingestion, document: CatalogDocument, writing: threading.Lock) -> LedgerRow:
    """Make one document answerable; a document that cannot be read is recorded with its reason and costs nothing else."""
    try:
        version, analysed = parts.reader.read_version(document)
    except DocumentRejected as error:
        row = LedgerRow(document_id=document.document_id, version=document.version, status="rejected", reason=error.reason)
        parts.index.remove(document.document_id)
        parts.ledger.record(row)
        return row
    except DocumentUnavailable as error:  # not recorded: the next ingestion tries again
        log.warning("%s was left out: %s", document.filename, error)
        return LedgerRow(document_id=document.document_id, version="", status="rejected", reason=error.reason)
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
        parts.ledger.record(row)
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
        parts.index.put_vectors(document, analysed, start, parts.embedder.embed(texts))
        row = msgspec.structs.replace(row, vectors=start + len(texts))
        parts.ledger.record(row)
        yield len(texts)
