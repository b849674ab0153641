"""Periods as headings write them: dates, years, quarters and durations, and the fiscal calendar of a filing."""

import calendar
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache

import msgspec

_MONTHS = {
    name: number for number in range(1, 13) for name in (calendar.month_name[number].lower(), calendar.month_abbr[number].lower())
}
_MONTHS["sept"] = 9
_MONTH = r"(?:january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?"
_YEAR = r"(?:19[5-9]\d|20[0-4]\d)"
_WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "six": 6, "nine": 9, "twelve": 12, "thirteen": 13, "fourteen": 14, "twenty-six": 26,
    "twenty-seven": 27, "thirty-nine": 39, "forty": 40, "fifty-two": 52, "fifty-three": 53, "twenty six": 26, "thirty nine": 39,
    "fifty two": 52, "fifty three": 53, "half": 6, "first": 1, "second": 2, "third": 3, "fourth": 4,
}  # fmt: skip
_COUNT = r"(?:\d{1,2}|one|three|six|nine|twelve|thirteen|fourteen|twenty[- ]six|twenty[- ]seven|thirty[- ]nine|forty|fifty[- ](?:two|three))"
_BEGINNINGS = (
    r"(?=[\d%$]|ja|fe|ma|ap|ju|au|se|oc|no|de|f[y\dio\s'’]|q[u\d]|h[\da]|si|t[hw]|on|ni|ye|as|am|pe|do|ch|va|gr|in|fa|be)"
)
"""How the alternatives of ``ATOM`` begin: at most places none does, and trying them all takes most of the time."""
ATOM = re.compile(
    rf"(?<![a-z]){_BEGINNINGS}(?:"
    rf"(?P<versus>(?:fy|f)?(?P<y12>{_YEAR})\s?(?:vs?\.?|versus|to|/|over|compared (?:to|with)|[-–])\s?(?:fy|f)?(?P<y13>{_YEAR}|\d\d\b(?!\d)))"
    rf"|(?P<mdy>(?P<m1>{_MONTH})\s?(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?\s?,?\s?(?P<y1>{_YEAR})\b)"
    rf"|(?P<dmy>\b(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?[\s.-]{{1,2}}(?P<m2>{_MONTH})[\s,.-]{{0,2}}(?P<y2>{_YEAR})\b)"
    rf"|(?P<iso>\b(?P<y3>{_YEAR})-(?P<m3>\d\d)-(?P<d3>\d\d)\b)|(?P<dots>\b(?P<d4>\d{{1,2}})[./](?P<m4>\d{{1,2}})[./](?P<y4>{_YEAR})\b)"
    rf"|(?P<quarter>\bq(?P<q1>[1-4])['’]?[\s,-]{{0,2}}(?:fy|of )?\s?['’]?(?P<y5>{_YEAR}|\d\d)\b|\b(?P<q2>[1-4])q\s?['’]?(?P<y6>{_YEAR}|\d\d)\b"
    rf"|\b(?P<q3>first|second|third|fourth)[- ]quarter,?\s?(?:of )?(?:fiscal )?(?:year )?(?P<y7>{_YEAR})\b)"
    rf"|(?P<half>\bh(?P<h1>[12])\s?(?P<y8>{_YEAR}|\d\d)\b|\b(?P<h2>[12])h\s?(?P<y9>{_YEAR}|\d\d)\b)"
    rf"|(?P<duration>\b(?P<n1>{_COUNT})[- ](?P<u1>months?|weeks?|quarters?)\b(?:\s+periods?)?(?:\s+(?:ended|ending|to))?"
    r"|\b(?P<n2>fiscal years?|years?|quarters?|half[- ]years?|twelve months)(?:[- ]|\s+)(?:ended|ending|to)\b"
    r"|\b(?P<n3>first|second|third|fourth) quarters?\b|\b(?P<n4>half[- ]year(?:ly)?|first half|year[- ]to[- ]date)\b)"
    rf"|(?P<monthday>(?P<m5>{_MONTH})\s?(?P<d5>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\s?%|,\d{{3}}))"
    rf"|(?P<daymonth>\b(?P<d6>\d{{1,2}})(?:st|nd|rd|th)?\s(?P<m6>{_MONTH})(?!\s?\d))"
    rf"|(?P<monthyear>(?P<m7>{_MONTH})[\s,'’-]{{1,2}}(?P<y10>{_YEAR}|\d\d\b(?![,.]\d)))"
    rf"|(?P<fiscal>\b(?:fy|fiscal(?: year)?|f)\s?['’]?(?P<y11>{_YEAR}|\d\d)(?:[/-]\d\d)?(?!\d|[,.]\d))"
    rf"|(?P<year>(?<![\d,.$€£])(?P<y14>{_YEAR})(?:[ae]\b|r\b)?(?![\d%]|[.,]\d))"
    r"|(?P<instant>\bas (?:of|at)\b)"
    r"|(?P<change>(?:[%$]\s|\b(?:amount|percent(?:age)?|per cent|dollar)\s(?:of\s)?)?\b(?:change|variance|growth|chg\.?)(?:\s?[%$]|\s?\([%$]\))?"
    r"|\bincrease\s?/?\s?\(?(?:\(?decrease\)?|\(?decline\)?)?\)?|\b(?:fav|better)[\w./ ]{0,8}\(?(?:unfav|worse)\w*\)?|\binc\.?\s?/\s?\(?dec\.?\)?)"
    r"|(?P<share>(?:%|\bpercent(?:age)?|\bper cent) of\b(?:\s(?:total|net|sales|revenues?)){0,3}|\bmargin %?)"
    r"|(?P<percent>(?<![\w)])%(?!\w))|(?P<note>\bnotes?\b\.?))",
)
_YEARS = ("y1", "y2", "y3", "y4", "y5", "y6", "y7", "y8", "y9", "y10", "y11", "y12", "y14")
_MONTH_GROUPS = {"mdy": ("m1", "d1"), "dmy": ("m2", "d2"), "iso": ("m3", "d3"), "dots": ("m4", "d4"), "monthday": ("m5", "d5"),
                 "daymonth": ("m6", "d6"), "monthyear": ("m7", "")}  # fmt: skip
