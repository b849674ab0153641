"""Figures in text: finding them, and saying whether a page holds them under another spelling."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from jacie_flask.text.notemarks import blanked

_SPACE = "\u00a0\u202f\u2009"
_CURRENCIES = {
    "us$": "$", "usd": "$", "$": "$", "dollar": "$", "a$": "A$", "aud": "A$", "c$": "C$", "cad": "C$", "hk$": "HK$", "s$": "S$",
    "nz$": "NZ$", "€": "€", "eur": "€", "euro": "€", "£": "£", "gbp": "£", "sterling": "£", "¥": "¥", "jpy": "¥", "yen": "¥",
    "cny": "CN¥", "rmb": "CN¥", "yuan": "CN¥", "r": "R", "zar": "R", "rand": "R", "chf": "CHF", "₹": "₹", "inr": "₹",
    "rupee": "₹", "ngn": "₦", "₦": "₦", "naira": "₦", "kes": "KES", "sek": "SEK", "nok": "NOK", "dkk": "DKK", "brl": "R$",
    "r$": "R$", "krw": "₩", "₩": "₩",
}  # fmt: skip
_CURRENCY = (
    r"(?:\b(?:US|HK|NZ|[ACSR])\$|[$€£¥₹₦₩]|\b(?:USD|EUR|GBP|ZAR|CHF|JPY|CNY|RMB|INR|AUD|CAD|NGN|KES|SEK|NOK|DKK|BRL|KRW|R))"
)
_WRITTEN = (
    rf"\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d{{1,3}}(?:['’]\d{{3}})+(?:\.\d+)?|\d{{1,3}}(?:[{_SPACE}]\d{{3}})+(?:[.,]\d+)?"
    r"|\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?|\d{1,3}(?:\.\d{3})+,\d+|\d+,\d{1,2}(?![\d,])|\d+(?:\.\d+)?|(?<![\d.])\.\d+"
)
_UNIT = (
    r"%|percent(?:age)?(?:[ -]points?)?\b|per cent\b|pp(?:ts?)?\b|bps?\b|basis points?\b|thousands?\b|millions?\b|billions?\b"
    r"|trillions?\b|crores?\b|lakhs?\b|bn\b|tn\b|trn\b|mn\b|mm\b|mln\b|mio\b|[mkbx]\b(?![²³])"
)


def _pattern(written: str) -> re.Pattern[str]:
    sign = r"(?P<{}>[-−–])?"
    return re.compile(
        rf"(?P<open>\(\s?)?{sign.format('sign')}(?P<currency>{_CURRENCY}\s?)?(?P<open2>\(\s?)?{sign.format('sign2')}"
        rf"(?P<digits>{written})(?P<shut>\s?\))?\s?(?P<unit>{_UNIT})?(?P<shut2>\s?\))?"
        r"(?:\s?(?P<named>euros?|dollars?|rands?|pounds? sterling|yen|yuan|rupees?|(?:USD|EUR|GBP|ZAR|CHF|JPY|INR)\b))?",
        re.IGNORECASE | re.ASCII,
    )


_FIGURE = _pattern(_WRITTEN)
_SPOKEN = _pattern(rf"(?<![\d.,])\d{{1,3}}(?: \d{{3}})+(?![\d.]|,\d{{3}})(?:,\d+)?|{_WRITTEN}")
_SCALES = {
    "thousand": 3, "k": 3, "million": 6, "m": 6, "mn": 6, "mm": 6, "mln": 6, "mio": 6, "billion": 9, "bn": 9, "b": 9,
    "trillion": 12, "tn": 12, "trn": 12, "crore": 7, "lakh": 5,
}  # fmt: skip
_SCALE_STEPS = (0, 3, 6, 9, 12)
_CLOSE = 0.05
_FORM_AFTER = re.compile(r"-?[KQF]\b|-?[A-Z]\b\)?(?= ?filing)|\([a-z]\)")
_WORDS_BEFORE = re.compile(
    r"(?:\b(?:notes?|pages?|items?|sections?|parts?|chapters?|tables?|exhibits?|schedules?|rules?|levels?|tiers?|topics?|phases?|scopes?"
    r"|appendix|articles?|asc|asu|ifrs|ias|sfas|forms?|figures?|steps?|fy|q|no\.?|nos\.?)\s*(?:\d+(?:,| and| or| to|–|-)\s?)?)$|[\[A-Za-z_]$",
    re.IGNORECASE,
)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(
    rf"\b{_MONTH}\s+\d{{1,2}}\b(?!,\d{{3}}|[.%]\d)|\b\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTH}(?=[\s,.)]|$)|\b\d{{4}}-\d{{2}}-\d{{2}}\b"
    r"|\b\d{1,2}[/.]\d{1,2}[/.](?:19|20)\d\d\b|\b(?:19|20)\d\d[-–/]\d{2}\b(?!\d)|^[^\S\n]*\d{1,2}[.)]\s(?=\s*[A-Za-z“\"*])"
    r"|\b\d{1,2}-(?:year|month|week|day)\b|\b(?:3|6|9|12|13|26|39|52|53) (?:months|weeks)\b",
    re.IGNORECASE | re.MULTILINE | re.ASCII,
)
_NAME_AFTER = re.compile(r"[MKBX](?:[’']s\b| [A-Z][a-z])")
_LISTED = re.compile(r"\(\s?\d{1,2}\s?\)")
_YEAR = re.compile(
    r"(?<![\d.,$€£])(?P<full>(?:19|20)\d\d)(?![\d%]|[.,]\d)|\b(?:FY|CY|[1-4]Q|Q[1-4]|[12]H|H[12])\s?[’']?(?P<short>\d{2})\b(?![,.%]\d)",
    re.IGNORECASE | re.ASCII,
)
_NEGATIVE_AFTER = re.compile(
    r"(?:\b(?:was|were|is|are|of|to|at|by|from|be|been|totall?ed|reached|came in|and)|[:=|])\s*$", re.IGNORECASE
)
_ABOUT = re.compile(
    r"\b(?:about|around|approximately|approx\.|roughly|nearly|almost|some|circa|close to)\s*$|[~≈]\s*$", re.IGNORECASE
)
_OVER = re.compile(r"\b(?:over|more than|at least|above|exceed(?:ed|s|ing)|greater than)\s*$|>\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Figure:
    """A figure as written: its value without sign, how many decimals it shows, its power of ten, whether it is a share.

    ``negative`` is None where brackets may as well be those of a sentence. ``slack`` is the word before it that makes it
    less exact: "about" or "over". Basis points are a share of a hundredth.
    """

    text: str
    value: float
    decimals: int
    scale: int
    percent: bool
    start: int
    end: int = 0
    negative: bool | None = False
    currency: str = ""
    slack: str = ""

    @property
    def year(self) -> bool:
        """Whether it reads as a calendar year rather than an amount."""
        plain = not (self.percent or self.scale or self.currency or self.decimals)
        return plain and 1900 <= self.value <= 2100 and self.text.isdigit()


def find(text: str, *, row: bool = False, spoken: bool = False) -> list[Figure]:
    """Return the figures of a text in order; numbers of notes, pages, forms, dates and parts of words are not figures.

    In a ``row`` of a table brackets are a minus. A ``spoken`` text is a sentence: spaces may part its thousands.
    """
    text = blanked(text)
    dates = [match.span() for match in _DATE.finditer(text)]
    found = []
    for match in (_SPOKEN if spoken else _FIGURE).finditer(text):
        start, end = match.span("digits")
        unit = (match["unit"] or "").lower()
        before = text[max(0, match.start() - 24) : match.start("currency") if match["currency"] else start]
        amount = bool(match["currency"] or unit or "," in match["digits"])
        if (_WORDS_BEFORE.search(before) and not amount) or any(low <= start < high for low, high in dates):
            continue
        if before[-1:] in ("[", "_") or (before[-1:].isalpha() and not match["currency"]):
            continue
        if len(unit) == 1 and unit.isalpha() and not match["currency"] and _NAME_AFTER.match(text, end):
            continue
        if spoken and not unit and _LISTED.fullmatch(match.group().strip()):
            continue
        if not unit and not match["shut"] and (text[end : end + 1].isalpha() or _FORM_AFTER.match(text, end)):
            continue
        found.append(_figure(match, text, unit, row))
    return found


def _figure(match: re.Match[str], text: str, unit: str, row: bool) -> Figure:
    digits, decimals = _value(match["digits"])
    basis = unit.startswith(("bp", "basis"))
    lead = text[max(0, match.start() - 24) : match.start()]
    return Figure(
        text=match["digits"],
        value=digits / 100 if basis else digits,
        decimals=decimals + 2 if basis else decimals,
        scale=_SCALES.get(unit.removesuffix("s") if len(unit) > 2 else unit, 0),
        percent=basis or unit.startswith(("%", "per", "pp")),
        start=match.start("digits"),
        end=match.end(),
        negative=_negative(match, text, lead, row),
        currency=currency(match["currency"] or match["named"] or ""),
        slack="about" if _ABOUT.search(lead) else "over" if _OVER.search(lead) else "",
    )


def currency(name: str) -> str:
    """Return the one sign of a currency's many names, or nothing for an unknown one."""
    folded = name.strip().lower()
    return _CURRENCIES.get(folded) or _CURRENCIES.get(folded.removesuffix("s")) or ("£" if "sterling" in folded else "")


