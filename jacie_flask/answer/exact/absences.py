"""What is said of a margin whose line the company's income statement does not have, such as a bank's gross margin."""

from jacie_flask.answer.exact.comparisons import note_computed
from jacie_flask.answer.exact.draft import Draft
from jacie_flask.answer.exact.figures import Company, Request, figure, periods, stated_items
from jacie_flask.answer.exact.tabulation import as_amount
from jacie_flask.computation.lookup import BookLookup
from jacie_flask.computation.operands import Missing
from jacie_flask.facts.book import Found
from jacie_flask.facts.concepts import names
from jacie_flask.facts.expressions import items
from jacie_flask.question.measures import formula_measure
from jacie_flask.question.plan import Measure, Wishes
from jacie_flask.question.vocabulary import vocabulary
from jacie_flask.text.phrasing import opened
from jacie_flask.text.terms import term_ids

_MARGINS = frozenset({"gross_margin", "operating_margin"})
_INSTEAD = "pretax_margin"


def absent_line(request: Request) -> Draft | None:
    """Return the answer that a margin does not apply, with what the income statement has instead; None where that is not sure.

    It is sure where no filing states the line for any period, and the statement of the newest period asked for has revenue and income
    before tax, and no row that could be the line.
    """
    plan = request.plan
    if len(plan.measures) != 1 or len(request.companies) != 1 or plan.measures[0].formula_id not in _MARGINS:
        return None
    company, measure = request.company, plan.measures[0]
    try:
        return _answer(request, company, measure)
    except Missing:
        return None


def _answer(request: Request, company: Company, measure: Measure) -> Draft | None:
    lookup, whole = company.lookup, formula_measure(_INSTEAD)
    if not isinstance(lookup, BookLookup):
        return None
    known = lookup.book.concepts()
    named = [span for span in request.plan.spans if span.year]
    period = max(periods(request, company, measure if named else whole), key=lambda one: (one.year, one.quarter))
    needed = [*items(measure.expression), *stated_items(measure, company, period)]
    absent = list(dict.fromkeys(item.concept for item in needed if item.concept not in known))
    statement = lookup.version("pretax_income", period)
    if not absent or any(_may_be(statement, concept) for concept in absent):
        return None
    draft = Draft()
    after = figure(whole, company, period, Wishes())
    note_computed(draft, after)
    marks = draft.marks(after.computed.operands)
    ends = " to ".join(f"{one.label} ({as_amount(one).text})" for one in reversed(after.computed.operands))
    lines = " or ".join(vocabulary().names.get(concept, concept) for concept in absent)
    of = f" of {company.name}" if company.name else ""
    draft.say(
        f"{opened(measure.name)} is not a measure of this income statement: that{of} has no line for {lines}. "
        f"In {after.period.text} the statement leads from {ends}{marks}."
    )
    draft.say(_instead(draft, request, company, whole))
    return draft


def _instead(draft: Draft, request: Request, company: Company, whole: Measure) -> str:
    """Return the sentence with the pretax margin of the period and of the year before."""
    period = max(periods(request, company, whole), key=lambda one: (one.year, one.quarter))
    after = figure(whole, company, period, Wishes())
    text = f"Pretax income was {after.amount.text} of revenue in {after.period.text}"
    try:
        before = figure(whole, company, period.earlier(), Wishes())
    except Missing:
        return f"{text}{draft.marks(after.computed.operands)}."
    note_computed(draft, before)
    marks = draft.marks((*after.computed.operands, *before.computed.operands))
    return f"{text}, against {before.amount.text} in {before.period.text}{marks}."


def _may_be(statement: Found, concept: str) -> bool:
    """Say whether a row of a statement could be a concept's, by its patterns or by its words."""
    words = frozenset(term_ids(concept.replace("_", " ")))
    labels = [row.label for row in statement.fact.table.rows]
    return any(names(label, concept) or words <= frozenset(term_ids(label)) for label in labels)
