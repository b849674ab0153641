"""Periods that a question names relative to what was reported, or by their last day, in a company's own calendar."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from jacie_flask.computation.operands import NEAR_DAYS, Lookup, Missing, Period
from jacie_flask.question.plan import Item, Span


def reported(span: Span, known: Sequence[Period], name: str) -> Period:
    """Return the newest known period, or the one as many years before it as the span says; raise Missing."""
    if not known:
        raise Missing(f"{name} is in no filing here")
    if span.number < 0:
        raise Missing(f"{name} after {known[-1].text} has not been reported here")
    return known[-1].earlier(span.number) if span.number else known[-1]


def ending(span: Span, known: Sequence[Period], item: Item, lookup: Lookup) -> Period:
    """Return the known period that ends on the span's last day; raise Missing where none is known to."""
    wanted = date.fromisoformat(span.end)
    undated: list[Period] = []
    unclear: Missing | None = None
    for period in known:
        try:
            end = lookup.operand(item, period).end
        except Missing as missing:
            unclear = missing if period.year == wanted.year else unclear
            continue
        end = end or lookup.last_day(period)
        if not end:
            undated.append(period)
        elif abs((date.fromisoformat(end) - wanted).days) <= NEAR_DAYS:
            return replace(period, end=end)
    years = [period for period in undated if period.year == wanted.year and period.months == 12 and not period.quarter]
    if years and (wanted.month, wanted.day) == (12, 31):
        return years[0]
    if unclear:
        raise unclear
    length = f"a period of {span.months} months" if span.kind == "months" else "a period"
    raise Missing(f"no filing here is known to report on {length} that ends on {wanted.day} {wanted:%B %Y}")
