"""What a question wishes of the answer's form: scale, currency, decimals, percent, a table, brevity; with positions."""

import re
from dataclasses import replace

from jacie_flask.question.plan import Wishes

_SCALES = {
    "thousand": 3,
    "k": 3,
    "million": 6,
    "mn": 6,
    "mm": 6,
    "m": 6,
    "mio": 6,
    "mln": 6,
    "billion": 9,
    "bn": 9,
    "b": 9,
    "trillion": 12,
}
_SCALE = r"thousands?|mill?ions?|mn|mm|mio|mln|bill?ions?|bn|trillions?|crores?|lakhs?"
_CURRENCIES = {
    "dollar": "USD", "us dollar": "USD", "u.s. dollar": "USD", "usd": "USD", "$": "USD", "us$": "USD", "euro": "EUR", "eur": "EUR", "€": "EUR",
    "pound": "GBP", "gbp": "GBP", "£": "GBP", "sterling": "GBP", "rand": "ZAR", "zar": "ZAR", "yen": "JPY", "jpy": "JPY", "¥": "JPY",
    "rupee": "INR", "inr": "INR", "₹": "INR", "naira": "NGN", "ngn": "NGN", "₦": "NGN", "shilling": "KES", "kes": "KES", "ksh": "KES",
    "jmd": "JMD", "j$": "JMD", "swiss franc": "CHF", "chf": "CHF", "yuan": "CNY", "rmb": "CNY", "cny": "CNY", "aud": "AUD", "cad": "CAD",
}  # fmt: skip
_CURRENCY = "|".join(
    sorted((re.escape(name) + ("s?" if name[-1].isalpha() else "") for name in _CURRENCIES), key=len, reverse=True)
)
_UNIT = re.compile(
    rf"(?i)(?<!\w)(?:answer[ ])?(?:in|how[ ]many)[ ](?:units[ ]of[ ])?(?:(?P<currency>{_CURRENCY})(?!\w)[ ]?(?P<scale>{_SCALE}|[mb]\b)?"
    rf"|(?P<scale2>{_SCALE})(?:[ ](?:of[ ])?(?P<currency2>{_CURRENCY}))?)(?!\w)"
)
_BARE_UNIT = re.compile(
    rf"(?i)(?<![\w$€£¥₹₦])(?:(?P<currency>{_CURRENCY}) ?(?P<scale>{_SCALE}|[mb]\b)|(?P<scale2>{_SCALE}) (?:of )?(?P<currency2>{_CURRENCY}))(?!\w)"
)
_CENTS = re.compile(r"(?i)(?<!\w)in (?:u\.?s\.? )?(?:cents|pence)(?!\w)")
_PERCENT = re.compile(
    r"(?i)(?<!\w)(?:in[ ](?:units[ ]of[ ])?(?:percentages?|percents?|%|pct)(?![ ]?of)(?!\w)(?:[ ](?:terms|form|points))?|as[ ](?:a[ ])?(?:percentages?|percent|%)(?![ ]?of)(?!\w))|,[ ]?%(?=[ ]?[?.]?$|[ ,][ ]?(?:\d|one|two|no))|\([ ]?%[ ]?\)"
)
_DIGITS = {"zero": 0, "no": 0, "one": 1, "a": 1, "two": 2, "three": 3, "four": 4, "five": 5}
_DECIMALS = re.compile(
    r"(?i)(?<!\w)(?:and )?(?:round(?:ed)? )?(?:off )?(?:(?:your |the )?(?:answer|result|figure) )?(?:(?:to|with) )?"
    r"(?:(?P<count>zero|no|one|a|two|three|four|five|\d)[ -]?(?:decimals?(?: (?:places?|points?|digits?))?|dp|d\.p\.)"
    r"|(?P<digits>zero|no|one|two|three|four|five|\d) digits? (?:after|behind) the (?:decimal )?point)(?!\w)"
)
_NEAREST = re.compile(
    rf"(?i)(?<!\w)(?:and[ ])?(?:rounded?[ ])?(?:(?:your[ ]|the[ ])?(?:answer|result|figure)[ ])?to[ ]the[ ]nearest[ ](?P<unit>{_SCALE}|whole[ ](?:number|percent|day)|integer|percent|day|cent|tenth|hundredth)(?!\w)"
)
_TABLE = re.compile(
    r"(?i)(?<!\w)(?:(?:as|in)[ ](?:a[ ])?(?:table|tabular[ ]form)|tabulate|(?:a[ ])?table[ ](?:of|with|showing))(?!\w)"
)
_BRIEF = re.compile(
    r"(?i)(?<!\w)(?:briefly|in[ ](?:one|a[ ]single)[ ](?:sentence|line|word)|in[ ]short|(?:just|only)[ ]the[ ](?:number|figure|value))(?!\w)"
)
_NEAREST_DECIMALS = {"cent": 2, "tenth": 1, "hundredth": 2}


def wishes(text: str) -> tuple[Wishes, list[tuple[int, int]]]:
    """Return the wishes of a text and where they are written."""
    wish, found = Wishes(), list[tuple[int, int]]()
    units = list(_UNIT.finditer(text)) or list(_BARE_UNIT.finditer(text))
    for match in units:
        scale = match["scale"] or match.groupdict().get("scale2")
        currency = match["currency"] or match.groupdict().get("currency2") or ""
        if not scale and currency.lower() not in {"$", "us$"} and not currency:
            continue
        if scale and _scale(scale) is None:
            continue  # lakh and crore are scales of the filing, not powers of a thousand
        wish = replace(wish, scale=_scale(scale) if scale else wish.scale, currency=_currency(currency) or wish.currency)
        found.append(match.span())
    for match in _PERCENT.finditer(text):
        wish = replace(wish, percent=True)
        found.append(match.span())
    for match in _DECIMALS.finditer(text):
        count = (match["count"] or match["digits"]).lower()
        wish = replace(wish, decimals=_DIGITS[count] if count in _DIGITS else int(count))
        found.append(match.span())
    for match in _NEAREST.finditer(text):
        unit = match["unit"].lower()
        scale_of_unit = _scale(unit)
        wish = replace(wish, decimals=_NEAREST_DECIMALS.get(unit, 0), scale=scale_of_unit if scale_of_unit else wish.scale)
        found.append(match.span())
    found += [match.span() for match in _CENTS.finditer(text)]
    for pattern, field in ((_TABLE, "table"), (_BRIEF, "brief")):
        for match in pattern.finditer(text):
            wish = replace(wish, table=True) if field == "table" else replace(wish, brief=True)
            found.append(match.span())
    return wish, found


def _scale(text: str) -> int | None:
    word = text.lower().replace("ili", "illi")
    return _SCALES.get(word) or _SCALES.get(word.rstrip("s"))


def _currency(text: str) -> str:
    word = " ".join(text.lower().split())
    return _CURRENCIES.get(word) or _CURRENCIES.get(word.removesuffix("s")) or ""
