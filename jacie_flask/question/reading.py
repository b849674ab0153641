"""A question becomes a plan; what no part of the plan explains is named, and then nothing is computed."""

from collections.abc import Sequence
from dataclasses import replace

from jacie_flask.events import Turn
from jacie_flask.facts.expressions import UnreadExpressionError
from jacie_flask.question.definitions import Definitions, find_definitions, read_definitions
from jacie_flask.question.instructions import explain_instructions
from jacie_flask.question.marks import Mark, Marked, NameFinder, marked
from jacie_flask.question.measures import Term, terms
from jacie_flask.question.operators import Decision, decide, form_of
from jacie_flask.question.pinning import pinned, relative
from jacie_flask.question.plan import Item, Measure, Plan, Span
from jacie_flask.question.rowwords import phrase_measure
from jacie_flask.question.spans import spans
from jacie_flask.text.languages import in_english

LONGEST = 4_000


def plan_of(query: str, history: Sequence[Turn], find_names: NameFinder) -> Plan:
    """Return the plan of a question; what it leaves out is taken from the user's questions before it."""
    return plan_alone(query, find_names)


def plan_alone(query: str, find_names: NameFinder) -> Plan:
    """Return the plan of a question that needs no conversation before it."""
    question = marked(" ".join(in_english(query[:LONGEST]).split()), find_names)
    definitions = read_definitions(question, find_definitions(question))
    explain_instructions(question)
    companies = _companies(question)
    reason = definitions.reason
    try:
        found = [] if reason else terms(question, definitions)
    except UnreadExpressionError as error:
        found, reason = [], f"the arithmetic of the question was not fully understood: {error}"
    reason = reason or _unused(definitions, found)
    decision = decide(form_of(question, len(found)))
    measures = _measures(question, found, decision)
    if not measures and not decision.group and decision.operator in {"value", "change", "growth", "compare"}:
        measures = phrase_measure(question)
    periods, unclear = spans(question, decision.operator, pinned(measures))
    measures, decision = _shared(question, measures, decision, periods)
    return Plan(
        companies=companies,
        measures=relative(measures, periods),
        spans=periods,
        operator=decision.operator,
        group=decision.group,
        direction=decision.direction,
        threshold=decision.threshold,
        statement=_statement(question),
        wishes=question.wishes,
        unexplained=_unexplained(question),
        reason=reason or unclear or _ambiguity(question),
    )


def _companies(question: Marked) -> tuple[str, ...]:
    for mark in question.marks:
        if mark.has("company", "wish"):
            question.explain(mark)
    return tuple(dict.fromkeys(mark.company for mark in question.marks if mark.company))


def _unused(definitions: Definitions, found: Sequence[Term]) -> str:
    """Say which definition belongs to nothing that is asked."""
    used = [term.measure.formula for term in found if term.measure.defined]
    for name, text in definitions.texts.items():
        group = definitions.aliases[name]
        if definitions.nested.isdisjoint(group) and not any(text in formula for formula in used):
            return f"the definition of {name} belongs to nothing that is asked"
    return ""


def _measures(question: Marked, found: Sequence[Term], decision: Decision) -> tuple[Measure, ...]:
    measures = tuple(dict.fromkeys(term.measure for term in found))
    if decision.operator == "positive" and not measures:
        return (Measure("net income", Item(concept="net_income")),)
    if decision.operator in {"largest", "smallest"} and decision.group:
        own = {decision.group, f"total_{decision.group}"}
        measures = tuple(m for m in measures if not (isinstance(m.expression, Item) and m.expression.concept in own))
    if question.wishes.percent:
        measures = tuple(replace(m, unit="percent") if m.unit in {"ratio", "times"} else m for m in measures)
    return measures


def _shared(
    question: Marked, measures: tuple[Measure, ...], decision: Decision, periods: Sequence[Span]
) -> tuple[tuple[Measure, ...], Decision]:
    """Order the part and the whole of a share; with one measure, a part of a year is the part."""
    if decision.operator == "positive":
        return measures, replace(decision, group="")
    if decision.group == "trend":
        return measures, replace(decision, group="")
    if decision.operator != "share":
        return measures, decision
    if len(measures) == 2:
        return measures[::-1], decision
    return measures, decision


def _statement(question: Marked) -> str:
    """Return the one statement that the question points to; several are no restriction."""
    named = {value for mark in question.marks for kind, value in mark.meanings.items() if kind.startswith("statement")}
    return next(iter(named)) if len(named) == 1 else ""


def _ambiguity(question: Marked) -> str:
    for mark in question.open_marks():
        if mark.has("ambiguous"):
            return mark.meanings["ambiguous"]
    return ""


def _unexplained(question: Marked) -> tuple[str, ...]:
    """Return the content words that nothing explains, in order."""
    return tuple(question.words(mark.first, mark.last) for mark in question.open_marks() if not _manner(question, mark))


def _manner(question: Marked, mark: Mark) -> bool:
    token = question.tokens[mark.first]
    sign = mark.last == mark.first + 1 and not token.word and token.text not in "%$€£+*/=<>"
    return sign or mark.has("fillers", "reporting") or "year end" in question.words(mark.first, mark.last).lower()
