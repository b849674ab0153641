"""The conversation that a question brings along and an answer gives back, bounded in turns and characters."""

from collections.abc import Sequence

from jacie_flask.events import Turn
from jacie_flask.interfaces import Limits, Question


def remembered(question: Question, said: str, limits: Limits) -> list[Turn] | None:
    """Return the conversation with this turn added, its oldest turns dropped beyond the limits; None without memory."""
    if not question.memory_enabled:
        return None
    turns = [*question.history, Turn(role="user", content=question.query), Turn(role="assistant", content=said)]
    return bounded(turns, limits)


def bounded(turns: Sequence[Turn], limits: Limits) -> list[Turn]:
    """Return the last turns that fit the limits; the newest one always stays."""
    kept: list[Turn] = []
    size = 0
    for turn in reversed(turns[-limits.max_history_turns :]):
        size += len(turn.content)
        if kept and size > limits.max_history_chars:
            break
        kept.append(turn)
    return kept[::-1]
