"""Tables from grids: rows and columns are those of the cells, and nothing about them is guessed from text."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from jacie_flask.facts import units
from jacie_flask.facts.blocks import Block, OpenBlock, RawRow, take_row, take_text
from jacie_flask.facts.cell_columns import Positions, apart, column_of
from jacie_flask.facts.cell_figures import figure_in, style_of_cells
from jacie_flask.facts.cell_signs import with_minus_signs
from jacie_flask.facts.cells import Figure
from jacie_flask.facts.concepts import absolute
from jacie_flask.facts.grid_sections import Section, figures_of, has_period, sections
from jacie_flask.facts.grids import Grid, GridRow, InlineFact
from jacie_flask.facts.headings import is_prose
from jacie_flask.facts.periods import atoms
from jacie_flask.facts.placement import in_unit
from jacie_flask.facts.tags import day_of, months_between, row_concepts, unit_of
from jacie_flask.facts.values import Cell, Column, Row, Table

_TITLE_LINES = 4
_LONGEST_TITLE = 120
_MOST_COLUMNS = 60


@dataclass(frozen=True)
class CellTable:
    """A table, and the concepts that tags give its rows (see ``row_concepts``)."""

    table: Table
    concepts: list[str | None]


StatementOf = Callable[[Sequence[str], str, frozenset[int]], str]
"""Returns the statement that lines name, given the statement of the section before in the grid ("" for none) and the pages."""


@dataclass(frozen=True)
class _Placed:
    """A row's figures by column, the powers of ten that its cells state, and its tags."""

    row: GridRow
    label: str
    figures: dict[int, Figure]
    scales: frozenset[int | None]
    facts: dict[int, InlineFact]


def tables_of_grid(grid: Grid, above: Sequence[str], page: str, statement_of: StatementOf) -> list[CellTable]:
    """Return the tables of a grid; ``above`` are the lines over it, ``page`` is the text of its first page."""
    if any(len(row.cells) > _MOST_COLUMNS for row in grid.rows):
        return []
    grid = msgspec.structs.replace(grid, rows=with_minus_signs(grid.rows))
    style = style_of_cells((cell.text for row in grid.rows for cell in row.cells), page)
    above = [*above, grid.title] if grid.title and grid.title not in above else list(above)
    tables: list[CellTable] = []
    names: list[GridRow] = []
    statement = ""
    for section in sections(grid.rows, style):
        lines = [cell.text for row in section.heads for cell in row.cells]
        pages = frozenset(row.page for row in section.rows)
        statement = statement_of(lines if tables else [*above, *lines], statement, pages)
        if len(section.heads) == 1 and len(section.heads[0].cells) == 1 and names:
            section.heads = [*names, *section.heads]  # a period in a row of its own: the columns keep their names
        names = [row for row in section.heads if not has_period(row) and len(row.cells) > 1]
        table = _table(section, grid, above, style, statement)
        if table:
            tables.append(table)
    return tables


def _table(section: Section, grid: Grid, above: Sequence[str], style: str, statement: str) -> CellTable | None:
    figures = [figures_of(row, style) for row in section.rows]
    places = Positions(figures)
    if not len(places):
        return None
    headers, head = _headers(section.heads, places, above)
    notes = _note_columns(section.heads)
    placed = [_placed(row, places, style, notes) for row in section.rows]
    facts = [[one.facts[at] for one in placed if one and at in one.facts] for at in range(len(places))]
    balance = statement.startswith("balance_sheet")
    columns = [column_of(headers[at], head, facts[at], balance) for at in range(len(places))]
    if not any(column.year and column.role in ("value", "part") for column in columns):
        return None
    columns = apart(_percentages(columns, [one for one in placed if one]), statement=bool(statement))
    rows = _rows(section, head, [_in_period(one, columns) if one else None for one in placed], columns)
    if not rows:
        return None
    source = "xbrl" if any(facts) else grid.source
    concepts = row_concepts([list(one.facts.values()) for _, one in rows])
    rows = [(_with_tagged_signs(row, one, concept), one) for (row, one), concept in zip(rows, concepts, strict=True)]
    table = Table(section.rows[0].page, columns, [], _title(head), statement, source=source)
    table = _with_units(table, rows, head)
    if len(columns) == 1 and not statement and table.scale is None and not table.currency:
        return None  # numbers beside words in any document: nothing says that they are amounts
    return CellTable(table, concepts)


