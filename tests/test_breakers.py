"""The circuit breaker: when it opens, how long it refuses, whom it lets try, and what it does not count."""

import threading

import pytest

from jacie_flask.breakers import Breaker, Refused


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock():
    """Return a clock at 0."""
    return Clock()


def opened(clock, failures=3, open_s=10.0):
    """Return a breaker that has just opened."""
    breaker = Breaker(failures, open_s, clock)
    for _ in range(failures):
        breaker.failed(breaker.enter())
    return breaker


def test_it_opens_after_so_many_failures_in_a_row(clock):
    """A success between them begins the count anew."""
    breaker = Breaker(3, 10, clock)
    for step in (breaker.failed, breaker.failed, breaker.succeeded, breaker.failed, breaker.failed):
        step(breaker.enter())
    assert breaker.figures.state == "closed"
    breaker.failed(breaker.enter())
    assert (breaker.figures.state, breaker.figures.opened, breaker.figures.failures) == ("open", 1, 5)


def test_while_open_it_refuses_and_says_for_how_long(clock):
    """The pause is what was set, less up to a quarter by chance."""
    breaker = opened(clock)
    with pytest.raises(Refused) as refused:
        breaker.enter()
    assert 7.5 <= refused.value.seconds <= 10
    assert breaker.figures.refused == 1


def test_after_the_pause_one_request_may_try(clock):
    """A second one is refused until the first has come back; its success closes the breaker for all."""
    breaker = opened(clock)
    clock.now = 10
    assert breaker.figures.state == "half-open"
    probe = breaker.enter()
    with pytest.raises(Refused):
        breaker.enter()
    breaker.succeeded(probe)
    assert breaker.figures.state == "closed"
    breaker.enter()


def test_a_failed_try_doubles_the_pause_up_to_eight_times(clock):
    """An upstream that stays away is asked less and less, but never given up."""
    breaker, pauses = opened(clock), []
    for _ in range(6):
        clock.now += 100
        breaker.failed(breaker.enter())
        pauses.append(breaker.figures.retry_after_s)
    assert all(15 <= pauses[0] <= 20 and 30 <= pauses[1] <= 40 for _ in pauses)
    assert all(60 <= pause <= 80 for pause in pauses[2:])


def test_a_try_that_was_cancelled_leaves_the_place_to_the_next(clock):
    """A kill says nothing about the upstream."""
    breaker = opened(clock)
    clock.now = 10
    breaker.returned(breaker.enter())
    breaker.succeeded(breaker.enter())
    assert breaker.figures.state == "closed"


def test_what_was_asked_before_it_opened_counts_no_more(clock):
    """A late failure neither lengthens the pause nor opens it again; a late success does not close it."""
    breaker = Breaker(2, 10, clock)
    late, later = breaker.enter(), breaker.enter()
    for _ in range(2):
        breaker.failed(breaker.enter())
    breaker.succeeded(late)
    assert breaker.figures.state == "open"
    clock.now = 10
    breaker.succeeded(breaker.enter())
    breaker.failed(later)
    assert (breaker.figures.state, breaker.figures.failures_in_a_row) == ("closed", 0)


def test_of_many_threads_one_tries(clock):
    """However many come at once after the pause, one request goes out."""
    breaker, entered, start = opened(clock), [], threading.Barrier(16)
    clock.now = 10

    def come():
        start.wait()
        try:
            entered.append(breaker.enter())
        except Refused:
            return

    threads = [threading.Thread(target=come) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [ticket.probe for ticket in entered] == [True]
