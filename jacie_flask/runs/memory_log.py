"""The run log in memory: for one worker; finished runs are kept for a while, and the oldest make room."""

import sys
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from operator import attrgetter

import msgspec

from jacie_flask import concurrency
from jacie_flask.errors import Conflict, LLMIncomplete, NotFound, Overloaded, StateLost
from jacie_flask.interfaces import Claim, Entry, Question, RunInfo, RunKeeper
from jacie_flask.runs.tallies import MemoryTallies

_ENTRY_BYTES = 200  # what an entry costs beside its data
_RUN_BYTES = 3000  # what a run costs beside its entries and its question
_TURN_BYTES = 200  # what a turn of the conversation costs beside its text
_place = attrgetter("attempt", "offset")


class Record:
    """One run's entries, and the bell that rings when there are more."""

    __slots__ = (
        "_info",
        "bytes",
        "cancel_requested",
        "changed",
        "ended_at",
        "entries",
        "finished",
        "gone",
        "question_bytes",
        "resumable",
        "updated_at",
    )

    def __init__(self, info: RunInfo) -> None:
        self._info = info
        self.updated_at = info.updated_at
        self.cancel_requested = info.cancel_requested
        self.finished = info.finished
        self.resumable = info.resumable
        self.entries: list[Entry] = []
        self.bytes = 0  # of the entries
        self.question_bytes = _size_of(info.question)
        self.ended_at = 0.0  # on the log's own clock
        self.changed = concurrency.bell()
        self.gone: Exception | None = None

    def info(self) -> RunInfo:
        """Return what is known of the run now."""
        known = self._info
        return RunInfo(
            run_id=known.run_id,
            request_id=known.request_id,
            mode=known.mode,
            created_at=known.created_at,
            updated_at=self.updated_at,
            cancel_requested=self.cancel_requested,
            finished=self.finished,
            question=known.question,
            caller=known.caller,
            resumable=self.resumable,
        )

    @property
    def cost(self) -> int:
        """All that the run keeps in memory, in bytes."""
        return _RUN_BYTES + self.question_bytes + self.bytes

    @property
    def end(self) -> tuple[int, int]:
        """The position of the last entry, (0, 0) before the first."""
        return (self.entries[-1].attempt, self.entries[-1].offset) if self.entries else (0, 0)

    def add(self, entries: Sequence[Entry], now: float) -> int:
        """Take entries that follow the last one, wake the readers and return how many bytes more are kept.

        The question is dropped with the run's end: nobody begins the run again.
        """
        cost = 0
        ends = False
        for item in entries:
            cost += len(item.data) + _ENTRY_BYTES
            ends = ends or item.terminal
        self.entries.extend(entries)
        self.bytes += cost
        if ends:
            cost -= self.question_bytes
            self.question_bytes = 0
            self._info = msgspec.structs.replace(self._info, question=None)
        self.finished = self.finished or ends  # last: whoever sees it finds the end
        self.updated_at = now
        self.changed.ring()
        return cost

    def after(self, position: tuple[int, int], wait_s: float) -> list[Entry]:
        """Return what follows a position, waiting for it, be it still to come; raise StateLost for one that never was, nor can be."""
        try:
            start = self._index(position)
        except StateLost:
            if not self._to_come(position):
                raise
            return self._later(position, wait_s)
        if len(self.entries) == start and not self.finished and self.gone is None:
            self.changed.wait(wait_s, lambda: len(self.entries) > start or self.gone is not None)
        found = self.entries[start:]
        if not found and self.gone is not None:
            raise self.gone
        return found

    def _later(self, position: tuple[int, int], wait_s: float) -> list[Entry]:
        """Wait for a position to be passed, and return what follows it by then."""

        def decided() -> bool:
            return self.end > position or self.finished or self.gone is not None

        until = time.monotonic() + wait_s
        while not decided() and (left_s := until - time.monotonic()) > 0:
            self.changed.wait(left_s, decided)  # each entry rings
        if self.gone is not None:
            raise self.gone
        return [] if self._to_come(position) else self.entries[self._index(position) :]

    def lose(self, reason: Exception) -> None:
        """Let every reader end with ``reason`` once it has read what is here."""
        self.gone = reason
        self.changed.ring()

    def _to_come(self, position: tuple[int, int]) -> bool:
        """Say whether the attempt that goes on may still reach a position: it was sent where more of the run was known."""
        attempt, offset = self.end
        return not self.finished and self.gone is None and position[0] == max(1, attempt) and position[1] > offset

    def _index(self, position: tuple[int, int]) -> int:
        attempt, offset = position
        entries = self.entries
        if not offset:
            return 0
        if offset <= len(entries):  # offsets have no gaps, unless a worker died
            item = entries[offset - 1]
            if item.offset == offset and item.attempt == attempt:
                return offset
        start = bisect_right(entries, position, key=_place)
        known = start > 0 and _place(entries[start - 1]) == position
        # what a worker that died had sent but not yet recorded is followed by a later attempt
        overtaken = start < len(entries) and 0 < attempt < entries[start].attempt
        if not (known or overtaken):
            raise StateLost(f"run {self._info.run_id} has no event {attempt}.{offset}")
        return start


def _size_of(question: Question | None) -> int:
    """Return about how many bytes of memory a question takes, its conversation included."""
    if question is None:
        return 0
    texts = [question.query, *question.document_ids, *question.filters.values(), *(turn.content for turn in question.history)]
    return sum(map(sys.getsizeof, texts)) + _TURN_BYTES * len(question.history)


