"""The books of the companies that were asked about last, built from the tables of their filings."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from jacie_flask.facts.book import Book, Filing
from jacie_flask.interfaces import DocumentTables

_KEPT = 64
_FILINGS = 40
_NEWEST = 8
_REACH = 3


class Books:
    """Books by the content of their filings: the same filings give the same book; safe for several threads."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._most = kept
        self._kept: OrderedDict[tuple[tuple[Filing, str], ...], Book] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, filings: Sequence[Filing], tables: Mapping[str, DocumentTables]) -> Book:
        """Return the book of the filings whose tables are here."""
        here = [filing for filing in filings if filing.document_id in tables]
        key = tuple((filing, tables[filing.document_id].content_hash) for filing in here)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        book = Book([(filing, tables[filing.document_id].tables) for filing in here])
        with self._lock:
            self._kept[key] = book
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return book


def worth_reading(filings: Sequence[Filing], years: Sequence[int]) -> list[Filing]:
    """Return the filings of a company whose tables a question can need: all of a few, else those near its years and the newest."""
    ordered = sorted(filings, key=lambda one: one.order)
    if len(ordered) <= _FILINGS:
        return ordered
    near = [one for one in ordered if any(-1 <= one.year - year <= _REACH for year in years)]
    chosen = dict.fromkeys([*ordered[-_NEWEST:], *near[::-1]])
    return sorted(list(chosen)[:_FILINGS], key=lambda one: one.order)
