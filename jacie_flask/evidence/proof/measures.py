"""The line items and formulas that a text names."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from jacie_flask.question.tokens import tokenize
from jacie_flask.question.vocabulary import vocabulary


@dataclass(frozen=True)
class Mention:
    """Where a text names a line item or a formula."""

    start: int
    end: int


@lru_cache(maxsize=10_000)
def mentions(text: str) -> tuple[Mapping[str, Mention], Mapping[str, Mention]]:
    """Return the concepts and the formulas that a text names, each with its first mention; the longest phrase counts."""
    words = tokenize(text)
    trie = vocabulary().defining
    concepts: dict[str, Mention] = {}
    formulas: dict[str, Mention] = {}
    position = 0
    while position < len(words):
        end, meanings = trie.longest(words, position, len(words))
        if end == position:
            position += 1
            continue
        mention = Mention(words[position].start, words[end - 1].end)
        if "concept" in meanings:
            concepts.setdefault(meanings["concept"], mention)
        if "formula" in meanings:
            formulas.setdefault(meanings["formula"], mention)
        position = end
    return concepts, formulas
