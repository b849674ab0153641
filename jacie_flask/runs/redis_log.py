"""The run log that many workers share: in memory where it is written and read, in Redis for all others.

A worker appends to its memory, which its own readers read, and a flusher writes what is new of all its runs in one exchange.
Readers of other workers' runs read a copy in memory that one follower keeps up to date over one connection. So a Redis that is
slow or gone delays nobody who reads where the answer is made.
"""

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from jacie_flask import concurrency, measures
from jacie_flask.errors import Cancelled, JacieError, NotFound, Overloaded, ProducerLost, StateLost
from jacie_flask.interfaces import Claim, Entry, RunInfo, RunKeeper
from jacie_flask.runs.memory_log import MemoryLog, Record
from jacie_flask.runs.reader import Moved
from jacie_flask.runs.redis_rows import Row, Write
from jacie_flask.runs.redis_store import RedisStore, StoreDown

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

    __slots__ = ("claim", "record", "recorded", "written")

    def __init__(self, record: Record, claim: Claim | None = None, *, recorded: bool, written: int = 0) -> None:
        self.record = record
        self.claim = claim
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
        self._flushing = threading.Lock()
        self._keeper: RunKeeper | None = None
        self._state = _SERVING
        self._others: dict[str, str] = {}
        self._strays: set[str] = set()
        self._server = ""
        self._beat_at: float | None = None
        self._rescue_from = 0.0
        self._down_since: float | None = None
        self._in_doubt: set[str] = set()  # callers of whose places Redis may not know the truth
        self._closed = False

    # ------------------------------------------------------------------------------------------------------ the record

    def create(self, info: RunInfo, claim: Claim | None = None) -> str:
        """Open an empty log, in Redis if it answers; raise Conflict or Overloaded."""
        run_id, owner, recorded = info.run_id, "", True
        self._memory.create(info)  # first: once Redis knows the run, anybody may ask for it
        try:
            owner = self._ask(lambda: self._store.create(info, claim))
        except StoreDown:
            recorded = False
        finally:
            if owner != run_id:
                self._memory.drop(run_id)
        if not recorded:
            owner = self._memory.create(msgspec.structs.replace(info, resumable=False), claim)
        if owner == run_id:
            self._own[run_id] = _Own(self._memory.record(run_id), claim, recorded=recorded)
        return owner

    def append(self, run_id: str, entries: Sequence[Entry]) -> None:
        """Add entries in order and wake the readers; Redis hears of them a moment later."""
        if run_id not in self._own:
            raise StateLost(f"run {run_id} is not, or not any more, this worker's")
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
            try:
                self._take(run_id, row.entries)
            except StateLost as error:
                self._lose([run_id], error)
                self._memory.drop(run_id)
                raise
            record = self._memory.record(run_id)
            if record.finished:
                record.updated_at = row.info.updated_at
                self._copies.pop(run_id, None)
                return None
            if copy is None:
                copy = self._copies[run_id] = _Copy(record, row.owner)
            copy.owner = row.owner
        self._quietly(lambda: self._store.tell(self.worker, "follow", [run_id]))
        return copy

    def _take(self, run_id: str, entries: Sequence[Entry]) -> None:
        """Append what is new of another worker's run; raise StateLost when something is missing before it."""
        held = self._memory.record(run_id).entries
        last = (held[-1].attempt, held[-1].offset) if held else (0, 0)
        new = [item for item in entries if (item.attempt, item.offset) > last]
        if not new:
            return
        if new[-1].offset != last[1] + len(new):  # Redis was replaced by one that knew less
            raise StateLost(f"run {run_id} lacks events after {last[0]}.{last[1]}")
        try:
            self._memory.append(run_id, new)
        except JacieError as error:
            raise StateLost(str(error)) from error
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
        self._safely(self._beat)
        for name, step in (("beat", self._beat_on), ("flush", self._flush_on), ("follow", self._follow_on)):
            concurrency.spawn(step, f"run log {name}")

    def adopt(self, info: RunInfo, entry: Entry) -> bool:
        """Continue an orphaned run with ``entry``; False when somebody else was first."""
        run_id = info.run_id
        record = self._memory.record(run_id)
        last = (record.entries[-1].attempt, record.entries[-1].offset) if record.entries else (0, 0)
        if entry.offset != last[1] + 1:
            return False
        now = msgspec.structs.replace(info, updated_at=time.time())
        try:
            if not self._ask(lambda: self._store.adopt(now, entry, last if record.entries else None)):
                return False
        except StoreDown:
            return False
        with self._lock:
            self._take(run_id, (entry,))  # unless the follower was quicker
            self._copies.pop(run_id, None)
            if not entry.terminal:
                self._own[run_id] = _Own(record, recorded=True, written=len(record.entries))
        return True

    def claimed(self, claim: Claim) -> str:
        """Return the run that the claim stands for, or ""; raise Conflict."""
        try:
            return self._ask(lambda: self._store.claimed(claim))
        except StoreDown:
            return self._memory.claimed(claim)

    def count(self, name: str, amount: int, keep_s: int) -> int:
        """Add to a count of all workers, of this one alone while Redis is away, and return what it is."""
        try:
            return self._ask(lambda: self._store.count(name, amount, keep_s))
        except StoreDown:
            measures.count("rate_limit_fail_open", bound=name.partition(":")[0])
            return self._memory.count(name, amount, keep_s)

    def occupy(self, caller: str, more: int, mine: int, most: int) -> bool:
        """Say that this worker has ``more`` runs of a caller; False when all workers would have too many. Without Redis: True."""
        truly = mine if caller in self._in_doubt else None
        try:
            taken = self._ask(lambda: self._store.occupy(caller, more, most, truly))
        except StoreDown:
            self._in_doubt.add(caller)
            measures.count("rate_limit_fail_open", bound="runs")
            return True
        if taken:
            self._in_doubt.discard(caller)
        return taken

    def elsewhere(self, *, leaving: bool) -> bool:
        """Say whether another worker serves readers now."""
        if leaving:
            self._state = _LEAVING
        self._safely(self._beat)
        return self._down_since is None and _SERVING in self._others.values()

    def close(self, wait_s: float) -> None:
        """Write what is not written, for at most ``wait_s`` s, and free what is not finished."""
        end = time.monotonic() + wait_s
        while not self._flush() and time.monotonic() < end:  # at least once: it waits for what is just being written
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
        if self._down_since is None and not self._closed:
            log.warning("answers cannot be resumed on other workers for now: %s", error)
            measures.count("run_log_outages")
            self._down_since = time.monotonic()
            for own in list(self._own.values()):
                own.record.resumable = False

    def _came_back(self) -> None:
        """Write what was not written; all of it where another Redis answers, which may know less than the one before."""
        server = self._store.server()
        log.warning("redis answers again")
        self._down_since = None
        for run_id, own in list(self._own.items()):
            own.recorded = own.recorded and server == self._server
            self._dirty[run_id] = None
        self._server = server
        self._wake.ring()

    # ----------------------------------------------------------------------------------------------------------- the beat

    def _beat_on(self) -> None:
        while not self._closed:
            time.sleep(_BEAT_S)
            if not self._closed:
                self._safely(self._beat)
                self._safely(self._look_after_copies)
            if self._down_since is not None:
                self._forget_unwritten()

    def _beat(self) -> None:
        """Renew the lease, and see to the runs of workers that did not."""
        try:
            mine, self._others = self._store.beat(self._state, round(LEASE_S * 1000))
            if self._down_since is not None:
                self._came_back()
        except StoreDown as error:
            self._went_down(error)
            return
        now = time.monotonic()
        if self._beat_at is not None and now - self._beat_at > LEASE_S - 2 * _BEAT_S:
            # Redis, or all of this machine, has been asleep: the others had no chance to renew their leases either
            self._rescue_from = now + LEASE_S
        self._beat_at = now
        if mine != sum(own.recorded for own in list(self._own.values())):
            self._repair()
        for worker, state in self._others.items():
            if not state and self._state == _SERVING and now >= self._rescue_from:
                self._rescue(worker)

    def _repair(self) -> None:
        """Have written anew what Redis has forgotten of the own runs, and end those of its list that nobody works on."""
        recorded = self._ask(self._store.recorded)
        for run_id, own in list(self._own.items()):
            if own.recorded and run_id not in recorded:
                own.recorded = False
                self._dirty[run_id] = None
        strays = {run_id: self._memory.get(run_id) for run_id in recorded if run_id not in self._own}
        for run_id, record in strays.items():
            if record is not None and record.finished:
                self._own[run_id] = _Own(record, recorded=False)
                self._dirty[run_id] = None
            elif record is None and run_id in self._strays:
                self._hand_over(run_id, self.worker)
        self._strays = set(strays)
        self._wake.ring()

    def _forget_unwritten(self) -> None:
        """Let go of finished runs that memory has dropped: without Redis they would pile up."""
        for run_id, own in list(self._own.items()):
            if own.record.finished and self._memory.get(run_id) is None:
                self._own.pop(run_id, None)
                self._dirty.pop(run_id, None)

    def _rescue(self, worker: str) -> None:
        """Give each run of a dead worker a new attempt or its end."""
        orphans = self._ask(lambda: self._store.runs_of(worker, round(LEASE_S * 1000)))
        if orphans is None or self._keeper is None:
            return
        for run_id in orphans:
            self._hand_over(run_id, worker)
        self._ask(lambda: self._store.bury(worker))

    def _hand_over(self, run_id: str, worker: str) -> None:
        """Give a run that its worker has left a new attempt or its end; raise Overloaded where there is no room to read it."""
        row = self._ask(lambda: self._store.fetch(run_id))
        if row is None or row.info.finished or row.owner != worker or self._keeper is None:
            return
        try:
            self._copied(row)
        except StateLost:  # its readers hear the same
            return
        self._keeper.orphaned(row.info, row.entries)

    def _look_after_copies(self) -> None:
        """Tell owners that somebody reads here, drop what nobody reads, and end readers of what is gone."""
        now = time.monotonic()
        for run_id, copy in list(self._copies.items()):
            if not copy.readers and now - copy.read_at > _KEPT_COPY_S:
                self._forget(run_id)
        if self._down_since is not None:
            if now - self._down_since > _PATIENCE_S:
                self._lose(list(self._copies), Moved(_MOVED_MS))
        elif self._copies:
            self._look_for_owners(list(self._copies.items()), now)

    def _look_for_owners(self, copies: Sequence[tuple[str, _Copy]], now: float) -> None:
        owners = self._ask(lambda: self._store.owners([run_id for run_id, _ in copies]))
        watched: dict[str, list[str]] = {}
        for run_id, copy in copies:
            copy.owner = owners.get(run_id, "")
            if copy.owner in self._others:
                copy.missing_since = None
                if copy.readers or now - copy.read_at < 2 * _BEAT_S:
                    watched.setdefault(copy.owner, []).append(run_id)
            elif copy.missing_since is None:
                copy.missing_since = now
            elif now - copy.missing_since > LEASE_S and copy.owner:
                self._hand_over(run_id, copy.owner)
            elif now - copy.missing_since > LEASE_S:
                self._lose([run_id], StateLost("the record of the run is gone"))
        for owner, run_ids in watched.items():
            self._quietly(lambda: self._store.tell(owner, "watched", run_ids))  # noqa: B023  # called at once

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
            if not self._closed:
                self._safely(self._flush)

    def _flush(self) -> bool:
        """Write what is new of all own runs in one exchange; say whether that was all."""
        with self._flushing:
            if self._down_since is None:
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
            own = self._own.get(run_id)
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
            outcomes = self._ask(lambda: self._store.write(writes))
            for one, (own, held), outcome in zip(writes, owns, outcomes, strict=True):
                if outcome == "written":
                    self._written(one.info.run_id, own, held)
                else:  # it is gone, or in another order: written twice, or another worker's by now
                    self._rewrite(one.info.run_id, own)

    def _rewrite(self, run_id: str, own: _Own) -> None:
        held = len(own.record.entries)
        if self._ask(lambda: self._store.rewrite(own.record.info(), own.record.entries[:held], own.claim)):
            self._written(run_id, own, held)
        else:
            self._give_up(run_id, own)

    def _give_up(self, run_id: str, own: _Own) -> None:
        """Leave a run to the worker that has taken over: readers here are sent to its record."""
        log.warning("run %s was given to another worker", run_id)
        with self._lock:
            self._own.pop(run_id, None)
            self._memory.drop(run_id)
        own.record.lose(Moved(_MOVED_MS))
        if self._keeper:
            self._keeper.stop(run_id, ProducerLost("another worker has taken over"))

    def _written(self, run_id: str, own: _Own, held: int) -> None:
        own.written, own.recorded, own.record.resumable = held, True, True
        if own.record.finished and held == len(own.record.entries):
            self._own.pop(run_id, None)

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
                    try:
                        self._take(run_id, entries)
                    except StateLost as error:
                        self._lose([run_id], error)
        for kind, told in news.words:
            self._hear(kind, told.split())
        return news.inbox

    def _hear(self, kind: str, run_ids: Sequence[str]) -> None:
        for run_id in run_ids:
            if self._keeper and kind == "cancel":
                with contextlib.suppress(NotFound):
                    self._memory.cancel(run_id)
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
