"""What callers may use: every bound is kept exactly, for each caller alone, across workers, and with an honest time to come again."""

import contextlib

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from jacie_flask import measures
from jacie_flask.errors import Cancelled, LLMUnavailable, NotFound, Overloaded, RateLimited
from jacie_flask.events import Result, Token, Usage
from jacie_flask.interfaces import Claim, Question
from jacie_flask.runs import reader
from jacie_flask.runs.allowance import Allowance, Rate
from jacie_flask.runs.memory_log import MemoryLog
from jacie_flask.runs.redis_log import RedisLog
from jacie_flask.runs.run import Runs
from jacie_flask.runs.tallies import MemoryTallies
from tests.support.redis_server import MISSING, REDIS, RedisServer
from tests.support.waiting import wait_for

needs_redis = pytest.mark.skipif(REDIS is None, reason=MISSING)
QUESTION = Question(query="?", mode="chat")
RESULT = Result(
    response="ab", documents_loaded=[], document_selection_message="", conversation_history=None, sources=[], citations=[],
    usage=Usage(prompt_tokens=70, completion_tokens=30, total_tokens=100), timings_ms={}, model="m", finish_reason="stop",
    degraded=[], run_id="",
)  # fmt: skip
CLAIM = Claim(key="k", fingerprint="f")


class Keeper:
    """A worker that has no runs to lose."""

    def stop(self, run_id, reason):
        """There is none."""

    def polled(self, run_id):
        """There is none."""

    def orphaned(self, info, entries):
        """There is none."""


@pytest.fixture
def redis():
    """A Redis of its own."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def worker(redis):
    """Return a way to have the log of one more worker; all leave at the end."""
    with contextlib.ExitStack() as leaving:

        def join():
            log = RedisLog(redis.url, keep_s=60, deadline_s=60)
            leaving.callback(log.close, 0.1)
            log.attach(Keeper())
            return log

        yield join


def refused(ask, *args):
    """Return how a request is refused."""
    with pytest.raises(RateLimited) as caught:
        ask(*args)
    return caught.value


# ------------------------------------------------------------------------------------------------------------- requests


def standings(allowance, count, caller="a"):
    """Return how the caller stands after each of so many requests."""
    return [allowance.ask(caller).remaining for _ in range(count)]


def test_requests_are_counted_in_windows():
    """The bound is exact, the refusal names it, and the time it names is when the next request goes through."""
    now = [600.0 + 17.5]
    allowance = Allowance(MemoryLog(keep_s=60, clock=lambda: now[0]), rate=Rate(3, 60, "minute"), clock=lambda: now[0])
    assert standings(allowance, 4) == [2, 1, 0, -1]
    assert standings(allowance, 1, "b") == [2]
    standing = allowance.ask("a")
    error = refused(standing.check)
    assert (error.reason, error.retry_after_s, standing.reset_s) == ("at most 3 requests a minute", 43, 43)
    now[0] += error.retry_after_s - 1
    assert allowance.ask("a").remaining < 0
    now[0] += 1
    assert standings(allowance, 1) == [2]


def test_pages_are_counted_apart():
    """Pages have a window of their own: many of them leave the questions alone."""
    allowance = Allowance(MemoryLog(keep_s=60), rate=Rate(2, 86_400, "day"), pages=Rate(1, 86_400, "day", "documents and pages"))
    assert [allowance.ask("a", "pages").remaining for _ in range(2)] == [0, -1]
    assert standings(allowance, 1) == [1]
    assert refused(allowance.ask("a", "pages").check).reason == "at most 1 documents and pages a day"


def test_no_rate_counts_nothing():
    """Where there is no bound nothing is kept of anybody."""
    assert Allowance(MemoryLog(keep_s=60)).ask("a") is None


def test_old_counts_are_forgotten():
    """A stream of callers that come once leaves no memory behind."""
    now = [0.0]
    held = MemoryTallies(lambda: now[0])
    for second in range(1000):
        now[0] = float(second)
        held.add(f"rate:{second}", 1, 60)
    assert len(held) <= 121


@needs_redis
def test_workers_count_together(redis, worker):
    """Two workers give one caller one window, and nothing of it stays for ever."""
    one, two = (Allowance(worker(), rate=Rate(3, 86_400, "day")) for _ in range(2))
    assert [a.ask("a").remaining for a in (one, two, one, two)] == [2, 1, 0, -1]
    assert redis.lasting_keys() <= {"jacie:workers"}


def counted_alone():
    """Return how often each bound was kept by one worker for itself, as Prometheus reads it."""
    found = text_string_to_metric_families(measures.exposition().decode())
    (family,) = [one for one in found if one.name == "jacie_rate_limit_fail_open"]
    return {sample.labels["bound"]: sample.value for sample in family.samples}


@needs_redis
def test_without_redis_a_worker_counts_alone(redis, worker):
    """Redis away: requests go on, bounded by what this worker sees; and it is counted."""
    allowance = Allowance(worker(), rate=Rate(2, 86_400, "day"), runs=1, tokens_per_day=10)
    before = counted_alone()
    redis.kill()
    assert standings(allowance, 3) == [1, 0, -1]
    allowance.check_tokens("a")
    allowance.enter("a")
    assert refused(allowance.enter, "a").reason == "at most 1 answers at the same time"
    assert {bound: times - before[bound] for bound, times in counted_alone().items()} == {
        "rate": 3,
        "pages": 0,
        "polls": 0,
        "tokens": 1,
        "runs": 1,
    }


# --------------------------------------------------------------------------------------------------------------- tokens


def test_tokens_are_counted_by_the_day():
    """A budget lets a run begin while anything is left of it; then it says when the day ends, and that is when it goes on."""
    now = [5 * 86_400.0 + 86_400 - 90]
    allowance = Allowance(MemoryLog(keep_s=60, clock=lambda: now[0]), tokens_per_day=100, clock=lambda: now[0])
    allowance.spend("a", 99)
    allowance.check_tokens("a")
    allowance.spend("a", 1)
    error = refused(allowance.check_tokens, "a")
    assert (error.retry_after_s, error.reason) == (90, "at most 100 tokens a day; the day ends at midnight UTC")
    allowance.check_tokens("b")
    now[0] += 90
    allowance.check_tokens("a")


def runs_of(log, pipeline, **bounds):
    """Return the runs of a worker that answers by ``pipeline``."""
    return Runs(log, {"chat": pipeline}, max_runs=8, deadline_s=30, grace_s=30, allowance=Allowance(log, **bounds))


def test_a_runs_tokens_are_those_of_its_usage():
    """What the model's server counted is taken from the budget of whoever asked."""
    log = MemoryLog(keep_s=60)
    runs = runs_of(log, lambda *_: RESULT, tokens_per_day=150)
    for name in ("r1", "r2"):
        runs.start(name, QUESTION, "q", caller="a")
        wait_for(lambda: not runs.active)
    assert refused(runs.start, "r3", QUESTION, "q", None, "a").code == "rate_limited"
    runs.start("r4", QUESTION, "q", caller="b")


