"""Who goes first: the order in which native threads are given to what waits for one, and stepping back for others."""

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


def offload(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run C code that drops the GIL (numpy, onnxruntime, sqlite) without holding up other greenlets; return its value."""
    if not patched():
        return function(*args, **kwargs)
    import gevent  # noqa: PLC0415

    if not gevent.get_hub().main_hub:  # whose turns they are
        return gevent.get_hub().threadpool.apply(function, args, kwargs)
    _turns.take()
    try:
        return gevent.get_hub().threadpool.apply(function, args, kwargs)
    finally:
        _turns.give()


class _Turns:
    """As many native threads as there are processors; of those who wait, what was spawned first goes first.

    Were it first come, first served, many questions at once would go through each step together and all be done at the end; so
    the first of them is done early, and half of them in half the time.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: list[tuple[int, int, Any]] = []

    def take(self) -> None:
        """Wait for a turn."""
        if self._free:
            self._free -= 1
            return
        import gevent  # noqa: PLC0415
        from gevent.event import Event  # noqa: PLC0415

        come = Event()
        place = (getattr(gevent.getcurrent(), "born", 0), next(births), come)
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


births = itertools.count(1)
"""What was spawned first has the lower number; a greenlet keeps its own as ``born``."""
_turns = _Turns(max(2, os.cpu_count() or 1))
