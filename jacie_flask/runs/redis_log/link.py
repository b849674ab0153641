"""Whether Redis answers: everybody asks it while it does, the beat alone while it does not."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from jacie_flask import measures
from jacie_flask.runs.redis_rows import StoreDown

log = logging.getLogger(__package__)

T = TypeVar("T")

LEASE_S = 2.5
"""How long a worker is taken to live that says nothing."""
BEAT_S = 0.4
"""How often it says something."""
MOVED_MS = 1000
"""When a reader should come back that has to look for its run elsewhere."""
_TRIES, _TRY_AGAIN_S = 3, 0.05


class Link:
    """One worker's exchanges with Redis: ``server`` tells one Redis from another, ``when_down`` hears of each outage's beginning.

    An outage has a beginning in ``down_since``, in seconds of ``time.monotonic``, and is over when that is None. It is set and cleared
    without a lock: two exchanges that fail at once find the same.
    """

    def __init__(self, server: Callable[[], str], when_down: Callable[[], None]) -> None:
        self.down_since: float | None = None
        self.closed = False
        self._ask_server = server
        self._server = ""
        self._when_down = when_down

    @property
    def up(self) -> bool:
        """Whether Redis answered when it was last asked."""
        return self.down_since is None

    def ask(self, exchange: Callable[[], T]) -> T:
        """Make an exchange, unless Redis is known to be down: only the beat asks then, nobody else waits for it; raise StoreDown."""
        if self.down_since is not None:
            raise StoreDown("redis did not answer lately")
        try:
            return exchange()
        except StoreDown as error:
            self.went_down(error)
            raise

    def insist(self, exchange: Callable[[], T]) -> T:
        """Make an exchange, up to three times, even where Redis is taken for down; raise StoreDown.

        A process that was stopped finds its connections timed out when it goes on, which says nothing of Redis.
        """
        for tried in range(_TRIES):
            try:
                return exchange()
            except StoreDown as error:
                if tried == _TRIES - 1:
                    self.went_down(error)
                    raise
                time.sleep(_TRY_AGAIN_S)
        raise StoreDown("redis was not asked")

    def quietly(self, exchange: Callable[[], object]) -> None:
        """Make an exchange that may as well fail."""
        try:
            self.ask(exchange)
        except StoreDown:
            return  # noted, and the beat tries again

    def went_down(self, error: StoreDown) -> None:
        """Note that Redis does not answer."""
        if self.down_since is None and not self.closed:
            log.warning("answers cannot be resumed on other workers for now: %s", error)
            measures.count("run_log_outages")
            self.down_since = time.monotonic()
            self._when_down()

    def came_back(self) -> bool:
        """Note that Redis answers again; False where it is another one, which may know less than the one before. Raise StoreDown."""
        server = self._ask_server()
        log.warning("redis answers again")
        self.down_since = None
        same, self._server = server == self._server, server
        return same

    def close(self) -> None:
        """Let the loops end: this worker leaves."""
        self.closed = True


def safely(step: Callable[[], object]) -> None:
    """Do one round of a loop: what it meets must not end the loop."""
    try:
        step()
    except StoreDown:
        return
    except Exception:  # the last frame of a loop: nobody above could go on with it
        log.exception("a round of the run log failed")
