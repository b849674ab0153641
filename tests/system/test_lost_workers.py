"""Workers that stop, die and lose their Redis, two of them: every client ends with its whole text or hears why not."""

import os
import random
import signal
import threading
import time
import urllib.request

import pytest

from jacie_flask.runs.redis_connection import connect
from tests.support import scenarios, told_model
from tests.support.cutting import CuttingClient
from tests.support.jacie import parse
from tests.support.redis_server import MISSING, REDIS, RedisServer
from tests.support.reliability import record
from tests.support.scenarios import accepted, at_once, followed, two_workers
from tests.support.servers import OwnProcess
from tests.support.waiting import wait_for

pytestmark = pytest.mark.skipif(REDIS is None, reason=MISSING)


@pytest.fixture(scope="module")
def model():
    """A model that answers what its question says."""
    with OwnProcess("told_model.py") as server:
        yield server


@pytest.fixture(scope="module")
def shared(data, model):
    """Jacie with two workers and a short grace."""
    with RedisServer() as redis, two_workers(data, redis, model.url, JACIE_DISCONNECT_GRACE_S="1.5") as both:
        yield both


def streaming(shared, questions, seconds=60):
    """Follow questions at once as clients that resume; return their threads and what they are told."""
    clients = [CuttingClient(shared.running.url, question, random.Random(n)) for n, question in enumerate(questions)]
    threads = [threading.Thread(target=client.run, args=(seconds,)) for client in clients]
    for thread in threads:
        thread.start()
    return threads, [client.told for client in clients]


def runs(shared):
    """Return how many runs were begun; a connection that was only opened may still be turned away."""
    return len(shared.redis.keys("jacie:run:*"))


def events_of(connection, run_id):
    """Yield what a run's stream says on a kept connection, where it sends its reader on included."""
    connection.request("GET", f"/runs/{run_id}/events")
    return (frame for frame in parse(connection.getresponse()) if frame.name != ":")


def following(connection, run_id):
    """Yield a run's frames as they come on a kept connection."""
    connection.request("GET", f"/runs/{run_id}/events")
    return (frame for frame in parse(connection.getresponse()) if frame.id)


def test_a_worker_restarts_under_live_streams(shared):
    """SIGTERM to one of two workers under 40 streams: its readers are sent on, and every client has its whole text."""
    pids = shared.wait_for_workers()
    questions = [told_model.question(7400 + n, total_s=6.0, on_disconnect=("continue", "cancel")[n % 2]) for n in range(40)]
    threads, told = streaming(shared, questions)
    wait_for(lambda: runs(shared) == 40)
    time.sleep(0.7)
    os.kill(pids[0], signal.SIGTERM)
    for thread in threads:
        thread.join()
    assert [one.end for one in told] == ["result"] * 40
    assert [one.text for one in told] == [told_model.answer(7400 + n) for n in range(40)]
    assert sum(one.reconnects for one in told) > 0
    assert sum(one.doubled for one in told) == 0
    shared.wait_for_workers()


@pytest.mark.soak
def test_killed_workers_leave_no_run_without_an_end(shared):
    """kill -9 of a random worker at random moments: each run has its terminal event, and no text is wrong."""
    tally = scenarios.kill(shared, kills=3, runs=12, seed=3)
    print(tally)
    assert tally.endless == []
    assert tally.wrong == []


def test_the_master_stops_under_live_streams(data, model):
    """SIGTERM to the master: there is nowhere to go, so 40 streams on two workers are read to their ends."""
    with RedisServer() as redis, two_workers(data, redis, model.url) as shared:
        shared.wait_for_workers()
        threads, told = streaming(shared, [told_model.question(7500 + n, total_s=6.0) for n in range(40)])
        wait_for(lambda: runs(shared) == 40)
        time.sleep(0.7)
        shared.running.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        assert [one.text for one in told] == [told_model.answer(7500 + n) for n in range(40)]
        assert [(one.end, one.reconnects, one.connections) for one in told] == [("result", 0, 1)] * 40
        shared.running.process.wait(60)
        assert redis.keys("jacie:work*") == set()


def test_redis_is_away_at_the_start_and_goes_again(data, model):
    """Answers work all the time and say when they cannot be resumed; a reader elsewhere is sent on, never left in silence."""
    with RedisServer() as redis:
        redis.kill()
        with two_workers(data, redis, model.url) as shared:
            wait_for(lambda: len(shared.workers()) == 2)
            assert shared.running.get("/ready")["parts"]["runs"]["resumable"] is False
            status, told = shared.running.post("/chat", told_model.question(7601, total_s=0.2))
            assert (status, told["response"]) == (200, told_model.answer(7601))
            assert any("one server only" in sentence for sentence in told["degraded"])
            redis.start()
            shared.wait_for_workers()
            run_id = accepted(shared, told_model.question(7602, total_s=5.5))
            with shared.connection(owner=False) as elsewhere, shared.connection(owner=True) as here:
                threading.Timer(0.7, redis.kill).start()
                there, whole = at_once([lambda: followed(elsewhere, run_id), lambda: followed(here, run_id)])
            assert whole == (told_model.answer(7602), "result")
            assert there[1] == "reconnect"
            assert whole[0].startswith(there[0])


