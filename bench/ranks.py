"""Compare two samples of measured times by their ranks (Mann-Whitney), which outliers of a busy machine do not move."""

import math
from collections.abc import Sequence


def chance_of_longer(first: Sequence[float], second: Sequence[float], factor: float = 1.0) -> float:
    """Return how likely ranks as high as those of ``first`` are if it takes at most ``factor`` times as long as ``second``.

    The samples have to be taken by turns or in random order. One-sided, by the normal approximation with mid-ranks for ties
    (H. B. Mann, D. R. Whitney, 1947), which is good from about 20 values each.
    """
    scaled = [value * factor for value in second]
    ranks = _mid_ranks([*first, *scaled])
    n, m = len(first), len(scaled)
    larger = sum(ranks[:n]) - n * (n + 1) / 2
    deviation = math.sqrt(n * m * (n + m + 1) / 12)
    return 0.5 * math.erfc((larger - n * m / 2) / deviation / math.sqrt(2))


def _mid_ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = (start + 1 + end) / 2
        start = end
    return ranks
