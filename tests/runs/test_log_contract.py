"""What every run log keeps: one suite for all backends, and a state machine that does what nobody thought of."""

import contextlib
import itertools
import threading
import time
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, multiple, precondition, rule, run_state_machine_as_test

from jacie_flask.errors import Conflict, NotFound, StateLost
from jacie_flask.events import Token
from jacie_flask.interfaces import Claim, Entry, RunInfo
from jacie_flask.runs import sse
from jacie_flask.runs.memory_log import MemoryLog
from jacie_flask.runs.redis_log import RedisLog
from jacie_flask.runs.run import Runs
from tests.support.redis_server import MISSING, REDIS, RedisServer
from tests.support.waiting import wait_for

START = (0, 0)
EVENTUALLY_S = 60.0  # only a broken log takes so long


def joined(url, clock=time.time):
    """Return a log in Redis that has joined its workers."""
    log = RedisLog(url, keep_s=60, deadline_s=60, clock=clock, timer=clock)
    log.attach(Runs(log, {}, max_runs=8, deadline_s=60, grace_s=60))
    return log


class Elsewhere:
    """A log that is written by one worker and read by another: what the one knows, the other knows a moment later.

    Until then it may know less, but never something else.
    """

    def __init__(self, here, there):
        self.here, self.there = here, there
        self.create, self.append = here.create, here.append

    def read(self, run_id, after, wait_s):
        """Return what the other worker reads once it has caught up."""
        expected = self.here.read(run_id, after, wait_s)
        end = time.monotonic() + EVENTUALLY_S
        while len(seen := self.there.read(run_id, after, 0.02)) < len(expected) and time.monotonic() < end:
            assert seen == expected[: len(seen)]
        return seen

    def info(self, run_id):
        """Return what the other worker knows of the run once it has caught up with all that happened to it."""
        expected = self.here.info(run_id)
        end = time.monotonic() + EVENTUALLY_S
        while (seen := self.there.info(run_id)).finished != expected.finished and time.monotonic() < end:
            time.sleep(0.02)
        while seen.updated_at < expected.updated_at and time.monotonic() < end:
            time.sleep(0.02)
            seen = self.there.info(run_id)
        return seen

    def cancel(self, run_id):
        """Ask from the other worker."""
        self.there.cancel(run_id)


class Clock:
    """A clock that a test sets; seconds since the epoch. What Redis keeps gets as much older."""

    now = 1_000_000.0
    redis = None

    def __call__(self):
        """Return the time."""
        return self.now

    def pass_s(self, seconds, finished):
        """Let time pass once Redis knows the end of a run."""
        self.now += seconds
        if self.redis:
            wait_for(lambda: self.redis.client.hget(f"jacie:run:{finished}", "finished"))
            for key in self.redis.keys("jacie:run:*") | self.redis.keys("jacie:log:*"):
                self.redis.client.pexpire(key, self.redis.client.pttl(key) - seconds * 1000)  # at once where nothing is left


@pytest.fixture
def clock():
    """Return a clock for the log."""
    return Clock()


@pytest.fixture(scope="module")
def redis():
    """Return a Redis of this module's own."""
    if not REDIS:
        pytest.skip(MISSING)
    with RedisServer() as server:
        yield server


@pytest.fixture(params=["memory", "redis", "redis, read elsewhere"])
def log(request, clock):
    """Return an empty log of each kind."""
    if request.param == "memory":
        yield MemoryLog(keep_s=60, clock=clock, timer=clock)
        return
    redis = clock.redis = request.getfixturevalue("redis")
    redis.flush()
    with contextlib.ExitStack() as stack:
        logs = [joined(redis.url, clock) for _ in range(2)]
        for one in logs:
            stack.callback(one.close, 0.0)
        yield logs[0] if request.param == "redis" else Elsewhere(*logs[:2])


def info(run_id, now=1_000_000.0):
    """Return what is known of a new run."""
    return RunInfo(run_id=run_id, request_id="q", mode="chat", created_at=now, updated_at=now)


def claim(fingerprint="body", key="key"):
    """Return an idempotency key with the fingerprint of its body."""
    return Claim(key=key, fingerprint=fingerprint)


def token(offset, text="x"):
    """Return a plain entry."""
    return sse.entry(Token(text=text), 1, offset)


def end(offset, data=b"{}"):
    """Return a terminal entry."""
    return Entry(1, offset, "result", data, True)


def test_a_new_run_is_empty(log):
    """A created run is known and has said nothing."""
    log.create(info("a"))
    assert log.read("a", START, 0) == []
    assert log.info("a") == info("a")


