"""One form for all endings of a word, and the concepts of a question: its words and phrases, each with what means the same."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jacie_flask.text.terms import STOP_WORDS, stem, tokens, word_set

_ENDINGS = word_set(
    """
    ization isation ality ational ations ation ate ated ating ator ators itions ition itor itive ements ement ments ment icality ical ically
    ability ibility able ible ingly edly ing ied ed er or ion al ly ity ive ence ance e y
    """
)
_USUAL = (
    "e",
    "ed",
    "ing",
    "ion",
    "ition",
    "ation",
    "ment",
    "al",
    "ical",
    "icality",
    "ity",
    "ability",
    "able",
    "er",
    "or",
    "itor",
    "ance",
    "ence",
    "ive",
)
_LONGEST_ENDING = max(map(len, _ENDINGS))
_SHORTEST = 4
_DOUBLES = frozenset("bdgmnprt")
_LONGEST_PHRASE = 6


@dataclass(frozen=True)
class Concept:
    """What a question speaks of: a word or a phrase, in the forms of ``word_form``, and all phrases that mean the same."""

    words: str
    phrases: tuple[str, ...]

    def within(self, text: str) -> bool:
        """Say whether the forms of a text (from ``word_forms``) have the concept."""
        return any(f" {phrase} " in text for phrase in self.phrases)

    def position(self, text: str) -> int:
        """Return where in the forms of a text the concept begins, -1 where it is not in them."""
        return min((place for phrase in self.phrases if (place := text.find(f" {phrase} ")) >= 0), default=-1)


@cache
def word_data() -> Mapping[str, Any]:
    """Return the data of wordforms.toml."""
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


@lru_cache(maxsize=50_000)
def word_form(word: str) -> str:
    """Return the form that a word shares with its other endings; numbers and short words stay as they are."""
    base = stem(word)
    for length in range(min(_LONGEST_ENDING, len(base) - _SHORTEST), 0, -1):
        if base[-length:] in _ENDINGS:
            base = base[:-length]
            break
    if len(base) > _SHORTEST and base[-1] == base[-2] and base[-1] in _DOUBLES:
        base = base[:-1]
    if len(base) > _SHORTEST and base.endswith("e"):
        base = base[:-1]
    form: str = word_data()["forms"].get(base, base)
    return form


@lru_cache(maxsize=5_000)
def variants(word: str) -> tuple[str, ...]:
    """Return other words that may be of a word's family: what is left without its ending with each of the usual ones."""
    base = stem(word)
    form = word_form(word)
    if len(base) < _SHORTEST + 1 or not base.isalpha():
        return ()
    irregular = [other for other, same in word_data()["forms"].items() if same == form]
    made = [f"{one}{ending}" for one in (form, *irregular) for ending in ("", *_USUAL) if len(one) >= _SHORTEST]
    return tuple(one for one in made if one != base and word_form(one) == form)


def word_forms(text: str) -> str:
    """Return the forms of a text's words and numbers in order, between single spaces, without stop words."""
    return f" {' '.join(word_form(token.replace(',', '')) for token in tokens(text) if token not in STOP_WORDS)} "


def concepts(question: str) -> list[Concept]:
    """Return what a question speaks of, the longest phrases first taken together; weak words are left out."""
    words = word_forms(question).split()
    found: dict[str, Concept] = {}
    place = 0
    while place < len(words):
        length = _longest(words[place : place + _LONGEST_PHRASE])
        phrase = " ".join(words[place : place + length])
        if length > 1 or phrase not in _weak():
            found.setdefault(phrase, Concept(phrase, _synonyms().get(phrase, (phrase,))))
        place += length
    return list(found.values())


def synonyms(text: str) -> list[str]:
    """Return the phrases that mean the same as one that a text has, word for word, as wordforms.toml writes them."""
    forms = word_forms(text)
    groups = [group for group in _groups() if any(form in forms for form in group.values())]
    return list(dict.fromkeys(phrase for group in groups for phrase in group))


def _longest(words: Sequence[str]) -> int:
    """Return how many of the words, from the first, are one known phrase; 1 where none is."""
    return next((length for length in range(len(words), 1, -1) if " ".join(words[:length]) in _synonyms()), 1)


@cache
def _weak() -> frozenset[str]:
    return frozenset(word_forms(word_data()["weak"]).split())


@cache
def _synonyms() -> Mapping[str, tuple[str, ...]]:
    """Return every phrase of the synonyms with all phrases of its groups, itself first."""
    found: dict[str, dict[str, None]] = {}
    for group in _groups():
        forms = [form.strip() for form in group.values()]
        for form in forms:
            found.setdefault(form, {form: None}).update(dict.fromkeys(forms))
    return {form: tuple(phrases) for form, phrases in found.items()}


@cache
def _groups() -> Sequence[Mapping[str, str]]:
    """Return the groups of synonyms: each phrase with its forms."""
    return [{phrase: word_forms(phrase) for phrase in group} for group in word_data()["synonyms"]]
