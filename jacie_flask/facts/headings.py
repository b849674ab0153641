"""Column headings: from the lines above a table's rows to its columns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from jacie_flask.facts.periods import PERIODS, Atom, Calendar, atoms, iso
from jacie_flask.facts.values import Column
from jacie_flask.text.terms import word_set

_YEARISH = re.compile(
    r"(?:19|20)\d\d|\bF?Y\s?['’]?\d\d\b|\bq[1-4]|[1-4]q\b|\b[12]h\d\d|\bh[12]\b|[a-z]{3}[-'’ ]{1,2}\d\d\b", re.IGNORECASE
)
_NEAR_YEAR = re.compile(r"\d(?:(?<=1)9\d\d|(?<=2)0\d\d|\d\b(?<=[y '’-]\d\d)|(?<=[qh]\d)|[qh])", re.IGNORECASE)
"""What each match of ``_YEARISH`` has in it, found by its digits: most lines of figures have none."""
_WORDS = re.compile(r"[^\W\d_]{2,}")
_RESIDUE = re.compile(r"\d")
_FRAGMENT = re.compile(
    r"(?:months?|weeks?|years?|quarters?|periods?|half[- ]year)[- ](?:ended|ending|to)\b|^(?:as )?(?:of|at)\b|^\(?(?:un)?audited\)?|\bnotes?\b|change|^\W*$"
    r"|^(?:(?:january|february|march|april|may|june|july|august|september|october|november|december)\s\d{1,2},?\s?)+$",
    re.IGNORECASE,
)
_PERIOD_WORDS = word_set(
    "january february march april may june july august september october november december jan feb mar apr jun jul aug sep sept oct nov dec"
    " three six nine twelve months month weeks week ended ending year years fiscal quarter quarters as of at the for and change increase decrease"
    " first second third fourth half versus vs fy notes note in"
)
_MONTHS = word_set("january february march april may june july august september october november december")
_FOUR_QUARTERS = re.compile(
    r"\b(?:first|1st)\b.{0,12}\b(?:second|2nd)\b.{0,12}\b(?:third|3rd)\b.{0,12}\b(?:fourth|4th)\b|\bq1\b.{0,9}\bq2\b.{0,9}\bq3\b.{0,9}\bq4\b"
)
OF_ONE_YEAR = re.compile(r"(?:FY ?)?(?:19|20)\d\d(?: (?:[A-Z][A-Za-z,&/’'-]{1,30}|and|of|the)){4,12}")
"""A year and the names of the columns that are all of it: "2024 Dairy Bakery Plant-based Corporate Group"."""
_DAY = re.compile(r"\d{1,2}\b(?!\d|[.,]\d)")
_LONGEST = 130
_MOST_WORDS = 10
_SENTENCE = 60
_FUNCTION_WORDS = word_set("the was were is are we our that which to this these has have its be been may with by")
_FEWEST_FUNCTION_WORDS = 3
_NO_END = frozenset(".;:—–-")
_ABOVE = 6
_MOST_LINES = 24


@dataclass(frozen=True)
class Period:
    """A column's period as far as its heading says: ``end`` or only ``month`` and ``day``, a year, a quarter, a duration."""

    year: int = 0
    month: int = 0
    day: int = 0
    quarter: int = 0
    months: int = -1
    named: bool = False
    text: str = ""


def is_heading(line: str) -> bool:
    """Say whether a line names columns by periods: it has a year or a date and no other figures, and is no sentence."""
    if len(line) > _LONGEST or line[-1] in _NO_END or not _NEAR_YEAR.search(line) or not _YEARISH.search(line):
        return False
    if sum(1 for word in line.lower().split() if word.strip("(),") not in _PERIOD_WORDS and word[:1].isalpha()) > _MOST_WORDS:
        return False
    if OF_ONE_YEAR.fullmatch(line):
        return True
    found = atoms(line)
    periods = sum(atom.kind in PERIODS for atom in found)
    if not periods:
        return False
    rest = _without(line, found)
    if _RESIDUE.search(re.sub(r"\(\w{1,2}\)", "", rest)):
        return False
    unit = line.lower().startswith(("(in ", "(dollars", "(amounts", "($", "in millions"))
    return unit or len(_WORDS.findall(rest)) <= (4 if periods == 1 else _MOST_WORDS)


def is_prose(line: str) -> bool:
    """Say whether a line is of a sentence rather than of a heading or a label."""
    return len(line) > _SENTENCE and sum(word in _FUNCTION_WORDS for word in line.split()) >= _FEWEST_FUNCTION_WORDS


