"""Spans for OpenTelemetry where an OTLP endpoint is set, and nothing where none is; the only importer of its SDK.

The span under way is kept for each greenlet or thread; whoever works for it elsewhere carries its context along.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

_PATH = "/v1/traces"
_UNASKED = nullcontext()
_CONVENTIONS = {
    "method": "http.request.method",
    "route": "http.route",
    "status": "http.response.status_code",
    "model": "gen_ai.request.model",
}


class Span:
    """A piece of work that nobody traces."""

    def set(self, **attributes: str | int) -> None:
        """Note facts about the work."""

    def end(self, code: str = "") -> None:
        """Say that the work has ended, well or with the code of an error; more than once is fine."""


NOTHING = Span()
_current: ContextVar[Span] = ContextVar("span", default=NOTHING)


class _Recorded(Span):
    def __init__(self, span: Any) -> None:
        self.span = span

    def set(self, **attributes: str | int) -> None:
        self.span.set_attributes(_named(attributes))

    def end(self, code: str = "") -> None:
        from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415  # not even imported where nobody asks for traces

        if code:
            self.span.set_status(Status(StatusCode.ERROR, code))
        if self.span.is_recording():
            self.span.end()


class Tracer:
    """Makes spans and hands them to an exporter that works beside everything else: nothing waits for it, or fails with it."""

    def __init__(self, endpoint: str, version: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        ours = Resource({"service.name": "jacie", "service.version": version})
        self._provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()))
        exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + _PATH)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("jacie", version)

    def begin(self, name: str, kind: str, parent: Span, headers: Mapping[str, str], attributes: dict[str, str | int]) -> Span:
        """Begin a span below ``parent``, or below the one that a caller's ``traceparent`` names."""
        from opentelemetry import trace  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        context = trace.set_span_in_context(parent.span) if isinstance(parent, _Recorded) else None
        if headers:
            context = TraceContextTextMapPropagator().extract(headers)
        span_kind = getattr(trace.SpanKind, kind)
        return _Recorded(self._tracer.start_span(name, context=context, kind=span_kind, attributes=_named(attributes)))

    def close(self, seconds: float) -> None:
        """Export what is left, for so long at most."""
        ending = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        ending.start()
        ending.join(seconds)


_tracer: Tracer | None = None


def configure(endpoint: str, version: str) -> None:
    """Trace from now on, to this OTLP endpoint over HTTP; "" traces nothing. Headers and limits are OTEL_*'s own."""
    global _tracer  # one process, one tracer, like its log
    if endpoint and _tracer is None:
        _tracer = Tracer(endpoint, version)


def close(seconds: float) -> None:
    """Export what is left before this process ends."""
    if _tracer is not None:
        _tracer.close(seconds)


def begin(name: str, *, headers: Mapping[str, str] | None = None, **attributes: str | int) -> Span:
    """Begin a span below the one under way here; with a request's ``headers`` it continues the caller's trace."""
    if _tracer is None:
        return NOTHING
    if headers is None:
        return _tracer.begin(name, "INTERNAL", _current.get(), {}, attributes)
    return _tracer.begin(name, "SERVER", NOTHING, headers, attributes)


def enter(span: Span) -> None:
    """Make a span the one under way in this greenlet or thread."""
    _current.set(span)


def upstream(name: str, **attributes: str | int) -> AbstractContextManager[None]:
    """Trace a call to an upstream while the context lasts; an error raised in it is the span's."""
    return _UNASKED if _tracer is None else _called(_tracer, name, attributes)


@contextmanager
def _called(tracer: Tracer, name: str, attributes: dict[str, str | int]) -> Iterator[None]:
    span = tracer.begin(name, "CLIENT", _current.get(), {}, attributes)
    try:
        yield
    except Exception as error:
        span.end(type(error).__name__)
        raise
    finally:
        span.end()


def _named(attributes: dict[str, str | int]) -> dict[str, str | int]:
    """Return attributes by their names in OpenTelemetry's conventions, where they have one, else under our own prefix."""
    return {_CONVENTIONS.get(name, f"jacie.{name}"): value for name, value in attributes.items()}
