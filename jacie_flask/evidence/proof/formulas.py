"""Whether a figure is what a named formula gives over the tables of the cited pages."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from jacie_flask.computation.evaluation import Computed, compute
from jacie_flask.computation.lookup import BookLookup
from jacie_flask.computation.operands import Missing, Period
from jacie_flask.evidence.proof.claims import Claim
from jacie_flask.evidence.proof.readings import Reading
from jacie_flask.evidence.proof.signs import DOWN, UP
from jacie_flask.facts.book import Book, Filing
from jacie_flask.facts.formulas import Formula, formulas
from jacie_flask.facts.values import Table
from jacie_flask.question.plan import Call, Expression, Item, Measure
from jacie_flask.text.figures import Figure

_OPTIONAL = "short_term_debt"
"""Debt of a balance sheet that shows no short-term borrowings is the rest of it."""


def by_formula(claim: Claim, at: int, pages: Sequence[Reading]) -> str:
    """Return how figure ``at`` follows by one of the formulas that the sentence names, "" where it does not."""
    wanted = [formulas()[name] for name in claim.formulas if name in formulas()]
    fitting = [formula for formula in wanted if _fits(claim.amounts[at], formula)]
    if not fitting:
        return ""
    lookup = BookLookup(_book(pages))
    for formula in fitting:
        for measure in _measures(formula, lookup):
            values = dict(_values(claim, measure, lookup))
            if how := _of_values(claim, claim.amounts[at], measure, values):
                return f"computed: {how}"
    return ""


def _fits(amount: Figure, formula: Formula) -> bool:
    if formula.unit == "money":
        return not amount.percent
    if formula.unit == "percent":
        return amount.percent or (amount.decimals > 1 and not amount.scale and not amount.currency)
    return not amount.scale and not amount.currency


def _book(pages: Sequence[Reading]) -> Book:
    """Return the book of the cited pages alone."""
    documents: dict[str, list[Reading]] = {}
    for page in pages:
        documents.setdefault(page.document_id, []).append(page)
    filings: list[tuple[Filing, Sequence[Table]]] = [
        (
            Filing(name, name, max((year for page in of_one for year in page.years), default=0)),
            [table for page in of_one for table in page.tables],
        )
        for name, of_one in documents.items()
    ]
    return Book(filings)


def _measures(formula: Formula, lookup: BookLookup) -> Iterator[Measure]:
    """Yield a formula as it is defined, and with balances at the end of the year in place of averages."""
    expression = formula.expression
    if not lookup.periods(Item(_OPTIONAL), Period(0)):
        expression = _without(expression, _OPTIONAL)
    measure = Measure(formula.name, expression, formula.unit, formula.text, formula.id)
    yield measure
    at_end = _at_end(expression)
    if at_end != expression:
        yield replace(measure, expression=at_end)


def _without(expression: Expression, concept: str) -> Expression:
    """Return an expression without a summand that the balance sheet does not have."""
    if not isinstance(expression, Call):
        return expression
    arguments = tuple(_without(argument, concept) for argument in expression.arguments)
    left = tuple(argument for argument in arguments if argument != Item(concept))
    if expression.operator == "+" and len(left) == 1:
        return left[0]
    return replace(expression, arguments=arguments)


def _at_end(expression: Expression) -> Expression:
    if isinstance(expression, Call):
        if expression.operator == "average" and len(expression.arguments) == 1:
            return _at_end(expression.arguments[0])
        return replace(expression, arguments=tuple(_at_end(argument) for argument in expression.arguments))
    return expression


def _values(claim: Claim, measure: Measure, lookup: BookLookup) -> Iterator[tuple[int, Computed]]:
    """Yield the value of a measure for the years that the sentence names, or the newest one there is."""
    years = sorted(set(claim.years)) or _newest(measure.expression, lookup)
    if len(years) == 1:
        years = [years[0] - 1, years[0]]
    for year in years:
        try:
            yield year, compute(measure, Period(year, claim.quarter, claim.months or 12), lookup)
        except Missing:
            continue


def _newest(expression: Expression, lookup: BookLookup) -> list[int]:
    periods = [lookup.periods(item, Period(0)) for item in _items(expression)]
    return [max(period.year for period in known) for known in periods[:1] if known]


def _items(expression: Expression) -> Iterator[Item]:
    if isinstance(expression, Item):
        yield expression
    elif isinstance(expression, Call):
        for argument in expression.arguments:
            yield from _items(argument)


def _of_values(claim: Claim, amount: Figure, measure: Measure, values: dict[int, Computed]) -> str:
    """Return how an amount is the value of a measure, or the change between two years of it."""
    if not values:
        return ""
    single = len(set(claim.years)) <= 1
    for year, computed in values.items():
        if single and year != max(values):
            continue
        if _near(amount, computed.value, measure.unit):
            return f"{measure.name} {year} = {_written(computed)}"
    if len(values) > 1:
        (first, before), (last, after) = min(values.items()), max(values.items())
        how = f"{measure.name} {last} against {first} = {_written(after)} against {_written(before)}"
        if _moved(claim, amount, measure, before.value, after.value):
            return how
    return ""


def _moved(claim: Claim, amount: Figure, measure: Measure, before: Decimal, after: Decimal) -> bool:
    """Say whether a figure is the change between two values, in the direction that the sentence gives it."""
    down, up = bool(DOWN.search(claim.text)), bool(UP.search(claim.text))
    change = after - before
    if up == down or (change > 0) != up:
        return False
    if measure.unit == "money" and amount.percent:
        return before > 0 and _near(amount, abs(change / before * 100), "percent")
    return _near(amount, abs(change), measure.unit)


def _near(amount: Figure, value: Decimal, unit: str) -> bool:
    number = float(value)
    if unit == "percent" and not amount.percent:
        number /= 100
    if unit == "money":
        number /= 10.0**amount.scale
    if bool(amount.negative) != (number < 0) and amount.negative is not None:
        return False
    return abs(amount.value - abs(number)) <= 0.5001 * 10.0**-amount.decimals


def _written(computed: Computed) -> str:
    operands = ", ".join(
        f"{one.label} {one.period.text}: {one.amount.scaleb(-one.scale).normalize():,f}" for one in computed.operands
    )
    return f"{computed.formula} ({operands})"
