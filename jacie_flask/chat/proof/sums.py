"""Whether a figure that stands nowhere follows from two that do: a change, a difference, a ratio."""

from collections.abc import Iterator, Sequence
from itertools import pairwise, permutations, product

from jacie_flask.chat.proof.claims import Claim, places
from jacie_flask.chat.proof.labels import fit, named, shared_with_labels
from jacie_flask.chat.proof.signs import DOWN, UP
from jacie_flask.text import figures
from jacie_flask.text.figures import Figure
from jacie_flask.text.tables import Unit

_NAMED, _WORSE = 0.6, 0.01
_BEST, _ROWS = 3, 6


def computed(claim: Claim, at: int, units: Sequence[Unit]) -> str:
    """Return how figure ``at`` follows from two that the sentence or the row it names holds, or nothing."""
    amount = claim.amounts[at]
    if amount.value == 0:
        return ""
    rows = [unit for unit in units if unit.row and named(unit, claim.words)]
    pairs = [*_stated(claim, at, units), *_beside_each_other(_best(rows, claim, units))]
    return _from_pairs(claim, amount, pairs) or _from_ratios(claim, amount, rows[:_ROWS])


def _stated(claim: Claim, at: int, units: Sequence[Unit]) -> Iterator[tuple[Figure, Figure]]:
    """Yield the pairs of other figures of the sentence that stand on the pages."""
    others = [figures.in_unit(other, 0) for place, other in enumerate(claim.amounts) if place != at and not other.year]
    return permutations([other for other in others if any(True for _ in places(other, units))], 2)


def _best(rows: Sequence[Unit], claim: Claim, units: Sequence[Unit]) -> list[Unit]:
    """Return the few rows that the sentence speaks of most."""
    common = shared_with_labels(claim.words, units)
    fits = [fit(row, claim.words, common) for row in rows]
    least = max(max(fits, default=0.0) - _WORSE, _NAMED)
    return [row for row, held in zip(rows, fits, strict=True) if held >= least][:_BEST]


def _beside_each_other(rows: Sequence[Unit]) -> Iterator[tuple[Figure, Figure]]:
    for row in rows:
        yield from pairwise(figures.in_unit(cell, row.scale or 0) for cell, _ in _cells(row) if not cell.year)


def _cells(row: Unit) -> Iterator[tuple[Figure, int]]:
    return zip(row.figures, row.years, strict=False)


def _from_pairs(claim: Claim, amount: Figure, pairs: Sequence[tuple[Figure, Figure]]) -> str:
    down, up = bool(DOWN.search(claim.text)), bool(UP.search(claim.text))
    ways = (_follows(amount, one, two, rises=up and not down, falls=down and not up) for one, two in pairs)
    return next(filter(None, ways), "")


def _from_ratios(claim: Claim, amount: Figure, rows: Sequence[Unit]) -> str:
    """Return of which two rows an amount is the ratio, in the same year."""
    if not amount.decimals or (amount.scale and not amount.percent):
        return ""
    for first, second in permutations(rows, 2):
        for cell, other in _of_one_year(first, second, claim.years):
            if other.value and _near_to(amount, cell.value / other.value * (100 if amount.percent else 1)):
                return f"computed: {cell.text} / {other.text}"
    return ""


def _of_one_year(first: Unit, second: Unit, years: Sequence[int]) -> Iterator[tuple[Figure, Figure]]:
    """Yield the figures of two rows that are of the same year, one of ``years`` if there are any."""
    for (cell, year), (other, same_year) in product(_cells(first), _cells(second)):
        if year and year == same_year and (not years or year in years):
            yield cell, other


def _follows(amount: Figure, new: Figure, old: Figure, *, rises: bool, falls: bool) -> str:
    """Return the sum by which an amount follows from two figures: a change in percent, or a difference."""
    if not old.value or new.percent != old.percent:
        return ""
    a, b = (figure.value * 10.0**figure.scale * (-1 if figure.negative else 1) for figure in (new, old))
    if (rises and a < b) or (falls and a > b):
        return ""
    if amount.percent and not new.percent:
        return f"computed: {new.text} against {old.text}" if b and _near_to(amount, abs(a / b - 1) * 100) else ""
    if amount.percent != new.percent or amount.scale != max(new.scale, old.scale):
        return ""
    exact = (abs(a) + abs(b) if (a < 0) != (b < 0) else abs(a - b)) / 10.0**amount.scale
    return f"computed: {new.text} less {old.text}" if exact and _near_to(amount, exact) else ""


def _near_to(amount: Figure, value: float) -> bool:
    return abs(amount.value - abs(value)) <= 0.5001 * 10.0**-amount.decimals
