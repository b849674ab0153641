"""Tables as compressed bytes: how indexes keep them.

What a row's printed cells say is not kept twice: values are read from them again, and so is the row's text where it is nothing but
its label and its cells.
"""

import zlib
from collections.abc import Iterator, Sequence

import msgspec

from jacie_flask.facts.cells import figure_of
from jacie_flask.facts.values import Cell, Column, Row, Table

_LEVEL = 9
_LONGEST = 64_000_000
_AS_JOINED, _WITH_SPACES, _WITH_ALL_SPACES = "\x01", "\x02", "\x03"
_SIGNS = ("US$", "$", "€", "£", "¥", "₹", "₦", "R")


class _PackedRow(msgspec.Struct, frozen=True, array_like=True):
    """A row: its cells as printed, and explicitly only where their print does not say them; how many headings it shares with the last."""

    label: str
    printed: list[str]
    text: str
    line: int
    shared: int
    headings: list[str]
    kind: tuple[str, int, str]
    concept: str
    total: bool
    suspect: str
    cells: list[Cell] | None = None
    page: int = 0


class _PackedTable(msgspec.Struct, frozen=True, array_like=True):
    page: int
    columns: list[Column]
    rows: list[_PackedRow]
    title: str
    statement: str
    scale: int | None
    currency: str
    source: str


_decoder = msgspec.msgpack.Decoder(list[_PackedTable])


def packed(tables: Sequence[Table]) -> bytes:
    """Return the tables of one document as zlib-compressed msgpack."""
    return zlib.compress(msgspec.msgpack.encode([_packed_table(table) for table in tables]), _LEVEL)


def unpacked(data: bytes) -> list[Table]:
    """Return the tables that ``packed`` made these bytes of; raise ValueError where they are damaged."""
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(data, _LONGEST)
        if not inflater.eof:
            raise ValueError("tables are cut off, or larger than any document's")
        return [_table(table) for table in _decoder.decode(content)]
    except (zlib.error, msgspec.DecodeError) as error:
        raise ValueError(str(error)) from error


def _packed_table(table: Table) -> _PackedTable:
    return _PackedTable(
        table.page,
        table.columns,
        list(_packed_rows(table.rows)),
        table.title,
        table.statement,
        table.scale,
        table.currency,
        table.source,
    )


def _table(table: _PackedTable) -> Table:
    return Table(
        table.page,
        table.columns,
        list(_rows(table.rows)),
        table.title,
        table.statement,
        table.scale,
        table.currency,
        table.source,
    )


def _packed_rows(rows: Sequence[Row]) -> Iterator[_PackedRow]:
    last: list[str] = []
    for row in rows:
        shared = next((at for at, pair in enumerate(zip(last, row.headings, strict=False)) if pair[0] != pair[1]), None)
        shared = min(len(last), len(row.headings)) if shared is None else shared
        printed = [cell.text for cell in row.cells]
        texts = {joined(row.label, printed): code for code, joined in reversed(_TEXTS.items())}
        yield _PackedRow(
            row.label, printed, texts.get(row.text, row.text), row.line, shared, row.headings[shared:], (row.unit, row.scale, row.currency),
            row.concept, row.total, row.suspect, None if _cells(printed) == row.cells else row.cells, row.page,
        )  # fmt: skip
        last = row.headings


def _rows(rows: Sequence[_PackedRow]) -> Iterator[Row]:
    last: list[str] = []
    for row in rows:
        last = [*last[: row.shared], *row.headings]
        joined = _TEXTS.get(row.text)
        text = joined(row.label, row.printed) if joined else row.text
        cells = row.cells if row.cells is not None else _cells(row.printed)
        yield Row(row.label, cells, text, row.line, last, *row.kind, row.concept, row.total, row.suspect, row.page)


def _cells(printed: Sequence[str]) -> list[Cell]:
    """Return the cells that printed figures in all columns from the first are."""
    figures = [figure_of(text) for text in printed]
    return [
        Cell(at, figure.value, figure.text, figure.decimals, "%" if figure.unit == "%" else "")
        for at, figure in enumerate(figures)
        if figure and figure.value is not None
    ]


def _joined(label: str, printed: Sequence[str]) -> str:
    return " ".join((label, *printed))


def _spaced(label: str, printed: Sequence[str]) -> str:
    """Return a row's text with a space behind each currency's sign."""
    return _joined(
        label, [next((f"{sign} {text[len(sign) :]}" for sign in _SIGNS if text.startswith(sign)), text) for text in printed]
    )


def _spaced_shares(label: str, printed: Sequence[str]) -> str:
    """Return a row's text with a space before each percent sign, too."""
    return _spaced(label, [text.replace("%", " %") for text in printed])


_TEXTS = {_AS_JOINED: _joined, _WITH_SPACES: _spaced, _WITH_ALL_SPACES: _spaced_shares}
