"""What every run log keeps: one suite for all backends."""

import itertools
import threading
import time

import pytest

from jacie_flask.errors import Conflict, NotFound, StateLost
from jacie_flask.events import Token
from jacie_flask.interfaces import Claim, Entry, RunInfo
from jacie_flask.runs import sse
from jacie_flask.runs.memory_log import MemoryLog

START = (0, 0)


def memory(clock):
    """Return a log in memory."""
    return MemoryLog(keep_s=60, clock=clock)


BACKENDS = {"memory": memory}


class Clock:
    """A clock that a test sets; seconds since the epoch."""

    now = 1_000_000.0

    def __call__(self):
        """Return the time."""
        return self.now


@pytest.fixture
def clock():
    """Return a clock for the log."""
    return Clock()


@pytest.fixture(params=sorted(BACKENDS))
def log(request, clock):
    """Return an empty log of each kind."""
    return BACKENDS[request.param](clock)


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
    """A reader ahead of the log, or of another attempt, hears that the record is not the one it knew."""
    log.create(info("a"))
    log.append("a", [token(1), token(2)])
    with pytest.raises(StateLost):
        log.read("a", position, 0)


def test_a_waiting_reader_wakes_at_once(log):
    """What is appended while a reader waits reaches it without a poll."""
    log.create(info("a"))
    found = []
    reader = threading.Thread(target=lambda: found.append((log.read("a", START, 5), time.monotonic())))
    reader.start()
    time.sleep(0.05)
    appended = time.monotonic()
    log.append("a", [token(1)])
    reader.join(5)
    assert found[0][0] == [token(1)]
    assert found[0][1] - appended < 1


def test_waiting_ends_with_nothing_after_its_time(log):
    """The heartbeat's interval is kept."""
    log.create(info("a"))
    began = time.monotonic()
    assert log.read("a", START, 0.1) == []
    assert 0.09 <= time.monotonic() - began < 1


def test_the_end_of_a_finished_run_is_not_waited_for(log):
    """Behind the terminal entry nothing can come."""
    log.create(info("a"))
    log.append("a", [end(1)])
    began = time.monotonic()
    assert log.read("a", (1, 1), 5) == []
    assert time.monotonic() - began < 1


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
    clock.now += 59
    assert log.info("done").finished
    clock.now += 2
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


def test_a_key_is_free_again_when_its_run_is_gone(log, clock):
    """A claim does not outlive what it stands for."""
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
        reader.join(10)
    assert seen == [entries] * 8


def test_memory_is_bounded(clock):
    """The oldest finished runs make room; running ones are never dropped."""
    log = MemoryLog(keep_s=1e9, max_bytes=10_000, clock=clock)
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
