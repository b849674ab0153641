"""Which rows of lesser tables repeat a statement: they keep their concepts only where a period that both have agrees."""

from collections.abc import Iterator, Sequence

import msgspec

from jacie_flask.facts.values import Column, Fact, Row, Table, facts_of

_Key = tuple[str, int, int, int]


def confirmed(tables: Sequence[Table]) -> list[Table]:
    """Return tables in which rows of summaries have concepts only where they agree with the document's own statements.

    A segment's results look like an income statement; what tells them apart is that no figure is the company's.
    """
    known: dict[_Key, list[Fact]] = {}
    for table in tables:
        if table.statement and not table.statement.endswith("_summary"):
            for fact in _named(table):
                known.setdefault(_key(fact.row.concept, fact.column), []).append(fact)
    return [_confirmed(table, known) if table.statement.endswith("_summary") else table for table in tables]


def equal(one: Fact, other: Fact) -> bool:
    """Say whether two figures are the same, within the rounding of the coarser one."""
    half = max(10.0 ** (fact.row.scale - fact.cell.decimals) for fact in (one, other)) * 0.501
    return abs(one.amount - other.amount) <= half


def _confirmed(table: Table, known: dict[_Key, list[Fact]]) -> Table:
    agreed: dict[str, bool] = {}
    for fact in _named(table):
        for other in known.get(_key(fact.row.concept, fact.column), ()):
            agreed[fact.row.concept] = agreed.get(fact.row.concept, True) and equal(fact, other)
    rows = [_without_concept(row) if row.concept and not agreed.get(row.concept) else row for row in table.rows]
    return msgspec.structs.replace(table, rows=rows)


def _without_concept(row: Row) -> Row:
    return msgspec.structs.replace(row, concept="")


def _named(table: Table) -> Iterator[Fact]:
    return (fact for fact in facts_of(table) if fact.row.concept and fact.column.year)


def _key(concept: str, column: Column) -> _Key:
    return concept, column.year, column.quarter, column.months