def test_a_stopped_run_costs_what_it_wrote():
    """Nobody asks for nothing by leaving before the end."""

    def pipeline(_, report, _budget):
        report(Token(text="four" * 50))
        raise Overloaded("gone")

    runs = runs_of(MemoryLog(keep_s=60), pipeline, tokens_per_day=50)
    runs.start("r1", QUESTION, "q", caller="a")
    wait_for(lambda: not runs.active)
    assert refused(runs.start, "r2", QUESTION, "q", None, "a")


def charged(pipeline):
    """Return how many tokens a run costs its caller, where no server counts them."""
    log = MemoryLog(keep_s=60)
    runs = runs_of(log, pipeline, tokens_per_day=1000)
    runs.start("r1", QUESTION, "q", caller="a")
    wait_for(lambda: not runs.active)
    return runs.allowance._used("tokens", "a", 0, 86_400)[0]


def test_a_run_costs_what_its_model_had_to_read():
    """Stopped before the model told its usage, or by a server that tells none, it costs prompt and text; refused it costs nothing."""

    def asking(ending, said="", aside=0):
        def pipeline(_, report, budget):
            budget.prompt_chars += 2000
            budget.aside_chars += aside
            if said:
                report(Token(text=said))
            if isinstance(ending, Exception):
                raise ending
            return ending

        return pipeline

    assert charged(asking(Cancelled("stop"))) == 500
    assert charged(asking(Cancelled("stop"), "four" * 50)) == 550
    assert charged(asking(LLMUnavailable("cut"), "four" * 50)) == 550
    assert charged(asking(LLMUnavailable("refused"))) == 0
    assert charged(asking(msgspec.structs.replace(RESULT, usage=Usage()), "four" * 50)) == 550
    assert charged(asking(RESULT, "four" * 50)) == 100
    assert charged(asking(RESULT, aside=400)) == 200
    assert charged(asking(LLMUnavailable("refused"), aside=400)) == 100
    assert charged(lambda *_: msgspec.structs.replace(RESULT, usage=Usage())) == 0


# ----------------------------------------------------------------------------------------------------------------- runs


class Gate:
    """A pipeline that waits until it is opened."""

    def __init__(self):
        """Begin closed."""
        self.open = False

    def __call__(self, question, report, budget):
        """Answer when open."""
        wait_for(lambda: self.open)
        return RESULT


