"""What a Pinecone index of Jacie holds: records of chunks, of documents and of their term statistics, and back to columns.

Chunks live in the collection's namespace under ``<document_id>:<page>:<position>``. Documents live beside them, in
``<namespace>-documents``: ``<document_id>:head`` with the document's counts, and ``<document_id>:<digest>:<n>`` with how many
of its chunks hold each term, from which every reader adds up the collection's statistics. Tables live in ``<namespace>-tables``:
``<document_id>:<digest>:<n>`` with the parts of a document's packed tables.
"""

import hashlib
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from jacie_flask.facts.packing import packed
from jacie_flask.interfaces import AnalysedDocument, CatalogDocument, SearchQuery
from jacie_flask.retries import Budget
from jacie_flask.retrieval.corpus import Columns, Corpus, Field
from jacie_flask.retrieval.ranking import K1, B, CorpusStatistics
from jacie_flask.text.terms import NUMBER_BIT

Record = dict[str, Any]
Terms = tuple[NDArray[np.uint32], NDArray[np.uint16]]

_UPSERT_BYTES, _UPSERT_RECORDS = 1_500_000, 500
_TEXT_BYTES = 16_000
_HEADINGS, _HEADING_BYTES = 12, 200
_CHUNK_TERMS = 1000
_PART_TERMS = 4000
_TABLE_BYTES = 24_000
_FRESH_S = 60.0
_SAMPLE = 200
_MEAN_WORDS = 110.0
"""The chunk length that stored weights assume; they only propose candidates, so it need not follow the collection."""


def placeholder(dimension: int) -> list[float]:
    """Return the vector of a chunk that has none yet: Pinecone refuses zero, and this one is next to it."""
    return [1e-6] + [0.0] * (dimension - 1)


def chunk_records(
    document: CatalogDocument, analysed: AnalysedDocument, start: int, vectors: NDArray[np.float32] | None, dimension: int
) -> Iterator[Record]:
    """Yield the records of the chunks from ``start``: with ``vectors`` as many as there are rows, without them all."""
    body, heading = Field.of(analysed.body), Field.of(analysed.heading)
    end = len(analysed.chunks) if vectors is None else start + len(vectors)
    bodies, headings = _by_row(body, start, end), _by_row(heading, start, end)
    figures = _by_row(Field.of(analysed.figures), start, end)
    about = {"filename": document.filename, "company": document.company, "period": document.period}
    about["document_type"] = document.document_type
    about = {name: _utf8(value, _HEADING_BYTES) for name, value in about.items() if value}
    for position in range(start, end):
        chunk = analysed.chunks[position]
        terms, heading_terms = next(bodies), next(headings)
        metadata: Record = {
            "document_id": document.document_id,
            "page": chunk.page,
            "page_key": page_key(document.document_id, chunk.page),
            "position": position,
            "text": _utf8(chunk.text, _TEXT_BYTES),
            "headings": [_utf8(one, _HEADING_BYTES) for one in chunk.headings[:_HEADINGS]],
            "labels": list(analysed.labels.get(chunk.page, ())),
            "terms": _packed_terms(terms),
            "heading_terms": _packed_terms(heading_terms),
            "figure_terms": _packed_terms(next(figures)),
            "dense": vectors is not None,
            **about,
        }
        values = placeholder(dimension) if vectors is None else np.round(vectors[position - start].astype(float), 6).tolist()
        record: Record = {"id": chunk_id(document.document_id, chunk.page, position), "values": values, "metadata": metadata}
        if len(terms[0]):
            record["sparse_values"] = {"indices": terms[0].tolist(), "values": _weights(terms)}
        yield record


