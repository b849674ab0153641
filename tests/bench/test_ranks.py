"""The rank test says what is longer and what is not, whatever outliers there are."""

import random

from bench.ranks import chance_of_longer


def test_equal_samples_are_not_told_apart():
    """Of a thousand pairs from one distribution about one in a hundred falls below one per cent."""
    source = random.Random(1)
    chances = [chance_of_longer(*([source.expovariate(1) for _ in range(50)] for _ in range(2))) for _ in range(1000)]
    assert 2 <= sum(chance < 0.01 for chance in chances) <= 25
    assert chance_of_longer([1.0] * 50, [1.0] * 50) == 0.5


def test_a_shift_is_found_beyond_the_factor_only():
    """Ten per cent more is found, and is no more than ten per cent more; one value of a thousand times as much changes nothing."""
    source = random.Random(2)
    quick = [source.uniform(0.9, 1.1) for _ in range(200)]
    slow = [1.1 * source.uniform(0.9, 1.1) for _ in range(199)] + [1000.0]
    assert chance_of_longer(slow, quick) < 1e-6
    assert chance_of_longer(slow, quick, 1.15) > 0.5
    assert chance_of_longer(quick, slow) > 0.99
