"""Alarms that ring when a test lets time pass."""

import itertools
from collections.abc import Callable


class Alarms:
    """Takes the place of ``concurrency.later``; ``len()`` is the number of alarms that are set."""

    def __init__(self) -> None:
        """Begin at second 0 without alarms."""
        self.now = 0.0
        self._set: dict[int, tuple[float, Callable[[], object]]] = {}
        self._numbers = itertools.count()

    def later(self, seconds: float, function: Callable[[], object]) -> "_Alarm":
        """Set an alarm."""
        number = next(self._numbers)
        self._set[number] = (self.now + seconds, function)
        return _Alarm(self._set, number)

    def pass_by(self, seconds: float) -> None:
        """Let time pass and call what is due, in order."""
        self.now += seconds
        for number, (due, function) in sorted(self._set.items(), key=lambda item: item[1][0]):
            if due <= self.now and self._set.pop(number, None):
                function()

    def __len__(self) -> int:
        return len(self._set)


class _Alarm:
    def __init__(self, alarms: dict[int, tuple[float, Callable[[], object]]], number: int) -> None:
        self._alarms, self._number = alarms, number

    def cancel(self) -> None:
        """Forget about the call."""
        self._alarms.pop(self._number, None)
