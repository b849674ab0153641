"""The watch over what keys have open: it ends within seconds of its key."""

import functools
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from jacie_flask import concurrency
from jacie_flask.errors import Unauthorized
from jacie_flask.interfaces import End

log = logging.getLogger(__name__)

EVERY_S = 1.0
_TWICE = 2


@dataclass(eq=False)
class _Open:
    """A run or a stream, and how it is ended."""

    caller: str
    tenant: str
    end: End
    refused: int = 0  # looks in a row


class KeyWatch:
    """Ends what its caller would not be let in for any more; looks every second, for as long as there is something to look at.

    ``refusal(caller, tenant)`` says why, "" for nothing. It has to say so twice in a row: while a file of keys is replaced it may be
    away for a moment, and that must not cut every answer.
    """

    def __init__(
        self, refusal: Callable[[str, str], str], later: Callable[[float, Callable[[], None]], object] = concurrency.later
    ) -> None:
        self._refusal = refusal
        self._later = later
        self._open: set[_Open] = set()
        self._looking = False
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, caller: str, tenant: str, end: End) -> Callable[[], None]:
        """Have ``end`` called with the reason, every second from then on, once it is over; return what stops that."""
        one = _Open(caller, tenant, end)
        with self._lock:
            self._open.add(one)
            start, self._looking = not self._looking, True
        if start:
            self._later(EVERY_S, self._look)
        return lambda: self._open.discard(one)

    def _look(self) -> None:
        refusal = functools.cache(self._refusal)  # thousands of streams of a few keys
        try:
            for one in tuple(self._open):
                reason = refusal(one.caller, one.tenant)
                one.refused = one.refused + 1 if reason else 0
                if one.refused >= _TWICE:
                    self._end(one, reason)
        finally:
            with self._lock:
                self._looking = again = bool(self._open)
            if again:
                self._later(EVERY_S, self._look)

    def _end(self, one: _Open, reason: str) -> None:
        if one.refused == _TWICE:
            log.info("ended what %s had open: %s", one.caller, reason)
        one.end(Unauthorized(reason))
