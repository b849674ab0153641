"""Measures that are no known concept: the question's own words for a row, explained only by a row that has them all."""

from jacie_flask.question.marks import Mark, Marked
from jacie_flask.question.operators import YES_NO
from jacie_flask.question.plan import Item, Measure

_LONGEST = 6
_NO_FIGURE = frozenset({"which", "who", "whom", "where", "when", "why", "list", "describe", "explain", "name"})
_NO_ROW = frozenset(
    {"who", "whom", "where", "when", "why", "whether", "if", "not", "no", "than", "without", "excluding", "except"}
)


def phrase_measure(question: Marked) -> tuple[Measure, ...]:
    """Return the one noun phrase of unknown words as a measure, and explain them; () where they are none."""
    opened = [mark for mark in question.open_marks() if not _manner(question, mark)]
    if (
        not opened
        or _asks_no_figure(question)
        or any(mark.operators or _refused(question, mark) for mark in opened)
        or len(opened) > _LONGEST
    ):
        return ()
    first, last = opened[0].first, opened[-1].last
    between = [mark for mark in question.marks if first <= mark.first and mark.last <= last]
    if any(mark.has("company", "period", "wish") for mark in between):
        return ()
    question.explain(*between)
    phrase = question.words(first, last)
    return (Measure(phrase, Item(phrase=phrase), ""),)


def _asks_no_figure(question: Marked) -> bool:
    """Say whether the question asks for something else than a figure: yes or no, which one, who."""
    opening = next((mark for mark in question.marks if mark.first not in question.explained and not mark.has("company")), None)
    if opening is None:
        return True
    words = {token.text.lower() for token in question.tokens[opening.first : opening.last + 2]}
    return not words.isdisjoint(YES_NO | _NO_FIGURE) or "are" in words


def _manner(question: Marked, mark: Mark) -> bool:
    return mark.has("fillers", "reporting", "period", "relative") or not question.tokens[mark.first].word


def _refused(question: Marked, mark: Mark) -> bool:
    return mark.has("ambiguous") or question.tokens[mark.first].key in _NO_ROW