def _value(written: str) -> tuple[float, int]:
    """Return the value and the number of decimals, whichever marks part its thousands."""
    text = re.sub(rf"['’ {_SPACE}]", "", written)
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+,\d+|\d+,\d{1,2}|\d{4,},\d+", text) or text.count(".") > 1:
        text = text.replace(".", "").replace(",", ".")
    text = text.replace(",", "")
    return float(text), len(text.partition(".")[2])


def _negative(match: re.Match[str], text: str, lead: str, row: bool) -> bool | None:
    for name in ("sign", "sign2"):
        at = match.start(name)
        if match[name] and not (at and (text[at - 1].isalnum() or text[at - 1] in "%)")):
            return (
                True if row or text[text.rfind("\n", 0, at) + 1 : at].strip(" ") else None
            )  # at a line's beginning it may be a bullet
    if not ((match["open"] or match["open2"]) and (match["shut"] or match["shut2"])):
        return False
    bare = match["shut"] and not match["currency"]
    return True if row or match["open2"] or (bare and match["unit"]) or _NEGATIVE_AFTER.search(lead) else None


def years(text: str) -> list[int]:
    """Return the calendar and fiscal years that a text names, in order, each as often as it does."""
    return [year for year, _ in dated(text)]


def dated(text: str) -> list[tuple[int, int]]:
    """Return the years that a text names as ``years`` does, each with its place in the text."""
    return [(int(match["full"] or f"20{match['short']}"), match.start()) for match in _YEAR.finditer(text)]


