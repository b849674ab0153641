"""The words of a sentence, of a row's label and of a page's prose, and how well they agree."""

from collections.abc import Sequence
from functools import lru_cache

from jacie_flask.text.tables import Unit
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


def words_of(text: str) -> list[str]:
    """Return the stems of the words that say something, in their order."""
    return [stem(word) for word in tokens(text) if not word[0].isdigit() and word not in STOP_WORDS]


def label_of(unit: Unit) -> frozenset[str]:
    """Return the words that name a row."""
    return _words_of_label(unit.label)


@lru_cache(maxsize=10_000)
def _words_of_label(label: str) -> frozenset[str]:
    # kept, because the rows of a page are looked at for each figure of an answer
    words = frozenset(words_of(label))
    return words - _GENERIC | (words & {"total"})


def shared_with_labels(words: frozenset[str], units: Sequence[Unit]) -> frozenset[str]:
    """Return those of the words that name any of the rows."""
    return words & {word for unit in units if unit.row for word in label_of(unit)}


def named(unit: Unit, words: frozenset[str]) -> bool:
    """Say whether the words hold all of a row's label."""
    label = label_of(unit) - {"total"}
    return bool(label) and label_of(unit) <= words


def fit(unit: Unit, words: frozenset[str], common: frozenset[str]) -> float:
    """Return how well a row's label and a sentence agree: F1 over the label's words and those the page's labels share with it."""
    common = frozenset(word for word in common if word not in _GENERIC or word == "total")
    if not unit.row:
        return len(common & frozenset(words_of(unit.text))) / max(1, len(common))
    label = label_of(unit)
    shared = len(label & words)
    if not label or not shared or not common:
        return 0.0
    precision, found = shared / len(label), len(label & common) / len(common)
    return 2 * precision * found / (precision + found) if precision + found else 0.0


def recall(unit: Unit, words: frozenset[str]) -> float:
    """Return the share of the words that stand in the row or sentence."""
    held = words - _GENERIC
    return len(held & frozenset(words_of(unit.text))) / max(1, len(held))
