"""The periods that a question names, with their positions."""

import re
from dataclasses import dataclass
from datetime import date

from jacie_flask.facts.periods import iso, months_of_weeks
from jacie_flask.question.plan import Span


@dataclass(frozen=True)
class Period:
    """Periods named at one position; ``range`` says that two of them are the ends of a range, ``count`` that n years are wanted."""

    start: int
    end: int
    spans: tuple[Span, ...] = ()
    range: bool = False
    count: int = 0


_NAMES = "january february march april may june july august september october november december"
_MONTHS = {name[:length]: number for number, name in enumerate(_NAMES.split(), start=1) for length in (3, 4, len(name))}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_ORDINALS = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "final": 4, "last": 2}
_ENDED = {"year": 12, "quarter": 3, "half year": 6, "twelve months": 12, "12 months": 12}
_COUNTS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "twelve": 12}
_COUNT = rf"(?:{'|'.join(_COUNTS)}|\d{{1,2}})"
_WEEKS = {
    "thirteen": 13,
    "fourteen": 14,
    "twenty six": 26,
    "twenty seven": 27,
    "thirty nine": 39,
    "forty": 40,
    "fifty two": 52,
    "fifty three": 53,
}
_WEEK = rf"(?:(?:{'|'.join(_WEEKS).replace(' ', '[ -]')}|\d{{1,2}})[ -]weeks?)"
_Q = r"(?:q[ ]?[1-4]|[1-4]q|(?:first|second|third|fourth|1st|2nd|3rd|4th)[ ](?:fiscal[ ]|financial[ ])?quarter)"
_H = r"(?:h[12]|[12]h|(?:first|second|1st|2nd|last)[ ]half(?:[ ]year)?)"
_JOIN = r"(?:[ ]?(?:of|in|,|for|-)?[ ]?(?:the[ ])?)"
_PATTERN = re.compile(
    rf"""(?ix)(?<![\w.,$€£])(?:
    (?P<days>(?:(?:fiscal[ ]|financial[ ])?(?P<ended>year|quarter|half[ -]year|twelve[ ]months|12[ ]months)[ ](?:ended|ending|to)[ ](?:on[ ])?(?:the[ ])?)?(?:(?P<month>{_MONTH})\.?[ ](?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?[ ](?P<dyear>(?:19|20)\d\d)
      |(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?[ ](?:of[ ])?(?P<month2>{_MONTH})\.?,?[ ](?P<dyear2>(?:19|20)\d\d)
      |(?P<month3>{_MONTH})\.?,?[ ](?P<dyear4>(?:19|20)\d\d)(?P<inquarter>[ ]quarter)?
      |(?P<iso>(?:19|20)\d\d-\d\d-\d\d)|(?P<one>\d{{1,2}})[/.](?P<two>\d{{1,2}})[/.](?P<dyear3>(?:19|20)\d\d)))
    |(?P<quarter>{_Q}){_JOIN}(?:fiscal[ ]year[ ]|fiscal[ ]|fy[ ]?['’]?|cy[ ]?)?(?P<qyear>(?:19|20)\d\d|['’]?\d\d(?!\d))
    |(?:fiscal[ ]year[ ]|fiscal[ ]|fy[ ]?['’]?)?(?P<qyear2>(?:19|20)\d\d)(?:['’]s)?[ ]?[,-]?[ ]?(?P<quarter2>{_Q})
    |(?P<half>{_H}){_JOIN}(?:fiscal[ ]year[ ]|fiscal[ ]|fy[ ]?['’]?|cy[ ]?)?(?P<hyear>(?:19|20)\d\d|['’]?\d\d(?!\d))
    |(?P<hyear2>(?:19|20)\d\d)[ ]?(?P<half2>{_H})
    |(?:first[ ])?(?P<months>(?:{_COUNT})[ -]months?|[369]m|{_WEEK})(?:[ ](?:ended|ending|to|of|in|through))?(?=[ ](?:the[ ])?(?:fiscal[ ]|fy[ ]?)?(?:(?:19|20)\d\d|\d{{1,2}}[ ](?:of[ ])?(?:{_MONTH})|(?:{_MONTH}))\b)
    |(?:(?:the[ ])?(?:last|past|previous|latest|most[ ]recent)[ ])(?P<lastcount>{_COUNT})[ ](?:fiscal[ ]|financial[ ]|reported[ ])?years
    |(?P<ncount>{_COUNT})(?:[ -](?:fiscal[ ])?(?:years?|yr)|yr)\b
    |(?:last|final)[ ](?:fiscal[ ])?quarter[ ]of[ ](?:fiscal[ ](?:year[ ])?|fy[ ]?)?(?P<lastquarter>(?:19|20)\d\d)
    |(?P<q>{_Q})
    |(?P<h>{_H})
    |(?P<tail>(?:fiscal[ ]years?[ ]|financial[ ]years?[ ]|calendar[ ]years?[ ]|calendar[ ]|fiscal[ ]|fye?[ ]?['’]?|cy[ ]?['’]?)(?P<year>(?:19[89]|20[0-4])\d|\d\d))(?:[/](?P<split>\d\d(?:\d\d)?))?
    |(?P<bare>(?:19[89]|20[0-4])\d)(?:[/](?P<split2>\d\d(?:\d\d)?)(?!\d))?
    |['’](?P<short>\d\d)
    )(?!\w|[.,]\d|%)"""
)
_RANGE = re.compile(r"[ ]?(?:-|–|—|to|through|until|till)[ ]?(?:the[ ])?", re.I)
_SHORT_END = re.compile(r"[ ]?(?:-|–|—)[ ]?(\d\d)(?![\w%]|[.,]\d)")
_BETWEEN = re.compile(r"(?:\bbetween|\bfrom|\bsince)[ ](?:the[ ])?(?:end[ ]of[ ])?(?:fiscal[ ]years?[ ])?$", re.I)
_CLOSING = re.compile(
    r"(?:\bat|\bas of|\bend of|\bend|\bended|\bending|\bmonths to|\bweeks to)[ ](?:the[ ])?(?:end of[ ])?$", re.I
)
_AND = re.compile(r"[ ]?(?:and|&|to)[ ]?", re.I)
_BARE_PAIR = re.compile(
    r"(?<![\w.,$€£%])['’]?([0-4]\d)[ ]?(vs\.?|versus|v|and|to|-)[ ]?['’]?([0-4]\d)(?![\w.,%]| (?:%|percent|million|billion|days|years|times|points|basis|bps))",
    re.I,
)
_BARE_LAST = re.compile(r"(?<=[a-z] )['’]?([12]\d)(?= ?\??$)", re.I)


