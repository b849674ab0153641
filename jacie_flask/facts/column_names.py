"""Names of columns that a heading writes side by side: segments, regions or measures over the same periods."""

import re
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import pairwise

from jacie_flask.facts.headings import is_prose
from jacie_flask.facts.periods import PERIODS, atoms
from jacie_flask.facts.values import Column, Row
from jacie_flask.text.terms import word_set

_UNIT = re.compile(r"\([^()]{0,80}\)|[$€£¥]")
_COMMON = word_set(
    "total consolidated other corporate eliminations elimination unallocated adjustments group amount company combined assets"
)
_COMMON_PHRASES = (
    "capital expenditures",
    "depreciation amortization",
    "total assets",
    "net sales",
    "operating income",
    "operating profit",
)
_MOST_WORDS = 30
_LONGEST_NAME = 8
_FEW = 3
_FEWEST_NEW = 2
_FEWEST_ROWS = 2
_ROUNDING = 0.51
_TOTAL = re.compile(r"total|consolidated|worldwide|company|group|combined|net\b|reported|\bsum\b", re.IGNORECASE)
_ACRONYM = re.compile(r"\b(?:[A-Z]{3,6}|US|UK|EU)\b")
_WHOLE = word_set("total consolidated")
_JOINING = word_set("and & of the or for in - –")
_MOST_LINES = 5
_MOST_ABOVE = 5


class Names:
    """The phrases that a document uses as names of rows; they are folded when they are first asked for."""

    def __init__(self, labels: Sequence[str] = ()) -> None:
        self._labels = labels

    def __contains__(self, phrase: object) -> bool:
        return phrase in self._folded

    @cached_property
    def _folded(self) -> frozenset[str]:
        return frozenset({*_COMMON, *_COMMON_PHRASES, *(_folded(label) for label in self._labels if len(label) <= 80)})


def cut(heading: str, count: int, known: Container[str], new_names: int = 0, short: frozenset[str] = frozenset()) -> list[str]:
    """Cut a heading into ``count`` names that each occur elsewhere but ``new_names``; [] where there are several ways or none.

    A new name has two words at least. ``short`` are words that are names of their own ("emea") and in no new name.
    """
    words = _UNIT.sub(" ", heading).split()
    if not count <= len(words) <= min(_MOST_WORDS, count * _LONGEST_NAME):
        return []
    folds = [_folded(word) for word in words]
    opens = [word[0].isupper() and word.lower() not in _JOINING for word in words]
    closes = [word.lower() not in _JOINING for word in words]
    ways: dict[tuple[int, int, int], list[tuple[int, ...]]] = {(0, 0, 0): [()]}
    reached = {0}
    for end in range(1, len(words) + 1):
        for start in range(max(0, end - _LONGEST_NAME), end) if closes[end - 1] else ():
            if start not in reached or not opens[start]:
                continue
            name = " ".join(filter(None, folds[start:end]))
            new = 0 if name in known or name in short else 1
            if new and (end - start < _FEWEST_NEW or not new_names or not short.isdisjoint(folds[start:end])):
                continue
            for parts, unknown in _states(ways, start, count, new_names - new):
                here = ways.setdefault((end, parts + 1, unknown + new), [])
                here += [(*way, end) for way in ways[start, parts, unknown]][: 2 - len(here)]
                reached.add(end)
    found = ways.get((len(words), count, new_names), [])
    return [" ".join(words[start:end]) for start, end in pairwise((0, *found[0]))] if len(found) == 1 else []


def _states(ways: dict[tuple[int, int, int], list[tuple[int, ...]]], start: int, count: int, most: int) -> list[tuple[int, int]]:
    """Return (parts, unknown parts) of the ways that reach a word."""
    return [(parts, unknown) for parts in range(count) for unknown in range(most + 1) if ways.get((start, parts, unknown))]


def named(columns: Sequence[Column], heads: Sequence[str], known: Container[str], *, statement: bool) -> list[Column]:
    """Return columns whose periods repeat with the names that a line above gives each run of periods.

    In a ``statement`` columns of one period that nothing tells apart are no values: their role becomes "other".
    """
    values = [column for column in columns if column.role == "value"]
    runs = _runs(values)
    if max(runs, default=0) == 0:
        return list(columns)
    lengths = Counter(runs)
    even = len(set(lengths.values())) == 1 or (len(lengths) == 2 and min(lengths.values()) > 1)
    names, _ = _names(heads, max(runs) + 1, known) if even else ([], ())
    if names:
        return _with_names(columns, [names[run] for run in runs])
    return [_role(column, "other") if column.role == "value" else column for column in columns] if statement else list(columns)


