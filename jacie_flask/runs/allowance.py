"""What each caller may use: requests in a window of time, runs at once, tokens a day; counted with all workers where they share runs."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from jacie_flask.errors import RateLimited

DAY_S = 86_400
_RUNS_RETRY_S = 2.0


class Rate(msgspec.Struct, frozen=True):
    """So many requests in each window of ``seconds``; windows begin at whole multiples of their length since the epoch."""

    requests: int
    seconds: int
    name: str = ""
    what: str = "requests"


class Standing(msgspec.Struct, frozen=True):
    """Where a caller stands in its window: requests that it may still send (below 0: refused), and the seconds to the next."""

    rate: Rate
    remaining: int
    reset_s: int

    def check(self) -> None:
        """Raise RateLimited when there were too many."""
        if self.remaining < 0:
            reason = f"at most {self.rate.requests:,} {self.rate.what} a {self.rate.name}"
            raise RateLimited(f"{-self.remaining} {self.rate.what} too many", reason=reason, retry_after_s=self.reset_s)


class Tallies(Protocol):
    """Counts that workers share as long as they reach each other; each counts for itself while they do not."""

    def count(self, name: str, amount: int, keep_s: int) -> int:
        """Add to a count that is kept ``keep_s`` seconds, and return what it is."""

    def occupy(self, caller: str, more: int, mine: int, most: int) -> bool:
        """Say that this worker has ``more`` runs of a caller, ``mine`` now; False when all workers would have more than ``most``.

        0 is no bound. What a dead worker had does not count.
        """


class Allowance:
    """The bounds of one application; ``None`` and 0 are no bound."""

    def __init__(
        self,
        tallies: Tallies,
        *,
        rate: Rate | None = None,
        pages: Rate | None = None,
        polls: Rate | None = None,
        runs: int = 0,
        tokens_per_day: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._tallies = tallies
        self._rates = {"rate": rate, "pages": pages, "polls": polls}
        self._runs = runs
        self._tokens = tokens_per_day
        self._clock = clock
        self._working: Counter[str] = Counter()
        self._lock = threading.Lock()

    def ask(self, caller: str, kind: Literal["rate", "pages", "polls"] = "rate") -> Standing | None:
        """Count a request of a kind and return how its caller stands, None where there is no rate."""
        rate = self._rates[kind]
        if rate is None:
            return None
        used, reset_s = self._used(kind, caller, 1, rate.seconds)
        return Standing(rate, rate.requests - used, reset_s)

    def check_tokens(self, caller: str) -> None:
        """Raise RateLimited where the caller has used up its tokens of this day (UTC)."""
        if self._tokens:
            used, reset_s = self._used("tokens", caller, 0, DAY_S)
            if used >= self._tokens:
                reason = f"at most {self._tokens:,} tokens a day; the day ends at midnight UTC"
                raise RateLimited(f"{caller} used {used} tokens", reason=reason, retry_after_s=reset_s)

    def spend(self, caller: str, tokens: int) -> None:
        """Count the tokens of a run that has ended."""
        if self._tokens and tokens:
            self._used("tokens", caller, tokens, DAY_S)

    def enter(self, caller: str, *, bounded: bool = True) -> None:
        """Take a place for a run; raise RateLimited when all of this caller's are taken."""
        if not self._runs:
            return
        mine = self._move(caller, 1)
        most = self._runs if bounded else 0
        if (most and mine > most) or not self._tallies.occupy(caller, 1, mine, most):
            self._move(caller, -1)
            reason = f"at most {most:,} answers at the same time"
            raise RateLimited(f"{caller} has {mine - 1} here", reason=reason, retry_after_s=_RUNS_RETRY_S)

    def leave(self, caller: str) -> None:
        """Give a run's place back."""
        if self._runs:
            self._tallies.occupy(caller, -1, self._move(caller, -1), 0)

    def _move(self, caller: str, by: int) -> int:
        with self._lock:
            self._working[caller] += by
            mine = self._working[caller]
            if not mine:
                del self._working[caller]
            return mine

    def _used(self, kind: str, caller: str, amount: int, window_s: int) -> tuple[int, int]:
        """Return what was counted in this window and the seconds until the next, one at least."""
        now = self._clock()
        window = int(now // window_s)
        reset_s = max(1, math.ceil((window + 1) * window_s - now))
        return self._tallies.count(f"{kind}:{caller}:{window}", amount, window_s), reset_s
