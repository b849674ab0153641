"""What operators share: figures of two periods, ranges of periods in words, and noting what was computed."""

from collections.abc import Sequence
from dataclasses import replace

from jacie_flask.answer.exact.draft import Draft
from jacie_flask.answer.exact.figures import Company, Figure, Request, check_distinct, figure, periods
from jacie_flask.question.plan import Measure
from jacie_flask.text.phrasing import listed


def note_computed(draft: Draft, one: Figure) -> None:
    """Note a figure as a calculation, unless it is on a page as it is."""
    if not one.computed.single:
        draft.calculate(one.amount, one.computed)


def two_figures(request: Request, company: Company, measure: Measure) -> tuple[Figure, Figure]:
    """Return the figures of the earlier and the later period asked for; with one period, of the year before and of it."""
    asked = periods(request, company, measure)
    ordered = sorted(asked, key=lambda one: (one.year, one.quarter))
    first, last = (ordered[0], ordered[-1]) if len(ordered) > 1 else (ordered[0].earlier(), ordered[0])
    wishes = replace(request.plan.wishes, decimals=None) if request.plan.operator == "growth" else request.plan.wishes
    before, after = figure(measure, company, first, wishes), figure(measure, company, last, wishes)
    check_distinct(before, after)
    return before, after


def period_range(figures: Sequence[Figure]) -> str:
    """Return the periods of figures in words: "2018 to 2020"."""
    names = [one.period.text for one in figures]
    return f"{names[0]} to {names[-1]}" if len(names) > 2 else listed(names)


def from_to(before: Figure, after: Figure) -> str:
    """Return "from USD 5 million in 2022 to USD 6 million in 2023"."""
    return f"from {before.amount.text} in {before.period.text} to {after.amount.text} in {after.period.text}"
