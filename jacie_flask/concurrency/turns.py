"""Who goes first: the order in which those go on who are ready, and in which native threads are given to what waits for one."""

import contextvars
import heapq
import itertools
import os
import time
from collections.abc import Callable
from typing import Any

from jacie_flask.concurrency.patching import patched


def breathe() -> None:
    """Let others go first: what was just reported leaves, here and for all who report now, before the work after it begins."""
    time.sleep(0)  # gevent's when patched: readers that were woken stand behind this
    time.sleep(0)  # and here behind all of them


def queue() -> None:
    """Let others go first as ``breathe`` does, and then those who were spawned before: they have waited longest."""
    if not patched():
        time.sleep(0)
        return
    import gevent  # noqa: PLC0415

    if gevent.get_hub().main_hub:
        _line.wait()
    else:
        time.sleep(0)


def offload(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run C code that drops the GIL (numpy, onnxruntime, sqlite) without holding up other greenlets; return or raise what it does."""
    if not patched():
        return function(*args, **kwargs)
    import gevent  # noqa: PLC0415

    hub = gevent.get_hub()
    if not hub.main_hub:  # whose turns they are
        value, error = hub.threadpool.apply(_outcome, (function, args, kwargs))
    else:
        _turns.take()
        try:
            value, error = hub.threadpool.apply(_outcome, (function, args, kwargs))
        finally:
            _turns.give()
    if error is not None:
        raise error
    return value


def _outcome(function: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, Exception | None]:
    """Return what a function returns or raises: gevent prints what leaves a native thread, though the caller expects it."""
    try:
        return function(*args, **kwargs), None
    except Exception as error:  # noqa: BLE001  # raised again where it is awaited
        return None, error


_births = itertools.count(1)
_place: contextvars.ContextVar[int] = contextvars.ContextVar("place", default=0)
"""Where a task stands among all that were spawned; what it has done in pools stands there as well."""


def placed(function: Callable[[], None]) -> Callable[[], None]:
    """Return the function with a place of its own, behind all that were spawned before."""
    place = next(_births)

    def run() -> None:
        _place.set(place)
        function()

    return run


class _Line:
    """Those who are ready to go on: each time the loop has looked after sockets, the one that was spawned first does.

    Were it each in turn, many questions at once would go through each step together and all be done at the end; so the first
    of them is done early, and half of them in half the time.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, Any]] = []
        self._timer: Any = None

    def wait(self) -> None:
        """Wait until nobody who was spawned before is ready, and the loop has come round once."""
        from gevent.hub import Waiter  # noqa: PLC0415

        waiter = Waiter()
        one = (_place.get(), next(_births), waiter)
        heapq.heappush(self._waiting, one)
        if self._timer is None:
            self._timer = waiter.hub.loop.timer(0.0)
            self._timer.start(self._next)
        try:
            waiter.get()
        except BaseException:  # a kill
            self._waiting.remove(one)
            heapq.heapify(self._waiting)
            raise

    def _next(self) -> None:
        self._timer.close()
        self._timer = None
        if not self._waiting:
            return
        waiter = heapq.heappop(self._waiting)[2]
        if self._waiting:
            self._timer = waiter.hub.loop.timer(0.0)
            self._timer.start(self._next)
        waiter.switch(None)


class _Turns:
    """As many native threads as there are processors; of those who wait, what was spawned first goes first, as in the line."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: list[tuple[int, int, Any]] = []

    def take(self) -> None:
        """Wait for a turn."""
        if self._free:
            self._free -= 1
            return
        from gevent.event import Event  # noqa: PLC0415

        come = Event()
        place = (_place.get(), next(_births), come)
        heapq.heappush(self._waiting, place)
        try:
            come.wait()
        except BaseException:  # a kill
            if come.is_set():
                self.give()
            else:
                self._waiting.remove(place)
                heapq.heapify(self._waiting)
            raise

    def give(self) -> None:
        """Hand the turn on."""
        if self._waiting:
            heapq.heappop(self._waiting)[2].set()
        else:
            self._free += 1


_line = _Line()
_turns = _Turns(max(2, os.cpu_count() or 1))