def _runs(values: Sequence[Column]) -> list[int]:
    """Return for each column the number of its run: one begins where a period comes a second time."""
    runs: list[int] = []
    seen: set[Column] = set()
    for column in values:
        if column in seen:
            seen = set()
        seen.add(column)
        runs.append((runs[-1] if runs else 0) + (len(seen) == 1 and bool(runs)))
    return runs


def over_one_period(
    period: Column, count: int, lines: Sequence[str], known: Container[str]
) -> tuple[list[Column], Sequence[str]]:
    """Return ``count`` columns of one period with the names that lines give them, and these lines; nothing where none do."""
    names, used = _names(lines, count, known)
    return (_with_names([period] * count, names), used) if names else ([], ())


def _names(lines: Sequence[str], count: int, known: Container[str]) -> tuple[list[str], Sequence[str]]:
    """Return ``count`` names and the lines they are from: all known where some lines give them so, otherwise with one new name."""
    for new_names in (0, 1) if count >= _FEW else (0,):
        for used in _candidates(lines):
            heading = " ".join(used)
            short = frozenset(map(_folded, _ACRONYM.findall(heading)))
            names = cut(heading, count, known, new_names)
            if not names and short:
                names = cut(heading, count, known, new_names, short | _WHOLE)
            if names:
                return names, used
    return [], ()


def renamed(columns: Sequence[Column], period: Column) -> list[Column]:
    """Return columns of the same names over another period; [] where they have no names."""
    return [_role(period, "value", column.heading) for column in columns] if all(column.heading for column in columns) else []


def checked_names(columns: Sequence[Column], rows: Sequence[Row]) -> list[Column]:
    """Return columns of one period with their names, or as "other" where a column adds up the others and is not named as their total."""
    count = len(columns)
    if (
        count < _FEW
        or not all(column.heading for column in columns)
        or len({column.end + str(column.year) for column in columns}) > 1
    ):
        return list(columns)
    whole = [
        [cell.value for cell in row.cells] for row in rows if len(row.cells) == count and any(cell.value for cell in row.cells)
    ]
    for at in range(count):
        adding = sum(1 for values in whole if values[at] and abs(sum(values) - 2 * values[at]) <= count * _ROUNDING)
        if adding >= _FEWEST_ROWS and 2 * adding > len(whole) and not _TOTAL.search(columns[at].heading):
            return [_role(column, "other") for column in columns]
    return list(columns)


def is_total_name(name: str) -> bool:
    """Say whether the name of a column is that of the whole: "Total", "Consolidated", "Group"."""
    return bool(_TOTAL.search(name))


def _candidates(lines: Sequence[str]) -> Iterator[list[str]]:
    """Yield what may be the names of columns: a line, or lines that follow one another, the last first; no sentence and no period."""
    plain = ["" if is_prose(line) else _behind_period(line) for line in lines]
    for end in range(len(plain), max(0, len(plain) - _MOST_ABOVE), -1):
        for start in range(end - 1, max(-1, end - _MOST_LINES - 1), -1):
            if not plain[start]:
                break
            yield list(plain[start:end])


def _behind_period(line: str) -> str:
    """Return a line without the duration and day that begin it ("Three months ended March 31, Retail Wholesale"); "" where it has a period elsewhere."""
    end = 0
    for atom in atoms(line):
        if line[end : atom.start].strip(" ,"):
            return "" if atom.kind in PERIODS or atom.month else line[end:].strip(" ,")
        if atom.kind in PERIODS:
            return ""
        end = atom.end
    return line[end:].strip(" ,") if end else line


def _with_names(columns: Sequence[Column], names: Sequence[str]) -> list[Column]:
    left = iter(names)
    return [_role(column, "value", next(left)) if column.role == "value" else column for column in columns]


def _role(column: Column, role: str, heading: str = "") -> Column:
    return Column(column.end, column.months, column.year, column.quarter, heading or column.heading, role)


@lru_cache(maxsize=4096)
def _folded(name: str) -> str:
    return " ".join(word for word in re.findall(r"[^\W\d_]+", name.lower()) if word != "and")
