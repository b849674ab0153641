"""How one figure differs from another, as amounts and words: changes, growth, and what is better."""

from decimal import Decimal

from jacie_flask.answer.exact.draft import Draft
from jacie_flask.answer.exact.figures import Figure
from jacie_flask.computation.amounts import Amount, rounded
from jacie_flask.computation.evaluation import Computed
from jacie_flask.question.plan import Wishes

_PERCENT_DECIMALS = 1


def growth(before: Figure, after: Figure, wishes: Wishes) -> Amount | None:
    """Return the growth in percent, None where a figure is not positive: a percentage across zero would mislead."""
    if before.value <= 0 or after.value < 0:
        return None
    value = (after.value - before.value) / before.value * 100
    places = wishes.decimals if wishes.decimals is not None and wishes.percent is not False else _PERCENT_DECIMALS
    return Amount(value, "percent", decimals=places)


def difference(before: Figure, after: Figure) -> Amount:
    """Return the change as an amount: in points where the figures are percentages.

    Rates differ by what they differ as shown: 17.7 % to 16.1 % are 1.6 points to the reader, and to the filings, though 17.68 % and 16.15 %
    would be 1.53.
    """
    value = after.value - before.value
    places = after.amount.decimals
    if after.rate and places is not None and places == before.amount.decimals:
        value = rounded(after.amount.value, places) - rounded(before.amount.value, places)
    unit = "points" if after.amount.unit == "percent" else after.amount.unit
    decimals = after.amount.decimals if after.amount.decimals is not None else before.amount.decimals
    return Amount(value, unit, after.amount.currency, after.amount.scale, decimals)


def same(before: Figure, after: Figure) -> bool:
    """Say whether two figures are equal as they are shown."""
    return after.amount.text == before.amount.text


def moved(amount: Amount, *, up: str, down: str) -> str:
    """Return the word for the direction of a change."""
    return down if amount.value < 0 else up


def plain(amount: Amount) -> str:
    """Return a change without its sign: the word beside it says which way."""
    return Amount(abs(amount.value), amount.unit, amount.currency, amount.scale, amount.decimals).text


def of_both(before: Figure, after: Figure, formula: str, value: Decimal) -> Computed:
    """Return a computation over the operands of two figures."""
    operands = tuple(dict.fromkeys((*after.computed.operands, *before.computed.operands)))
    return Computed(value, operands, formula)


def changed(draft: Draft, before: Figure, after: Figure, wishes: Wishes, *, amount: bool = False) -> Amount:
    """Note the change between two figures as a calculation and return it: in percent where that means something.

    ``amount`` asks for the difference itself; rates always change by points.
    """
    percent = None if amount or after.rate else growth(before, after, wishes)
    change = percent or difference(before, after)
    name = after.measure.name
    formula = f"{name} {after.period.text} − {name} {before.period.text}"
    formula = f"({formula}) / {name} {before.period.text}" if percent else formula
    draft.calculate(change, of_both(before, after, formula, change.value), text=plain(change))
    return change


def growth_phrase(draft: Draft, before: Figure, after: Figure, wishes: Wishes) -> str:
    """Return ", up 7.7 % from ZAR 39,265 million in 2023"."""
    if same(before, after):
        return f", unchanged from {before.period.text}"
    change = changed(draft, before, after, wishes)
    direction = moved(change, up="up", down="down")
    return f", {direction} {plain(change)} from {before.amount.text} in {before.period.text}"