PERIODS = frozenset(("mdy", "dmy", "iso", "dots", "quarter", "half", "monthyear", "fiscal", "split", "year"))
_DRIFT = timedelta(days=10)
_QUARTER = 91
_EARLY = 6
_OFTEN = 3
_SPOKEN = re.compile(rf"\b(?:fiscal (?:year )?|(?:first|second|third|fourth) quarter (?:of )?)({_YEAR})\b", re.IGNORECASE)
_NAMED = re.compile(
    rf"\bfiscal(?: year)?\s(?P<y1>{_YEAR})[^.;\n]{{0,80}}?\b(?:end(?:ed|ing|s)|,)\s(?:on )?(?P<m1>{_MONTH})\s(?P<d1>\d{{1,2}}),?\s(?P<e1>{_YEAR})"
    rf"|(?:year|weeks|quarter|months)[- ](?:ended|ending)\s(?P<m2>{_MONTH})\s(?P<d2>\d{{1,2}}),?\s(?P<e2>{_YEAR})\s?[,(]+\s?(?:referred to as |or |the )?[“\"']?fiscal(?: year)?\s(?P<y2>{_YEAR})",
    re.IGNORECASE,
)


class Atom(msgspec.Struct, frozen=True):
    """One thing that a heading says: ``kind`` is the name of the alternative; fields that it does not say are 0."""

    kind: str
    year: int = 0
    month: int = 0
    day: int = 0
    quarter: int = 0
    months: int = 0
    start: int = 0
    end: int = 0


@dataclass(frozen=True)
class Calendar:
    """A filing's fiscal year: the month and day on which it ends, and how far its name is from that date's year.

    ``lag`` is 1 where the year that ends in January 2023 is called fiscal 2022. ``month`` is 0 where it is not known.
    """

    month: int = 0
    day: int = 31
    lag: int = 0

    def place(self, end: str) -> tuple[int, int]:
        """Return the fiscal year and the quarter (1-4) in which a period ends; quarter 0 where it ends within one."""
        day = date.fromisoformat(end)
        if not self.month:
            return day.year, 0
        closing = next(close for close in map(self._close, range(day.year - 1, day.year + 2)) if day <= close + _DRIFT)
        quarters, rest = divmod((closing - day).days + _DRIFT.days, _QUARTER)
        return closing.year - self.lag, 4 - quarters if rest <= 2 * _DRIFT.days and quarters < 4 else 0

    def _close(self, year: int) -> date:
        return date(year, self.month, min(self.day, calendar.monthrange(year, self.month)[1]))


@lru_cache(maxsize=4096)
def atoms(text: str) -> tuple[Atom, ...]:
    """Return what a heading says of periods, changes and notes, in order."""
    return tuple(_atom(match) for match in ATOM.finditer(text.lower()))


