"""Finds a model that repeats itself without end, while its text comes; the time is linear in the text, the memory bounded."""

import re

_STEP = 256
"""How many characters come between two looks."""
_WINDOW = 3328
_LONGEST_PERIOD = 800
_LEAST_REPEATED = 480
_LEAST_TIMES = 4
_NEEDLE = 32
_TRIES = 4
_SAME_LINES = 8
_LEAST_LETTERS = 12
_LINE_NUMBER = re.compile(r"[\s\d.)*•–-]*")


class Repetition:
    """Looks at the end of a text. ``found`` says that it repeats itself, ``blank`` that it repeats nothing but white space."""

    def __init__(self) -> None:
        self.found = False
        self.blank = False
        self._window = ""
        self._pieces: list[str] = []
        self._chars = 0

    def feed(self, text: str) -> None:
        """Take the next piece of the text."""
        self._pieces.append(text)
        self._chars += len(text)
        if self._chars >= _STEP:
            self._look()

    def _look(self) -> None:
        """Look at each step of what came since the last look."""
        text = "".join(self._pieces)
        self._pieces, self._chars = [], 0
        for start in range(0, len(text), _STEP):
            step = text[start : start + _STEP]
            self._window = (self._window + step)[-_WINDOW:]
            if _is_periodic(self._window) or ("\n" in step and _has_same_lines(self._window)):
                self.found = True
                self.blank = self._window[-_LEAST_REPEATED:].isspace()
                return


def _is_periodic(text: str) -> bool:
    """Say whether a text ends with at least 4 times the same, over at least 480 characters."""
    needle = text[-_NEEDLE:]
    before = len(text) - _NEEDLE
    at = before
    for _ in range(_TRIES):
        at = text.rfind(needle, 0, at + _NEEDLE - 1)
        period = before - at
        repeated = max(_LEAST_TIMES * period, _LEAST_REPEATED)
        if at < 0 or period > _LONGEST_PERIOD or repeated > len(text):
            return False
        if text[-repeated:-period] == text[-repeated + period :]:
            return True
    return False


def _has_same_lines(text: str) -> bool:
    """Say whether the last lines are the same but for their numbers at the beginning."""
    lines = text.rsplit("\n", _SAME_LINES + 1)[1:-1]
    if len(lines) < _SAME_LINES:
        return False
    bare = {line[_begin(line) :].rstrip() for line in lines}
    return len(bare) == 1 and sum(map(str.isalpha, bare.pop())) >= _LEAST_LETTERS


def _begin(line: str) -> int:
    found = _LINE_NUMBER.match(line)
    return found.end() if found else 0