def is_fragment(line: str) -> bool:
    """Say whether a line is part of a heading of columns, without a year of its own."""
    return len(line) <= _LONGEST and bool(_FRAGMENT.search(line)) and line[-1:] not in (".", ";")


def columns_of(lines: Sequence[str], shares: Sequence[bool], balance: bool) -> list[Column]:
    """Return the columns that heading lines name, for rows of ``len(shares)`` figures; [] where they do not fit.

    ``shares`` says which figures of the rows are percentages; ``balance`` that the table is a balance sheet.
    """
    lines = _with_whole_dates(lines[-_MOST_LINES:])
    for start in range(len(lines) - 1, -1, -1):
        if is_prose(lines[start]) or (
            start + 1 < len(lines) and _years(lines[start]) > 1 and any(_years(one) > 1 for one in lines[start + 1 :])
        ):
            break
        found = atoms(" ".join(lines[start:]))
        quarters = _quarters(" ".join(lines[start:]).lower(), found, len(shares))
        if quarters:
            return _columns(quarters, ["value"] * len(shares), balance)
        periods = _periods(found)
        if not periods or _begins_above(found, lines[start - 1] if start else ""):
            continue
        roles = _roles(found, len(periods), shares)
        if roles:
            periods = _completed(periods, lines[max(0, start - _ABOVE) : start], found)
            return _columns(periods, roles, balance)
    return []


def _years(line: str) -> int:
    return sum(atom.kind in PERIODS for atom in atoms(line))


def _quarters(text: str, found: Sequence[Atom], count: int) -> list[Period]:
    """Return the periods of "First Second Third Fourth Year" over one year, [] where a heading is none of these."""
    years = {atom.year for atom in found if atom.year}
    if count not in (4, 5) or len(years) != 1 or not _FOUR_QUARTERS.search(text):
        return []
    year = years.pop()
    quarters = [Period(year, quarter=number, months=3, named=True) for number in range(1, 5)]
    return [*quarters, Period(year, months=12, named=True)][:count]


def _with_whole_dates(lines: Sequence[str]) -> list[str]:
    """Join a line that ends with a month to the day that begins the next."""
    joined: list[str] = []
    for line in lines:
        if joined and _DAY.match(line) and joined[-1].rpartition(" ")[2].lower() in _MONTHS:
            joined[-1] = f"{joined[-1]} {line}"
        else:
            joined.append(line)
    return joined


def _begins_above(found: Sequence[Atom], above: str) -> bool:
    """Say whether the first year's day and month end the line above it."""
    days = sum(1 for atom in found if atom.month)
    first = next((atom for atom in found if atom.month or atom.kind in PERIODS), None)
    if first is None or first.month or not days:
        return False
    last = [atom for atom in atoms(above) if atom.kind in ("monthday", "daymonth")]
    return bool(last) and not above[last[-1].end :].strip(" ,")


def _periods(found: Sequence[Atom]) -> list[Period]:
    """Return the periods of a heading in order: years with the dates and durations that belong to them."""
    years = [atom for atom in found if atom.kind in PERIODS]
    if not years:
        return []
    days = [atom for atom in found if atom.month and atom.kind != "monthyear"]
    durations = [atom for atom in found if atom.kind == "duration" or (atom.kind == "quarter" and atom.months)]
    periods = [Period(atom.year, atom.month if atom.kind == "monthyear" else 0, atom.day, atom.quarter, -1, atom.kind in ("fiscal", "quarter", "half", "split"))
               for atom in years]  # fmt: skip
    return _spread(_with_days(periods, days), durations)


def _with_days(periods: list[Period], days: Sequence[Atom]) -> list[Period]:
    """Give each period its day: one day each, one for runs of them, or in turn where the years come again."""
    share = len(periods) // len(days) if days else 0
    years = [period.year for period in periods]
    in_turn = 1 < len(days) < len(periods) and years == years[: len(days)] * share and len(set(years)) == len(days)
    places = [at % len(days) for at in range(len(periods))] if in_turn else _spread_over(years, len(days))
    return [_dated(period, days[place]) for period, place in zip(periods, places, strict=True)] if places else periods


