"""Parts of a whole: rows or columns of a table that add up to a company's figure, such as segments, regions or products."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from jacie_flask.facts.values import Cell, Column, Fact, Row, Table
from jacie_flask.text.labels import STATEMENTS
from jacie_flask.text.terms import term_ids

_FEWEST = 2
_MOST = 40
_WORDS = {
    "segments": "segment segments division divisions business businesses lob line",
    "geographies": "geography geographic geographical region regions country countries area areas market markets international",
    "products": "product products category categories brand brands merchandise",
    "expenses": "expense expenses cost costs",
}


@dataclass(frozen=True)
class Part:
    """A part of a whole: its name and its fact."""

    name: str
    fact: Fact


def parts(tables: Sequence[Table], group: str, whole: Fact) -> list[Part]:
    """Return the parts that add up to ``whole`` in a table about the group, [] where no table has them.

    Rows are parts of the row that has the whole's value, columns of the column that has it. Where several tables have parts, one whose title
    names the group wins, then the one with the fewest parts. Parts that do not add up are none, nor are rows that are named as the whole is: those are its kinds ("interest revenue"), not a group's.
    """
    words = frozenset(term_ids(_WORDS.get(group, group)))
    own = frozenset(term_ids(whole.row.label)) | frozenset(term_ids(whole.row.concept.replace("_", " ")))
    found: list[tuple[int, list[Part]]] = []
    for table in tables:
        if table.statement.removesuffix("_summary") in STATEMENTS or not words & _words(table):
            continue
        named = len(words & frozenset(term_ids(table.title)))
        found += [
            (named, members)
            for members in (*_rows(table, whole), *_columns(table, whole))
            if not any(own & frozenset(term_ids(member.name)) for member in members)
        ]
    return max(found, key=lambda one: (one[0] > 0, -len(one[1])), default=(0, []))[1]


def _words(table: Table) -> frozenset[int]:
    headings = {heading for row in table.rows for heading in row.headings}
    labels = [row.label for row in table.rows if row.total]
    return frozenset(term_ids(" ".join((table.title, *headings, *labels, *(column.heading for column in table.columns)))))


def _rows(table: Table, whole: Fact) -> Iterator[list[Part]]:
    """Yield the rows above a total that add up to it, for each column in which the total is the whole."""
    for position, column in enumerate(table.columns):
        if column.role != "value" or not _same_period(column.year, column.quarter, column.months, whole):
            continue
        facts = [
            Fact(table=table, row=row, column=column, cell=cell)
            for row in table.rows
            for cell in row.cells
            if cell.column == position
        ]
        for end, fact in enumerate(facts):
            if end >= _FEWEST and _equal(fact, whole.amount):
                group = _adding_up(facts[max(0, end - _MOST) : end], fact)
                if group:
                    yield [Part(one.row.label, one) for one in group]


def _columns(table: Table, whole: Fact) -> Iterator[list[Part]]:
    """Yield the columns of a row that add up to the one among them that is the whole."""
    for row in table.rows:
        facts = [_fact(table, row, cell) for cell in row.cells if table.columns[cell.column].heading]
        facts = [one for one in facts if one.column.role == "value"]
        for _, of_period in groupby(facts, key=lambda one: (one.column.year, one.column.quarter, one.column.months)):
            group = list(of_period)
            totals = [one for one in group if _equal(one, whole.amount)]
            others = [one for one in group if one not in totals]
            if len(totals) == 1 and len(others) >= _FEWEST and _sums(others, totals[0]):
                first = group[0].column
                if _same_period(first.year, first.quarter, first.months, whole):
                    yield [Part(one.column.heading, one) for one in others]


def _fact(table: Table, row: Row, cell: Cell) -> Fact:
    return Fact(table=table, row=row, column=table.columns[cell.column], cell=cell)


def _adding_up(above: Sequence[Fact], total: Fact) -> list[Fact]:
    """Return the rows nearest above a total that add up to it, subtotals among them left out; [] where none do."""
    rows = [one for one in above if not one.row.total and one.row.label and not one.cell.unit and one.row.unit == total.row.unit]
    for start in range(len(rows) - _FEWEST, -1, -1):
        if _sums(rows[start:], total):
            return rows[start:]
    return []


def _sums(parts_: Sequence[Fact], total: Fact) -> bool:
    """Say whether figures add up to a total, within the rounding of each."""
    unit = 10.0 ** (total.row.scale - total.cell.decimals)
    tolerance = 0.51 * unit * max(2, len(parts_))
    return abs(sum(one.amount for one in parts_) - total.amount) <= tolerance


def _equal(fact: Fact, amount: float) -> bool:
    return abs(fact.amount - amount) <= 0.51 * 10.0 ** (fact.row.scale - fact.cell.decimals)


def _same_period(year: int, quarter: int, months: int, whole: Fact) -> bool:
    """Say whether a column may be of the whole's period: what it states must not be another."""
    column = whole.column
    if year and year != column.year:
        return False
    if months > 0 and column.months > 0 and months != column.months:
        return False
    return not (months in (3, 6, 9) and quarter and column.quarter and quarter != column.quarter)


def lines_of(table: Table, group: str, column: Column) -> list[Fact]:
    """Return the lines of a balance sheet that add up to the total of a group in one column, [] where they do not.

    ``group``: "assets", "current_assets", "liabilities" or "current_liabilities". Without a row for total liabilities, the lines
    between total assets and equity are taken as they are.
    """
    rows = [
        Fact(table=table, row=row, column=column, cell=cell)
        for row in table.rows
        for cell in row.cells
        if table.columns[cell.column] == column
    ]
    first = next((at + 1 for at, one in enumerate(rows) if one.row.concept == "total_assets"), 0) if "liabilities" in group else 0
    total = "total_" + group if not group.startswith("current") else group
    ends = [at for at, one in enumerate(rows) if one.row.concept == total and at >= first]
    ends = ends or [
        at for at, one in enumerate(rows) if one.row.concept in ("equity", "total_equity", "retained_earnings") and at > first
    ]
    if not ends:
        return []
    lines = [one for one in rows[first : ends[0]] if not one.row.total and one.row.unit == "money"]
    if rows[ends[0]].row.concept == total and not _sums(lines, rows[ends[0]]):
        return []
    return lines
