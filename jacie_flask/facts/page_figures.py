"""Which line items stand on which page of a document: terms that indexes keep, so that a page is found by what its tables state."""

import zlib
from collections.abc import Sequence

from jacie_flask.facts.values import Row, Table
from jacie_flask.text.labels import STATEMENTS
from jacie_flask.text.terms import NUMBER_BIT

IN_STATEMENT, IN_TABLE = 2, 1
"""How often a line item counts on a page: in one of the primary statements, or in another table."""


def figure_id(concept: str, year: int = 0) -> int:
    """Return the term of a line item (an id of concepts.toml), or of its figure for one fiscal year."""
    return zlib.crc32(f"{concept}@{year}".encode()) & ~NUMBER_BIT or 1


def page_figures(tables: Sequence[Table]) -> dict[int, list[int]]:
    """Return the terms of the line items on each page, by page number from 1; each as often as it counts."""
    pages: dict[int, dict[int, int]] = {}
    for table in tables:
        weight = IN_STATEMENT if table.statement in STATEMENTS else IN_TABLE
        for row in table.rows:
            if row.concept and row.cells:
                counts = pages.setdefault(row.page or table.page, {})
                for term in _terms(row, table):
                    counts[term] = max(weight, counts.get(term, 0))
    return {page: [term for term, count in counts.items() for _ in range(count)] for page, counts in pages.items()}


def _terms(row: Row, table: Table) -> set[int]:
    """Return the terms of one row: the line item, and its figure for each fiscal year of the row's columns."""
    columns = (table.columns[cell.column] for cell in row.cells)
    years = {column.year for column in columns if column.role == "value" and column.year}
    return {figure_id(row.concept), *(figure_id(row.concept, year) for year in years)}
