"""The life of a run: whatever the pipeline does and whenever it is stopped, there is one terminal event, the last one."""

import gc
import subprocess
import sys
import textwrap
import threading
import time

import msgspec
import pytest

from jacie_flask.errors import LLMTimeout, NotFound, Overloaded
from jacie_flask.events import Progress, Result, Source, Sources, Token, Turn, Usage
from jacie_flask.interfaces import Question, RunInfo
from jacie_flask.runs import reader
from jacie_flask.runs.memory_log import MemoryLog
from jacie_flask.runs.run import Runs
from tests.support.alarms import Alarms
from tests.support.waiting import wait_for

QUESTION = Question(query="?", mode="chat")
RESULT = Result(
    response="ab", documents_loaded=[], document_selection_message="", conversation_history=None, sources=[], citations=[],
    usage=Usage(), timings_ms={}, model="m", finish_reason="stop", degraded=[], run_id="",
)  # fmt: skip
SOURCE = Source(
    n=1, document_id="d", filename="a.pdf", company="", period="", document_type="", page=3, snippet="", score=1.0, url=""
)


def started(pipeline, question=QUESTION, **changes):
    """Start one run named ``r`` and return its Runs."""
    settings = {"max_runs": 8, "deadline_s": 30.0, "grace_s": 30.0, **changes}
    runs = Runs(MemoryLog(keep_s=60), {"chat": pipeline}, **settings)
    runs.start("r", question, "q")
    return runs


def ended(runs, run_id="r"):
    """Return the one terminal event of a run, once its worker is gone; fails when there are none or several."""
    wait_for(lambda: runs.active == 0)
    entries = runs.log.read(run_id, reader.START, 0)
    assert [item.terminal for item in entries] == [False] * (len(entries) - 1) + [True]
    assert [item.offset for item in entries] == list(range(1, len(entries) + 1))
    return reader.wait(runs.log, run_id)


def progress(step):
    """Return a step's report."""
    return Progress(step=step, message="", progress=5, timestamp="", elapsed_ms=0)


def raising(error):
    """Return a pipeline that says something and then raises."""

    def pipeline(_, report, _budget):
        report(progress("doc_loading"))
        report(Sources(sources=[SOURCE]))
        report(Token(text="Rev"))
        raise error

    return pipeline


def waiting(step, gate):
    """Return a pipeline that reports for as long as it may, once ``gate`` says that it is in the middle."""

    def pipeline(_, report, _budget):
        while True:
            report(progress(step))
            gate.set()
            time.sleep(0.005)

    return pipeline


def test_a_result_ends_a_run():
    """The result is the last event and carries the run's id."""
    runs = started(lambda _, report, _budget: report(Token(text="ab")) or RESULT)
    result = ended(runs)
    assert (result.response, result.run_id) == ("ab", "r")


def test_our_errors_end_a_run_with_what_there_was():
    """Code, step, the text so far and the sources reach the client; the detail does not."""
    failure = ended(started(raising(LLMTimeout("10.0.0.7 was silent", retry_after_s=4))))
    assert (failure.code, failure.retryable, failure.retry_after_s) == ("llm_timeout", True, 4)
    assert (failure.step, failure.partial_response, failure.sources) == ("doc_loading", "Rev", [SOURCE])
    assert (failure.run_id, failure.request_id, failure.error) == ("r", "q", LLMTimeout.public)


@pytest.mark.parametrize(
    "error", [ValueError("secret"), KeyError("k"), RecursionError(), MemoryError(), SystemExit(1), KeyboardInterrupt()]
)
def test_anything_else_is_internal(error):
    """A defect ends its own run, without a word of it to the client."""
    failure = ended(started(raising(error)))
    assert (failure.code, failure.partial_response) == ("internal", "Rev")
    assert "secret" not in failure.error


