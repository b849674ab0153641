"""Runs by their id on real gunicorn: resumed, replayed, polled, joined by key, cancelled."""

import http.client
import json
import threading
import urllib.error
import urllib.request

import pytest

from tests.support.jacie import Running, ask, gunicorn, ingested_samples, wait_for_words
from tests.support.openai_server import OpenAIServer, Script
from tests.support.waiting import wait_for

QUESTION = {"query": "What was Zanobela's revenue in 2024?"}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Jacie with a model that takes about a second."""
    with (
        OpenAIServer(Script(first_token_s=0.3, total_s=0.7)) as model,
        gunicorn(ingested_samples(tmp_path_factory.getbasetemp()), OPENAI_BASE_URL=model.url) as running,
    ):
        running.wait_until_indexed()
        yield running, model


def status_of(running: Running, path: str, method: str = "GET", headers: dict | None = None) -> tuple[int, dict]:
    """Return (status, headers) of a request without reading a stream to its end."""
    connection = http.client.HTTPConnection(running.url.removeprefix("http://"), timeout=60)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.headers)
    finally:
        connection.close()


def told(frames):
    """Return all events in order, with the text of tokens that follow each other as one: a replay joins them."""
    found: list = []
    for frame in frames:
        if frame.id and frame.name == "token" and found and found[-1][0] == "token":
            found[-1] = ("token", found[-1][1] + frame.data["text"])
        elif frame.id:
            found.append((frame.name, frame.data["text"] if frame.name == "token" else frame.data))
    return found


def test_every_cut_resumes_to_the_same_events(served):
    """From each id on, the rest of a finished run is exactly the rest of its events; after the last there is nothing."""
    running, _ = served
    whole = [frame for frame in ask(running.url, "/fast_chat/stream", QUESTION).frames if frame.id]
    run_id = whole[-1].data["run_id"]
    for at in range(len(whole) - 1):
        rest = ask(running.url, f"/runs/{run_id}/events", None, headers={"Last-Event-ID": whole[at].id})
        assert rest.frames[-1].id == whole[-1].id
        assert told(rest.frames) == told(whole[at + 1 :])
    assert status_of(running, f"/runs/{run_id}/events?after={whole[-1].id}")[0] == 204


def test_the_same_post_continues_after_an_event(served):
    """With its key and the last id it is the same run from there on, in a header or in the address; the model is asked once."""
    running, model = served
    before = len(model.chats)
    key = {"Idempotency-Key": "continued"}
    whole = [frame for frame in ask(running.url, "/chat/stream", QUESTION, headers=key).frames if frame.id]
    for at in (0, len(whole) // 2, len(whole) - 2):
        by_header = ask(running.url, "/chat/stream", QUESTION, headers={**key, "Last-Event-ID": whole[at].id})
        by_address = ask(running.url, f"/chat/stream?lastEventId={whole[at].id}", QUESTION, headers=key)
        assert told(by_header.frames) == told(by_address.frames) == told(whole[at + 1 :])
    assert told(ask(running.url, "/chat/stream", QUESTION, headers={**key, "Last-Event-ID": whole[-1].id}).frames) == []
    assert len(model.chats) == before + 1
    run_id = whole[-1].data["run_id"]
    assert told(ask(running.url, f"/runs/{run_id}/events?lastEventId={whole[0].id}", None).frames) == told(whole[1:])


def test_a_post_that_continues_nothing_says_so(served):
    """A key without a run, another question and an id that is none are refused; without a key the question is a new one."""
    running, model = served
    before = len(model.chats)
    key = {"Idempotency-Key": "never used", "Last-Event-ID": "1.3"}
    assert ask(running.url, "/chat/stream", QUESTION, headers=key).frames[0].data["code"] == "state_lost"
    assert ask(running.url, "/chat/stream", QUESTION, headers={**key, "Last-Event-ID": "x"}).status == 400
    assert len(model.chats) == before
    fresh = ask(running.url, "/chat/stream", QUESTION, headers={"Last-Event-ID": "1.3"})
    assert next(frame.id for frame in fresh.frames if frame.id) == "1.1"
    assert fresh.terminal.name == "result"


def test_a_running_stream_is_resumed_live(served):
    """A second reader that joins in the middle gets the events it missed at once and the others as they come."""
    running, _ = served
    status, accepted = running.post("/chat/stream", QUESTION, headers={"Prefer": "respond-async"})
    assert status == 202
    assert accepted["status"] in ("queued", "running")
    received = ask(running.url, accepted["events_url"], None)
    assert received.terminal.name == "result"


def test_polling_ends_with_the_result(served):
    """GET /runs/<id> moves from running to succeeded and then holds the result and all progress."""
    running, _ = served
    _, accepted = running.post("/chat/stream", QUESTION, headers={"Prefer": "respond-async"})
    seen = set()

    def succeeded():
        state = running.get(accepted["status_url"])
        seen.add(state["status"])
        return state if state["status"] == "succeeded" else None

    state = wait_for(succeeded)
    assert seen <= {"queued", "running", "succeeded"}
    assert state["latest_progress"] == 100
    assert state["result"]["run_id"] == accepted["run_id"]
    assert [event["step"] for event in state["progress"]][-1] == "complete"


def test_one_key_is_one_run_and_one_model_call(served):
    """Twenty simultaneous posts with one Idempotency-Key, on the stream and on its twin, ask the model once."""
    running, model = served
    before = len(model.chats)
    headers = {"Idempotency-Key": "twenty"}
    found: list[str] = []

    def stream() -> None:
        found.append(ask(running.url, "/chat/stream", QUESTION, headers=headers).terminal.data["run_id"])

    def twin() -> None:
        found.append(running.post("/chat", QUESTION, headers=headers)[1]["run_id"])

    threads = [threading.Thread(target=stream if n % 2 else twin) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 20
    assert len(set(found)) == 1
    assert len(model.chats) == before + 1
    status, problem = running.post("/chat", {"query": "Another question?"}, headers=headers)
    assert (status, problem["code"]) == (422, "conflict")


def test_cancel_stops_the_model_and_keeps_what_was_said(served):
    """After a cancel the model's connection is closed and the run ends with its partial answer and sources."""
    running, model = served
    quick, model.script = model.script, Script(first_token_s=0.1, token_s=0.5)
    _, accepted = running.post("/chat/stream", QUESTION, headers={"Prefer": "respond-async"})
    seen: list = []
    reader = threading.Thread(target=lambda: seen.append(ask(running.url, accepted["events_url"], None)))
    reader.start()
    wait_for_words(running.url, accepted["events_url"])
    model.script = quick
    for _ in range(2):
        status, _ = running.post(accepted["cancel_url"], {})
        assert status == 202
    reader.join(60)
    error = seen[0].terminal.data
    assert error["code"] == "cancelled"
    assert error["sources"]
    assert error["partial_response"] == "".join(token["text"] for token in seen[0].named("token"))
    assert model.chats[-1].client_closed.wait(60)
    assert running.get(accepted["status_url"])["status"] == "cancelled"


