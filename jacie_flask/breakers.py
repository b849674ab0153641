"""Circuit breakers: an upstream that fails again and again is left alone for a while, then tried by one request."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half-open"
_LONGEST = 8
_PROBE_S = 1.0


class Refused(Exception):
    """The breaker is open; ``seconds`` until it lets a request try."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"left alone for {seconds:.1f} s more")
        self.seconds = seconds


@dataclass(frozen=True)
class Ticket:
    """The permission for one request; ``era`` tells what is known since the breaker last changed from what is old."""

    era: int
    probe: bool


@dataclass(frozen=True)
class BreakerFigures:
    """What a breaker knows: its state and counts since the process began."""

    state: str
    failures_in_a_row: int
    retry_after_s: float
    failures: int
    opened: int
    refused: int


class Breaker:
    """Opens after ``failures`` failed requests in a row and refuses for ``open_s``; then one request at a time may try.

    A try that fails doubles the pause, up to eight times; one that succeeds closes the breaker. Safe for greenlets and threads:
    the lock is held for counting only, never while a request is under way.
    """

    def __init__(self, failures: int = 5, open_s: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._open_s, self._clock = failures, open_s, clock
        self._lock = threading.Lock()
        self._era = 0
        self._in_a_row = 0
        self._pauses = 0
        self._closed = True
        self._until = 0.0
        self._probing = False
        self._failures = self._opened = self._refused = 0

    @property
    def figures(self) -> BreakerFigures:
        """What there is to show: for /ready and for metrics."""
        with self._lock:
            left = max(0.0, self._until - self._clock())
            state = CLOSED if self._closed else OPEN if left else HALF_OPEN
            return BreakerFigures(state, self._in_a_row, left, self._failures, self._opened, self._refused)

    def enter(self) -> Ticket:
        """Return the permission to make a request, to be given back to exactly one of the methods below; raise Refused."""
        with self._lock:
            left = self._until - self._clock()
            if not self._closed and (left > 0 or self._probing):
                self._refused += 1
                raise Refused(max(left, _PROBE_S))
            self._probing = not self._closed
            return Ticket(self._era, self._probing)

    def succeeded(self, ticket: Ticket) -> None:
        """Note that the upstream answered; what was asked before the breaker last changed counts no more."""
        with self._lock:
            if ticket.era != self._era:
                return
            self._in_a_row = 0
            if ticket.probe:
                self._change(closed=True)

    def failed(self, ticket: Ticket) -> None:
        """Note that the upstream failed."""
        with self._lock:
            self._failures += 1
            if ticket.era != self._era:
                return
            self._in_a_row += 1
            if ticket.probe or self._in_a_row >= self._limit:
                self._change(closed=False)

    def returned(self, ticket: Ticket) -> None:
        """Note that a request said nothing about the upstream: it was cancelled."""
        with self._lock:
            if ticket.probe and ticket.era == self._era:
                self._probing = False

    def _change(self, *, closed: bool) -> None:
        self._era += 1
        self._closed, self._probing = closed, False
        if closed:
            self._pauses, self._until = 0, 0.0
            return
        self._opened += 1
        # less by chance, so that the workers of one service do not all try at once
        self._until = self._clock() + self._open_s * min(2**self._pauses, _LONGEST) * random.uniform(0.75, 1.0)
        self._pauses += 1
