"""The guard over a model: sentences that their pages do not prove are marked; one that a row contradicts gives way to the row."""

import re
from collections.abc import Sequence

from jacie_flask.evidence.citations import MARKER_BEGINS, Evidence, cited_by, claim_of, names_of, sentences, verify
from jacie_flask.evidence.proof.corrections import correction
from jacie_flask.interfaces import Offload, inline

LONGEST = 4000
"""Characters after which a sentence that does not end is checked as it is."""
NOT_VERIFIED = "(not verified)"
_END = re.compile(r"(?:\s?\[\d{1,2}\]){0,9}[.!?]?(?:\s?\[\d{1,2}\]){0,9}\s{0,99}$")
_MAY_END = re.compile(r"[\s.!?]")


class FigureGuard:
    """Cuts a model's text into sentences and checks each before it is shown.

    ``feed`` takes the text as it comes and returns what may be shown by now; ``end`` returns the rest. ``marked`` counts the
    sentences that no page proved, ``replaced`` those that a row contradicted and took the place of. ``question`` names what a
    sentence may leave out.
    """

    def __init__(self, evidence: Sequence[Evidence], offload: Offload = inline, question: str = "") -> None:
        self._evidence = evidence
        self._offload = offload
        self._question = question
        self._before = ""
        self._pending = ""
        self.marked = 0
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
        context = f"{self._before} {self._question}"
        self._before = sentence if sentence.strip() else self._before
        findings = verify(claim, cited, context)
        if all(finding.proved for finding in findings):
            return sentence
        space = sentence[len(sentence.rstrip()) :]
        stated, position = correction(claim, findings, [item.reading for item in cited], names_of(cited), context)
        if stated:
            self.replaced += 1
            return f"{stated} [{cited[position].source.n}].{space}"
        self.marked += 1
        end = _END.search(sentence)
        at = end.start() if end else len(sentence)
        return f"{sentence[:at].rstrip()} {NOT_VERIFIED}{sentence[at:]}"
