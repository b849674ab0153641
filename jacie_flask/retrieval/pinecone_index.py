"""The shared index: Pinecone proposes chunks by words and by meaning, over REST, and the one ranker ranks their pages."""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from pinecone import Pinecone, RetryConfig
from pinecone.errors import ApiError, PineconeError, PineconeTimeoutError

from jacie_flask import tracing
from jacie_flask.errors import RetrievalUnavailable
from jacie_flask.interfaces import (
    AnalysedDocument,
    CatalogDocument,
    DocumentTables,
    IndexedDocument,
    IndexStatus,
    Passage,
    SearchQuery,
)
from jacie_flask.retries import Budget, retry_after
from jacie_flask.retrieval.corpus import Corpus
from jacie_flask.retrieval.decoded_tables import DecodedTables
from jacie_flask.retrieval.pinecone_records import (
    CollectionStatistics,
    Record,
    batches,
    chunk_records,
    columns,
    content_digest,
    document_records,
    head_id,
    joined_tables,
    placeholder,
    sparse_query,
    table_records,
)
from jacie_flask.retrieval.ranking import CorpusStatistics, passages, rank_pages
from jacie_flask.upstreams import Trouble, Upstream

_CONNECTIONS = 32
_DELETE_IDS, _FETCH_IDS = 1000, 40
_HITS, _DENSE_HITS, _PAGE_HITS = 1000, 100, 1000
_PAGES, _PAGES_EACH, _PAGES_MOST, _PAGES_ASKED = 60, 20, 200, 100
_STATUS_S = 10.0
_TABLES_ASKED = 20
_SPARSE = "Words are stored as sparse values, which need the metric dotproduct: create the index anew with it"