def _atom(match: re.Match[str]) -> Atom:
    kind = str(match.lastgroup)
    year = next((full_year(text) for text in match.group(*_YEARS) if text), 0)
    if kind == "versus" and len(match["y13"]) == 2 and int(match["y13"]) == (year + 1) % 100:
        kind, year = "split", year + 1
    month = day = 0
    if kind in _MONTH_GROUPS:
        name, number = _MONTH_GROUPS[kind]
        text = match[name].lower().rstrip(".")
        month = int(text) if text.isdigit() else _MONTHS[text]
        day = int(match[number]) if number else calendar.monthrange(year or 2000, month)[1]
        if month > 12 and day <= 12:
            month, day = day, month
    quarter = 0
    if kind == "quarter":
        text = (match["q1"] or match["q2"] or match["q3"]).lower()
        quarter = int(text) if text.isdigit() else _WORDS[text]
    months = _months(match) if kind in ("duration", "quarter", "half") else 0
    if kind == "half":
        quarter = 2 * int(match["h1"] or match["h2"])
    if kind == "duration" and match["n3"]:
        quarter = _WORDS[match["n3"].lower()]
    return Atom(kind, year, month, day, quarter, months, match.start(), match.end())


def full_year(text: str) -> int:
    """Return a year with its century: 18 is 2018, 97 is 1997."""
    number = int(text)
    return number if number > 99 else 2000 + number if number < 60 else 1900 + number


def _months(match: re.Match[str]) -> int:
    if match["quarter"]:
        return 3
    if match["half"]:
        return 6
    if match["n1"]:
        text = match["n1"].lower().replace("-", " ")
        number = int(text) if text.isdigit() else _WORDS.get(text) or _WORDS.get(text.replace(" ", "-"), 0)
        unit = match["u1"].lower()
        return number if unit.startswith("month") else 3 * number if unit.startswith("quarter") else months_of_weeks(number)
    if match["n3"]:
        return 3
    if match["n4"]:
        return -1 if match["n4"].lower().startswith("year") else 6
    name = match["n2"].lower()
    return 3 if name.startswith("quarter") else 6 if name.startswith("half") else 12


def months_of_weeks(weeks: int) -> int:
    """Return the duration in months that a number of weeks is called: 13 or 14 are 3, 52 or 53 are 12; -1 for no usual one."""
    return {4: 1, 5: 1, 12: 3, 13: 3, 14: 3, 16: 4, 24: 6, 26: 6, 27: 6, 28: 6, 36: 9, 39: 9, 40: 9, 52: 12, 53: 12}.get(
        weeks, -1
    )


def iso(year: int, month: int, day: int) -> str:
    """Return an ISO date, "" where a part is missing; a day that its month does not have becomes its last day."""
    if not (year and 1 <= month <= 12 and day):
        return ""
    return f"{year:04d}-{month:02d}-{min(day, calendar.monthrange(year, month)[1]):02d}"


def calendar_of(ends: Sequence[str], latest: str, bare_year: int, pages: Iterable[str]) -> Calendar:
    """Return a filing's calendar and how it names its years.

    ``ends`` are the ends of whole years, ``latest`` the newest date of its statements, ``bare_year`` the newest year that a heading of a
    whole year names without a date (0 for none). A filing names its years in sentences ("fiscal 2022, which ended January 28, 2023"), in
    such headings, or by the years that it speaks of most.
    """
    if not ends:
        return Calendar()
    plain = _nominal(Counter(ends).most_common(1)[0][0])
    if plain.month > _EARLY:
        return plain
    texts = [" ".join(page.split()) for page in pages if "iscal" in page or "uarter" in page]
    named = Counter(
        lag for name, year, month, day in _names(texts) if 0 <= (lag := plain.place(iso(year, month, day))[0] - name) <= 1
    )
    if named:
        return replace(plain, lag=named.most_common(1)[0][0])
    closing = plain.place(latest)[0] if latest else 0
    if bare_year:
        return replace(plain, lag=1 if closing - bare_year == 1 else 0)
    spoken = Counter(int(match[1]) for text in texts for match in _SPOKEN.finditer(text))
    earlier = spoken[closing - 1] > spoken[closing] and (spoken[closing - 2] > spoken[closing] or not spoken[closing])
    return replace(plain, lag=1 if closing and earlier and spoken[closing - 1] >= _OFTEN else 0)


def _names(texts: Iterable[str]) -> Iterator[tuple[int, int, int, int]]:
    """Yield (name, year, month, day) wherever a text says when a fiscal year, or a quarter of it, ends."""
    for text in texts:
        for match in _NAMED.finditer(text):
            which = "1" if match["y1"] else "2"
            month = _MONTHS[match[f"m{which}"].lower().rstrip(".")]
            yield int(match[f"y{which}"]), int(match[f"e{which}"]), month, int(match[f"d{which}"])


def _nominal(end: str) -> Calendar:
    """Return the calendar of years that end on a date, or on a weekday near it: at the end of a month where it is close to one."""
    day = date.fromisoformat(end)
    if day.day <= _DRIFT.days:
        day = day.replace(day=1) - timedelta(days=1)
    return Calendar(day.month, 31 if day.day >= 20 else day.day)
