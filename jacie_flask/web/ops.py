"""For those who run Jacie: is it alive, is each part ready, does the stream arrive unbuffered, what of a request arrives."""

import contextlib
import math
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

import msgspec
from flask import Blueprint, Response, current_app, request, stream_with_context

from jacie_flask import concurrency, data_folder, keeping
from jacie_flask.errors import InvalidRequest, JacieError, Overloaded, ProducerLost
from jacie_flask.evidence import page_search
from jacie_flask.runs import sse
from jacie_flask.runs.reader import Moved
from jacie_flask.upstreams import Upstream
from jacie_flask.web import bodies, proxies
from jacie_flask.web.answers import Arrived
from jacie_flask.web.chat import STREAM_HEADERS
from jacie_flask.web.context import WORKER, Jacie, jacie
from jacie_flask.web.guard import principal

blueprint = Blueprint("ops", __name__)

_PROBES = 5
_PROBE_EVERY_S = 0.5
_MOST_PROBES, _LONGEST_GAP_S, _LONGEST_PROBE_S = 1000, 130.0, 400.0
_PROBING_AT_ONCE = threading.BoundedSemaphore(16)
_ASKED_ABOUT = ("Authorization", "Idempotency-Key", "Last-Event-ID", "X-Request-ID", "Accept-Encoding", "Origin")


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
    """Send ``events`` probes (5), one ``every`` so many seconds (0.5), and nothing between: does something on the way buffer or cut?"""
    events = int(_number("events", _PROBES, 1, _MOST_PROBES))
    every_s = _number("every", _PROBE_EVERY_S, 0.0, _LONGEST_GAP_S)
    if (events - 1) * every_s > _LONGEST_PROBE_S:
        raise InvalidRequest(errors=(("events", f"all of them must take at most {_LONGEST_PROBE_S:g} s"),))
    if not _PROBING_AT_ONCE.acquire(blocking=False):
        raise Overloaded("enough probes are open", retry_after_s=5.0)
    pieces = _probes(events, every_s)
    worker = current_app.extensions.get(WORKER)
    if worker:
        pieces = worker.while_connected(pieces, request.environ, lambda _: lambda: None)
    response = Response(stream_with_context(pieces), headers=STREAM_HEADERS)
    response.call_on_close(_PROBING_AT_ONCE.release)
    return response


@blueprint.route("/health/request", methods=["GET", "POST"])
def health_request() -> Response:
    """Say what of this request arrived: its scheme, host, client's address, which headers, how many bytes of body."""
    given, settings = request.headers, jacie().settings
    told = Arrived(
        method=request.method,
        protocol=request.environ.get("SERVER_PROTOCOL", ""),
        scheme=request.scheme,
        host=request.host,
        client=request.remote_addr,
        proxies=settings.proxies,
        forwarded_for=len(given.get("X-Forwarded-For", "").split(",")) if "X-Forwarded-For" in given else 0,
        forwarder_trusted=proxies.believed(request.environ),
        headers={name: name in given for name in _ASKED_ABOUT},
        body_bytes=len(bodies.raw(settings.max_body, settings.body_timeout_s)),
        max_body_bytes=settings.max_body,
        heartbeat_s=settings.heartbeat_s,
        deadline_s=settings.deadline_s,
    )
    return Response(msgspec.json.encode(told), content_type="application/json", headers={"Cache-Control": "no-store"})


def _number(name: str, default: float, least: float, most: float) -> float:
    text = request.args.get(name, str(default))
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise InvalidRequest(errors=((name, f"must be a number from {least:g} to {most:g}"),))
    return value


def _probes(events: int, every_s: float) -> Generator[bytes, None, None]:
    yield sse.PREAMBLE
    retry = sse.RETRY
    try:
        for number in range(1, events + 1):
            data = msgspec.json.encode({"n": number, "of": events, "timestamp": time.time()})
            yield b"%bid: 0.%d\nevent: probe\ndata: %s\n\n" % (retry, number, data)
            retry = b""
            if number < events:
                time.sleep(every_s)
    except (Moved, ProducerLost):  # this server is about to stop
        yield sse.reconnect(sse.RETRY_MS)


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
    known = {"kind": parts.services.documents.label, "documents": len(documents), "by_status": counts}
    return {**known, "notes": list(parts.services.catalog.notes)}


def _index(parts: Jacie) -> dict[str, Any]:
    status = parts.services.index.status()
    ready = sum(document.status == "ready" for document in parts.services.catalog.documents())
    answerable = min(status.documents, ready)  # what the ledger has not announced, some worker may not find yet
    held = {"kind": parts.services.index.label, "documents": answerable, "chunks": status.chunks, "vectors": status.vectors}
    return {**held, "notes": page_search.coverage(parts.services)}


def _embeddings(parts: Jacie) -> dict[str, Any]:
    return {"kind": parts.services.embedder.label, "dimension": parts.services.embedder.dimension}


def _model(parts: Jacie) -> dict[str, Any]:
    model = parts.services.model
    return {"kind": model.label, "ready": model.ready()}


def _data(parts: Jacie) -> dict[str, Any]:
    with contextlib.suppress(OSError):
        concurrency.offload(data_folder.probe, parts.settings.data)
    return {"kind": "folder", "not_kept": keeping.lost()}


def _runs(parts: Jacie) -> dict[str, Any]:
    runs = parts.services.runs
    return {"kind": runs.label, "active": parts.runs.active, "resumable": runs.resumable}


_CHECKS = {"documents": _documents, "index": _index, "embeddings": _embeddings, "model": _model, "runs": _runs, "data": _data}