def _spread_over(years: Sequence[int], count: int) -> list[int]:
    """Return which of ``count`` headings each year stands under: equal runs, or runs that begin where the years start again; [] for none."""
    if count and len(years) % count == 0:
        return [at * count // len(years) for at in range(len(years))]
    runs = [0]
    for before, year in pairwise(years):
        runs.append(runs[-1] + (year >= before))
    return runs if count > 1 and runs[-1] + 1 == count else []


def _dated(period: Period, day: Atom) -> Period:
    return Period(period.year, day.month, day.day, period.quarter, period.months, period.named)


def _spread(periods: list[Period], durations: Sequence[Atom]) -> list[Period]:
    """Give each period its duration; several durations stand above equal runs of periods."""
    places = _spread_over([period.year for period in periods], len(durations))
    if not places:
        return periods
    return [
        Period(one.year, one.month, one.day, one.quarter or durations[place].quarter, durations[place].months, one.named)
        for one, place in zip(periods, places, strict=True)
    ]


def _completed(periods: list[Period], above: Sequence[str], found: Sequence[Atom]) -> list[Period]:
    """Take a missing day or duration from the lines above, the nearest first."""
    for line in reversed(above):
        if all(period.months >= 0 for period in periods) and all(period.month for period in periods):
            break
        if len(line) > _LONGEST:
            continue
        more = atoms(line)
        days = [atom for atom in more if atom.month]
        if days and not any(period.month or period.named for period in periods):
            own = {day.year: day for day in days if day.year}
            if len(own) > 1:
                periods = [_dated(one, own[one.year]) if one.year in own else one for one in periods]
            else:
                periods = _with_days(periods, days)
        durations = [atom for atom in more if atom.kind == "duration"]
        if durations and all(period.months < 0 for period in periods):
            periods = _spread(periods, durations)
        if any(atom.kind == "instant" for atom in more) and all(period.months < 0 for period in periods):
            periods = [Period(one.year, one.month, one.day, one.quarter, 0, one.named) for one in periods]
    if any(atom.kind == "instant" for atom in found) and all(period.months < 0 for period in periods):
        periods = [Period(one.year, one.month, one.day, one.quarter, 0, one.named) for one in periods]
    return periods


def _roles(found: Sequence[Atom], periods: int, shares: Sequence[bool]) -> list[str]:
    """Return the role of each column, [] where the heading's periods and other columns do not fit their number."""
    count = len(shares)
    if periods == count:
        mixed = any(shares) and not all(shares)
        return ["share" if mixed and share else "value" for share in shares]
    plain = count - sum(shares)
    if periods == plain:
        return ["share" if share else "value" for share in shares]
    sequence = _sequence(found)
    if len(sequence) == count:
        return sequence
    after = sequence[sequence.index("value") :] if "value" in sequence else []
    changes = any(role == "change" for role in after) and after[:periods] == ["value"] * periods
    if periods < count and changes and count <= 2 * periods + 2:
        return ["value"] * periods + ["change"] * (count - periods)
    if sequence[:1] == ["note"] and periods + 1 == count:
        return ["note"] + ["value"] * periods
    if any(role == "share" for role in sequence) and count == 2 * periods:
        return ["value", "share"] * periods
    return []


def _sequence(found: Sequence[Atom]) -> list[str]:
    names = {"versus": "change", "change": "change", "share": "share", "percent": "change", "note": "note"}
    return ["value" if atom.kind in PERIODS else names[atom.kind] for atom in found if atom.kind in PERIODS or atom.kind in names]


def _columns(periods: Sequence[Period], roles: Sequence[str], balance: bool) -> list[Column]:
    columns: list[Column] = []
    at = -1
    for role in roles:
        if role == "value":
            at += 1
            one = periods[at]
            months = 0 if balance else one.months
            columns.append(Column(iso(one.year, one.month, one.day), months, one.year, one.quarter, "named" if one.named else ""))
        elif role == "share" and at >= 0:
            one = periods[at]
            columns.append(Column(iso(one.year, one.month, one.day), one.months, one.year, one.quarter, role=role))
        else:
            columns.append(Column(role=role))
    return columns


def settled(column: Column, fiscal: Calendar, *, flow: bool, annual: bool) -> Column:
    """Return a column with its fiscal year and quarter by the filing's calendar, and a duration where its heading states none.

    In an ``annual`` report a bare year is a whole year; so is a date in a ``flow`` statement. Elsewhere a date alone is a balance.
    """
    if not column.year or column.role != "value":
        return column
    months = column.months
    if months < 0:
        dated = bool(column.end) and not flow
        months = 0 if dated else 12 if annual and not column.quarter else -1
    named = column.heading == "named"
    year, quarter = column.year, column.quarter
    if column.end and not named:
        year, ending = fiscal.place(column.end)
        quarter = quarter or (0 if months == 12 or (ending == 4 and months == 0) else ending)
    if months == 12:
        quarter = 0
    return Column(column.end, months, year, quarter, "" if named else column.heading, column.role)


def _without(line: str, found: Sequence[Atom]) -> str:
    parts, at = [], 0
    for atom in found:
        parts.append(line[at : atom.start])
        at = atom.end
    return " ".join([*parts, line[at:]])
