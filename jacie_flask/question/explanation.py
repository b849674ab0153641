"""What of a question is not explained or not clear, in words for the reader."""

from collections.abc import Sequence
from itertools import pairwise

from jacie_flask.question.definitions import Definitions
from jacie_flask.question.marks import Mark, Marked
from jacie_flask.question.plan import Measure
from jacie_flask.question.terms import Term

_LISTING = frozenset({"and", "or", ",", ";", "&", "was", "is", "were", "are", "/", "|", "did", "spent", "paid", "as"})


def unclear_relation(question: Marked, measures: Sequence[Measure], operator: str) -> str:
    """Say what of a question is ambiguous: companies side by side, a percentage without its whole, a word of several meanings."""
    return _between_companies(question) or _without_whole(question, measures, operator) or _ambiguity(question)


def unused(definitions: Definitions, found: Sequence[Term]) -> str:
    """Say which definition belongs to nothing that is asked."""
    used = {*definitions.nested, *(name for term in found for name in term.uses)}
    for name, group in definitions.aliases.items():
        if used.isdisjoint(group):
            return f"the definition of {name} belongs to nothing that is asked"
    return ""


def unrelated(question: Marked, found: Sequence[Term]) -> str:
    """Say which two measures stand side by side without a word that lists, compares or relates them."""
    if len(found) == 2 and any("share" in mark.operators for mark in question.marks):
        return ""
    for one, other in pairwise(sorted(found, key=lambda term: term.first)):
        between = question.tokens[one.last : other.first]
        related = any(mark.operators for mark in question.marks if one.last <= mark.first < other.first)
        if one.first != other.first and not related and not any(token.key in _LISTING for token in between):
            return f"how {one.measure.name} and {other.measure.name} belong together was not understood"
    return ""


def _between_companies(question: Marked) -> str:
    """Say whether a second company is named as a part of what is asked: "receivables from Borvik"."""
    named = [mark for mark in question.marks if mark.company]
    for one, other in pairwise(named):
        listed = any(token.key in _LISTING for token in question.tokens[one.last : other.first])
        compared = any({"compare", "than"} & set(mark.operators) for mark in question.marks)
        if one.company != other.company and not (listed or compared):
            return f"how {one.company} and {other.company} belong together was not understood"
    return ""


def _without_whole(question: Marked, measures: Sequence[Measure], operator: str) -> str:
    """Say whether a percentage is wanted of an amount without the whole that it is a part of."""
    amounts = [measure.name for measure in measures if measure.unit in {"money", "shares", "per_share"}]
    if question.wishes.percent and amounts and operator in {"value", "average", "sum"}:
        return f"of what {amounts[0]} is to be a percentage is not said"
    return ""


def _ambiguity(question: Marked) -> str:
    for mark in question.open_marks():
        if mark.has("ambiguous"):
            return mark.meanings["ambiguous"]
    return ""


def unexplained(question: Marked) -> tuple[str, ...]:
    """Return the content words that nothing explains, in order."""
    return tuple(question.words(mark.first, mark.last) for mark in question.open_marks() if not manner(question, mark))


def manner(question: Marked, mark: Mark) -> bool:
    """Say whether a mark has no content of its own."""
    return question.sign(mark) or mark.has("fillers", "reporting", "neutral")
