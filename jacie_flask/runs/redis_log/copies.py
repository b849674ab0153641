"""Copies in memory of other workers' runs that are read here."""

import threading
import time
from collections.abc import Callable, Container, Mapping, Sequence

import msgspec

from jacie_flask.errors import JacieError, NotFound, Overloaded, StateLost
from jacie_flask.interfaces import Entry
from jacie_flask.runs.memory_log import MemoryLog, Record
from jacie_flask.runs.reader import Moved, Position
from jacie_flask.runs.redis_log.link import BEAT_S, LEASE_S, MOVED_MS, Link
from jacie_flask.runs.redis_rows import Row, StoreDown
from jacie_flask.runs.redis_store import RedisStore

_KEPT_COPY_S = 10.0
_PATIENCE_S = 3.0


class Copy:
    """A run of another worker that is read here."""

    __slots__ = ("missing_since", "owner", "read_at", "readers", "record")

    def __init__(self, record: Record, owner: str) -> None:
        self.record = record
        self.owner = owner
        self.readers = 0
        self.read_at = time.monotonic()
        self.missing_since: float | None = None


class Copies:
    """Runs that go on elsewhere and are read here, which ``own`` ones never are.

    ``whose`` is held while a copy begins, grows, ends or becomes an own run: its entries come from a reader that asked Redis and from
    the follower, and must not be taken twice. Readers take no lock.
    """

    def __init__(self, memory: MemoryLog, store: RedisStore, link: Link, *, whose: threading.RLock, own: Container[str]) -> None:
        self._memory = memory
        self._store = store
        self._link = link
        self._whose = whose
        self._own = own
        self._copies: dict[str, Copy] = {}

    # ---------------------------------------------------------------------------------------------------------- readers

    def find(self, run_id: str) -> Copy | None:
        """Return the copy of a running run of another worker, None when memory has all of it; raise NotFound or Overloaded."""
        copy = self._copies.get(run_id)
        if copy is not None:
            return copy
        try:
            self._memory.record(run_id)
            return None
        except NotFound:
            pass
        try:
            row = self._link.ask(lambda: self._store.fetch(run_id))
        except StoreDown as error:
            raise Overloaded(f"the run log cannot be read: {error}", retry_after_s=1.0) from error
        if row is None:
            raise NotFound(f"no run {run_id[:64]!r}")
        return self.bring(row)

    def read(self, copy: Copy, after: Position, wait_s: float) -> list[Entry]:
        """Return what follows ``after``, waiting up to ``wait_s`` s; raise StateLost."""
        copy.readers += 1
        try:
            return self._patiently(copy.record, after, wait_s)
        finally:
            copy.readers -= 1
            copy.read_at = time.monotonic()

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

    # ---------------------------------------------------------------------------------------------------------- entries

    def bring(self, row: Row) -> Copy | None:
        """Bring memory up to a row; return its copy while the run goes on elsewhere. Raise StateLost or Overloaded."""
        run_id = row.info.run_id
        with self._whose:
            if run_id in self._own:
                return None
            copy = self._copies.get(run_id)
            if copy is None:
                self._memory.drop(run_id)
                self._memory.create(msgspec.structs.replace(row.info, finished=False))
            try:
                self._take(run_id, row.entries)
            except StateLost as error:
                self.lose([run_id], error)
                self._memory.drop(run_id)
                raise
            record = self._memory.record(run_id)
            if record.finished:
                record.updated_at = row.info.updated_at
                self._memory.age(run_id, row.ended_s)
                self._copies.pop(run_id, None)
                return None
            if copy is None:
                copy = self._copies[run_id] = Copy(record, row.owner)
            copy.owner = row.owner
        self._link.quietly(lambda: self._store.tell(self._store.worker, "follow", [run_id]))
        return copy

    def positions(self) -> dict[str, Position]:
        """Return how far each copy is."""
        return {run_id: copy.record.end for run_id, copy in list(self._copies.items())}

    def grow(self, news: Mapping[str, Sequence[Entry]]) -> None:
        """Take what is new of runs that are still copies."""
        with self._whose:
            for run_id, entries in news.items():
                if run_id in self._copies:
                    try:
                        self._take(run_id, entries)
                    except StateLost as error:
                        self.lose([run_id], error)

    def hand_out(self, run_id: str, entry: Entry) -> None:
        """Take the entry with which this worker continues a run, which is no copy any more."""
        with self._whose:
            self._take(run_id, (entry,))  # unless the follower was quicker
            self._copies.pop(run_id, None)

    def _take(self, run_id: str, entries: Sequence[Entry]) -> None:
        """Append what is new of another worker's run; raise StateLost when something is missing before it."""
        last = self._memory.record(run_id).end
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

    # ----------------------------------------------------------------------------------------------------------- owners

    def look_after(self, workers: Container[str], hand_over: Callable[[str, str], None]) -> None:
        """Tell owners that somebody reads here, drop what nobody reads, and end readers of what is gone.

        ``hand_over`` is called with a run and its owner, where that is none of the ``workers`` any more. Raise StoreDown.
        """
        now = time.monotonic()
        for run_id, copy in list(self._copies.items()):
            if not copy.readers and now - copy.read_at > _KEPT_COPY_S:
                self._forget(run_id)
        if self._link.down_since is not None:
            if now - self._link.down_since > _PATIENCE_S:
                self.lose(list(self._copies), Moved(MOVED_MS))
        elif self._copies:
            self._look_for_owners(list(self._copies.items()), now, workers, hand_over)

    def _look_for_owners(
        self, copies: Sequence[tuple[str, Copy]], now: float, workers: Container[str], hand_over: Callable[[str, str], None]
    ) -> None:
        owners = self._link.ask(lambda: self._store.owners([run_id for run_id, _ in copies]))
        watched: dict[str, list[str]] = {}
        for run_id, copy in copies:
            copy.owner = owners.get(run_id, "")
            if copy.owner in workers:
                copy.missing_since = None
                if copy.readers or now - copy.read_at < 2 * BEAT_S:
                    watched.setdefault(copy.owner, []).append(run_id)
            elif copy.missing_since is None:
                copy.missing_since = now
            elif now - copy.missing_since > LEASE_S and copy.owner:
                hand_over(run_id, copy.owner)
            elif now - copy.missing_since > LEASE_S:
                self.lose([run_id], StateLost("the record of the run is gone"))
        for owner, run_ids in watched.items():
            self._link.quietly(lambda: self._store.tell(owner, "watched", run_ids))  # noqa: B023  # called at once

    def lose(self, run_ids: Sequence[str], reason: Exception) -> None:
        """Let the readers of copies end with ``reason`` once they have read what is here."""
        for run_id in run_ids:
            copy = self._forget(run_id)
            if copy:
                copy.record.lose(reason)

    def _forget(self, run_id: str) -> Copy | None:
        with self._whose:
            copy = self._copies.pop(run_id, None)
            if copy:
                self._memory.drop(run_id)
            return copy
