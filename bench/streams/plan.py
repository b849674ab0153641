"""What one measured answer is: told to the upstream inside the question, known to the client that counts it."""

import functools
import random
import re
import time
from dataclasses import dataclass

_PLAN = re.compile(rb"Answer with (\d+) tokens at (\d+) per second, then (end|wait)(?:, as ([\w-]+))?\.")
_STAMP = re.compile(rb"(\d+)@(\d+);")
_SYLLABLES = ("ba", "co", "den", "fir", "gal", "hu", "is", "ker", "lo", "mi", "nor", "pra", "qui", "ra", "sol", "ti", "um", "ver")


@dataclass(frozen=True)
class Plan:
    """An answer of ``tokens`` tokens, ``rate`` of them a second; 0 pours them as fast as they are read.

    Poured tokens are words, paced ones carry their number and the time they were sent; the first paced one comes at once, the
    others from the moment on at which the upstream is told to go. ``wait`` leaves the stream open and silent after the last one. ``name`` has the upstream note when the connection was closed.
    """

    tokens: int
    rate: int = 0
    wait: bool = False
    name: str = ""

    def question(self) -> str:
        """Return the plan as a question: every contender hands it to the model as it is."""
        name = f", as {self.name}" if self.name else ""
        return f"Answer with {self.tokens} tokens at {self.rate} per second, then {'wait' if self.wait else 'end'}{name}."


def find(request: bytes) -> Plan | None:
    """Return the plan that a request body holds."""
    found = _PLAN.search(request)
    if found is None:
        return None
    tokens, rate, end, name = found.groups()
    return Plan(int(tokens), int(rate), end == b"wait", (name or b"").decode())


@functools.cache
def words(tokens: int) -> tuple[str, ...]:
    """Return the texts of a poured answer: plain words of the length that tokens have, always the same."""
    dice = random.Random(7)
    return tuple(" " + "".join(dice.choices(_SYLLABLES, k=dice.choice((1, 1, 2, 2, 3)))) for _ in range(tokens))


def stamped(number: int) -> str:
    """Return the text of a paced token: its number and this moment in microseconds of the clock that all processes share."""
    return f"{number}@{time.monotonic_ns() // 1000};"


def stamps(data: bytes) -> list[tuple[int, float]]:
    """Return (number, seconds when it was sent) of every paced token in ``data``."""
    return [(int(number), int(sent) / 1e6) for number, sent in _STAMP.findall(data)]


def end_of_last_stamp(data: bytes) -> int:
    """Return where the last whole paced token ends, 0 when there is none."""
    return data.rfind(b";") + 1 if _STAMP.search(data) else 0