def _with_tagged_signs(row: Row, placed: _Placed, concept: str | None) -> Row:
    """Return a row whose figures have the signs of their tags: the element's meaning, whatever the label prints.

    Expenses and payments keep the printed sign: it is a matter of style.
    """
    if not concept or concept == "income_tax" or absolute(concept):
        return row
    negative = {at: fact.value < 0 for at, fact in placed.facts.items() if fact.value is not None}
    cells = [
        msgspec.structs.replace(cell, value=-abs(cell.value) if negative.get(cell.column, cell.value < 0) else abs(cell.value))
        for cell in row.cells
    ]
    return msgspec.structs.replace(row, cells=cells)


def _headers(heads: Sequence[GridRow], places: Positions, above: Sequence[str]) -> tuple[list[list[str]], list[str]]:
    """Return the header texts of each column, and the lines above them all: those that stand over the labels join them."""
    headers: list[list[str]] = [[] for _ in range(len(places))]
    lines = list(above)
    for row in heads:
        own = [cell for cell in row.cells if cell.column + cell.columns > places.first]
        lines += [cell.text for cell in row.cells if cell not in own or (cell.column < places.first and len(row.cells) == 1)]
        if len(row.cells) == 1 and own and own[0].column < places.first:
            own = []
        for cell, columns in zip(own, places.headers(own), strict=True):
            for at in columns:
                if cell.text not in headers[at]:
                    headers[at].append(cell.text)
    return headers, lines


def _note_columns(heads: Sequence[GridRow]) -> frozenset[int]:
    """Return the positions in the grid that header cells say to be numbers of notes."""
    notes = [cell for row in heads for cell in row.cells if {atom.kind for atom in atoms(cell.text)} == {"note"}]
    return frozenset(at for cell in notes for at in range(cell.column, cell.column + cell.columns))


def _placed(row: GridRow, places: Positions, style: str, notes: frozenset[int]) -> _Placed | None:
    """Return a row's label and its figures in their columns, None where two figures would be in one column."""
    cells = figures_of(row, style)
    taken = {cell.column for cell in cells}
    last = max(taken, default=None)
    label = " ".join(
        cell.text
        for cell in row.cells
        if cell.column not in taken
        and (last is None or (cell.column < last and (cell is row.cells[0] or not places.of(cell))))
        and cell.column not in notes
    )
    figures: dict[int, Figure] = {}
    facts: dict[int, InlineFact] = {}
    scales: set[int | None] = set()
    for cell, at in zip(cells, places.of_row(cells), strict=True):
        found = figure_in(cell, style)
        if found is None or at is None or at in figures:
            return None
        figures[at] = found[0]
        if found[0].value:
            scales.add(found[1])
        if cell.fact is not None:
            facts[at] = cell.fact
    return _Placed(row, label, figures, frozenset(scales), facts)


def _percentages(columns: Sequence[Column], rows: Sequence[_Placed]) -> list[Column]:
    """Return columns in which one of percentages beside values of the same period has the role "share"."""
    percent = [_mostly_percent(at, rows) for at in range(len(columns))]
    periods = Counter((one.end, one.months, one.year, one.quarter) for one in columns if one.role == "value")
    return [
        msgspec.structs.replace(one, role="share")
        if percent[at] and not all(percent) and one.role == "value" and periods[one.end, one.months, one.year, one.quarter] > 1
        else one
        for at, one in enumerate(columns)
    ]


def _mostly_percent(at: int, rows: Sequence[_Placed]) -> bool:
    figures = [row.figures[at] for row in rows if at in row.figures and row.figures[at].value is not None]
    return 2 * sum(figure.unit in ("%", "pts") for figure in figures) > len(figures)