@pytest.mark.reliability
@pytest.mark.parametrize("silent_s", [0.0, 7.0], ids=["words said", "no word yet"])
def test_a_stopped_and_revived_worker_tells_its_readers_the_recorded_end(data, model, silent_s):
    """SIGSTOP until the other worker has taken the run over, then SIGCONT: readers of both, and whoever comes later, get one end."""
    with RedisServer() as redis, two_workers(data, redis, model.url, JACIE_DISCONNECT_GRACE_S="20") as shared:
        shared.wait_for_workers()
        run_id = accepted(shared, told_model.question(7800, words=40, silent_s=silent_s, total_s=2.0))
        with shared.connection(owner=True) as here, shared.connection(owner=False) as elsewhere:
            pid = shared.worker_of(here)
            readers = [events_of(connection, run_id) for connection in (here, elsewhere)]
            begun = "progress" if silent_s else "token"
            seen = [[] for _ in readers]
            for frames, reader in zip(seen, readers, strict=True):
                while not any(frame.name == begun for frame in frames):
                    frames.append(next(reader))
            os.kill(pid, signal.SIGSTOP)
            try:
                taken_over = b"reset" if silent_s else b"error"
                wait_for(lambda: taken_over in b"".join(log_of(redis, run_id)), 30)
            finally:
                os.kill(pid, signal.SIGCONT)
            for frames, reader in zip(seen, readers, strict=True):
                frames.extend(reader)
            recorded, end = followed_to_its_end(shared, run_id)
            ends = [frames[-1] for frames in seen]
            if ends[0].name == "reconnect":  # it was sent to the record
                ends[0] = followed_to_its_end(shared, run_id, seen[0][-2].id)[1]
            assert [(one.name, one.data) for one in ends] == [(end.name, end.data)] * 2
            assert end.name == ("result" if silent_s else "error")
            assert recorded == (told_model.answer(7800, 40) if silent_s else end.data["partial_response"])
            status = shared.running.get(f"/runs/{run_id}")
            assert (status["result"] or status["error"]) == end.data
    row = {"stopped": "before its first word" if silent_s else "within its answer", "recorded end": end.name if silent_s else end.data["code"],
           "its own readers": "the same", "readers elsewhere": "the same"}  # fmt: skip
    record(
        f"36-revived-{begun}", f"Readers of a revived worker ({row['stopped']})",
        "SIGSTOP to a worker until the other one has taken its run over, then SIGCONT.", [row],
    )  # fmt: skip


def log_of(redis, run_id):
    """Return the bytes of what Redis holds of a run."""
    with connect(redis.url) as client:
        return [fields[b"e"] for _, fields in client.xrange(f"jacie:log:{run_id}")]


def followed_to_its_end(shared, run_id, last_id=""):
    """Read a run as a client that comes back when it is told to; return the text of its last attempt and its terminal event."""
    text, end = "", None
    while end is None:
        request = urllib.request.Request(
            f"{shared.running.url}/runs/{run_id}/events", headers={"Last-Event-ID": last_id} if last_id else {}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            for frame in parse(answer):
                last_id = frame.id or last_id
                text = {"reset": "", "token": text + str(frame.data.get("text")) if frame.name == "token" else ""}.get(
                    frame.name, text
                )
                end = frame if frame.name in ("result", "error") else None
    return text, end


@pytest.mark.reliability
def test_a_reader_of_an_adopted_run_keeps_it_over_a_reconnect(data, model):
    """Whoever followed the run on the worker that adopts it is counted there: coming back once does not end the run, leaving does."""
    with RedisServer() as redis, two_workers(data, redis, model.url, JACIE_DISCONNECT_GRACE_S="1.5") as shared:
        ends = []
        for stay in (True, False):
            shared.wait_for_workers()
            run_id = accepted(shared, told_model.question(7701, silent_s=7.0, total_s=0.2))
            with shared.connection(owner=False) as first:
                events = following(first, run_id)
                assert next(events).name == "progress"
                with shared.connection(owner=True) as here:
                    pid = shared.worker_of(here)
                os.kill(pid, signal.SIGKILL)
                assert any(frame.name == "reset" for frame in events)
                with shared.connection(owner=True) as second:
                    again = following(second, run_id)
                    assert next(again).name == "progress"
                    first.close()
                    if stay:
                        ends.append([frame.name for frame in again][-1])
            wait_for(lambda run_id=run_id: redis.client.hget(f"jacie:run:{run_id}", "finished"))  # a poll would keep it
            ends.append(shared.running.get(f"/runs/{run_id}")["status"])
        assert ends == ["result", "succeeded", "cancelled"]
        record(
            "36-adopted-runs",
            "Readers of an adopted run",
            "kill -9 of the worker of a run that is followed on the other one, which goes on with it.",
            [{"its readers": "reconnect once", "end": ends[0]}, {"its readers": "leave", "end": ends[2]}],
        )
