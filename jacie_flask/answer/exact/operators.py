"""The operators of a plan, one function each: from a request to the sentences of its answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from jacie_flask.answer.exact.changes import growth_phrase, of_both
from jacie_flask.answer.exact.comparisons import note_computed, period_range
from jacie_flask.answer.exact.developments import cagr, change, growth, yearly
from jacie_flask.answer.exact.draft import Draft
from jacie_flask.answer.exact.figures import (
    Company,
    Figure,
    Request,
    aside,
    figure,
    known_periods,
    periods,
    spoken,
    subject,
)
from jacie_flask.answer.exact.judgements import consistent, exists, improving, positive
from jacie_flask.answer.exact.tabulation import by_company, by_period, operand_list
from jacie_flask.computation.amounts import Amount
from jacie_flask.computation.operands import Missing, Period
from jacie_flask.text.phrasing import listed, opened, was

_MOST_YEARS = 15
_BOTH = 2


def value(request: Request) -> Draft:
    """Answer with each measure for each period and company: one sentence for one figure, a small table for several."""
    draft = Draft()
    figures = [
        [figure(measure, company, period, request.plan.wishes) for period in periods(request, company, measure)]
        for company in request.companies
        for measure in request.plan.measures
    ]
    flat = [one for row in figures for one in row]
    if len(flat) == 1:
        _single(request, draft, flat[0])
    elif len(request.companies) > 1:
        by_company(draft, flat)
    elif len(flat) <= 2 or len(request.plan.measures) == len(flat) <= 3:
        for one in flat:
            note_computed(draft, one)
            draft.say(f"{spoken(one)}{draft.marks(one.computed.operands)}.")
    else:
        by_period(draft, flat)
    return draft


def _single(request: Request, draft: Draft, one: Figure) -> None:
    """Say one figure, with its change against the year before where it is a line item, and with its operands where it is not."""
    note_computed(draft, one)
    tail = ""
    operands = list(one.computed.operands)
    if one.computed.single and not request.plan.wishes.brief:
        try:
            before = figure(one.measure, one.company, one.period.earlier(), request.plan.wishes)
        except Missing:
            before = None
        if before and before.computed.single and before.computed.operands[0].document_id == operands[0].document_id:
            tail = growth_phrase(draft, before, one, replace(request.plan.wishes, decimals=None))
            operands += before.computed.operands
    draft.say(f"{spoken(one)}{tail}{draft.marks(operands)}.")
    draft.say(operand_list(draft, [one]))


def average(request: Request) -> Draft:
    """Answer with the average of a measure over the periods asked for."""
    return _over_periods(request, "averaged", lambda values: sum(values, Decimal(0)) / len(values), "average of")


def total(request: Request) -> Draft:
    """Answer with the sum of a measure over the periods asked for."""
    return _over_periods(request, "totalled", lambda values: sum(values, Decimal(0)), "sum of")


def _over_periods(request: Request, verb: str, combine: Callable[[Sequence[Decimal]], Decimal], words: str) -> Draft:
    draft = Draft()
    for company in request.companies:
        for measure in request.plan.measures:
            asked = periods(request, company, measure)
            if len(asked) < 2:
                raise Missing("the periods to combine are not clear")
            figures = [figure(measure, company, period, request.plan.wishes) for period in asked]
            newest = figures[-1]
            operands = tuple(dict.fromkeys(operand for one in figures for operand in one.computed.operands))
            decimals = newest.amount.decimals
            decimals = 1 if decimals is None and newest.amount.unit == "money" and verb == "averaged" else decimals
            combined = replace(newest.amount, value=combine([one.value for one in figures]), decimals=decimals)
            computed = replace(
                newest.computed, value=combined.value, operands=operands, formula=f"{words} {measure.name}", unit=""
            )
            text = draft.calculate(combined, computed, formula=f"{words} {measure.name} over {period_range(figures)}")
            draft.say(f"{subject(newest)} {verb} {text} over {period_range(figures)}{aside(newest)}{draft.marks(operands)}.")
            by_period(draft, figures)
    return draft


def share(request: Request) -> Draft:
    """Answer with the first measure as a percentage of the second, or of one measure with a part of a year in the whole of it."""
    draft = Draft()
    for company in request.companies:
        for one, other in _shares(request, company):
            if not other.value:
                raise Missing(f"{other.measure.name} for {other.period.text} is zero")
            places = request.plan.wishes.decimals
            amount = Amount(one.value / other.value * 100, "percent", decimals=1 if places is None else places)
            of_period = other.measure is one.measure
            formula = f"{one.measure.name} {one.period.text} / {other.measure.name} {other.period.text}"
            text = draft.calculate(amount, of_both(other, one, formula, amount.value))
            marks = draft.marks((*one.computed.operands, *other.computed.operands))
            whole = f"that of {other.period.text}" if of_period else f"{other.measure.name} in {one.period.text}"
            when = f" in {one.period.text}" if of_period else ""
            figures = f"{one.amount.text} of {other.amount.text}"
            draft.say(f"{subject(one)}{when} {was(one.measure.name)} {text} of {whole}: {figures}{aside(one)}{marks}.")
    return draft


def _shares(request: Request, company: Company) -> list[tuple[Figure, Figure]]:
    """Return the parts with their wholes; raise Missing where the question names only one of them."""
    wishes, measures = request.plan.wishes, request.plan.measures
    asked = periods(request, company, measures[0])
    if len(measures) >= _BOTH:
        return [(figure(measures[0], company, one, wishes), figure(measures[1], company, one, wishes)) for one in asked]
    shortest, longest = min(asked, key=lambda one: one.months), max(asked, key=lambda one: one.months)
    if shortest.months == longest.months or shortest.year != longest.year:
        raise Missing(f"the whole that {measures[0].name} is a share of is not clear")
    return [(figure(measures[0], company, shortest, wishes), figure(measures[0], company, longest, wishes))]


def compare(request: Request) -> Draft:
    """Answer with the measures of companies, or of periods, side by side, and which is the higher one."""
    if len(request.companies) == 1:
        return change(request) if len(request.plan.spans) <= 2 else value(request)
    draft = Draft()
    for measure in request.plan.measures:
        figures = [
            figure(measure, company, period, request.plan.wishes)
            for company in request.companies
            for period in periods(request, company, measure)
        ]
        newest = [one for one in figures if one.period.year == max(other.period.year for other in figures)]
        currencies = {one.amount.currency for one in newest}
        if len(newest) == len(request.companies) and len(currencies) == 1:
            top = max(newest, key=lambda one: one.value)
            rest = listed([f"{one.amount.text} at {one.company.name}" for one in newest if one is not top])
            name = measure.name
            for one in newest:
                note_computed(draft, one)
            marks = draft.marks(operand for one in newest for operand in one.computed.operands)
            draft.say(f"{opened(name)} {was(name)} highest at {top.company.name}, {top.amount.text}, against {rest}{marks}.")
        by_company(draft, figures)
    return draft


def which_year(request: Request) -> Draft:
    """Answer with the year in which a measure was largest or smallest."""
    draft = Draft()
    smallest = request.plan.direction == "down"
    for company in request.companies:
        for measure in request.plan.measures:
            asked = periods(request, company, measure) if len(request.plan.spans) > 1 else []
            asked = asked or known_periods(measure, company, Period(0))[-_MOST_YEARS:]
            figures = [figure(measure, company, period, request.plan.wishes) for period in asked]
            if len(figures) < 2:
                raise Missing(f"{measure.name} is known for one year only")
            top = (min if smallest else max)(figures, key=lambda one: one.value)
            word = "lowest" if smallest else "highest"
            note_computed(draft, top)
            marks = draft.marks(operand for one in figures for operand in one.computed.operands)
            among = period_range(figures)
            draft.say(
                f"{subject(top)} {was(measure.name)} {word} in {top.period.text}, at {top.amount.text} ({among}){aside(top)}{marks}."
            )
            by_period(draft, figures)
    return draft


OPERATORS: Mapping[str, Callable[[Request], Draft]] = {
    "value": value,
    "change": change,
    "growth": growth,
    "cagr": cagr,
    "average": average,
    "sum": total,
    "share": share,
    "compare": compare,
    "which_year": which_year,
    "improving": improving,
    "positive": positive,
    "consistent": consistent,
    "exists": exists,
    "yearly": yearly,
}
