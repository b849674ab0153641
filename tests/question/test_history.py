"""The conversation that goes with an answer: this turn is added, the oldest ones make room."""

import pytest

from jacie_flask.events import Turn
from jacie_flask.interfaces import Limits, Question
from jacie_flask.question.history import bounded, remembered

TURNS = tuple(Turn(role="user", content=str(n) * 10) for n in range(6))


@pytest.mark.parametrize(("most_turns", "most_chars", "left"), [(6, 60, 6), (4, 60, 4), (6, 35, 3), (6, 30, 3), (6, 1, 1)])
def test_the_last_turns_that_fit_stay(most_turns, most_chars, left):
    """Both limits count, and the newest turn stays however long it is."""
    limits = Limits(deadline_s=1, max_history_turns=most_turns, max_history_chars=most_chars)
    assert bounded(TURNS, limits) == list(TURNS[6 - left :])


def test_an_answer_becomes_a_turn():
    """Question and answer are added to what was said before."""
    asked = Question(query="And now?", mode="chat", history=TURNS[:1], memory_enabled=True)
    kept = remembered(asked, "This.", Limits(deadline_s=1))
    assert [(turn.role, turn.content) for turn in kept] == [("user", "0" * 10), ("user", "And now?"), ("assistant", "This.")]


def test_without_memory_nothing_is_kept():
    """A request that asked for none gets none back."""
    assert remembered(Question(query="And now?", mode="chat", memory_enabled=False), "This.", Limits(deadline_s=1)) is None
