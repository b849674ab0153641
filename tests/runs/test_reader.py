"""The reader of logs: live, resumed, finished and lost runs as bytes, as one result and as a state."""

import json
import threading

import msgspec
import pytest

from jacie_flask.errors import LLMUnavailable, NotFound, ProducerLost, StateLost
from jacie_flask.events import Progress, Result, Source, Token, Turn, Usage
from jacie_flask.interfaces import Entry, RunInfo
from jacie_flask.runs import reader, sse
from jacie_flask.runs.memory_log import MemoryLog

RESULT = Result(
    response="Revenue rose.", documents_loaded=["a.pdf"], document_selection_message="", sources=[], citations=[], usage=Usage(),
    conversation_history=[Turn(role="user", content="?")], timings_ms={}, model="m", finish_reason="stop", degraded=[], run_id="r",
)  # fmt: skip
SOURCE = Source(
    n=1,
    document_id="d",
    filename="a.pdf",
    company="A",
    period="2023",
    document_type="10-K",
    page=3,
    snippet="s",
    score=1.0,
    url="/",
)


@pytest.fixture
def log():
    """Return a log with one open run, ``r``."""
    made = MemoryLog(keep_s=60)
    made.create(RunInfo(run_id="r", request_id="q", mode="chat", created_at=1.0, updated_at=2.0))
    return made


def say(log, *events):
    """Append events behind what is there."""
    for event in events:
        log.append("r", [sse.entry(event, 1, len(log.read("r", reader.START, 0)) + 1)])


def progress(percent):
    """Return a step's report."""
    return Progress(step="start", message="", progress=percent, timestamp="", elapsed_ms=0)


def read(log, after=reader.START, heartbeat_s=0.02):
    """Return a whole stream, cut into its pieces."""
    return list(reader.stream(log, "r", after, heartbeat_s, "q"))


def test_a_finished_run_replays(log):
    """The preamble and everything behind it in one piece, then the end."""
    say(log, progress(5), Token(text="Revenue rose."), RESULT)
    assert read(log) == [sse.PREAMBLE + sse.RETRY + sse.frames(log.read("r", reader.START, 0))]


@pytest.mark.parametrize("seen", range(3))
def test_a_resumed_run_goes_on_behind_the_last_id(log, seen):
    """Nothing is sent twice and nothing is missed."""
    say(log, progress(5), Token(text="Revenue rose."), RESULT)
    entries = log.read("r", reader.START, 0)
    assert read(log, (1, seen) if seen else reader.START) == [sse.PREAMBLE + sse.RETRY + sse.frames(entries[seen:])]


def test_resuming_behind_the_end_ends(log):
    """A client that has seen all gets nothing more, and is not kept waiting."""
    say(log, RESULT)
    assert read(log, (1, 1), heartbeat_s=5) == []


def test_a_reader_who_is_sent_on_is_told_nothing_twice(log):
    """The frame that ends a stream comes alone: what was sent before it is not sent again."""
    say(log, progress(5), Token(text="Revenue"))
    for reason in (reader.Moved(500), ProducerLost()):
        stream = reader.stream(log, "r", reader.START, 5, "q")
        assert b"Revenue" in next(stream)
        last = stream.throw(reason)
        assert last.count(b"event: ") == 1
        assert b"Revenue" not in last


def test_heartbeats_fill_the_silence(log):
    """While nothing comes a comment is sent an interval, and none behind an event that came in time."""
    stream = reader.stream(log, "r", reader.START, 0.02, "q")
    assert [next(stream) for _ in range(3)] == [sse.PREAMBLE, sse.HEARTBEAT, sse.HEARTBEAT]
    say(log, Token(text="a"), Token(text="b"))
    assert next(stream) == sse.RETRY + sse.frames(log.read("r", reader.START, 0))
    assert next(stream) == sse.HEARTBEAT
    say(log, RESULT)
    assert next(stream).startswith(b"id: 1.3\nevent: result\n")
    assert list(stream) == []


def folded(log):
    """Return the state of the run as a poll gets it."""
    return msgspec.json.decode(reader.state(log, "r"), type=reader.Folded)


def lost(piece):
    """Return the data of an error frame."""
    lines = piece.decode().removeprefix(sse.PREAMBLE.decode()).removeprefix(sse.RETRY.decode()).split("\n")
    assert lines[1] == "event: error"
    return json.loads(lines[2].removeprefix("data: "))


@pytest.mark.parametrize(("run_id", "after"), [("unknown", (0, 0)), ("r", (2, 7)), ("r", (3, 1))])
def test_a_lost_log_ends_with_an_error(log, run_id, after):
    """Unknown runs and positions end in state_lost, with the ids that belong to it, never in silence."""
    say(log, Token(text="a"))
    pieces = list(reader.stream(log, run_id, after, 0.02, "q"))
    data = lost(pieces[-1])
    assert (data["code"], data["retryable"], data["run_id"], data["request_id"]) == ("state_lost", True, run_id, "q")
    assert len(pieces) == 1


@pytest.mark.parametrize("reason", [reader.Moved(500), ProducerLost("stopped")])
def test_who_has_the_end_is_told_nothing_behind_it(log, reason):
    """A reason to end that comes while the terminal frame is sent adds no second end."""
    say(log, RESULT)
    stream = reader.stream(log, "r", reader.START, 0.02, "q")
    assert b"event: result" in next(stream)
    assert list(reader.ending(stream, reason)) == []


