"""Slips of the pen in words of measures: corrected where one letter is off and only one word comes into question."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache

from jacie_flask.question.tokens import Token
from jacie_flask.question.vocabulary import vocabulary

_SHORTEST = 6


def corrected(tokens: Sequence[Token], names: Sequence[tuple[int, int]]) -> tuple[Token, ...]:
    """Return the tokens with misspelt words of measures folded to what they mean; names of companies stay as they are."""
    return tuple(
        token if any(start < token.end and token.start < end for start, end in names) else _read(token) for token in tokens
    )


def _read(token: Token) -> Token:
    if (word := vocabulary().abbreviations.get(token.text.lower())) is not None:
        return replace(token, key=word)
    if len(token.key) < _SHORTEST or not token.key.isalpha() or token.key in vocabulary().known_words:
        return token
    meant = _meant(token.key)
    return replace(token, key=meant) if meant else token


@lru_cache(maxsize=5_000)
def _meant(key: str) -> str:
    """Return the one word of a measure that differs by one letter inside, "" where none or several do."""
    near = [word for word in _by_letter().get(key[0], ()) if abs(len(word) - len(key)) <= 1 and _one_off(key, word)]
    return near[0] if len(near) == 1 else ""


@cache
def _by_letter() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in sorted(vocabulary().correctable):
        if len(word) >= _SHORTEST and word.isalpha():
            found.setdefault(word[0], []).append(word)
    return found


def _one_off(one: str, other: str) -> bool:
    """Say whether two words differ by one letter changed, left out or added, or by two neighbours exchanged."""
    first = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    rest, wanted = one[first:], other[first:]
    if rest[1:] == wanted[1:] or rest[1:] == wanted or rest == wanted[1:]:
        return True
    return rest[:2] == wanted[:2][::-1] and rest[2:] == wanted[2:]
