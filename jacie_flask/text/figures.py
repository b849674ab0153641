"""Figures in text: finding them, and saying whether a page holds them under another spelling."""

import re
from dataclasses import dataclass

_FIGURE = re.compile(
    r"(?P<open>\(\s?)?(?P<currency>[$€£¥]|\b(?:USD|EUR|GBP|ZAR|R)\s?)?(?P<sign>[-−–])?"
    r"(?P<digits>\d{1,3}(?:[,\u00a0\u202f]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"\s?(?P<unit>%|percent\b|per cent\b|thousand\b|million\b|billion\b|trillion\b|bn\b|m\b)?",
    re.IGNORECASE,
)
_SCALES = {"thousand": 3, "million": 6, "m": 6, "billion": 9, "bn": 9, "trillion": 12}
_SCALE_STEPS = (0, 3, 6, 9, 12)
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
    """Return the figures of a text in order; numbers of notes, pages and parts of words are not figures."""
    found = []
    for match in _FIGURE.finditer(text):
        start = match.start("digits")
        if _WORDS_BEFORE.search(text[max(0, match.start() - 12) : start]):
            continue
        if match.end("digits") < len(text) and text[match.end("digits")].isalpha() and not match["unit"]:
            continue
        digits = re.sub(r"[,\u00a0\u202f]", "", match["digits"])
        unit = (match["unit"] or "").lower()
        found.append(
            Figure(
                text=match["digits"],
                value=float(digits),
                decimals=len(digits.partition(".")[2]),
                scale=_SCALES.get(unit, 0),
                percent=unit in ("%", "percent", "per cent"),
                start=start,
            )
        )
    return found


def stands_in(figure: Figure, others: list[Figure]) -> bool:
    """Say whether one of ``others`` is the same figure: equal digits, or equal after rounding to a larger unit.

    8.7 (billion) is found in 8,738 (million) or 8,738,000 (thousand): a step of three powers of ten and rounding to the
    decimals shown. A plain figure without unit has to be equal as it stands, or rounded at the decimals it shows.
    """
    return any(_same(figure, other) for other in others)


def _same(figure: Figure, other: Figure) -> bool:
    if figure.percent != other.percent and (figure.percent and figure.decimals == 0):
        return False
    if figure.value == other.value and (figure.scale == other.scale or not figure.scale or not other.scale):
        return True
    if figure.year or not (figure.scale or figure.decimals):
        return False
    half = 0.5 * 10**-figure.decimals
    steps = _SCALE_STEPS[1:] if figure.scale else (0,)
    return any(
        abs(other.value / 10**step - figure.value) <= half * 1.0001 for step in (0, *steps) if _rounds(figure, other, step)
    )


def _rounds(figure: Figure, other: Figure, step: int) -> bool:
    """Only a figure with more digits than shown can have been rounded: 2 does not stand for 1.6."""
    return (other.decimals > figure.decimals or step > 0) and figure.value >= 1
