"""What a page says, for checking sentences against it: the rows of its tables with unit and period, and its sentences."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from jacie_flask.evidence.proof.prose import is_row, runs_on, sentences_of
from jacie_flask.evidence.proof.quoting import plain
from jacie_flask.facts import units
from jacie_flask.facts.cells import Figure as Printed
from jacie_flask.facts.cells import parsed, style_of
from jacie_flask.facts.column_names import Names, cut
from jacie_flask.facts.extraction import PAGE_CHARS, tables_of
from jacie_flask.facts.fragments import separated
from jacie_flask.facts.headings import columns_of, is_heading
from jacie_flask.facts.values import Cell, Column, Row, Table
from jacie_flask.text import figures
from jacie_flask.text.figures import Figure
from jacie_flask.text.labels import label_pages
from jacie_flask.text.notemarks import removed

_SPACES = re.compile(r"\s+")
_LEADERS = re.compile(r"(?:\s?[.·_]){3,}")
_LOOSE = frozenset({"per_share", "percent", "ratio", "count", "shares"})
_PER_UNIT = re.compile(r"\bper\b|\brat(?:io|e)s?\b|\bdays\b|\breturn on\b|\btimes\b", re.IGNORECASE)
_UNIT_IN_BRACKETS = re.compile(r"\((?!Note)[A-Z$€£]")
_YEARS = re.compile(r"\b(?:FY ?)?(?:19|20)\d\d\b")
_NO_COLUMN = Column()
_WHOLE = 100
_SHORT, _MOST_HEAD = 80, 8
_PROSE = 1000
"""Places of sentences on a line, behind its rows."""


@dataclass(frozen=True, eq=False)
class Unit:
    """A row of a table or a sentence of prose: its figures, what they are of, and what is known of their unit.

    ``columns`` has one entry for each figure of a row: its column, an empty one where it is not known. ``scale`` is the power of ten
    that the table states for its amounts, None where none is stated; ``loose`` rows (per share, ratios, counts) may do without.
    ``source`` and ``table`` are the row and the table that it was read from, None for prose and for rows outside of tables;
    ``above`` is the heading of the columns of a row that is in no table.
    """

    text: str
    label: str
    figures: tuple[Figure, ...]
    row: bool
    columns: tuple[Column, ...] = ()
    scale: int | None = None
    loose: bool = False
    source: Row | None = None
    table: Table | None = None
    above: str = ""

    @property
    def headings(self) -> tuple[str, ...]:
        """The headings above a row, outermost first."""
        return tuple(self.source.headings) if self.source else ()

    @property
    def concept(self) -> str:
        """The line item that the row is, "" where none is known."""
        return self.source.concept if self.source else ""

    @property
    def unit(self) -> str:
        """The row's unit as facts name it, "" where it is not known."""
        return self.source.unit if self.source else ""


@dataclass(frozen=True, eq=False)
class Reading:
    """A page with the tables that its document has on it; without them they are read from its text."""

    page: str
    given: tuple[Table, ...] | None = field(default=None, repr=False)
    document_id: str = ""

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines of the page without note marks, with plain spaces."""
        text = removed(self.page[:PAGE_CHARS])
        return tuple(_SPACES.sub(" ", _LEADERS.sub(" ", line)).strip() for line in text.splitlines())

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """The tables of the page, given or read from its text."""
        if self.given is not None and all(_stands(row, self.lines) for table in self.given for row in table.rows):
            return self.given
        text = "\n".join(self.lines)
        return tuple(tables_of([text], label_pages([text]), {}))

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """The rows and sentences of the page, in order."""
        return tuple(unit for _, unit in sorted(_units(self), key=lambda pair: pair[0]))

    @cached_property
    def years(self) -> frozenset[int]:
        """The years that the page names."""
        return frozenset(figures.years(self.page[:PAGE_CHARS]))

    @cached_property
    def folded(self) -> str:
        """The page as quotes are compared with it."""
        return plain(self.page)


@lru_cache(maxsize=64)
def read(page: str) -> Reading:
    """Return the reading of a page of which nothing but its text is known."""
    return Reading(page)


def _stands(row: Row, lines: Sequence[str]) -> bool:
    """Say whether the row is on this text's lines where its document has it."""
    return row.line < len(lines) and row.text.endswith(row.cells[-1].text) and row.cells[-1].text in lines[row.line]


@dataclass
class _Above:
    """What the lines above a row say of it: the scale, the heading of its columns or the columns of its table, and the text before it."""

    style: str
    scale: int | None = None
    head: list[str] = field(default_factory=list)
    text: str = ""
    columns: Sequence[Column] = ()

    def take(self, line: str) -> None:
        """Take a line that is no row."""
        self.text = line
        if line and is_heading(line):
            self.head, self.columns = [line], ()
        elif self.head and line and len(line) <= _SHORT and len(self.head) < _MOST_HEAD:
            self.head.append(line)
        else:
            self.head = []


