"""A question becomes a plan; what no part of the plan explains is named, and then nothing is computed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from jacie_flask.events import Turn
from jacie_flask.facts.expressions import UnreadExpressionError
from jacie_flask.question.definition_sentences import Definition, find_definitions
from jacie_flask.question.definitions import Definitions, read_definitions
from jacie_flask.question.explanation import unclear_relation, unexplained, unrelated, unused
from jacie_flask.question.followups import Context, continued, explain_opening, takes_over
from jacie_flask.question.forms import Decision, form_of
from jacie_flask.question.instructions import explain_instructions
from jacie_flask.question.marks import Marked, NameFinder, marked
from jacie_flask.question.measures import growing, terms, worsening
from jacie_flask.question.operators import decide
from jacie_flask.question.pinning import parted, pinned, quarters, quotient, relative
from jacie_flask.question.plan import Item, Measure, Plan
from jacie_flask.question.rowwords import phrase_measure, phrase_share
from jacie_flask.question.spans import backward, names_periods, part_apart, spans
from jacie_flask.question.terms import Term
from jacie_flask.text.languages import in_english

LONGEST = 4_000
_TURNS = 8
_PERCENT_WORDS = frozenset({"%", "percent", "percentage", "pct", "margin", "rate", "share"})
_GROWING = frozenset({"which_year", "compare", "average"})
_LISTED = frozenset({"trend"})
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
    measures = taken.measures if taken else _in_own_words(question, _measures(question, asked.terms, decision), decision)
    dated = names_periods(question)
    periods, unclear = spans(question, decision.operator, pinned(measures), before.spans if before else ())
    if decision.operator == "share" and len(measures) == 1:
        measures, periods = parted(measures[0], periods, apart=part_apart(question))
    if decision.group == "quarters":
        periods = quarters(periods)
    too_long = f"the question is longer than {LONGEST:,} characters" if len(query) > LONGEST else ""
    plan = Plan(
        companies=companies,
        measures=relative(measures, periods),
        spans=periods,
        operator="value" if decision.operator in _LISTED else decision.operator,
        group="" if decision.group == "quarters" else decision.group,
        direction=_direction(question, decision, measures),
        threshold=decision.threshold,
        statement=_statement(question, spelt_out),
        wishes=question.wishes,
        aliases=tuple(question.aliases),
        unexplained=() if asked.reason else unexplained(question),
        reason=asked.reason or unclear or too_long or unclear_relation(question, measures, decision.operator),
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
    return _Asked(found, unused(definitions, found) or unrelated(question, found))


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
        measures = _part_and_whole(question, found)
    if decision.shared:
        measures = quotient(_part_and_whole(question, found))
    if question.wishes.decimals is not None and not _in_percent(question):
        measures = tuple(replace(m, unit="ratio") if m.defined and m.unit == "percent" else m for m in measures)
    if question.wishes.percent:
        measures = tuple(replace(m, unit="percent") if m.unit in {"ratio", "times"} else m for m in measures)
    return measures


def _in_percent(question: Marked) -> bool:
    """Say whether a question speaks of percentages: a quotient that it defines and rounds without them is a plain number."""
    return question.wishes.percent is True or any(token.key in _PERCENT_WORDS for token in question.tokens)


def _part_and_whole(question: Marked, found: Sequence[Term]) -> tuple[Measure, ...]:
    """Return the measures of a share, the part first: the whole follows "what share of"."""
    start = next(mark.first for mark in question.marks if "share" in mark.operators)
    ordered = sorted(found, key=lambda term: (term.first > start, -term.first))
    return tuple(dict.fromkeys(term.measure for term in ordered))


def _in_own_words(question: Marked, measures: tuple[Measure, ...], decision: Decision) -> tuple[Measure, ...]:
    """Return the measures, with the question's own words for a row where these are no concept."""
    if decision.operator == "share" and len(measures) == 1:
        return phrase_share(question, measures)
    if decision.group or decision.operator in {"highlights", "positive", "drivers"} or len(measures) > 1:
        return measures
    return phrase_measure(question, measures)


def _direction(question: Marked, decision: Decision, measures: Sequence[Measure]) -> str:
    """Return the direction over time; the first period named is compared with the other one, which may be the later."""
    direction = decision.direction
    if decision.operator in {"improving", "drivers"} and direction != "either" and backward(question):
        swapped = {"up": "down", "down": "up", "worse": ""}
        direction = swapped.get(direction, "worse" if decision.operator == "improving" else "")
    return worsening(measures) if direction == "worse" else direction


def _statement(question: Marked, spelt_out: Sequence[Definition]) -> str:
    """Return the one statement that the question points to outside of definitions; several are no restriction."""
    named = {
        value
        for mark in question.marks
        for kind, value in mark.meanings.items()
        if kind.startswith("statement") and not any(one.begin <= mark.first < one.end for one in spelt_out)
    }
    return next(iter(named)) if len(named) == 1 else ""
