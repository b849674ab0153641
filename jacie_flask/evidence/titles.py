"""Which documents a question names by their titles, where files are called after what they are about."""

import math
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath

from jacie_flask.text.terms import term_ids


class Titles:
    """The words of file names, each counting the more the fewer files have it."""

    def __init__(self, filenames: Mapping[str, str]) -> None:
        """Read the file names of documents (document_id → file name)."""
        self._terms = {document_id: frozenset(_words(filename)) for document_id, filename in filenames.items()}
        holders = Counter(term for terms in self._terms.values() for term in terms)
        self._rarity = {term: math.log1p(len(filenames) / count) for term, count in holders.items()}

    def named_by(self, question: str) -> dict[str, float]:
        """Return how much of each document's title the question says, 0-1; documents without a word of theirs are left out."""
        asked = set(term_ids(question)) & self._rarity.keys()
        found: dict[str, float] = {}
        for document_id, terms in self._terms.items() if asked else ():
            if said := terms & asked:
                found[document_id] = sum(map(self._rarity.__getitem__, said)) / sum(map(self._rarity.__getitem__, terms))
        return found


def _words(filename: str) -> list[int]:
    """Return the terms of a file name: its words, whatever separates them."""
    return term_ids(re.sub(r"[\W_]+|(?<=[a-z])(?=[A-Z])", " ", PurePosixPath(filename).stem))