def test_who_has_not_the_end_is_told_why_there_is_none(log):
    """The same reason before the terminal frame is the end."""
    stream = reader.stream(log, "r", reader.START, 0.02, "q")
    next(stream)
    assert b'"code":"producer_lost"' in b"".join(reader.ending(stream, ProducerLost("stopped")))


def test_a_position_still_to_come_is_waited_for_with_heartbeats(log):
    """A reader that is ahead of a living run is kept, hears nothing twice, and goes on behind its position."""
    say(log, Token(text="a"))
    stream = reader.stream(log, "r", (1, 3), 0.02, "q")
    assert [next(stream), next(stream)] == [sse.PREAMBLE, sse.HEARTBEAT]
    say(log, Token(text="b"), Token(text="c"), RESULT)
    assert list(stream) == [sse.RETRY + sse.frames(log.read("r", (1, 3), 0))]


def test_a_run_that_ends_below_the_position_ends_with_an_error(log):
    """Who waited for a position that did not come hears state_lost, never silence."""
    stream = reader.stream(log, "r", (1, 9), 0.02, "q")
    assert next(stream) == sse.PREAMBLE
    say(log, RESULT)
    (piece,) = stream
    assert piece.startswith(sse.RETRY + b"id: 1.10\nevent: error")
    assert b"state_lost" in piece


def test_a_log_that_is_lost_on_the_way_ends_with_a_higher_id():
    """Ids rise to the last, also when the record went while it was read."""
    now = [0.0]
    log = MemoryLog(keep_s=1, timer=lambda: now[0])
    log.create(RunInfo(run_id="r", request_id="q", mode="chat", created_at=0, updated_at=0))
    log.append("r", [sse.entry(Token(text=text), 1, n) for n, text in enumerate("abc", 1)])
    stream = reader.stream(log, "r", reader.START, 5, "q")
    assert next(stream) == sse.PREAMBLE + sse.RETRY + sse.frames(log.read("r", reader.START, 0))
    log.append("r", [sse.entry(RESULT, 1, 4)])
    now[0] = 10
    last = next(stream)
    assert last.startswith(b"id: 1.4\n")
    assert lost(last)["code"] == "state_lost"


def test_wait_returns_how_it_ended(log):
    """The folded answer is the terminal event, as it was written."""
    threading.Timer(0.05, lambda: say(log, Token(text="a"), RESULT)).start()
    assert reader.wait(log, "r") == RESULT


def test_wait_returns_failures(log):
    """A failure is an end like any other."""
    failed = reader.failure(
        LLMUnavailable("host 10.0.0.7 refused"), run_id="r", request_id="q", step="ai", partial_response="Rev"
    )
    say(log, failed)
    assert reader.wait(log, "r") == failed
    with pytest.raises(NotFound):
        reader.wait(log, "unknown")


def test_a_failure_shows_the_public_sentence_only():
    """Hosts and upstream messages stay in our log."""
    made = reader.failure(LLMUnavailable("host 10.0.0.7 refused", retry_after_s=3), run_id="r", request_id="q", sources=(SOURCE,))
    assert "10.0.0.7" not in msgspec.json.encode(made).decode()
    assert (made.error, made.code, made.retryable, made.retry_after_s) == (LLMUnavailable.public, "llm_unavailable", True, 3)
    assert made.sources == [SOURCE]


def test_fold_tells_the_state(log):
    """Queued, running with its percent, and how it ended."""
    assert msgspec.structs.astuple(folded(log)) == ("r", "queued", 0.0, [], None, None, 1.0, 2.0)
    say(log, progress(5), progress(20), Token(text="a"))
    running = folded(log)
    assert (running.status, running.latest_progress, running.progress) == ("running", 20, [progress(5), progress(20)])
    say(log, RESULT)
    ended = folded(log)
    assert (ended.status, ended.result, ended.error) == ("succeeded", RESULT, None)


@pytest.mark.parametrize(("code", "status"), [("cancelled", "cancelled"), ("llm_timeout", "failed"), ("internal", "failed")])
def test_fold_tells_failures_apart(log, code, status):
    """Stopped by somebody is not failed."""
    base = reader.failure(StateLost(), run_id="r", request_id="q")
    say(log, msgspec.structs.replace(base, code=code))
    assert reader.status(log, "r") == status


def test_fold_of_an_unknown_run_is_not_found(log):
    """Polling tells unknown runs as everybody does."""
    with pytest.raises(NotFound):
        reader.state(log, "unknown")


def test_a_poll_neither_decodes_nor_encodes_the_answer(log):
    """The recorded result goes into the state as it is, byte for byte, whatever it holds: 5 MB of it hold up nobody."""
    data = b'{"response" : "' + b"x" * 5_000_000 + b'", "of another version": [1, 2]}'
    log.append("r", [Entry(1, 1, "result", data, True)])
    assert b'"result":' + data in reader.state(log, "r")
    assert reader.status(log, "r") == "succeeded"


@pytest.mark.parametrize("name", ["error", "progress"])
def test_a_recorded_event_that_is_no_json_loses_the_state_alone(log, name):
    """A poll of what cannot be read is refused as state_lost, not as a defect."""
    log.append("r", [Entry(1, 1, name, b"{", name == "error")])
    with pytest.raises(StateLost):
        reader.state(log, "r")
