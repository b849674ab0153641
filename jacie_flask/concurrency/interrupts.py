"""Waits of a thread that another thread may end: what a throw is for a greenlet."""

import threading
from collections.abc import Callable
from typing import Self

_here = threading.local()


class Interrupt:
    """An error for the thread that works within it (``with``): raised once, where it waits at a bell, and there at once.

    Greenlets of a patched process can be thrown at and do not look at it.
    """

    def __init__(self) -> None:
        self.wake: Callable[[], None] | None = None
        self._reason: Exception | None = None
        self._taken = False

    def __enter__(self) -> Self:
        _here.interrupt = self
        return self

    def __exit__(self, *_: object) -> None:
        _here.interrupt = _NEVER

    @property
    def told(self) -> bool:
        """Whether there is a reason that nobody has taken."""
        return self._reason is not None and not self._taken

    def tell(self, reason: Exception) -> None:
        """End the wait that goes on, or else the next one; the first reason stays."""
        self._reason = self._reason or reason
        wake = self.wake
        if wake is not None:
            wake()

    def take(self) -> Exception | None:
        """Return the reason, to whoever asks first."""
        if not self.told:
            return None
        self._taken = True
        return self._reason


_NEVER = Interrupt()


def interrupt_here() -> Interrupt:
    """Return what may end the waits of this thread."""
    found: Interrupt = getattr(_here, "interrupt", _NEVER)
    return found
