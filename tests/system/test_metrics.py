"""A mixed load, and whether ``/metrics`` says exactly what was done: one worker, two with a Redis, and threads."""

import contextlib
import socket
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import told_model
from tests.support.exposition import Scraped, scrape
from tests.support.jacie import Running, ask, gunicorn, ingested_samples, serve
from tests.support.monitoring import expressions, names_in
from tests.support.openai_server import OpenAIServer, Script
from tests.support.redis_server import MISSING, REDIS, RedisServer
from tests.support.reliability import record
from tests.support.waiting import wait_for

WAITRESS = [sys.executable, "-m", "waitress", "--listen=127.0.0.1:{port}", "--threads=16", "wsgi:app"]
SAMPLE = {"query": "What was Zanobela's revenue in 2024?"}
# more than the kernel holds for a reader who does not read
LONG = " ".join("-".join(str(200_000 + 170 * n + k) for k in range(170)) for n in range(700))
FAILING = {**told_model.question(1), "query": "please fail"}
SETTINGS = {"JACIE_SLOW_READER_S": "1", "JACIE_DISCONNECT_GRACE_S": "2"}
ROWS: list[dict[str, object]] = []


def answering(request):
    """Answer as the question tells; the third attempt of one that should fail fails as well."""
    if b"please fail" in request.body:
        return Script(status=503)
    return Script(answer=LONG) if b"at length" in request.body else told_model.told(request)


@contextlib.contextmanager
def served(how, data):
    """Serve Jacie in one of three ways."""
    with contextlib.ExitStack() as stack:
        model = stack.enter_context(OpenAIServer(answering))
        values = {**SETTINGS, "OPENAI_BASE_URL": model.url}
        if how == "threads":
            yield stack.enter_context(serve(WAITRESS, data, **values))
            return
        if how == "two workers, runs in Redis":
            redis = stack.enter_context(RedisServer())
            values |= {"JACIE_RUNS": redis.url, "WEB_CONCURRENCY": "2"}
        yield stack.enter_context(gunicorn(data, **values))


