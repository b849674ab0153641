"""The words of a sentence, of a row's label and of a page's prose, and how well they agree."""

from collections.abc import Sequence
from functools import lru_cache

from jacie_flask.evidence.proof.measures import mentions
from jacie_flask.evidence.proof.readings import Unit
from jacie_flask.text.terms import STOP_WORDS, stem, tokens, word_set

_GENERIC = frozenset(
    stem(word)
    for word in word_set(
        """
        million billion thousand trillion bn mn usd eur gbp zar dollar fiscal year quarter month ended total company amounted
        january february march april may june july august september october november december
        according page respectively compared figure value amount approximately about percent note see table row report reported recorded
        """
    )
)
_SYNONYMS = dict.fromkeys(("staff", "headcount", "workforce", "personnel", "employ", "employed", "employing"), "employee")
_CHANGES = frozenset({"growth", "change", "increase", "decrease", "variance", "difference"})
WHOLE = frozenset({"total", "consolidated", "group", "all", "segment"})
"""The words of headings that name no part of a company."""
_LEAST_OF_LABEL, _LEAST_OF_SENTENCE = 0.25, 0.2


def words_of(text: str) -> list[str]:
    """Return the stems of the words that say something, in their order."""
    return [_SYNONYMS.get(stem(word), stem(word)) for word in tokens(text) if not word[0].isdigit() and word not in STOP_WORDS]


def label_of(unit: Unit) -> frozenset[str]:
    """Return the words that name a row."""
    return words_of_label(unit.label)


@lru_cache(maxsize=10_000)
def words_of_label(label: str) -> frozenset[str]:
    """Return the words of a label that tell it from others."""
    # kept, because the rows of a page are looked at for each figure of an answer
    words = frozenset(words_of(label))
    return words - _GENERIC | (words & {"total"})


def concepts_of(unit: Unit) -> frozenset[str]:
    """Return the line items that a row is, by its statement or by the words of its label."""
    named = mentions(unit.label[:200])[0] if unit.row else {}
    whole = frozenset(name for name, mention in named.items() if mention.end - mention.start >= 0.8 * len(unit.label.strip(" :")))
    return whole | ({unit.concept} if unit.concept else frozenset())


def shared_with_labels(words: frozenset[str], units: Sequence[Unit]) -> frozenset[str]:
    """Return those of the words that name any of the rows."""
    return words & {word for unit in units if unit.row for word in label_of(unit)}


def named(unit: Unit, words: frozenset[str]) -> bool:
    """Say whether the words hold all of a row's label."""
    label = label_of(unit) - {"total"}
    return bool(label) and label_of(unit) <= words


def spelled(unit: Unit, text: str) -> int:
    """Return how many words a row's label has, stop words included, where the text has them one after another; 0 where it has not."""
    label = tokens(unit.label)
    return len(label) if f" {' '.join(label)} " in f" {' '.join(tokens(text))} " else 0


def touches(unit: Unit, words: frozenset[str], concepts: frozenset[str]) -> bool:
    """Say whether words, or line items, have anything to do with a row or sentence; a label without words is named by its headings."""
    words = words - _GENERIC
    if not unit.row:
        shared = len(words & _words_of_text(unit.text))
        return shared >= max(1.0, _LEAST_OF_SENTENCE * len(words))
    label = label_of(unit) - {"total"} - _CHANGES
    if not label:
        label = qualifiers(unit)
    return not label or len(label & words) >= max(1.0, _LEAST_OF_LABEL * len(label)) or bool(concepts & concepts_of(unit))


def qualifiers(unit: Unit, heading: str = "") -> frozenset[str]:
    """Return the words that narrow a row beyond its label: of its headings, its table's title and its column's heading."""
    title = unit.table.title if unit.table else ""
    return words_of_label(" ".join((*unit.headings, title, heading))) - label_of(unit)


def whole(heading: str) -> bool:
    """Say whether a heading names no part of the company."""
    return words_of_label(heading) <= WHOLE


def fit(unit: Unit, words: frozenset[str], common: frozenset[str]) -> float:
    """Return how well a row's label and a sentence agree: F1 over the label's words and those the page's labels share with it."""
    common = frozenset(word for word in common if word not in _GENERIC or word == "total")
    if not unit.row:
        return len(common & _words_of_text(unit.text)) / max(1, len(common))
    label = label_of(unit)
    shared = len(label & words)
    if not label or not shared or not common:
        return 0.0
    precision, found = shared / len(label), len(label & common) / len(common)
    return 2 * precision * found / (precision + found) if precision + found else 0.0


def recall(unit: Unit, words: frozenset[str]) -> float:
    """Return the share of the words that are in the row or sentence."""
    telling = words - _GENERIC
    return len(telling & _words_of_text(unit.text)) / max(1, len(telling))


@lru_cache(maxsize=10_000)
def _words_of_text(text: str) -> frozenset[str]:
    return frozenset(words_of(text))
