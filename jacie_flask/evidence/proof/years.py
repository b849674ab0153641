"""Whether a figure stands on the page under the period that a sentence means."""

import re
from itertools import pairwise

from jacie_flask.evidence.proof.claims import Claim, Place
from jacie_flask.text import figures

_PRIOR_BEFORE = re.compile(
    r"\b(?:from|against|versus|vs\.?|compared (?:to|with)|than) (?:a |the |about |some )?(?:[A-Z]{1,3}[$]?|[$€£¥₹₦]|US\$)?\s?\(?$"
)
_PRIOR_AFTER = re.compile(
    r"\b(?:prior|previous|preceding|last) (?:fiscal |financial )?year\b|\byear (?:before|earlier|ago)\b", re.I
)
_CHANGE_BEFORE = re.compile(
    r"\b(?:by|up|down|(?:increase|decrease|rise|fall|decline|growth|difference|change|drop|gain) of|grew|rose|fell|declined|increased|decreased)"
    r"(?: about| around| approximately| roughly| some)? ?(?:[A-Z]{1,3}[$]?|[$€£¥₹₦]|US\$)?\s?$",
    re.I,
)


def of_its_period(claim: Claim, at: int, place: Place, known: set[int]) -> bool:
    """Say whether figure ``at`` of the sentence stands under a period it may be of; ``known`` are all years of the pages."""
    return _of_its_year(claim, at, place, known) and _of_its_duration(claim, place)


def _of_its_year(claim: Claim, at: int, place: Place, known: set[int]) -> bool:
    if not claim.years:
        return True
    wanted = wanted_years(claim, at)
    if place.unit.row:
        if not place.years:
            named = set(figures.years(place.unit.text))
            return not named or bool(named & set(claim.years)) or bool(set(claim.years) & known)
        return bool(place.years & wanted)
    spoken = figures.years(place.unit.text)
    if not spoken:
        return bool(set(claim.years) & known) or not known
    amounts = [figure for figure in place.unit.figures if not figure.year]
    if len(spoken) == len(amounts) == len(set(spoken)) and place.figure in amounts:
        return spoken[amounts.index(place.figure)] in wanted or len(claim.amounts) > 1
    return bool(set(spoken) & set(claim.years)) or (bool(wanted & known) and len(spoken) > 1)


def _of_its_duration(claim: Claim, place: Place) -> bool:
    """Say whether a column is as long as the sentence says; where it says nothing, a whole year's figure wins over a part of it."""
    column = place.column
    if column.months <= 0:
        return True
    if claim.months:
        return column.months == claim.months and not (claim.quarter and column.quarter and claim.quarter != column.quarter)
    whole_years = {other.year for other in place.unit.columns if other.months == 12 and other.role == "value"}
    return column.months == 12 or not claim.years or column.year not in whole_years


def changes(claim: Claim, at: int) -> bool:
    """Say whether figure ``at`` is said to be a change, not a level: "by 5 million", "up 7.7 %"."""
    return bool(_CHANGE_BEFORE.search(claim.text[max(0, _begin(claim, at) - 60) : _begin(claim, at)]))


def wanted_years(claim: Claim, at: int) -> set[int]:
    """Return the years a figure of the sentence may be of: its own where each has one, otherwise all that are named."""
    every = set(claim.years)
    levels = [place for place, amount in enumerate(claim.amounts) if not amount.percent and not changes(claim, place)]
    group = levels if at in levels else [place for place in range(len(claim.amounts)) if claim.amounts[place].percent]
    if at not in group:
        return every
    if len(every) == 1:
        prior = len(group) > 1 and is_prior(claim, at)
        return {claim.years[0] - 1} if prior else every
    ordered = _in_order(claim, group)
    if ordered:
        return {ordered[group.index(at)]}
    return _nearest(claim, at) or every


def is_prior(claim: Claim, at: int) -> bool:
    """Say whether the words around a figure make it the one of the period before."""
    begin = _begin(claim, at)
    start = claim.amounts[at - 1].end if at else 0
    behind = claim.text[claim.amounts[at].end : claim.amounts[at + 1].start if at + 1 < len(claim.amounts) else None]
    return bool(_PRIOR_BEFORE.search(claim.text[max(start, begin - 60) : begin]) or _PRIOR_AFTER.search(behind))


def _in_order(claim: Claim, group: list[int]) -> list[int]:
    """Return a year for each figure of a group, [] where their order does not say it."""
    if len(claim.dated) != len(group) or len(group) < 2:
        return []
    marks = sorted([(claim.amounts[at].start, "figure") for at in group] + [(start, "year") for _, start in claim.dated])
    kinds = [kind for _, kind in marks]
    if all(one != other for one, other in pairwise(kinds)):
        return claim.years
    if len(set(kinds[: len(group)])) == 1:
        if len(group) == 2 and "respectively" not in claim.text and is_prior(claim, group[1]):
            return sorted(claim.years, reverse=True)
        return claim.years
    return []


def _nearest(claim: Claim, at: int) -> set[int]:
    """Return the year behind a figure before the next figure, or the last one before it."""
    end = claim.amounts[at].end
    following = claim.amounts[at + 1].start if at + 1 < len(claim.amounts) else len(claim.text)
    behind = [year for year, start in claim.dated if end <= start < following]
    if behind:
        return {behind[0]}
    before = [year for year, start in claim.dated if start < claim.amounts[at].start]
    return {before[-1]} if before else set()


def _begin(claim: Claim, at: int) -> int:
    """Return where a figure begins, its sign and currency included."""
    start = claim.amounts[at].start
    while start and claim.text[start - 1] in "$€£¥₹₦(-−–":
        start -= 1
    return start
