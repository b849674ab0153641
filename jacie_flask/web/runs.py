"""Runs by their id: their events again or from a position on, their state, and the way to stop them."""

import msgspec
from flask import Blueprint, Response, request

from jacie_flask import measures
from jacie_flask.errors import StateLost
from jacie_flask.interfaces import RunLog
from jacie_flask.runs import reader
from jacie_flask.web import limits, positions
from jacie_flask.web.chat import STREAM_HEADERS, event_stream
from jacie_flask.web.context import jacie

blueprint = Blueprint("runs", __name__)


@blueprint.get("/runs/<run_id>/events")
def events(run_id: str) -> Response:
    """Stream the run's events after ``Last-Event-ID``, ``?lastEventId=`` or ``?after=``; a finished run replays."""
    parts = jacie()
    limits.ask("polls")
    after = positions.requested()
    if request.method == "HEAD":  # its response is never closed, so its reader would never be counted out
        parts.services.runs.info(run_id)
        return Response(headers=STREAM_HEADERS)
    if _all_read(parts.services.runs, run_id, after):
        return Response(status=204)  # keeps an EventSource from coming back for ever
    if after != reader.START:
        measures.count("resumes")
    return event_stream(parts, run_id, after)


@blueprint.get("/runs/<run_id>")
def status(run_id: str) -> Response:
    """Return the run's state, for polling."""
    parts = jacie()
    limits.ask("polls")
    state = reader.state(parts.services.runs, run_id)
    parts.runs.polled(run_id)
    response = Response(state, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/runs/<run_id>/cancel")
def cancel(run_id: str) -> Response:
    """Stop the run; idempotent, and harmless once it has ended."""
    parts = jacie()
    limits.ask("polls")
    parts.runs.cancel(run_id)
    body = {"run_id": run_id, "status": reader.status(parts.services.runs, run_id)}
    return Response(msgspec.json.encode(body), status=202, content_type="application/json")


def _all_read(log: RunLog, run_id: str, after: reader.Position) -> bool:
    """Say whether the run has ended and the reader has its end; raise NotFound for a run that is not there."""
    if not log.info(run_id).finished:
        return False
    try:
        return not log.read(run_id, after, 0.0)
    except StateLost:
        return False  # the stream says so itself
