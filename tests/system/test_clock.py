"""The machine's clock is set forward and back under live answers: nothing ends early, nothing is forgotten, nobody waits."""

import datetime
import email.utils
import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import told_model
from tests.support.jacie import Running, ask, gunicorn, serve, wait_for_words
from tests.support.redis_server import MISSING, REDIS, RedisServer
from tests.support.reliability import record
from tests.support.scenarios import accepted, followed, two_workers
from tests.support.servers import OwnProcess
from tests.support.stepped_clock import SteppedClock
from tests.support.waiting import wait_for
from tests.system.test_serving import SERVERS

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(240)]
HOUR, DAY = 3600, 86_400
STEPS = (HOUR, -HOUR, 400 * DAY, -400 * DAY, 0)
"""Seconds by which the clock is wrong, one after the other."""


@pytest.fixture(scope="module")
def model():
    """A model that answers what its question says; its clock is the machine's."""
    with OwnProcess("told_model.py") as server:
        yield server


@pytest.fixture
def clock(tmp_path):
    """A clock that is set."""
    return SteppedClock(tmp_path / "clock")


def time_of(running: Running) -> float:
    """Return the wall clock of a server, in seconds since the epoch."""
    with urllib.request.urlopen(f"{running.url}/health/stream?events=1&every=0", timeout=30) as answer:
        lines = [line for line in answer.read().decode().splitlines() if line.startswith("data:")]
    return float(json.loads(lines[0][5:])["timestamp"])


def stepped(running: Running, clock: SteppedClock, first: int) -> list[str]:
    """Step the clock under eight answers; return how each ended, "whole" for the right text."""
    questions = [told_model.question(first + n, total_s=4.0) for n in range(8)]
    run_ids = [accepted_by(running, question) for question in questions]
    with ThreadPoolExecutor(len(run_ids)) as pool:
        readers = [pool.submit(ask, running.url, f"/runs/{run_id}/events", None) for run_id in run_ids]
        wait_for_words(running.url, f"/runs/{run_ids[0]}/events")
        for step in STEPS:
            clock.set(step)
            away = abs(time_of(running) - (datetime.datetime.now(datetime.UTC).timestamp() + step))
            assert away < 60, "the server has another clock than the test means"
            status, told = running.post("/chat", told_model.question(first + 50, words=3, total_s=0.2))
            assert (status, told["response"]) == (200, told_model.answer(first + 50, 3))
        ends = [reader.result().terminal for reader in readers]
    return [
        "whole" if end.name == "result" and end.data["response"] == told_model.answer(first + n) else str(end.data.get("code"))
        for n, end in enumerate(ends)
    ]


def accepted_by(running: Running, question: dict) -> str:
    """Start a run without a reader and return its id."""
    status, told = running.post("/chat/stream", question, headers={"Prefer": "respond-async"})
    assert status == 202
    return str(told["run_id"])


def served(server, data, **settings):
    """Serve with gevent or with threads."""
    return gunicorn(data, **settings) if server == "gevent" else serve(SERVERS[server], data, **settings)


@pytest.mark.parametrize("server", ["gevent", "gthread"])
def test_a_step_of_the_clock_ends_no_answer(server, clock, model, tmp_path):
    """Answers, their deadlines and the records of finished runs follow a clock that only goes on."""
    bounds = {"JACIE_DEADLINE_S": "60", "JACIE_KEEP_RUNS_S": "300", "JACIE_RATE_LIMIT": "off", "JACIE_POLL_RATE_LIMIT": "off"}
    with served(server, tmp_path / "data", OPENAI_BASE_URL=model.url, **bounds, **clock.settings) as running:
        finished = accepted_by(running, told_model.question(8100, words=3, total_s=0.0))
        wait_for(lambda: running.get(f"/runs/{finished}")["status"] == "succeeded")
        ends = stepped(running, clock, 8200)
        for step in STEPS:
            clock.set(step)
            assert running.get(f"/runs/{finished}")["status"] == "succeeded", step
        assert ends == ["whole"] * 8
        if server == "gevent":
            assert running.log.read_text().count("Booting worker") == 1
    row = {"served by": server, "steps": len(STEPS), "answers under them": len(ends), "whole": ends.count("whole")}
    record(
        f"75-clock-{server}",
        f"Steps of the clock ({server})",
        "From an hour to 400 days, forward and back, under live answers.",
        [row],
    )


@pytest.mark.skipif(REDIS is None, reason=MISSING)
def test_a_deadline_comes_in_its_time_whatever_the_clock_says(clock, model, tmp_path):
    """Set back by a year, an answer still has its deadline: its end comes while the test waits."""
    with gunicorn(tmp_path / "data", OPENAI_BASE_URL=model.url, JACIE_DEADLINE_S="3", **clock.settings) as running:
        run_id = accepted_by(running, told_model.question(8300, words=400, total_s=120.0))
        wait_for_words(running.url, f"/runs/{run_id}/events")
        clock.set(-365 * DAY)
        assert ask(running.url, f"/runs/{run_id}/events", None).terminal.data["code"] == "deadline_exceeded"


@pytest.mark.skipif(REDIS is None, reason=MISSING)
def test_workers_share_runs_over_a_step_of_the_clock(clock, model, tmp_path):
    """With Redis too: running answers end whole, and each worker finds what another one finished before the step."""
    with RedisServer() as redis:
        shared_settings = {"JACIE_KEEP_RUNS_S": "300", **clock.settings}
        with two_workers(tmp_path / "data", redis, model.url, **shared_settings) as shared:
            shared.wait_for_workers()
            done = accepted(shared, told_model.question(8400, words=3, total_s=0.0))
            wait_for(lambda: redis.client.hget(f"jacie:run:{done}", "finished"))
            live = accepted(shared, told_model.question(8401, total_s=6.0))
            with shared.connection(owner=True) as here, shared.connection(owner=False) as elsewhere:
                with ThreadPoolExecutor(2) as pool:
                    readers = [pool.submit(followed, connection, live) for connection in (here, elsewhere)]
                    for step in STEPS[:-1]:
                        clock.set(step)
                        assert shared.running.get("/health")["status"] == "ok"
                    clock.set(400 * DAY)
                    texts = [reader.result() for reader in readers]
                assert texts == [(told_model.answer(8401), "result")] * 2
                assert [followed(connection, done) for connection in (here, elsewhere)] == [
                    (told_model.answer(8400, 3), "result")
                ] * 2
    rows = [
        {"reader on": where, "of an answer under way": "whole", "of one that had ended": "whole"}
        for where in ("its worker", "the other")
    ]
    record(
        "75-clock-shared",
        "Steps of the clock (two workers and Redis)",
        "The workers' clock is another one than that of Redis.",
        rows,
    )


def test_the_clock_of_the_test_is_one_that_steps(clock, model, tmp_path):
    """The server's own Date header follows it: what the other tests step is the clock that the server reads."""
    with gunicorn(tmp_path / "data", OPENAI_BASE_URL=model.url, **clock.settings) as running:
        clock.set(400 * DAY)
        with urllib.request.urlopen(f"{running.url}/health", timeout=30) as answer:
            said = email.utils.parsedate_to_datetime(answer.headers["Date"])
        ahead = said - datetime.datetime.now(datetime.UTC)
        assert abs(ahead - datetime.timedelta(days=400)) < datetime.timedelta(minutes=5)
