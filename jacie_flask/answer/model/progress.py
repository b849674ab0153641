"""The model's part of a run: how far the answer is by the tokens that are there, and when that is worth a report."""

import math

from jacie_flask.answer.expectations import expected_tokens, left_to_write
from jacie_flask.answer.steps import Steps
from jacie_flask.interfaces import Forecast

AT_EXPECTED = 0.8
"""The share of the step that is done when the answer has its expected length: half of all answers become longer."""
_REASONING_SHARE = 0.3
"""The share of the step that reasoning approaches."""
_USUAL_REASONING = 500
_REASONING_TOKENS = 64
SHORTEST = 8
"""No answer is expected to be shorter, in tokens: there would be more reports than words."""


class Writing:
    """An answer while the model writes it.

    Whoever counts the tokens calls ``reached`` when they come to what it last returned, ``FIRST`` to begin with. That is at
    the first token, at each quarter of the expected length, and each time the answer has become twice as long after that.
    """

    FIRST = 1

    def __init__(self, steps: Steps, forecast: Forecast, default_tokens: int) -> None:
        self._steps = steps
        self._forecast = forecast
        self._expected = max(expected_tokens(forecast, default_tokens), SHORTEST)
        self._report_at = self._expected / 4
        self._first: tuple[int, int] | None = None
        self.token_ms: float | None = None
        self.tokens = 0

    def reached(self, tokens: int) -> int:
        """Take note of ``tokens``, report them if they are worth it, and return the count at which to call again."""
        self._measure(tokens)
        if tokens >= self._report_at:
            left = left_to_write(self._forecast, tokens, self.token_ms)
            self._steps.at("ai_generation", share_written(tokens, self._expected), left=left, tokens=tokens)
            self._report_at = max(_next_report(tokens, self._expected), tokens + 1)
        return math.ceil(self._report_at)

    def ended(self, tokens: int) -> None:
        """Take note that the model said its last."""
        if tokens:
            self._measure(tokens)

    def _measure(self, tokens: int) -> None:
        """Measure the pace from the first token on: what was waited before says nothing about it."""
        now = self._steps.elapsed_ms()
        self.tokens = tokens
        if self._first is None:
            self._first = (tokens, now)
        elif tokens > self._first[0]:
            self.token_ms = max(now - self._first[1], 0) / (tokens - self._first[0])


class Reasoning:
    """What a model thinks before it answers: reported at the first token, at each power of two, at every 64th and at its end."""

    MESSAGE = "The language model is reasoning..."

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._tokens = self._reported = 0
        self._report_at = 1

    def add(self, tokens: int) -> None:
        """Count ``tokens`` more."""
        self._tokens += tokens
        if self._tokens >= self._report_at:
            self._report()

    def ended(self) -> None:
        """Report the last of them."""
        if self._tokens > self._reported:
            self._report()

    def _report(self) -> None:
        share = _REASONING_SHARE * (1 - 1 / (1 + self._tokens / _USUAL_REASONING))
        self._steps.at("ai_generation", share, self.MESSAGE, reasoning_tokens=self._tokens)
        self._reported = self._tokens
        self._report_at = self._tokens + min(self._tokens, _REASONING_TOKENS)


def share_written(tokens: float, expected: float) -> float:
    """Return how much of the answer is there: in proportion up to the expected length, then ever nearer to 1, never 1."""
    length = tokens / expected
    return AT_EXPECTED * length if length <= 1 else 1 - (1 - AT_EXPECTED) / length


def _next_report(tokens: int, expected: float) -> float:
    length = tokens / expected
    return expected * ((math.floor(4 * length) + 1) / 4 if length < 1 else 2.0 ** (math.floor(math.log2(length)) + 1))
