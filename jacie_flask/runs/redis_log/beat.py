"""The beat: says that this worker lives, hears who else does, and notices when Redis or a worker does not."""

import threading
import time

from jacie_flask.runs.redis_log.copies import Copies
from jacie_flask.runs.redis_log.link import BEAT_S, LEASE_S, Link, safely
from jacie_flask.runs.redis_log.orphans import Orphans
from jacie_flask.runs.redis_log.own import OwnRuns
from jacie_flask.runs.redis_rows import StoreDown
from jacie_flask.runs.redis_store import RedisStore

_SERVING, _LEAVING = "serving", "leaving"


class Beat:
    """This worker's lease, and the states of the other workers: "serving", "leaving", or "" for a dead one."""

    def __init__(self, store: RedisStore, link: Link, own: OwnRuns, copies: Copies, orphans: Orphans) -> None:
        self._store = store
        self._link = link
        self._own = own
        self._copies = copies
        self._orphans = orphans
        self._state = _SERVING
        self._others: dict[str, str] = {}
        self._renewing = threading.Lock()
        self._beat_at: float | None = None
        self._rescue_from = 0.0

    def beat_on(self) -> None:
        """Beat, and look after what depends on it, until the link is closed."""
        while not self._link.closed:
            time.sleep(BEAT_S)
            if not self._link.closed:
                self.beat()
                safely(lambda: self._copies.look_after(self._others, self._orphans.hand_over))
            if not self._link.up:
                self._own.forget_unwritten()

    def beat(self) -> None:
        """Beat once; nothing that it meets is raised."""
        safely(self._beat)

    def elsewhere(self, *, leaving: bool) -> bool:
        """Say whether another worker serves readers now; ``leaving`` tells the others that this one does not."""
        if leaving:
            self._state = _LEAVING
        self.beat()
        return self._link.up and _SERVING in self._others.values()

    def leave(self) -> None:
        """Beat no more, and give up the lease behind a beat that is just being made: one behind it would bring this worker back."""
        self._link.close()
        with self._renewing:
            self._link.quietly(self._store.leave)

    def _beat(self) -> None:
        """Renew the lease, and see to the runs of workers that did not."""
        try:
            with self._renewing:
                if self._link.closed:
                    return
                asked_at = time.monotonic()
                mine, self._others = self._store.beat(self._state, round(LEASE_S * 1000))
                self._own.leased(asked_at, asked_at + LEASE_S)
            if not self._link.up:
                self._own.write_unwritten(same_server=self._link.came_back())
        except StoreDown as error:
            self._link.went_down(error)
            return
        now = time.monotonic()
        if self._beat_at is not None and now - self._beat_at > LEASE_S - 2 * BEAT_S:
            # Redis, or all of this machine, has been asleep: the others had no chance to renew their leases either
            self._rescue_from = now + LEASE_S
        self._beat_at = now
        if mine != self._own.recorded:
            self._orphans.repair()
        for worker, state in self._others.items():
            if not state and self._state == _SERVING and now >= self._rescue_from:
                self._orphans.rescue(worker)