@pytest.mark.parametrize(
    ("pipeline", "code"),
    [
        (lambda *_: None, "internal"),
        (lambda _, report, _budget: report(progress("a\udcff")) or RESULT, ""),
        (lambda _, report, _budget: report(Token(text="\ud800")) or report(None), "internal"),
        (lambda _, report, _budget: report(Sources(sources=[object()])), "internal"),
        (lambda *_: Result(**{**{f: getattr(RESULT, f) for f in RESULT.__struct_fields__}, "model": object()}), "internal"),
    ],
    ids=["no result", "odd step", "odd text", "unsendable sources", "unsendable result"],
)
def test_what_cannot_be_sent_still_ends(pipeline, code):
    """Text that is not Unicode and values that are not JSON do not leave a stream without its end."""
    end = ended(started(pipeline))
    assert getattr(end, "code", "") == code


def test_cancel_before_the_start():
    """A run that is stopped before its first line ends as cancelled and does nothing."""
    did = []
    started_late, cancelled = threading.Event(), threading.Event()

    class Late(MemoryLog):
        def create(self, info, claim=None):
            threading.Thread(target=lambda: (started_late.wait(60), runs.cancel("r"), cancelled.set())).start()
            return super().create(info, claim)

    def pipeline(_, report, _budget):
        started_late.set()
        assert cancelled.wait(60)
        report(progress("a"))
        did.append(1)

    runs = Runs(Late(keep_s=60), {"chat": pipeline}, max_runs=8, deadline_s=30, grace_s=30)
    runs.start("r", QUESTION, "q")
    assert ended(runs).code == "cancelled"
    assert did == []


def test_cancel_in_the_middle_keeps_the_partial_answer():
    """The next report raises, the text so far is kept, and cancelling again changes nothing."""
    gate = threading.Event()

    def pipeline(question, report, budget):
        report(Token(text="Rev"))
        return waiting("ai_generation", gate)(question, report, budget)

    runs = started(pipeline)
    assert gate.wait(60)
    runs.cancel("r")
    runs.cancel("r")
    failure = ended(runs)
    assert (failure.code, failure.retryable, failure.partial_response) == ("cancelled", False, "Rev")
    runs.cancel("r")
    assert ended(runs) == failure


def test_a_stopped_run_lets_go_of_what_it_had_open():
    """When the end of a run that noticed its cancel by itself is on record, the model's stream is closed, without the collector."""
    closed, gate = threading.Event(), threading.Event()

    def words():
        try:
            while True:
                yield "Rev"
        finally:
            closed.set()

    def pipeline(_, report, _budget):
        stream = words()
        for word in stream:
            report(Token(text=word))
            gate.set()
            time.sleep(0.005)

    gc.disable()
    try:
        runs = started(pipeline)
        assert gate.wait(60)
        runs.cancel("r")
        assert ended(runs).code == "cancelled"
        assert closed.is_set()
    finally:
        gc.enable()


def test_cancel_wins_over_a_result_that_comes_later():
    """A run that was stopped does not answer after all."""
    gate, go = threading.Event(), threading.Event()
    runs = started(lambda *_: (gate.set(), go.wait(60)) and RESULT)
    assert gate.wait(60)
    runs.cancel("r")
    go.set()
    assert ended(runs).code == "cancelled"


def test_cancelling_an_unknown_run_is_not_found():
    """Unknown runs cannot be stopped."""
    with pytest.raises(NotFound):
        started(lambda *_: RESULT).cancel("unknown")


def test_the_deadline_ends_a_run():
    """At its deadline a run ends, with an error that may be retried."""
    runs = started(waiting("doc_loading", threading.Event()), deadline_s=0.05)
    failure = ended(runs)
    assert (failure.code, failure.retryable, failure.step) == ("deadline_exceeded", True, "doc_loading")


