"""Packed tables: whole, or refused."""

import zlib

import pytest

from jacie_flask.facts.packing import packed, unpacked
from jacie_flask.facts.values import Cell, Column, Row, Table

TABLES = [
    Table(
        page=3,
        columns=[Column("2023-12-31", 12, 2023), Column("2022-12-31", 12, 2022)],
        rows=[
            Row(
                "Revenue", [Cell(0, 42_280.0, "42,280"), Cell(1, 39_265.0, "39,265")], headings=["Group"], scale=6, currency="ZAR"
            )
        ],
        title="Income statement",
        statement="income_statement",
    )
]


@pytest.mark.parametrize("tables", [[], TABLES])
def test_tables_survive_packing(tables):
    """What is unpacked equals what was packed."""
    assert unpacked(packed(tables)) == tables


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-3], lambda data: b"", lambda data: b"x" + data, lambda data: zlib.compress(b"\x93")]
)
def test_damaged_tables_are_refused(damage):
    """Bytes that are not whole raise ValueError, never anything else."""
    with pytest.raises(ValueError):  # noqa: PT011  # zlib's and msgpack's own words
        unpacked(damage(packed(TABLES)))