def test_what_was_appended_is_read_from_any_position(log):
    """Every position gives exactly what follows it, any number of times."""
    log.create(info("a"))
    entries = [token(1), token(2), token(3), end(4)]
    log.append("a", entries[:2])
    log.append("a", entries[2:])
    for offset in range(5):
        for _ in range(2):
            assert log.read("a", (1, offset) if offset else START, 0) == entries[offset:]


def test_runs_do_not_mix(log):
    """Two runs have two logs."""
    for name in "ab":
        log.create(info(name))
        log.append(name, [token(1, name)])
    assert log.read("a", START, 0) == [token(1, "a")]
    assert log.read("b", START, 0) == [token(1, "b")]


def test_an_unknown_run_is_not_found(log):
    """Reading, asking and cancelling say so; appending says that the log is gone."""
    for ask in (lambda: log.read("a", START, 0), lambda: log.info("a"), lambda: log.cancel("a")):
        with pytest.raises(NotFound):
            ask()
    with pytest.raises(StateLost):
        log.append("a", [token(1)])


@pytest.mark.parametrize("position", [(1, 3), (2, 1), (0, 1), (9, 9)])
def test_a_position_that_never_was_is_lost(log, position):
    """A reader ahead of a log that has ended, or of another attempt, hears that the record is not the one it knew."""
    log.create(info("a"))
    log.append("a", [token(1), end(2)])
    with pytest.raises(StateLost):
        log.read("a", position, 0)


@pytest.mark.parametrize("held", [0, 2])
def test_a_position_still_to_come_is_waited_for(log, held):
    """A reader ahead of a log that goes on gets nothing up to its position, and everything behind it."""
    entries = [token(offset) for offset in range(1, 6)]
    log.create(info("a"))
    if held:
        log.append("a", entries[:held])
    assert log.read("a", (1, 3), 0) == []
    log.append("a", entries[held:3])
    assert log.read("a", (1, 3), 0) == []
    log.append("a", entries[3:])
    assert log.read("a", (1, 3), 0) == entries[3:]


def test_a_run_that_ends_below_the_position_waited_for_is_lost(log):
    """Whoever waits for a position hears at once that the run has ended without it."""
    log.create(info("a"))
    log.append("a", [token(1)])
    heard = []

    def wait():
        with pytest.raises(StateLost) as raised:
            log.read("a", (1, 9), 10)
        heard.append(raised.value)

    reader = threading.Thread(target=wait)
    reader.start()
    log.append("a", [end(2)])
    reader.join(EVENTUALLY_S)
    assert heard


def test_a_waiting_reader_wakes_at_once(log):
    """What is appended while a reader waits reaches it without a poll."""
    log.create(info("a"))
    found = []
    reader = threading.Thread(target=lambda: found.append(log.read("a", START, 3600)), daemon=True)
    reader.start()
    time.sleep(0.05)  # so that it mostly waits already; it has to find the entry otherwise too
    log.append("a", [token(1)])
    reader.join(EVENTUALLY_S)
    assert found == [[token(1)]]


def test_waiting_ends_with_nothing_after_its_time(log):
    """Nothing new within the heartbeat's interval is an empty answer."""
    log.create(info("a"))
    assert log.read("a", START, 0.1) == []


def test_the_end_of_a_finished_run_is_not_waited_for(log):
    """Behind the terminal entry nothing can come."""
    log.create(info("a"))
    log.append("a", [end(1)])
    assert log.read("a", (1, 1), 3600) == []


def test_a_terminal_entry_finishes_the_run(log, clock):
    """The log knows when a run has ended, and when it was last heard of."""
    log.create(info("a"))
    clock.now += 5
    log.append("a", [token(1)])
    assert (log.info("a").finished, log.info("a").updated_at) == (False, clock.now)
    clock.now += 5
    log.append("a", [end(2)])
    assert (log.info("a").finished, log.info("a").updated_at) == (True, clock.now)


def test_cancelling_is_noted_and_idempotent(log):
    """The wish to stop is on record, twice as well as once, and does not bring a finished run back."""
    log.create(info("a"))
    for _ in range(2):
        log.cancel("a")
        assert log.info("a").cancel_requested
    log.append("a", [end(1)])
    log.cancel("a")
    assert log.info("a").finished


def test_a_finished_run_expires(log, clock):
    """After its time a run is unknown; a running one stays."""
    log.create(info("done"))
    log.create(info("running"))
    log.append("done", [end(1)])
    clock.pass_s(59, "done")
    assert log.info("done").finished
    clock.pass_s(2, "done")
    with pytest.raises(NotFound):
        log.info("done")
    with pytest.raises(NotFound):
        log.read("done", START, 0)
    log.create(info("new", clock.now))
    assert not log.info("running").finished


