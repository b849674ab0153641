"""A question as tokens: words, numbers and signs with their positions, folded so that inflections do not matter."""

import re
from dataclasses import dataclass
from functools import lru_cache

from jacie_flask.text.terms import fold, stem

_TOKEN = re.compile(r"[^\W\d_]+(?:&[^\W\d_]+)*(?:['’](?:s|t|re|ve|ll|d|m)\b)?|\d+(?:[.,]\d+)*|[^\w\s]|_")
_COUNTRIES = frozenset({"US", "IT"})
"""In capitals these are no pronouns."""
_HYPHENS = frozenset("-‐‑")
_SUFFIX = re.compile(r"['’](?:s|re|ve|ll|d|m)$")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or sign of a text: as written, its folded ``key``, and where it is."""

    text: str
    key: str
    start: int
    end: int

    @property
    def word(self) -> bool:
        """Whether this is a word or a number, not a sign."""
        return self.text[0].isalnum()


def tokenize(text: str) -> tuple[Token, ...]:
    """Return the tokens of a text in order; hyphens inside of words are none."""
    mixed = text.upper() != text
    return tuple(
        Token(word, word if mixed and word in _COUNTRIES else key_of(word), match.start(), match.end())
        for match in _TOKEN.finditer(text)
        for word in [match.group()]
        if not (
            word in _HYPHENS
            and text[match.start() - 1 : match.start()].isalpha()
            and text[match.end() : match.end() + 1].isalpha()
        )
    )


@lru_cache(maxsize=20_000)
def key_of(word: str) -> str:
    """Return a token's folded form: lower case, without possessive and plural endings."""
    return stem(_SUFFIX.sub("", fold(word)).replace("’", "'"))


def keys(phrase: str) -> tuple[str, ...]:
    """Return the folded tokens of a phrase; hyphens do not count."""
    return tuple(token.key for token in tokenize(phrase.replace("-", " ")))
