"""Where a quote stands among the characters of a page, though spaces, hyphens, dashes, accents and columns differ."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

GAP = -1
"""Stands in an order of characters for a space between them that is no character of its own."""

_POINT = re.compile(r"(?<=[0-9])[.,](?=[0-9])(?![0-9]{3}(?![0-9]))")  # before exactly three digits it is no decimal point
_MARK = "\0"
_SURE = 16  # letters of a quote that cannot stand on a page by chance: it may begin or end inside a word
_RUN = 8  # letters of a part of a quote that is looked for alone
_NEAR = 40  # letters after which a smaller part still belongs to the one before
_PARTLY = 0.6


@dataclass(frozen=True)
class Found:
    """Indexes of the quote's characters, run by run in reading order, and whether all of the quote is among them."""

    runs: list[list[int]]
    whole: bool


class Text:
    """The characters of a page in one ``order`` (indexes, or GAP), with the letters and digits that comparing looks at."""

    def __init__(self, characters: Sequence[str], order: Sequence[int]) -> None:
        self._characters = characters
        self._order = order
        letters: list[str] = []
        self._places: list[int] = []
        shown = "".join(" " if index == GAP else characters[index] for index in order)
        points = {match.start() for match in _POINT.finditer(shown)}
        for place, character in enumerate(shown):
            for letter in "." if place in points else _letters(character):
                letters.append(letter)
                self._places.append(place)
        self._letters = "".join(letters)

    def find(self, letters: str, after: int = 0) -> tuple[int, int] | None:
        """Return (start, end) of the first place where the letters stand as whole words, a long text also where they do not."""
        inside = None
        at = self._letters.find(letters, after) if letters else -1
        while at >= 0:
            span = (at, at + len(letters))
            if self._between_words(span[0]) and self._between_words(span[1]):
                return span
            inside = inside or span
            at = self._letters.find(letters, at + 1)
        return inside if len(letters) >= _SURE else None

    def run(self, span: tuple[int, int]) -> list[int]:
        """Return the indexes of all characters from the first letter to the last, with the signs that touch them."""
        start, end = self._places[span[0]], self._places[span[1] - 1] + 1
        while start > 0 and self._is_sign(start - 1):
            start -= 1
        while end < len(self._order) and self._is_sign(end):
            end += 1
        return [index for index in self._order[start:end] if index != GAP]

    def _between_words(self, at: int) -> bool:
        if at in (0, len(self._places)) or self._places[at] - self._places[at - 1] > 1:
            return True
        return self._letters[at].isalpha() != self._letters[at - 1].isalpha()  # a currency's letter, a footnote's number

    def _is_sign(self, place: int) -> bool:
        index = self._order[place]
        if index == GAP:
            return False
        return not self._characters[index].isspace() and not _letters(self._characters[index])


def fold(text: str) -> str:
    """Return the letters and digits of a text without case, accents, ligatures and raised numbers; decimals keep a point."""
    return "".join("." if character == _MARK else _letters(character) for character in _POINT.sub(_MARK, text))


def _letters(character: str) -> str:
    if character.isascii():
        return character.lower() if character.isalnum() else ""
    if unicodedata.decomposition(character).startswith("<super>"):
        return ""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", character).casefold()))


def locate(quote: str, texts: Sequence[Text]) -> Found | None:
    """Return where the quote stands: whole in one of the texts, else by its longest runs of words; None when it does not.

    The texts are orders of the same characters: the reading order first, then others such as row by row.
    """
    letters = fold(quote)
    for text in texts:
        if span := text.find(letters):
            return Found([text.run(span)], whole=True)
    best = max((_by_runs(quote, text) for text in texts), key=lambda found: found[0], default=(0, []))
    if not letters or best[0] < _PARTLY * len(letters):
        return None
    return Found(best[1], whole=best[0] == len(letters))


def _by_runs(quote: str, text: Text) -> tuple[int, list[list[int]]]:
    """Return how many letters of the quote were found in runs of words, and the runs."""
    words = [folded for word in quote.split() if (folded := fold(word))]
    runs: list[list[int]] = []
    covered = end = start = 0
    while start < len(words):
        run, stop = None, start
        letters = ""
        while stop < len(words) and (longer := _next(text, letters + words[stop], end)):
            letters += words[stop]
            run, stop = longer, stop + 1
        if run is None or (len(letters) < _RUN and not (runs and 0 <= run[0] - end <= _NEAR)):
            start += 1
            continue
        covered += len(letters)
        runs.append(text.run(run))
        start, end = stop, run[1]
    return covered, runs


def _next(text: Text, letters: str, after: int) -> tuple[int, int] | None:
    return text.find(letters, after) or text.find(letters)
