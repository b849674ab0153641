"""A real server that speaks Pinecone's REST data plane (and describe_index) on 127.0.0.1, with its limits and with faults.

In process: ``with PineconeServer(dimension=384) as server: Pinecone(api_key="x").index(host=server.origin)``.
Own process: ``python tests/support/pinecone_server.py --port 0 --dimension 384`` prints its address.
"""

import json
import math
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.support.pinecone_filter import matches, prepared, words_of
from tests.support.servers import ClientGoneError, Connection, LocalServer, Request, arguments, serve_until_killed

BATCH, BODY_BYTES, METADATA_BYTES, ID_CHARS, SPARSE_VALUES = 1000, 2 * 1024 * 1024, 40 * 1024, 512, 2048
TOP_K, TOP_K_WITH_DATA, LIST_LIMIT, DELETE_IDS = 10_000, 1000, 100, 1000


class Refusal(Exception):  # it is an answer, not a failure of this server
    """A 400 of Pinecone: ``code`` is 3 (invalid argument) as gRPC numbers it."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong: ``status`` other than 200, ``delay_s`` before the answer, or ``kind`` hang | cut | rst | bad_json.

    ``path`` limits it to requests whose path holds it.
    """

    status: int = 200
    retry_after: str | None = None
    delay_s: float = 0.0
    kind: str = ""
    path: str = ""


Faults = Fault | Sequence[Fault] | Callable[[Request], Fault]


@dataclass
class Namespace:
    """The vectors of one namespace: dense rows, sparse postings and metadata."""

    dimension: int
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    dense: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    postings: dict[int, dict[str, float]] = field(default_factory=dict)
    holders: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)

    def put(self, record: dict[str, Any]) -> None:
        """Write one vector, replacing what was there."""
        self.remove(record["id"])
        row = len(self.ids)
        if row >= len(self.dense):
            grown = np.zeros((max(256, 2 * row), self.dimension), dtype=np.float32)
            grown[:row] = self.dense[:row] if row else 0
            self.dense = grown
        self.dense[row] = record["values"]
        self.rows[record["id"]] = row
        self.ids.append(record["id"])
        self.records[record["id"]] = record
        for name, value in words_of(record):
            self.holders.setdefault((name, value), {})[record["id"]] = None
        sparse = record.get("sparseValues") or {"indices": [], "values": []}
        for index, value in zip(sparse["indices"], sparse["values"], strict=True):
            self.postings.setdefault(index, {})[record["id"]] = float(np.float32(value))

    def remove(self, id_: str) -> None:
        """Delete one vector; the last row takes its place."""
        record = self.records.pop(id_, None)
        if record is None:
            return
        for index in (record.get("sparseValues") or {"indices": []})["indices"]:
            self.postings[index].pop(id_, None)
        for name, value in words_of(record):
            self.holders[name, value].pop(id_, None)
        row, last = self.rows.pop(id_), self.ids.pop()
        if last != id_:
            self.ids[row], self.rows[last] = last, row
            self.dense[row] = self.dense[len(self.ids)]

    def query(self, body: dict[str, Any]) -> list[tuple[str, float]]:
        """Return (id, score) of the best vectors: dense and sparse dot products added."""
        count = len(self.ids)
        scores = self.dense[:count] @ np.array(body["vector"], dtype=np.float32) if count else np.zeros(0, dtype=np.float32)
        sparse = body.get("sparseVector") or {"indices": [], "values": []}
        for index, value in zip(sparse["indices"], sparse["values"], strict=True):
            found = self.postings.get(index)
            if found:
                rows = np.fromiter((self.rows[id_] for id_ in found), dtype=np.int64, count=len(found))
                scores[rows] += np.float32(value) * np.fromiter(found.values(), dtype=np.float32, count=len(found))
        where = prepared(body.get("filter") or {})
        if where:
            likely = self._likely(where)
            kept = [self.rows[id_] for id_ in likely if matches(self.records[id_].get("metadata") or {}, where)]
            rows = np.array(sorted(kept), dtype=np.int64)
        else:
            rows = np.arange(count)
        best = rows[np.argsort(-scores[rows], kind="stable")[: body["topK"]]]
        return [(self.ids[row], float(scores[row])) for row in best.tolist()]

    def _likely(self, where: dict[str, Any]) -> Iterable[str]:
        """Return ids that may pass a filter: those with the values that it asks for, where it asks for values."""
        for name, condition in where.items():
            if name == "$and":
                return min((self._likely(one) for one in condition), key=lambda ids: len(list(ids)))
            wanted = condition.get("$in") if isinstance(condition, dict) else None
            if wanted and all(isinstance(value, str) for value in wanted):
                return {id_: None for value in wanted for id_ in self.holders.get((name, value), ())}
        return self.ids