class MemoryLog:
    """Runs by id; at most ``max_bytes`` of all and ``max_run_bytes`` of one, none longer than ``keep_s`` seconds after its end.

    ``clock`` tells the time of day that is noted on runs, ``timer`` measures how long they are kept.
    """

    label = "memory"
    resumable = True  # by every worker: there is one

    def __init__(
        self,
        *,
        keep_s: float,
        max_bytes: int = 256_000_000,
        max_run_bytes: int = 4_000_000,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keep_s = keep_s
        self._max_bytes = max_bytes
        self._max_run_bytes = max_run_bytes
        self._clock = clock
        self._timer = timer
        self._runs: dict[str, Record] = {}
        self._ended: dict[str, Record] = {}  # the oldest end first
        self._keys: dict[str, tuple[str, str]] = {}
        self._key_of: dict[str, str] = {}
        self._bytes = 0
        self._tallies = MemoryTallies(clock)
        self._lock = threading.Lock()

    def create(self, info: RunInfo, claim: Claim | None = None) -> str:
        """Open an empty log for a new run, unless its claim stands for another; raise Conflict or Overloaded."""
        with self._lock:
            self._make_room()
            if claim and (owner := self._claimed(claim)):
                return owner
            if self._bytes > self._max_bytes:
                raise Overloaded(f"running answers hold {self._bytes} bytes", retry_after_s=2.0)
            self._runs[info.run_id] = record = Record(info)
            self._bytes += record.cost
            if claim:
                self._keys[claim.key] = (claim.fingerprint, info.run_id)
                self._key_of[info.run_id] = claim.key
            return info.run_id

    def append(self, run_id: str, entries: Sequence[Entry]) -> None:
        """Add entries in order and wake the readers; raise StateLost when the log is gone, LLMIncomplete when it is full."""
        run = self._runs.get(run_id)
        if run is None:
            raise StateLost(f"run {run_id} is not in the log")
        if run.bytes > self._max_run_bytes and not entries[-1].terminal:
            raise LLMIncomplete(f"run {run_id} is longer than {self._max_run_bytes} bytes")
        self._bytes += run.add(entries, self._clock())
        if run.finished:
            run.ended_at = self._timer()
            self._ended[run_id] = run

    def read(self, run_id: str, after: tuple[int, int], wait_s: float) -> list[Entry]:
        """Return what follows ``after``, waiting up to ``wait_s`` s; raise NotFound or StateLost."""
        return self.record(run_id).after(after, wait_s)

    def info(self, run_id: str) -> RunInfo:
        """Return what is known of the run; raise NotFound."""
        return self.record(run_id).info()

    def cancel(self, run_id: str) -> None:
        """Note that the run should stop; raise NotFound."""
        self.record(run_id).cancel_requested = True

    def attach(self, keeper: RunKeeper) -> None:
        """There are no other workers."""

    def adopt(self, info: RunInfo, entry: Entry) -> bool:
        """There are no other workers whose runs could be continued."""
        return False

    def elsewhere(self, *, leaving: bool) -> bool:
        """No other worker can serve readers: this memory is all there is."""
        return False

    def count(self, name: str, amount: int, keep_s: int) -> int:
        """Add to a count that is kept ``keep_s`` seconds, and return what it is."""
        return self._tallies.add(name, amount, keep_s)

    def occupy(self, caller: str, more: int, mine: int, most: int) -> bool:
        """There are no other workers that could have runs of the caller."""
        return True

    def claimed(self, claim: Claim) -> str:
        """Return the run that the claim stands for, or ""; raise Conflict."""
        with self._lock:
            return self._claimed(claim)

    def close(self, wait_s: float) -> None:
        """There is nothing to write."""

    def record(self, run_id: str) -> Record:
        """Return the run's record; raise NotFound."""
        run = self._runs.get(run_id)
        if run is None or (run.finished and self._timer() - run.ended_at > self._keep_s):
            raise NotFound(f"no run {run_id[:64]!r}")
        return run

    def get(self, run_id: str) -> Record | None:
        """Return the run's record, be it expired, or None."""
        return self._runs.get(run_id)

    def age(self, run_id: str, ended_s: float) -> None:
        """Note that a finished run has ended ``ended_s`` seconds ago, and not just now."""
        self.record(run_id).ended_at -= max(0.0, ended_s)

    def drop(self, run_id: str) -> None:
        """Forget a run at once; unknown ones are fine."""
        run = self._runs.pop(run_id, None)
        self._ended.pop(run_id, None)
        self._keys.pop(self._key_of.pop(run_id, ""), None)
        if run:
            self._bytes -= run.cost

    def _claimed(self, claim: Claim) -> str:
        held, owner = self._keys.get(claim.key, ("", ""))
        if owner not in self._runs:
            return ""
        if held != claim.fingerprint:
            raise Conflict(f"idempotency key {claim.key[:40]!r} was used with another body")
        return owner

    def _make_room(self) -> None:
        """Drop finished runs that are too old, then the oldest ones while there is too much."""
        oldest_s = self._timer() - self._keep_s
        while self._ended:
            run_id, run = next(iter(self._ended.items()))
            if run.ended_at >= oldest_s and self._bytes <= self._max_bytes:
                return
            self.drop(run_id)
