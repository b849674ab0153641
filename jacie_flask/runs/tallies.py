"""Counts in the memory of one process."""

import threading
import time
from collections.abc import Callable

_SWEEP_S = 60.0


class MemoryTallies:
    """Counts by name, each forgotten when its time is over."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._counts: dict[str, tuple[int, float]] = {}
        self._sweep_at = 0.0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, name: str, amount: int, keep_s: int) -> int:
        """Add to a count that is kept ``keep_s`` seconds, and return what it is."""
        now = self._clock()
        with self._lock:
            if now >= self._sweep_at:
                self._sweep(now)
            held, until = self._counts.get(name, (0, 0.0))
            if until <= now:
                held, until = 0, now + keep_s
            if amount:
                self._counts[name] = (held + amount, until)
            return held + amount

    def _sweep(self, now: float) -> None:
        self._sweep_at = now + _SWEEP_S
        self._counts = {name: (held, until) for name, (held, until) in self._counts.items() if until > now}
