"""Sections of a grid: header rows, and the rows below them up to the next header rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from jacie_flask.facts.cell_figures import figure_in
from jacie_flask.facts.grids import GridCell, GridRow
from jacie_flask.facts.periods import PERIODS, atoms

_YEARS = range(1950, 2050)


@dataclass
class Section:
    """Header rows and the rows below them, up to the next header rows of a grid."""

    heads: list[GridRow] = field(default_factory=list)
    rows: list[GridRow] = field(default_factory=list)


def sections(rows: Sequence[GridRow], style: str) -> Iterator[Section]:
    """Yield the sections of a grid's rows; ``style`` is how its cells write thousands."""
    section = Section()
    for row in rows:
        if _is_head(row, style, opened=bool(section.rows)):
            titles = _ending_titles(section.rows, style)
            if len(titles) < len(section.rows):
                section.rows = section.rows[: len(section.rows) - len(titles)]
                yield section
                section = Section()
            section.heads += [*titles, row]
            section.rows = []
        elif section.heads or figures_of(row, style):
            section.rows.append(row)
        else:
            section.heads.append(row)
    if section.rows:
        yield section


def _ending_titles(rows: Sequence[GridRow], style: str) -> list[GridRow]:
    """Return the last rows that have no figures: before header rows they are the title of what follows."""
    last = next((at for at in range(len(rows), 0, -1) if figures_of(rows[at - 1], style)), 0)
    return list(rows[last:])


def _is_head(row: GridRow, style: str, *, opened: bool) -> bool:
    """Say whether a row heads columns: it has a period, names or a unit behind its first cell, and no figures but years."""
    if not row.cells or figures_of(row, style):
        return False
    if len(row.cells) == 1 and not row.cells[0].header:
        return has_period(row) and (row.cells[0].columns > 1 or row.cells[0].column > 0 or not opened)
    return has_period(row) or not opened or all(cell.header for cell in row.cells)


def has_period(row: GridRow) -> bool:
    """Say whether a row names a period or a part of one."""
    return any(atom.kind in PERIODS or atom.kind == "duration" or atom.month for cell in row.cells for atom in atoms(cell.text))


def figures_of(row: GridRow, style: str) -> list[GridCell]:
    """Return the cells of a row that are figures; none where they are years and dates alone, or stand in its first cell."""
    cells = [cell for cell in row.cells if _holds_figure(cell, style)]
    cells = [cell for cell in cells if cell is not row.cells[0] or cell.column > 0 or len(row.cells) == 1]
    return [] if all(_is_year(cell) for cell in cells) else cells


def _holds_figure(cell: GridCell, style: str) -> bool:
    return figure_in(cell, style) is not None


def _is_year(cell: GridCell) -> bool:
    return cell.text.isdigit() and len(cell.text) == 4 and int(cell.text) in _YEARS and cell.fact is None
