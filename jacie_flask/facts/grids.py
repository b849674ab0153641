"""Grids: the tables of documents that have cells of their own (HTML, XLSX, DOCX, PPTX), before anything is read from them."""

import msgspec


class InlineFact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What inline XBRL says of a cell's figure.

    ``value`` is in single units with its sign, None where the tag's format is not known. ``start`` and ``end`` are ISO dates,
    ``start`` is "" for a balance at ``end``. ``unit`` is the unit's measure ("iso4217:USD"), ``scale`` a power of ten,
    ``dimensions`` the members that narrow the fact ("us-gaap:StatementBusinessSegmentsAxis=x:RetailMember").
    """

    concept: str
    value: float | None
    start: str = ""
    end: str = ""
    unit: str = ""
    scale: int = 0
    negative: bool = False
    dimensions: tuple[str, ...] = ()


class GridCell(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A cell as it is shown, without note marks: ``column`` counts from 0, ``columns`` and ``rows`` say how far it spans.

    ``marks`` are its note marks as plain characters. ``value`` is the number that a workbook stores under what it shows.
    """

    text: str
    column: int
    columns: int = 1
    rows: int = 1
    header: bool = False
    marks: tuple[str, ...] = ()
    value: float | None = None
    fact: InlineFact | None = None


class GridRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The filled cells of a row, the page (from 1) on which it is a line of text, and the number of that line, from 0."""

    page: int
    line: int
    cells: list[GridCell]


class Grid(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A table with its rows in order; one that is cut by pages is still one grid.

    ``source`` is "html", "xlsx", "docx" or "pptx"; ``title`` is the caption or the sheet's name, "" where there is none.
    """

    rows: list[GridRow]
    source: str
    title: str = ""
