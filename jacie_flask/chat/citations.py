"""Proof: which page a sentence of the answer rests on, and whether its figures and quotes stand there."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jacie_flask.events import Citation, Source
from jacie_flask.text import figures
from jacie_flask.text.terms import term_counts

_CLOSING = r"[\"'”’)\]]*(?:\s*\[\d{1,2}\])*"
_SENTENCE = re.compile(rf"[^.!?\n]*(?:[.!?]++(?!{_CLOSING}(?:\s|$))[^.!?\n]*)*(?:[.!?]+{_CLOSING}(?:\s+|$)|\n+|$)")
MARKER_BEGINS = re.compile(r"\[\d{0,2}")
MARKER = re.compile(r"\[(\d{1,2})\]")
_MARKED = re.compile(r"\s*\[\d{1,2}\]")
_QUOTE = re.compile(r"[“\"]([^“”\"]{12,400})[”\"]")
_ABBREVIATION = re.compile(r"(?:\b(?:Inc|Corp|Ltd|Co|No|vs|approx|e\.g|i\.e|U\.S|Mr|Ms|Dr|St)|\b[A-Z])\.\s*$")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True)
class Evidence:
    """A source with the text of its page, for checking."""

    source: Source
    text: str

    def quoted(self, quote: str) -> bool:
        """Say whether the quote stands on the page; spaces and line breaks do not count."""
        return plain(quote) in plain(self.text)


def plain(text: str) -> str:
    """Return a text as it is compared: one kind of quotes and spaces, no case."""
    folded = text.replace("’", "'").replace("‘", "'").replace("“", '"').replace("”", '"')
    return _SPACES.sub(" ", folded).strip().casefold()


def sentences(text: str) -> list[str]:
    """Cut a text into sentences; joined they are the text again."""
    found: list[str] = []
    for match in _SENTENCE.finditer(text):
        if not match.group():
            continue
        if found and _ABBREVIATION.search(found[-1]) and "\n" not in found[-1]:
            found[-1] += match.group()
        else:
            found.append(match.group())
    return found


def cite(answer: str, evidence: Sequence[Evidence]) -> list[Citation]:
    """Return one citation for each sentence that has a marker, a quote or a figure, and each source that it names."""
    found: list[Citation] = []
    for sentence in sentences(answer):
        found.extend(_cite_sentence(sentence, evidence))
    return found


def _cite_sentence(sentence: str, evidence: Sequence[Evidence]) -> Iterator[Citation]:
    numbers = {int(n) for n in MARKER.findall(sentence)}
    claim = _MARKED.sub("", sentence).strip()
    quotes = _QUOTE.findall(claim)
    amounts = [figure for figure in figures.find(claim) if not figure.year]
    if not claim or not (numbers or quotes or amounts):
        return
    cited = [item for item in evidence if item.source.n in numbers] or _best_for(claim, evidence)
    held = {item.source.n: figures.find(item.text) for item in cited}
    together = [figure for group in held.values() for figure in group]
    for item in cited:
        proved = all(item.quoted(quote) for quote in quotes) if quotes else True
        proved = proved and all(figures.stands_in(amount, together) for amount in amounts)
        if proved and not quotes and not amounts:
            proved = _speaks_of(claim, item)
        yield Citation(
            n=item.source.n,
            quote=quotes[0] if quotes else claim,
            page=item.source.page,
            document_id=item.source.document_id,
            verified=proved,
        )


def _best_for(claim: str, evidence: Sequence[Evidence]) -> list[Evidence]:
    ranked = sorted(evidence, key=lambda item: (-support(claim, item), item.source.n))
    return ranked[:1]


def _speaks_of(claim: str, item: Evidence) -> bool:
    """Say whether most of the claim's words stand on the page; a claim without figures can be checked no further."""
    words = term_counts(claim)
    return bool(words) and sum(word in term_counts(item.text) for word in words) >= 0.5 * len(words)


def support(claim: str, item: Evidence) -> float:
    """Return how well a page carries a claim: every figure first, then the share of its words."""
    amounts = [figure for figure in figures.find(claim) if not figure.year]
    held = figures.find(item.text)
    words, there = term_counts(claim), term_counts(item.text)
    share = sum(word in there for word in words) / max(1, len(words))
    return share + (2.0 * sum(figures.stands_in(a, held) for a in amounts) / len(amounts) if amounts else 0.0)
