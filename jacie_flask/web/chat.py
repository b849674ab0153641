"""The four question endpoints: guard, parse, start the run, then either stream its log or fold it."""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec
from flask import Blueprint, Response, current_app, request, stream_with_context, url_for

from jacie_flask import measures
from jacie_flask.errors import InvalidRequest, JacieError, NotFound, Overloaded, StateLost
from jacie_flask.events import Failure, Result
from jacie_flask.interfaces import Claim, Principal, Question
from jacie_flask.runs import ids, reader
from jacie_flask.web import bodies, limits, positions, problems, watching
from jacie_flask.web.context import WORKER, Jacie, jacie, request_id, while_there
from jacie_flask.web.guard import principal
from jacie_flask.web.metrics import OpenStream, server_timing

blueprint = Blueprint("chat", __name__)

STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
    "Content-Encoding": "identity",
}
_DRAINING_RETRY_S = 2.0
_KEY_CHARS = 256


@blueprint.post("/chat/stream", defaults={"mode": "chat"})
@blueprint.post("/fast_chat/stream", defaults={"mode": "fast_chat"})
def stream(mode: str) -> Response:
    """Answer a question as Server-Sent Events; with ``Prefer: respond-async`` say where to read them instead."""
    parts = jacie()
    # without a key this is a new question: no client has seen anything of it
    after = positions.requested() if request.headers.get("Idempotency-Key") else reader.START
    run_id = _start(parts, mode, after)
    if "respond-async" in request.headers.get("Prefer", ""):
        return _accepted(parts, run_id)
    return event_stream(parts, run_id, after)


@blueprint.post("/chat", defaults={"mode": "chat"})
@blueprint.post("/fast_chat", defaults={"mode": "fast_chat"})
def answer(mode: str) -> Response:
    """Answer a question as one JSON object: the same run, folded."""
    parts = jacie()
    run_id = _start(parts, mode)
    if "respond-async" in request.headers.get("Prefer", ""):
        return _accepted(parts, run_id)
    ended = _waited(parts, run_id)
    if isinstance(ended, Failure):
        return _failed(ended)
    response = Response(msgspec.json.encode(ended), content_type="application/json")
    response.headers["X-Run-Id"] = run_id
    response.headers["Server-Timing"] = server_timing(ended.timings_ms)
    return response


def event_stream(parts: Jacie, run_id: str, after: reader.Position) -> Response:
    """Return the run's log from ``after`` on as a live response, and count its reader while it is open."""
    parts.runs.reader_came(run_id)
    pieces = reader.stream(parts.services.runs, run_id, after, parts.settings.heartbeat_s, request_id())
    worker = current_app.extensions.get(WORKER)
    watched = watching.watched()
    pieces = worker.while_connected(pieces, request.environ, watched) if worker else watching.until_told(pieces, watched)
    body = _Body(stream_with_context(pieces), partial(_left, parts, worker, run_id, OpenStream(run_id)))
    response = Response(body, headers=STREAM_HEADERS, direct_passthrough=True)
    response.headers["X-Run-Id"] = run_id
    response.headers["Content-Location"] = f"/runs/{run_id}/events"
    return response


def _left(parts: Jacie, worker: Any, run_id: str, seen: OpenStream) -> None:
    seen.ended()
    if worker and worker.draining:
        parts.runs.reader_sent_on(run_id)
    else:
        parts.runs.reader_left(run_id)


class _Body:
    """A response's pieces, iterated without a layer between; its close is called even when its first piece never was."""

    __slots__ = ("_left", "_pieces")

    def __init__(self, pieces: Any, left: Callable[[], None]) -> None:
        self._pieces = pieces  # a generator, though Flask calls it an iterator
        self._left: Callable[[], None] | None = left

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    def close(self) -> None:
        """End the pieces and count their reader out, once."""
        self._pieces.close()
        if self._left:
            self._left()
            self._left = None


def _start(parts: Jacie, mode: str, after: reader.Position = reader.START) -> str:
    """Return the id of a new run, or of the run that the same Idempotency-Key started before; after an event, of that alone."""
    limits.ask()
    body = bodies.read(bodies.QuestionBody, parts.settings.max_body, parts.settings.body_timeout_s)
    worker = current_app.extensions.get(WORKER)
    if worker and worker.draining:
        raise Overloaded("this worker is draining", retry_after_s=_DRAINING_RETRY_S)
    asking = principal()
    question = body.question(mode, parts.services.limits, asking.tenant)
    for place, document_id in enumerate(question.document_ids):
        try:
            parts.services.catalog.get(document_id)
        except NotFound:
            raise InvalidRequest(errors=((f"document_ids.{place}", "no such document"),)) from None
    claim = _claim(question, asking)
    if claim and after != reader.START:
        run_id = parts.services.runs.claimed(claim)
        if not run_id:
            raise StateLost("the run of the idempotency key is gone")
        measures.count("resumes")
        return run_id
    return parts.runs.start(ids.new(asking.tenant), question, request_id(), claim, limits.caller())


def _claim(question: Question, asking: Principal) -> Claim | None:
    """Return the claim that the request's Idempotency-Key makes, None without one; raise InvalidRequest."""
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return None
    if len(key) > _KEY_CHARS:
        raise InvalidRequest(errors=(("Idempotency-Key", f"must be at most {_KEY_CHARS} characters"),))
    name = f"{asking.tenant} {asking.key_id} {key}"
    return Claim(key=_digest(name.encode()), fingerprint=_digest(msgspec.json.encode(question)))


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _waited(parts: Jacie, run_id: str) -> Result | Failure:
    """Wait for a run's end as one of its readers, for as long as the client waits and may ask; raise Unauthorized."""
    parts.runs.reader_came(run_id)
    try:
        with while_there(), watching.while_admitted():
            return reader.wait(parts.services.runs, run_id)
    finally:
        parts.runs.reader_left(run_id)


def _accepted(parts: Jacie, run_id: str) -> Response:
    status_url = url_for("runs.status", run_id=run_id)
    told = {
        "run_id": run_id,
        "status": reader.status(parts.services.runs, run_id),
        "events_url": url_for("runs.events", run_id=run_id),
        "status_url": status_url,
        "cancel_url": url_for("runs.cancel", run_id=run_id),
    }
    response = Response(msgspec.json.encode(told), status=202, content_type="application/json")
    response.headers.update({"Location": status_url, "X-Run-Id": run_id, "Preference-Applied": "respond-async"})
    return response


def _failed(ended: Failure) -> Response:
    kind = next((error for error in _all_errors(JacieError) if error.code == ended.code), JacieError)
    members = msgspec.to_builtins(ended)
    members.pop("code")
    error = kind()
    error.retry_after_s = ended.retry_after_s
    response = problems.problem(error, **members)
    response.headers["X-Run-Id"] = ended.run_id
    return response


def _all_errors(base: type[JacieError]) -> list[type[JacieError]]:
    return [base, *(found for child in base.__subclasses__() for found in _all_errors(child))]
