"""The run log over Redis as everybody sees it: puts its parts together and moves a run from one to the other."""

import functools
import secrets
import threading
import time
from collections.abc import Callable, Sequence

import msgspec

from jacie_flask import concurrency
from jacie_flask.errors import Overloaded, ProducerLost
from jacie_flask.interfaces import Claim, Entry, RunInfo, RunKeeper
from jacie_flask.runs.memory_log import MemoryLog
from jacie_flask.runs.reader import Position
from jacie_flask.runs.redis_log.beat import Beat
from jacie_flask.runs.redis_log.copies import Copies
from jacie_flask.runs.redis_log.follower import Follower
from jacie_flask.runs.redis_log.link import Link
from jacie_flask.runs.redis_log.orphans import Orphans
from jacie_flask.runs.redis_log.own import OwnRuns
from jacie_flask.runs.redis_log.tallies import SharedTallies
from jacie_flask.runs.redis_rows import RecordDamaged, StoreDown
from jacie_flask.runs.redis_store import RedisStore


class RedisLog:
    """Runs by id, shared by all workers that name the same Redis; the bounds of memory are those of MemoryLog.

    A run in memory is an own one, a copy of another worker's, or finished. ``_whose`` is held where it becomes another of these.
    """

    label = "redis"
    append: Callable[[str, Sequence[Entry]], None]

    def __init__(
        self,
        url: str,
        *,
        keep_s: float,
        deadline_s: float,
        prefix: str = "jacie",
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
        **bounds: int,
    ) -> None:
        self.worker = secrets.token_hex(6)
        self._keeper: RunKeeper | None = None
        self._whose = threading.RLock()
        self._last_words = threading.Lock()  # nobody closes the connections while they are said
        self._memory = MemoryLog(keep_s=keep_s, clock=clock, timer=timer, **bounds)
        self._store = RedisStore(url, self.worker, ttl_s=deadline_s + keep_s, keep_s=keep_s, prefix=prefix)
        self._link = Link(self._store.server, lambda: self._own.not_resumable())  # own runs come next
        self._own = OwnRuns(self._memory, self._store, self._link, whose=self._whose, given_up=self._given_up)
        self._copies = Copies(self._memory, self._store, self._link, whose=self._whose, own=self._own)
        self._orphans = Orphans(self._memory, self._store, self._link, self._own, self._copies)
        self._beat = Beat(self._store, self._link, self._own, self._copies, self._orphans)
        self._tallies = SharedTallies(self._store, self._link, self._memory.count)
        self.append = self._own.append  # on the way of every token: no call in between

    # ------------------------------------------------------------------------------------------------------ the record

    def create(self, info: RunInfo, claim: Claim | None = None) -> str:
        """Open an empty log, in Redis if it answers; raise Conflict or Overloaded."""
        return self._own.create(info, claim)

    def read(self, run_id: str, after: Position, wait_s: float) -> list[Entry]:
        """Return what follows ``after``, waiting up to ``wait_s`` s; raise NotFound, StateLost, or Overloaded without Redis."""
        copy = self._copies.find(run_id)
        if copy is None:
            return self._memory.read(run_id, after, wait_s)
        return self._copies.read(copy, after, wait_s)

    def info(self, run_id: str) -> RunInfo:
        """Return what is known of the run; raise NotFound, or Overloaded without Redis."""
        copy = self._copies.find(run_id)
        return copy.record.info() if copy else self._memory.info(run_id)

    def cancel(self, run_id: str) -> None:
        """Ask the run's worker to stop it, wherever it is; raise NotFound, or Overloaded without Redis."""
        copy = self._copies.find(run_id)
        if copy is None:
            self._memory.cancel(run_id)
            return
        copy.record.cancel_requested = True
        try:
            owner = self._link.ask(lambda: self._store.request_cancel(run_id))
            if owner:
                self._link.ask(lambda: self._store.tell(owner, "cancel", [run_id]))
        except StoreDown as error:
            raise Overloaded(f"the run's worker cannot be told: {error}", retry_after_s=1.0) from error

    def claimed(self, claim: Claim) -> str:
        """Return the run that the claim stands for, or ""; raise Conflict."""
        try:
            return self._link.ask(lambda: self._store.claimed(claim))
        except StoreDown:
            return self._memory.claimed(claim)

    # ------------------------------------------------------------------------------------------------ the other workers

    @property
    def resumable(self) -> bool:
        """Whether answers can be read from every worker right now."""
        return self._link.up

    def attach(self, keeper: RunKeeper) -> None:
        """Join the workers."""
        self._keeper = keeper
        self._orphans.attach(keeper)
        self._beat.beat()
        follower = Follower(self._store, self._link, self._copies, cancelled=self._memory.cancel, keeper=keeper)
        for name, loop in (("beat", self._beat.beat_on), ("flush", self._own.flush_on), ("follow", follower.follow_on)):
            concurrency.spawn(functools.partial(self._until_left, loop), f"run log {name}")

    def adopt(self, info: RunInfo, entry: Entry) -> bool:
        """Continue an orphaned run with ``entry``; False when somebody else was first."""
        run_id = info.run_id
        record = self._memory.record(run_id)
        last = record.end
        if entry.offset != last[1] + 1:
            return False
        now = msgspec.structs.replace(info, updated_at=time.time())
        try:
            if not self._link.ask(lambda: self._store.adopt(now, entry, last if record.entries else None)):
                return False
        except (StoreDown, RecordDamaged):
            return False
        with self._whose:
            self._copies.hand_out(run_id, entry)
            if not entry.terminal:
                self._own.adopted(run_id, record)
        return True

    def count(self, name: str, amount: int, keep_s: int) -> int:
        """Add to a count of all workers, of this one alone while Redis is away, and return what it is."""
        return self._tallies.count(name, amount, keep_s)

    def occupy(self, caller: str, more: int, mine: int, most: int) -> bool:
        """Say that this worker has ``more`` runs of a caller; False when all workers would have too many. Without Redis: True."""
        return self._tallies.occupy(caller, more, mine, most)

    def elsewhere(self, *, leaving: bool) -> bool:
        """Say whether another worker serves readers now."""
        return self._beat.elsewhere(leaving=leaving)

    def close(self, wait_s: float) -> None:
        """Write what is not written, for at most ``wait_s`` s, and free what is not finished."""
        self._own.write_all(wait_s)
        with self._last_words:
            self._beat.leave()
            if not self._own:
                self._link.quietly(lambda: self._store.bury(self.worker))
        self._own.wake()
        self._store.close()

    def _until_left(self, loop: Callable[[], None]) -> None:
        """Run a loop to its end; what it asked last may have connected anew behind ``close``, which says the last words."""
        try:
            loop()
        finally:
            with self._last_words:
                self._store.close()

    def _given_up(self, run_id: str) -> None:
        if self._keeper:
            self._keeper.stop(run_id, ProducerLost("another worker has taken over"))
