"""Numbers from samples: medians, percentiles, spread and ratios of rounds that belong together."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A median with the smallest and the largest of its samples."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Figure":
        """Return the figure of at least one sample."""
        return cls(statistics.median(samples), min(samples), max(samples))


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that is not exceeded by ``percent`` of all (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def ratio(pairs: Sequence[tuple[float, float]]) -> Figure:
    """Return the ratio of two contenders, formed within each round: what slowed the machine slowed both."""
    return Figure.of([one / other for one, other in pairs])
