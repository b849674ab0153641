"""Readers of runs: counted where they read, whoever works on the run, so that a run ends when nobody reads it and never before."""

import contextlib
import itertools
import threading

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from jacie_flask.errors import Cancelled
from jacie_flask.events import Progress, Result, Usage
from jacie_flask.interfaces import Question
from jacie_flask.runs import reader
from jacie_flask.runs.readers import SENT_ON_S, Readers
from jacie_flask.runs.redis_log import RedisLog
from jacie_flask.runs.run import Runs
from tests.support.alarms import Alarms
from tests.support.redis_server import MISSING, REDIS, RedisServer
from tests.support.waiting import wait_for

GRACE_S = 5.0
RESULT = Result(
    response="", documents_loaded=[], document_selection_message="", conversation_history=None, sources=[], citations=[],
    usage=Usage(), timings_ms={}, model="m", finish_reason="stop", degraded=[], run_id="",
)  # fmt: skip


def made():
    """Return readers, their alarms and the runs that they reported as deserted."""
    alarms, deserted = Alarms(), []
    return Readers(deserted.append, alarms.later), alarms, deserted


def test_the_last_readers_leaving_starts_the_grace():
    """Of two readers the first one's leaving starts nothing; the grace ends once."""
    readers, alarms, deserted = made()
    readers.came("r")
    readers.came("r")
    readers.left("r", 5.0)
    alarms.pass_by(60)
    assert deserted == []
    readers.left("r", 5.0)
    alarms.pass_by(4.9)
    assert deserted == []
    alarms.pass_by(0.2)
    assert deserted == ["r"]
    assert (len(readers), len(alarms)) == (0, 0)


def test_a_reader_that_comes_back_keeps_the_run():
    """The grace of the time before is over when somebody reads."""
    readers, alarms, deserted = made()
    readers.came("r")
    readers.left("r", 5.0)
    readers.came("r")
    alarms.pass_by(60)
    assert deserted == []
    assert readers.count("r") == 1


def test_an_alarm_that_rings_while_somebody_comes_back_ends_nothing():
    """Where it was too late to cancel it, it finds a reader, or a later leaving with a grace of its own."""
    rung, deserted = [], []
    readers = Readers(deserted.append, lambda seconds, ring: rung.append(ring) or Alarms().later(seconds, ring))
    readers.came("r")
    readers.left("r", 5.0)
    readers.came("r")
    rung[0]()
    assert (deserted, readers.count("r")) == ([], 1)
    readers.left("r", 5.0)
    rung[0]()
    assert deserted == []
    rung[1]()
    assert deserted == ["r"]


def test_polls_keep_a_run_that_was_left():
    """Each poll starts the grace anew, never a shorter one than the reader was given."""
    readers, alarms, deserted = made()
    readers.came("r")
    readers.left("r", 10.0)
    for _ in range(5):
        alarms.pass_by(9)
        readers.polled("r", 0.0)
    assert deserted == []
    alarms.pass_by(10.1)
    assert deserted == ["r"]


def test_a_run_that_nobody_ever_read_is_not_deserted():
    """Polling is no reading."""
    readers, alarms, deserted = made()
    readers.polled("r", 5.0)
    alarms.pass_by(60)
    assert (deserted, len(readers)) == ([], 0)


def test_nothing_is_kept_of_ended_runs():
    """Neither of one that was left, nor of one whose readers leave after its end."""
    readers, alarms, deserted = made()
    readers.came("left")
    readers.left("left", 5.0)
    readers.ended("left")
    readers.came("read")
    readers.ended("read")
    readers.left("read", None)
    assert (deserted, len(readers), len(alarms)) == ([], 0, 0)


# ------------------------------------------------------------------------------------------ a run that moves between logs


class Workers:
    """Two workers with a log each over one Redis; their runs end when a test says so."""

    names = itertools.count(1)

    def __init__(self, redis):
        self.redis = redis
        self.gates = {}
        self.alarms = (Alarms(), Alarms())
        logs = [RedisLog(redis.url, keep_s=60, deadline_s=60) for _ in range(2)]
        self.runs = tuple(self._runs(log, alarms) for log, alarms in zip(logs, self.alarms, strict=True))

    def _runs(self, log, alarms):
        runs = Runs(log, {"chat": self._answer}, max_runs=100, deadline_s=60, grace_s=GRACE_S, later=alarms.later)
        log.attach(runs)
        return runs

    def _answer(self, question, report, budget):
        report(Progress(step="start", message="", progress=5, timestamp="", elapsed_ms=0))
        while not self.gates[question.query].wait(0.005):
            budget.check()
        return RESULT

    def start(self, on_disconnect):
        """Start a run at the first worker and return its id."""
        run_id = f"run-{next(self.names)}"
        self.gates[run_id] = threading.Event()
        self.runs[0].start(run_id, Question(query=run_id, mode="chat", on_disconnect=on_disconnect), "q")
        wait_for(lambda: self.runs[0].log.read(run_id, reader.START, 1.0))
        return run_id

    def adopt(self, run_id):
        """Have the second worker take the run over, as it does when the first one's lease is over."""
        here, there = self.runs
        wait_for(lambda: there.log.read(run_id, reader.START, 1.0))

        def adopted():
            info, entries = there.log.info(run_id), there.log.read(run_id, reader.START, 0.0)
            if self.redis.client.hget(f"jacie:run:{run_id}", "owner") == there.log.worker:  # perhaps its own beat was quicker
                return True
            self.redis.client.delete(f"jacie:worker:{here.log.worker}")
            there.orphaned(info, entries)
            return False

        wait_for(adopted)
        here.stop(run_id, Cancelled())

    def end(self, run_id, worker):
        """Let the run end and return how it did: a code, or "result"."""
        self.gates[run_id].set()
        end = reader.wait(self.runs[worker].log, run_id)
        return getattr(end, "code", "result")

    def close(self):
        """Leave Redis."""
        for runs in self.runs:
            runs.log.close(1.0)


