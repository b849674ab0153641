"""Totals that a statement leaves to its reader: the sum of the rows under a heading, up to the first row that is something else."""

import re
from collections.abc import Sequence

import msgspec

from jacie_flask.facts.concepts import folded, rules
from jacie_flask.facts.values import Cell, Row, Table

_FEWEST_PARTS = 2
_TEXT = 400


def with_sums(tables: Sequence[Table]) -> list[Table]:
    """Return tables whose statements have a row for each concept that they state in parts only (``parts`` in concepts.toml)."""
    return [_summed(table) if table.statement and not table.statement.endswith("_summary") else table for table in tables]


def _summed(table: Table) -> Table:
    for rule in rules():
        if rule.statement != table.statement or any(row.concept == rule.concept for row in table.rows):
            continue
        if rule.parts and (parts := _parts(table.rows, rule.parts)):
            named = next(match for one in table.rows[parts[0]].headings if (match := rule.parts.match(folded(one))))
            table = _with_sum(table, rule.concept, named.group().strip().capitalize(), parts)
        if rule.summands and (parts := _summands(table.rows, rule.summands)):
            table = _with_sum(table, rule.concept, rule.concept.replace("_", " and ").capitalize(), parts)
    return table


def _summands(rows: Sequence[Row], kinds: Sequence[re.Pattern[str]]) -> list[int]:
    """Return the positions of the rows that are one of several kinds; [] where a kind is missing or they have different columns."""
    found: list[int] = []
    for kind in kinds:
        own = [at for at, row in enumerate(rows) if row.unit == "money" and kind.fullmatch(folded(row.label))]
        if not own:
            return []
        found += own
    columns = {tuple(cell.column for cell in rows[at].cells) for at in found}
    return sorted(set(found)) if len(columns) == 1 else []


def _parts(rows: Sequence[Row], heading: re.Pattern[str]) -> list[int]:
    """Return the positions of the rows under a heading; [] where their end is not certain or a total of theirs is printed."""
    found: list[int] = []
    for at, row in enumerate(rows):
        under = any(heading.match(folded(one)) for one in row.headings)
        if not found and not under:
            continue
        if row.concept or not under:
            break
        if row.total or row.unit != "money":
            return []
        found.append(at)
    columns = {tuple(cell.column for cell in rows[at].cells) for at in found}
    return found if len(found) >= _FEWEST_PARTS and len(columns) == 1 and found[-1] + 1 < len(rows) else []


def _with_sum(table: Table, concept: str, name: str, parts: Sequence[int]) -> Table:
    rows = [table.rows[at] for at in parts]
    text = " + ".join(row.text for row in rows)
    total = msgspec.structs.replace(
        rows[-1],
        label=f"{name} (sum of {len(rows)} rows)",
        cells=[_sum([row.cells[at] for row in rows]) for at in range(len(rows[-1].cells))],
        text=text if len(text) <= _TEXT else text[: _TEXT - 1] + "…",
        concept=concept,
        total=True,
    )
    at = parts[-1] + 1
    return msgspec.structs.replace(table, rows=[*table.rows[:at], total, *table.rows[at:]])


def _sum(cells: Sequence[Cell]) -> Cell:
    decimals = max(cell.decimals for cell in cells)
    value = round(sum(cell.value for cell in cells), decimals)
    return Cell(cells[0].column, value, f"{value:,.{decimals}f}", decimals)
