"""Spans as a collector receives them over OTLP/HTTP: who is whose child, what they say, and what a dead collector costs."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support import told_model
from tests.support.jacie import ask, gunicorn, ingested_samples, serve
from tests.support.openai_server import OpenAIServer, Script
from tests.support.ports import free_port
from tests.support.servers import Connection, LocalServer, Request
from tests.support.waiting import wait_for
from tests.system.test_serving import SERVERS

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "tracestate": "vendor=1"}
QUESTION = {"query": "What was Zanobela's revenue in 2024?"}
OFTEN = {
    "OTEL_BSP_SCHEDULE_DELAY": "100",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20collector-key",
}


class Collector(LocalServer):
    """Takes spans in; ``slow`` seconds late."""

    slow = 0.0

    def answer(self, request: Request, connection: Connection) -> None:
        """Say that all is well."""
        connection.wait(self.slow)
        connection.respond(200, b"", "application/x-protobuf")

    def spans(self) -> Iterator[Any]:
        """Yield what arrived."""
        for request in list(self.requests):
            assert request.path == "/v1/traces"
            for resource in ExportTraceServiceRequest.FromString(request.body).resource_spans:
                for scope in resource.scope_spans:
                    yield from scope.spans


@pytest.fixture(scope="module", params=["gevent", pytest.param("waitress", marks=pytest.mark.soak)])
def traced(request, tmp_path_factory):
    """Jacie with a model that refuses on demand, and a collector."""
    data = ingested_samples(tmp_path_factory.getbasetemp())

    def told(asked):
        return Script(status=401) if b"please fail" in asked.body else told_model.told(asked)

    with Collector() as collector, OpenAIServer(told) as model:
        values = {**OFTEN, "OPENAI_BASE_URL": model.url, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.origin}
        way = gunicorn(data, **values) if request.param == "gevent" else serve(SERVERS["waitress"], data, **values)
        with way as running:
            yield running, collector


def told_by(collector, run_id):
    """Return the spans of a run's trace by name, once its request has ended."""

    def whole():
        spans = list(collector.spans())
        trace = next((span.trace_id for span in spans if facts(span).get("jacie.run_id") == run_id), None)
        mine = {span.name: span for span in spans if span.trace_id == trace}
        return mine if any(name.startswith("POST") for name in mine) and any(name.startswith("run") for name in mine) else None

    return wait_for(whole)


def facts(span):
    """Return a span's attributes."""
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_a_question_is_one_trace_of_its_caller(traced):
    """Request below the caller's span, run below the request, steps below the run, the model's call below its step."""
    running, collector = traced
    received = ask(running.url, "/chat/stream", QUESTION, headers=CALLER)
    spans = told_by(collector, received.terminal.data["run_id"])
    request, run, step, call = (spans[name] for name in ("POST /chat/stream", "run chat", "ai_generation", "model"))
    assert {span.trace_id.hex() for span in spans.values()} == {TRACE}
    assert request.parent_span_id.hex() == "b7ad6b7169203331"
    assert run.parent_span_id == request.span_id
    assert call.parent_span_id == step.span_id
    assert request.trace_state == "vendor=1"
    for name in ("start", "doc_selection", "doc_loading", "ai_generation", "finalizing", "complete"):
        assert spans[name].parent_span_id == run.span_id, name
        assert run.start_time_unix_nano <= spans[name].start_time_unix_nano <= spans[name].end_time_unix_nano
    assert step.start_time_unix_nano <= call.start_time_unix_nano <= call.end_time_unix_nano <= step.end_time_unix_nano
    assert run.end_time_unix_nano <= request.end_time_unix_nano, "a stream's span lasts as long as it is open"
    assert facts(request)["http.response.status_code"] == 200
    assert facts(run)["jacie.request_id"] == {name.lower(): value for name, value in received.headers.items()}["x-request-id"]
    assert all(request.headers["authorization"] == "Bearer collector-key" for request in collector.requests)


def test_an_error_is_the_spans_own_and_no_text_is_told(traced):
    """A model that refuses marks its call, its step and its run; neither question nor answer is in any span."""
    running, collector = traced
    received = ask(running.url, "/fast_chat/stream", {"query": "please fail: the revenue of Zanobela qzxjkvbwpf"})
    spans = told_by(collector, received.terminal.data["run_id"])
    assert {name for name, span in spans.items() if span.status.code == 2} == {"model", "ai_generation", "run fast_chat"}
    assert spans["run fast_chat"].status.message == "llm_unavailable"
    assert not [request for request in collector.requests if b"qzxjkvbwpf" in request.body or b"Zanobela" in request.body]


def test_two_questions_at_once_are_two_traces(traced):
    """Greenlets and threads do not take each other's spans for their own."""
    running, collector = traced
    first = ask(running.url, "/chat/stream", QUESTION).terminal.data["run_id"]
    second = ask(running.url, "/chat/stream", QUESTION).terminal.data["run_id"]
    traces = [{span.trace_id for span in told_by(collector, run_id).values()} for run_id in (first, second)]
    assert [len(ids) for ids in traces] == [1, 1]
    assert traces[0] != traces[1]


@pytest.mark.soak
@pytest.mark.parametrize("collector", ["is not there", "never answers"])
def test_answers_do_not_wait_for_a_collector(collector, tmp_path_factory):
    """With nobody at the endpoint, or somebody who never answers, an answer takes as long as without, and so does the end."""
    data = ingested_samples(tmp_path_factory.getbasetemp())
    with Collector() as stuck, OpenAIServer(told_model.told) as model:
        stuck.slow = 3600
        endpoint = stuck.origin if collector == "never answers" else f"http://127.0.0.1:{free_port()}"
        with gunicorn(data, **OFTEN, OPENAI_BASE_URL=model.url, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint) as running:
            ask(running.url, "/chat/stream", QUESTION)
            began = time.monotonic()
            for number in range(5):
                ended = ask(running.url, "/chat/stream", told_model.question(number, total_s=0)).terminal
                assert ended.name == "result"
            took = time.monotonic() - began
            ending = time.monotonic()
        assert time.monotonic() - ending < 6
    assert took < 5
