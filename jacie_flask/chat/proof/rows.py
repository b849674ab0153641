"""Whether a figure stands in the row, or the sentence, of the page that the words of a sentence speak of."""

from collections.abc import Sequence

from jacie_flask.chat.proof.claims import Claim, Place, places
from jacie_flask.chat.proof.labels import fit, named, recall, shared_with_labels, words_of
from jacie_flask.chat.proof.years import wanted_years
from jacie_flask.text.tables import Unit

_NAMED = 0.75
"""How well a row's label and a sentence must agree (F1) for the sentence to speak of that row."""
_WORSE = 0.12
_RECALLED, _FOREIGN = 0.85, 0.5
_TELLING = 3


def of_its_row(claim: Claim, at: int, place: Place, units: Sequence[Unit], taken: set[int]) -> bool:
    """Say whether no other row, or sentence, is what the words of the claim say of its figure ``at``.

    ``taken`` are the ids of the rows in which other figures of the sentence stand.
    """
    if not place.unit.row and recall(place.unit, claim.words) >= _RECALLED:
        return True
    others = [unit for unit in units if unit is not place.unit and unit.figures]
    free = [unit for unit in others if unit.row and (id(unit) not in taken or id(place.unit) in taken)]
    common = shared_with_labels(claim.words, units)
    return not _row_fits_better(claim, at, place.unit, free, common) and not _sentence_fits_better(claim, place.unit, others)


def _row_fits_better(claim: Claim, at: int, held: Unit, rows: Sequence[Unit], common: frozenset[str]) -> bool:
    """Say whether the words near the figure name another row, which does not hold it, and fit that one clearly better."""
    near = _near(claim, at) if len(claim.amounts) > 1 else claim.words
    least = fit(held, claim.words, common) + _WORSE
    for row in rows:
        if named(row, near):
            rival = fit(row, near, common & near)
            if rival >= _NAMED and rival > least and not _holds(row, claim, at):
                return True
    return False


def _sentence_fits_better(claim: Claim, held: Unit, others: Sequence[Unit]) -> bool:
    """Say whether another sentence of the page says what the claim says, and the one that holds the figure does not."""
    if held.row or len(claim.amounts) != 1 or len(claim.words) < _TELLING or recall(held, claim.words) >= _FOREIGN:
        return False
    return any(recall(unit, claim.words) >= _RECALLED for unit in others if not unit.row)


def _holds(unit: Unit, claim: Claim, at: int) -> bool:
    """Say whether the row has the amount too, in a year that the sentence may mean."""
    wanted = wanted_years(claim, at) | {0}
    return any(not claim.years or place.year in wanted for place in places(claim.amounts[at], [unit]))


def _near(claim: Claim, at: int) -> frozenset[str]:
    """Return the words between the figure before and this one: what this one is said to be."""
    start = claim.amounts[at - 1].end if at else 0
    return frozenset(words_of(claim.text[start : claim.amounts[at].start])) & claim.words
