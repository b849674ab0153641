"""What happens when a time has come: the one coarse clock of a gevent process, and alarms, which threads have as well."""

import math
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from jacie_flask.concurrency.patching import patched


class Waiting:
    """Something that must not wait for ever; ``due_at`` is in seconds of ``time.monotonic`` and may move while it is watched."""

    __slots__ = ("_tick", "due_at")

    due_at: float
    _tick: int

    def late(self) -> None:
        """Hear that ``due_at`` has passed; called in the hub, so it may wake greenlets and must not wait itself."""


class Ticker:
    """One coarse clock for all waits of a gevent process: a timer for each of thousands would cost more than their work.

    Waits are kept by the tick in which they end, so a tick touches none but its own. Thousands may be late at once: the loop
    looks after sockets every few milliseconds while it wakes them.
    """

    EVERY_S = 0.1
    LOOK_AGAIN_S = 2.0

    def __init__(self) -> None:
        self._waits: dict[int, set[Waiting]] = {}
        self._timer: Any = None
        self._ticked = 0

    def __len__(self) -> int:
        return sum(map(len, self._waits.values()))

    def watch(self, waiting: Waiting) -> None:
        """Call ``waiting.late()`` within a moment after its ``due_at``, unless it was forgotten before."""
        due_at = waiting.due_at
        tick = int((due_at if due_at != math.inf else time.monotonic() + self.LOOK_AGAIN_S) / self.EVERY_S) + 1
        waiting._tick = tick = max(tick, self._ticked + 1)
        waits = self._waits.get(tick)
        if waits is None:
            waits = self._waits[tick] = set()
        waits.add(waiting)
        if self._timer is None:
            self._start()

    def sooner(self, waiting: Waiting) -> None:
        """Take note that ``due_at`` of something watched may have come nearer; that it moved away is noticed anyway."""
        if waiting.due_at < waiting._tick * self.EVERY_S:
            self.forget(waiting)
            self.watch(waiting)

    def forget(self, waiting: Waiting) -> None:
        """Do not call it any more; unknown ones are fine."""
        waits = self._waits.get(waiting._tick)
        if waits is not None:
            waits.discard(waiting)

    def _start(self) -> None:
        import gevent  # noqa: PLC0415

        self._ticked = int(time.monotonic() / self.EVERY_S)
        self._timer = gevent.get_hub().loop.timer(self.EVERY_S, self.EVERY_S)
        self._timer.start(self._look)

    def _look(self) -> None:
        now = time.monotonic()
        current = int(now / self.EVERY_S)
        for tick in range(self._ticked + 1, current + 1):
            self._ticked = tick
            for waiting in self._waits.pop(tick, ()):
                if waiting.due_at <= now:
                    waiting.late()
                else:
                    self.watch(waiting)
        if not self._waits:
            self._timer.close()
            self._timer = None


ticker = Ticker()


class Alarm(Protocol):
    """A function that will be called later unless it is cancelled."""

    def cancel(self) -> None:
        """Forget about the call."""


def later(seconds: float, function: Callable[[], Any]) -> Alarm:
    """Call ``function`` in ``seconds``, to a tenth of a second."""
    if patched():
        return _GreenAlarm(seconds, function)
    timer = threading.Timer(seconds, function)
    timer.daemon = True
    timer.start()
    return timer


class _GreenAlarm(Waiting):
    __slots__ = ("_function",)

    def __init__(self, seconds: float, function: Callable[[], Any]) -> None:
        self._function = function
        self.due_at = time.monotonic() + seconds
        ticker.watch(self)

    def late(self) -> None:
        import gevent  # noqa: PLC0415

        gevent.spawn(self._function)

    def cancel(self) -> None:
        ticker.forget(self)
