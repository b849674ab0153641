"""Rows of tables that a PDF's text order tears apart, put together again from where the characters stand."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

APART = 4.0
"""Points between the baselines of two rows; the mark of a footnote stands within."""

_MOST_CHARS = 20_000
_FEWEST_TORN = 4
_ALONE = re.compile(r"(?=[ $€£%()\d.,–—-]*+$)[ $€£%()–—-]*(?:\d{1,3},\d{3}|\d++\.\d|\(\d++\)|[$€£])")
_GLUED = re.compile(
    r"\d[,.]*+\)?%? (?:[A-Z][a-z]+|Less:)(?: [A-Za-z:&,-]+){0,8} [$(]{0,3}\d[\d,.]*\)? [$( ]{0,3}\d", re.MULTILINE
)


@dataclass(frozen=True)
class Word:
    """What stands between two spaces, and where it begins on the page."""

    text: str
    x: float
    y: float


def mended(text: str, words: Callable[[], Iterable[Word]]) -> str:
    """Return a page's text as it is, or by rows where its order tears figures from their labels; ``words`` are read then only."""
    if len(text) > _MOST_CHARS or torn(text) < _FEWEST_TORN:
        return text
    rows = by_rows(words())
    return rows if 2 * torn(rows) <= torn(text) and _same_characters(rows, text) else text


def torn(text: str) -> int:
    """Return how many figures stand on a line of their own, or in the line of another row."""
    plain = text.replace("\r", "").replace("\u00a0", " ")
    return sum(1 for line in plain.split("\n") if _ALONE.match(line)) + 2 * len(_GLUED.findall(plain))


def by_rows(words: Iterable[Word]) -> str:
    """Return the words of a page by their baselines, from the top, each row from the left."""
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda word: -word.y):
        if rows and rows[-1][0].y - word.y <= APART:
            rows[-1].append(word)
        else:
            rows.append([word])
    return "\n".join(" ".join(word.text for word in sorted(row, key=lambda word: word.x)) for row in rows)


def _same_characters(one: str, other: str) -> bool:
    """Say whether two texts are made of the same characters, nearly: no row may get lost."""
    first, second = (Counter("".join(text.split())) for text in (one, other))
    return ((first - second).total() + (second - first).total()) <= 0.02 * max(1, first.total())