def test_a_finished_run_leaves_no_timer_behind():
    """The deadline's alarm of a run is gone with it, also when the run was quicker than its start."""
    before = threading.active_count()
    for number in range(20):
        runs = started(lambda *_: RESULT, deadline_s=30 + number)
        ended(runs)
    wait_for(lambda: threading.active_count() <= before)


def test_too_many_runs_are_refused():
    """The bound is kept, the refused run does not exist, and a free place is given away again."""
    gate, go = threading.Event(), threading.Event()
    runs = started(lambda *_: (gate.set(), go.wait(60)) and RESULT, max_runs=1)
    with pytest.raises(Overloaded) as caught:
        runs.start("s", QUESTION, "q")
    assert caught.value.retry_after_s
    with pytest.raises(NotFound):
        runs.log.info("s")
    go.set()
    ended(runs)
    runs.start("s", QUESTION, "q")
    assert ended(runs, "s").run_id == "s"


def test_leaving_cancels_when_the_question_says_so():
    """With on_disconnect=cancel the last reader's leaving ends the run, one of two readers' does not."""
    gate = threading.Event()
    runs = started(waiting("a", gate), Question(query="?", mode="chat", on_disconnect="cancel"))
    assert gate.wait(60)
    runs.reader_came("r")
    runs.reader_came("r")
    runs.reader_left("r")
    time.sleep(0.03)
    assert runs.active == 1
    runs.reader_left("r")
    assert ended(runs).code == "cancelled"


def test_a_left_run_goes_on_for_its_grace():
    """Nobody came back in time: the run ends as cancelled, not before."""
    gate, alarms = threading.Event(), Alarms()
    runs = started(waiting("a", gate), grace_s=5.0, later=alarms.later)
    assert gate.wait(60)
    runs.reader_came("r")
    runs.reader_left("r")
    alarms.pass_by(4.9)
    assert not runs.log.info("r").cancel_requested
    assert runs.active == 1
    alarms.pass_by(0.2)
    assert ended(runs).code == "cancelled"


def test_coming_back_keeps_a_run():
    """A reader who is there at the end of the grace keeps the run, and a second leaving has a grace of its own."""
    gate, alarms = threading.Event(), Alarms()
    runs = started(waiting("a", gate), grace_s=5.0, later=alarms.later)
    assert gate.wait(60)
    runs.reader_came("r")
    runs.reader_left("r")
    alarms.pass_by(4.0)
    runs.reader_came("r")
    alarms.pass_by(60.0)
    runs.reader_left("r")
    alarms.pass_by(4.9)
    assert runs.active == 1
    alarms.pass_by(0.2)
    assert ended(runs).code == "cancelled"


def test_a_reader_who_was_sent_on_has_time_to_come_back():
    """A drain is no client's choice: with on_disconnect=cancel the run waits all the same, and ends when it is left."""
    gate = threading.Event()
    runs = started(waiting("a", gate), Question(query="?", mode="chat", on_disconnect="cancel"))
    assert gate.wait(60)
    runs.reader_came("r")
    runs.reader_sent_on("r")
    time.sleep(0.05)
    assert runs.active == 1
    runs.reader_came("r")
    runs.reader_left("r")
    assert ended(runs).code == "cancelled"


def test_a_run_that_is_watched_has_one_timer():
    """Each word of a watcher elsewhere starts the grace anew instead of adding another."""
    gate = threading.Event()
    runs = started(waiting("a", gate), grace_s=30)
    assert gate.wait(60)
    runs.reader_came("r")
    runs.reader_left("r")
    before = threading.active_count()
    for _ in range(50):
        runs.polled("r")
    wait_for(lambda: threading.active_count() <= before + 1)
    runs.cancel("r")
    assert ended(runs).code == "cancelled"


def test_readers_of_ended_runs_change_nothing():
    """Coming, leaving and reporting after the end have no effect."""
    kept = []
    runs = started(lambda _, report, _budget: kept.append(report) or RESULT)
    end = ended(runs)
    runs.reader_came("r")
    runs.reader_left("r")
    with pytest.raises(Exception, match="ended"):
        kept[0](Token(text="late"))
    assert ended(runs) == end


