"""The follower: what other workers write and say comes in over one connection."""

import contextlib
import logging
import time
from collections.abc import Callable, Sequence

from jacie_flask.errors import Cancelled, NotFound, StateLost
from jacie_flask.interfaces import RunKeeper
from jacie_flask.runs.redis_log.copies import Copies
from jacie_flask.runs.redis_log.link import BEAT_S, Link
from jacie_flask.runs.redis_rows import StoreDown
from jacie_flask.runs.redis_store import RedisStore

log = logging.getLogger(__package__)


class Follower:
    """Reads the streams of the copied runs and the inbox of this worker; ``cancelled`` notes a cancel on a run, ``keeper`` acts on it."""

    def __init__(
        self, store: RedisStore, link: Link, copies: Copies, *, cancelled: Callable[[str], None], keeper: RunKeeper
    ) -> None:
        self._store = store
        self._link = link
        self._copies = copies
        self._cancelled = cancelled
        self._keeper = keeper
        self._inbox = "0-0"

    def follow_on(self) -> None:
        """Take what is new as it comes, until the link is closed."""
        while not self._link.closed:
            try:
                self._follow()
            except StoreDown as error:
                self._link.went_down(error)
                time.sleep(BEAT_S)
            except Exception:  # a defect of ours, or what nobody expected in Redis: logged whole, and the loop goes on
                log.exception("following other workers' runs failed")
                time.sleep(BEAT_S)

    def _follow(self) -> None:
        """Take what is new of other workers' runs, and hear what they have to say."""
        news = self._store.listen(self._copies.positions(), self._inbox)
        self._copies.grow(news.entries)
        self._copies.lose(news.damaged, StateLost("the record of the run is damaged"))
        for kind, told in news.words:
            self._hear(kind, told.split())
        self._inbox = news.inbox

    def _hear(self, kind: str, run_ids: Sequence[str]) -> None:
        for run_id in run_ids:
            if kind == "cancel":
                with contextlib.suppress(NotFound):
                    self._cancelled(run_id)
                self._keeper.stop(run_id, Cancelled())
            elif kind == "watched":
                self._keeper.polled(run_id)
