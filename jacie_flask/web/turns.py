"""Whose turn it is: of what costs processor time each caller has a few at once in a worker, and the rest of its requests wait."""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager

from jacie_flask import concurrency
from jacie_flask.errors import RateLimited

_RETRY_S = 1.0
_LOOK_AGAIN_S = 5.0


class _Place:
    """What one caller has: requests at work, and those that wait."""

    __slots__ = ("free", "waiting", "working")

    def __init__(self) -> None:
        self.working = 0
        self.waiting = 0
        self.free = concurrency.bell()


class Turns:
    """``at_once`` requests of a caller at work, ``waiting`` behind them; more are refused."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._at_once = at_once
        self._most = at_once + waiting
        self._places: dict[str, _Place] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._places)

    @contextlib.contextmanager
    def take(self, caller: str, there: AbstractContextManager[None]) -> Iterator[None]:
        """Work when it is the caller's turn; raise RateLimited. It waits within ``there``, which may raise to leave."""
        place = self._come(caller)
        begun = False
        try:
            with there:
                self._wait(place)
                begun = True
            yield
        finally:
            self._go(caller, place, begun=begun)

    def _come(self, caller: str) -> _Place:
        with self._lock:
            place = self._places.setdefault(caller, _Place())
            if place.working + place.waiting >= self._most:
                raise RateLimited(reason=f"at most {self._most:,} pages at the same time", retry_after_s=_RETRY_S)
            place.waiting += 1
            return place

    def _wait(self, place: _Place) -> None:
        while not self._begun(place):
            place.free.wait(_LOOK_AGAIN_S, lambda: place.working < self._at_once)

    def _begun(self, place: _Place) -> bool:
        with self._lock:
            if place.working >= self._at_once:
                return False
            place.waiting, place.working = place.waiting - 1, place.working + 1
            return True

    def _go(self, caller: str, place: _Place, *, begun: bool) -> None:
        with self._lock:
            if begun:
                place.working -= 1
            else:  # its client has left
                place.waiting -= 1
            if not place.waiting and not place.working:
                del self._places[caller]
        place.free.ring()