def test_runs_at_once_are_bounded_for_each_caller():
    """One more than allowed is refused, another caller is not, and a place is free again when a run has ended, however."""
    gate = Gate()
    runs = runs_of(MemoryLog(keep_s=60), gate, runs=2)
    for name in ("r1", "r2"):
        runs.start(name, QUESTION, "q", caller="a")
    error = refused(runs.start, "r3", QUESTION, "q", None, "a")
    assert (error.reason, error.retry_after_s) == ("at most 2 answers at the same time", 2.0)
    with pytest.raises(NotFound):
        runs.log.info("r3")
    runs.start("r4", QUESTION, "q", caller="b")
    gate.open = True
    wait_for(lambda: not runs.active)
    runs.start("r5", QUESTION, "q", caller="a")


def test_a_repeated_question_joins_its_run_at_the_bound():
    """Who lost the answer's head and sends the same question again is led to the run, not told that it runs already."""
    gate = Gate()
    runs = runs_of(MemoryLog(keep_s=60), gate, runs=1)
    assert runs.start("r1", QUESTION, "q", CLAIM, "a") == "r1"
    assert runs.start("r2", QUESTION, "q", CLAIM, "a") == "r1"
    assert refused(runs.start, "r3", QUESTION, "q", Claim(key="other", fingerprint="f"), "a")
    gate.open = True
    wait_for(lambda: not runs.active)
    assert runs.start("r4", QUESTION, "q", CLAIM, "a") == "r1"
    runs.start("r5", QUESTION, "q", None, "a")


def test_a_run_is_active_until_it_is_paid_for():
    """While its tokens are counted and its place is given back it still stands among the active ones: where none does, all is settled."""
    active = []

    class Watched(MemoryLog):
        def count(self, name, amount, keep_s):
            if amount:
                active.append(runs.active)
            return super().count(name, amount, keep_s)

        def occupy(self, caller, more, mine, most):
            if more < 0:
                active.append(runs.active)
            return super().occupy(caller, more, mine, most)

    runs = runs_of(Watched(keep_s=60), lambda *_: RESULT, runs=1, tokens_per_day=1000)
    runs.start("r1", QUESTION, "q", caller="a")
    wait_for(lambda: not runs.active)
    assert active == [1, 1]


@needs_redis
def test_workers_share_a_callers_places(redis, worker):
    """The bound holds over all workers, an ended run frees its place for the other, and a claim is found from there too."""
    gate = Gate()
    one, two = (runs_of(worker(), gate, runs=2) for _ in range(2))
    one.start("r1", QUESTION, "q", CLAIM, "a")
    two.start("r2", QUESTION, "q", None, "a")
    assert refused(one.start, "r3", QUESTION, "q", None, "a")
    assert refused(two.start, "r3", QUESTION, "q", None, "a")
    assert two.start("r3", QUESTION, "q", CLAIM, "a") == "r1"
    two.start("r4", QUESTION, "q", None, "b")
    gate.open = True
    wait_for(lambda: not one.active and not two.active)
    wait_for(lambda: not redis.keys("jacie:places:*"))
    assert redis.lasting_keys() <= {"jacie:workers"}
    for name in ("r5", "r6"):
        one.start(name, QUESTION, "q", None, "a")
        assert reader.wait(one.log, name).name == "result"


@needs_redis
def test_a_dead_workers_places_are_free(redis, worker):
    """A worker without a lease counts for nothing, as soon as its lease is over."""
    living = worker()
    redis.client.hset("jacie:places:a", "dead-worker", 5)
    redis.client.set("jacie:worker:dead-worker", "serving", px=60_000)
    assert not living.occupy("a", 1, 1, 5)
    redis.client.pexpire("jacie:worker:dead-worker", 1)
    wait_for(lambda: not redis.client.exists("jacie:worker:dead-worker"))
    assert living.occupy("a", 1, 1, 5)
    assert list(redis.client.hgetall("jacie:places:a").values()) == ["1"]


@needs_redis
def test_places_are_put_right_when_redis_comes_back(redis, worker):
    """What Redis did not hear of while it was away is told at the next run: no place is lost or won for ever."""
    log = worker()
    allowance = Allowance(log, runs=3)
    allowance.enter("a")
    redis.save()
    redis.kill()
    allowance.enter("a")
    allowance.leave("a")
    allowance.leave("a")
    redis.start()
    wait_for(lambda: log.resumable)
    for _ in range(3):
        allowance.enter("a")
    assert redis.client.hgetall("jacie:places:a") == {log.worker: "3"}
    assert refused(allowance.enter, "a")
