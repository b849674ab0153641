"""What a document is, read from its first pages: company, period and type, where no catalog says so."""

import re
from collections import Counter
from collections.abc import Sequence

_FORM = re.compile(r"\bform\s+(10-?\s?[kq]|8-?\s?k|20-?\s?f|6-?\s?k|40-?\s?f|def\s?14a|s-1)\b", re.I)
_TYPES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("10-Q", re.compile(r"quarterly report pursuant", re.I)),
    ("10-K", re.compile(r"annual report pursuant", re.I)),
    ("8-K", re.compile(r"current report\s+pursuant", re.I)),
    ("proxy", re.compile(r"proxy statement|notice of (?:the )?annual (?:general )?meeting", re.I)),
    (
        "earnings",
        re.compile(
            r"(?:announce[sd]?|report[sed]*|release[sd]?)\b.{0,60}\b(?:quarter|results|earnings)|earnings release", re.I | re.S
        ),
    ),
    ("interim report", re.compile(r"interim (?:report|results|financial)|half[- ]year(?:ly)? (?:report|results)", re.I)),
    ("annual report", re.compile(r"annual (?:integrated )?(?:financial )?(?:report|statements)|integrated report", re.I)),
)
_MONTH = r"(?:january|february|march|april|may|june|july|august|september|october|november|december)"
_PERIOD_END = re.compile(
    rf"(?:fiscal year|year|quarterly period|quarter|period|months|weeks|half)[- ]+ended:?\s+(?:\d{{1,2}}\s+)?{_MONTH}\s*+(?:\d{{1,2}}\s*+(?:,\s*+)?)?(20\d\d|19\d\d)",
    re.I,
)
_FISCAL = re.compile(r"\b(?:fiscal(?: year)?|fy|annual report|full[- ]year|integrated report)\s*(?:for\s+)?(20\d\d)\b", re.I)
_QUARTER = re.compile(r"\b(first|second|third|fourth)[- ]+(?:fiscal[- ]+)?quarter\b|\bq([1-4])\b", re.I)
_YEAR = re.compile(r"\b(20[0-4]\d|199\d)\b")
_REGISTRANT = re.compile(r"^[^\w\n]*exact name of (?:the )?registrant", re.I | re.M)
_SUFFIX = re.compile(
    r"(?:[,.]|(?<![\s,.]))\s++(?:inc|incorporated|corp|corporation|co|company|companies|plc|ltd|limited|llc|l\.?p|n\.?v|s\.?a|se|ag|gmbh|group|holdings?)\b\.?$",
    re.I,
)
_WORD = r"[A-Z0-9][\w&'’.-]{0,30}"
_FORM_OF_COMPANY = r"(?:Inc|INC|Corp|CORP|Corporation|CORPORATION|Company|COMPANY|plc|PLC|Ltd|LTD|Limited|LIMITED|LLC|N\.V|S\.A|SE|AG|Group|Holdings)"
_NAME = re.compile(rf"\b({_WORD}(?:[ ,]{{1,2}}(?:{_WORD}|of|and|&)){{0,5}}?,? {_FORM_OF_COMPANY})\b")
_NOT_A_NAME = re.compile(
    r"exchange|commission|file n|securities|\bform\b|washington|\bstate of|pursuant|report|registr|nasdaq", re.I
)
_ORDINALS = {"first": "1", "second": "2", "third": "3", "fourth": "4"}


def guess_document(pages: Sequence[str]) -> dict[str, str]:
    """Return what could be read of company, period and document_type; a key that could not be read is absent."""
    head = "\n".join(pages[:3])[:20_000]
    kind = _document_type(head)
    found = {"company": _company(head), "document_type": kind, "period": _period(head, loose=bool(kind))}
    return {key: value for key, value in found.items() if value}


def plain_name(name: str) -> str:
    """Return a company's name without its legal form."""
    previous = ""
    while previous != name:
        previous, name = name, _SUFFIX.sub("", name.strip(" ,.&"))
    return name


def _company(head: str) -> str:
    """Return the name above the registrant's line of a form, or the company that the first pages name most."""
    head = head.replace("_", " ")
    mark = _REGISTRANT.search(head)
    if mark:
        before = [line.strip() for line in head[: mark.start()].splitlines() if re.search(r"[A-Za-z]{2}|3", line)]
        name = _readable(before[-1]) if before and len(before[-1]) <= 80 and not _NOT_A_NAME.search(before[-1]) else ""
        if name and not _SUFFIX.fullmatch(f" {name}"):
            return name
    names = Counter(plain_name(match.group(1)) for match in _NAME.finditer(head) if not _NOT_A_NAME.search(match.group(1)))
    names = Counter({name: count for name, count in names.items() if len(name) > 2 and name.lower() not in ("the", "inc")})
    return _readable(names.most_common(1)[0][0]) if names else ""


def _readable(name: str) -> str:
    """Return a name that shouts in title case; short ones are left, they may be abbreviations."""
    name = plain_name(re.sub(r"^the\s+", "", name, flags=re.I))
    return " ".join(word.capitalize() if len(word) > 4 else word for word in name.split()) if name.isupper() else name


def _document_type(head: str) -> str:
    """Return the type by the form's number, or by how such documents call themselves."""
    form = _FORM.search(head[:3_000])
    if form:
        digits = re.sub(r"\s|-", "", form.group(1)).upper()
        return re.sub(r"^(\d+)([A-Z])$", r"\1-\2", digits)
    first: list[tuple[int, str]] = []
    for name, pattern in _TYPES:
        match = pattern.search(head[:4_000])
        if match:
            first.append((match.start(), name))
    return min(first)[1] if first else ""


def _period(head: str, *, loose: bool) -> str:
    """Return the year, with the quarter where the document names one: ``2023`` or ``2023 Q2``.

    ``loose``: where no period is named as such, the year that comes up most will do.
    """
    ends = _PERIOD_END.search(head) or _FISCAL.search(head)
    year = ends.group(1) if ends else ""
    if loose and not year:
        years = Counter(_YEAR.findall(head[:3_000]))
        year = years.most_common(1)[0][0] if years else ""
    quarter = _QUARTER.search(head[:2_000])
    if not year or not quarter:
        return year
    return f"{year} Q{quarter.group(2) or _ORDINALS[quarter.group(1).lower()]}"
