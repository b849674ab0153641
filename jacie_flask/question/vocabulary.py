"""The vocabulary of questions: phrases of vocabulary.toml and formulas.toml in tries, looked up longest first."""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jacie_flask.facts.formulas import formulas
from jacie_flask.question.tokens import Token, key_of, keys

_PATH = Path(__file__).with_name("vocabulary.toml")


@dataclass
class Node:
    """A node of a trie: the nodes behind it, and what a phrase that ends here means, by kind."""

    next: "dict[str, Node]" = field(default_factory=dict)
    meanings: dict[str, str] = field(default_factory=dict)


class Trie:
    """Phrases with their meanings."""

    def __init__(self) -> None:
        self.root = Node()

    def add(self, phrase: str, kind: str, value: str) -> None:
        """Add one meaning of a phrase."""
        node = self.root
        for key in keys(phrase):
            node = node.next.setdefault(key, Node())
        node.meanings.setdefault(kind, value)

    def longest(self, tokens: Sequence[Token], position: int, stop: int) -> tuple[int, dict[str, str]]:
        """Return the end of the longest phrase at a position and its meanings; hyphens inside a phrase are passed over."""
        node, best, meanings = self.root, position, dict[str, str]()
        while position < stop:
            key = tokens[position].key
            if key == "-" and node is not self.root and key not in node.next:
                position += 1
                continue
            following = node.next.get(key)
            if following is None:
                break
            node, position = following, position + 1
            if node.meanings:
                best, meanings = position, node.meanings
        return best, meanings


@dataclass(frozen=True)
class Vocabulary:
    """All phrases: ``asking`` for the question's own words, ``defining`` for expressions, and names and units of concepts."""

    asking: Trie
    defining: Trie
    openings: Trie
    names: dict[str, str]
    units: dict[str, str]
    growing: frozenset[str]
    topics: dict[str, tuple[str, ...]]
    lower_is_better: frozenset[str]
    no_row: frozenset[str]
    no_figure: frozenset[str]
    abbreviations: dict[str, str]
    instructions: frozenset[str]
    instructing: frozenset[str]
    conditional_subjects: frozenset[str]
    conditional_requests: frozenset[str]
    correctable: frozenset[str]
    known_words: frozenset[str]


@cache
def entries() -> dict[str, Any]:
    """Return vocabulary.toml as it is written."""
    return tomllib.loads(_PATH.read_text(encoding="utf-8"))


@cache
def vocabulary() -> Vocabulary:
    """Build the vocabulary once."""
    data = entries()
    asking, defining, openings = _tries(data)
    measure_words = frozenset(key for _, _, phrase in _measure_phrases(data) for key in keys(phrase))
    instructions = data["instructions"]
    every = [phrase for _, _, phrase in (*_asking_phrases(data), *_defining_phrases(data))]
    return Vocabulary(
        asking=asking,
        defining=defining,
        openings=openings,
        names={concept: entry["name"] for concept, entry in data["concepts"].items()},
        units={concept: entry.get("unit", "money") for concept, entry in data["concepts"].items()},
        topics={topic: tuple(entry["measures"]) for topic, entry in data["topics"].items()},
        lower_is_better=frozenset(data["lower_is_better"]["concepts"]),
        no_row=_folded(data["rows"]["refused"]),
        no_figure=frozenset(data["rows"]["asking"]),
        abbreviations={short: key_of(word) for short, word in data["abbreviations"].items()},
        growing=frozenset(data["growing"]["concepts"]),
        instructions=_folded(instructions["words"]),
        instructing=_folded(instructions["core"]),
        conditional_subjects=_folded(instructions["conditional_subjects"]),
        conditional_requests=_folded(instructions["conditional_requests"]),
        correctable=measure_words | _folded(phrase for phrases in data["operators"].values() for phrase in phrases),
        known_words=measure_words | _folded(every) | _folded(instructions["words"]),
    )


def _tries(data: dict[str, Any]) -> tuple[Trie, Trie, Trie]:
    """Return the phrases of questions, of expressions and of openings."""
    asking, defining, openings = Trie(), Trie(), Trie()
    for kind, value, phrase in _measure_phrases(data):
        asking.add(phrase, kind, value)
        defining.add(phrase, kind, value)
    for topic, entry in data["topics"].items():
        for phrase in entry["phrases"]:
            asking.add(phrase, "topic", topic)
    for kind, value, phrase in _asking_phrases(data):
        asking.add(phrase, kind, value)
    for kind, value, phrase in _defining_phrases(data):
        defining.add(phrase, kind, value)
    for phrase in data["openings"]["words"]:
        openings.add(phrase, "opening", "opening")
    return asking, defining, openings


def _folded(phrases: Iterable[str]) -> frozenset[str]:
    return frozenset(key for phrase in phrases for key in keys(phrase))


def _measure_phrases(data: dict[str, Any]) -> list[tuple[str, str, str]]:
    found = [("concept", concept, phrase) for concept, entry in data["concepts"].items() for phrase in entry["phrases"]]
    return found + [("formula", formula.id, phrase) for formula in formulas().values() for phrase in formula.phrases]


def _asking_phrases(data: dict[str, Any]) -> list[tuple[str, str, str]]:
    found = [("ambiguous", reason, phrase) for phrase, reason in data["ambiguous"].items()]
    for section, kind in (("operators", "operator"), ("groups", "group"), ("statements", "statement")):
        found += [(f"{kind}:{value}", value, phrase) for value, phrases in data[section].items() for phrase in phrases]
    found += [("relative", value, phrase) for value, phrases in data["relative_periods"].items() for phrase in phrases]
    for section in ("neutral", "fillers", "reporting"):
        found += [(section, section, phrase) for phrase in data[section]["words"]]
    return found


def _defining_phrases(data: dict[str, Any]) -> list[tuple[str, str, str]]:
    found = [("math", value, phrase) for value, phrases in data["math"].items() for phrase in phrases]
    found += [("math", "/", phrase) for phrase in data["operators"]["ratio_of"]]
    found += [("statement", value, phrase) for value, phrases in data["statements"].items() for phrase in phrases]
    for section in ("neutral", "fillers"):
        found += [(section, section, phrase) for phrase in data[section]["words"]]
    return found
