"""Whether a figure has the sign, the direction and the currency on the page that a sentence gives it."""

import re
from collections.abc import Sequence

from jacie_flask.evidence.proof.claims import Claim, Place
from jacie_flask.evidence.proof.readings import Unit
from jacie_flask.evidence.proof.years import changes, is_prior, wanted_years
from jacie_flask.facts.concepts import absolute
from jacie_flask.text.figures import Figure

_DOLLARS = {"$", "A$", "C$", "HK$", "S$"}
_ASIDE = re.compile(r"\([^()\d]*\)")
DOWN = re.compile(
    r"\b(?:loss(?:es)?|negative|deficit|declin\w+|decreas\w+|fell|fall(?:s|en|ing)?|drop\w*|lower\w*|reduc\w+|down|shr[aiu]nk\w*|contract(?:ed|ion)"
    r"|minus|less|worsen\w*|dilutive|dilution|dragg?\w*|weaken\w*|outflows?)\b",
    re.IGNORECASE,
)
UP = re.compile(
    r"\b(?:increas\w+|rose|ris(?:e|es|en|ing)|grew|grow\w*|higher|up|improv\w+|gain\w*|expan\w+|climb\w*)\b", re.IGNORECASE
)
_SET_ASIDE = re.compile(r"\b(?:accrued|accruals?|allowances?|reserves?|provisions?)\b|(?<=\w)\W+less\b", re.IGNORECASE)
"""Words of labels by which an amount has no sign of its own: what is set aside for losses, and debt "less current portion"."""
SPENT = re.compile(
    r"\b(?:purchas\w+|pa(?:id|y|ys|yments?|ying)|repay\w*|repurchas\w*|buy\w*|bought|spen[dt]\w*|invest(?:ed|ments?)|acqui\w+|expend\w+|capex"
    r"|expens\w+|costs?|charges?|tax(?:es)?|dividends?|distribut\w+|used|depreciat\w+|amorti[sz]\w+|provisions?|impair\w+|interest|treasury"
    r"|redem\w+|retire\w+|contributions?|withh\w+|settle\w+(?! (?:receivables?|payables?|assets?|liabilit\w+)\b)|write\w*"
    r"|accumulated|deduct\w+|allowances?|eliminat\w+|deferred|additions?"
    r"|returns?|repatriat\w+|restructuring|marketing|advertis\w+|administrat\w+|selling|research)\b",
    re.IGNORECASE,
)


def signed_alike(claim: Claim, amount: Figure, place: Place) -> bool:
    """Say whether the figure is as negative there as the sentence says; words such as "loss" and "paid" say it too."""
    held = place.figure
    label = _ASIDE.sub(" ", place.unit.label)
    said = _ASIDE.sub(" ", claim.text)
    if amount.negative:
        return held.negative is not False or bool(DOWN.search(label) and not _SET_ASIDE.search(label))
    if amount.negative is None:
        return True
    if held.negative:
        spent = SPENT.search(label) or SPENT.search(said) or absolute(place.unit.concept)
        return bool(DOWN.search(said)) or (not amount.percent and bool(spent))
    if not place.unit.row and len(claim.amounts) == 1 and amount.percent and len(place.unit.figures) < 4:
        return not _opposed(said, place.unit.text)
    return True


def _opposed(said: str, page: str) -> bool:
    """Say whether one text only goes up and the other only down."""
    ways = [(bool(UP.search(text)), bool(DOWN.search(text))) for text in (said, page)]
    return sorted(ways) == [(False, True), (True, False)]


def same_currency(amount: Figure, place: Place, units: Sequence[Unit]) -> bool:
    """Say whether the figure may be in the currency that the sentence gives it."""
    if not amount.currency:
        return True
    if place.figure.currency:
        return amount.currency == place.figure.currency or {amount.currency, place.figure.currency} <= _DOLLARS
    on_page = {held.currency for unit in units for held in unit.figures if held.currency}
    return not on_page or amount.currency in on_page or amount.currency.endswith("$")


_ROSE = re.compile(r"\b(?:increased|rose|risen|grew|grown|climbed|jumped|up (?:from|to|by|\d))\b", re.IGNORECASE)
_FELL = re.compile(r"\b(?:decreased|fell|fallen|declined|dropped|shrank|down (?:from|to|by|\d))\b", re.IGNORECASE)
_TURNED = re.compile(r"\b(?:loss(?:es)?|deficit|not|despite|although|while|whereas|but|due|driven|because)\b", re.IGNORECASE)
_MORE = re.compile(r"\b(?:higher|greater|larger|bigger|more|above|exceed(?:s|ed|ing)?)\b(?!\s+or\b)", re.IGNORECASE)
_LESS = re.compile(r"\b(?:lower|less|smaller|below|fewer)\b(?!\s+or\b)", re.IGNORECASE)


def direction(text: str) -> int:
    """Return 1 where a sentence says that something rose, -1 where it fell, 0 where it says neither or both."""
    if _TURNED.search(text):
        return 0
    return bool(_ROSE.search(text)) - bool(_FELL.search(text))


def moves_alike(claim: Claim, at: int, place: Place) -> bool:
    """Say whether the row moves to the figure as the sentence says, from its year before: up where it rose."""
    way = direction(claim.text)
    if not way or not place.unit.table or not place.column.year or place.column.role != "value" or place.figure.negative:
        return True
    later = max(wanted_years(claim, at) | set(claim.years), default=place.column.year)
    if place.column.year != later:
        return True
    first = min(claim.years) if len(set(claim.years)) > 1 else later - 1
    for figure, column in zip(place.unit.figures, place.unit.columns, strict=False):
        same = column.role == "value" and column.months == place.column.months and column.quarter == place.column.quarter
        if same and column.heading == place.column.heading and column.year == first and not figure.negative:
            return (place.figure.value - figure.value) * way >= 0
    return True


def compared_alike(text: str, first: float, second: float, between: str) -> bool:
    """Say whether of two figures, with the words ``between`` them, the first is as much larger as the sentence says."""
    way = bool(_MORE.search(between)) - bool(_LESS.search(between))
    if not way or ("than" not in between.split() and not re.search(r"\b(?:above|below|exceed(?:s|ed|ing)?)\b", between)):
        return True
    return (not _TURNED.search(text) and (first - second) * way > 0) or bool(_TURNED.search(text))


def turned(claim: Claim, at: int) -> bool:
    """Say whether figure ``at`` and the one that a sentence moves from are the wrong way round for the word that it uses."""
    way, amount = direction(claim.text), claim.amounts[at]
    if not way or not is_prior(claim, at):
        return False
    for other in (at + 1, at - 1):
        if not 0 <= other < len(claim.amounts) or claim.amounts[other].percent != amount.percent or changes(claim, other):
            continue
        before, after = wanted_years(claim, at), wanted_years(claim, other)
        if len(before) == len(after) == 1:
            reversed_years = min(before) > min(after)
            scales = amount.scale, claim.amounts[other].scale
            rise = claim.amounts[other].value * 10.0 ** scales[1] - amount.value * 10.0 ** scales[0]
            return reversed_years or (not amount.negative and not claim.amounts[other].negative and rise * way < 0)
    return False
