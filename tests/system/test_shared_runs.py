"""Two workers and a Redis: wherever a client comes back, asks again or cancels, it is the same run."""

import json
import re
import socket
import subprocess
import sys

import pytest

from tests.support import scenarios, told_model
from tests.support.jacie import ROOT, ask, environment, wait_for_words
from tests.support.redis_server import MISSING, REDIS, RedisServer
from tests.support.scenarios import accepted, at_once, followed, two_workers
from tests.support.waiting import wait_for

pytestmark = pytest.mark.skipif(REDIS is None, reason=MISSING)


@pytest.fixture(scope="module")
def shared(data, model):
    """Jacie with two workers and a short grace."""
    with RedisServer() as redis, two_workers(data, redis, model.url, JACIE_DISCONNECT_GRACE_S="1.5") as both:
        both.wait_for_workers()
        yield both


def test_random_cuts_change_no_character(shared):
    """60 answers at once over connections that are cut at random bytes, resumed on any worker: each text is the model's own."""
    tally = scenarios.cut(shared.running.url, runs=60, cuts_each=5, seed=1)
    print(tally)
    assert tally.unfinished == []
    assert (tally.wrong, tally.doubled) == (0, 0)
    assert tally.cuts > 120


def test_one_key_is_one_model_call_on_all_workers(shared, model):
    """50 simultaneous posts with one Idempotency-Key are one run and one call; the same key with another body is refused."""
    question, headers = told_model.question(7001), {"Idempotency-Key": "fifty"}
    before = len(model.chats)
    found = at_once(
        [lambda: ask(shared.running.url, "/chat/stream", question, headers=headers).terminal.data for _ in range(50)], 50
    )
    assert {end["response"] for end in found} == {told_model.answer(7001)}
    assert len({end["run_id"] for end in found}) == 1
    assert len(model.chats) - before == 1
    refused = at_once([lambda: shared.running.post("/chat", told_model.question(7002), headers=headers) for _ in range(8)])
    assert {(status, problem["code"]) for status, problem in refused} == {(422, "conflict")}


def test_a_reader_on_another_worker_follows_live(shared):
    """What one worker writes another one streams, and polling there says the same."""
    run_id = accepted(shared, told_model.question(7101, total_s=1.0))
    with shared.connection(owner=False) as elsewhere:
        assert followed(elsewhere, run_id) == (told_model.answer(7101), "result")
    assert shared.running.get(f"/runs/{run_id}")["status"] == "succeeded"


def test_a_cancel_on_any_worker_stops_the_model(shared, model):
    """From whichever worker: the model's connection is closed at once, and the run keeps what was said."""
    times = scenarios.cancelled_after(shared.running.url, model, times=40, how="cancel")
    print(f"cancel to upstream closed: p50 {times[20] * 1000:.1f} ms, p99 {times[-1] * 1000:.1f} ms")
    assert times[20] < 0.3
    run_id = accepted(shared, told_model.question(7202, 100, total_s=20.0))
    with shared.connection(owner=False) as elsewhere:
        wait_for_words(shared.running.url, f"/runs/{run_id}/events")
        elsewhere.request("POST", f"/runs/{run_id}/cancel")
        assert json.load(elsewhere.getresponse())["run_id"] == run_id
        text, end = followed(elsewhere, run_id)
        assert end == "error"
        state = _state(elsewhere, run_id)
    assert (state["status"], state["error"]["partial_response"]) == ("cancelled", text)
    assert text
    assert told_model.answer(7202, 100).startswith(text)


def _state(connection, run_id):
    connection.request("GET", f"/runs/{run_id}")
    return json.load(connection.getresponse())


def test_a_reader_on_another_worker_keeps_the_run(shared):
    """The client leaves the worker that answers and reads elsewhere: the run outlives its grace and its text is whole."""
    port = int(shared.running.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(scenarios.post(told_model.question(7301, total_s=4.0)))
        seen = b""
        while b"event: token" not in seen:
            seen += sock.recv(65536)
    run_id = re.search(rb"X-Run-Id: (\S+)", seen)[1].decode()
    with shared.connection(owner=False) as elsewhere:
        assert followed(elsewhere, run_id) == (told_model.answer(7301), "result")


def test_starting_and_leaving_leaves_nothing_behind(shared):
    """After 200 clients that came and left, descriptors, greenlets and Redis keys are what they were."""
    scenarios.start_and_leave(shared.running.url, times=40, seed=1)  # the pools that stay
    idle = lambda: sum(_active(shared) for _ in range(6)) == 0  # noqa: E731
    wait_for(idle)
    wait_for(lambda: not shared.redis.keys("jacie:run:*"))
    keys, descriptors, greenlets = len(shared.redis.keys()), shared.descriptors(), shared.greenlets()
    scenarios.start_and_leave(shared.running.url, times=200, seed=2)
    wait_for(idle)
    wait_for(lambda: len(shared.redis.keys()) <= keys)
    wait_for(lambda: shared.descriptors() <= descriptors + 8)
    wait_for(lambda: shared.greenlets() <= greenlets)


def _active(shared):
    return shared.running.get("/ready")["parts"]["runs"]["active"]


def test_more_than_one_worker_without_redis_is_refused(tmp_path):
    """The boot ends at once and says why."""
    command = [sys.executable, "-m", "gunicorn", "wsgi:app"]
    values = environment(tmp_path, WEB_CONCURRENCY="2", OPENAI_BASE_URL="http://127.0.0.1:9", PORT="0")
    done = subprocess.run(command, cwd=ROOT, env=values, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode != 0
    assert "needs a shared run log" in done.stderr
    assert "Traceback" not in done.stderr
