"""Rows with their figures in their columns, and with their unit."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import msgspec

from jacie_flask.facts import units
from jacie_flask.facts.blocks import Block, RawRow
from jacie_flask.facts.cells import Figure
from jacie_flask.facts.periods import atoms
from jacie_flask.facts.values import Cell, Column, Row

_NOTE_NUMBER = re.compile(r"\(?\d{1,2}(?:\.\d{1,2})?[a-z]?(?:\([a-z]\))?\)?,?")
_WITH_NOTE = re.compile(r"\d{1,2}(\d{3}(?:\.\d+)?)")
_MARK = re.compile(r"\(\d\)")
_FAR = 8
_MOST_IN_LABEL = 1


def placed(block: Block, columns: Sequence[Column], names: Sequence[str] = ()) -> list[Row]:
    """Return the rows of a block whose figures can be placed; ``names`` are lines of the columns' names among the rows' headings."""
    head = " ".join(block.head)
    noted = "note" in head.lower() and any(atom.kind == "note" for atom in atoms(head))
    rows = (_without_headings(row, names) for row in block.rows) if names else block.rows
    return [row for raw in _rejoined(rows, columns) if (row := _row(raw, columns, noted))]


def _without_headings(row: RawRow, names: Sequence[str]) -> RawRow:
    return replace(row, headings=[one for one in row.headings if one not in names])


def shares(rows: Sequence[RawRow], count: int) -> list[bool]:
    """Say which of ``count`` figures are percentages in most rows."""
    fitting = [row.figures for row in rows if len(row.figures) == count]
    if any(all(figure.unit == "%" for figure in figures) for figures in fitting):
        return [False] * count
    signs = [figure.unit in ("%", "pts") for figure in fitting[0]] if fitting else []
    if any(signs):  # signs are often printed in the first row alone
        return signs
    return [
        2 * sum(1 for figures in fitting if figures[at].unit in ("%", "pts")) > sum(1 for figures in fitting if figures[at].value)
        for at in range(count)
    ]


def _rejoined(rows: Iterable[RawRow], columns: Sequence[Column]) -> Iterator[RawRow]:
    """Yield rows; one whose figures fit no columns is the beginning of the next label where that goes on in small letters."""
    torn = ""
    for row in rows:
        if torn and row.label[:1].islower():
            row = replace(row, label=f"{torn} {row.label}", text=f"{torn} {row.text}")
        torn = "" if _positions(row.figures, columns) else row.text
        yield row


def _row(raw: RawRow, columns: Sequence[Column], noted: bool) -> Row | None:
    """Return a row with its figures in their columns, None where they cannot be placed.

    ``noted`` says that the table has a column of note numbers: those at the end of a label are not part of it.
    """
    raw = _without_marks(raw, len(columns))
    positions = _positions(raw.figures, columns)
    if not positions or len(raw.figures) > len(columns) + _MOST_IN_LABEL:
        return None
    figures = raw.figures[len(raw.figures) - len(positions) :]
    if noted:
        figures = _without_note(figures)
    words = [raw.label, *(figure.text for figure in raw.figures[: len(raw.figures) - len(positions)])]
    cells = [
        Cell(at, figure.value, figure.text, figure.decimals, "%" if figure.unit == "%" else "")
        for at, figure in zip(positions, figures, strict=True)
        if figure.value is not None
    ]
    values = [figure for at, figure in zip(positions, figures, strict=True) if columns[at].role == "value"]
    label = " ".join(word for word in words if word).strip(" :")
    if noted:
        label = _without_notes(label)
    if not cells or not label:
        return None
    unit = units.unit_of(label, raw.headings, values)
    return Row(label, cells, raw.text, raw.line, raw.headings, unit, total=label.lower().startswith("total"))


def _without_marks(raw: RawRow, count: int) -> RawRow:
    """Leave out the marks of notes that stand apart from their figures, where the figures then fit the columns."""
    if len(raw.figures) <= count:
        return raw
    figures = tuple(figure for figure in raw.figures if not _MARK.fullmatch(figure.text))
    return replace(raw, figures=figures) if len(figures) == count else raw


def _without_note(figures: tuple[Figure, ...]) -> tuple[Figure, ...]:
    """Take the number of a note from the first figure where spaces part thousands and it was read as one of them."""
    glued = _WITH_NOTE.fullmatch(figures[0].text) if len(figures) > 1 else None
    others = [abs(figure.value or 0.0) for figure in figures[1:]]
    if not glued or abs(figures[0].value or 0.0) < _FAR * max(others):
        return figures
    return (msgspec.structs.replace(figures[0], value=float(glued[1]), text=glued[1]), *figures[1:])


def _without_notes(label: str) -> str:
    """Return a label without the numbers of notes at its end: "Revenue 2, 3" is "Revenue"."""
    words = label.split(" ")
    last = len(words)
    while last > 1 and (_NOTE_NUMBER.fullmatch(words[last - 1]) or (words[last - 1] in ("and", "&", ",") and last < len(words))):
        last -= 1
    return " ".join(words[:last]).rstrip(" ,")


def _positions(figures: Sequence[Figure], columns: Sequence[Column]) -> list[int]:
    """Return the columns of a row's last figures: all columns, or only those of values."""
    count = len(figures)
    if count >= len(columns):
        return list(range(len(columns)))
    values = [at for at, column in enumerate(columns) if column.role == "value"]
    if count == len(values):
        return values
    if count > len(values) and [column.role for column in columns[: len(values)]] == ["value"] * len(values):
        return list(range(count))
    if count > len(values) and columns[0].role == "note" and len(values) + 1 < len(columns):
        return list(range(len(columns) - count, len(columns)))
    return []


def in_unit(rows: Sequence[Row], scale: int | None, currency: str, *, excepted: bool, statement: str = "") -> list[Row]:
    """Return rows with scale and currency; ``excepted`` says that the table's scale does not hold for numbers of shares.

    All that moves cash is money: "Repurchase of common shares" in a cash-flow statement is no number of shares.
    """
    if statement.startswith("cash_flow"):
        rows = [msgspec.structs.replace(row, unit="money") if row.unit in ("shares", "count") else row for row in rows]
    return [_in_unit(row, scale or 0, currency, excepted) for row in rows]


def _in_unit(row: Row, scale: int, currency: str, excepted: bool) -> Row:
    own = units.own_scale(row.label)
    if row.unit in ("per_share", "percent", "ratio", "count"):
        scale = 0
    if row.unit == "per_share" and units.in_hundredths((row.label, *row.headings[-1:])):
        scale = -2
    if row.unit == "shares" and excepted and all(cell.value >= 1_000_000 and not cell.decimals for cell in row.cells):
        scale = 0
    money = row.unit in ("money", "per_share")
    return msgspec.structs.replace(row, scale=scale if own is None else own, currency=currency if money else "")


def printed_currency(rows: Sequence[RawRow]) -> str:
    """Return the currency whose sign stands at figures."""
    for row in rows:
        for figure in row.figures:
            if figure.currency:
                return units.sign_currency(figure.currency)
    return ""
