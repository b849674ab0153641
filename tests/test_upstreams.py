"""An upstream: what is asked again, what opens its breaker, and how a 429 quietens all who would ask it."""

import threading

import pytest

from jacie_flask.breakers import Breaker
from jacie_flask.errors import Cancelled, DocumentUnavailable
from jacie_flask.retries import Budget, Patience
from jacie_flask.upstreams import Trouble, Upstream


def upstream(failures=100, **patience):
    """Return an upstream with pauses that suit a test."""
    settings = {"backoff_s": 0.001, "leaves": 0, **patience}
    return Upstream("documents", DocumentUnavailable, Patience(**settings), Breaker(failures, 30))


class Asked:
    """A request that goes wrong as told, and then well; counts how often it was made."""

    def __init__(self, *troubles):
        self.troubles, self.count = list(troubles), 0

    def __call__(self):
        """Raise the next trouble."""
        self.count += 1
        if self.troubles:
            raise self.troubles.pop(0)
        return "answer"


class Unhurried(Budget):
    """A budget that notes the seconds it would wait instead of waiting."""

    def __init__(self, retries):
        """Begin without waits."""
        super().__init__(retries)
        self.waits = []

    def wait(self, seconds):
        """Note the seconds."""
        self.waits.append(seconds)


def fault(retry_after_s=None):
    """Return what an upstream in trouble gives."""
    return Trouble(DocumentUnavailable("500", retry_after_s=retry_after_s), fault=True, again=True)


def busy(seconds):
    """Return what an upstream gives that wants to be left alone."""
    return Trouble(DocumentUnavailable("429", retry_after_s=seconds), again=True, throttled=True)


def test_a_passing_fault_is_asked_again():
    """Two faults, then the answer."""
    asked = Asked(fault(), fault())
    assert upstream().ask(asked, Budget(6)) == "answer"
    assert asked.count == 3


def test_requests_of_one_question_share_its_retries():
    """Ten requests to an upstream that is down make ten requests and the question's four retries, not thirty."""
    one, budget, total = upstream(), Budget(4), 0
    for _ in range(10):
        asked = Asked(*[fault() for _ in range(9)])
        with pytest.raises(DocumentUnavailable):
            one.ask(asked, budget)
        total += asked.count
    assert total == one.requests == 14


def test_what_was_refused_is_not_asked_again_and_opens_nothing():
    """A thousand documents that are not there say nothing against their store."""
    one = upstream(failures=2)
    for _ in range(1000):
        asked = Asked(Trouble(DocumentUnavailable("404")))
        with pytest.raises(DocumentUnavailable):
            one.ask(asked, Budget(4))
        assert asked.count == 1
    assert one.figures.state == "closed"


def test_an_open_breaker_refuses_at_once_with_the_time_to_wait():
    """No request is made, no retry is spent, and the error says when to come back."""
    one, asked = upstream(failures=1), Asked(fault())
    with pytest.raises(DocumentUnavailable) as first:
        one.ask(asked, Budget(4))
    assert asked.count == 1
    with pytest.raises(DocumentUnavailable) as second:
        one.ask(asked, Budget(4))
    assert asked.count == 1
    assert all(20 < caught.value.retry_after_s <= 30 for caught in (first, second))


def test_a_429_is_waited_for_by_all_and_opens_nothing():
    """Retry-After holds back the next question too; afterwards both are answered."""
    one, asked = upstream(failures=1, longest_s=600), Asked(busy(50))
    first, second = Unhurried(4), Unhurried(4)
    assert one.ask(asked, first) == "answer"
    assert one.ask(Asked(), second) == "answer"
    assert 50 <= first.waits[0] <= 55
    assert 15 < second.waits[0] <= 55
    assert (asked.count, one.throttled, one.figures.state) == (2, 1, "closed")


@pytest.mark.parametrize(("seconds", "budget"), [(55, Budget(4)), (50, Budget(4, deadline_s=45))], ids=["patience", "deadline"])
def test_a_wait_that_is_too_long_is_passed_on_at_once(seconds, budget):
    """Neither who got the 429 nor who comes next waits longer than the patience or the deadline allows."""
    one, asked = upstream(longest_s=52), Asked(busy(seconds))
    for _ in range(2):
        with pytest.raises(DocumentUnavailable) as caught:
            one.ask(asked, budget)
        assert seconds - 30 < caught.value.retry_after_s <= seconds
    assert asked.count == 1


def test_the_end_of_a_question_ends_its_retries():
    """Who waits for the next attempt raises why the question ended, and asks no more."""
    one, budget, asked = upstream(backoff_s=3600, longest_s=7200), Budget(4), Asked(fault())
    threading.Timer(0.05, lambda: budget.end(Cancelled())).start()
    for _ in range(2):
        with pytest.raises(Cancelled):
            one.ask(asked, budget)
    assert asked.count == 1


def test_a_kill_says_nothing_about_the_upstream():
    """What ends a request from outside is neither a failure nor a success."""
    one = upstream(failures=2)
    with pytest.raises(DocumentUnavailable):
        one.ask(Asked(fault()), Budget(0))
    with pytest.raises(KeyboardInterrupt):
        one.ask(Asked(KeyboardInterrupt()), Budget(0))
    assert one.figures.failures_in_a_row == 1
