"""Names of columns that a heading writes side by side: segments, regions or measures over the same periods."""

import re
from collections.abc import Container, Sequence
from functools import cached_property

from jacie_flask.facts.periods import PERIODS, atoms
from jacie_flask.facts.values import Column
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
_MOST_WORDS = 40
_LONGEST_NAME = 8
_FEW = 3


class Names:
    """The phrases that a document uses as names of rows; they are folded when they are first asked for."""

    def __init__(self, labels: Sequence[str] = ()) -> None:
        self._labels = labels

    def __contains__(self, phrase: object) -> bool:
        return phrase in self._folded

    @cached_property
    def _folded(self) -> frozenset[str]:
        return frozenset({*_COMMON, *_COMMON_PHRASES, *(_folded(label) for label in self._labels if len(label) <= 80)})


def cut(heading: str, count: int, known: Container[str]) -> list[str]:
    """Cut a heading into ``count`` names that each occur elsewhere, [] where it cannot be cut so, or in more than one way."""
    words = _UNIT.sub(" ", heading).split()
    if not count <= len(words) <= _MOST_WORDS:
        return []
    if (
        len(words) == count
        and all(word[0].isupper() for word in words)
        and (count >= _FEW or all(_folded(word) in known for word in words))
    ):
        return words
    ways: dict[tuple[int, int], list[list[str]]] = {(0, 0): [[]]}
    for end in range(1, len(words) + 1):
        for start in range(max(0, end - _LONGEST_NAME), end):
            name = " ".join(words[start:end])
            if _folded(name) not in known:
                continue
            for parts in range(count):
                for way in ways.get((start, parts), ())[:2]:
                    ways.setdefault((end, parts + 1), []).append([*way, name])
    found = ways.get((len(words), count), [])
    return found[0] if len(found) == 1 else []


def named(columns: Sequence[Column], heads: Sequence[str], known: Container[str], *, statement: bool) -> list[Column]:
    """Return columns whose periods repeat with the names that a line above gives each run of periods.

    In a ``statement`` columns of one period that nothing tells apart are no values: their role becomes "other".
    """
    values = [column for column in columns if column.role == "value"]
    runs = _runs(values)
    if max(runs, default=0) == 0:
        return list(columns)
    for line in reversed(heads[-4:]):
        names = [] if any(atom.kind in PERIODS for atom in atoms(line)) else cut(line, max(runs) + 1, known)
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


def over_one_period(period: Column, count: int, lines: Sequence[str], known: Container[str]) -> tuple[list[Column], str]:
    """Return ``count`` columns of one period with the names that a line gives them, and that line; [] and "" where none does."""
    for line in reversed(lines):
        names = [] if any(atom.kind in PERIODS for atom in atoms(line)) else cut(line, count, known)
        if names:
            return _with_names([period] * count, names), line
    return [], ""


def _with_names(columns: Sequence[Column], names: Sequence[str]) -> list[Column]:
    left = iter(names)
    return [_role(column, "value", next(left)) if column.role == "value" else column for column in columns]


def _role(column: Column, role: str, heading: str = "") -> Column:
    return Column(column.end, column.months, column.year, column.quarter, heading or column.heading, role)


def _folded(name: str) -> str:
    return " ".join(word for word in re.findall(r"[^\W\d_]+", name.lower()) if word != "and")
