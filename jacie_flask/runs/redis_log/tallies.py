"""Counts of what callers use, over all workers while Redis answers."""

from collections.abc import Callable

from jacie_flask import measures
from jacie_flask.runs.redis_log.link import Link
from jacie_flask.runs.redis_rows import StoreDown
from jacie_flask.runs.redis_store import RedisStore


class SharedTallies:
    """Counts and places in Redis; ``alone`` counts for this worker while Redis is away."""

    def __init__(self, store: RedisStore, link: Link, alone: Callable[[str, int, int], int]) -> None:
        self._store = store
        self._link = link
        self._alone = alone
        self._in_doubt: set[str] = set()  # callers of whose places Redis may not know the truth

    def count(self, name: str, amount: int, keep_s: int) -> int:
        """Add to a count that is kept ``keep_s`` seconds, and return what it is."""
        try:
            return self._link.ask(lambda: self._store.count(name, amount, keep_s))
        except StoreDown:
            measures.count("rate_limit_fail_open", bound=name.partition(":")[0])
            return self._alone(name, amount, keep_s)

    def occupy(self, caller: str, more: int, mine: int, most: int) -> bool:
        """Say that this worker has ``more`` runs of a caller; False when all workers would have too many."""
        truly = mine if caller in self._in_doubt else None
        try:
            taken = self._link.ask(lambda: self._store.occupy(caller, more, most, truly))
        except StoreDown:
            self._in_doubt.add(caller)
            measures.count("rate_limit_fail_open", bound="runs")
            return True
        if taken:
            self._in_doubt.discard(caller)
        return taken
