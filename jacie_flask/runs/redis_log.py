"""The run log that many workers share: in memory where it is written and read, in Redis for all others.

A worker appends to its memory, which its own readers read, and a flusher writes what is new of all its runs in one exchange.
Readers of other workers' runs read a copy in memory that one follower keeps up to date over one connection. So a Redis that is
slow or gone delays nobody who reads where the answer is made.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from jacie_flask import concurrency
from jacie_flask.errors import Cancelled, JacieError, NotFound, Overloaded, ProducerLost, StateLost
from jacie_flask.interfaces import Claim, Entry, RunInfo, RunKeeper
from jacie_flask.runs.memory_log import MemoryLog, Record
from jacie_flask.runs.reader import Moved
from jacie_flask.runs.redis_store import RedisStore, Row, StoreDown, Write

log = logging.getLogger(__name__)

Position = tuple[int, int]
T = TypeVar("T")

LEASE_S = 2.5
_BEAT_S = 0.4
_FLUSH_S = 0.05
_FLUSH_BYTES = 4_000_000
_KEPT_COPY_S = 10.0
_PATIENCE_S = 3.0
_MOVED_MS = 1000
_SERVING, _LEAVING = "serving", "leaving"


class _Own:
    """A run of this worker: how much of it is in Redis."""

    __slots__ = ("record", "recorded", "written")

    def __init__(self, record: Record, *, recorded: bool, written: int = 0) -> None:
        self.record = record
        self.recorded = recorded
        self.written = written


class _Copy:
    """A run of another worker that is read here."""

    __slots__ = ("missing_since", "owner", "read_at", "readers", "record")

    def __init__(self, record: Record, owner: str) -> None:
        self.record = record
        self.owner = owner
        self.readers = 0
        self.read_at = time.monotonic()
        self.missing_since: float | None = None


class RedisLog:
    """Runs by id, shared by all workers that name the same Redis; the bounds of memory are those of MemoryLog."""

    label = "redis"

    def __init__(
        self,
        url: str,
        *,
        keep_s: float,
        deadline_s: float,
        prefix: str = "jacie",
        clock: Callable[[], float] = time.time,
        **bounds: int,
    ) -> None:
        self.worker = secrets.token_hex(6)
        self._memory = MemoryLog(keep_s=keep_s, clock=clock, **bounds)
        self._store = RedisStore(url, self.worker, ttl_s=deadline_s + keep_s, keep_s=keep_s, prefix=prefix)
        self._own: dict[str, _Own] = {}
        self._copies: dict[str, _Copy] = {}
        self._dirty: dict[str, None] = {}
        self._wake = concurrency.bell()
        self._lock = threading.RLock()
        self._keeper: RunKeeper | None = None
        self._state = _SERVING
        self._others: dict[str, str] = {}
        self._down_since: float | None = None
        self._closed = False

    # ------------------------------------------------------------------------------------------------------ the record

    def create(self, info: RunInfo, claim: Claim | None = None) -> str:
        """Open an empty log, in Redis if it answers; raise Conflict or Overloaded."""
        try:
            owner = self._ask(lambda: self._store.create(info, claim))
        except StoreDown:
            run_id = self._memory.create(msgspec.structs.replace(info, resumable=False), claim)
            if run_id == info.run_id:
                self._own[run_id] = _Own(self._memory.record(run_id), recorded=False)
            return run_id
        if owner == info.run_id:
            self._memory.create(info)
            self._own[owner] = _Own(self._memory.record(owner), recorded=True)
        return owner

    def append(self, run_id: str, entries: Sequence[Entry]) -> None:
        """Add entries in order and wake the readers; Redis hears of them a moment later."""
        self._memory.append(run_id, entries)
        if not self._dirty:
            self._wake.ring()
        self._dirty[run_id] = None

    def read(self, run_id: str, after: Position, wait_s: float) -> list[Entry]:
        """Return what follows ``after``, waiting up to ``wait_s`` s; raise NotFound, StateLost, or Overloaded without Redis."""
        copy = self._find(run_id)
        if copy is None:
            return self._memory.read(run_id, after, wait_s)
        copy.readers += 1
        try:
            return self._patiently(copy.record, after, wait_s)
        finally:
            copy.readers -= 1
            copy.read_at = time.monotonic()

    def info(self, run_id: str) -> RunInfo:
        """Return what is known of the run; raise NotFound, or Overloaded without Redis."""
        copy = self._find(run_id)
        return copy.record.info() if copy else self._memory.info(run_id)

    def cancel(self, run_id: str) -> None:
        """Ask the run's worker to stop it, wherever it is; raise NotFound."""
        copy = self._find(run_id)
        if copy is None:
            self._memory.cancel(run_id)
            return
        copy.record.cancel_requested = True
        try:
            owner = self._ask(lambda: self._store.request_cancel(run_id))
            if owner:
                self._ask(lambda: self._store.tell(owner, "cancel", [run_id]))
        except StoreDown as error:
            raise Overloaded(f"the run's worker cannot be told: {error}", retry_after_s=1.0) from error

    def _find(self, run_id: str) -> _Copy | None:
        """Return the copy of a running run of another worker, None when memory has all of it; raise NotFound."""
        copy = self._copies.get(run_id)
        if copy is not None:
            return copy
        try:
            self._memory.record(run_id)
            return None
        except NotFound:
            pass
        try:
            row = self._ask(lambda: self._store.fetch(run_id))
        except StoreDown as error:
            raise Overloaded(f"the run log cannot be read: {error}", retry_after_s=1.0) from error
        if row is None:
            raise NotFound(f"no run {run_id[:64]!r}")
        return self._copied(row)

    def _copied(self, row: Row) -> _Copy | None:
        """Bring memory up to a row; return its copy while the run goes on elsewhere."""
        run_id = row.info.run_id
        with self._lock:
            if run_id in self._own:
                return None
            copy = self._copies.get(run_id)
            if copy is None:
                self._memory.drop(run_id)
                self._memory.create(msgspec.structs.replace(row.info, finished=False))
            self._take(run_id, row.entries)
            record = self._memory.record(run_id)
            record.updated_at = row.info.updated_at
            if record.finished:
                self._copies.pop(run_id, None)
                return None
            if copy is None:
                copy = self._copies[run_id] = _Copy(record, row.owner)
            copy.owner = row.owner
        self._quietly(lambda: self._store.tell(self.worker, "follow", [run_id]))
        return copy

    def _take(self, run_id: str, entries: Sequence[Entry]) -> None:
        """Append what is new of another worker's run."""
        held = self._memory.record(run_id).entries
        last = (held[-1].attempt, held[-1].offset) if held else (0, 0)
        new = [item for item in entries if (item.attempt, item.offset) > last]
        if not new:
            return
        try:
            self._memory.append(run_id, new)
        except JacieError as error:
            self._memory.record(run_id).lose(StateLost(str(error)))
        if new[-1].terminal:
            self._copies.pop(run_id, None)

    def _patiently(self, record: Record, after: Position, wait_s: float) -> list[Entry]:
        """Read a copy; a position ahead of it may be on its way, or its worker may be about to be replaced."""
        end = time.monotonic() + LEASE_S + _PATIENCE_S
        while True:
            try:
                return record.after(after, wait_s)
            except StateLost:
                if record.finished or record.gone is not None or time.monotonic() > end:
                    raise
                held = len(record.entries)
                record.changed.wait(0.2, lambda: len(record.entries) > held)  # noqa: B023  # called before the loop goes on

    # --------------------------------------------------------------------------------------------------- the other workers

    def attach(self, keeper: RunKeeper) -> None:
        """Join the workers."""
        self._keeper = keeper
        self._beat()
        for name, step in (("beat", self._beat_on), ("flush", self._flush_on), ("follow", self._follow_on)):
            concurrency.spawn(step, f"run log {name}")

    def adopt(self, info: RunInfo, entry: Entry) -> bool:
        """Continue an orphaned run with ``entry``; False when somebody else was first."""
        run_id = info.run_id
        record = self._memory.record(run_id)
        last = (record.entries[-1].attempt, record.entries[-1].offset) if record.entries else None
        now = msgspec.structs.replace(info, updated_at=time.time())
        try:
            if not self._ask(lambda: self._store.adopt(now, entry, last)):
                return False
        except StoreDown:
            return False
        with self._lock:
            self._copies.pop(run_id, None)
            if not entry.terminal:
                self._own[run_id] = _Own(record, recorded=True, written=len(record.entries) + 1)
            self._memory.append(run_id, (entry,))
        return True

    def elsewhere(self, *, leaving: bool) -> bool:
        """Say whether another worker serves readers now."""
        if leaving:
            self._state = _LEAVING
        self._beat()
        return self._down_since is None and _SERVING in self._others.values()

    def close(self, wait_s: float) -> None:
        """Write what is not written, for at most ``wait_s`` s, and free what is not finished."""
        end = time.monotonic() + wait_s
        while self._dirty and time.monotonic() < end and not self._flush():
            time.sleep(_FLUSH_S)
        self._closed = True
        self._quietly(self._store.leave)
        if not self._own:
            self._quietly(lambda: self._store.bury(self.worker))
        self._wake.ring()
        self._store.close()

    @property
    def resumable(self) -> bool:
        """Whether answers can be read from every worker right now."""
        return self._down_since is None

    def _ask(self, exchange: Callable[[], T]) -> T:
        """Make an exchange, unless Redis is known to be down: only the beat asks then, nobody else waits for it."""
        if self._down_since is not None:
            raise StoreDown("redis did not answer lately")
        try:
            return exchange()
        except StoreDown as error:
            self._went_down(error)
            raise

    def _quietly(self, exchange: Callable[[], object]) -> None:
        try:
            self._ask(exchange)
        except StoreDown:
            return  # noted, and the beat tries again

    def _went_down(self, error: StoreDown) -> None:
        if self._down_since is None:
            log.warning("answers cannot be resumed on other workers for now: %s", error)
            self._down_since = time.monotonic()
            for own in list(self._own.values()):
                own.record.resumable = False

    def _came_back(self) -> None:
        if self._down_since is not None:
            log.warning("redis answers again")
            self._down_since = None
            self._dirty.update(dict.fromkeys(self._own))
            self._wake.ring()

    # ----------------------------------------------------------------------------------------------------------- the beat

    def _beat_on(self) -> None:
        while not self._closed:
            time.sleep(_BEAT_S)
            self._safely(self._beat)
            self._safely(self._look_after_copies)

    def _beat(self) -> None:
        """Renew the lease, and see to the runs of workers that did not."""
        try:
            mine, self._others = self._store.beat(self._state, round(LEASE_S * 1000))
        except StoreDown as error:
            self._went_down(error)
            return
        self._came_back()
        if mine < sum(own.recorded for own in self._own.values()):
            self._repair()
        for worker, state in self._others.items():
            if not state and self._state == _SERVING:
                self._rescue(worker)

    def _repair(self) -> None:
        """Have those of the own runs written anew that Redis has forgotten."""
        for run_id in self._ask(lambda: self._store.missing(list(self._own))):
            if run_id in self._own:
                self._own[run_id].recorded = False
                self._dirty[run_id] = None
        self._wake.ring()

    def _rescue(self, worker: str) -> None:
        """Give each run of a dead worker a new attempt or its end."""
        keeper = self._keeper
        orphans = self._ask(lambda: self._store.runs_of(worker, round(LEASE_S * 1000)))
        if orphans is None or keeper is None:
            return
        for run_id in orphans:
            row = self._ask(lambda: self._store.fetch(run_id))  # noqa: B023  # called at once
            if row is not None and not row.info.finished and row.owner == worker:
                self._copied(row)
                keeper.orphaned(row.info, row.entries)
        self._ask(lambda: self._store.bury(worker))

    def _look_after_copies(self) -> None:
        """Tell owners that somebody reads here, drop what nobody reads, and end readers of what is gone."""
        now = time.monotonic()
        watched: dict[str, list[str]] = {}
        for run_id, copy in list(self._copies.items()):
            if copy.readers or now - copy.read_at < 2 * _BEAT_S:
                watched.setdefault(copy.owner, []).append(run_id)
            elif now - copy.read_at > _KEPT_COPY_S:
                self._forget(run_id)
        if self._down_since is not None:
            if now - self._down_since > _PATIENCE_S:
                self._lose(list(self._copies), Moved(_MOVED_MS))
            return
        for owner, run_ids in watched.items():
            self._quietly(lambda: self._store.tell(owner, "watched", run_ids))  # noqa: B023  # called at once
        self._lose(self._long_missing(now), StateLost("the record of the run is gone"))

    def _long_missing(self, now: float) -> list[str]:
        if not self._copies:
            return []
        gone = self._ask(lambda: self._store.missing(list(self._copies)))
        long = []
        for run_id, copy in list(self._copies.items()):
            if run_id not in gone:
                copy.missing_since = None
            elif copy.missing_since is None:
                copy.missing_since = now
            elif now - copy.missing_since > LEASE_S:
                long.append(run_id)
        return long

    def _lose(self, run_ids: Sequence[str], reason: Exception) -> None:
        for run_id in run_ids:
            copy = self._forget(run_id)
            if copy:
                copy.record.lose(reason)

    def _forget(self, run_id: str) -> _Copy | None:
        with self._lock:
            copy = self._copies.pop(run_id, None)
            if copy:
                self._memory.drop(run_id)
            return copy

    # ---------------------------------------------------------------------------------------------------------- the flusher

    def _flush_on(self) -> None:
        while not self._closed:
            self._wake.wait(1.0, lambda: bool(self._dirty) and self._down_since is None)
            time.sleep(_FLUSH_S)  # what comes meanwhile goes along
            self._safely(self._flush)

    def _flush(self) -> bool:
        """Write what is new of all own runs in one exchange; say whether that was all."""
        if self._down_since is not None or not self._dirty:
            return not self._dirty
        batch, self._dirty = self._dirty, {}
        try:
            self._write([run_id for run_id in batch if run_id in self._own])
        except StoreDown:
            self._dirty = {**batch, **self._dirty}
        return not self._dirty

    def _write(self, run_ids: Sequence[str]) -> None:
        writes: list[Write] = []
        counts: list[int] = []
        size = 0
        for run_id in run_ids:
            own = self._own[run_id]
            held = len(own.record.entries)
            new = own.record.entries[own.written : held]
            size += sum(len(item.data) for item in new)
            if not own.recorded:
                self._ask(lambda: self._store.rewrite(own.record.info(), own.record.entries[:held]))  # noqa: B023  # called at once
                self._written(run_id, held)
            elif new and size < _FLUSH_BYTES:
                writes.append(Write(own.record.info(), new, own.written == 0))
                counts.append(held)
            elif new:
                self._dirty[run_id] = None  # the next exchange takes it
        if writes:
            outcomes = self._ask(lambda: self._store.write(writes))
            for one, held, outcome in zip(writes, counts, outcomes, strict=True):
                self._settle(one.info.run_id, held, outcome)

    def _settle(self, run_id: str, held: int, outcome: str) -> None:
        """Go on from what Redis said: written, or gone, or another worker has taken over."""
        if outcome == "written":
            self._written(run_id, held)
        elif outcome == "missing" or self._ask(lambda: self._store.owner(run_id)) in (self.worker, ""):
            self._own[run_id].recorded = False
            self._dirty[run_id] = None
        else:
            log.warning("run %s was given to another worker", run_id)
            del self._own[run_id]
            if self._keeper:
                self._keeper.stop(run_id, ProducerLost("another worker has taken over"))

    def _written(self, run_id: str, held: int) -> None:
        own = self._own[run_id]
        own.written, own.recorded, own.record.resumable = held, True, True
        if own.record.finished and held == len(own.record.entries):
            del self._own[run_id]

    # --------------------------------------------------------------------------------------------------------- the follower

    def _follow_on(self) -> None:
        inbox = "0-0"
        while not self._closed:
            try:
                inbox = self._follow(inbox)
            except StoreDown as error:
                self._went_down(error)
                time.sleep(_BEAT_S)
            except Exception:  # nobody else would go on following
                log.exception("following other workers' runs failed")
                time.sleep(_BEAT_S)

    def _follow(self, inbox: str) -> str:
        """Take what is new of other workers' runs, and hear what they have to say."""
        positions = {}
        for run_id, copy in list(self._copies.items()):
            held = copy.record.entries
            positions[run_id] = (held[-1].attempt, held[-1].offset) if held else (0, 0)
        news = self._store.listen(positions, inbox)
        with self._lock:
            for run_id, entries in news.entries.items():
                if run_id in self._copies:
                    self._take(run_id, entries)
        for kind, told in news.words:
            self._hear(kind, told.split())
        return news.inbox

    def _hear(self, kind: str, run_ids: Sequence[str]) -> None:
        for run_id in run_ids:
            if self._keeper and kind == "cancel":
                self._keeper.stop(run_id, Cancelled())
            elif self._keeper and kind == "watched":
                self._keeper.polled(run_id)

    def _safely(self, step: Callable[[], object]) -> None:
        """Do one round of a loop: what it meets must not end the loop."""
        try:
            step()
        except StoreDown:
            return
        except Exception:  # the last frame of a loop: nobody above could go on with it
            log.exception("a round of the run log failed")
