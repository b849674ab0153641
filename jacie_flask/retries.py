"""Bounded retries with jitter: the one place that decides whether and when an upstream is asked again."""

import random
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from jacie_flask import measures


@dataclass(frozen=True)
class Patience:
    """How often and how long an upstream is asked again: at most ``retries`` times and ``budget_s`` seconds in all."""

    retries: int
    budget_s: float
    backoff_s: float = 0.5


class Attempts:
    """The attempts of one call to ``upstream``: ``again`` waits for the next one, or says that there is none left."""

    def __init__(self, patience: Patience, upstream: str) -> None:
        self._patience = patience
        self._upstream = upstream
        self._started = time.monotonic()
        self._made = 0

    def again(self, worthwhile: bool, retry_after_s: float | None = None) -> bool:
        """Wait before the next attempt and return True, or return False at once when it is not worth it or out of bounds.

        The pause doubles with each attempt, less up to a quarter by chance; ``retry_after_s`` is the server's own wish.
        """
        pause = self._patience.backoff_s * 2**self._made * (1 - 0.25 * random.random())
        pause = max(pause, retry_after_s or 0.0)
        spent = time.monotonic() - self._started + pause
        if not worthwhile or self._made >= self._patience.retries or spent > self._patience.budget_s:
            return False
        self._made += 1
        measures.count("upstream_retries", upstream=self._upstream)
        time.sleep(pause)
        return True


def retry_after(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3); None without one."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