def periods(text: str) -> list[Period]:
    """Return the periods that a text names, in order and without overlaps; ranges are joined."""
    found: list[Period] = []
    for match in _PATTERN.finditer(text):
        period = _read(match)
        if period is not None:
            found.append(period)
    if not found:
        found = _short_years(text)
    return _joined(text, found)


def _short_years(text: str) -> list[Period]:
    """Read "23 vs 22" or a last word "22", where no other year is named."""
    match = _BARE_PAIR.search(text)
    if match is None:
        last = _BARE_LAST.search(text)
        return [Period(*last.span(1), (Span("year", _century(last.group(1))),))] if last else []
    return [Period(*match.span(number), (Span("year", _century(match.group(number))),)) for number in (1, 3)]


def _read(match: re.Match[str]) -> Period | None:
    start, end = match.span()
    if match["days"]:
        day = _day(match)
        if day and match["inquarter"]:
            return Period(start, end, (Span("months", int(day[:4]), 0, 3, day),))
        if day and match["ended"]:
            return Period(start, end, (Span("months", int(day[:4]), 0, _ENDED[match["ended"].lower().replace("-", " ")], day),))
        if not day and match["month3"]:
            return Period(match.start("dyear4"), end, (Span("year", int(match["dyear4"])),))
        return Period(start, end, (Span("date", int(day[:4]), end=day),)) if day else None
    for number, year in (("quarter", "qyear"), ("quarter2", "qyear2"), ("q", "")):
        if match[number]:
            return Period(start, end, (Span("quarter", _year(match[year]) if year else 0, _digit(match[number]), 3),))
    for half, year in (("half", "hyear"), ("half2", "hyear2"), ("h", "")):
        if match[half]:
            return Period(start, end, (Span("half", _year(match[year]) if year else 0, _digit(match[half]), 6),))
    if match["lastquarter"]:
        return Period(start, end, (Span("quarter", int(match["lastquarter"]), 4, 3),))
    if match["months"]:
        count = _count(match["months"])
        return Period(start, end, (Span("months", 0, 0, count),)) if count > 0 else None
    if match["lastcount"]:
        count = _count(match["lastcount"])
        return Period(start, end, tuple(Span("latest", number=back) for back in reversed(range(min(count, 15)))), count=count)
    if match["ncount"]:
        return Period(start, end, count=_count(match["ncount"]))
    named = _year(match["year"] or match["bare"] or match["short"])
    split = match["split"] or match["split2"]
    if split and int(split) % 100 != (named + 1) % 100:
        return None
    return Period(start, end, (Span("year", named + 1 if split else named),))


