"""What past answers took, and what that says about the one under way: how long it gets, and when it is there."""

import threading
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Sequence

from jacie_flask.interfaces import Estimate, Forecast, Moment, Taken

KEPT = 50
"""How many answers are remembered, a mode and model: the oldest makes room for the newest."""
ENOUGH = 5
"""How many answers an estimate needs."""
LONGER = 3
"""How many of them must have become longer than the answer already is, for what is left of it to be estimated."""
MODERATE = 0.5
"""How wide the middle half of what was seen may lie, as a share of its median, to be known well enough..."""
MODERATE_MS = 1000.0
"""...or in milliseconds: who is told seconds does not miss one."""


class RecentAnswers:
    """The Expectations of a process: the last answers of each mode and model, in bounded memory, safe among threads.

    A forecast is made anew with each answer that is learnt and never changes afterwards: a run that took one keeps it.
    """

    def __init__(self) -> None:
        self._learning = threading.Lock()
        self._histories: dict[tuple[str, str], _History] = {}
        self._forecasts: dict[tuple[str, str], Forecast] = {}

    def of(self, mode: str, model: str) -> Forecast:
        """Return what is expected of the next answer; an empty forecast before the first."""
        return self._forecasts.get((mode, model), NOTHING_KNOWN)

    def learn(self, mode: str, model: str, taken: Taken) -> None:
        """Remember an answer that came to its end; one without tokens says nothing."""
        if taken.tokens <= 0:
            return
        with self._learning:
            history = self._histories.setdefault((mode, model), _History())
            history.add(taken)
            self._forecasts[mode, model] = history.forecast()


NOTHING_KNOWN = Forecast()


def known_well_enough(left: Estimate) -> bool:
    """Say whether a person may be told: the interquartile range is at most half of the median, or one second."""
    return left.spread <= max(MODERATE * left.ms, MODERATE_MS)


def left_at_pace(forecast: Forecast, step: str, share: float, elapsed_ms: float) -> Estimate | None:
    """Return what is left of a run whose ``step`` did a ``share`` (0 to 1) of its work in ``elapsed_ms``.

    The step's own rest is extrapolated from its pace by as much as is done, and taken from past answers for what is not:
    the first of six documents says little about the others. What follows the step takes what it usually takes.
    """
    begun, done = forecast.rest_ms.get((step, False)), forecast.rest_ms.get((step, True))
    if begun is None or done is None or share <= 0:
        return None
    paced = elapsed_ms / share * (1 - share)
    usual = max(begun.ms - done.ms - elapsed_ms, 0.0)
    spread = share * done.spread + (1 - share) * begun.spread
    return Estimate(ms=done.ms + share * paced + (1 - share) * usual, spread=spread)


def left_to_write(forecast: Forecast, written: int, token_ms: float | None) -> Estimate | None:
    """Return what is left of a run that has ``written`` tokens, at ``token_ms`` a token (None: at the usual pace).

    The rest of the answer is the median of those past answers that became longer than this one is by now, so an answer
    that outgrows the usual length is compared with long ones only.
    """
    longer = forecast.lengths[bisect_right(forecast.lengths, written) :]
    ending = forecast.rest_ms.get(("finalizing", False))
    pace = token_ms if token_ms is not None else forecast.token_ms
    if len(forecast.lengths) < ENOUGH or len(longer) < LONGER or ending is None or pace is None:
        return None
    lengths = _estimate(longer)
    return Estimate(ms=(lengths.ms - written) * pace + ending.ms, spread=lengths.spread * pace + ending.spread)


def expected_tokens(forecast: Forecast, default: int) -> float:
    """Return the usual length of an answer, in tokens; ``default`` before one was learnt."""
    return _quantile(forecast.lengths, 0.5) if forecast.lengths else float(default)


class _Recent:
    """The last values of one quantity, in the order of their arrival and of their size."""

    def __init__(self) -> None:
        self._arrived: deque[float] = deque()
        self.values: list[float] = []

    def add(self, value: float) -> None:
        if len(self._arrived) == KEPT:
            del self.values[bisect_left(self.values, self._arrived.popleft())]
        self._arrived.append(value)
        insort(self.values, value)


class _History:
    """The last answers of one model in one mode."""

    def __init__(self) -> None:
        self._tokens = _Recent()
        self._token_ms = _Recent()
        self._rest_ms: dict[Moment, _Recent] = {}

    def add(self, taken: Taken) -> None:
        self._tokens.add(taken.tokens)
        if taken.token_ms is not None:
            self._token_ms.add(taken.token_ms)
        for moment, ms in taken.rest_ms.items():
            self._rest_ms.setdefault(moment, _Recent()).add(ms)

    def forecast(self) -> Forecast:
        return Forecast(
            lengths=tuple(self._tokens.values),
            token_ms=_quantile(self._token_ms.values, 0.5) if self._token_ms.values else None,
            rest_ms={moment: _estimate(seen.values) for moment, seen in self._rest_ms.items() if len(seen.values) >= ENOUGH},
        )


def _estimate(values: Sequence[float]) -> Estimate:
    return Estimate(ms=_quantile(values, 0.5), spread=_quantile(values, 0.75) - _quantile(values, 0.25))


def _quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` of the sorted ``values`` lie, interpolated between neighbours."""
    place = (len(values) - 1) * share
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)