@pytest.mark.parametrize("run_id", ["nope", "..%2f..%2fetc", "x" * 300])
def test_an_unknown_run_is_a_404_everywhere(served, run_id):
    """Events, state and cancel of a run that is not there are the same 404."""
    running, _ = served
    for method, path in (("GET", f"/runs/{run_id}/events"), ("GET", f"/runs/{run_id}"), ("POST", f"/runs/{run_id}/cancel")):
        assert status_of(running, path, method)[0] == 404


def test_positions_that_cannot_be_are_told_apart(served):
    """A malformed id is a 400 before the stream; one ahead of the log is an error event with state_lost."""
    running, _ = served
    run_id = ask(running.url, "/fast_chat/stream", QUESTION).headers["X-Run-Id"]
    assert status_of(running, f"/runs/{run_id}/events?after=banana")[0] == 400
    ahead = ask(running.url, f"/runs/{run_id}/events?after=1.9999", None)
    assert ahead.terminal.data["code"] == "state_lost"


def test_head_of_a_stream_leaves_no_reader_behind(served):
    """HEAD says what GET would be, and a run whose only reader left still ends by its grace."""
    running, _ = served
    _, accepted = running.post("/chat/stream", QUESTION, headers={"Prefer": "respond-async"})
    status, headers = status_of(running, accepted["events_url"], "HEAD")
    assert (status, headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
    assert ask(running.url, accepted["events_url"], None).terminal.name == "result"


def test_a_full_worker_refuses_at_once(tmp_path_factory):
    """With as many runs as allowed the next question is a 503 with Retry-After, and works again later."""
    with (
        OpenAIServer(Script(first_token_s=3600)) as model,
        gunicorn(ingested_samples(tmp_path_factory.getbasetemp()), OPENAI_BASE_URL=model.url, JACIE_MAX_RUNS="2") as running,
    ):
        begun = [running.post("/chat/stream", QUESTION, headers={"Prefer": "respond-async"})[1] for _ in range(2)]
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(
                urllib.request.Request(running.url + "/chat", json.dumps(QUESTION).encode(), {"Content-Type": "application/json"})
            )
        with refused.value as problem:
            assert problem.code == 503
            assert int(problem.headers["Retry-After"]) >= 1
            assert json.load(problem)["code"] == "overloaded"
        model.script = Script()
        for one in begun:
            running.post(one["cancel_url"], {})
            ask(running.url, one["events_url"], None)
        assert running.post("/chat", QUESTION)[0] == 200