def test_a_key_stands_for_its_first_run(log):
    """The same key and body is the same run; another body is refused."""
    assert log.create(info("a"), claim()) == "a"
    assert log.create(info("b"), claim()) == "a"
    with pytest.raises(NotFound):
        log.info("b")
    with pytest.raises(Conflict):
        log.create(info("c"), claim("another body"))
    assert log.create(info("d"), claim(key="key2")) == "d"


def test_a_key_is_free_again_when_its_run_is_gone(clock):
    """A claim does not outlive what it stands for; in Redis, where time cannot be set, see test_redis_log."""
    log = MemoryLog(keep_s=60, clock=clock, timer=clock)
    assert log.create(info("a"), claim()) == "a"
    log.append("a", [end(1)])
    clock.now += 61
    assert log.create(info("c", clock.now), claim("another body")) == "c"


def test_many_readers_see_the_same(log):
    """Readers that start anywhere in time all end with the whole log, in order."""
    log.create(info("a"))
    entries = [token(n) for n in range(1, 200)] + [end(200)]
    seen: list[list[Entry]] = []

    def follow():
        mine: list[Entry] = []
        while not (mine and mine[-1].terminal):
            mine += log.read("a", (1, mine[-1].offset) if mine else START, 5)
        seen.append(mine)

    readers = [threading.Thread(target=follow) for _ in range(8)]
    for at, reader in zip(itertools.count(step=20), readers, strict=False):
        reader.start()
        log.append("a", entries[at : at + 20])
    log.append("a", entries[160:])
    for reader in readers:
        reader.join(EVENTUALLY_S)
    assert seen == [entries] * 8


def test_memory_is_bounded(clock):
    """The oldest finished runs make room; running ones are never dropped."""
    log = MemoryLog(keep_s=1e9, max_bytes=40_000, clock=clock, timer=clock)
    log.create(info("running"))
    log.append("running", [token(1)])
    for number in range(50):
        clock.now += 1
        log.create(info(str(number), clock.now))
        log.append(str(number), [end(1, b"x" * 1000)])
    kept = []
    for number in range(50):
        try:
            kept.append(log.info(str(number)).run_id)
        except NotFound:
            continue
    assert 8 <= len(kept) <= 11
    assert kept[-1] == "49"
    assert kept == sorted(kept, key=int)
    assert not log.info("running").finished


class Known:
    """What a run must hold, as the machine knows it; ``shared`` while every worker must find it."""

    def __init__(self, run_id, writer, claim):
        self.run_id, self.writer, self.claim = run_id, writer, claim
        self.entries = []
        self.finished = self.cancelled = False
        self.shared = True


