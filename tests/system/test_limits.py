"""Bounds for each caller on real gunicorn: every refusal says what it is about and when to come again, and that is true."""

import os
import signal
import time

import pytest

from tests.support import told_model
from tests.support.jacie import ask, gunicorn, ingested_samples, wait_for_words
from tests.support.redis_server import MISSING, REDIS, RedisServer
from tests.support.scenarios import at_once, two_workers
from tests.support.servers import OwnProcess
from tests.support.waiting import wait_for

QUESTION = {"query": "What was Zanobela's revenue in 2024?", "auto_load_documents": False}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with an index."""
    return ingested_samples(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def model():
    """A model that answers what its question says."""
    with OwnProcess("told_model.py") as server:
        yield server


@pytest.fixture(scope="module")
def strict(data, model):
    """Jacie that gives each caller two answers at once."""
    with gunicorn(
        data, OPENAI_BASE_URL=model.url, JACIE_INGEST="off", JACIE_RATE_LIMIT="1000/hour", JACIE_RUNS_PER_KEY="2"
    ) as running:
        yield running


def limits_of(received):
    """Return the numbers of the RateLimit headers: limit, remaining, reset."""
    return tuple(int(received.headers[f"RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset"))


def test_a_rate_is_kept_and_told(data):
    """The headers count down; the refusal has the same numbers, and after Retry-After seconds the next request goes through."""
    with gunicorn(data, JACIE_MODEL="scripted", JACIE_INGEST="off", JACIE_RATE_LIMIT="3/second") as running:
        refused = None
        while refused is None:
            time.sleep(-time.time() % 1)  # a window begins
            answers = [ask(running.url, "/chat/stream", QUESTION) for _ in range(4)]
            refused = next((answer for answer in answers if answer.status == 429), None)
        assert [limits_of(answer)[:2] for answer in answers] == [(3, 2), (3, 1), (3, 0), (3, 0)]
        problem = refused.frames[0].data
        assert (problem["code"], problem["retryable"], problem["status"]) == ("rate_limited", True, 429)
        assert problem["detail"] == "Too many requests: at most 3 requests a second. Try again in 1 s."
        assert (refused.headers["Retry-After"], refused.headers["RateLimit-Policy"]) == ("1", "3;w=1")
        assert running.get("/health") == {"status": "ok"}
        time.sleep(int(refused.headers["Retry-After"]))
        assert ask(running.url, "/fast_chat/stream", QUESTION).terminal.name == "result"
        assert running.post("/search", QUESTION)[0] == 200


def test_answers_at_once_are_bounded(strict):
    """The third answer at the same time is refused, reading and polling are not, and a place is free when one has ended."""
    asked = [told_model.question(n, words=20, total_s=60.0) for n in range(2)]
    held = [strict.post("/chat/stream", body, headers={"Prefer": "respond-async"})[1] for body in asked]
    refused = ask(strict.url, "/chat/stream", told_model.question(3))
    assert refused.status == 429
    assert refused.headers["Retry-After"] == "2"
    assert refused.frames[0].data["detail"].startswith("Too many requests: at most 2 answers at the same time.")
    assert limits_of(refused)[0] == 1000
    for one in held:
        assert strict.get(one["status_url"])["status"] == "running"
    strict.post(held[0]["cancel_url"], {})
    assert ask(strict.url, held[0]["events_url"], None).terminal.data["code"] == "cancelled"
    assert ask(strict.url, "/chat/stream", told_model.question(4, words=3, total_s=0)).terminal.name == "result"
    strict.post(held[1]["cancel_url"], {})


def test_a_budget_of_tokens_is_kept(data):
    """Once the day's tokens are used up no run begins; the time that is named is the rest of the day in UTC."""
    with gunicorn(data, JACIE_MODEL="scripted", JACIE_INGEST="off", JACIE_TOKENS_PER_DAY="5", JACIE_RATE_LIMIT="off") as running:
        first = ask(running.url, "/chat/stream", QUESTION)
        assert first.terminal.data["usage"]["total_tokens"] >= 5
        assert "RateLimit-Limit" not in first.headers
        refused = wait_for(lambda: (answer := ask(running.url, "/chat/stream", QUESTION)).status == 429 and answer)
        assert "at most 5 tokens a day; the day ends at midnight UTC" in refused.frames[0].data["detail"]
        assert 0 < int(refused.headers["Retry-After"]) <= 86_400
        assert running.post("/search", QUESTION)[0] == 200


@pytest.mark.skipif(REDIS is None, reason=MISSING)
def test_workers_share_places_and_outlive_redis(data, model):
    """The bound holds over both workers, killed ones free their places with their lease, and without Redis answers go on."""
    with (
        RedisServer() as redis,
        two_workers(data, redis, model.url, JACIE_RUNS_PER_KEY="4", JACIE_RATE_LIMIT="1000/hour") as shared,
    ):
        pids = shared.wait_for_workers()

        def post(body):
            return shared.running.post("/chat/stream", body, headers={"Prefer": "respond-async"})

        long = told_model.question(1, words=200, total_s=100)
        answers = at_once([lambda: post(long)] * 12, threads=12)
        assert sorted(status for status, _ in answers) == [202] * 4 + [429] * 8
        assert sum(map(int, redis.client.hgetall("jacie:places:127.0.0.1").values())) == 4
        for events in [told["events_url"] for status, told in answers if status == 202]:
            wait_for_words(shared.running.url, events)  # none of these begins again
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not set(pids) & set(shared.workers()))
        brief = told_model.question(1, words=3, total_s=0)
        wait_for(lambda: _quietly(lambda: post(brief)[0]) == 202)
        redis.kill()
        assert wait_for(lambda: _quietly(lambda: ask(shared.running.url, "/chat/stream", brief))).terminal.name == "result"
        assert [ask(shared.running.url, "/chat/stream", brief).status for _ in range(20)] == [200] * 20


def _quietly(call):
    try:
        return call()
    except OSError:  # no worker yet
        return None
