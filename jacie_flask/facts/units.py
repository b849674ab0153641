"""What tables and rows say of their unit: scale, currency, and money, shares, percent or per share."""

import re
from collections.abc import Iterable, Sequence

from jacie_flask.facts.cells import Figure

_SCALES = {
    "thousand": 3, "000": 3, "million": 6, "billion": 9, "trillion": 12, "lakh": 5, "lac": 5, "crore": 7, "m": 6, "mn": 6, "mm": 6, "mio": 6,
    "mln": 6, "bn": 9, "k": 3, "cr": 7, "tn": 12, "hundred million": 8,
}  # fmt: skip
_NAMES = r"thousand|million|billion|trillion|lakh|lac|crore"
_SIGNS = {
    "US$": "USD", "$": "$", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₦": "NGN", "R": "ZAR", "J$": "JMD", "KSh": "KES", "Ksh": "KES",
    "Rs": "INR", "Rs.": "INR", "RMB": "CNY", "A$": "AUD", "C$": "CAD", "HK$": "HKD", "NT$": "TWD", "NZ$": "NZD", "S$": "SGD", "R$": "BRL",
    "₩": "KRW", "₱": "PHP", "₺": "TRY", "฿": "THB", "N": "NGN", "GH¢": "GHS", "Shs": "KES", "TShs": "TZS", "UShs": "UGX", "P": "BWP",
}  # fmt: skip
_CODES = "USD|EUR|GBP|ZAR|CHF|JPY|CNY|INR|AUD|CAD|NGN|KES|SEK|NOK|DKK|BRL|KRW|HKD|SGD|TWD|NZD|MXN|THB|PHP|IDR|MYR|PLN|CZK|HUF|TRY|AED|SAR|GHS|UGX|TZS|BWP|JMD"
_CURRENCY = rf"(?:US\$|R\$|HK\$|NT\$|NZ\$|J\$|[ACS]\$|GH¢|\b(?:KShs?|Ksh|[TU]?Shs)\b|\bRs\b\.?|RMB\b|\b(?:{_CODES})\b|[$€£¥₹₦₩₱₺฿]|\bR(?=\s?(?:m\b|million|billion|bn\b|thousand|['’]?000))|\bN(?=['’]))"
_WORDED = (
    ("u.s. dollar", "USD"), ("us dollar", "USD"), ("canadian dollar", "CAD"), ("australian dollar", "AUD"), ("jamaican dollar", "JMD"), ("euro", "EUR"),
    ("sterling", "GBP"), ("pounds", "GBP"), ("yen", "JPY"), ("rupee", "INR"), ("naira", "NGN"), ("rand", "ZAR"), ("swiss franc", "CHF"),
    ("kenya shilling", "KES"), ("renminbi", "CNY"), ("dollar", "$"),
)  # fmt: skip
_DECLARED = re.compile(
    rf"\b(?:in|of|expressed in)\s(?:[\w.$€£¥₹₦]+\s){{0,3}}?(?:{_CURRENCY}\s)?(?P<a>{_NAMES})s?\b"
    rf"|(?:^|[(\[,])\s?(?:amounts?|dollars?|all|figures|[\w.$€£¥₹₦]{{1,12}}\s)?[\w\s.$€£¥₹₦]{{0,30}}?\b(?P<b>{_NAMES})s?\b"
    rf"|{_CURRENCY}\s?(?P<c>['’]?(?:000|{_NAMES}|mn|bn|mio|mln|m|k|cr|tn))(?:['’]?s)?\b|['’](?P<d>000)s?\b|\((?P<e>m|mn|bn|mio|000)\)",
    re.IGNORECASE,
)
_MONEY = re.compile(_CURRENCY)
_PER_SHARE = re.compile(
    r"\bper\s(?:[\w-]+\s){0,4}(?:share|unit|ads|adr|stock)s?\b|\bearnings per\b|\b(?:basic|diluted)\s(?:eps|earnings|loss)\b.{0,200}\(cents\)|\beps\b|\bcents\b"
    r"|\bper[- ]share\b",
    re.I,
)
_SHARES = re.compile(
    r"\bshares? (?:outstanding|used|issued|in issue)\b|\bweighted[- ]average\b.{0,200}\bshares?\b|\bnumber of\b.{0,200}\bshares?\b"
    r"|\baverage\b.{0,200}\bshares\b|\bshares\b.{0,200}\b(?:basic|diluted|average|computing|calculat|compute)|\b(?:basic|diluted)\b.{0,200}\bshares\b|\bcommon shares\b$",
    re.I,
)
_COUNTED = re.compile(
    r"(?:weighted|average|diluted weighted|basic weighted|shares|number of shares|adjusted weighted)\b(?!.*\b(?:price|fair value|cost)\b)",
    re.I,
)
_OF_SHARES = re.compile(r".{0,12}\b(?:basic|diluted|assuming|dilut|total|common|class|ordinary|weighted)", re.I)
_PERCENT = re.compile(r"\bpercent(?:age)?\b|\bmargin\b|%|\brates?\b$|\byield\b", re.I)
_COUNT = re.compile(
    r"\bnumber of\b|\bemployees\b|\bheadcount\b|\bstores?\b.{0,200}\b(?:open|count|end)|\bsquare (?:feet|metres|meters)\b|\bsubscribers\b",
    re.I,
)
_RATIO = re.compile(r"\bratio\b|\btimes\b|\bturns\b", re.I)
_UNIT_TOKEN = re.compile(
    rf"\(?(?:{_CURRENCY}|R|N|P)?\s?['’]?(?:000|m|mn|bn|mio|k|cr|{_NAMES})?(?:['’]?s)?\.?\)?|\(?(?:note|notes|restated\*?|audited|unaudited|in|of|dollars)\)?",
    re.I,
)
_OWN_SCALE = re.compile(rf"\(?\b(?:in|,)\s(?P<a>{_NAMES})s?\b|\((?P<b>{_NAMES}|m|mn|bn|000|['’]000)s?\)", re.I)
_HUNDREDTHS = re.compile(
    r"\((?:in )?(?:\w{2,6}\s)?(?:cents?|pence|p|c|kobo|sen|paise|thebe)\)|\bin (?:cents|pence)\b|\b(?:cents|pence)(?: per .{0,40}share)?$",
    re.I,
)
_EXCEPT_SHARES = re.compile(
    r"except (?:for )?(?:number of )?(?:common )?(?:share|stock)s?\b(?! and per| per|\w* amounts? per)", re.I
)