class Load:
    """What is done to a server, counted on the side of who does it."""

    def __init__(self, running: Running) -> None:
        self.running, self.done, self.tokens = running, Counter(), Counter()

    def _ended(self, mode: str, code: str, usage: dict[str, int] | None = None) -> None:
        self.done[("ended", mode, code)] += 1
        self.tokens.update({kind: (usage or {}).get(f"{kind}_tokens", 0) for kind in ("prompt", "completion")})

    def stream(self, mode: str, question: dict[str, object]) -> None:
        """Ask, read to the end, and read the last half once more."""
        received = ask(self.running.url, f"/{mode}/stream", question)
        end = received.terminal.data
        self._ended(mode, end.get("code", "succeeded"), end.get("usage"))
        events = [frame for frame in received.frames if frame.id]
        again = ask(
            self.running.url, f"/runs/{end['run_id']}/events", None, headers={"Last-Event-ID": events[len(events) // 2].id}
        )
        assert again.terminal.id == received.terminal.id
        self.done["resumed"] += 1
        self.done["streamed"] += 2

    def twin(self, mode: str) -> None:
        """Ask without a stream."""
        status, result = self.running.post(f"/{mode}", told_model.question(7, total_s=0.1))
        assert status == 200
        self._ended(mode, "succeeded", result["usage"])

    def cancel(self, number: int) -> None:
        """Ask in the background, and stop it while the model talks."""
        question = told_model.question(number, words=600, total_s=60)
        _, told = self.running.post("/chat/stream", question, headers={"Prefer": "respond-async"})
        wait_for(lambda: self.running.get(told["status_url"])["latest_progress"] >= 80)
        self.running.post(told["cancel_url"], {})
        wait_for(lambda: self.running.get(told["status_url"])["status"] == "cancelled")
        self._ended("chat", "cancelled")
        self.done["cancelled"] += 1

    def mistake(self, path: str, body: object, code: str) -> None:
        """Ask what is refused."""
        _, problem = self.running.post(path, body)
        assert problem["code"] == code
        self.done[("refused", code)] += 1

    def search(self) -> None:
        """Search."""
        assert self.running.post("/search", {"query": "revenue"})[0] == 200
        self.done["searched"] += 1

    def go(self) -> None:
        """Do all of it, eight at a time."""
        work = [lambda n=n: self.stream(("chat", "fast_chat")[n % 2], told_model.question(n, total_s=0.3)) for n in range(12)]
        work += [lambda: self.stream("chat", SAMPLE), lambda: self.stream("fast_chat", SAMPLE)]
        work += [lambda: self.stream("chat", FAILING), lambda: self.stream("fast_chat", FAILING)]
        work += [lambda: self.twin("chat"), lambda: self.twin("fast_chat"), *[self.search] * 5]
        work += [lambda n=n: self.cancel(n) for n in range(3)]
        work += [lambda: self.mistake("/chat", {"query": ""}, "invalid_request")] * 4
        work += [lambda: self.mistake("/runs/unknown/cancel", {}, "not_found")] * 3
        with ThreadPoolExecutor(8) as pool:
            for job in [pool.submit(one) for one in work]:
                job.result()


def stuck_reader(running: Running) -> None:
    """Open a long stream and never read it, until it is let go."""
    body = b'{"query": "at length", "auto_load_documents": false}'
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", int(running.url.rpartition(":")[2])))
        head = b"POST /chat/stream HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        sock.sendall(head % len(body) + body)
        wait_for(lambda: scrape(running.url).of("jacie_reader_drops_total") == 1)


def settled(running: Running) -> Scraped:
    """Return a scrape once nothing is under way."""

    def quiet() -> Scraped | None:
        seen = scrape(running.url)
        return None if seen.of("jacie_runs_active") or seen.of("jacie_streams_open") else seen

    return wait_for(quiet)


@pytest.mark.reliability
@pytest.mark.parametrize(
    "how",
    [
        pytest.param("one worker, runs in memory", marks=pytest.mark.soak),
        "two workers, runs in Redis",
        pytest.param("threads", marks=pytest.mark.soak),
    ],
)
def test_metrics_say_exactly_what_was_done(how, tmp_path_factory):
    """After a mixed load each count is the client's own, whichever worker is asked, and durations are plausible."""
    if "Redis" in how and REDIS is None:
        pytest.skip(MISSING)
    with served(how, ingested_samples(tmp_path_factory.getbasetemp())) as running:
        load = Load(running)
        load.go()
        seen = settled(running)
        assert_counts(load, seen)
        assert_durations(load, seen)
        assert_dashboards_find(seen)
        if how != "threads":
            assert seen.of("jacie_hub_lag_seconds_count") > 10
            stuck_reader(running)
    ROWS.append({"served by": how, "counts compared": len(load.done) + 8, "series": len(seen.values), "wrong": 0})
    record("60-metrics", "Metrics", "A mixed load, and `/metrics` compared with what its clients counted.", ROWS)


def assert_counts(load: Load, seen: Scraped) -> None:
    """Compare counters and gauges with what was done."""
    ends = {key[1:]: number for key, number in load.done.items() if key[0] == "ended"}
    for (mode, code), number in ends.items():
        assert seen.of("jacie_runs_ended_total", mode=mode, code=code) == number, (mode, code)
    assert seen.of("jacie_runs_ended_total") == seen.of("jacie_runs_started_total") == sum(ends.values())
    failed = sum(number for (_, code), number in ends.items() if code != "succeeded")
    assert seen.of("jacie_errors_total", where="run") == failed == 5
    assert seen.of("jacie_errors_total", where="request") == 7
    for code in ("invalid_request", "not_found"):
        assert seen.of("jacie_errors_total", where="request", code=code) == load.done[("refused", code)]
    assert seen.of("jacie_resumes_total") == load.done["resumed"] == 16
    assert seen.of("jacie_cancels_total") == load.done["cancelled"] == 3
    assert seen.of("jacie_upstream_retries_total", upstream="model") == 2 * 2, "two failing runs, asked three times each"
    for kind in ("prompt", "completion"):
        assert seen.of("jacie_tokens_total", kind=kind) == load.tokens[kind] > 0
    assert seen.of("jacie_http_requests_total", route="/search", status="200") == load.done["searched"]
    assert seen.of("jacie_http_requests_total", route="/chat", status="400") == load.done[("refused", "invalid_request")]
    assert seen.of("jacie_http_requests_total", route="/runs/<run_id>/events", status="200") == load.done["resumed"]
    assert seen.of("jacie_cache_requests_total", cache="text") >= 1


def assert_durations(load: Load, seen: Scraped) -> None:
    """Compare the histograms with how often something was timed, and with times that can be."""
    runs = seen.of("jacie_runs_started_total")
    assert seen.of("jacie_stream_duration_seconds_count") == load.done["streamed"]
    assert seen.of("jacie_time_to_first_event_seconds_count") == seen.of("jacie_run_duration_seconds_count") == runs
    spoke = seen.of("jacie_time_to_first_token_seconds_count")
    assert runs - 5 <= spoke <= runs - 2, "the failing ones said no word, those that were stopped may have"
    assert 0 < seen.of("jacie_time_to_first_event_seconds_sum") < seen.of("jacie_time_to_first_token_seconds_sum")
    assert seen.of("jacie_time_to_first_token_seconds_sum") < seen.of("jacie_run_duration_seconds_sum")
    steps = seen.of("jacie_step_duration_seconds_sum")
    assert 0.9 * seen.of("jacie_run_duration_seconds_sum") < steps <= seen.of("jacie_run_duration_seconds_sum")
    for (name, labels), value in seen.values.items():
        if name.endswith("_bucket") and ("le", "+Inf") in labels:
            others = {key: held for key, held in labels if key != "le"}
            assert value == seen.of(name.replace("_bucket", "_count"), **others), (name, others)


def assert_dashboards_find(seen: Scraped) -> None:
    """Nothing that a dashboard or an alert asks for is missing, save what has not been touched."""
    asked = {name for expression in expressions() for name in names_in(expression)}
    untouched = {"jacie_circuit_state", "jacie_hub_lag_seconds_bucket", "jacie_hub_lag_seconds_count"}
    assert asked - seen.names() <= untouched
