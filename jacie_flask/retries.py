"""What one question may spend on asking upstreams again, a number of retries and the time until its deadline; and what it asked a model."""

import math
import random
import threading
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from jacie_flask.errors import JacieError


@dataclass(frozen=True)
class Patience:
    """How often one request to an upstream is repeated, at most, and how long it waits because the upstream says so.

    ``backoff_s`` doubles with each attempt. ``leaves`` retries of the question are not touched: they are for the model, without
    which there is no answer.
    """

    retries: int = 2
    backoff_s: float = 0.3
    longest_s: float = 5.0
    leaves: int = 2

    def pause(self, attempt: int, asked_s: float | None) -> float:
        """Return how long to wait after an attempt: less by chance where it is our own guess, more where a server asked for it."""
        guess: float = self.backoff_s * 2 ** (attempt - 1) * random.uniform(0.75, 1.0)
        return max(guess, (asked_s or 0.0) * random.uniform(1.0, 1.1))


TO_THE_END = Patience(longest_s=math.inf, leaves=0)
"""For the model: there is no answer without it, so it is waited for as long as the question has time."""


class Budget:
    """The retries of one question, shared by all that it asks wherever they run, and the end of its time.

    It is handed on as a value, because requests of one question run in several greenlets and in threads of pools.
    """

    def __init__(self, retries: int, deadline_s: float = math.inf) -> None:
        self._retries = retries
        self._deadline_at = time.monotonic() + deadline_s
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._reason: JacieError | None = None
        self.prompt_chars = 0  # of what a model was given to read: an answer that is cut short is charged by it
        self.aside_chars = 0  # read and written by a model that was asked for something else than the answer

    @property
    def left_s(self) -> float:
        """How many seconds are left before the deadline; infinite without one."""
        return self._deadline_at - time.monotonic()

    def spend(self, pause_s: float, leaving: int = 0) -> bool:
        """Take one retry after a pause, unless only ``leaving`` are left or the pause would last beyond the deadline."""
        with self._lock:
            if self._retries <= leaving or pause_s >= self.left_s:
                return False
            self._retries -= 1
            return True

    def wait(self, seconds: float) -> None:
        """Sleep; raise at once what the question ended with, when it ends or has ended."""
        if self._ended.wait(seconds) and self._reason is not None:
            raise self._reason

    def check(self) -> None:
        """Raise what the question ended with, if it has."""
        if self._reason is not None:
            raise self._reason

    def end(self, reason: JacieError) -> None:
        """End all waiting of the question, and every request that looks; the first reason stays."""
        self._reason = self._reason or reason
        self._ended.set()


def retry_after(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3); None without one."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        return _until(value)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _until(date: str) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())
    except ValueError:
        return None
