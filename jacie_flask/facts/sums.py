"""Totals that a statement leaves to its reader: the sum of the rows under a heading, up to the first row that is something else."""

import re
from collections.abc import Sequence

import msgspec

from jacie_flask.facts.concepts import Rule, folded, rules
from jacie_flask.facts.values import Cell, Row, Table

_FEWEST_PARTS = 2
_TEXT = 400


def with_sums(tables: Sequence[Table]) -> list[Table]:
    """Return tables whose statements have a row for each concept that they state in parts only (``parts`` in concepts.toml)."""
    return [_summed(table) if table.statement and not table.statement.endswith("_summary") else table for table in tables]


def _summed(table: Table) -> Table:
    for rule in rules():
        if rule.parts and rule.statement == table.statement and all(row.concept != rule.concept for row in table.rows):
            parts = _parts(table.rows, rule.parts)
            if parts:
                table = _with_sum(table, rule, parts)
    return table


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


def _with_sum(table: Table, rule: Rule, parts: Sequence[int]) -> Table:
    rows = [table.rows[at] for at in parts]
    last = rows[-1]
    assert rule.parts
    named = next(match for one in rows[0].headings if (match := rule.parts.match(folded(one))))
    cells = [_sum([row.cells[at] for row in rows]) for at in range(len(last.cells))]
    text = " + ".join(row.text for row in rows)
    total = msgspec.structs.replace(
        last,
        label=f"{named.group().strip().capitalize()} (sum of {len(rows)} rows)",
        cells=cells,
        text=text if len(text) <= _TEXT else text[: _TEXT - 1] + "…",
        concept=rule.concept,
        total=True,
    )
    at = parts[-1] + 1
    return msgspec.structs.replace(table, rows=[*table.rows[:at], total, *table.rows[at:]])


def _sum(cells: Sequence[Cell]) -> Cell:
    decimals = max(cell.decimals for cell in cells)
    value = round(sum(cell.value for cell in cells), decimals)
    return Cell(cells[0].column, value, f"{value:,.{decimals}f}", decimals)
