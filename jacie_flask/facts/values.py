"""The values of this room: a document's tables with their columns, rows and cells, and facts as views of cells."""

from collections.abc import Iterator

import msgspec


class Column(msgspec.Struct, frozen=True, array_like=True):
    """What a table's heading says of one column of figures.

    ``end`` is the period's last day as an ISO date, "" where the heading gives a year alone. ``months`` is the duration of the
    period: 12, 9, 6, 3 (52 or 53 weeks are 12, 13 weeks are 3), 0 for a balance at ``end``, -1 where it is not known.
    ``year`` is the fiscal year that the period belongs to, 0 where it is not known; ``quarter`` 1-4 within it, 0 for none.
    ``heading`` is the column's own heading text (a segment's name, "As reported", "December 31, 2019"). ``role`` is "value",
    "change" (of other columns), "share" (percentages of a total), "note" (references) or "other": only values are facts.
    """

    end: str = ""
    months: int = -1
    year: int = 0
    quarter: int = 0
    heading: str = ""
    role: str = "value"


class Cell(msgspec.Struct, frozen=True, array_like=True):
    """A figure of a row: ``value`` with the sign as printed (brackets are minus) in the table's scale, and how it is printed.

    ``column`` is the position of its column in the table; ``decimals`` the digits behind the decimal mark; ``unit`` is "" for the
    row's unit, or "%" where the cell itself carries it.
    """

    column: int
    value: float
    text: str
    decimals: int = 0
    unit: str = ""


class Row(msgspec.Struct, frozen=True, array_like=True):
    """A row of a table: its whole label, the headings above it (outermost first) and its cells by column.

    ``text`` is the row as printed, its label's wrapped lines joined; ``line`` the number of its last line on the page, from 0.
    ``unit`` is "money", "per_share", "shares", "percent", "ratio", "count" or "" (not known). ``scale`` is the power of ten of its
    amounts, ``currency`` an ISO code or the symbol printed, "" where none is stated. ``concept`` is an id of concepts.toml or "".
    ``suspect`` names the consistency check that the row failed: such a row is not computed with. ``page`` is its page, 0 for its table's.
    """

    label: str
    cells: list[Cell]
    text: str = ""
    line: int = 0
    headings: list[str] = []
    unit: str = ""
    scale: int = 0
    currency: str = ""
    concept: str = ""
    total: bool = False
    suspect: str = ""
    page: int = 0


class Table(msgspec.Struct, frozen=True, array_like=True):
    """A table, and the page (from 1) on which it begins: its title, the statement that it is or "", what it says of unit and scale, columns, rows.

    ``statement`` is a label of text/labels.py ("income_statement", "balance_sheet", "cash_flow", ... or "..._summary").
    ``source`` says how its cells were read: "text", "html", "xlsx", "docx", "pptx" or "xbrl".
    """

    page: int
    columns: list[Column]
    rows: list[Row]
    title: str = ""
    statement: str = ""
    scale: int | None = None
    currency: str = ""
    source: str = "text"


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One cell with everything that its table, row and column say of it. ``amount`` is the value in single units."""

    table: Table
    row: Row
    column: Column
    cell: Cell

    @property
    def amount(self) -> float:
        """The value in single units: dollars where the table is in millions of dollars."""
        return self.cell.value * 10.0**self.row.scale


def facts_of(table: Table) -> Iterator[Fact]:
    """Yield the facts of a table: its figures in columns of values, in rows that failed no check."""
    for row in table.rows:
        if row.suspect:
            continue
        for cell in row.cells:
            column = table.columns[cell.column]
            if column.role == "value":
                yield Fact(table=table, row=row, column=column, cell=cell)
