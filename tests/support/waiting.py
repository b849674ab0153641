"""The one wait for a condition; its limit only keeps a broken test from hanging, so it says nothing about speed."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
HANG_S = 60.0


def wait_for(condition: Callable[[], T], seconds: float = HANG_S) -> T:
    """Return the condition's value as soon as it is true; raise AssertionError after ``seconds``, which no sound test needs."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"the condition did not become true within {seconds:g} s")
        time.sleep(0.01)
    return value