def document_records(document: CatalogDocument, analysed: AnalysedDocument, dimension: int) -> list[Record]:
    """Return a document's statistics and, last, its head: once the head is there, the document is complete."""
    corpus = Corpus([Columns.of(document.document_id, analysed)])
    frequency = np.minimum(np.diff(corpus.body.starts), 65_535).astype(np.uint16)
    terms = corpus.body.terms.astype(np.uint32)
    digest = content_digest(analysed)
    counts = {
        "document_id": document.document_id,
        "chunks": corpus.chunks,
        "pages": corpus.pages,
        "words": float(corpus.body.words.sum()),
        "heading_words": float(corpus.heading.words.sum()),
    }
    parts: list[Record] = [
        {"terms": _packed_terms((terms[at : at + _PART_TERMS], frequency[at : at + _PART_TERMS]))}
        for at in range(0, max(len(terms), 1), _PART_TERMS)
    ]
    parts[0] |= counts
    records = [
        {"id": f"{document.document_id}:{digest}:{n}", "values": placeholder(dimension), "metadata": part}
        for n, part in enumerate(parts)
    ]
    head = {**counts, "head": True, "digest": digest, "content_hash": analysed.content_hash, "parts": len(parts)}
    head["labels"] = sorted(set().union(*analysed.labels.values()))
    head["notes"] = [_utf8(note, _HEADING_BYTES * 5) for note in analysed.notes]
    records.append({"id": head_id(document.document_id), "values": placeholder(dimension), "metadata": head})
    return records


def table_records(document: CatalogDocument, analysed: AnalysedDocument, dimension: int) -> Iterator[Record]:
    """Yield a document's packed tables, in parts that Pinecone's metadata can hold; at least one, so that none is missed."""
    data, digest = packed(analysed.tables), content_digest(analysed)
    parts = [data[at : at + _TABLE_BYTES] for at in range(0, len(data), _TABLE_BYTES)]
    for n, part in enumerate(parts):
        metadata: Record = {"document_id": document.document_id, "content_hash": analysed.content_hash, "digest": digest}
        metadata |= {"part": n, "parts": len(parts), "data": b64encode(part).decode()}
        yield {"id": f"{document.document_id}:{digest}:{n}", "values": placeholder(dimension), "metadata": metadata}


def joined_tables(records: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str], bytes]:
    """Return packed tables by (document id, content hash, digest), of those documents whose parts are all among the records."""
    parts: dict[tuple[str, str, str], dict[int, Mapping[str, Any]]] = {}
    for record in records:
        key = record["document_id"], record["content_hash"], record["digest"]
        parts.setdefault(key, {})[int(record["part"])] = record
    return {
        key: b"".join(b64decode(numbered[n]["data"]) for n in sorted(numbered))
        for key, numbered in parts.items()
        if len(numbered) == int(numbered[min(numbered)]["parts"])
    }


def chunk_id(document_id: str, page: int, position: int) -> str:
    """Return the id of a chunk."""
    return f"{document_id}:{page}:{position}"


def head_id(document_id: str) -> str:
    """Return the id of a document's head."""
    return f"{document_id}:head"


def page_key(document_id: str, page: int | str) -> str:
    """Return what all chunks of a page share."""
    return f"{document_id}:{page}"


def content_digest(analysed: AnalysedDocument) -> str:
    """Return what changes when anything of a document's lexical content does."""
    digest = hashlib.blake2b(analysed.content_hash.encode(), digest_size=8)
    for postings in (analysed.body, analysed.heading, analysed.figures):
        for column in (postings.terms, postings.rows, postings.counts):
            digest.update(hashlib.blake2b(column, digest_size=8).digest())
    digest.update(packed(analysed.tables))
    digest.update(repr((sorted(analysed.labels.items()), analysed.notes)).encode())
    digest.update(repr([(chunk.page, len(chunk.text)) for chunk in analysed.chunks]).encode())
    return digest.hexdigest()


def batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Group records so that no request is over Pinecone's limits of bytes and records."""
    batch: list[Record] = []
    size = 0
    for record in records:
        length = len(msgspec.json.encode(record))
        if batch and (size + length > _UPSERT_BYTES or len(batch) >= _UPSERT_RECORDS):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += length
    if batch:
        yield batch


