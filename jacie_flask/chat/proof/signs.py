"""Whether a figure has the sign, the direction and the currency on the page that a sentence gives it."""

import re
from collections.abc import Sequence

from jacie_flask.chat.proof.claims import Claim, Place
from jacie_flask.text.figures import Figure
from jacie_flask.text.tables import Unit

_DOLLARS = {"$", "A$", "C$", "HK$", "S$"}
_ASIDE = re.compile(r"\([^()\d]*\)")
DOWN = re.compile(
    r"\b(?:loss(?:es)?|negative|deficit|declin\w+|decreas\w+|fell|fall(?:s|en|ing)?|drop\w*|lower\w*|reduc\w+|down|shr[aiu]nk\w*|contract(?:ed|ion)"
    r"|minus|less|worsen\w*|dilut\w+|dragg?\w*|weaken\w*|outflows?)\b",
    re.IGNORECASE,
)
UP = re.compile(
    r"\b(?:increas\w+|rose|ris(?:e|es|en|ing)|grew|grow\w*|higher|up|improv\w+|gain\w*|expan\w+|climb\w*)\b", re.IGNORECASE
)
_SPENT = re.compile(
    r"\b(?:purchas\w+|pa(?:id|y|ys|yments?|ying)|repay\w*|repurchas\w*|buy\w*|bought|spen[dt]\w*|invest(?:ed|ments?)|acqui\w+|expend\w+|capex"
    r"|expens\w+|costs?|charges?|tax(?:es)?|dividends?|distribut\w+|used|depreciat\w+|amorti[sz]\w+|provisions?|impair\w+|interest|treasury"
    r"|redem\w+|retire\w+|contributions?|withh\w+|settle\w+|write\w*|accumulated|deduct\w+|allowances?|eliminat\w+|deferred|additions?"
    r"|returns?|repatriat\w+|restructuring)\b",
    re.IGNORECASE,
)


def signed_alike(claim: Claim, amount: Figure, place: Place) -> bool:
    """Say whether the figure is as negative there as the sentence says; words such as "loss" and "paid" say it too."""
    held = place.figure
    label = _ASIDE.sub(" ", place.unit.label)
    said = _ASIDE.sub(" ", claim.text)
    if amount.negative:
        return held.negative is not False or bool(DOWN.search(label))
    if amount.negative is None:
        return True
    if held.negative:
        return bool(DOWN.search(said)) or (not amount.percent and bool(_SPENT.search(label) or _SPENT.search(said)))
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
