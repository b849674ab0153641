"""The guard over a model: a sentence whose figures its pages do not prove gives way to the pages' own statement."""

import re
from collections.abc import Sequence

from jacie_flask.answer.extracts import Page, nearest
from jacie_flask.chat.citations import MARKER_BEGINS, Evidence, cited_by, claim_of, sentences, verify
from jacie_flask.interfaces import Offload, inline

LONGEST = 4000
"""Characters after which a sentence that does not end is checked as it is."""
_MAY_END = re.compile(r"[\s.!?]")


class FigureGuard:
    """Cuts a model's text into sentences and lets out those that their pages prove.

    ``feed`` takes the text as it comes and returns what may be shown by now; ``end`` returns the rest. ``replaced`` counts
    the sentences that no page proved, ``quotes`` the statements of pages that took their place.
    """

    def __init__(self, evidence: Sequence[Evidence], offload: Offload = inline) -> None:
        self._evidence = evidence
        self._offload = offload
        self._pending = ""
        self.quotes = 0
        self.replaced = 0

    def feed(self, text: str) -> str:
        """Return the sentences that are complete by now, checked."""
        self._pending += text
        if len(self._pending) > LONGEST:  # looking for its end again with each word would cost the square of its length
            return self.end()
        if not _MAY_END.search(text):
            return ""
        parts = sentences(self._pending)
        complete = parts if self._pending.endswith("\n") else parts[:-1]
        if complete and not self._pending.endswith("\n") and MARKER_BEGINS.fullmatch(parts[-1]):
            complete = complete[:-1]  # its marker is still on the way
        self._pending = self._pending[sum(map(len, complete)) :]
        return "".join(map(self._checked, complete))

    def end(self) -> str:
        """Return what is left, checked."""
        rest, self._pending = self._pending, ""
        return "".join(map(self._checked, sentences(rest)))

    def _checked(self, sentence: str) -> str:
        if not self._evidence:
            return sentence
        return str(self._offload(self._proved, sentence))

    def _proved(self, sentence: str) -> str:
        claim, cited = claim_of(sentence), cited_by(sentence, self._evidence)
        if all(finding.proved for finding in verify(claim, cited)):
            return sentence
        self.replaced += 1
        found = nearest(claim, [Page(item.source.n, item.whole) for item in cited])
        if not found:
            return ""
        self.quotes += 1
        return f"“{found.statement.text}” [{found.number}]{sentence[len(sentence.rstrip()) :]}"
