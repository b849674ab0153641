"""What a term is: words and numbers of a text, stemmed lightly and hashed to stable 32-bit ids."""

import re
import unicodedata
import zlib
from collections import Counter
from functools import lru_cache
from itertools import chain

from jacie_flask.text.notemarks import blanked

NUMBER_BIT = 0x8000_0000
"""Set in the id of every number, clear in the id of every word: lengths count words only."""

_TOKENS_KEPT = 200_000
_WORDS_KEPT = 50_000
_LONGEST_KEPT = 100
_TOKEN = re.compile(r"\d[\d,.]*\d|\d|[^\W\d_]+")
_ASCII_TOKEN = re.compile(r"[a-z]+|[0-9](?:[0-9,.]*[0-9])?")
"""The tokens of lower case ASCII text, found in half the time."""


def word_set(text: str) -> frozenset[str]:
    """Return the words of a list that is written as running text."""
    return frozenset(text.split())


STOP_WORDS = word_set(
    """
    a about above after again all also am an and any are as at be because been before being below between both but by can
    could did do does doing down during each few for from further had has have having he her here hers him his how i if in
    into is it its itself just me more most my no nor not of off on once only or other our ours out over own per s same she
    should so some such t than that the their theirs them then there these they this those through to too under until up upon
    us very was we were what when where which while who whom whose why will with would you your yours
    """
)


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Fold plural endings; short words stay as they are."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def word_id(word: str) -> int:
    """Return the id of one word as it stands, lower case; 0 for a stop word."""
    if word in STOP_WORDS:
        return 0
    return zlib.crc32(stem(word).encode()) & ~NUMBER_BIT or 1


def number_id(digits: str) -> int:
    """Return the id of a number; thousands separators do not count."""
    return zlib.crc32(digits.replace(",", "").encode()) | NUMBER_BIT


class _Ids(dict[str, int]):
    """Token → id, filled as tokens are met; bounded, because documents can invent tokens for ever."""

    def __missing__(self, token: str) -> int:
        if len(self) > _TOKENS_KEPT:
            self.clear()
        value = number_id(token) if token[0].isdigit() else word_id(token)
        self[token] = value
        return value


_ids = _Ids()


def fold(text: str) -> str:
    """Return the text in the one spelling that terms are made of: compatible forms composed, lower case, no note marks."""
    return _folded(text if text.isascii() else blanked(text))


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()


def tokens(text: str) -> list[str]:
    """Return the words and numbers of a text, lower case, in order, stop words included."""
    return _tokens(fold(text))


def _tokens(folded: str) -> list[str]:
    return (_ASCII_TOKEN if folded.isascii() else _TOKEN).findall(folded)


class _IdsOfWords(dict[str, tuple[int, ...]]):
    """What stands between two spaces → its term ids, filled as words are met and bounded."""

    def __missing__(self, word: str) -> tuple[int, ...]:
        if len(self) > _WORDS_KEPT:
            self.clear()
        value = tuple(filter(None, map(_ids.__getitem__, _tokens(_folded(word)))))
        if len(word) <= _LONGEST_KEPT:
            self[word] = value
        return value


_ids_of_words = _IdsOfWords()


def term_ids(text: str) -> list[int]:
    """Return the term ids of a text in order; stop words are left out."""
    plain = text if text.isascii() else blanked(text)  # some marks are known by what stands around them
    return list(chain.from_iterable(map(_ids_of_words.__getitem__, plain.split())))


def term_counts(text: str) -> dict[int, int]:
    """Return how often each term occurs in a text."""
    return Counter(term_ids(text))


def is_number(term: int) -> bool:
    """Say whether a term id stands for a number."""
    return bool(term & NUMBER_BIT)
