"""What moved a figure: the lines of the income statement behind it, in percentage points of revenue, largest first."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from jacie_flask.answer.exact.changes import changed, moved, plain, same
from jacie_flask.answer.exact.comparisons import from_to
from jacie_flask.answer.exact.draft import Draft
from jacie_flask.answer.exact.figures import Company, Figure, Request, aside, check_distinct, figure, periods, subject
from jacie_flask.answer.extracts.verdicts import CAUSE
from jacie_flask.computation.amounts import Amount, rounded
from jacie_flask.computation.evaluation import Computed
from jacie_flask.computation.lookup import BookLookup
from jacie_flask.computation.operands import Missing, Operand, Period
from jacie_flask.facts.book import Found, fits
from jacie_flask.facts.values import Cell, Fact, Row
from jacie_flask.question.plan import Item, Measure, Wishes
from jacie_flask.text.phrasing import opened, was

_ENDS = {"gross_margin": "gross_profit", "operating_margin": "operating_income", "net_margin": "net_income"}
_PERCENT = re.compile(r"(\d{1,4}(?:\.\d{1,2})?)\s?(?:%|percent\b)")
_ROUNDING = Decimal("0.6")
_SHOWN = 4
_LEAST = Decimal("0.1")


@dataclass(frozen=True)
class _Line:
    """A line of the income statement in both years, and its change in percentage points of revenue."""

    before: Operand
    after: Operand
    points: Decimal


def drivers(request: Request) -> Draft:
    """Answer with what changed between two periods, and for margins by which lines; the filing's reasons are quoted elsewhere."""
    if len(request.plan.measures) != 1:
        raise Missing("one figure is needed to say what moved it")
    measure, draft = request.plan.measures[0], Draft()
    for company in request.companies:
        asked = sorted(periods(request, company, measure), key=lambda one: (one.year, one.quarter))
        first, last = (asked[0], asked[-1]) if len(asked) > 1 else (asked[0].earlier(), asked[0])
        before, after = figure(measure, company, first, Wishes()), figure(measure, company, last, Wishes())
        check_distinct(before, after)
        _say_step(draft, before, after)
        lines = _lines(measure, company, before, after)
        if lines:
            _say_lines(draft, lines)
    return draft


def fits_change(statement: str, draft: Draft) -> bool:
    """Say whether a reason may be one for a draft's change: the percentages before it are the draft's, or there are none."""
    cause = CAUSE.search(statement)
    stated = [Decimal(one) for one in _PERCENT.findall(statement[: cause.start()] if cause else statement)]
    known = [abs(one.amount.value) for one in draft.calculations if one.amount.unit in ("percent", "points")]
    return not stated or not known or any(abs(one - other) <= _ROUNDING for one in stated for other in known)


def _say_step(draft: Draft, before: Figure, after: Figure) -> None:
    marks = draft.marks((*after.computed.operands, *before.computed.operands))
    for one in (before, after):
        if not one.computed.single:
            draft.calculate(one.amount, one.computed)
    if same(before, after):
        draft.say(f"{subject(after)} {was(after.measure.name)} {after.amount.text} in both periods{aside(after)}{marks}.")
        return
    step = changed(draft, before, after, Wishes())
    spans = from_to(before, after)
    draft.say(f"{subject(after)} {moved(step, up='rose', down='fell')} by {plain(step)}, {spans}{aside(after)}{marks}.")


def _lines(measure: Measure, company: Company, before: Figure, after: Figure) -> list[_Line]:
    """Return the lines between revenue and the margin's profit, largest change first; none where they cannot be told."""
    end = _ENDS.get(measure.formula_id)
    if end is None or not isinstance(company.lookup, BookLookup):
        return []
    lookup = company.lookup
    try:
        profit = lookup.version(end, after.period)
        revenues = [lookup.operand(Item(concept="revenue"), period) for period in (before.period, after.period)]
    except Missing:
        return []
    table = profit.fact.table
    stop = next((at for at, row in enumerate(table.rows) if row.concept == end), 0)
    start = next((at + 1 for at, row in enumerate(table.rows) if row.concept == "revenue"), 0)
    found = []
    for row in table.rows[start:stop]:
        pair = [_operand(lookup, profit, row, period) for period in (before.period, after.period)]
        if row.total or row.concept in _ENDS.values() or row.unit != "money" or None in pair:
            continue
        old, new = (one for one in pair if one)
        points = (abs(new.amount) / revenues[1].amount - abs(old.amount) / revenues[0].amount) * 100
        if abs(points) >= _LEAST:
            found.append(_Line(old, new, points))
    return sorted(found, key=lambda one: -abs(one.points))


def _operand(lookup: BookLookup, profit: Found, row: Row, period: Period) -> Operand | None:
    """Return a row's figure for a period as an operand, None where it has none."""
    for cell in row.cells:
        column = profit.fact.table.columns[cell.column]
        if fits(column, period.year, period.quarter, period.months):
            return lookup.of_fact(_fact(profit, row, cell), profit, period)
    return None


def _fact(profit: Found, row: Row, cell: Cell) -> Fact:
    table = profit.fact.table
    return Fact(table=table, row=row, column=table.columns[cell.column], cell=cell)


def _say_lines(draft: Draft, lines: Sequence[_Line]) -> None:
    """Add the lines that changed most against revenue."""
    shown = []
    for line in lines[:_SHOWN]:
        amount = Amount(rounded(line.points, 1), "points", decimals=1)
        formula = f"change of {line.after.label} / revenue"
        text = draft.calculate(amount, Computed(line.points, (line.after, line.before), formula), text=plain(amount))
        way = "more" if line.points > 0 else "less"
        draft.lines.append(line.after.label)
        shown.append(f"- {opened(line.after.label)}: {text} of revenue {way}{draft.marks([line.after, line.before])}")
    draft.say("\n".join(["By line of the income statement, as a share of revenue:", *shown]))
