"""Bells: one rings, and all that wait for something new go on."""

import threading
import time
from collections.abc import Callable
from typing import Protocol

from jacie_flask.concurrency.clock import Waiting, ticker
from jacie_flask.concurrency.interrupts import interrupt_here
from jacie_flask.concurrency.patching import patched


class Bell(Protocol):
    """Wakes all that wait for something new; whoever waits has checked before that there is nothing."""

    def ring(self) -> None:
        """Wake everybody who waits."""

    def wait(self, timeout_s: float, ready: Callable[[], bool]) -> None:
        """Wait until the bell rings or ``timeout_s`` has passed, unless ``ready()`` holds already.

        Raise what a thread's Interrupt was told meanwhile.
        """


def bell() -> Bell:
    """Return a new bell."""
    return _GreenBell() if patched() else _ThreadBell()


class _GreenBell:
    """Waits cost one switch and no timer: the ticker wakes those whose time is up."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[_GreenWait] = []

    def ring(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for one in waiting:
                one.late()

    def wait(self, timeout_s: float, ready: Callable[[], bool]) -> None:
        if timeout_s <= 0 or ready():
            return
        one = _GreenWait(timeout_s)
        self._waiting.append(one)
        ticker.watch(one)
        try:
            one.waiter.get()
        finally:
            ticker.forget(one)
            if one in self._waiting:
                self._waiting.remove(one)


class _GreenWait(Waiting):
    __slots__ = ("waiter",)

    def __init__(self, timeout_s: float) -> None:
        from gevent.hub import Waiter  # noqa: PLC0415

        self.due_at = time.monotonic() + timeout_s
        self.waiter = Waiter()

    def late(self) -> None:
        self.waiter.hub.loop.run_callback(self.waiter.switch, None)


class _ThreadBell:
    """Who is interrupted wakes the others at the bell as well: they count the rings, and wait on."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._rings = 0

    def ring(self) -> None:
        with self._changed:
            self._rings += 1
            self._changed.notify_all()

    def wait(self, timeout_s: float, ready: Callable[[], bool]) -> None:
        interrupt = interrupt_here()
        interrupt.wake = self._look_up  # before it is asked: whoever tells it meanwhile wakes us
        try:
            with self._changed:
                if timeout_s > 0 and not ready():
                    rings = self._rings
                    self._changed.wait_for(lambda: self._rings != rings or interrupt.told, timeout_s)
        finally:
            interrupt.wake = None
        reason = interrupt.take()
        if reason is not None:
            raise reason

    def _look_up(self) -> None:
        with self._changed:
            self._changed.notify_all()
