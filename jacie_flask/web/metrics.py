"""How requests are seen from outside: counted, timed, traced and named in the log; and ``/metrics``."""

import time
from collections.abc import Mapping

from flask import Blueprint, Flask, Response, g, request

from jacie_flask import concurrency, logs, measures, tracing
from jacie_flask.web.context import request_id

blueprint = Blueprint("metrics", __name__)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@blueprint.get("/metrics")
def metrics() -> Response:
    """Return what all workers counted, for Prometheus."""
    body = concurrency.offload(measures.exposition)
    return Response(body, content_type=measures.CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def init_app(app: Flask) -> None:
    """Look at each request when it comes and when its answer begins; before anything else does."""

    @app.before_request
    def came() -> None:
        seen = g._get_current_object()
        seen.came_at = time.perf_counter()
        logs.about(request_id=request_id())
        seen.span = tracing.begin(
            f"{_method()} {_route()}",
            headers=_trace_headers(),
            route=_route(),
            method=_method(),
            request_id=request_id(),
        )
        tracing.enter(seen.span)

    @app.after_request
    def answered(response: Response) -> Response:
        status = response.status_code
        measures.count("http_requests", method=_method(), route=_route(), status=str(status))
        measures.observe("http_response_start_seconds", time.perf_counter() - g.came_at, route=_route())
        span: tracing.Span = g.pop("span", tracing.NOTHING)  # a stream has taken its own
        span.set(status=status)
        span.end(f"status {status}" if status >= 500 else "")
        return response


class OpenStream:
    """One open event stream, from its making to ``ended``."""

    def __init__(self, run_id: str) -> None:
        self._began = time.monotonic()
        self._span: tracing.Span = g.pop("span", tracing.NOTHING)
        self._span.set(run_id=run_id, status=200)
        measures.rise("streams_open")

    def ended(self) -> None:
        """Note that its reader has all of it, or has left."""
        measures.fall("streams_open")
        measures.observe("stream_duration_seconds", time.monotonic() - self._began)
        self._span.end()


def server_timing(timings_ms: Mapping[str, float]) -> str:
    """Return the value of a Server-Timing header (W3C): a browser's tools show it beside the request."""
    return ", ".join(f"{name};dur={ms:g}" for name, ms in timings_ms.items())


def _route() -> str:
    """Return the rule that the request matched: its path would make a series of every id."""
    return request.url_rule.rule if request.url_rule else "unmatched"


def _method() -> str:
    return request.method if request.method in _METHODS else "other"


def _trace_headers() -> dict[str, str]:
    given = {name: request.headers.get(name, "") for name in ("traceparent", "tracestate")}
    return {name: value for name, value in given.items() if value}
