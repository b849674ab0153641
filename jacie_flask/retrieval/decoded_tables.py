"""The tables of the documents that were asked for last, decoded."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from jacie_flask.facts.packing import unpacked
from jacie_flask.facts.values import Table

Key = TypeVar("Key", bound=Hashable)

_KEPT_CELLS = 400_000
"""About 100 MB: the tables of some 150 annual reports."""


class DecodedTables(Generic[Key]):
    """Decoded tables by key, bounded by their cells; safe for several threads."""

    def __init__(self, cells: int = _KEPT_CELLS) -> None:
        self._most = cells
        self._cells = 0
        self._kept: OrderedDict[Key, tuple[list[Table], int]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, key: Key, read: Callable[[], bytes]) -> list[Table] | None:
        """Return the tables kept under ``key``, or those that ``read`` has the bytes of; None where these are damaged."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
        try:
            tables = unpacked(read())
        except ValueError:
            return None
        self._keep(key, tables)
        return tables

    def _keep(self, key: Key, tables: list[Table]) -> None:
        cells = sum(len(row.cells) + 1 for table in tables for row in table.rows)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = tables, cells
                self._cells += cells
            while self._cells > self._most and len(self._kept) > 1:
                self._cells -= self._kept.popitem(last=False)[1][1]
