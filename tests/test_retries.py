"""A question's budget: how many retries there are in all, which waits it has time for, and what ends them."""

import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from jacie_flask.errors import Cancelled, DeadlineExceeded
from jacie_flask.retries import Budget, Patience, retry_after


def test_all_who_share_a_budget_spend_one_number_of_retries():
    """Forty threads that all want to try again get the six retries there are."""
    budget, taken = Budget(6), []
    threads = [threading.Thread(target=lambda: taken.append(budget.spend(0.0))) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 6


def test_the_last_retries_are_left_to_whom_they_are_meant_for():
    """Who leaves two gets four of six, and the model the other two."""
    budget = Budget(6)
    assert sum(budget.spend(0.0, leaving=2) for _ in range(10)) == 4
    assert sum(budget.spend(0.0) for _ in range(10)) == 2


def test_no_pause_lasts_beyond_the_deadline():
    """A wait that the question has no time for costs no retry."""
    budget = Budget(1, deadline_s=10)
    assert not budget.spend(10.5)
    assert budget.spend(9.0)


def test_the_end_of_a_question_ends_its_waiting():
    """Whoever waits raises why the question ended, at once, and so does who comes later; the first reason stays."""
    budget, caught = Budget(6), []

    def wait():
        try:
            budget.wait(3600)
        except Cancelled as error:
            caught.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    budget.end(Cancelled())
    waiting.join()
    assert len(caught) == 1
    budget.end(DeadlineExceeded())
    for step in (budget.check, lambda: budget.wait(3600)):
        with pytest.raises(Cancelled):
            step()


def test_pauses_double_with_less_by_chance_and_never_undercut_a_server():
    """Our own guess varies downwards, a Retry-After upwards."""
    patience = Patience(backoff_s=1.0)
    for attempt, longest in ((1, 1.0), (2, 2.0), (3, 4.0)):
        pauses = [patience.pause(attempt, None) for _ in range(200)]
        assert 0.75 * longest <= min(pauses) < max(pauses) <= longest
    asked = [patience.pause(1, 7.0) for _ in range(200)]
    assert 7.0 <= min(asked) < max(asked) <= 7.7


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, None), ("", None), ("3", 3), ("0.5", 0.5), ("-1", 0), ("inf", None), ("nan", None), ("soon", None)],
)
def test_a_retry_after_in_seconds(value, seconds):
    """What is no number of seconds is no wish."""
    assert retry_after(value) == seconds


def test_a_retry_after_as_a_date():
    """A date means the time until then, none when it is over."""
    now = datetime.now(UTC)
    assert 58 < retry_after(format_datetime(now + timedelta(seconds=60), usegmt=True)) <= 60
    assert retry_after(format_datetime(now - timedelta(seconds=60), usegmt=True)) == 0