GEVENT = """
from gevent import monkey; monkey.patch_all()
import itertools, time
import gevent
from jacie_flask.errors import LLMTimeout
from jacie_flask.events import Progress, Result, Token, Usage
from jacie_flask.interfaces import Question
from jacie_flask.runs import reader
from jacie_flask.runs.memory_log import MemoryLog
from jacie_flask.runs.run import Runs

RESULT = Result(
    response="ab", documents_loaded=[], document_selection_message="", conversation_history=None, sources=[], citations=[],
    usage=Usage(), timings_ms={}, model="m", finish_reason="stop", degraded=[], run_id="",
)

class SlowLog(MemoryLog):
    # Each append crosses a network, before and after it is written there.
    def append(self, run_id, entries):
        time.sleep(DELAY)
        super().append(run_id, entries)
        time.sleep(DELAY)

def one_end(runs, run_id):
    with gevent.Timeout(60):
        while runs.active:
            time.sleep(0.001)
    entries = runs.log.read(run_id, reader.START, 0)
    assert [item.terminal for item in entries] == [False] * (len(entries) - 1) + [True], entries
    assert [item.offset for item in entries] == list(range(1, len(entries) + 1)), entries
    end = reader.wait(runs.log, run_id)
    return getattr(end, "code", "result")

def start(pipeline, log=None, **changes):
    bounds = {"max_runs": 8, "deadline_s": 30.0, "grace_s": 30.0, **changes}
    runs = Runs(log or MemoryLog(keep_s=60), {"chat": pipeline}, **bounds)
    runs.start("r", Question(query="?", mode="chat"), "q")
    return runs
"""


def under_gevent(program):
    """Run a program in a patched process and return what it printed; warnings are errors there too."""
    source = GEVENT + textwrap.dedent(program)
    command = [sys.executable, "-W", "error", "-c", source]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def test_under_gevent_a_kill_reaches_a_waiting_pipeline():
    """Cancel, deadline and leaving end a pipeline where it waits, without another report; before the start as well."""
    assert under_gevent(
        """
        def asleep(_, report, _budget):
            report(Token(text="Rev"))
            time.sleep(3600)

        def stubborn(_, report, _budget):
            try:
                time.sleep(3600)
            finally:
                time.sleep(0.02)

        for pipeline in (asleep, stubborn):
            runs = start(pipeline)
            time.sleep(0.01)
            runs.cancel("r")
            runs.cancel("r")
            print(one_end(runs, "r"))
        print(one_end(start(asleep, deadline_s=0.05), "r"))
        runs = start(asleep, grace_s=0.05)
        time.sleep(0.01)
        runs.reader_came("r")
        runs.reader_left("r")
        print(one_end(runs, "r"))
        runs = start(lambda *_: print("never"))
        runs.cancel("r")
        print(one_end(runs, "r"))
        print(one_end(start(lambda *_: RESULT), "r"))
        def broken(*_):
            raise ValueError
        print(one_end(start(broken), "r"))
        """
    ) == ["cancelled", "cancelled", "deadline_exceeded", "cancelled", "cancelled", "result", "internal"]


def test_under_gevent_a_kill_at_any_moment_leaves_one_end():
    """Swept over the whole life of runs, over a log whose appends wait as well: never two ends, never none, no lost offset.

    The last run is cancelled just before its pipeline returns: the kill on its way must not strike the end.
    """
    printed = under_gevent(
        """
        def pipeline(_, report, _budget):
            report(Token(text="a"))
            time.sleep(0.002)
            report(Token(text="b"))
            return RESULT
        def failing(_, report, _budget):
            report(Token(text="a"))
            raise LLMTimeout("x")
        for DELAY in (0, 0.001):
            ends = set()
            for step, kind in itertools.product(range(40), (pipeline, failing)):
                runs = start(kind, SlowLog(keep_s=60))
                gevent.spawn_later(step * (DELAY / 4 + 0.0001), runs.cancel, "r")
                ends.add(one_end(runs, "r"))
            print(*sorted(ends))
        DELAY = 0.005
        runs = start(lambda *_: runs.cancel("r") or RESULT, SlowLog(keep_s=60))
        print(one_end(runs, "r"))
        """
    )
    assert printed == ["cancelled llm_timeout result"] * 2 + ["cancelled"]


