"""A question becomes a plan; what no part of the plan explains is named, and then nothing is computed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from jacie_flask.events import Turn
from jacie_flask.facts.expressions import UnreadExpressionError
from jacie_flask.question.definitions import Definition, Definitions, find_definitions, read_definitions
from jacie_flask.question.followups import Context, continued, explain_opening, takes_over
from jacie_flask.question.forms import Decision, form_of
from jacie_flask.question.instructions import explain_instructions
from jacie_flask.question.marks import Mark, Marked, NameFinder, marked
from jacie_flask.question.measures import growing, terms, worsening
from jacie_flask.question.operators import decide
from jacie_flask.question.pinning import parted, pinned, quarters, relative
from jacie_flask.question.plan import Item, Measure, Plan
from jacie_flask.question.rowwords import phrase_measure, phrase_share
from jacie_flask.question.spans import names_periods, spans
from jacie_flask.question.terms import Term
from jacie_flask.text.languages import in_english

LONGEST = 4_000
_TURNS = 8
_LISTING = frozenset({"and", "or", ",", ";", "&", "was", "is", "were", "are", "/", "|", "did", "spent", "paid", "as"})
_GROWING = frozenset({"which_year", "compare", "average", "yearly"})
_LISTED = frozenset({"trend", "yearly"})
_SOLD_IN_PARTS = frozenset({"segments", "geographies", "products"})


def plan_of(query: str, history: Sequence[Turn], find_names: NameFinder) -> Plan:
    """Return the plan of a question; what it leaves out is taken from the user's questions before it."""
    before: Plan | None = None
    for turn in [turn for turn in history if turn.role == "user"][-_TURNS:]:
        plan = _plan(turn.content, before, find_names)
        before = plan if before is None or plan.measures or plan.group or plan.unexplained else before
    return _plan(query, before, find_names)


@dataclass(frozen=True)
class _Asked:
    """What the words of a question name: its measures and why these are not clear, "" mostly."""

    terms: tuple[Term, ...]
    reason: str


def _plan(query: str, before: Plan | None, find_names: NameFinder) -> Plan:
    """Return the plan of one question after the plan of the questions before it."""
    question = marked(" ".join(in_english(query[:LONGEST]).split()), find_names)
    context = Context(before, opened=before is not None and explain_opening(question))
    spelt_out = find_definitions(question)
    definitions = read_definitions(question, spelt_out)
    explain_instructions(question)
    companies = _companies(question)
    asked = _asked(question, definitions)
    taken = before if before and not asked.terms and takes_over(question) else None
    decision = decide(form_of(question, len(taken.measures if taken else asked.terms), len(companies)))
    measures = taken.measures if taken else _measures(question, asked.terms, decision)
    if taken is None:
        measures = _in_own_words(question, measures, decision)
    dated = names_periods(question)
    periods, unclear = spans(question, decision.operator, pinned(measures), before.spans if before else ())
    if decision.group == "quarters":
        periods = quarters(periods)
    if decision.operator == "share" and len(measures) == 1:
        measures, periods = parted(measures[0], periods)
    plan = Plan(
        companies=companies,
        measures=relative(measures, periods),
        spans=periods,
        operator="value" if decision.operator in _LISTED else decision.operator,
        group="" if decision.group == "quarters" else decision.group,
        direction=worsening(measures) if decision.direction == "worse" else decision.direction,
        threshold=decision.threshold,
        statement=_statement(question, spelt_out),
        wishes=question.wishes,
        unexplained=() if asked.reason else _unexplained(question),
        reason=asked.reason
        or unclear
        or _between_companies(question)
        or _without_whole(question, measures, decision.operator)
        or _ambiguity(question),
    )
    return continued(plan, replace(context, taken=taken, dated=dated), question)


def _companies(question: Marked) -> tuple[str, ...]:
    for mark in question.marks:
        if mark.has("company", "wish"):
            question.explain(mark)
    return tuple(dict.fromkeys(mark.company for mark in question.marks if mark.company))


def _asked(question: Marked, definitions: Definitions) -> _Asked:
    if definitions.reason:
        return _Asked((), definitions.reason)
    try:
        found = tuple(terms(question, definitions))
    except UnreadExpressionError as error:
        return _Asked((), f"the arithmetic of the question was not fully understood: {error}")
    return _Asked(found, _unused(definitions, found) or _unrelated(question, found))


def _unrelated(question: Marked, found: Sequence[Term]) -> str:
    """Say which two measures stand side by side without a word that lists, compares or relates them."""
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


def _unused(definitions: Definitions, found: Sequence[Term]) -> str:
    """Say which definition belongs to nothing that is asked."""
    used = {*definitions.nested, *(name for term in found for name in term.uses)}
    for name, group in definitions.aliases.items():
        if used.isdisjoint(group):
            return f"the definition of {name} belongs to nothing that is asked"
    return ""


def _measures(question: Marked, found: Sequence[Term], decision: Decision) -> tuple[Measure, ...]:
    grouped = decision.grouped
    measures = tuple(dict.fromkeys(term.measure for term in found if not term.first <= grouped < term.last))
    if decision.operator == "positive" and not measures:
        return (Measure("net income", Item(concept="net_income")),)
    if decision.group == "activities":
        return ()
    if decision.operator in _GROWING:
        measures = growing(question, measures)
    if decision.group in _SOLD_IN_PARTS and not measures:
        return (Measure("revenue", Item(concept="revenue")),)
    if decision.operator == "share":
        measures = measures[::-1]
    if question.wishes.percent:
        measures = tuple(replace(m, unit="percent") if m.unit in {"ratio", "times"} else m for m in measures)
    return measures


def _in_own_words(question: Marked, measures: tuple[Measure, ...], decision: Decision) -> tuple[Measure, ...]:
    """Return the measures, with the question's own words for a row where these are no concept."""
    if decision.operator == "share" and len(measures) == 1:
        return phrase_share(question, measures)
    if decision.group or decision.operator in {"highlights", "positive", "drivers"} or len(measures) > 1:
        return measures
    return phrase_measure(question, measures)


def _statement(question: Marked, spelt_out: Sequence[Definition]) -> str:
    """Return the one statement that the question points to outside of definitions; several are no restriction."""
    named = {
        value
        for mark in question.marks
        for kind, value in mark.meanings.items()
        if kind.startswith("statement") and not any(one.begin <= mark.first < one.end for one in spelt_out)
    }
    return next(iter(named)) if len(named) == 1 else ""


def _ambiguity(question: Marked) -> str:
    for mark in question.open_marks():
        if mark.has("ambiguous"):
            return mark.meanings["ambiguous"]
    return ""


def _unexplained(question: Marked) -> tuple[str, ...]:
    """Return the content words that nothing explains, in order."""
    return tuple(question.words(mark.first, mark.last) for mark in question.open_marks() if not manner(question, mark))


def manner(question: Marked, mark: Mark) -> bool:
    """Say whether a mark has no content of its own."""
    return question.sign(mark) or mark.has("fillers", "reporting", "neutral")
