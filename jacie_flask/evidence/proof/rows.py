"""Whether a figure is in the row, or the sentence, of the page that the words of a sentence speak of."""

from collections.abc import Sequence

from jacie_flask.evidence.proof.claims import Claim, Place, equal, places
from jacie_flask.evidence.proof.labels import (
    WHOLE,
    fit,
    label_of,
    named,
    qualifiers,
    recall,
    shared_with_labels,
    spelled,
    touches,
    whole,
    words_of,
)
from jacie_flask.evidence.proof.readings import Unit
from jacie_flask.evidence.proof.years import wanted_years

_NAMED = 0.75
"""How well a row's label and a sentence must agree (F1) for the sentence to speak of that row."""
_WORSE = 0.12
_RECALLED, _FOREIGN = 0.85, 0.5
_TELLING = 3


def is_named(claim: Claim, place: Place, units: Sequence[Unit]) -> bool:
    """Say whether the sentence names the row or sentence that has the figure; one that names none means what the context names."""
    concepts = frozenset((*claim.concepts, *claim.formulas))
    if touches(place.unit, claim.words, concepts):
        return True
    names_another = any(named(unit, claim.words) for unit in units if unit.row)
    return not names_another and bool(claim.context) and touches(place.unit, claim.context | claim.words, concepts)


def of_its_row(claim: Claim, at: int, place: Place, units: Sequence[Unit], taken: set[int]) -> bool:
    """Say whether no other row, or sentence, is what the words of the claim say of its figure ``at``.

    ``taken`` are the ids of the rows in which other figures of the sentence are.
    """
    if not place.unit.row and recall(place.unit, claim.words) >= _RECALLED:
        return True
    others = [unit for unit in units if unit is not place.unit and unit.figures]
    free = [unit for unit in others if unit.row and (id(unit) not in taken or id(place.unit) in taken)]
    common = shared_with_labels(claim.words, units)
    if _row_fits_better(claim, at, place.unit, free, common) or _is_spelled_as_another(claim, at, place.unit, free):
        return False
    return not _sentence_fits_better(claim, place.unit, others)


def of_its_part(claim: Claim, at: int, place: Place, units: Sequence[Unit]) -> bool:
    """Say whether the row and column are of the part of the company that the sentence names: of the whole where it names none."""
    if not place.unit.row or not place.column.year:
        return True
    wanted = wanted_years(claim, at)
    own = _narrowed(claim, place)
    label = label_of(place.unit)
    for unit in units:
        if not unit.row or label_of(unit) != label:
            continue
        for position, column in enumerate(unit.columns):
            rival = Place(unit, position)
            if column.role != "value" or not column.year or (claim.years and not rival.years & wanted):
                continue
            if equal(claim.amounts[at], rival.figure, unit) or (unit is place.unit and column.heading == place.column.heading):
                continue
            if _narrowed(claim, rival) > own or (own == 0 and _is_whole(rival) and not _is_whole(place)):
                return False
    if _is_total_of_another(claim, at, place, units):
        return False
    return not _is_undivided(place) or _fits_undivided(claim, place)


def _is_total_of_another(claim: Claim, at: int, place: Place, units: Sequence[Unit]) -> bool:
    """Say whether the figure is a total, and the sentence names one of the rows that it is the total of, and no total."""
    label = label_of(place.unit)
    if "total" not in label or "total" in claim.words or len(claim.amounts) > 1:
        return False
    rows = [unit for unit in units if unit.table is place.unit.table and unit is not place.unit and named(unit, claim.words)]
    return any(
        not label & label_of(unit) and label - {"total"} <= qualifiers(unit) and not _holds(unit, claim, at) for unit in rows
    )


def _is_undivided(place: Place) -> bool:
    """Say whether the row has several figures of one period, and nothing says which column each is of."""
    columns = [column for column in place.unit.columns if column.year]
    return len(columns) > 1 and len(set(columns)) == 1 and not place.column.heading


def _fits_undivided(claim: Claim, place: Place) -> bool:
    """Say whether a figure is the last of its row where the sentence names no part, and no last one where it does and that is the whole."""
    last = place.at == sum(1 for column in place.unit.columns if column.year) - 1
    words = words_of(place.unit.above)
    parts = frozenset(words) - WHOLE
    if not words:
        return True
    return (not last or words[-1] not in WHOLE) if parts & claim.words else last


def _narrowed(claim: Claim, place: Place) -> int:
    """Return how many of the words that narrow a row to a part the sentence has."""
    return len(qualifiers(place.unit, place.column.heading) & claim.words)


def _is_whole(place: Place) -> bool:
    return whole(place.column.heading) and all(whole(heading) for heading in place.unit.headings[-1:])


def _row_fits_better(claim: Claim, at: int, held: Unit, rows: Sequence[Unit], common: frozenset[str]) -> bool:
    """Say whether the words near the figure name another row, which does not hold it, and fit that one clearly better."""
    near = _near(claim, at) if len(claim.amounts) > 1 else claim.words
    least = fit(held, claim.words, common) + _WORSE
    for row in rows:
        if named(row, near) and label_of(row) != label_of(held):
            rival = fit(row, near, common & near)
            if rival >= _NAMED and rival > least and not _holds(row, claim, at):
                return True
    return False


def _is_spelled_as_another(claim: Claim, at: int, held: Unit, rows: Sequence[Unit]) -> bool:
    """Say whether the sentence spells out another row's label of the same table and telling words: "tax" and "before tax"."""
    label = label_of(held)
    if len(claim.amounts) > 1 or not held.row or not label:
        return False
    longest = spelled(held, claim.text)
    alike = [row for row in rows if row.table is held.table and label_of(row) == label]
    return any(spelled(row, claim.text) > longest and not _holds(row, claim, at) for row in alike)


def _sentence_fits_better(claim: Claim, held: Unit, others: Sequence[Unit]) -> bool:
    """Say whether another sentence of the page says what the claim says, and the one that holds the figure does not."""
    if held.row or len(claim.amounts) != 1 or len(claim.words) < _TELLING or recall(held, claim.words) >= _FOREIGN:
        return False
    return any(recall(unit, claim.words) >= _RECALLED for unit in others if not unit.row)


def _holds(unit: Unit, claim: Claim, at: int) -> bool:
    """Say whether the row has the amount too, in a year that the sentence may mean."""
    wanted = wanted_years(claim, at)
    return any(not claim.years or not place.years or place.years & wanted for place in places(claim.amounts[at], [unit]))


def _near(claim: Claim, at: int) -> frozenset[str]:
    """Return the words between the figure before and this one: what this one is said to be."""
    start = claim.amounts[at - 1].end if at else 0
    return frozenset(words_of(claim.text[start : claim.amounts[at].start])) & claim.words
