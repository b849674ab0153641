"""Who reads which run on this worker, and how long a run goes on that its last reader has left."""

import threading
from collections.abc import Callable

from jacie_flask import concurrency

SENT_ON_S = 10.0
"""How long a reader may take at least that was sent to another worker: it did not leave of its own will."""


class _Readers:
    """The readers of one run: how many, and the grace that runs since the last one left."""

    __slots__ = ("alarm", "count", "departures", "grace_s")

    def __init__(self) -> None:
        self.count = 0
        self.departures = 0
        self.grace_s = 0.0
        self.alarm: concurrency.Alarm | None = None

    def stop_alarm(self) -> None:
        if self.alarm:
            self.alarm.cancel()
            self.alarm = None


class Readers:
    """The readers of runs by id, whether or not this worker works on the run: it may adopt what its readers follow.

    ``deserted`` is called with a run that nobody read for its grace, once for each time that it was left. A run that nobody ever
    read is never deserted. Methods may be called from several threads; ``deserted`` is called without the lock.
    """

    def __init__(
        self,
        deserted: Callable[[str], None],
        later: Callable[[float, Callable[[], object]], concurrency.Alarm] = concurrency.later,
    ) -> None:
        self._deserted = deserted
        self._later = later
        self._runs: dict[str, _Readers] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._runs)

    def count(self, run_id: str) -> int:
        """Return how many read the run here."""
        known = self._runs.get(run_id)
        return known.count if known else 0

    def came(self, run_id: str) -> None:
        """Count a reader in."""
        with self._lock:
            known = self._runs.setdefault(run_id, _Readers())
            known.count += 1
            known.stop_alarm()

    def left(self, run_id: str, grace_s: float | None) -> None:
        """Count a reader out; when it was the last one the run has ``grace_s`` seconds, or has ended if that is None."""
        with self._lock:
            known = self._runs[run_id]
            known.count -= 1
            if known.count:
                return
            if grace_s is None:
                del self._runs[run_id]
                return
            known.grace_s = grace_s
            if grace_s > 0:
                self._begin_grace(run_id, known)
                return
            del self._runs[run_id]
        self._deserted(run_id)

    def polled(self, run_id: str, grace_s: float) -> None:
        """Begin the grace of a run anew that was left: somebody asked for its state, or reads it on another worker."""
        with self._lock:
            known = self._runs.get(run_id)
            if known and not known.count:
                known.grace_s = max(known.grace_s, grace_s)
                self._begin_grace(run_id, known)

    def ended(self, run_id: str) -> None:
        """Forget a run that has ended, except those who still read it."""
        with self._lock:
            known = self._runs.get(run_id)
            if known and not known.count:
                known.stop_alarm()
                del self._runs[run_id]

    def _begin_grace(self, run_id: str, known: _Readers) -> None:
        known.stop_alarm()
        known.departures += 1
        departure = known.departures
        known.alarm = self._later(known.grace_s, lambda: self._grace_over(run_id, known, departure))

    def _grace_over(self, run_id: str, known: _Readers, departure: int) -> None:
        with self._lock:
            if self._runs.get(run_id) is not known or known.count or known.departures != departure:
                return
            del self._runs[run_id]
        self._deserted(run_id)
