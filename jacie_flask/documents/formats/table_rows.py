"""Rows of tables: their cells as one line of text, and as cells of a grid."""

import re
from collections.abc import Iterable, Sequence

import msgspec

from jacie_flask.documents.paging import TableRow
from jacie_flask.facts.grids import GridCell
from jacie_flask.text.notemarks import is_mark, parted

_OPENS = re.compile(r"(?<=[($€£¥]) (?=[\d(.$€£¥])")
_CLOSES = re.compile(r"(?<=[\d)⁰¹²³⁴-⁹⁾ᵃ-ᶻ]) (?=[)%])")
_SIGN_BEFORE = re.compile(r"[($€£¥₹+−–-]*[($€£¥₹+]|\(?(?:US|HK|NZ|[ACS])\$")
_LONGEST_SIGN = 12
_SIGN_AFTER = re.compile(r"[)%]+")


def joined(cells: Sequence[str]) -> str:
    """Return a row as one line: its label, then its figures; signs and note marks in cells of their own go to their figure."""
    filled = [cell for cell in cells if cell]
    text = " ".join(filled)
    if not text.isascii() and any(map(is_mark, filled)):
        text = "".join(cell if not at or is_mark(cell) else f" {cell}" for at, cell in enumerate(filled))
    return _CLOSES.sub("", _OPENS.sub("", text))


def table_row(table: int, cells: Iterable[GridCell], title: str = "") -> TableRow:
    """Return the row of a grid: empty cells are left out, and signs and marks in cells of their own belong to their figure.

    A dash stays a cell of its own: only the rest of the table shows whether it is a minus or nothing (``facts/cell_signs.py``).
    """
    merged: list[GridCell] = []
    for cell in cells:
        if not cell.text:
            continue
        last = merged[-1] if merged else None
        if last is not None and (_closes(cell.text) or _SIGN_BEFORE.fullmatch(last.text)):
            merged[-1] = _together(last, cell)
        else:
            merged.append(cell)
    return TableRow(table, [_without_marks(cell) for cell in merged], title)


def _closes(text: str) -> bool:
    return len(text) < _LONGEST_SIGN and (_SIGN_AFTER.fullmatch(text) is not None or is_mark(text))


def _together(left: GridCell, right: GridCell) -> GridCell:
    figure = right if _SIGN_BEFORE.fullmatch(left.text) else left
    return msgspec.structs.replace(
        figure,
        text=joined([left.text, right.text]),
        column=left.column,
        columns=right.column + right.columns - left.column,
        fact=left.fact or right.fact,
    )


def _without_marks(cell: GridCell) -> GridCell:
    text, marks = parted(cell.text)
    return msgspec.structs.replace(cell, text=text, marks=tuple(marks)) if marks else cell
