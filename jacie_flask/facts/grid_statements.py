"""Grids of a document as tables: the lines above each, and which statement it is."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jacie_flask.facts.cell_tables import CellTable, tables_of_grid
from jacie_flask.facts.grids import Grid
from jacie_flask.text.labels import STATEMENTS, SUMMARIES, titles
from jacie_flask.text.notemarks import removed

_MOST_ABOVE = 8
_BEFORE = 3
_SHORT_TITLES = {
    "income_statement": re.compile(r"p ?& ?l|profit (?:and|&) loss(?: account)?|(?:consolidated )?income(?: statement)?"),
    "balance_sheet": re.compile(r"(?:consolidated )?balance(?: ?sheet)?|(?:statement of )?financial position"),
    "cash_flow": re.compile(r"(?:consolidated )?cash ?flows?(?: statement)?"),
}


@dataclass(frozen=True)
class _Document:
    """Page texts as lines, their labels, the statements that any page carries, and the largest grid that begins on each page."""

    pages: list[list[str]]
    labels: Mapping[int, list[str]]
    known: frozenset[str]
    largest: Mapping[int, Grid]


def tables_of_grids(
    grids: Sequence[Grid], pages: Sequence[str], labels: Mapping[int, list[str]]
) -> tuple[list[CellTable], dict[int, frozenset[int]]]:
    """Return the tables of a document's grids, and the numbers of the lines on each page that these tables are made of."""
    if not grids:
        return [], {}
    largest: dict[int, Grid] = {}
    for grid in grids:
        for page in {row.page for row in grid.rows}:
            if page not in largest or len(grid.rows) > len(largest[page].rows):
                largest[page] = grid
    known = frozenset(label for of_page in labels.values() for label in of_page)
    document = _Document([page.split("\n") for page in pages], labels, known, largest)
    tables: list[CellTable] = []
    read: dict[int, set[int]] = {}
    taken: dict[int, int] = {}
    for grid in grids:
        first, last = grid.rows[0], grid.rows[-1]
        above = _above(document, first.page, first.line, taken.get(first.page, -1))
        taken[last.page] = last.line
        of_grid = tables_of_grid(grid, above, pages[first.page - 1], _Naming(document, grid).statement)
        tables += of_grid
        for row in grid.rows if of_grid else ():
            read.setdefault(row.page, set()).add(row.line)
    return tables, {page: frozenset(lines) for page, lines in read.items()}


def _above(document: _Document, page: int, line: int, after: int) -> list[str]:
    """Return the lines over a grid behind line ``after``; at the top of a page the last ones of the page before join them."""
    lines = [removed(one) for one in document.pages[page - 1][after + 1 : line] if one.strip()]
    if len(lines) < _BEFORE and page > 1 and after < 0:
        before = [one for one in document.pages[page - 2] if one.strip()]
        lines = [*before[-_BEFORE:], *lines]
    return lines[-_MOST_ABOVE:]


@dataclass(frozen=True)
class _Naming:
    """Which statements the sections of a grid are."""

    document: _Document
    grid: Grid

    def statement(self, lines: Sequence[str], previous: str, pages: frozenset[int]) -> str:
        """Return the statement that lines name among those of the pages, or one that no page of the document carries."""
        own = [name for name in (*STATEMENTS, *SUMMARIES) if any(name in self.document.labels.get(page, ()) for page in pages)]
        named = _named(lines)
        for name in own:
            if name.removesuffix("_summary") in named:
                return name
        others = [name for name in named if name not in self.document.known]
        if others:
            return others[-1]
        if named or previous:
            return "" if named else previous
        largest = any(self.document.largest.get(page) is self.grid for page in pages)
        return own[0] if len(own) == 1 and largest else ""


def _named(lines: Sequence[str]) -> list[str]:
    """Return the statements that lines name, the last named last."""
    found: dict[str, int] = {}
    for number, line in enumerate(lines):
        text = line.lower().strip()
        short = [name for name, pattern in _SHORT_TITLES.items() if pattern.fullmatch(text)]
        for name in (*titles([text]), *short):
            found[name] = number
    return sorted(found, key=lambda name: found[name])
