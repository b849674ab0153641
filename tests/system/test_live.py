"""Liveness on real gunicorn: events arrive when they happen, heartbeats fill the gaps, many at once take no longer than one."""

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import pytest

from tests.support.busyness import Busyness
from tests.support.jacie import ROOT, Received, Running, ask, gunicorn, ingested_samples
from tests.support.servers import OwnProcess

MONITORED = ROOT / "tests" / "support" / "monitored.conf.py"
SLOW = '{"first_token_s": 5, "total_s": 3}'
QUESTION = {"query": "What was Zanobela's revenue in 2024?"}
STEPS = {
    "chat": ["start", "doc_selection", "doc_loading", "ai_generation", "finalizing", "complete"],
    "fast_chat": ["start", "query_prep", "doc_selection", "vector_search", "ai_generation", "finalizing", "complete"],
}


@dataclass
class Answers:
    """One answer in each mode, and how long the machine kept a process waiting meanwhile, at most."""

    by_mode: dict[str, Received]
    busy_s: float


@pytest.fixture(scope="module")
def slow_model():
    """A model in its own process: 5 s to the first token, 3 s for the rest."""
    with OwnProcess("openai_server.py", "--script", SLOW) as server:
        yield server.url


@pytest.fixture(scope="module")
def slow(tmp_path_factory, slow_model):
    """Jacie on gunicorn with the slow model, a heartbeat a second and gevent's monitor at 50 ms."""
    settings = {"OPENAI_BASE_URL": slow_model, "JACIE_HEARTBEAT_S": "1"}
    with gunicorn(ingested_samples(tmp_path_factory.getbasetemp()), config=MONITORED, **settings) as running:
        running.wait_until_indexed(90, vectors=True)
        yield running


@pytest.fixture(scope="module")
def answered(slow) -> Answers:
    """The answers to one question in each mode, asked side by side."""
    with ThreadPoolExecutor(2) as pool, Busyness() as machine:
        asked = {mode: pool.submit(ask, slow.url, f"/{mode}/stream", QUESTION) for mode in STEPS}
        found = {mode: job.result() for mode, job in asked.items()}
    return Answers(found, machine.longest_s)


def together(count: int, question) -> tuple[list[Received], float]:
    """Ask ``count`` times at once; return what came and the seconds until the last was answered."""
    received: list[Received] = []
    threads = [threading.Thread(target=lambda: received.append(question())) for _ in range(count)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return received, time.monotonic() - began


def delays(received: Received) -> list[float]:
    """Return how many seconds after its timestamp each progress event arrived."""
    found = []
    for frame in received.frames:
        if frame.name == "progress":
            found.append(frame.at - datetime.fromisoformat(frame.data["timestamp"]).timestamp())
    return found


@pytest.mark.parametrize("mode", ["chat", "fast_chat"])
def test_events_are_live_and_heartbeats_fill_the_wait(answered: Answers, mode: str):
    """Each event arrives within 100 ms of its timestamp, and heartbeats come each second while the model thinks."""
    received = answered.by_mode[mode]
    assert received.terminal.name == "result", received.terminal
    assert max(delays(received)) < 0.1 + 3 * answered.busy_s, (delays(received), answered.busy_s)
    named = [frame for frame in received.frames if frame.name != ":"]
    generation = next(frame.at for frame in named if frame.name == "progress" and frame.data["step"] == "ai_generation")
    first_token = next(frame.at for frame in named if frame.name == "token")
    assert first_token - generation > 4.5
    assert 3 <= sum(generation < beat.at < first_token for beat in received.comments) <= 6
    tokens = [frame.at for frame in named if frame.name == "token"]
    assert tokens[-1] - tokens[0] > 1.5, "the tokens came in one piece"


@pytest.mark.parametrize("mode", ["chat", "fast_chat"])
def test_the_sequence_is_the_protocols(answered: Answers, mode: str):
    """Steps, percent, ids and fields are those of the wire contract."""
    received = answered.by_mode[mode]
    progress = received.named("progress")
    assert list(dict.fromkeys(event["step"] for event in progress)) == STEPS[mode]
    percent = [event["progress"] for event in progress]
    assert percent == sorted(percent)
    assert percent[0] == 5
    assert percent[-1] == 100
    offsets = [int(frame.id.split(".")[1]) for frame in received.frames if frame.id]
    assert offsets == list(range(1, len(offsets) + 1))
    result = received.terminal.data
    assert "".join(token["text"] for token in received.named("token")) == result["response"]
    assert received.frames.index(received.terminal) == len(received.frames) - 1
    assert received.named("sources")[0]["sources"] == result["sources"]
    assert set(result) == {
        "response", "documents_loaded", "document_selection_message", "conversation_history", "sources", "citations", "usage",
        "timings_ms", "model", "finish_reason", "degraded", "run_id", "basis", "calculations", "declined",
    }  # fmt: skip
    assert received.headers["X-Run-Id"] == result["run_id"]
    assert received.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert received.headers["Cache-Control"] == "no-cache, no-transform"
    assert received.headers["X-Accel-Buffering"] == "no"
    assert received.headers["Content-Location"] == f"/runs/{result['run_id']}/events"


@pytest.mark.soak
def test_ten_at_once_take_no_longer_than_one(slow: Running):
    """Ten slow questions at once end within 20 % of the time of one."""
    _, alone = together(1, lambda: ask(slow.url, "/chat/stream", QUESTION))
    received, all_ten = together(10, lambda: ask(slow.url, "/chat/stream", QUESTION))
    assert [one.terminal.name for one in received] == ["result"] * 10
    assert all_ten < 1.2 * alone, (all_ten, alone)
    late = [delay for one in received for delay in delays(one)]
    assert statistics.median(late) < 0.1


def test_the_first_event_is_quick_while_twenty_others_run(slow: Running):
    """With 20 questions running, the first event of another leaves within 30 ms of its request at the median."""
    others = threading.Thread(target=lambda: together(20, lambda: ask(slow.url, "/fast_chat/stream", QUESTION)))
    others.start()
    time.sleep(2)
    times = []
    with Busyness() as machine:
        for _ in range(11):
            began = time.time()
            body = {**QUESTION, "on_disconnect": "cancel", "auto_load_documents": False}
            times.append(_first_event(slow, body) - began)
    others.join(60)
    assert statistics.median(times) < 0.03 + machine.longest_s, (times, machine.longest_s)


def test_no_question_blocks_the_hub(slow: Running):
    """gevent's own monitor saw no greenlet hold the hub for 50 ms while questions were answered."""
    before = slow.log.read_text().count("appears to be blocked")
    with ThreadPoolExecutor(len(STEPS)) as pool:
        list(pool.map(lambda mode: together(3, lambda: ask(slow.url, f"/{mode}/stream", QUESTION)), STEPS))
    reports = slow.log.read_text().split("appears to be blocked")[1:]
    assert len(reports) - before == 0, reports[before][:3000]


def _first_event(running: Running, body) -> float:
    import http.client
    import json

    connection = http.client.HTTPConnection(running.url.removeprefix("http://"), timeout=10)
    connection.request("POST", "/chat/stream", json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    try:
        for line in answer:
            if line.startswith(b"event:"):
                return time.time()
        raise AssertionError("no event came")
    finally:
        connection.close()
