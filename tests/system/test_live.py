"""Liveness on real gunicorn: events arrive when they happen, heartbeats fill the gaps, many at once take no longer than one."""

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from tests.support.jacie import ROOT, Received, Running, ask, gunicorn, ingested_samples, next_of, reading
from tests.support.openai_server import OpenAIServer, Script
from tests.support.servers import OwnProcess
from tests.support.waiting import HANG_S

MONITORED = ROOT / "tests" / "support" / "monitored.conf.py"
SLOW = '{"first_token_s": 5, "total_s": 3}'
QUESTION = {"query": "What was Zanobela's revenue in 2024?"}
STEPS = {
    "chat": ["start", "doc_selection", "doc_loading", "ai_generation", "finalizing", "complete"],
    "fast_chat": ["start", "query_prep", "doc_selection", "vector_search", "ai_generation", "finalizing", "complete"],
}


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    """Jacie on gunicorn, five heartbeats a second, and its model, which is in the test's process."""
    data = ingested_samples(tmp_path_factory.getbasetemp())
    with OpenAIServer() as model, gunicorn(data, OPENAI_BASE_URL=model.url, JACIE_HEARTBEAT_S="0.2") as running:
        running.wait_until_indexed(vectors=True)
        yield running, model


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """Jacie on gunicorn with a model in its own process, 5 s to the first token and 3 s for the rest, and gevent's monitor at 50 ms."""
    data = ingested_samples(tmp_path_factory.getbasetemp())
    with OwnProcess("openai_server.py", "--script", SLOW) as model:
        settings = {"OPENAI_BASE_URL": model.url, "JACIE_HEARTBEAT_S": "1"}
        with gunicorn(data, config=MONITORED, **settings) as running:
            running.wait_until_indexed(vectors=True)
            yield running


def together(count: int, question) -> tuple[list[Received], float]:
    """Ask ``count`` times at once; return what came and the seconds until the last was answered."""
    received: list[Received] = []
    threads = [threading.Thread(target=lambda: received.append(question())) for _ in range(count)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_S)
    return received, time.monotonic() - began


def delays(received: Received) -> list[float]:
    """Return how many seconds after its timestamp each progress event arrived."""
    found = []
    for frame in received.frames:
        if frame.name == "progress":
            found.append(frame.at - datetime.fromisoformat(frame.data["timestamp"]).timestamp())
    return found


@pytest.mark.parametrize("mode", ["chat", "fast_chat"])
def test_events_are_live_and_heartbeats_fill_the_wait(gated: tuple[Running, OpenAIServer], mode: str):
    """The model says its first word after a reader has all steps and two heartbeats, and its second after the reader has the first."""
    running, model = gated
    first_word, second_word = threading.Event(), threading.Event()
    model.script = Script(gates={0: first_word, 1: second_word})
    with reading(running, f"/{mode}/stream", QUESTION) as frames:
        seen = next_of(frames, lambda frame: frame.name == "progress" and frame.data["step"] == "ai_generation")
        steps = [frame.data["step"] for frame in seen if frame.name == "progress"]
        assert list(dict.fromkeys(steps)) == STEPS[mode][: STEPS[mode].index("ai_generation") + 1]
        for _ in range(2):
            assert "token" not in [frame.name for frame in next_of(frames, lambda frame: frame.name == ":")]
        first_word.set()
        next_of(frames, lambda frame: frame.name == "token")
        second_word.set()
        assert next_of(frames, lambda frame: frame.name in ("result", "error"))[-1].name == "result"
        assert list(frames) == []


@pytest.mark.parametrize("mode", ["chat", "fast_chat"])
def test_the_sequence_is_the_protocols(gated: tuple[Running, OpenAIServer], mode: str):
    """Steps, percent, ids and fields are those of the wire contract."""
    running, model = gated
    model.script = Script()
    received = ask(running.url, f"/{mode}/stream", QUESTION)
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


@pytest.mark.soak
def test_the_first_event_is_quick_while_twenty_others_run(slow: Running):
    """With 20 questions running, the median first event of 51 takes no more than three times as long as the median of 51 alone."""
    alone = statistics.median(_first_event_s(slow) for _ in range(51))
    others = threading.Thread(target=lambda: together(20, lambda: ask(slow.url, "/fast_chat/stream", QUESTION)))
    others.start()
    time.sleep(2)  # the others wait for their model
    beside = statistics.median(_first_event_s(slow) for _ in range(51))
    others.join(HANG_S)
    print(f"first event: median {alone * 1000:.1f} ms alone, {beside * 1000:.1f} ms beside 20 others")
    assert beside < 3 * alone, (beside, alone)


@pytest.mark.soak
def test_no_question_blocks_the_hub(slow: Running):
    """gevent's own monitor saw no greenlet hold the hub for 50 ms while questions were answered."""
    before = slow.log.read_text().count("appears to be blocked")
    with ThreadPoolExecutor(len(STEPS)) as pool:
        list(pool.map(lambda mode: together(3, lambda: ask(slow.url, f"/{mode}/stream", QUESTION)), STEPS))
    reports = slow.log.read_text().split("appears to be blocked")[1:]
    assert len(reports) - before == 0, reports[before][:3000]


def _first_event_s(running: Running) -> float:
    """Ask, return the seconds until the first event, and leave."""
    began = time.monotonic()
    body = {**QUESTION, "on_disconnect": "cancel", "auto_load_documents": False}
    with reading(running, "/chat/stream", body) as frames:
        next_of(frames, lambda frame: frame.name != ":")
        return time.monotonic() - began
