"""Turns: so many of one caller at once, the others wait, nobody waits for another caller, and who leaves makes room."""

import contextlib
import threading

import pytest

from jacie_flask.errors import RateLimited
from jacie_flask.web.turns import Turns
from tests.support.waiting import wait_for

THERE = contextlib.nullcontext()


class Work:
    """Requests at work, each until it is let go."""

    def __init__(self, turns):
        """Begin with none."""
        self.turns = turns
        self.working = []
        self.go = threading.Semaphore(0)
        self.threads = []

    def begin(self, caller):
        """Start a request of a caller."""
        thread = threading.Thread(target=self._work, args=(caller,), daemon=True)  # a failed test ends all the same
        self.threads.append(thread)
        thread.start()

    def end(self):
        """Let all go, and wait for them."""
        self.go.release(len(self.threads))
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()

    def _work(self, caller):
        with self.turns.take(caller, THERE):
            self.working.append(caller)
            self.go.acquire()


def test_a_caller_has_a_few_at_once_and_others_do_not_wait_for_it():
    """Two of five are at work, another caller's first is too; one that ends makes room for one, and in the end all were."""
    turns = Turns(2, 9)
    work = Work(turns)
    for caller in "aaaaab":
        work.begin(caller)
    wait_for(lambda: sorted(work.working) == ["a", "a", "b"])
    wait_for(lambda: turns._places["a"].waiting == 3)
    work.go.release(2)
    wait_for(lambda: len(work.working) >= 4)
    assert len(work.working) <= 5
    work.end()
    assert sorted(work.working) == list("aaaaab")
    assert len(turns) == 0


def test_more_than_may_wait_are_refused():
    """One at work and one behind it: the third is told when to come again, and another caller is let in."""
    turns = Turns(1, 1)
    work = Work(turns)
    work.begin("a")
    work.begin("a")
    wait_for(lambda: work.working and turns._places["a"].waiting == 1)
    with pytest.raises(RateLimited) as refused, turns.take("a", THERE):
        pass
    assert (refused.value.reason, refused.value.retry_after_s) == ("at most 2 pages at the same time", 1.0)
    with turns.take("b", THERE):
        pass
    work.end()
    assert len(turns) == 0


class Left(BaseException):
    """The client has gone."""


@contextlib.contextmanager
def left():
    """Have the client leave when its turn comes."""
    yield
    raise Left


def test_who_leaves_leaves_nothing():
    """A client that leaves, and work that fails, make room: five times in a row where there is room for two."""
    turns = Turns(1, 1)
    for failure, there in [(ValueError, THERE), (Left, left()), (ValueError, THERE), (Left, left()), (Left, left())]:
        with contextlib.suppress(failure), turns.take("a", there):
            raise ValueError
    assert len(turns) == 0


def test_who_leaves_while_it_waits_takes_nobodys_turn():
    """One is at work; of two behind it one leaves: the other still has to wait, and has its turn in the end."""
    turns, gone = Turns(1, 2), threading.Event()

    @contextlib.contextmanager
    def leaving():
        """Have the client leave before its turn comes."""
        gone.set()
        raise Left
        yield

    work = Work(turns)
    work.begin("a")
    wait_for(lambda: work.working)
    with contextlib.suppress(Left), turns.take("a", leaving()):
        raise AssertionError("it had its turn")
    assert gone.is_set()
    work.begin("a")
    wait_for(lambda: turns._places["a"].waiting == 1)
    assert (turns._places["a"].working, work.working) == (1, ["a"])
    work.end()
    assert work.working == ["a", "a"]
    assert len(turns) == 0
