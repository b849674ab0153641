"""The rows of cited tables that a sentence names, as series of figures by period."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from jacie_flask.computation.operands import Period
from jacie_flask.evidence.proof.claims import Claim
from jacie_flask.evidence.proof.labels import concepts_of, label_of, named, words_of
from jacie_flask.evidence.proof.readings import Unit
from jacie_flask.facts.values import Column
from jacie_flask.text.figures import Figure
from jacie_flask.text.terms import stem, tokens

_MOST = 8
_ALSO = re.compile(r"\b(?:current|basic) and (?:non-?current|diluted)\b|\bshort-? and long-term\b", re.IGNORECASE)


@dataclass(frozen=True)
class Series:
    """The figures of one row by year, in single units; ``mention`` is where the sentence names the row, -1 where it cannot be told.

    ``printed`` are the figures as they are printed, ``decimals`` how many they show, ``periods`` the names of their periods.
    """

    unit: Unit
    values: dict[int, float]
    printed: dict[int, str]
    mention: int
    decimals: dict[int, int]
    periods: dict[int, str]

    @property
    def label(self) -> str:
        """The row's label."""
        return self.unit.label

    @property
    def kind(self) -> str:
        """What its figures may be added to: "percent" or the unit of its row."""
        return "percent" if self.unit.figures and self.unit.figures[0].percent else self.unit.unit


def revenue_rows(claim: Claim, units: Sequence[Unit]) -> list[Series]:
    """Return the series of the rows that are the revenue: margins are shares of it."""
    rows = [unit for unit in units if unit.table is not None and concepts_of(unit) & {"revenue", "net_sales"}]
    return [replace(series, mention=-1) for unit in rows for series in _series(claim, unit)][:2]


def cited_rows(claim: Claim, units: Sequence[Unit]) -> list[Series]:
    """Return the series of the rows that a sentence names, those with the longest labels first; parts of a name count for the whole."""
    concepts = frozenset(claim.concepts)
    rows = [unit for unit in units if unit.table is not None]
    labelled = [unit for unit in rows if named(unit, claim.words)]
    labels = [label_of(unit) for unit in labelled]
    kept = [
        unit
        for unit, label in zip(labelled, labels, strict=True)
        if not any(label < other and not _apart(label, other, claim) for other in labels)
    ]
    kept += [unit for unit in rows if unit not in labelled and concepts_of(unit) & concepts]
    found = [series for unit in kept for series in _series(claim, unit)]
    return sorted(found, key=lambda one: -len(label_of(one.unit)))[:_MOST]


def _apart(label: frozenset[str], other: frozenset[str], claim: Claim) -> bool:
    """Say whether the sentence names the shorter label too, beside the longer one: its words again, or both of two that share a word."""
    words = words_of(claim.text)
    if _ALSO.search(claim.text):
        return True
    return all(words.count(word) > 1 for word in label & other)


def _series(claim: Claim, unit: Unit) -> list[Series]:
    """Return the series of a row: one for each column heading and duration, whole years and balances first."""
    groups: dict[tuple[str, int, int], list[tuple[Column, Figure]]] = {}
    for figure, column in zip(unit.figures, unit.columns, strict=False):
        if column.role != "value" or not column.year:
            continue
        if claim.months and column.months > 0 and column.months != claim.months:
            continue
        groups.setdefault((column.heading, column.months, column.quarter), []).append((column, figure))
    durations = {months for _, months, _ in groups}
    return [
        _one_series(claim, unit, cells)
        for (_, months, _), cells in groups.items()
        if claim.months or months not in (3, 6, 9) or not durations & {0, 12}
    ]


def _one_series(claim: Claim, unit: Unit, cells: Sequence[tuple[Column, Figure]]) -> Series:
    return Series(
        unit=unit,
        values={column.year: _value(figure, unit) for column, figure in cells},
        printed={column.year: figure.text for column, figure in cells},
        mention=_mention(claim, unit),
        decimals={column.year: figure.decimals for column, figure in cells},
        periods={column.year: Period(column.year, column.quarter, max(column.months, 0) or 12).text for column, _ in cells},
    )


def _value(figure: Figure, unit: Unit) -> float:
    """Return a figure in single units, as exact as its digits."""
    digits = f"{'-' if figure.negative else ''}{figure.value!r}"
    return float(Decimal(digits).scaleb(0 if figure.percent else unit.scale or 0))


def _mention(claim: Claim, unit: Unit) -> int:
    """Return where the sentence names a row."""
    for concept in concepts_of(unit):
        if concept in claim.concepts:
            return claim.concepts[concept].start
    wanted = label_of(unit) - {"total"}
    lowered = claim.text.lower()
    starts = [lowered.find(word) for word in tokens(claim.text) if stem(word) in wanted]
    return min((start for start in starts if start >= 0), default=-1)
