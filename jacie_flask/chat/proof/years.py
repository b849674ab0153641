"""Whether a figure stands on the page under the year that a sentence means."""

from jacie_flask.chat.proof.claims import Claim, Place
from jacie_flask.text import figures


def of_its_year(claim: Claim, at: int, place: Place, known: set[int]) -> bool:
    """Say whether figure ``at`` of the sentence stands under a year it may be of; ``known`` are all years of the pages."""
    if not claim.years:
        return True
    wanted = wanted_years(claim, at)
    if place.unit.row:
        if not place.year:
            named = set(figures.years(place.unit.text))
            return not named or bool(named & set(claim.years)) or bool(set(claim.years) & known)
        return place.year in wanted
    spoken = figures.years(place.unit.text)
    if not spoken:
        return bool(set(claim.years) & known) or not known
    amounts = [figure for figure in place.unit.figures if not figure.year]
    if len(spoken) == len(amounts) == len(set(spoken)) and place.figure in amounts:
        return spoken[amounts.index(place.figure)] in wanted or len(claim.amounts) > 1
    return bool(set(spoken) & set(claim.years)) or (bool(wanted & known) and len(spoken) > 1)


def wanted_years(claim: Claim, at: int) -> set[int]:
    """Return the years a figure of the sentence may be of: its own where each has one, otherwise all that are named."""
    moneys = [place for place, amount in enumerate(claim.amounts) if not amount.percent]
    group = moneys if at in moneys else list(range(len(claim.amounts)))
    if len(claim.years) == len(group) and len(group) > 1:
        return {claim.years[group.index(at)]}
    if len(claim.years) == 1 and len(group) > 1:
        year = claim.years[0]
        return {year, *range(year - 5, year)} if at != group[0] else {year, year - 1}
    return set(claim.years)