def _joined(text: str, found: list[Period]) -> list[Period]:
    """Join the ends of ranges, and give a quarter without a year the year that is named beside it."""
    joined: list[Period] = []
    for period in found:
        before = joined[-1] if joined else None
        if before and (counted := _counted_months(text, before, period)) is not None:
            joined[-1] = counted
            continue
        if before and before.spans and period.spans and len(period.spans) == 1:
            between = text[before.end : period.start]
            ranged = _RANGE.fullmatch(between) or (_AND.fullmatch(between) and _BETWEEN.search(text[: before.start]))
            if ranged and before.spans[-1].kind == period.spans[0].kind and not before.range:
                joined[-1] = Period(before.start, period.end, (before.spans[-1], period.spans[0]), range=True)
                continue
        if len(period.spans) == 1 and period.spans[0].kind == "year" and (short := _SHORT_END.match(text, period.end)):
            last = Span("year", period.spans[0].year // 100 * 100 + int(short.group(1)))
            if 0 < last.year - period.spans[0].year <= 15:
                period = Period(period.start, short.end(), (period.spans[0], last), range=True)
        joined.append(period)
    return joined


def _counted_months(text: str, months: Period, period: Period) -> Period | None:
    """Join "nine months ended" and the day or the year behind it."""
    if not months.spans or months.spans[0].kind != "months" or months.spans[0].year or len(period.spans) != 1:
        return None
    if period.spans[0].kind not in {"date", "year"} or text[months.end : period.start].strip() not in {"", "the", "in", "of"}:
        return None
    span = period.spans[0]
    return Period(months.start, period.end, (Span("months", span.year, 0, months.spans[0].months, span.end),))


def _day(match: re.Match[str]) -> str:
    if match["month3"]:
        closes = match["ended"] or match["inquarter"] or _CLOSING.search(match.string[: match.start()])
        return iso(int(match["dyear4"]), _MONTHS[match["month3"].lower()], 31) if closes else ""
    if match["iso"]:
        parts: tuple[int, ...] = tuple(map(int, match["iso"].split("-")))
    elif match["one"]:
        one, two = int(match["one"]), int(match["two"])
        if (one > 12) == (two > 12):
            return ""  # day and month cannot be told apart
        parts = (int(match["dyear3"]), min(one, two), max(one, two))
    elif match["month"]:
        parts = (int(match["dyear"]), _MONTHS[match["month"].lower()], int(match["day"]))
    else:
        parts = (int(match["dyear2"]), _MONTHS[match["month2"].lower()], int(match["day2"]))
    try:
        return date(*parts).isoformat()
    except ValueError:
        return ""


def _digit(text: str) -> int:
    word = text.split()[0].lower()
    return _ORDINALS.get(word) or int(re.sub(r"\D", "", text))


def _count(text: str) -> int:
    if "week" in text.lower():
        words = re.sub(r"[ -]weeks?$", "", text.lower()).replace("-", " ")
        return months_of_weeks(_WEEKS.get(words) or int(re.sub(r"\D", "", words) or 0))
    return _COUNTS.get(re.split("[ -]", text.lower())[0]) or int(re.sub(r"\D", "", text))


def _year(text: str) -> int:
    digits = re.sub(r"\D", "", text)
    if not digits:
        return 0
    return int(digits) if len(digits) == 4 else _century(digits)


def _century(two: str) -> int:
    return 1900 + int(two) if int(two) >= 80 else 2000 + int(two)


def moved(span: Span, years: int) -> Span:
    """Return the same period some years later, or earlier."""
    if span.kind == "latest":
        return Span("latest", number=span.number - years, months=span.months)
    end = iso(int(span.end[:4]) + years, int(span.end[5:7]), int(span.end[8:])) if span.end else ""
    return Span(span.kind, span.year + years if span.year else 0, span.number, span.months, end)