class PineconeIndex:
    """A VectorIndex in a Pinecone index of metric dotproduct; any number of processes may write and read it.

    ``host`` is the index's own address and spares a lookup of the name; ``controller`` replaces Pinecone's control plane.
    A request is tried again as ``upstream`` has it.
    """

    def __init__(
        self,
        name: str,
        *,
        api_key: str,
        host: str = "",
        dimension: int,
        namespace: str = "",
        controller: str = "",
        connect_timeout_s: float = 2.0,
        read_timeout_s: float = 10.0,
        upstream: Upstream | None = None,
    ) -> None:
        self.label = f"pinecone:{name}"
        self.eventual = True
        self._written: dict[str, tuple[str, str]] = {}  # what this process wrote: a read may not show it yet
        self._name, self._api_key, self._host, self._controller = name, api_key, host, controller
        self._dimension = dimension
        self._chunks = namespace
        self._documents = f"{namespace}-documents" if namespace else "documents"
        self._tables = f"{namespace}-tables" if namespace else "tables"
        self._decoded: DecodedTables[tuple[str, str, str]] = DecodedTables()
        self._timeout = httpx.Timeout(read_timeout_s, connect=connect_timeout_s)
        self._upstream = upstream or Upstream("index", RetrievalUnavailable)
        self._lock = threading.Lock()
        self._client: Any = None
        self._status: IndexStatus | None = None
        self._status_until = 0.0
        self._pool = ThreadPoolExecutor(_CONNECTIONS, "pinecone")
        self._statistics = CollectionStatistics(
            lambda budget: self._ids(self._documents, "", budget),
            lambda ids, budget: self._fetch(self._documents, ids, budget),
        )

    # ---------------------------------------------------------------------------------------------------- writing

    def put(self, document: CatalogDocument, analysed: AnalysedDocument) -> None:
        """Make a document answerable lexically, replacing what was there under its id; the same content is left alone."""
        digest = content_digest(analysed)
        if self._known(document.document_id)[0] == digest:
            return
        self._replace(self._chunks, document.document_id, chunk_records(document, analysed, 0, None, self._dimension))
        self._replace(self._tables, document.document_id, table_records(document, analysed, self._dimension))
        self._replace(self._documents, document.document_id, document_records(document, analysed, self._dimension))
        self._written[document.document_id] = digest, analysed.content_hash
        self.expire()

    def put_vectors(
        self, document: CatalogDocument, analysed: AnalysedDocument, start: int, vectors: NDArray[np.float32]
    ) -> bool:
        """Add dense vectors for the chunks from ``start``; a document that is gone or has changed is left alone."""
        if self._known(document.document_id)[1] != analysed.content_hash or start < 0:
            return False
        if start + len(vectors) > len(analysed.chunks) or not len(vectors):
            return False
        self._upsert(self._chunks, chunk_records(document, analysed, start, vectors, self._dimension))
        counted = {f"vectors_{start}": len(vectors)}
        self._call("update", id=head_id(document.document_id), set_metadata=counted, namespace=self._documents)
        self._status = None
        return True

    def _known(self, document_id: str) -> tuple[str, str]:
        """Return (digest, content hash) of a document: as this process wrote it, else as Pinecone shows it; "" for none."""
        if document_id in self._written:
            return self._written[document_id]
        head = self._head(document_id)
        return (head["digest"], head["content_hash"]) if head else ("", "")

    def remove(self, document_id: str) -> None:
        """Forget a document; unknown ids are fine."""
        for namespace in (self._documents, self._tables, self._chunks):
            self._delete(namespace, self._ids(namespace, f"{document_id}:"))
        self._written[document_id] = "", ""
        self.expire()

    def expire(self) -> None:
        """Answer from nothing that was read before this call."""
        self._statistics.expire()
        self._status = None

    def _replace(self, namespace: str, document_id: str, records: Iterable[Record]) -> None:
        """Write a document's records, then delete those of an earlier version."""
        written = self._upsert(namespace, records)
        self._delete(namespace, [one for one in self._ids(namespace, f"{document_id}:") if one not in written])

    def _upsert(self, namespace: str, records: Iterable[Record]) -> set[str]:
        """Write records in requests that Pinecone takes; return their ids."""
        written: set[str] = set()
        for batch in batches(records):
            self._call("upsert", vectors=batch, namespace=namespace)
            written.update(record["id"] for record in batch)
        return written

    def _delete(self, namespace: str, ids: Iterable[str]) -> None:
        gone = list(ids)
        for at in range(0, len(gone), _DELETE_IDS):
            self._call("delete", ids=gone[at : at + _DELETE_IDS], namespace=namespace)

    # ---------------------------------------------------------------------------------------------------- reading

    def search(self, query: SearchQuery, budget: Budget | None = None) -> list[Passage]:
        """Return the best pages: Pinecone's candidates, whole pages of them, in the one ranker's order."""
        if query.exclusive and not query.documents:
            return []
        statistics = self._statistics.of(list(query.terms), budget)
        vector = _fitting(query.vector, self._dimension)
        keys = self._candidates(query, statistics, vector, budget)
        if not keys:
            return []
        chunks, cosines = self._pages(keys, vector, budget)
        corpus = Corpus(columns(chunks))
        ranking = rank_pages(corpus, query, statistics, cosines)
        return passages(corpus, query, ranking, lambda rows: {row: chunks[row].get("text", "") for row in rows})

    def tables(self, document_ids: Sequence[str], budget: Budget | None = None) -> dict[str, DocumentTables]:
        """Return the tables of those documents that are here whole; damaged ones count as not here."""
        groups = [list(document_ids[at : at + _TABLES_ASKED]) for at in range(0, len(document_ids), _TABLES_ASKED)]
        found: dict[str, DocumentTables] = {}
        for records in self._pool.map(lambda group: self._table_parts(group, budget), groups):
            for key, data in joined_tables(records).items():
                tables = self._decoded.of(key, partial(bytes, data))
                if tables is not None:
                    found[key[0]] = DocumentTables(content_hash=key[1], tables=tables)
        return found

    def _table_parts(self, document_ids: list[str], budget: Budget | None) -> list[dict[str, Any]]:
        """Return the metadata of the records that hold the tables of a few documents."""
        found = self._call(
            "query",
            budget,
            top_k=_HITS,
            vector=placeholder(self._dimension),
            filter={"document_id": {"$in": document_ids}},
            include_metadata=True,
            namespace=self._tables,
        )
        return [match.metadata for match in found.matches if match.metadata]

    def notes(self, document_ids: Sequence[str], budget: Budget | None = None) -> dict[str, list[str]]:
        """Return what was not read of those documents that are here and have notes."""
        heads = self._fetch(self._documents, [head_id(document_id) for document_id in document_ids], budget)
        return {head["document_id"]: list(head["notes"]) for _, head in heads if head.get("notes")}

    def status(self, budget: Budget | None = None) -> IndexStatus:
        """Say how much the index holds, as it was at most 10 s ago; own writes count at once."""
        if self._status is not None and time.monotonic() < self._status_until:
            return self._status
        heads = self._heads(budget)
        vectors = sum(map(_vectors, heads))
        chunks = sum(int(head["chunks"]) for head in heads)
        labels = frozenset(label for head in heads for label in head.get("labels", ()))
        self._status = IndexStatus(documents=len(heads), chunks=chunks, vectors=vectors, labels=labels)
        self._status_until = time.monotonic() + _STATUS_S
        return self._status

    def held(self) -> dict[str, IndexedDocument]:
        """Return what Pinecone shows of each document: by its counts where they add up, else by the ids of all records."""
        heads = {str(head["document_id"]): head for head in self._heads(None)}
        found = {
            key: IndexedDocument(str(head["content_hash"]), int(head["chunks"]), _vectors(head)) for key, head in heads.items()
        }
        stats = self._call("describe_index_stats").namespaces
        counts = {name: stats[name].vector_count if name in stats else 0 for name in (self._chunks, self._documents)}
        parts = sum(int(head["parts"]) + 1 for head in heads.values())
        if counts == {self._chunks: sum(one.chunks for one in found.values()), self._documents: parts}:
            return found
        chunks = Counter(id_.partition(":")[0] for id_ in self._ids(self._chunks, ""))
        records = Counter(id_.partition(":")[0] for id_ in self._ids(self._documents, ""))
        for key in chunks.keys() | records.keys() | heads.keys():
            whole = key in heads and records[key] == int(heads[key]["parts"]) + 1
            known = found.get(key)
            found[key] = IndexedDocument(
                known.content_hash if known and whole else "", chunks[key], known.vectors if known else 0
            )
        return found

    def check(self) -> None:
        """Raise RetrievalUnavailable with the remedy where the index has another dimension or takes no sparse values."""
        stats = self._call("describe_index_stats")
        if stats.dimension not in (None, self._dimension):
            raise RetrievalUnavailable(f"{self.label} has dimension {stats.dimension}, the embeddings have {self._dimension}")
        if stats.metric not in (None, "dotproduct"):
            raise RetrievalUnavailable(f"{self.label} has the metric {stats.metric}. {_SPARSE}")
        # The metric is not told by every index; a query with sparse values is refused where they cannot be stored.
        sparse = {"indices": [1], "values": [1.0]}
        try:
            self._call("query", top_k=1, vector=placeholder(self._dimension), sparse_vector=sparse, namespace=self._documents)
        except RetrievalUnavailable as error:
            if "sparse" in str(error).lower():
                raise RetrievalUnavailable(f"{self.label} cannot store sparse values ({error}). {_SPARSE}") from error
            raise

    def warm(self) -> None:
        """Open connections and read the statistics; raise RetrievalUnavailable, also where the index is of another kind."""
        self.check()
        self._statistics.of([])

    def close(self) -> None:
        """Close the connections; nothing can be asked afterwards."""
        self._pool.shutdown()
        with self._lock:
            if self._client is not None:
                self._client.close()

    def _candidates(
        self, query: SearchQuery, statistics: CorpusStatistics, vector: list[float] | None, budget: Budget | None
    ) -> list[str]:
        """Return the keys of the pages worth ranking: led by words, by meaning and by labels, in and out of the selection."""
        sparse = sparse_query(query, statistics)
        selected = {"document_id": {"$in": list(query.documents)}} if query.documents else None
        outer = selected if query.exclusive else None

        def hits(*asked: Any) -> Future[list[str]]:
            return self._pool.submit(self._hits, budget, *asked)

        asked: list[Future[list[str]]] = [hits(_HITS, None, sparse, outer)]
        if selected and not query.exclusive:
            asked.append(hits(_HITS, None, sparse, selected))
        if vector is not None:
            asked.append(hits(_DENSE_HITS, vector, None, selected))
        if labels := [label for label, bonus in query.labels.items() if bonus > 0]:
            wanted = {"labels": {"$in": labels}}
            asked.append(hits(_HITS, None, sparse, {"$and": [wanted, selected]} if selected else wanted))
        keys: dict[str, None] = {}
        for future in asked:
            keys |= dict.fromkeys(_leading(future.result()))
        return list(keys)[:_PAGES_MOST]

    def _hits(
        self,
        budget: Budget | None,
        count: int,
        vector: list[float] | None,
        sparse: Mapping[str, Any] | None,
        where: Mapping[str, Any] | None,
    ) -> list[str]:
        """Return the ids of the chunks that score best, best first."""
        found = self._call(
            "query",
            budget,
            top_k=count,
            vector=vector or placeholder(self._dimension),
            sparse_vector=sparse,
            filter=where,
            namespace=self._chunks,
        )
        # Over the whole collection, chunks without a word of the question are no candidates; in a selection they may be.
        by_words = vector is None and sparse is not None and where is None
        return [match.id for match in found.matches if match.score > 1e-5 or not by_words]

    def _pages(
        self, keys: list[str], vector: list[float] | None, budget: Budget | None
    ) -> tuple[list[dict[str, Any]], NDArray[np.float32] | None]:
        """Return all chunks of pages, sorted, and the cosine of each where the question and the chunk have a vector."""
        matches = list(self._chunks_of(keys, vector, budget))
        matches.sort(key=lambda match: (match.metadata["document_id"], match.metadata["page"], match.metadata["position"]))
        chunks = [match.metadata for match in matches]
        if vector is None:
            return chunks, None
        cosines = [match.score if match.metadata.get("dense") else np.nan for match in matches]
        return chunks, np.array(cosines, dtype=np.float32)

    def _chunks_of(
        self, keys: list[str], vector: list[float] | None, budget: Budget | None
    ) -> Iterator[Any]:  # the SDK's own values
        """Yield all chunks of pages: pages that one answer cannot hold are asked for in two."""
        groups = [keys[at : at + _PAGES_ASKED] for at in range(0, len(keys), _PAGES_ASKED)]
        while groups:
            answers = list(self._pool.map(lambda group: self._chunks_of_few(group, vector, budget), groups))
            full = [len(matches) >= _PAGE_HITS and len(group) > 1 for group, matches in zip(groups, answers, strict=True)]
            for matches, again in zip(answers, full, strict=True):
                yield from () if again else matches
            halves = [
                (group[: len(group) // 2], group[len(group) // 2 :]) for group, again in zip(groups, full, strict=True) if again
            ]
            groups = [half for pair in halves for half in pair]

    def _chunks_of_few(
        self, keys: list[str], vector: list[float] | None, budget: Budget | None
    ) -> list[Any]:  # the SDK's own values
        """Return the chunks of pages, as many as one answer holds."""
        found = self._call(
            "query",
            budget,
            top_k=_PAGE_HITS,
            vector=vector or placeholder(self._dimension),
            filter={"page_key": {"$in": keys}},
            include_metadata=True,
            namespace=self._chunks,
        )
        return [match for match in found.matches if match.metadata]

    # -------------------------------------------------------------------------------------------------- documents

    def _head(self, document_id: str) -> dict[str, Any] | None:
        found = self._fetch(self._documents, [head_id(document_id)])
        return found[0][1] if found else None

    def _heads(self, budget: Budget | None) -> list[dict[str, Any]]:
        found = self._call(
            "query",
            budget,
            top_k=_HITS,
            vector=placeholder(self._dimension),
            filter={"head": True},
            include_metadata=True,
            namespace=self._documents,
        )
        if len(found.matches) < _HITS:
            return [match.metadata for match in found.matches]
        ids = [one for one in self._ids(self._documents, "", budget) if one.endswith(":head")]
        return [metadata for _, metadata in self._fetch(self._documents, ids, budget)]

    def _ids(self, namespace: str, prefix: str, budget: Budget | None = None) -> Iterator[str]:
        """Yield the ids that begin with ``prefix``."""
        token: str | None = None
        while True:
            asked = {"prefix": prefix or None, "limit": 100, "pagination_token": token, "namespace": namespace}
            page = self._call("list_paginated", budget, **asked)
            yield from [one.id for one in page.vectors]
            token = page.pagination.next if page.pagination else None
            if not token:
                return

    def _fetch(self, namespace: str, ids: Sequence[str], budget: Budget | None = None) -> list[tuple[str, dict[str, Any]]]:
        """Return (id, metadata) of the records that exist."""
        batches = [list(ids[at : at + _FETCH_IDS]) for at in range(0, len(ids), _FETCH_IDS)]
        answers = self._pool.map(lambda batch: self._call("fetch", budget, ids=batch, namespace=namespace), batches)
        return [(id_, vector.metadata or {}) for answer in answers for id_, vector in answer.vectors.items()]

    # --------------------------------------------------------------------------------------------------- requests

    def _call(self, operation: str, budget: Budget | None = None, **arguments: Any) -> Any:  # the SDK's own values
        return self._upstream.ask(partial(self._ask, operation, arguments), budget)

    def _ask(self, operation: str, arguments: Mapping[str, Any]) -> Any:  # the SDK's own values
        """Ask Pinecone once; the only place of its exceptions; raise Trouble."""
        try:
            with tracing.upstream(f"pinecone {operation}"):
                return getattr(self._connected(), operation)(timeout=self._timeout, **arguments)
        except ApiError as error:
            status, wait = error.status_code, retry_after((error.headers or {}).get("retry-after"))
            problem = RetrievalUnavailable(f"{self.label}: {operation}: {error}", retry_after_s=wait)
            fault = status == 408 or status >= 500
            raise Trouble(problem, fault=fault, again=fault or status == 429, throttled=status == 429) from error
        except (PineconeError, httpx.HTTPError) as error:
            problem = RetrievalUnavailable(f"{self.label}: {operation}: {error}")
            ours = isinstance(error, ValueError | TypeError)
            raise Trouble(problem, fault=not ours, again=not ours and not isinstance(error, PineconeTimeoutError)) from error

    def _connected(self) -> Any:  # the SDK's own value
        """Return the SDK's client of this index, finding its host on first use."""
        if self._client is None:
            with self._lock:
                if self._client is None:
                    self._client = self._connect()
        return self._client

    def _connect(self) -> Any:  # the SDK's own value
        with Pinecone(
            api_key=self._api_key,
            host=self._controller or None,
            timeout=self._timeout,  # type: ignore[arg-type]  # it takes httpx's own, which can tell connecting from reading
            connection_pool_maxsize=_CONNECTIONS,
            retry_config=RetryConfig(max_retries=0),
        ) as pinecone:
            client = pinecone.index(host=self._host) if self._host else pinecone.index(self._name)
        # The SDK does not hand its retry settings on to an index: by itself it tries four times, also after a read timeout, and
        # sleeps as long as Retry-After says, up to a minute and a half. No public way exists up to pinecone 10.2.0, the newest.
        # Remove this once Pinecone.index() or Index() takes retry_config; tests/retrieval counts the requests of each fault.
        client._http._client._transport._config = RetryConfig(max_retries=0)  # type: ignore[attr-defined]
        return client


def _vectors(head: Mapping[str, Any]) -> int:
    """Return how many chunks of a document have a vector, as its head counts them."""
    return sum(int(n) for name, n in head.items() if name.startswith("vectors_"))


def _leading(hits: Sequence[str]) -> Iterator[str]:
    """Yield the page keys of the first hits: so many in all, and so many of each document."""
    seen: set[str] = set()
    of_document: dict[str, int] = {}
    for hit in hits:
        key, _, _ = hit.rpartition(":")
        if key in seen:
            continue
        document, _, _ = key.rpartition(":")
        if len(seen) < _PAGES or of_document.get(document, 0) < _PAGES_EACH:
            seen.add(key)
            of_document[document] = of_document.get(document, 0) + 1
            yield key


def _fitting(vector: Any, dimension: int) -> list[float] | None:  # as SearchQuery has it
    """Return the question's vector as a list, None where it is of another model."""
    if vector is None:
        return None
    values: list[float] = np.asarray(vector, dtype=float).ravel().tolist()
    return values if len(values) == dimension and any(values) else None