def columns(chunks: Sequence[Mapping[str, Any]]) -> list[Columns]:
    """Turn the metadata of chunks, sorted by document and position, into the ranker's columns."""
    by_document: dict[str, list[Mapping[str, Any]]] = {}
    for chunk in chunks:
        by_document.setdefault(chunk["document_id"], []).append(chunk)
    return [
        Columns(
            document_id,
            np.array([int(chunk["page"]) for chunk in group], dtype=np.uint32),
            {int(chunk["page"]): chunk.get("labels", ()) for chunk in group},
            _field([chunk.get("terms", "") for chunk in group]),
            _field([chunk.get("heading_terms", "") for chunk in group]),
            _field([chunk.get("figure_terms", "") for chunk in group]),
        )
        for document_id, group in by_document.items()
    ]


class DocumentStatistics:
    """The term statistics of one document, put together from its parts."""

    def __init__(self, parts: Sequence[Mapping[str, Any]]) -> None:
        self.chunks, self.pages = int(parts[0]["chunks"]), int(parts[0]["pages"])
        self.words, self.heading_words = float(parts[0]["words"]), float(parts[0]["heading_words"])
        unpacked = [_unpacked(part["terms"]) for part in parts]
        self.terms = np.concatenate([terms for terms, _ in unpacked])
        self.frequency = np.concatenate([frequency for _, frequency in unpacked])

    def frequencies(self, wanted: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Return how many chunks hold each wanted term."""
        if not len(self.terms):
            return np.zeros(len(wanted), dtype=np.int64)
        places = np.minimum(np.searchsorted(self.terms, wanted), len(self.terms) - 1)
        return np.where(self.terms[places] == wanted, self.frequency[places], 0).astype(np.int64)


class CollectionStatistics:
    """The collection's term statistics in memory, added up from its documents and read again when they are old."""

    def __init__(
        self,
        ids: Callable[[Budget | None], Iterable[str]],
        fetch: Callable[[Sequence[str], Budget | None], list[tuple[str, Record]]],
    ) -> None:
        """Take what lists the ids of all records about documents, and what returns (id, metadata) for some of them."""
        self._ids, self._fetch = ids, fetch
        self._lock = threading.Lock()
        self._known: dict[str, DocumentStatistics] = {}
        self._total = 0
        self._fresh_until = 0.0
        self._asked, self._answered = 0, 0

    def expire(self) -> None:
        """Add up nothing that was read before this call."""
        self._asked += 1

    def of(self, terms: Sequence[int], budget: Budget | None = None) -> CorpusStatistics:
        """Return the statistics for terms; what is old is brought up to date by one caller while the others go on.

        What has expired is waited for.
        """
        if (self._stale or time.monotonic() >= self._fresh_until) and self._lock.acquire(blocking=self._stale or not self._known):
            try:
                if self._stale or time.monotonic() >= self._fresh_until:
                    asked = self._asked
                    self._refresh(budget)
                    self._answered = asked
            finally:
                self._lock.release()
        return _added_up(list(self._known.values()), self._total, terms)

    @property
    def _stale(self) -> bool:
        return self._answered < self._asked

    def _refresh(self, budget: Budget | None) -> None:
        """Read what is new; of a very large collection a sample of documents."""
        versions: dict[str, list[str]] = {}
        for id_ in self._ids(budget):
            version, _, part = id_.rpartition(":")
            if part != "head":
                versions.setdefault(version, []).append(id_)
        # Ids are hashes: the smallest of them are a sample that stays the same while documents come and go.
        sample = sorted(versions)[:_SAMPLE]
        known = {version: self._known[version] for version in sample if version in self._known}
        parts: dict[str, list[tuple[int, Record]]] = {}
        wanted = [id_ for version in sample if version not in known for id_ in versions[version]]
        for id_, metadata in self._fetch(wanted, budget):
            version, _, part = id_.rpartition(":")
            parts.setdefault(version, []).append((int(part), metadata))
        for version, numbered in parts.items():
            ordered = [metadata for _, metadata in sorted(numbered, key=lambda pair: pair[0])]
            if len(ordered) == len(versions[version]) and "chunks" in ordered[0]:
                known[version] = DocumentStatistics(ordered)
        self._known, self._total = known, len(versions)
        self._fresh_until = time.monotonic() + _FRESH_S


def _added_up(documents: Sequence[DocumentStatistics], total: int, terms: Sequence[int]) -> CorpusStatistics:
    """Add up documents, which may be a sample of ``total``, for the ranker."""
    scale = total / max(len(documents), 1)
    wanted = np.array(terms, dtype=np.uint32)
    frequency = sum((one.frequencies(wanted) for one in documents), np.zeros(len(wanted), dtype=np.int64)) * scale
    chunks, pages = max(sum(one.chunks for one in documents), 1), max(sum(one.pages for one in documents), 1)
    words, heading_words = sum(one.words for one in documents), sum(one.heading_words for one in documents)
    return CorpusStatistics(
        chunks=round(chunks * scale),
        chunk_words=words / chunks,
        page_words=words / pages,
        heading_words=heading_words / chunks,
        frequency=dict(zip(terms, np.round(frequency).astype(int).tolist(), strict=True)),
    )


def sparse_query(query: SearchQuery, statistics: CorpusStatistics) -> dict[str, Any] | None:
    """Return the question as a sparse vector: each term's weight times its rarity, None where nothing is left."""
    total = max(statistics.chunks, 1)
    weights = {
        term: weight * float(np.log1p((total - n + 0.5) / (n + 0.5)))
        for term, weight in query.terms.items()
        for n in (min(statistics.frequency.get(term, 0), total),)
    }
    weights = {term: weight for term, weight in weights.items() if weight > 0}
    return {"indices": list(weights), "values": list(weights.values())} if weights else None


def _by_row(field: Field, start: int, end: int) -> Iterator[Terms]:
    """Yield the terms and counts of each row of a field that is sorted by row."""
    bounds = np.searchsorted(field.rows, np.arange(start, end + 1))
    for row in range(end - start):
        here = slice(int(bounds[row]), int(bounds[row + 1]))
        terms, counts = field.terms[here].astype(np.uint32), field.counts[here].astype(np.uint16)
        if len(terms) > _CHUNK_TERMS:
            most = np.sort(np.argsort(-counts.astype(int), kind="stable")[:_CHUNK_TERMS])
            terms, counts = terms[most], counts[most]
        yield terms, counts


def _weights(terms: Terms) -> list[float]:
    """Return BM25's saturated counts: with a query's rarities their dot product is a chunk's BM25 score."""
    words = terms[1][(terms[0] & np.uint32(NUMBER_BIT)) == 0].sum()
    count = terms[1].astype(float)
    weights: list[float] = np.round((K1 + 1) * count / (count + K1 * (1 - B + B * words / _MEAN_WORDS)), 4).tolist()
    return [max(weight, 1e-4) for weight in weights]


def _packed_terms(terms: Terms) -> str:
    return b64encode(terms[0].astype("<u4").tobytes() + terms[1].astype("<u2").tobytes()).decode()


def _unpacked(packed: str) -> Terms:
    data = b64decode(packed)
    count = len(data) // 6
    return np.frombuffer(data, "<u4", count), np.frombuffer(data, "<u2", count, 4 * count)


def _field(packed: Sequence[str]) -> Field:
    """Join the packed counts of rows."""
    unpacked = [_unpacked(one) for one in packed]
    rows = np.repeat(np.arange(len(unpacked), dtype=np.uint32), [len(terms) for terms, _ in unpacked])
    return Field(np.concatenate([terms for terms, _ in unpacked]), rows, np.concatenate([counts for _, counts in unpacked]))


def _utf8(text: str, limit: int) -> str:
    """Return at most ``limit`` bytes of text that JSON and Pinecone can carry."""
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")