@pytest.mark.parametrize("step_s", [3600.0, -3600.0], ids=["forward", "back"])
def test_a_step_of_the_clock_ends_nothing(step_s):
    """Deadlines and the time that a run is kept are measured, not read off the time of day: an answer and its record go on."""
    now = [1_000_000.0]

    def pipeline(_, report, _budget):
        report(Token(text="a"))
        now[0] += step_s
        report(Token(text="b"))
        return RESULT

    runs = Runs(
        MemoryLog(keep_s=60, clock=lambda: now[0]),
        {"chat": pipeline},
        max_runs=8,
        deadline_s=30,
        grace_s=30,
        clock=lambda: now[0],
    )
    runs.start("r", QUESTION, "q")
    assert ended(runs).response == "ab"
    now[0] += step_s
    runs.start("s", QUESTION, "q")
    assert ended(runs, "s").response == "ab"
    assert reader.wait(runs.log, "r").response == "ab"


@pytest.mark.parametrize("step_s", [3600.0, -3600.0], ids=["forward", "back"])
def test_an_adopted_run_has_no_more_than_its_time(step_s):
    """Where the clocks of two machines differ the run ends as lost, or has the whole time once more, never more."""
    info = RunInfo(run_id="r", request_id="q", mode="chat", created_at=1000.0 - step_s, updated_at=0.0, question=QUESTION)
    budgets = []

    class Adopting(MemoryLog):
        def adopt(self, info, entry):
            self.append(info.run_id, [entry])
            return True

    def pipeline(_, report, budget):
        budgets.append(budget.left_s)
        return RESULT

    log = Adopting(keep_s=60)
    log.create(info)
    runs = Runs(log, {"chat": pipeline}, max_runs=8, deadline_s=30, grace_s=30, clock=lambda: 1000.0)
    runs.orphaned(info, ())
    end = reader.wait(log, "r")
    assert getattr(end, "code", "") == ("producer_lost" if step_s > 0 else "")
    assert all(left_s <= 30 for left_s in budgets)


def test_a_question_is_counted_while_its_run_goes_on_and_dropped_with_its_end():
    """What a run keeps in memory is bounded with its conversation; an ended run keeps none of it."""
    gate = threading.Event()
    turns = tuple(Turn(role="user", content="x" * 100_000) for _ in range(3))
    runs = started(lambda _, report, _budget: gate.wait(60) and RESULT, Question(query="?", mode="chat", history=turns))
    assert runs.log.record("r").cost > 300_000
    assert runs.log.info("r").question.history == turns
    gate.set()
    ended(runs)
    assert runs.log.record("r").cost < 10_000
    assert runs.log.info("r").question is None


def test_questions_in_memory_have_a_bound():
    """Long conversations of running answers fill the memory as answers do: another question is refused as overloaded."""
    turns = (Turn(role="user", content="x" * 100_000),)
    log = MemoryLog(keep_s=60, max_bytes=250_000)
    for number in range(3):
        info = RunInfo(run_id=str(number), request_id="q", mode="chat", created_at=0, updated_at=0)
        log.create(msgspec.structs.replace(info, question=Question(query="?", mode="chat", history=turns)))
    with pytest.raises(Overloaded):
        log.create(RunInfo(run_id="more", request_id="q", mode="chat", created_at=0, updated_at=0))
