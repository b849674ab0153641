"""The rows of a DOCX table: cells in their columns with their spans, without what tracked changes deleted."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from docx.oxml.ns import qn

from jacie_flask.facts.grids import GridCell

_ROW, _CELL, _VALUE = qn("w:tr"), qn("w:tc"), qn("w:val")
_WRAPPERS = {qn(f"w:{name}") for name in ("sdt", "sdtContent", "ins", "customXml", "smartTag", "moveTo")}
_ROW_PROPERTIES, _CELL_PROPERTIES = qn("w:trPr"), qn("w:tcPr")
_MOST_COLUMNS = 500


def shown_rows(table: Any) -> list[Any]:
    """Return the rows that a table shows."""
    return [
        row for row in _inside(table, _ROW) if not _has(row, _ROW_PROPERTIES, "del") and not _has(row, _ROW_PROPERTIES, "hidden")
    ]


def cells_of(rows: Sequence[Any], text_of: Callable[[Any], str]) -> Iterator[list[GridCell]]:
    """Yield the cells of each row; one that is merged downwards stands in its first row."""
    placed = [list(_placed(row)) for row in rows]
    for number, row in enumerate(rows):
        header = _has(row, _ROW_PROPERTIES, "tblHeader")
        yield [
            GridCell(text_of(cell), column, columns=columns, rows=_down(placed, number, column), header=header)
            for cell, column, columns, goes_on in placed[number]
            if not goes_on
        ]


def _placed(row: Any) -> Iterator[tuple[Any, int, int, bool]]:
    """Yield (cell, column, columns, whether it goes on with the cell above)."""
    column = _count(row, _ROW_PROPERTIES, "gridBefore", 0)
    for cell in _inside(row, _CELL):
        if _has(cell, _CELL_PROPERTIES, "cellDel"):
            continue
        columns = _count(cell, _CELL_PROPERTIES, "gridSpan", 1)
        merge = cell.find(f"{_CELL_PROPERTIES}/{qn('w:vMerge')}")
        yield cell, column, columns, merge is not None and merge.get(_VALUE, "continue") == "continue"
        column += columns


def _down(placed: Sequence[Sequence[tuple[Any, int, int, bool]]], number: int, column: int) -> int:
    """Return how many rows a cell spans."""
    rows = 1
    for below in placed[number + 1 :]:
        if not any(at == column and goes_on for _, at, _, goes_on in below):
            break
        rows += 1
    return rows


def _inside(parent: Any, tag: str) -> Iterator[Any]:
    for element in parent.iterchildren():
        if element.tag == tag:
            yield element
        elif element.tag in _WRAPPERS:
            yield from _inside(element, tag)


def _has(element: Any, properties: str, name: str) -> bool:
    found = element.find(f"{properties}/{qn(f'w:{name}')}")
    return found is not None and found.get(_VALUE, "1") not in ("0", "false", "off")


def _count(element: Any, properties: str, name: str, least: int) -> int:
    found = element.find(f"{properties}/{qn(f'w:{name}')}")
    value = "" if found is None else found.get(_VALUE) or ""
    return min(max(least, int(value)), _MOST_COLUMNS) if value.isdigit() else least