class LogMachine(RuleBasedStateMachine):
    """Runs that are created, written, read from anywhere, cancelled and forgotten, in any order.

    Whoever reads sees the run's entries from where it asked on, each once and in order; or that they are lost.
    """

    redis = None  # a RedisServer, or None for the log in memory
    logs = ()
    compared: ClassVar[list[int]] = [0]  # how often a reader was compared with what was written
    numbers = itertools.count(1)

    running = Bundle("running")
    finished = Bundle("finished")

    def __init__(self):
        super().__init__()
        self.clock = Clock()
        if self.redis is None:
            self.logs = (MemoryLog(keep_s=60, clock=self.clock, timer=self.clock),)
        self.known = {}
        self.prefix = next(self.numbers)

    def workers(self):
        """Return a strategy of workers."""
        return st.integers(0, len(self.logs) - 1)

    @rule(target=running, writer=st.integers(0, 2), key=st.sampled_from(["", "", "a", "b"]), body=st.sampled_from("xyz"))
    def create(self, writer, key, body):
        """A run is opened, or it is the one that the claim stands for, or the claim was made with another body."""
        writer %= len(self.logs)
        run_id = f"{self.prefix}-{next(self.numbers)}"
        made = claim(body, f"{self.prefix}-{key}") if key else None
        claimed = [one for one in self.known.values() if made and one.claim and one.claim.key == made.key]
        holders = [one for one in claimed if one.shared]
        if len(holders) < len(claimed):  # forgotten ones may be found again, and hold their claim again
            holders = claimed
        try:
            owner = self.logs[writer].create(info(run_id, self.clock.now), made)
        except Conflict:
            assert any(one.claim.fingerprint != body for one in holders)
            return multiple()
        if owner != run_id:
            assert any(one.run_id == owner and one.claim.fingerprint == body for one in holders)
            return multiple()
        assert not any(one.shared for one in claimed) or len(holders) > 1
        self.known[run_id] = Known(run_id, writer, made)
        return run_id

    @rule(run_id=running, count=st.integers(1, 4))
    def append(self, run_id, count):
        """A run goes on."""
        run = self.known[run_id]
        place = len(run.entries)
        new = [token(place + number, f"{place + number} ") for number in range(1, count + 1)]
        self.logs[run.writer].append(run_id, new)
        run.entries += new

    @rule(target=finished, run_id=consumes(running))
    def finish(self, run_id):
        """A run ends."""
        run = self.known[run_id]
        last = end(len(run.entries) + 1)
        self.logs[run.writer].append(run_id, [last])
        run.entries.append(last)
        run.finished = True
        return run_id

    @rule(run_id=running | finished, reader=st.integers(0, 2), after=st.integers(0, 12))
    def read(self, run_id, reader, after):
        """A reader asks from any position that was."""
        run = self.known[run_id]
        after = min(after, len(run.entries))
        self.check(run, reader % len(self.logs), after)

    @rule(run_id=running | finished, after=st.sampled_from([(1, 99), (7, 1), (0, 3)]))
    def read_what_never_was(self, run_id, after):
        """A position that never was is lost, unless the run may still reach it."""
        run = self.known[run_id]
        if run.shared and after[0] == 1 and not run.finished:
            assert self.logs[run.writer].read(run_id, after, 0) == []
        elif run.shared:
            with pytest.raises(StateLost):
                self.logs[run.writer].read(run_id, after, 0)

    @rule(run_id=running | finished, reader=st.integers(0, 2))
    def cancel(self, run_id, reader):
        """Cancelling is noted and loses nothing."""
        run = self.known[run_id]
        with contextlib.suppress(() if run.shared else NotFound):
            self.logs[reader % len(self.logs)].cancel(run_id)
        if run.shared:
            assert self.logs[reader % len(self.logs)].info(run_id).cancel_requested

    @precondition(lambda self: self.redis is None)
    @rule(seconds=st.sampled_from([1, 30, 61]))
    def pass_time(self, seconds):
        """Finished runs expire and running ones do not."""
        self.clock.now += seconds
        for run in self.known.values():
            if run.finished and run.shared and self.clock.now - self.logs[0]._runs[run.run_id].updated_at > 60:
                run.shared = False
                with pytest.raises(NotFound):
                    self.logs[0].read(run.run_id, START, 0)

    @precondition(lambda self: self.redis is not None)
    @rule()
    def forget_everything(self):
        """Redis loses all it knew: running runs and their claims come back, finished ones are gone for others."""
        self.redis.flush()
        for run in self.known.values():
            run.shared = run.shared and not run.finished
        wanted = {f"jacie:run:{run.run_id}" for run in self.known.values() if run.shared}
        wait_for(lambda: wanted <= self.redis.keys("jacie:run:*"))

    @precondition(lambda self: self.redis is not None)
    @rule(run_id=running | finished, kind=st.sampled_from(["log", "run"]))
    def evict(self, run_id, kind):
        """Redis drops one key of a run, as it does when it is told to evict."""
        self.redis.client.delete(f"jacie:{kind}:{run_id}")
        self.known[run_id].shared = False

    def check(self, run, reader, after):
        """Compare what a reader gets with what was written, a moment later at the latest."""
        log = self.logs[reader]
        expected = run.entries[after:]
        limit = time.monotonic() + (EVENTUALLY_S if run.shared else 0.2)
        seen = []
        self.compared[0] += 1
        while len(seen) < len(expected) and time.monotonic() < limit:
            try:
                new = log.read(run.run_id, (1, after + len(seen)) if after + len(seen) else START, 0.02)
            except (NotFound, StateLost):
                assert not run.shared, "a run that is recorded was lost"
                return
            seen += new
            assert seen == expected[: len(seen)]
        assert seen == expected or not run.shared, (len(seen), len(expected))

    def teardown(self):
        """Everything that is running ends, and every reader gets to its end."""
        for run in self.known.values():
            if not run.finished:
                self.finish(run.run_id)
        for run in self.known.values():
            for reader in range(len(self.logs)):
                self.check(run, reader, 0)


def play(machine, examples):
    """Let hypothesis play and return how often a reader was compared; what waits for a real Redis is not made smaller when it fails, which would take minutes."""
    phases = [Phase.generate] if machine.redis else [Phase.generate, Phase.shrink]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            phases=phases,
        ),
    )
    return machine.compared[0]


def test_the_machine_over_memory():
    """Nothing is lost, doubled or reordered in memory."""
    assert play(LogMachine, 100) > 100


def test_the_machine_over_redis(redis):
    """Nothing is lost, doubled or reordered over three workers, whatever Redis forgets."""
    redis.flush()
    with contextlib.ExitStack() as stack:
        logs = tuple(joined(redis.url) for _ in range(3))
        for one in logs:
            stack.callback(one.close, 0.0)

        class Shared(LogMachine):
            compared: ClassVar[list[int]] = [0]

        Shared.redis, Shared.logs = redis, logs
        assert play(Shared, 8) > 8
