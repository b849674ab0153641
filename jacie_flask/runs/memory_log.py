"""The run log in memory: for one worker; finished runs are kept for a while, and the oldest make room."""

import threading
import time
from collections.abc import Callable, Sequence

import msgspec

from jacie_flask.errors import Conflict, NotFound, StateLost
from jacie_flask.interfaces import Entry, RunInfo


class _Run:
    def __init__(self, info: RunInfo) -> None:
        self.info = info
        self.entries: list[Entry] = []
        self.bytes = 0
        self.changed = threading.Condition()


class MemoryLog:
    """Runs by id; at most ``max_bytes`` of finished ones, none longer than ``keep_s`` seconds after its end."""

    label = "memory"

    def __init__(self, *, keep_s: float, max_bytes: int = 256_000_000, clock: Callable[[], float] = time.time) -> None:
        self._keep_s = keep_s
        self._max_bytes = max_bytes
        self._clock = clock
        self._runs: dict[str, _Run] = {}
        self._keys: dict[str, tuple[str, str]] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def create(self, info: RunInfo) -> None:
        """Open an empty log for a new run."""
        with self._lock:
            self._runs[info.run_id] = _Run(info)
            self._expire()

    def claim(self, key: str, fingerprint: str, run_id: str) -> str:
        """Return the run that the key stands for; raise Conflict when it was claimed for another fingerprint."""
        with self._lock:
            held, owner = self._keys.get(key, ("", ""))
            if owner not in self._runs:
                self._keys[key] = (fingerprint, run_id)
                return run_id
        if held != fingerprint:
            raise Conflict(f"idempotency key {key[:40]!r} was used with another body")
        return owner

    def append(self, run_id: str, entries: Sequence[Entry]) -> None:
        """Add entries in order and wake the readers; raise StateLost when the log is gone."""
        run = self._runs.get(run_id)
        if run is None:
            raise StateLost(f"run {run_id} is not in the log")
        size = sum(len(item.data) for item in entries)
        with run.changed:
            run.entries.extend(entries)
            run.bytes += size
            self._bytes += size
            finished = run.info.finished or entries[-1].terminal
            run.info = msgspec.structs.replace(run.info, updated_at=self._clock(), finished=finished)
            run.changed.notify_all()

    def read(self, run_id: str, after: tuple[int, int], wait_s: float) -> list[Entry]:
        """Return what follows ``after``, waiting up to ``wait_s`` s; raise NotFound or StateLost."""
        run = self._get(run_id)
        attempt, offset = after
        if offset > len(run.entries) or (offset and run.entries[offset - 1].attempt != attempt):
            raise StateLost(f"run {run_id} has no event {attempt}.{offset}")
        if len(run.entries) == offset and not run.info.finished:
            with run.changed:
                run.changed.wait_for(lambda: len(run.entries) > offset, wait_s)
        return run.entries[offset:]

    def info(self, run_id: str) -> RunInfo:
        """Return what is known of the run; raise NotFound."""
        return self._get(run_id).info

    def cancel(self, run_id: str) -> None:
        """Note that the run should stop; raise NotFound."""
        run = self._get(run_id)
        with run.changed:
            run.info = msgspec.structs.replace(run.info, cancel_requested=True)

    def _get(self, run_id: str) -> _Run:
        run = self._runs.get(run_id)
        if run is None or (run.info.finished and self._clock() - run.info.updated_at > self._keep_s):
            raise NotFound(f"no run {run_id[:64]!r}")
        return run

    def _expire(self) -> None:
        """Drop finished runs that are too old, then the oldest ones while there is too much."""
        now = self._clock()
        finished = sorted((r for r in self._runs.values() if r.info.finished), key=lambda r: r.info.updated_at)
        for run in finished:
            if now - run.info.updated_at <= self._keep_s and self._bytes <= self._max_bytes:
                break
            del self._runs[run.info.run_id]
            self._bytes -= run.bytes
        self._keys = {key: claim for key, claim in self._keys.items() if claim[1] in self._runs}
