"""The runs of this worker: appended to in memory, and written to Redis behind it by one flusher."""

import logging
import threading
import time
from collections.abc import Callable, Sequence, Set

import msgspec

from jacie_flask import concurrency
from jacie_flask.errors import StateLost
from jacie_flask.interfaces import Claim, Entry, RunInfo
from jacie_flask.runs.memory_log import MemoryLog, Record
from jacie_flask.runs.reader import Moved
from jacie_flask.runs.redis_log.link import MOVED_MS, Link, safely
from jacie_flask.runs.redis_rows import RecordDamaged, StoreDown, Write
from jacie_flask.runs.redis_store import RedisStore

log = logging.getLogger(__package__)

_FLUSH_S = 0.05
_FLUSH_BYTES = 4_000_000
_MARGIN_S = 0.2


class _Own:
    """A run of this worker: how much of it is in Redis."""

    __slots__ = ("claim", "record", "recorded", "written")

    def __init__(self, record: Record, claim: Claim | None = None, *, recorded: bool, written: int = 0) -> None:
        self.record = record
        self.claim = claim
        self.recorded = recorded
        self.written = written


class OwnRuns:
    """Runs that this worker works on, and finished ones until Redis has their end; ``given_up`` hears of those another took over.

    ``whose`` is held while a run is taken out here and dropped from memory: a copy of it may begin right behind. ``_flushing`` is held
    for a whole flush: entries go out in order, and who closes waits for what is just being written. An append takes neither.
    """

    def __init__(
        self, memory: MemoryLog, store: RedisStore, link: Link, *, whose: threading.RLock, given_up: Callable[[str], None]
    ) -> None:
        self._memory = memory
        self._store = store
        self._link = link
        self._whose = whose
        self._given_up = given_up
        self._runs: dict[str, _Own] = {}
        self._dirty: dict[str, None] = {}
        self._doubted: set[str] = set()  # runs that another worker may have taken over
        self._leased_until = 0.0
        self._wake = concurrency.bell()
        self._flushing = threading.Lock()

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._runs

    def __len__(self) -> int:
        return len(self._runs)

    def create(self, info: RunInfo, claim: Claim | None) -> str:
        """Open an empty log, in Redis if it answers; raise Conflict or Overloaded."""
        run_id, owner, recorded = info.run_id, "", True
        self._memory.create(info)  # first: once Redis knows the run, anybody may ask for it
        try:
            owner = self._link.ask(lambda: self._store.create(info, claim))
        except StoreDown:
            recorded = False
        finally:
            if owner != run_id:
                self._memory.drop(run_id)
        if not recorded:
            owner = self._memory.create(msgspec.structs.replace(info, resumable=False), claim)
        if owner == run_id:
            self._runs[run_id] = _Own(self._memory.record(run_id), claim, recorded=recorded)
        return owner

    def append(self, run_id: str, entries: Sequence[Entry]) -> None:
        """Add entries in order and wake the readers; Redis hears of them a moment later. Raise StateLost or LLMIncomplete."""
        own = self._runs.get(run_id)
        if own is None:
            raise StateLost(f"run {run_id} is not, or not any more, this worker's")
        if entries[-1].terminal and self._in_doubt(run_id) and self._recorded_first(run_id, own, entries):
            self._memory.append(run_id, entries)
            self._written(run_id, own, len(own.record.entries))
            return
        self._memory.append(run_id, entries)
        if not self._dirty:
            self._wake.ring()
        self._dirty[run_id] = None

    def adopted(self, run_id: str, record: Record) -> None:
        """Go on with a run of another worker; all of it is in Redis."""
        self._runs[run_id] = _Own(record, recorded=True, written=len(record.entries))

    # ------------------------------------------------------------------------------------------------- whose a run is

    def leased(self, asked_at: float, until: float) -> None:
        """Note a lease that was asked for and lasts until then (``time.monotonic``); behind a gap the own runs may be others'."""
        if asked_at > self._leased_until:
            self._doubted.update(run_id for run_id, own in list(self._runs.items()) if own.recorded)
        self._leased_until = until

    def _in_doubt(self, run_id: str) -> bool:
        """Say whether another worker may have taken this one for dead, and the run over."""
        return run_id in self._doubted or time.monotonic() > self._leased_until - _MARGIN_S

    def _was_asleep(self, run_id: str) -> bool:
        """Say whether the lease was over before Redis was taken for down: then this process did not run, or had its run doubted."""
        down_since = self._link.down_since
        return down_since is None or run_id in self._doubted or down_since > self._leased_until

    def _recorded_first(self, run_id: str, own: "_Own", entries: Sequence[Entry]) -> bool:
        """Record a run's end before a reader hears of it; False where Redis cannot be asked, or knows nothing of the run.

        Raise StateLost where the run goes on at another worker: readers are sent there.
        """
        with self._flushing:
            if self._runs.get(run_id) is not own:
                raise StateLost(f"run {run_id} is another worker's")
            if not own.recorded and run_id not in self._doubted:
                return False
            info = msgspec.structs.replace(own.record.info(), finished=True, question=None, updated_at=time.time())
            known = list(own.record.entries)
            ask = self._link.insist if self._was_asleep(run_id) else self._link.ask
            try:
                ours = ask(lambda: self._record_end(info, [*known, *entries], own))
            except (StoreDown, RecordDamaged):
                return False
            if not ours:
                self._give_up(run_id, own)
                raise StateLost(f"run {run_id} is another worker's")
            return True

    def _record_end(self, info: RunInfo, entries: Sequence[Entry], own: "_Own") -> bool:
        """Record all of a run; False where it is another worker's. Where it is missing in Redis it may be that as well."""
        if own.recorded:
            return self._store.end(info, entries, own.written, own.claim)
        return self._store.rewrite(info, entries, own.claim)

    # ------------------------------------------------------------------------------------------------- what Redis knows

    @property
    def recorded(self) -> int:
        """How many runs Redis should have in this worker's list."""
        return sum(own.recorded for own in list(self._runs.values()))

    def not_resumable(self) -> None:
        """Note that no other worker can read any of them now."""
        for own in list(self._runs.values()):
            own.record.resumable = False

    def write_unwritten(self, *, same_server: bool) -> None:
        """Write what was not written during an outage; all of it where another Redis answers."""
        for run_id, own in list(self._runs.items()):
            own.recorded = own.recorded and same_server
            self._dirty[run_id] = None
        self._wake.ring()

    def write_forgotten(self, recorded: Set[str]) -> None:
        """Write anew what Redis should have and is not among the recorded."""
        for run_id, own in list(self._runs.items()):
            if own.recorded and run_id not in recorded:
                own.recorded = False
                self._dirty[run_id] = None
        self._wake.ring()

    def write_end(self, run_id: str, record: Record) -> None:
        """Write a finished run anew that Redis takes for running."""
        self._runs[run_id] = _Own(record, recorded=False)
        self._dirty[run_id] = None
        self._wake.ring()

    def forget_unwritten(self) -> None:
        """Let go of finished runs that memory has dropped: without Redis they would pile up."""
        for run_id, own in list(self._runs.items()):
            if own.record.finished and self._memory.get(run_id) is None:
                self._runs.pop(run_id, None)
                self._dirty.pop(run_id, None)

    # ------------------------------------------------------------------------------------------------------- the flusher

    def flush_on(self) -> None:
        """Write what is new, until the link is closed."""
        while not self._link.closed:
            self._wake.wait(1.0, lambda: bool(self._dirty) and self._link.up)
            time.sleep(_FLUSH_S)  # what comes meanwhile goes along
            if not self._link.closed:
                safely(self._flush)

    def wake(self) -> None:
        """Let the flusher look at once."""
        self._wake.ring()

    def write_all(self, wait_s: float) -> None:
        """Write what is not written, for at most ``wait_s`` s."""
        end = time.monotonic() + wait_s
        while not self._flush() and time.monotonic() < end:  # at least once: it waits for what is just being written
            time.sleep(_FLUSH_S)

    def _flush(self) -> bool:
        """Write what is new of all runs in one exchange; say whether that was all."""
        with self._flushing:
            if self._link.up:
                batch = list(self._dirty)
                for run_id in batch:  # first: what is appended from here on is new again
                    self._dirty.pop(run_id, None)
                try:
                    self._write(batch)
                except StoreDown:
                    self._dirty.update(dict.fromkeys(batch))
            return not self._dirty

    def _write(self, run_ids: Sequence[str]) -> None:
        writes: list[Write] = []
        owns: list[tuple[_Own, int]] = []
        size = 0
        for run_id in run_ids:
            own = self._runs.get(run_id)
            if own is None:
                continue
            if not own.recorded:
                self._rewrite(run_id, own)
                continue
            held = len(own.record.entries)
            new = own.record.entries[own.written : held]
            size += sum(len(item.data) for item in new)
            if new and (size < _FLUSH_BYTES or not writes):
                writes.append(Write(own.record.info(), new, own.written == 0))
                owns.append((own, held))
            elif new:
                self._dirty[run_id] = None  # the next exchange takes it
        if writes:
            outcomes = self._link.ask(lambda: self._store.write(writes))
            for one, (own, held), outcome in zip(writes, owns, outcomes, strict=True):
                if outcome == "written":
                    self._written(one.info.run_id, own, held)
                else:  # it is gone, or in another order: written twice, or another worker's by now
                    self._rewrite(one.info.run_id, own)

    def _rewrite(self, run_id: str, own: _Own) -> None:
        held = len(own.record.entries)
        try:
            ours = self._link.ask(lambda: self._store.rewrite(own.record.info(), own.record.entries[:held], own.claim))
        except RecordDamaged as error:  # of this run alone: the others of the batch are written
            log.warning("run %s cannot be recorded: %s", run_id, error)
            own.record.resumable = False
            return
        if ours:
            self._written(run_id, own, held)
        else:
            self._give_up(run_id, own)

    def _give_up(self, run_id: str, own: _Own) -> None:
        """Leave a run to the worker that has taken over: readers here are sent to its record."""
        log.warning("run %s was given to another worker", run_id)
        with self._whose:
            self._runs.pop(run_id, None)
            self._memory.drop(run_id)
        self._doubted.discard(run_id)
        own.record.lose(Moved(MOVED_MS))
        self._given_up(run_id)

    def _written(self, run_id: str, own: _Own, held: int) -> None:
        own.written, own.recorded, own.record.resumable = held, True, True
        self._doubted.discard(run_id)
        if own.record.finished and held == len(own.record.entries):
            self._runs.pop(run_id, None)
