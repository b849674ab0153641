"""Dashes in cells of their own: a minus that belongs to the figure beside it, or a figure that is nothing."""

import re
from collections.abc import Sequence

import msgspec

from jacie_flask.facts.grids import GridCell, GridRow

_DASH = re.compile(r"[−–-]")
_FIGURE = re.compile(r"(?!\d{4}$)(?=[^\d]{0,40}\d)[($€£¥₹\s+−–-]{0,12}[\d.,\s]{1,40}[)%]{0,3}")
_UNSIGNED = re.compile(r"[$€£¥₹]?\s?\.?\d[\d.,\s]*%?")


def with_minus_signs(rows: Sequence[GridRow]) -> list[GridRow]:
    """Return rows in which a dash is joined to the figure beside it where its column has neither figures nor a header of its own."""
    if not any(_DASH.fullmatch(cell.text) for row in rows for cell in row.cells):
        return list(rows)
    columns = {
        column
        for row in rows
        for cell in row.cells
        if _FIGURE.fullmatch(cell.text) or (not _DASH.fullmatch(cell.text) and cell.columns == 1)
        for column in range(cell.column, cell.column + cell.columns)
    }
    return [msgspec.structs.replace(row, cells=_joined(row.cells, columns)) for row in rows]


def _joined(cells: Sequence[GridCell], columns: set[int]) -> list[GridCell]:
    joined: list[GridCell] = []
    for cell in cells:
        last = joined[-1] if joined else None
        if last is not None and _is_minus(last, cell, columns):
            text = f"-{cell.text}"
            width = cell.column + cell.columns - last.column
            joined[-1] = msgspec.structs.replace(cell, text=text, column=last.column, columns=width)
        else:
            joined.append(cell)
    return joined


def _is_minus(dash: GridCell, figure: GridCell, columns: set[int]) -> bool:
    beside = dash.column + dash.columns == figure.column
    own = any(column in columns for column in range(dash.column, dash.column + dash.columns))
    return beside and not own and bool(_DASH.fullmatch(dash.text)) and bool(_UNSIGNED.fullmatch(figure.text))