def _units(reading: Reading) -> Iterator[tuple[tuple[int, int], Unit]]:
    """Yield the units of a page with their places: rows of tables, then what stands on the other lines."""
    lines = reading.lines
    scales = _scales(lines)
    taken: dict[int, Table] = {}
    for table in reading.tables:
        for at, row in enumerate(table.rows):
            scale = table.scale if table.scale is not None else scales[min(row.line, len(scales) - 1)]
            taken[row.line] = table
            yield (row.line, at), _of_row(row, table, scale)
    above = _Above(style_of("\n".join(lines)))
    rest: list[tuple[int, str]] = []
    for number, line in enumerate(lines):
        above.scale = scales[number]
        if number in taken:
            above = _Above(above.style, columns=[column for column in taken[number].columns if column.role == "value"])
            continue
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if is_row(line, above.style) and not runs_on(above.text, line, following, above.style):
            for at, (_, part) in enumerate(separated([line], above.style)):
                if unit := _outside(part, above):
                    yield (number, at), unit
            above.text = ""
        else:
            rest.append((number, line))
            above.take(line)
    for place, (number, sentence) in enumerate(sentences_of(rest)):
        found = tuple(figures.find(sentence))
        yield (number, _PROSE + place), Unit(sentence, sentence, found, row=False, scale=scales[number] or 0, loose=True)


def _scales(lines: Sequence[str]) -> list[int | None]:
    """Return for each line the power of ten that was stated last above it."""
    scale: int | None = None
    found = []
    for line in lines:
        stated = units.scale_of([line])
        scale = stated if stated is not None else scale
        found.append(scale)
    return found


def _of_row(row: Row, table: Table, stated: int | None) -> Unit:
    """Return a row of a table as facts read it; ``stated`` is the scale of the table, or of the page where it states none."""
    cells = [_figure(cell, row, table.columns[cell.column]) for cell in row.cells]
    columns = [table.columns[cell.column] for cell in row.cells]
    within = [figure for figure in figures.find(row.label, row=True) if not figure.year]
    broken = any(cell.decimals and not figure.percent for cell, figure in zip(row.cells, cells, strict=True))
    as_printed = row.unit in _LOOSE and not _is_amount(row)
    scale = row.scale if row.scale or as_printed else stated
    return Unit(
        text=row.text,
        label=row.label,
        figures=(*cells, *within),
        row=True,
        columns=(*columns, *[_NO_COLUMN] * len(within)),
        scale=scale,
        loose=broken or row.unit in _LOOSE or bool(_PER_UNIT.search(row.label) or _UNIT_IN_BRACKETS.search(row.label)),
        source=row,
        table=table,
    )


def _is_amount(row: Row) -> bool:
    """Say whether a row that stands under a heading "per share" is a whole amount: by its label and figures."""
    plain = all(not cell.decimals and abs(cell.value) >= _WHOLE for cell in row.cells)
    return row.unit == "per_share" and plain and not _PER_UNIT.search(row.label)


def _figure(cell: Cell, row: Row, column: Column) -> Figure:
    percent = cell.unit == "%" or row.unit == "percent" or column.role == "share"
    return Figure(
        text=cell.text.strip("()$€£ ") or cell.text,
        value=abs(cell.value),
        decimals=cell.decimals,
        scale=0,
        percent=percent,
        start=0,
        negative=cell.value < 0,
        currency="" if percent else figures.currency(row.currency),
    )


def _outside(line: str, above: _Above) -> Unit | None:
    """Return a line with figures that is in no table."""
    row = parsed(line)
    joined = parsed(line, above.style).figures if above.style != "us" else ()
    if above.style == "euro" or not row.figures:
        row, joined = parsed(line, above.style), ()
    columns = _columns(above.head, len(row.figures)) if above.head else list(above.columns)
    columns = columns if len(columns) == len(row.figures) else []
    columns = columns or [_NO_COLUMN] * len(row.figures)
    cells = [(_plain(figure), column) for figure, column in zip(row.figures, columns, strict=True) if figure.value is not None]
    cells += [(_plain(figure), _NO_COLUMN) for figure in joined if figure.value is not None and figure not in row.figures]
    if not cells:
        return None
    cells += [(figure, _NO_COLUMN) for figure in figures.find(row.label, row=True) if not figure.year]
    kind = units.unit_of(row.label, (), row.figures)
    own = units.own_scale(row.label)
    broken = any(cell.decimals and not cell.percent for cell, _ in cells)
    return Unit(
        text=line,
        label=row.label,
        figures=tuple(cell for cell, _ in cells),
        row=True,
        columns=tuple(column for _, column in cells),
        scale=own if own is not None else 0 if kind in ("per_share", "ratio") else above.scale,
        loose=broken or kind in _LOOSE or bool(_PER_UNIT.search(row.label) or _UNIT_IN_BRACKETS.search(row.label)),
        above=" ".join(above.head),
    )


def _plain(figure: Printed) -> Figure:
    """Return a figure of a row that is in no table."""
    return Figure(
        text=figure.text,
        value=abs(figure.value or 0.0),
        decimals=figure.decimals,
        scale=0,
        percent=figure.unit in ("%", "pts"),
        start=0,
        negative=(figure.value or 0.0) < 0,
        currency=figures.currency(figure.currency),
    )


def _columns(head: Sequence[str], count: int) -> list[Column]:
    """Return the columns of a row below a heading: one period for each figure, or the only period for all, with names where it has them."""
    columns = columns_of(head, [False] * count, balance=False)
    if columns:
        return columns
    only = columns_of(head, [False], balance=False)
    if not only:
        return []
    words = _YEARS.sub(" ", " ".join(head)).split()
    apart = len(words) == count > 1 and all(word[0].isupper() for word in words)
    names = words if apart else cut(" ".join(words), count, Names()) or [""] * count
    return [Column(only[0].end, only[0].months, only[0].year, only[0].quarter, name) for name in names]
