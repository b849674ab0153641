"""What Jacie counts and times, by name, and how Prometheus reads it; the only importer of its client.

Several processes add up through files when ``PROMETHEUS_MULTIPROC_DIR`` named a folder before this module was imported.
Nothing here is called for a token: an entry costs microseconds.
"""

from dataclasses import dataclass
from typing import Any, Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    multiprocess,
    values,
)

from jacie_flask.errors import JacieError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_LONG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_MODES = ("chat", "fast_chat")
_UPSTREAMS = ("documents", "index", "embeddings", "model")


@dataclass(frozen=True)
class Measure:
    """One metric: exposed as ``jacie_<name>``, a counter with ``_total`` behind; ``known`` label values begin at 0."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    text: str
    labels: tuple[str, ...] = ()
    known: tuple[tuple[str, ...], ...] = ()
    buckets: tuple[float, ...] = _LONG
    among_workers: Literal["livesum", "livemax"] = "livesum"

    @property
    def exposed(self) -> str:
        """The family's name in the exposition."""
        return f"jacie_{self.name}_total" if self.kind == "counter" else f"jacie_{self.name}"


def _codes(kind: type[JacieError] = JacieError) -> set[str]:
    """Return every code that a run or a request can end with."""
    return {kind.code}.union(*(_codes(child) for child in kind.__subclasses__()))


def _each(*values: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Return every combination of label values."""
    rows: list[tuple[str, ...]] = [()]
    for column in values:
        rows = [(*row, value) for row in rows for value in column]
    return tuple(rows)


MEASURES = (
    Measure("runs_started", "counter", "Questions that a worker began to answer.", ("mode",), _each(_MODES)),
    Measure(
        "runs_ended", "counter", "Answers that ended, by the code of their end; `succeeded` is a result.", ("mode", "code"),
        _each(_MODES, ("succeeded",)),
    ),
    Measure("runs_active", "gauge", "Questions that are being answered now."),
    Measure("run_duration_seconds", "histogram", "From a question's acceptance to its terminal event.", ("mode",)),
    Measure("time_to_first_event_seconds", "histogram", "From a question's acceptance to its first event.", ("mode",)),
    Measure("time_to_first_token_seconds", "histogram", "From a question's acceptance to its first words.", ("mode",)),
    Measure("step_duration_seconds", "histogram", "How long each step of a run took.", ("mode", "step")),
    Measure(
        "errors", "counter", "Runs that ended in an `error` event (`where=\"run\"`) and requests that were refused or failed "
        "(`where=\"request\"`), by code.", ("where", "code"), _each(("run", "request"), tuple(sorted(_codes()))),
    ),
    Measure("tokens", "counter", "Tokens as the model's server counted them.", ("kind",), _each(("prompt", "completion"))),
    Measure("cancels", "counter", "Requests to stop a run."),
    Measure("resumes", "counter", "Readers that came back and went on behind an event they had."),
    Measure("reader_drops", "counter", "Readers that were let go because they took nothing for too long."),
    Measure("streams_open", "gauge", "Event streams that are open now."),
    Measure("stream_duration_seconds", "histogram", "How long event streams were open."),
    Measure("http_requests", "counter", "Requests by route, method and status.", ("method", "route", "status")),
    Measure("http_response_start_seconds", "histogram", "From a request's arrival to the head of its answer.", ("route",)),
    Measure("upstream_retries", "counter", "Requests to an upstream that were made again.", ("upstream",), _each(_UPSTREAMS)),
    Measure(
        "circuit_state", "gauge", "Whether an upstream is asked: 0 it is, 1 it is being tried, 2 it is not.", ("upstream",),
        among_workers="livemax",
    ),
    Measure(
        "cache_requests", "counter", "Texts and pictures of documents that were wanted, and whether they were kept already.",
        ("cache", "outcome"), _each(("text", "pictures"), ("hit", "miss")),
    ),
    Measure("run_log_outages", "counter", "Times that Redis went away."),
    Measure(
        "rate_limit_fail_open", "counter", "Times that a worker kept a bound for itself alone because Redis was away.", ("bound",),
        _each(("rate", "pages", "polls", "tokens", "runs")),
    ),
    Measure("hub_lag_seconds", "histogram", "How late a tick of 100 ms came in a gevent worker.", buckets=_QUICK),
)  # fmt: skip

_registry = CollectorRegistry()
disable_created_metrics()  # type: ignore[no-untyped-call]  # series that only a single process has


def _made(measure: Measure) -> Any:  # Counter, Gauge or Histogram
    common: dict[str, Any] = {"labelnames": measure.labels, "registry": _registry}
    if measure.kind == "histogram":
        return Histogram(measure.exposed, measure.text, buckets=measure.buckets, **common)
    if measure.kind == "gauge":
        return Gauge(measure.exposed, measure.text, multiprocess_mode=measure.among_workers, **common)
    counter = Counter(measure.exposed, measure.text, **common)
    for known in measure.known:
        counter.labels(*known)
    return counter


_made_by_name = {measure.name: _made(measure) for measure in MEASURES}


_stopped = False


def stop() -> None:
    """Count nothing more in this process: there is no room for its counts, and using a file without room ends it."""
    global _stopped
    _stopped = True


def count(name: str, amount: float = 1, **labels: str) -> None:
    """Add to a counter."""
    if not _stopped:
        _of(name, labels).inc(amount)


def observe(name: str, seconds: float, **labels: str) -> None:
    """Add a duration to a histogram."""
    if not _stopped:
        _of(name, labels).observe(seconds)


def level(name: str, value: float, **labels: str) -> None:
    """Set a gauge of this process."""
    if not _stopped:
        _of(name, labels).set(value)


def rise(name: str, **labels: str) -> None:
    """Add one to a gauge of this process."""
    if not _stopped:
        _of(name, labels).inc()


def fall(name: str, **labels: str) -> None:
    """Take one from a gauge of this process."""
    if not _stopped:
        _of(name, labels).dec()


def exposition() -> bytes:
    """Return all that was counted, by all processes of this server, in Prometheus' text format."""
    if not values.ValueClass._multiprocess:
        return generate_latest(_registry)
    together = CollectorRegistry()
    multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return generate_latest(together)


def forget(pid: int) -> None:
    """Take out the gauges of a process that has ended; what it counted stays."""
    if values.ValueClass._multiprocess:
        multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


def _of(name: str, labels: dict[str, str]) -> Any:  # what prometheus_client counts with
    made = _made_by_name[name]
    # what an asker chose may reach a label: a lone surrogate there would be the end of every exposition
    return made.labels(**{label: _printable(value) for label, value in labels.items()}) if labels else made


def _printable(value: str) -> str:
    return value if value.isascii() else value.encode("utf-8", "replace").decode()