def spread(text: str) -> list[list[Figure]]:
    """Return the readings of a row whose thousands are parted by plain spaces: one list of figures for each even cut."""
    groups = [match.group() for match in re.finditer(r"\(?\d{1,3}(?:,\d+)?\)?|[—–-](?!\d)", text)]
    cuts = []
    for size in (1, 2, 3, 4):
        parts = [groups[at : at + size] for at in range(0, len(groups), size)]
        if len(groups) % size == 0 and all(re.fullmatch(r"\d{3}(?:,\d+)?\)?", g) for part in parts for g in part[1:]):
            joined = _SPACE[0]
            cuts.append([figure for part in parts for figure in find(joined.join(part), row=True)])
    return cuts


def stands_in(figure: Figure, others: Sequence[Figure]) -> bool:
    """Say whether one of ``others`` is the same figure: equal digits, or equal after rounding to a larger unit.

    8.7 billion is found in 8,738 million, and in 8,738 or 8,738,000 without a unit, which a table's header may hold: a step
    of three powers of ten and rounding to the decimals shown. A plain figure without unit has to be equal as it stands, or
    rounded at the decimals it shows.
    """
    return any(same(figure, other) for other in others)


def same(figure: Figure, other: Figure, declared: int | None = None) -> bool:
    """Say whether ``other``, in a table whose amounts are ``declared`` powers of ten (None: unknown), is the same amount."""
    if figure.percent != other.percent and (
        figure.scale or other.scale or figure.currency or other.currency or not figure.decimals
    ):
        return False
    if declared is not None and not other.scale and not other.percent:
        return _same_in_table(figure, other, declared)
    if figure.scale and other.scale:
        return _rounds_to(figure, other.value * 10.0 ** (other.scale - figure.scale))
    if figure.value == other.value:
        return True
    if figure.year or not (figure.scale or figure.decimals or figure.slack):
        return other.scale > 0 and figure.value >= 1000 and figure.value == round(other.value * 10.0**other.scale)
    steps = _SCALE_STEPS if figure.scale else (0,)
    finer = [step for step in steps if step or other.decimals > figure.decimals or figure.slack]
    return (figure.value >= 1 or figure.scale > 0) and any(_rounds_to(figure, other.value / 10**step) for step in finer)


def _same_in_table(figure: Figure, other: Figure, declared: int) -> bool:
    """A cell may be copied as it stands, or said in full or in any unit; who says a currency says the amount in full."""
    if figure.scale:
        return _rounds_to(figure, other.value * 10.0 ** (declared - figure.scale))
    if figure.value == round(other.value * 10.0**declared, 3):
        return True
    if figure.currency and declared:
        return False
    if figure.value == other.value:
        return True
    return (other.decimals > figure.decimals or bool(figure.slack)) and figure.value >= 1 and _rounds_to(figure, other.value)


def _rounds_to(figure: Figure, value: float) -> bool:
    """Say whether the figure is ``value`` at the decimals it shows, and not far from it: 2 does not stand for 1.6."""
    step = 10.0**-figure.decimals
    near = min(0.50005 * step, _CLOSE * figure.value)
    if figure.slack:
        digits = figure.text.replace(",", "")
        zeros = len(digits) - len(digits.rstrip("0")) if "." not in digits else 0
        step = max(step, 10.0 ** min(zeros, 15))
        near = min(0.50005 * step, _CLOSE * figure.value)
    if figure.slack == "over":
        return -near <= value - figure.value <= min(step, _CLOSE * figure.value)
    return abs(value - figure.value) <= near


def in_unit(figure: Figure, scale: int) -> Figure:
    """Return the figure with the power of ten that its table states, where it states none itself."""
    return figure if figure.scale or figure.percent else replace(figure, scale=scale)