class PineconeServer(LocalServer):
    """One index, kept in memory; ``fault`` may be replaced at any time (a sequence is used one a request)."""

    def __init__(
        self,
        dimension: int = 384,
        fault: Faults = Fault(),
        port: int = 0,
        api_key: str | None = None,
        name: str = "jacie",
        lag: int = 0,
        metric: str = "dotproduct",
    ) -> None:
        """Start listening; without ``api_key`` any key is accepted, but there must be one.

        ``lag``: a write shows only after so many requests that read, as Pinecone's do after a while; it may be set at any time.
        """
        self.lag, self.metric = lag, metric
        self._reads = 0
        self._unseen: list[tuple[int, Callable[[], None]]] = []
        self.dimension, self.fault, self.api_key, self.name = dimension, fault, api_key, name
        self.namespaces: dict[str, Namespace] = {}
        self._served = 0
        self._lock = threading.Lock()
        super().__init__(port)

    def answer(self, request: Request, connection: Connection) -> None:
        """Route one request."""
        fault = self._pick(request)
        connection.wait(fault.delay_s)
        if fault.kind == "hang":
            connection.wait(math.inf)
        if fault.status != 200:
            headers = {} if fault.retry_after is None else {"Retry_After": fault.retry_after}
            connection.respond_json(fault.status, {"code": fault.status, "message": "scripted failure", "details": []}, **headers)
            return
        status, value = self._routed(request)
        body = json.dumps(value).encode()
        if fault.kind in ("cut", "rst"):
            connection.write(connection.head(200, "application/json", Content_Length=str(len(body) + 9)) + body[: len(body) // 2])
            connection.reset() if fault.kind == "rst" else connection.close()
            raise ClientGoneError
        connection.respond(status, body[:-1] if fault.kind == "bad_json" else body)

    def _pick(self, request: Request) -> Fault:
        if callable(self.fault):
            return self.fault(request)
        fault = self.fault
        if not isinstance(fault, Fault):
            self._served += 1
            fault = fault[min(self._served, len(fault)) - 1]
        return fault if fault.path in request.path else Fault()

    def _routed(self, request: Request) -> tuple[int, Any]:
        key = request.headers.get("api-key", "")
        if not key or (self.api_key is not None and key != self.api_key):
            return 401, {"code": 16, "message": "Invalid API Key", "details": []}
        route = {
            ("POST", "/vectors/upsert"): self._upsert,
            ("POST", "/query"): self._query,
            ("GET", "/vectors/fetch"): self._fetch,
            ("POST", "/vectors/delete"): self._delete,
            ("POST", "/vectors/update"): self._update,
            ("GET", "/vectors/list"): self._list,
            ("POST", "/describe_index_stats"): self._stats,
            ("GET", f"/indexes/{self.name}"): self._describe,
        }.get((request.method, request.path))
        if route is None:
            return 404, {"code": 5, "message": f"no such resource: {request.path}", "details": []}
        if len(request.body) > BODY_BYTES:
            return 400, {"code": 11, "message": "request size exceeds the limit of 2 MB", "details": []}
        try:
            with self._lock:
                if request.path in ("/query", "/vectors/fetch", "/vectors/list", "/describe_index_stats"):
                    self._read()
                return 200, route(request)
        except Refusal as refusal:
            return 400, {"code": 3, "message": str(refusal), "details": []}

    def _write(self, change: Callable[[], None]) -> None:
        """Make a change that reads see in its turn: at once, or after the lag."""
        if self.lag or self._unseen:
            self._unseen.append((self._reads + self.lag, change))
        else:
            change()

    def _read(self) -> None:
        """Count a request that reads, and show the writes that are due."""
        self._reads += 1
        while self._unseen and self._unseen[0][0] < self._reads:
            self._unseen.pop(0)[1]()

    def settle(self) -> None:
        """Show all writes."""
        with self._lock:
            while self._unseen:
                self._unseen.pop(0)[1]()

    def _space(self, name: str | None) -> Namespace:
        return self.namespaces.setdefault(name or "", Namespace(self.dimension))

    def _upsert(self, request: Request) -> Any:
        body = request.json
        vectors = body["vectors"]
        refuse(not vectors or len(vectors) > BATCH, f"an upsert takes 1 to {BATCH} vectors, not {len(vectors)}")
        for record in vectors:
            self._check(record)
        space = self._space(body.get("namespace"))
        self._write(lambda: [space.put(record) for record in vectors] and None)
        return {"upsertedCount": len(vectors)}

    def _check(self, record: dict[str, Any]) -> None:
        id_ = record.get("id", "")
        refuse(not id_ or len(id_) > ID_CHARS or not id_.isascii(), f"id must be 1 to {ID_CHARS} ASCII characters")
        self._check_dense(record.get("values") or [])
        refuse(not any(record["values"]), "Dense vectors must contain at least one non-zero value")
        self._check_sparse(record.get("sparseValues"))
        metadata = record.get("metadata") or {}
        refuse(len(json.dumps(metadata, ensure_ascii=False).encode()) > METADATA_BYTES, "metadata size exceeds 40960 bytes")
        for name, value in metadata.items():
            listed = isinstance(value, list) and all(isinstance(one, str) for one in value)
            refuse(not listed and not isinstance(value, str | bool | int | float), f"metadata value of {name} has a wrong type")

    def _check_sparse(self, sparse: dict[str, Any] | None) -> None:
        refuse(sparse is not None and self.metric != "dotproduct", "Index configuration does not support sparse values")
        check_sparse(sparse)

    def _check_dense(self, values: list[float]) -> None:
        message = f"Vector dimension {len(values)} does not match the dimension of the index {self.dimension}"
        refuse(len(values) != self.dimension, message)
        refuse(not all(isinstance(value, int | float) and math.isfinite(value) for value in values), "values must be finite")

    def _query(self, request: Request) -> Any:
        body = request.json
        with_data = body.get("includeValues") or body.get("includeMetadata")
        limit = TOP_K_WITH_DATA if with_data else TOP_K
        refuse(not 1 <= body.get("topK", 0) <= limit, f"topK must be 1 to {limit}")
        space = self._space(body.get("namespace"))
        if body.get("id") is not None:
            body["vector"] = space.records[body["id"]]["values"] if body["id"] in space.records else [0.0] * self.dimension
        self._check_dense(body.get("vector") or [])
        self._check_sparse(body.get("sparseVector"))
        found = []
        for id_, score in space.query(body):
            record = space.records[id_]
            match = {"id": id_, "score": score, "values": record["values"] if body.get("includeValues") else []}
            if body.get("includeMetadata") and record.get("metadata"):
                match["metadata"] = record["metadata"]
            found.append(match)
        return {"matches": found, "namespace": body.get("namespace") or "", "usage": {"readUnits": 1}}

    def _fetch(self, request: Request) -> Any:
        ids = parse_qs(urlsplit(request.target).query).get("ids", [])
        space = self._space(request.params.get("namespace"))
        found = {id_: space.records[id_] for id_ in ids if id_ in space.records}
        return {"vectors": found, "namespace": request.params.get("namespace", ""), "usage": {"readUnits": 1}}

    def _delete(self, request: Request) -> Any:
        body = request.json
        space = self._space(body.get("namespace"))
        refuse(len(body.get("ids") or []) > DELETE_IDS, f"a delete takes at most {DELETE_IDS} ids")

        def delete() -> None:
            ids = body.get("ids") or []
            if body.get("deleteAll"):
                ids = list(space.records)
            elif body.get("filter"):
                ids = [id_ for id_, record in space.records.items() if matches(record.get("metadata") or {}, body["filter"])]
            for id_ in ids:
                space.remove(id_)

        self._write(delete)
        return {}

    def _update(self, request: Request) -> Any:
        body = request.json
        space = self._space(body.get("namespace"))

        def update() -> None:
            record = space.records.get(body["id"])
            if record is not None:
                changed = dict(record, metadata={**(record.get("metadata") or {}), **(body.get("setMetadata") or {})})
                changed |= {name: body[name] for name in ("values", "sparseValues") if body.get(name)}
                self._check(changed)
                space.put(changed)

        self._write(update)
        return {}

    def _list(self, request: Request) -> Any:
        limit = int(request.params.get("limit", LIST_LIMIT))
        refuse(not 1 <= limit <= LIST_LIMIT, f"limit must be 1 to {LIST_LIMIT}")
        prefix, after = request.params.get("prefix", ""), request.params.get("paginationToken", "")
        ids = sorted(
            id_ for id_ in self._space(request.params.get("namespace")).records if id_.startswith(prefix) and id_ > after
        )
        answer: dict[str, Any] = {"vectors": [{"id": id_} for id_ in ids[:limit]], "usage": {"readUnits": 1}}
        answer["namespace"] = request.params.get("namespace", "")
        if len(ids) > limit:
            answer["pagination"] = {"next": ids[limit - 1]}
        return answer

    def _stats(self, _: Request) -> Any:
        counts = {name: {"vectorCount": len(space.ids)} for name, space in self.namespaces.items() if space.ids}
        total = sum(one["vectorCount"] for one in counts.values())
        return {"namespaces": counts, "dimension": self.dimension, "indexFullness": 0, "totalVectorCount": total}

    def _describe(self, _: Request) -> Any:
        vector_field = {"type": "dense_vector", "dimension": self.dimension, "metric": "dotproduct"}
        return {
            "id": "00000000-0000-0000-0000-000000000000",
            "name": self.name,
            "host": self.origin,
            "status": {"ready": True, "state": "Ready"},
            "schema": {"fields": {"_values": vector_field}},
            "deployment": {"deployment_type": "managed", "cloud": "aws", "region": "us-east-1", "environment": "test"},
            "deletion_protection": "disabled",
        }


def refuse(wrong: bool, message: str) -> None:
    """Answer 400 where something is wrong."""
    if wrong:
        raise Refusal(message)


def check_sparse(sparse: dict[str, Any] | None) -> None:
    """Refuse sparse values that Pinecone refuses."""
    if sparse is None:
        return
    indices, values = sparse.get("indices") or [], sparse.get("values") or []
    refuse(len(indices) != len(values) or not indices, "sparse indices and values must have the same, non-zero length")
    refuse(len(indices) > SPARSE_VALUES, f"sparse vectors have at most {SPARSE_VALUES} values")
    refuse(len(set(indices)) != len(indices), "sparse indices must be unique")
    refuse(not all(isinstance(index, int) and 0 <= index < 2**32 for index in indices), "sparse indices are unsigned 32-bit")
    refuse(not all(value and math.isfinite(value) for value in values), "sparse values must be finite and not zero")


def main() -> None:
    """Run in an own process."""
    parser = arguments(__doc__)
    parser.add_argument("--fault", default="{}", help="a JSON object of Fault's fields")
    options = parser.parse_args()
    fault = Fault(**json.loads(options.fault))
    serve_until_killed(
        lambda: PineconeServer(options.dimension, fault, options.port, options.api_key), lambda server: server.origin
    )


if __name__ == "__main__":
    main()
