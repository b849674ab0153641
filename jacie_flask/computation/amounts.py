"""Amounts as an analyst writes them: with currency, scale, sign, rounding and thousands parted."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from jacie_flask.question.plan import Wishes

SCALE_NAMES = {0: "", 3: "thousand", 5: "lakh", 6: "million", 7: "crore", 9: "billion", 12: "trillion"}
MINUS = "−"
_CODES = {
    "$": "USD",
    "US$": "USD",
    "€": "EUR",
    "£": "GBP",
    "¥": "JPY",
    "R": "ZAR",
    "₹": "INR",
    "₦": "NGN",
    "R$": "BRL",
    "₩": "KRW",
}
_DECIMALS = {"percent": 1, "ratio": 2, "times": 2, "days": 2, "per_share": 2}
_UNIT_WORDS = {"percent": " %", "days": " days", "times": " times", "points": " percentage points", "bps": " basis points"}
_MOST_DECIMALS = 3
_COUNTED = ("money", "shares", "count")


@dataclass(frozen=True)
class Amount:
    """A figure to be shown: ``value`` in single units, its unit, currency, and the scale and decimals that it is printed with.

    ``decimals`` None keeps the digits that the value has in its scale, as far as the page gave them (``printed`` digits).
    """

    value: Decimal
    unit: str
    currency: str = ""
    scale: int = 0
    decimals: int | None = None

    @property
    def text(self) -> str:
        """The amount in words and digits, such as "USD 42,280 million", "6.2 %" or "USD 2.90"."""
        return _text(self)


def exact(value: float) -> Decimal:
    """Return a figure as printed: the shortest decimal that is this float."""
    return Decimal(repr(value))


def shown(value: Decimal, unit: str, currency: str, scale: int, decimals: int | None, wishes: Wishes) -> Amount:
    """Return the amount in the unit and rounding that were asked for; where none were, in those of the page.

    ``scale`` and ``decimals`` are those of the operands; None decimals stand for a computed value.
    """
    if unit in _COUNTED:
        scale = wishes.scale if wishes.scale is not None else _readable(value, scale)
        places = wishes.decimals if wishes.decimals is not None else (None if decimals is not None else 1)
        return Amount(value, unit, code(currency) if unit == "money" else "", scale, places)
    if unit == "percent" and wishes.percent is False:
        return Amount(value, "ratio", "", 0, wishes.decimals if wishes.decimals is not None else 3)
    if unit == "ratio" and wishes.percent:
        unit, value = "percent", value * 100
    places = wishes.decimals if wishes.decimals is not None else max(_DECIMALS.get(unit, 2), decimals or 0)
    return Amount(value, unit, code(currency) if unit == "per_share" else "", 0, places)


def code(currency: str) -> str:
    """Return the ISO code of a currency's symbol where it has one meaning, else the symbol itself."""
    return _CODES.get(currency, currency)


def rounded(value: Decimal, decimals: int) -> Decimal:
    """Round half away from zero, as analysts do."""
    return value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def _readable(value: Decimal, scale: int) -> int:
    """Return the scale to print in: thousands of thousands read better as millions."""
    if scale == 3 and abs(value) >= Decimal(10) ** 7:
        return 6
    if scale == 0 and abs(value) >= Decimal(10) ** 9:
        return 6
    return scale


def _text(amount: Amount) -> str:
    value = amount.value.scaleb(-amount.scale)
    if amount.decimals is None:
        number = rounded(value, _MOST_DECIMALS).normalize()
        number = number.quantize(Decimal(1)) if number == number.to_integral_value() else number
    else:
        number = rounded(value, amount.decimals)
    digits = f"{abs(number):,f}"
    sign = MINUS if number < 0 else ""
    scale = f" {SCALE_NAMES[amount.scale]}" if amount.scale and amount.unit in _COUNTED else ""
    prefix = f"{amount.currency} " if amount.currency else ""
    return f"{prefix}{sign}{digits}{scale}{_UNIT_WORDS.get(amount.unit, '')}"