def _in_period(placed: _Placed, columns: Sequence[Column]) -> _Placed:
    """Leave out the figures whose tags state another period than their column; opening balances stay in a column of flows."""
    outside = {at for at, fact in placed.facts.items() if day_of(fact.end) and not _fits(fact, columns[at])}
    if not outside:
        return placed
    figures = {at: figure for at, figure in placed.figures.items() if at not in outside}
    facts = {at: fact for at, fact in placed.facts.items() if at not in outside}
    return replace(placed, figures=figures, facts=facts)


def _fits(fact: InlineFact, column: Column) -> bool:
    if not column.end or (not fact.start and column.months != 0):
        return True
    return day_of(fact.end) == column.end and months_between(fact.start, fact.end) == column.months


def _rows(
    section: Section, head: list[str], placed: Sequence[_Placed | None], columns: Sequence[Column]
) -> list[tuple[Row, _Placed]]:
    block = Block(head)
    state = OpenBlock(block=block)
    kept: list[_Placed] = []
    for number, (row, one) in enumerate(zip(section.rows, placed, strict=True)):
        if one is None:
            continue
        line = " ".join(cell.text for cell in row.cells)
        if not one.figures:
            take_text(state, line)
            continue
        before = len(block.rows)
        take_row(state, line, one.label, tuple(one.figures.values()), number)
        kept += [one] * (len(block.rows) - before)
    first = section.rows[0].page
    pairs = [(_row(raw, one, columns, first), one) for raw, one in zip(block.rows, kept, strict=True)]
    return [(row, one) for row, one in pairs if row]


def _row(raw: RawRow, placed: _Placed, columns: Sequence[Column], first: int) -> Row | None:
    cells = [
        Cell(at, figure.value, figure.text, figure.decimals, "%" if figure.unit == "%" else "")
        for at, figure in sorted(placed.figures.items())
        if figure.value is not None
    ]
    label = raw.label.strip(" :")
    if not cells or not label:
        return None
    values = [figure for at, figure in placed.figures.items() if columns[at].role == "value"]
    unit, page = units.unit_of(label, raw.headings, values), placed.row.page
    total = label.lower().startswith("total")
    return Row(label, cells, raw.text, placed.row.line, raw.headings, unit, total=total, page=page if page != first else 0)


def _with_units(table: Table, rows: Sequence[tuple[Row, _Placed]], head: Sequence[str]) -> Table:
    """Return the table with its rows in its scale: that of the lines above it, else the one by which all formats divide."""
    lines = list(reversed(head))
    formats = {scale for row, one in rows if row.unit == "money" for scale in one.scales}
    scale = units.scale_of(lines)
    if scale is None and len(formats) == 1:
        scale = next(iter(formats))
    tagged = Counter(
        fact.scale for _, one in rows for fact in one.facts.values() if "iso4217" in fact.unit and "/" not in fact.unit
    )
    if tagged:
        scale = tagged.most_common(1)[0][0]
    currency = units.currency_of(lines) or _printed_currency([one for _, one in rows])
    scaled = in_unit([row for row, _ in rows], scale, currency, excepted=units.excepts_shares(head))
    own = [_in_own_unit(row, one) for row, (_, one) in zip(scaled, rows, strict=True)]
    return msgspec.structs.replace(table, rows=own, scale=scale, currency=currency)


def _in_own_unit(row: Row, placed: _Placed) -> Row:
    """Return a row with the scale that its cells state, and with the unit, the currency and the scale that its tags state."""
    own = next(iter(placed.scales)) if len(placed.scales) == 1 else None
    facts = list(placed.facts.values())
    unit, currency = unit_of(facts)
    scales = {fact.scale for fact in facts if fact.scale >= 0}
    if len(scales) == 1:
        own = scales.pop()
    if own is not None:
        row = msgspec.structs.replace(row, scale=own)
    return msgspec.structs.replace(row, unit=unit, currency=currency or row.currency) if unit else row


def _printed_currency(rows: Sequence[_Placed]) -> str:
    signs = (figure.currency for row in rows for figure in row.figures.values() if figure.currency)
    return units.sign_currency(next(signs, ""))


def _title(head: Sequence[str]) -> str:
    lines = [line for line in head if line and len(line) <= _LONGEST_TITLE and not is_prose(line) and not line.endswith(".")]
    return " | ".join(lines[-_TITLE_LINES:])