def scale_of(lines: Iterable[str]) -> int | None:
    """Return the power of ten that the lines above a table state for its amounts, None where they state none."""
    for line in lines:
        if len(line) > 200:
            continue
        match = _DECLARED.search(line)
        if match:
            name = next(value for value in match.groups() if value).lower().strip("'’").rstrip("s")
            return _SCALES.get(name, _SCALES.get(name + "s"))
    return None


def is_unit_line(line: str) -> bool:
    """Say whether a line says nothing but the unit of each column: "€m €m", "Note KSh’000 KSh’000"."""
    return len(line) <= 80 and all(_UNIT_TOKEN.fullmatch(token) for token in line.split())


def currency_of(lines: Iterable[str]) -> str:
    """Return the currency that lines name: an ISO code, "$" where no country is named, "" for none."""
    for line in lines:
        if len(line) > 200:
            continue
        match = _MONEY.search(line)
        if match:
            sign = match.group()
            return _SIGNS.get(sign, sign)
        lowered = line.lower()
        if "in" in lowered:
            for word, code in _WORDED:
                if word in lowered:
                    return code
    return ""


def sign_currency(sign: str) -> str:
    """Return the ISO code of a currency's sign, or the sign itself."""
    return _SIGNS.get(sign.strip(), sign.strip())


def excepts_shares(lines: Iterable[str]) -> bool:
    """Say whether a table's scale does not hold for its numbers of shares."""
    return any(_EXCEPT_SHARES.search(line) for line in lines)


def unit_of(label: str, headings: Sequence[str], figures: Sequence[Figure]) -> str:
    """Return a row's unit: "per_share", "shares", "percent", "ratio", "count" or "money"."""
    if figures and all(figure.unit == "%" or figure.value is None for figure in figures):
        return "percent"
    if figures and all(figure.unit == "x" or figure.value is None for figure in figures):
        return "ratio"
    heading = headings[-1] if headings and len(label) < 60 else ""
    currency = any(figure.currency for figure in figures)
    small = all(abs(figure.value or 0) < 10_000 for figure in figures)
    if _COUNTED.match(label) and not currency:
        return "shares"
    if _PER_SHARE.search(label) or (small and _PER_SHARE.search(heading)):
        return "per_share"
    if currency:
        return "money"
    if _SHARES.search(label) or (_SHARES.search(heading) and _OF_SHARES.match(label)):
        return "shares"
    if _COUNT.search(label):
        return "count"
    if _RATIO.search(label):
        return "ratio"
    fine = all(abs(figure.value or 0) < 100 and figure.decimals for figure in figures)
    return "percent" if _PERCENT.search(label) and fine else "money"


def in_hundredths(texts: Iterable[str]) -> bool:
    """Say whether a label or a heading states that amounts are in cents, pence or another hundredth of a currency."""
    return any(_HUNDREDTHS.search(text) for text in texts)


def scale_named(name: str) -> int | None:
    """Return the power of ten that a word or an abbreviation behind a figure is: "m" is 6; None for no known one."""
    return {"b": 9}.get(name.lower(), _SCALES.get(name.lower()))


def own_scale(label: str) -> int | None:
    """Return the power of ten that a row's label states for its figures, None where it states none."""
    match = _OWN_SCALE.search(label)
    if not match:
        return None
    return _SCALES.get((match["a"] or match["b"]).lower().strip("'’").rstrip("s"))
