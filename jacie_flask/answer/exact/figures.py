"""The figures that operators compare: a measure of one company in one period, computed, and how it is shown."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from jacie_flask.computation.amounts import Amount, code, shown
from jacie_flask.computation.calendar import ending, reported
from jacie_flask.computation.evaluation import Computed, compute
from jacie_flask.computation.operands import Lookup, Missing, Operand, Period
from jacie_flask.facts.derivations import definition_of
from jacie_flask.facts.expressions import items
from jacie_flask.question.plan import Item, Measure, Plan, Span, Wishes
from jacie_flask.text.phrasing import opened, was
from jacie_flask.text.terms import term_ids

_CURRENCY = re.compile(r"[$€£¥₹₦]|\b(?:USD|EUR|GBP)\b")
_RATES = frozenset({"percent", "ratio", "days", "times"})


@dataclass(frozen=True)
class Company:
    """A company that is asked about: its name, and where its figures are found."""

    name: str
    lookup: Lookup


@dataclass(frozen=True)
class Figure:
    """A computed measure with what it is of."""

    measure: Measure
    company: Company
    period: Period
    computed: Computed
    amount: Amount

    @property
    def value(self) -> Decimal:
        """The value: single units, or percent."""
        return self.computed.value

    @property
    def rate(self) -> bool:
        """Whether changes of it are points, not percent."""
        return self.amount.unit in _RATES


@dataclass(frozen=True)
class Request:
    """A plan with the companies and the fiscal calendar that it is computed for."""

    plan: Plan
    companies: Sequence[Company]
    newest: Mapping[str, Period]

    @property
    def company(self) -> Company:
        """The company asked about, where it is one."""
        return self.companies[0]


def figure(measure: Measure, company: Company, period: Period, wishes: Wishes) -> Figure:
    """Compute a measure and prepare how it is shown; raise Missing."""
    computed = _counted(measure, _computed(measure, company, period))
    _check_currency(computed, wishes)
    unit = computed.unit if computed.single and computed.unit else measure.unit
    scales = [one.scale for one in computed.operands if one.unit == "money"] or [one.scale for one in computed.operands]
    decimals = max((one.decimals for one in computed.operands), default=0) if computed.single else None
    amount = shown(computed.value, unit, computed.currency, max(scales, default=0), decimals, wishes)
    if computed.operands:
        period = replace(period, calendar=calendar_year(computed))
    return Figure(measure, company, period, computed, amount)


def _counted(measure: Measure, computed: Computed) -> Computed:
    """Return what was computed; raise Missing where a number of things is asked for and the row states an amount."""
    amounts = [operand for operand in computed.operands if operand.unit == "money"]
    if measure.unit != "count" or not amounts:
        return computed
    if not all(_of_things(measure, operand) for operand in amounts):
        raise Missing(f"the rows named “{measure.name}” state amounts, not a number")
    return replace(computed, operands=tuple(replace(one, unit="count", currency="") for one in computed.operands), unit="count")


def _of_things(measure: Measure, operand: Operand) -> bool:
    """Say whether a row whose unit is not printed counts things: its label is what is asked for and no more, without a currency."""
    words = {word for item in items(measure.expression) for word in term_ids(item.phrase)}
    return set(term_ids(operand.label)) <= words and not _CURRENCY.search(operand.quote)


def _check_currency(computed: Computed, wishes: Wishes) -> None:
    """Raise Missing where the amount is asked for in another currency than the filing's: there are no exchange rates here."""
    stated = code(computed.currency)
    if wishes.currency and stated and code(wishes.currency) != stated:
        raise Missing(f"the filing states these figures in {stated}, and no exchange rate to {code(wishes.currency)} is here")


def _computed(measure: Measure, company: Company, period: Period) -> Computed:
    """Compute a measure; where an operand is missing, take the row that states the measure under its own name."""
    try:
        return compute(measure, period, company.lookup)
    except Missing:
        if measure.defined or not measure.formula_id:
            raise
        stated = company.lookup.stated(measure.name, period)
        if stated is None:
            raise
        return Computed(stated.amount, (stated,), stated.label, stated.unit)


def calendar_year(computed: Computed) -> bool:
    """Say whether the fiscal years of the operands end with the calendar's, or are not known to end elsewhere."""
    return all(one.period.calendar for one in computed.operands)


def check_distinct(before: Figure, after: Figure) -> None:
    """Raise Missing where the figures of two periods are of one and the same day: filings name their years differently."""
    ends = [{one.end for one in side.computed.operands if one.end} for side in (before, after)]
    if ends[0] and ends[0] == ends[1]:
        raise Missing(f"{before.period.text} and {after.period.text} end on the same day in the filings here")


def subject(one: Figure, *, capital: bool = True) -> str:
    """Return what a sentence is about: "Block's working capital ratio", the name behind where it would read as a figure."""
    name = one.measure.name
    company = one.company.name
    if not company or any(map(str.isdigit, company)):
        return opened(name) if capital else name
    possessive = f"{company}’" if company.endswith("s") else f"{company}’s"
    return f"{possessive} {name}"


def aside(one: Figure) -> str:
    """Return the company behind the figure, where the subject does not name it."""
    return f" ({one.company.name})" if any(map(str.isdigit, one.company.name)) else ""


def spoken(one: Figure) -> str:
    """Return "<subject> was <amount> in <period>"."""
    return f"{subject(one)} {was(one.measure.name)} {one.amount.text} in {one.period.text}{aside(one)}"


def periods(request: Request, company: Company, measure: Measure) -> list[Period]:
    """Return the periods that a plan asks for, in its order; the newest known one where it names none."""
    spans = request.plan.spans or (Span("latest"),)
    return [period_of(span, request, company, measure) for span in spans]


def period_of(span: Span, request: Request, company: Company, measure: Measure) -> Period:
    """Return the period of a span for a company; raise Missing where it cannot be known."""
    if span.kind == "latest":
        return reported(span, known_periods(measure, company, Period(0, months=span.months or 12)), measure.name)
    if span.end:
        durations = (span.months,) if span.kind == "months" else (12, 3)
        known = [period for months in durations for period in known_periods(measure, company, Period(0, months=months))]
        return ending(span, known, stated_items(measure, company, Period(0, months=durations[0]))[0], company.lookup)
    if span.kind == "quarter":
        return Period(span.year or _newest_year(request, company), span.number, 3)
    if span.kind == "half":
        return Period(span.year or _newest_year(request, company), 2 * span.number, 6)
    if span.kind == "months":
        return Period(span.year or _newest_year(request, company), span.months // 3 if span.months < 12 else 0, span.months)
    if span.kind == "trailing":
        raise Missing("figures of trailing twelve months are not computed")
    if not span.year:
        raise Missing("the period that is asked for is not clear")
    return Period(span.year)


def _newest_year(request: Request, company: Company) -> int:
    newest = request.newest.get(company.name)
    if newest is None:
        raise Missing("the year that is asked for is not clear")
    return newest.year


def known_periods(measure: Measure, company: Company, like: Period) -> list[Period]:
    """Return the periods for which every item of a measure is known, oldest first."""
    known: list[Period] | None = None
    for item in stated_items(measure, company, like):
        here = company.lookup.periods(item, like)
        known = here if known is None else [one for one in known if one in here]
    return known or []


def stated_items(measure: Measure, company: Company, like: Period) -> list[Item]:
    """Return the line items of a measure; for one that no filing states, those of its definition."""
    found: list[Item] = []
    for item in items(measure.expression):
        definition = definition_of(item.concept)
        stated = definition is None or company.lookup.periods(item, like)
        found += [item] if stated or definition is None else items(definition)
    return found