class MovingRun(RuleBasedStateMachine):
    """One run that may be adopted by another worker, and readers on both: it ends if and only if its owner's readers are gone too long."""

    workers = None

    def __init__(self):
        super().__init__()
        self.readers = [0, 0]
        self.due = [None, None]
        self.grace = [0.0, 0.0]
        self.owner = 0
        self.cancelled = False

    @initialize(on_disconnect=st.sampled_from(["continue", "cancel"]))
    def start(self, on_disconnect):
        """A run begins at the first worker."""
        self.on_disconnect = on_disconnect
        self.run_id = self.workers.start(on_disconnect)

    @rule(worker=st.integers(0, 1))
    def come(self, worker):
        """A reader comes, to the worker that has the run or to the other one."""
        self.workers.runs[worker].log.info(self.run_id)  # as a request does first
        self.workers.runs[worker].reader_came(self.run_id)
        self.readers[worker] += 1
        self.due[worker] = None

    @precondition(lambda self: any(self.readers))
    @rule(worker=st.integers(0, 1), sent_on=st.booleans())
    def leave(self, worker, sent_on):
        """A reader's connection ends, or it is told to come back to another worker."""
        if not self.readers[worker]:
            return
        runs = self.workers.runs[worker]
        (runs.reader_sent_on if sent_on else runs.reader_left)(self.run_id)
        self.readers[worker] -= 1
        if self.readers[worker] or self.cancelled:
            return
        at_once = self.on_disconnect == "cancel" and worker == self.owner and not sent_on
        self.grace[worker] = 0.0 if at_once else max(GRACE_S, SENT_ON_S if sent_on else 0.0)
        self.due[worker] = self.workers.alarms[worker].now + self.grace[worker]
        self.ring(worker)

    @rule(worker=st.integers(0, 1))
    def poll(self, worker):
        """Somebody asks for the state, or reads on the other worker."""
        self.workers.runs[worker].polled(self.run_id)
        if self.due[worker] is not None and not self.readers[worker]:
            self.grace[worker] = max(self.grace[worker], GRACE_S)
            self.due[worker] = self.workers.alarms[worker].now + self.grace[worker]

    @rule(seconds=st.sampled_from([1.0, 4.0, 6.0, 11.0]))
    def pass_by(self, seconds):
        """Time passes."""
        for worker in (0, 1):
            self.workers.alarms[worker].pass_by(seconds)
            self.ring(worker)

    @precondition(lambda self: self.owner == 0 and not self.cancelled)
    @rule()
    def adopt(self):
        """The first worker is taken for dead, and the second one goes on with the run."""
        self.workers.adopt(self.run_id)
        self.owner = 1
        self.due[0] = None

    def ring(self, worker):
        """Note what the end of a grace means."""
        due = self.due[worker]
        if due is not None and due <= self.workers.alarms[worker].now and not self.readers[worker]:
            self.due[worker] = None
            self.cancelled = self.cancelled or worker == self.owner

    def teardown(self):
        """A run that was deserted is cancelled; any other one gives its result."""
        if hasattr(self, "run_id"):
            assert self.workers.end(self.run_id, self.owner) == ("cancelled" if self.cancelled else "result")
            for worker, count in enumerate(self.readers):
                for _ in range(count):
                    self.workers.runs[worker].reader_left(self.run_id)
                self.workers.alarms[worker].pass_by(100)
                assert self.workers.runs[worker].readers.count(self.run_id) == 0


@pytest.mark.skipif(REDIS is None, reason=MISSING)
@pytest.mark.timeout(300)
def test_a_run_that_moves_between_workers_ends_when_it_is_deserted_and_never_before():
    """Whatever readers, polls, handovers, time and an adoption come in which order."""
    with RedisServer() as redis, contextlib.closing(Workers(redis)) as workers:
        machine = type("Machine", (MovingRun,), {"workers": workers})
        checked = [HealthCheck.too_slow, HealthCheck.data_too_large]
        bounds = settings(max_examples=60, stateful_step_count=15, deadline=None, suppress_health_check=checked)
        run_state_machine_as_test(machine, settings=bounds)
