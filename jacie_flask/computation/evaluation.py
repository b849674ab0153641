"""Evaluates an expression over the operands of one company, and writes down how."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, DivisionByZero, InvalidOperation, localcontext

from jacie_flask.computation.operands import Lookup, Missing, Operand, Period
from jacie_flask.facts.derivations import definition_of
from jacie_flask.question.plan import Call, Expression, Item, Measure, Number, Span

_SYMBOLS = {"+": " + ", "-": " − ", "*": " × ", "/": " / "}
_STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2}
_ATOM = 3
_DIGITS = 28
_MONEY = frozenset({"money", "per_share"})


@dataclass(frozen=True)
class Computed:
    """A value with its operands in the order of the formula, and the formula in the operands' labels.

    ``unit`` is the operand's own where the expression is one item, "" otherwise. ``strength`` ranks the formula's outermost
    operation, for brackets.
    """

    value: Decimal
    operands: tuple[Operand, ...]
    formula: str
    unit: str = ""
    strength: int = _ATOM

    @property
    def single(self) -> bool:
        """Whether the value stands on a page as it is."""
        return len(self.operands) == 1 and bool(self.unit)

    @property
    def currency(self) -> str:
        """The currency of the amounts, "" where there is none."""
        return next((one.currency for one in self.operands if one.unit in _MONEY and one.currency), "")


@dataclass(frozen=True)
class _Stated:
    """A lookup inside a definition: its operands must be stated, for definitions may be each other's inverse."""

    inner: Lookup

    def operand(self, item: Item, period: Period) -> Operand:
        """Return what the inner lookup returns."""
        return self.inner.operand(item, period)

    def stated(self, name: str, period: Period) -> Operand | None:
        """Return what the inner lookup returns."""
        return self.inner.stated(name, period)

    def periods(self, item: Item, period: Period) -> list[Period]:
        """Return what the inner lookup returns."""
        return self.inner.periods(item, period)

    def last_day(self, period: Period) -> str:
        """Return what the inner lookup returns."""
        return self.inner.last_day(period)


def compute(measure: Measure, period: Period, lookup: Lookup) -> Computed:
    """Return the value of a measure for a period; raise Missing where an operand is not there or the operands do not fit."""
    with localcontext() as context:
        context.prec = _DIGITS
        try:
            computed = _evaluate(measure.expression, period, lookup)
        except (DivisionByZero, InvalidOperation) as error:
            raise Missing(f"{measure.name} for {period.text} would divide by zero") from error
    _check_currencies(computed)
    return replace(computed, value=computed.value * 100) if measure.unit == "percent" and not computed.single else computed


def _check_currencies(computed: Computed) -> None:
    """Refuse to mix currencies: amounts of two currencies have no sum and no ratio."""
    currencies = {one.currency for one in computed.operands if one.unit in _MONEY and one.currency}
    if len(currencies) > 1:
        raise Missing(f"the filings state these figures in different currencies ({', '.join(sorted(currencies))})")


def _evaluate(expression: Expression, period: Period, lookup: Lookup) -> Computed:
    if isinstance(expression, Number):
        value = Decimal(repr(expression.value))
        return Computed(value, (), f"{value.normalize():f}")
    if isinstance(expression, Item):
        return _item(expression, period, lookup)
    return _CALLS[expression.operator](expression, period, lookup)


def _item(item: Item, period: Period, lookup: Lookup) -> Computed:
    """Return the item as it stands in a filing, or as its definition gives it where no filing states it."""
    at = resolved(item.span, period) if item.span else period
    try:
        operand = lookup.operand(item, at)
    except Missing:
        definition = definition_of(item.concept)
        if definition is None or isinstance(lookup, _Stated):
            raise
        return _evaluate(definition, at, _Stated(lookup))
    return Computed(operand.amount, (operand,), operand.label, operand.unit)


def resolved(span: Span, period: Period) -> Period:
    """Return the period that a span of a definition names, with the duration of the period computed for where it names none."""
    if span.kind == "quarter":
        return replace(period, year=span.year or period.year, quarter=span.number, months=3)
    if span.kind == "half":
        return replace(period, year=span.year or period.year, quarter=2 * span.number, months=6)
    if span.kind == "months":
        return replace(period, year=span.year or period.year, quarter=span.months // 3, months=span.months)
    return replace(period, year=span.year or period.year)


def _arithmetic(call: Call, period: Period, lookup: Lookup) -> Computed:
    sides = [_evaluate(argument, period, lookup) for argument in call.arguments]
    result, strength = sides[0], _STRENGTH[call.operator]
    formula = _bracketed(result, result.strength < strength)
    value = result.value
    for side in sides[1:]:
        value = _OPERATIONS[call.operator](value, side.value)
        looser = side.strength < strength or (side.strength == strength and call.operator in "-/")
        formula += _SYMBOLS[call.operator] + _bracketed(side, looser)
    return Computed(value, _operands(sides), formula, "", strength)


def _bracketed(side: Computed, needed: bool) -> str:
    return f"({side.formula})" if needed else side.formula


def _negative(call: Call, period: Period, lookup: Lookup) -> Computed:
    inner = _evaluate(call.arguments[0], period, lookup)
    return Computed(-inner.value, inner.operands, f"−{_bracketed(inner, inner.strength < _ATOM)}", "", _STRENGTH["*"])


def _pair(call: Call, period: Period, lookup: Lookup) -> tuple[Computed, Computed]:
    """Return the argument for the earlier and the later of the call's two periods."""
    argument = call.arguments[0]
    spans = [resolved(span, period) for span in call.spans]
    if len(spans) != 2:
        spans = [period.earlier(), period]
    before, after = sorted(spans, key=lambda one: (one.year, one.quarter))
    return _evaluate(argument, before, lookup), _evaluate(argument, after, lookup)


def _average(call: Call, period: Period, lookup: Lookup) -> Computed:
    if len(call.arguments) > 1:
        sides = [_evaluate(argument, period, lookup) for argument in call.arguments]
    else:
        sides = list(_pair(call, period, lookup))
    value = sum((side.value for side in sides), Decimal(0)) / len(sides)
    names = dict.fromkeys(side.formula for side in sides)
    return Computed(
        value, _operands(sides), f"average of {_bracketed(sides[-1], False) if len(names) == 1 else ', '.join(names)}"
    )


def _change(call: Call, period: Period, lookup: Lookup) -> Computed:
    before, after = _pair(call, period, lookup)
    return Computed(after.value - before.value, _operands([after, before]), f"change in {after.formula}")


def _function(choose: Callable[[list[Decimal]], Decimal], name: str) -> Callable[[Call, Period, Lookup], Computed]:
    def evaluate(call: Call, period: Period, lookup: Lookup) -> Computed:
        sides = [_evaluate(argument, period, lookup) for argument in call.arguments]
        value = choose([side.value for side in sides])
        return Computed(value, _operands(sides), f"{name}({', '.join(side.formula for side in sides)})")

    return evaluate


def _operands(sides: list[Computed]) -> tuple[Operand, ...]:
    return tuple(dict.fromkeys(operand for side in sides for operand in side.operands))


_OPERATIONS: Mapping[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}
_CALLS: Mapping[str, Callable[[Call, Period, Lookup], Computed]] = {
    **dict.fromkeys(_OPERATIONS, _arithmetic),
    "neg": _negative,
    "average": _average,
    "change": _change,
    "max": _function(max, "the larger of "),
    "min": _function(min, "the smaller of "),
    "abs": _function(lambda values: abs(values[0]), "absolute value of "),
}
