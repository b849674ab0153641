"""Runs that nobody works on although Redis has them as running: begun again, or ended."""

import logging

from jacie_flask.errors import StateLost
from jacie_flask.interfaces import RunKeeper
from jacie_flask.runs.memory_log import MemoryLog
from jacie_flask.runs.redis_log.copies import Copies
from jacie_flask.runs.redis_log.link import LEASE_S, Link
from jacie_flask.runs.redis_log.own import OwnRuns
from jacie_flask.runs.redis_rows import RecordDamaged
from jacie_flask.runs.redis_store import RedisStore

log = logging.getLogger(__package__)


class Orphans:
    """What dead workers left, and what this worker's own list names wrongly; seen by the beat alone, so there is no lock."""

    def __init__(self, memory: MemoryLog, store: RedisStore, link: Link, own: OwnRuns, copies: Copies) -> None:
        self._memory = memory
        self._store = store
        self._link = link
        self._own = own
        self._copies = copies
        self._keeper: RunKeeper | None = None
        self._strays: set[str] = set()

    def attach(self, keeper: RunKeeper) -> None:
        """Give orphans to ``keeper`` from now on."""
        self._keeper = keeper

    def rescue(self, worker: str) -> None:
        """Give each run of a dead worker a new attempt or its end; raise StoreDown."""
        orphans = self._link.ask(lambda: self._store.runs_of(worker, round(LEASE_S * 1000)))
        if orphans is None or self._keeper is None:
            return
        for run_id in orphans:
            self.hand_over(run_id, worker)
        self._link.ask(lambda: self._store.bury(worker))

    def hand_over(self, run_id: str, worker: str) -> None:
        """Give a run that its worker has left a new attempt or its end; raise Overloaded where there is no room to read it."""
        try:
            row = self._link.ask(lambda: self._store.fetch(run_id))
        except RecordDamaged as error:
            log.warning("run %s cannot be continued: %s", run_id, error)
            self._copies.lose([run_id], error)
            return
        if row is None or row.info.finished or row.owner != worker or self._keeper is None:
            return
        try:
            self._copies.bring(row)
        except StateLost:  # its readers hear the same
            return
        self._keeper.orphaned(row.info, row.entries)

    def repair(self) -> None:
        """Have written anew what Redis has forgotten of the own runs, and end those of its list that nobody works on."""
        recorded = self._link.ask(self._store.recorded)
        self._own.write_forgotten(recorded)
        strays = {run_id: self._memory.get(run_id) for run_id in recorded if run_id not in self._own}
        for run_id, record in strays.items():
            if record is not None and record.finished:
                self._own.write_end(run_id, record)
            elif record is None and run_id in self._strays:
                self.hand_over(run_id, self._store.worker)
        self._strays = set(strays)
