"""Parts of a whole: rows or columns of a table that add up to a company's figure, such as segments, regions or products."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from jacie_flask.facts.column_names import is_total_name
from jacie_flask.facts.concepts import names
from jacie_flask.facts.values import Cell, Column, Fact, Row, Table
from jacie_flask.text.labels import STATEMENTS
from jacie_flask.text.terms import term_ids

_FEWEST = 2
_NEAR = 0.2
"""How far a table's own total may be from the company's, as a share of it."""
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
    for run in _runs(tables, words):
        named = max(len(words & frozenset(term_ids(table.title))) for table in run)
        by_row = [members for table in run for members in _rows(table, whole)]
        found += [
            (named, members)
            for members in (*by_row, *_columns(run, whole))
            if not any(own & frozenset(term_ids(member.name)) for member in members)
        ]
    return max(found, key=lambda one: (one[0] > 0, -len(one[1])), default=(0, []))[1]


def parts_of_own_total(tables: Sequence[Table], group: str, whole: Fact) -> tuple[list[Part], Fact | None]:
    """Return the columns that add up to their table's own total, and that total, where it is near ``whole`` and yet another figure.

    Segments are often reported on a basis of their own ("managed basis"). The table's title names the group, the row the whole's concept.
    """
    words = frozenset(term_ids(_WORDS.get(group, group)))
    for run in _runs(tables, words):
        if not any(words & frozenset(term_ids(table.title)) for table in run):
            continue
        for facts in _of_one_period(run):
            totals = [one for one in facts if is_total_name(one.column.heading)]
            others = [one for one in facts if one not in totals]
            near = len(totals) == 1 and abs(totals[0].amount - whole.amount) <= _NEAR * abs(whole.amount)
            if near and _agrees(facts[0], whole) and _sums(others, totals[0]) and len(others) >= _FEWEST:
                return [Part(one.column.heading, one) for one in others], totals[0]
    return [], None


def _agrees(fact: Fact, whole: Fact) -> bool:
    """Say whether a row has a name of the whole's concept, and its column the whole's period."""
    column = fact.column
    return names(fact.row.label, whole.row.concept) and (column.year, column.quarter, column.months) == (
        whole.column.year, whole.column.quarter, whole.column.months,
    )  # fmt: skip


def _runs(tables: Sequence[Table], words: frozenset[int]) -> Iterator[list[Table]]:
    """Yield the tables about a group, those together that go on side by side: the same rows over the same periods on one page."""
    run: list[Table] = []
    for table in tables:
        if table.statement.removesuffix("_summary") in STATEMENTS:
            continue
        if run and not (table.page == run[-1].page and _shape(table) == _shape(run[-1]) and _other_names(run, table)):
            if any(words & _words(one) for one in run):
                yield run
            run = []
        run.append(table)
    if any(words & _words(one) for one in run):
        yield run


def _shape(table: Table) -> tuple[str, tuple[tuple[int, int, int], ...]]:
    """Return what tables that go on side by side share: their first row and the periods of their values."""
    periods = {(one.year, one.quarter, one.months) for one in table.columns if one.role == "value"}
    return table.rows[0].label if table.rows else "", tuple(sorted(periods))


def _other_names(run: Sequence[Table], table: Table) -> bool:
    """Say whether all columns of values have names, and none of a table has one of those before it."""
    before = {column.heading for one in run for column in one.columns if column.role == "value"}
    own = {column.heading for column in table.columns if column.role == "value"}
    return "" not in before | own and before.isdisjoint(own)


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


def _columns(run: Sequence[Table], whole: Fact) -> Iterator[list[Part]]:
    """Yield the columns of a row that add up to the one among them that is the whole."""
    for group in _of_one_period(run):
        totals = [one for one in group if _equal(one, whole.amount)]
        others = [one for one in group if one not in totals]
        if len(totals) == 1 and len(others) >= _FEWEST and _sums(others, totals[0]):
            first = group[0].column
            if _same_period(first.year, first.quarter, first.months, whole):
                yield [Part(one.column.heading, one) for one in others]


def _of_one_period(run: Sequence[Table]) -> Iterator[list[Fact]]:
    """Yield the facts of a row in named columns of one period, over all tables of a run that have the row."""
    for row in run[0].rows:
        rows = [(table, one) for table in run for one in table.rows if one.label == row.label]
        if len(rows) != len(run):
            rows = [(run[0], row)]
        facts = [_fact(table, one, cell) for table, one in rows for cell in one.cells if table.columns[cell.column].heading]
        facts = sorted((one for one in facts if one.column.role == "value"), key=_period)
        for _, of_period in groupby(facts, key=_period):
            yield list(of_period)


def _period(fact: Fact) -> tuple[int, int, int]:
    return fact.column.year, fact.column.quarter, fact.column.months


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
