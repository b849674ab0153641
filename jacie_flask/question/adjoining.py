"""Words beside a measure that belong to it: abbreviations in brackets, what it is computed from, adjectives that change nothing."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from jacie_flask.facts.expressions import Call, Expression, Item, UnreadExpressionError, items
from jacie_flask.question.marks import Marked
from jacie_flask.question.terms import Term

_VERSIONS = frozenset({"ending", "end", "closing", "opening", "beginning", "average", "year", "period"})
_OUTLAYS = frozenset({"buybacks", "capex", "dividends_paid", "acquisitions"})
_SPENDING = frozenset({"use", "used", "spend", "spent", "go", "went", "return", "returned"})


def without_abbreviations(marked: Marked, found: Sequence[Term]) -> list[Term]:
    """Join "free cash flow (FCF)" to one term; a definition of either is the definition of both."""
    kept: list[Term] = []
    for term in found:
        before = kept[-1] if kept else None
        bracketed = before and marked.tokens[term.first - 1].text == "(" and before.last == term.first - 1
        closed = term.last < len(marked.tokens) and marked.tokens[term.last].text == ")"
        same = before and (before.expression == term.expression or term.measure.defined or before.measure.defined)
        if before and bracketed and closed and same:
            chosen = before if before.measure.defined or not term.measure.defined else term
            kept[-1] = replace(chosen, first=before.first, last=term.last + 1)
        else:
            kept.append(term)
    return kept


def without_cash(marked: Marked, found: Sequence[Term]) -> list[Term]:
    """Read "how much cash was generated from operating activities" as the cash flow alone."""
    kept: list[Term] = []
    for term in found:
        before = kept[-1] if kept else None
        concept = term.expression.concept if isinstance(term.expression, Item) else ""
        flows = concept.endswith("_cash_flow") or (concept in _OUTLAYS and before is not None and _spends(marked, before, term))
        if before and flows and before.expression == Item(concept="cash") and not _separated(marked, before, term):
            marked.explained.update(range(before.first, before.last))
            kept.pop()
        kept.append(term)
    return kept


def _spends(marked: Marked, one: Term, other: Term) -> bool:
    return any(token.key in _SPENDING for token in marked.tokens[one.last : other.first])


def _separated(marked: Marked, one: Term, other: Term) -> bool:
    between = marked.tokens[one.last : other.first]
    return any(token.key in {"and", "or", "plus"} or not token.word for token in between)


def without_bases(marked: Marked, found: Sequence[Term]) -> list[Term]:
    """Leave out "(using dividends paid and net income)" behind a formula of just these; raise UnreadExpressionError for others."""
    start = next((at for at in range(1, len(found)) if _uses(marked, found[at - 1].last, found[at].first)), len(found))
    operands = {item.concept for term in found[:start] for item in items(term.expression)}
    for before, term in zip(found[start - 1 :], found[start:], strict=False):
        if not {item.concept for item in items(term.expression)} <= operands or before.last > term.first:
            raise UnreadExpressionError(f"it says to use {term.measure.name}, which {found[0].measure.name} does not rest on")
        versions = {marked.tokens[at].key for at in range(before.last, term.first)} & _VERSIONS
        if versions and not (versions == {"average"} and _averages(found[0].expression, term.expression)):
            raise UnreadExpressionError(f"it says which {term.measure.name} to use in words that are not understood")
    for before, term in zip(found[start - 1 :], found[start:], strict=False):
        marked.explained.update(at for at in range(before.last, term.first) if marked.tokens[at].key in _VERSIONS)
        marked.explained.update(range(term.first, term.last))
        explain_neutral(marked, term)
    return list(found[:start])


def _averages(expression: Expression, item: Expression) -> bool:
    """Say whether an expression averages an item."""
    if not isinstance(expression, Call):
        return False
    here = expression.operator == "average" and expression.arguments == (item,)
    return here or any(_averages(argument, item) for argument in expression.arguments)


def _uses(marked: Marked, first: int, last: int) -> bool:
    """Say whether the words between two terms make the second what the first is computed from."""
    keys = [token.key for token in marked.tokens[first:last]]
    return "using" in keys or any(pair == ("based", "on") for pair in pairwise(keys))


def explain_ratio(marked: Marked, term: Term) -> None:
    """Explain "ratio" and "%" in a question for a measure that is one: "ratio of debt to equity"."""
    if term.measure.unit not in {"ratio", "times", "percent"}:
        return
    marked.explained.update(at for at, token in enumerate(marked.tokens) if token.key == "ratio")
    if term.measure.unit == "percent" and term.last < len(marked.tokens) and marked.tokens[term.last].key == "%":
        marked.explained.add(term.last)


def explain_neutral(marked: Marked, term: Term) -> None:
    """Explain the adjectives around a measure that leave it what it is."""
    for mark in (*reversed([m for m in marked.marks if m.last <= term.first]), None):
        if mark is None or not (mark.has("neutral") or marked.words(mark.first, mark.last).lower() in {"(", "the"}):
            break
        marked.explain(mark)
    for mark in [m for m in marked.marks if m.first >= term.last]:
        if not mark.has("neutral"):
            break
        marked.explain(mark)
