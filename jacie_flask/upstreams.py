"""An upstream as its backend asks it: within the question's budget, behind a circuit breaker, never against a Retry-After."""

import random
import time
from collections.abc import Callable
from itertools import count
from typing import Protocol, TypeVar

from jacie_flask import measures
from jacie_flask.breakers import CLOSED, HALF_OPEN, OPEN, Breaker, BreakerFigures, Refused
from jacie_flask.errors import JacieError
from jacie_flask.retries import Budget, Patience

T = TypeVar("T")

_STATES = {CLOSED: 0, HALF_OPEN: 1, OPEN: 2}
_LONGEST_QUIET_S = 60.0
"""One question a minute may try whether an upstream that asked for an hour still means it."""


class Unavailable(Protocol):
    """An error of ours that says that an upstream is not there for now."""

    def __call__(self, detail: str, *, retry_after_s: float | None) -> JacieError:
        """Return the error."""


class Trouble(Exception):
    """One request went wrong: ``error`` is for whoever asked.

    ``fault``: the upstream is to blame, which counts against it; a refusal of what was asked does not. ``again``: the same request
    may succeed in a moment. ``throttled``: the upstream is well and wants to be asked less, for ``error.retry_after_s``.
    """

    def __init__(self, error: JacieError, *, fault: bool = False, again: bool = False, throttled: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.fault = fault
        self.again = again
        self.throttled = throttled


class Upstream:
    """One endpoint as this process knows it, by its ``name`` (documents, index, embeddings, model); shared by all questions."""

    def __init__(
        self, name: str, unavailable: Unavailable, patience: Patience | None = None, breaker: Breaker | None = None
    ) -> None:
        self.name = name
        self._unavailable = unavailable
        self._patience = patience or Patience()
        self._breaker = breaker or Breaker()
        self._quiet_until = 0.0
        self._requests = self._throttled = 0

    @property
    def figures(self) -> BreakerFigures:
        """The breaker's state and counts."""
        return self._breaker.figures

    @property
    def requests(self) -> int:
        """How many requests were made since the process began, each attempt counted."""
        return self._requests

    @property
    def throttled(self) -> int:
        """How many of them were answered with 429."""
        return self._throttled

    def ask(self, request: Callable[[], T], budget: Budget | None = None) -> T:
        """Return what ``request`` returns; what it raises as Trouble is met by asking again or raised as its error.

        Without the budget of a question the request has retries of its own, as many as the upstream's patience has.
        """
        budget = budget or Budget(self._patience.retries + self._patience.leaves)
        self._respect_quiet(budget)
        for attempt in count(1):
            budget.check()
            try:
                return self._once(request)
            except Refused as refused:
                raise self._unavailable(f"{self.name}: {refused}", retry_after_s=round(refused.seconds, 1)) from None
            except Trouble as trouble:
                if not self._again(trouble, attempt, budget):
                    raise self._last(trouble) from trouble.__cause__
        raise AssertionError("count() does not end")

    def _once(self, request: Callable[[], T]) -> T:
        """Make one request and tell the breaker how it went; a kill tells it nothing."""
        ticket = self._breaker.enter()
        self._requests += 1
        settle = self._breaker.returned
        try:
            value = request()
            settle = self._breaker.succeeded
            return value
        except Trouble as trouble:
            settle = self._breaker.failed if trouble.fault else self._breaker.succeeded
            if trouble.throttled:
                self._note_quiet(trouble.error.retry_after_s)
            raise
        finally:
            settle(ticket)
            measures.level("circuit_state", _STATES[self.figures.state], upstream=self.name)

    def _again(self, trouble: Trouble, attempt: int, budget: Budget) -> bool:
        """Wait for the next attempt, or say that there is none."""
        asked_s = trouble.error.retry_after_s
        if not trouble.again or attempt > self._patience.retries or (asked_s or 0.0) > self._patience.longest_s:
            return False
        pause = self._patience.pause(attempt, asked_s)
        if self.figures.retry_after_s > 0 or not budget.spend(pause, self._patience.leaves):
            return False
        measures.count("upstream_retries", upstream=self.name)
        budget.wait(pause)
        return True

    def _last(self, trouble: Trouble) -> JacieError:
        """Return the error of the last attempt, with the time for which the breaker stays open now."""
        error, left = trouble.error, self.figures.retry_after_s
        if error.retryable and error.retry_after_s is None and left > 0:
            error.retry_after_s = round(left, 1)
        return error

    def _note_quiet(self, seconds: float | None) -> None:
        self._throttled += 1
        self._quiet_until = max(self._quiet_until, time.monotonic() + min(seconds or 0.0, _LONGEST_QUIET_S))

    def _respect_quiet(self, budget: Budget) -> None:
        """Wait until an upstream that asked for time wants to be asked again, or say when that will be."""
        left = self._quiet_until - time.monotonic()
        if left <= 0:
            return
        if left > self._patience.longest_s or left >= budget.left_s:
            raise self._unavailable(f"{self.name} asked for {left:.1f} s more", retry_after_s=round(left, 1))
        budget.wait(left * random.uniform(1.0, 1.1))
