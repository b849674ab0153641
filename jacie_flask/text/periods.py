"""Which years, quarters and days a text speaks of."""

import re
from dataclasses import dataclass
from datetime import date

_YEAR = re.compile(
    r"(?<![\d.,$])(?:fy\s?['’]?|fiscal(?: year)?\s+|h[12]\s?|q[1-4]\s?(?:fy\s?)?)?((?:19[89]|20[0-4])\d)(?=\D|q[1-4]|$)(?!,\d|\.\d|%)",
    re.I,
)
_SHORT_YEAR = re.compile(r"\b(?:fy|cy)\s?['’]?(\d\d)\b(?!\d)", re.I)
_APOSTROPHE_YEAR = re.compile(r"\b[qh][1-4]\s?['’]?(\d\d)\b(?!\d)|['’](\d\d)\b", re.I)
_RANGE = re.compile(
    r"(?:fy\s?)?((?:19[89]|20[0-4])\d)\s*(?:-|–|—|to|through|until|till)\s*(?:fy\s?|fiscal(?: year)?\s+)?((?:19[89]|20[0-4])\d|\d\d)\b(?![-/]\d)",
    re.I,
)
_ORDINALS = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4}
_QUARTER = re.compile(
    r"(?<![a-z])q([1-4])(?!\d{3})|(?<=\d)q([1-4])\b|\b([1-4])q(?=\d|\b)|\b(first|second|third|fourth|1st|2nd|3rd|4th)\s+(?:fiscal\s+|financial\s+)?quarter\b",
    re.I,
)
_NAMES = "january february march april may june july august september october november december"
_MONTHS = {name[:length]: number for number, name in enumerate(_NAMES.split(" "), start=1) for length in (3, 4, len(name))}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DAY_MONTH = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({_MONTH})\.?,?\s+((?:19|20)\d\d)\b", re.I)
_MONTH_DAY = re.compile(rf"\b({_MONTH})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+((?:19|20)\d\d)\b", re.I)
_MONTH_YEAR = re.compile(rf"\b({_MONTH})\.?,?\s+(?:of\s+)?((?:19|20)\d\d)\b", re.I)
_ISO = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_.](\d\d)[-_.](\d\d)(?!\d)")
LATEST = re.compile(
    r"\b(?:latest|most recent|newest|last (?:reported|annual|quarterly|available|fiscal)|recently|as of now|today)\b", re.I
)


@dataclass(frozen=True)
class Periods:
    """Years as named, quarters 1-4, days, months (year, month), and whether a first-to-last range was meant."""

    years: tuple[int, ...] = ()
    quarters: tuple[int, ...] = ()
    days: tuple[date, ...] = ()
    months: tuple[tuple[int, int], ...] = ()
    range: bool = False
    latest: bool = False


def periods(text: str) -> Periods:
    """Read the periods that a question, a period field or a file name speaks of."""
    text = text.replace("_", " ")
    years = {int(match.group(1)) for match in _YEAR.finditer(text)}
    years |= {_century(match.group(1)) for match in _SHORT_YEAR.finditer(text)}
    years |= {_century(match.group(1) or match.group(2)) for match in _APOSTROPHE_YEAR.finditer(text)}
    spans = [match for match in _RANGE.finditer(text) if not _ISO.match(text, match.start())]
    for match in spans:
        first, last = int(match.group(1)), match.group(2)
        end = int(last) if len(last) == 4 else first - first % 100 + int(last)
        if first < end <= first + 15:
            years |= set(range(first, end + 1))
    quarters = {int(m.group(1) or m.group(2) or m.group(3) or _ORDINALS[m.group(4).lower()]) for m in _QUARTER.finditer(text)}
    days = _days(text)
    months = {(int(match.group(2)), _MONTHS[match.group(1).lower()]) for match in _MONTH_YEAR.finditer(text)}
    return Periods(
        years=tuple(sorted(years)),
        quarters=tuple(sorted(quarters)),
        days=days,
        months=tuple(sorted(months | {(day.year, day.month) for day in days})),
        range=bool(spans),
        latest=bool(LATEST.search(text)),
    )


def period_spans(text: str) -> list[tuple[int, int]]:
    """Return where years and quarters stand in a text, in order and without overlaps."""
    found = sorted(
        match.span()
        for pattern in (_RANGE, _YEAR, _SHORT_YEAR, _QUARTER, _DAY_MONTH, _MONTH_DAY)
        for match in pattern.finditer(text)
    )
    spans: list[tuple[int, int]] = []
    for start, end in found:
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def _century(two: str) -> int:
    """Return the year that two digits stand for."""
    return 1900 + int(two) if int(two) >= 80 else 2000 + int(two)


def _days(text: str) -> tuple[date, ...]:
    """Return the calendar days that a text names."""
    triples = [(m.group(3), _MONTHS[m.group(2).lower()], m.group(1)) for m in _DAY_MONTH.finditer(text)]
    triples += [(m.group(3), _MONTHS[m.group(1).lower()], m.group(2)) for m in _MONTH_DAY.finditer(text)]
    triples += [
        (m.group(1), int(m.group(2)), m.group(3)) for m in _ISO.finditer(text.replace(" ", "-") if "-" not in text else text)
    ]
    days = set()
    for year, month, day in triples:
        try:
            days.add(date(int(year), int(month), int(day)))
        except ValueError:
            continue
    return tuple(sorted(days))
