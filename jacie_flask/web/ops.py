"""For those who run Jacie: is it alive, is each part ready, does the stream arrive unbuffered."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from flask import Blueprint, Response, stream_with_context

from jacie_flask.chat import finding
from jacie_flask.errors import JacieError
from jacie_flask.runs import sse
from jacie_flask.upstreams import Upstream
from jacie_flask.web.chat import STREAM_HEADERS
from jacie_flask.web.context import Jacie, jacie
from jacie_flask.web.guard import principal

blueprint = Blueprint("ops", __name__)

_PROBES = 5
_PROBE_EVERY_S = 0.5


@blueprint.get("/health")
def health() -> Response:
    """Say that the process is alive; asks nobody else."""
    return Response(b'{"status":"ok"}\n', content_type="application/json", headers={"Cache-Control": "no-store"})


@blueprint.get("/ready")
def ready() -> Response:
    """Say whether all parts are well; how each of them is, and what is down, only to those with the scope ``metrics``."""
    parts = jacie()
    states = {name: _state(check, parts) for name, check in _CHECKS.items()}
    for upstream in parts.services.upstreams:
        states[upstream.name]["breaker"] = _breaker(upstream)
    down = [name for name, state in states.items() if not state["ready"]]
    body: dict[str, Any] = {"status": "ready" if not down else "unready"}
    if "metrics" in principal().scopes:
        body |= {"down": down, "parts": states}
    response = Response(msgspec.json.encode(body), status=503 if down else 200, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/health/stream")
def health_stream() -> Response:
    """Send five events, one each half second: when they arrive together, something in between buffers."""
    return Response(stream_with_context(_probes()), headers=STREAM_HEADERS)


def _probes() -> Iterator[bytes]:
    yield sse.PREAMBLE
    for number in range(1, _PROBES + 1):
        data = msgspec.json.encode({"n": number, "of": _PROBES, "timestamp": time.time()})
        yield b"id: 0.%d\nevent: probe\ndata: %s\n\n" % (number, data)
        if number < _PROBES:
            time.sleep(_PROBE_EVERY_S)


def _state(check: Callable[[Jacie], dict[str, Any]], parts: Jacie) -> dict[str, Any]:
    try:
        return {"ready": True, **check(parts)}
    except JacieError as error:
        return {"ready": False, "code": error.code, "detail": error.public}


def _breaker(upstream: Upstream) -> dict[str, Any]:
    """Return whether questions are let through; it does not make a part unready: only questions find out that it is back."""
    figures = upstream.figures
    return {
        "state": figures.state,
        "failures_in_a_row": figures.failures_in_a_row,
        "retry_after_s": round(figures.retry_after_s, 1),
    }


def _documents(parts: Jacie) -> dict[str, Any]:
    documents = parts.services.catalog.documents()
    counts: dict[str, int] = {}
    for document in documents:
        counts[document.status] = counts.get(document.status, 0) + 1
    return {"kind": parts.services.documents.label, "documents": len(documents), "by_status": counts}


def _index(parts: Jacie) -> dict[str, Any]:
    status = parts.services.index.status()
    held = {"kind": parts.services.index.label, "documents": status.documents, "chunks": status.chunks, "vectors": status.vectors}
    return {**held, "notes": finding.coverage(parts.services)}


def _embeddings(parts: Jacie) -> dict[str, Any]:
    return {"kind": parts.services.embedder.label, "dimension": parts.services.embedder.dimension}


def _model(parts: Jacie) -> dict[str, Any]:
    model = parts.services.model
    return {"kind": model.label, "small": model.small, "ready": model.ready()}


def _runs(parts: Jacie) -> dict[str, Any]:
    runs = parts.services.runs
    return {"kind": runs.label, "active": parts.runs.active, "resumable": runs.resumable}


_CHECKS = {"documents": _documents, "index": _index, "embeddings": _embeddings, "model": _model, "runs": _runs}
