"""Proof: which page a sentence of the answer rests on, and whether its figures and quotes stand there."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jacie_flask.chat.proof.checking import Finding, check
from jacie_flask.chat.proof.quoting import quotes
from jacie_flask.events import Citation, Source
from jacie_flask.text import figures
from jacie_flask.text.terms import term_counts

_CLOSING = r"[\"'”’)\]]*(?:\s*\[\d{1,2}\])*"
_SENTENCE = re.compile(rf"[^.!?\n]*(?:[.!?]++(?!{_CLOSING}(?:\s|$))[^.!?\n]*)*(?:[.!?]+{_CLOSING}(?:\s+|$)|\n+|$)")
MARKER_BEGINS = re.compile(r"\[\d{0,2}")
MARKER = re.compile(r"\[(\d{1,2})\]")
_MARKED = re.compile(r"(?<!\s)\s*+\[\d{1,2}\]")
_MOST_FIGURES = 40
_LONGEST = 10_000  # characters: no sentence of a report comes near
_NAMED = 5
_SHOWN = 300
_ABBREVIATION = re.compile(r"(?:\b(?:Inc|Corp|Ltd|Co|No|vs|approx|e\.g|i\.e|U\.S|Mr|Ms|Dr|St)|\b[A-Z])\.\s*$")


@dataclass(frozen=True)
class Evidence:
    """A source with the text of it that is shown to the model, and the whole page for checking where that is more."""

    source: Source
    text: str
    page: str = ""

    @property
    def whole(self) -> str:
        """The text that proves: all of the page that is known."""
        return self.page or self.text


def sentences(text: str) -> list[str]:
    """Cut a text into sentences; joined they are the text again."""
    found: list[list[str]] = []
    for match in _SENTENCE.finditer(text):
        piece = match.group()
        if not piece:
            continue
        if found and _ABBREVIATION.search(found[-1][-1]) and "\n" not in found[-1][-1]:
            found[-1].append(piece)
        else:
            found.append([piece])
    return ["".join(pieces) for pieces in found]


def cite(answer: str, evidence: Sequence[Evidence]) -> list[Citation]:
    """Return one citation for each sentence that has a marker, a quote or a figure, and each source that it names."""
    found: list[Citation] = []
    for sentence in sentences(answer):
        found.extend(_cite_sentence(sentence, evidence))
    return found


def _cite_sentence(sentence: str, evidence: Sequence[Evidence]) -> Iterator[Citation]:
    claim = claim_of(sentence)
    if len(claim) > _LONGEST and evidence:
        reason = f"it is longer than {_LONGEST:,} characters and was not checked"
        yield _unchecked(sentence, f"{claim[:_SHOWN]}…", evidence, reason)
        return
    said = quotes(claim)
    amounts = [figure for figure in figures.find(claim, spoken=True) if not figure.year]
    if not evidence or not claim or not (MARKER.search(sentence) or said or amounts):
        return
    if len(amounts) > _MOST_FIGURES:
        yield _unchecked(sentence, claim, evidence, f"it holds more than {_MOST_FIGURES} figures and was not checked")
        return
    cited = cited_by(sentence, evidence)
    findings = verify(claim, cited)
    doubts = [finding for finding in findings if not finding.proved]
    sums = [finding for finding in findings if finding.proved and finding.reason]
    for item in cited:
        proved = not doubts
        reason = "; ".join(f"{finding.text}: {finding.reason}" for finding in doubts or sums)
        if proved and not (findings and (len(cited) == 1 or _bears(claim, item, findings))) and not _speaks_of(claim, item):
            proved, reason = False, "the page does not speak of this"
        yield Citation(
            n=item.source.n,
            quote=said[0] if said else claim,
            page=item.source.page,
            document_id=item.source.document_id,
            verified=proved,
            reason=reason,
            state="found" if proved else "not_found",
        )


def _unchecked(sentence: str, claim: str, evidence: Sequence[Evidence], reason: str) -> Citation:
    """Return the citation of a text that is too long for a sentence, with the reason why nobody checked it."""
    numbers = {int(n) for n in MARKER.findall(sentence)}
    source = next((item.source for item in evidence if item.source.n in numbers), evidence[0].source)
    return Citation(
        n=source.n,
        quote=claim,
        page=source.page,
        document_id=source.document_id,
        verified=False,
        reason=reason,
    )


def claim_of(sentence: str) -> str:
    """Return a sentence without its markers."""
    return _MARKED.sub("", sentence).strip()


def cited_by(sentence: str, evidence: Sequence[Evidence]) -> list[Evidence]:
    """Return the sources that a sentence names, or the one that carries it best where it names none."""
    numbers = {int(n) for n in MARKER.findall(sentence)}
    return [item for item in evidence if item.source.n in numbers] or _best_for(claim_of(sentence), evidence)


def unproved(citations: Sequence[Citation]) -> list[str]:
    """Return in words which cited statements are not verified, and why; nothing when all are."""
    doubted = [citation for citation in citations if not citation.verified]
    if not doubted:
        return []
    why = list(dict.fromkeys(citation.reason for citation in doubted if citation.reason))
    named = "; ".join(why[:_NAMED]) + (f"; and {len(why) - _NAMED} more" if len(why) > _NAMED else "")
    count = f"{len(doubted)} of {len(citations)} cited statements could not be verified on the page they cite"
    return [f"{count} ({named})." if named else f"{count}."]


def verify(claim: str, cited: Sequence[Evidence]) -> list[Finding]:
    """Return what the cited pages, taken together, say to each quote and figure of a sentence."""
    names = " ".join({f"{item.source.company} {item.source.filename.rpartition('.')[0].replace('_', ' ')}" for item in cited})
    return check(claim, [item.whole for item in cited], names, " ".join(item.source.period for item in cited))


def _bears(claim: str, item: Evidence, findings: Sequence[Finding]) -> bool:
    """Say whether one of several cited pages adds to the proof: a quote or figure of the sentence is on it."""
    return any(finding.proved for finding in verify(claim, [item])) or any(finding.reason for finding in findings)


def _best_for(claim: str, evidence: Sequence[Evidence]) -> list[Evidence]:
    ranked = sorted(evidence, key=lambda item: (-support(claim, item), item.source.n))
    return ranked[:1]


def _speaks_of(claim: str, item: Evidence) -> bool:
    """Say whether most of the claim's words stand on the page; a claim without figures can be checked no further."""
    words, there = term_counts(claim), term_counts(item.whole)
    return bool(words) and sum(word in there for word in words) >= 0.5 * len(words)


def support(claim: str, item: Evidence) -> float:
    """Return how well a page carries a claim: every figure first, then the share of its words."""
    words, there = term_counts(claim), term_counts(item.whole)
    share = sum(word in there for word in words) / max(1, len(words))
    findings = verify(claim, [item])
    return share + (2.0 * sum(finding.proved for finding in findings) / len(findings) if findings else 0.0)
