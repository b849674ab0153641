"""Figures in text: finding them, and saying whether a page holds them under another spelling."""

import re
from dataclasses import dataclass

_FIGURE = re.compile(
    r"(?P<open>\(\s?)?(?P<currency>[$€£¥]|\b(?:USD|EUR|GBP|ZAR|R)\s?)?(?P<sign>[-−–])?"
    r"(?P<digits>\d{1,3}(?:[,\u00a0\u202f]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"\s?(?P<unit>%|percent(?:age)?\b|per cent\b|thousand\b|million\b|billion\b|trillion\b|bn\b|m\b)?",
    re.IGNORECASE,
)
_SCALES = {"thousand": 3, "million": 6, "m": 6, "billion": 9, "bn": 9, "trillion": 12}
_SCALE_STEPS = (0, 3, 6, 9, 12)
_CLOSE = 0.05
_FORM_AFTER = re.compile(r"-?[KQF]\b")
_WORDS_BEFORE = re.compile(r"(?:\b(?:note|page|item|section|part|chapter|table|fy|q|no\.?)\s*)$|[\[A-Za-z]$", re.IGNORECASE)


@dataclass(frozen=True)
class Figure:
    """A figure as written: its value without sign, how many decimals it shows, its power of ten, whether it is a share."""

    text: str
    value: float
    decimals: int
    scale: int
    percent: bool
    start: int

    @property
    def year(self) -> bool:
        """Whether it reads as a calendar year rather than an amount."""
        return not self.percent and not self.scale and self.decimals == 0 and 1900 <= self.value <= 2100 and "," not in self.text


def find(text: str) -> list[Figure]:
    """Return the figures of a text in order; numbers of notes, pages, forms and parts of words are not figures."""
    found = []
    for match in _FIGURE.finditer(text):
        start, end = match.start("digits"), match.end("digits")
        before = match.start("currency") if match["currency"] else start
        if _WORDS_BEFORE.search(text[max(0, match.start() - 12) : before]):
            continue
        if not match["unit"] and (text[end : end + 1].isalpha() or _FORM_AFTER.match(text, end)):
            continue
        digits = re.sub(r"[,\u00a0\u202f]", "", match["digits"])
        unit = (match["unit"] or "").lower()
        found.append(
            Figure(
                text=match["digits"],
                value=float(digits),
                decimals=len(digits.partition(".")[2]),
                scale=_SCALES.get(unit, 0),
                percent=unit.startswith(("%", "per")),
                start=start,
            )
        )
    return found


def stands_in(figure: Figure, others: list[Figure]) -> bool:
    """Say whether one of ``others`` is the same figure: equal digits, or equal after rounding to a larger unit.

    8.7 billion is found in 8,738 million, and in 8,738 or 8,738,000 without a unit, which a table's header may hold: a step
    of three powers of ten and rounding to the decimals shown. A plain figure without unit has to be equal as it stands, or
    rounded at the decimals it shows.
    """
    return any(_same(figure, other) for other in others)


def _same(figure: Figure, other: Figure) -> bool:
    if figure.percent != other.percent and (figure.scale or other.scale or not figure.decimals):
        return False
    if figure.scale and other.scale:
        return _rounds_to(figure, other.value * 10.0 ** (other.scale - figure.scale))
    if figure.value == other.value:
        return True
    if figure.year or not (figure.scale or figure.decimals):
        return False
    steps = _SCALE_STEPS if figure.scale else (0,)
    finer = [step for step in steps if step or other.decimals > figure.decimals]
    return figure.value >= 1 and any(_rounds_to(figure, other.value / 10**step) for step in finer)


def _rounds_to(figure: Figure, value: float) -> bool:
    """Say whether the figure is ``value`` at the decimals it shows, and not far from it: 2 does not stand for 1.6."""
    return abs(value - figure.value) <= min(0.50005 * 10.0**-figure.decimals, _CLOSE * figure.value)
