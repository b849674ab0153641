"""The tables that are open in a walk through HTML: which cells the current row has, and in which columns they stand."""

import re
from collections.abc import Iterator

from lxml import etree

from jacie_flask.documents.formats.inline_xbrl import Tags
from jacie_flask.documents.formats.table_rows import table_row
from jacie_flask.documents.paging import TableRow
from jacie_flask.facts.grids import GridCell

_MOST_COLUMNS = 500
_MOST_ROWS = 5_000


class _Table:
    """A table: its number, and how many more rows each column is taken by a cell from above."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.title = ""
        self.taken: dict[int, int] = {}


class _Row:
    """A row: the texts of its cells, the same as cells of a grid, and the figure that inline XBRL tags in the current one."""

    def __init__(self, table: _Table) -> None:
        self.table = table
        self.texts: list[str] = []
        self.cells: list[GridCell] = []
        self.column = 0
        self.tag: etree._Element | None = None


class OpenTables:
    """The tables and rows around the place of a walk; a row of a table that lays things out takes no cells."""

    def __init__(self, tags: Tags, first_table: int) -> None:
        self._tags = tags
        self._next = first_table
        self._tables: list[_Table] = []
        self._rows: list[_Row | None] = []

    @property
    def row_is_open(self) -> bool:
        """Whether the place is inside a row."""
        return bool(self._rows)

    @property
    def takes_cells(self) -> bool:
        """Whether text belongs to a cell."""
        return bool(self._rows) and self._rows[-1] is not None

    def opened(self, role: str, element: etree._Element) -> None:
        """Go into a table, a row or a cell."""
        if role == "table" or (role == "row" and not self._tables):
            self._tables.append(_Table(self._next))
            self._next += 1
        if role == "row":
            self._rows.append(_Row(self._tables[-1]))
        elif role == "cell" and self._rows and (row := self._rows[-1]) is not None:
            row.tag = None

    def closed(self) -> None:
        """Leave a table."""
        if self._tables:
            self._tables.pop()

    def titled(self, title: str) -> None:
        """Take the caption of the current table."""
        if self._tables:
            self._tables[-1].title = title

    def lay_out(self) -> Iterator[str]:
        """Yield the texts of the current row, which takes no cells from now on."""
        if self.takes_cells and (row := self._rows[-1]) is not None:
            yield from filter(None, row.texts)
            self._rows[-1] = None

    def tag_opened(self, tag: str, element: etree._Element) -> None:
        """Note the first figure that inline XBRL tags in a cell."""
        if self._tags.tags(tag) and self._rows and (row := self._rows[-1]) is not None and row.tag is None:
            row.tag = element

    def add_cell(self, text: str, element: etree._Element) -> None:
        """Add a cell to the current row, in its first column that no cell from above takes."""
        row = self._rows[-1]
        if row is None:
            return
        taken = row.table.taken
        while taken.get(row.column, 0) > 0:
            row.column += 1
        columns, rows = _span(element, "colspan", _MOST_COLUMNS), _span(element, "rowspan", _MOST_ROWS)
        if text:
            row.texts.append(text)
            fact = None if row.tag is None else self._tags.fact(row.tag)
            header = str(element.tag) == "th"
            row.cells.append(GridCell(text, row.column, columns=columns, rows=rows, header=header, fact=fact))
        if rows > 1:
            taken.update(dict.fromkeys(range(row.column, row.column + columns), rows))
        row.column += columns

    def row(self) -> tuple[list[str], TableRow | None]:
        """Leave a row; return the texts of its cells, and its cells for a grid where it has any."""
        row = self._rows.pop() if self._rows else None
        if row is None:
            return [], None
        row.table.taken = {column: rows - 1 for column, rows in row.table.taken.items() if rows > 1}
        return row.texts, table_row(row.table.number, row.cells, row.table.title)


def _span(element: etree._Element, name: str, most: int) -> int:
    written = element.get(name)
    found = re.match(r"\s*(\d{1,5})", written) if written else None
    return min(max(1, int(found.group(1))), most) if found else 1
