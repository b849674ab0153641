"""Proof: which page a sentence of the answer rests on, and whether its figures and quotes stand there."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from jacie_flask.events import Citation, Source
from jacie_flask.evidence.proof.addressing import addressed
from jacie_flask.evidence.proof.checking import Finding, check
from jacie_flask.evidence.proof.claims import prepared
from jacie_flask.evidence.proof.quoting import quotes
from jacie_flask.evidence.proof.readings import Reading, read
from jacie_flask.facts.values import Table
from jacie_flask.question.plan import Plan
from jacie_flask.text import figures
from jacie_flask.text.terms import is_number, term_counts

_CLOSING = r"[\"'”’)\]]*(?:\s*\[\d{1,2}\])*"
_SENTENCE = re.compile(rf"[^.!?\n]*(?:[.!?]++(?!{_CLOSING}(?:\s|$))[^.!?\n]*)*(?:[.!?]+{_CLOSING}(?:\s+|$)|\n+|$)")
MARKER_BEGINS = re.compile(r"\[\d{0,2}")
MARKER = re.compile(r"\[(\d{1,2})\]")
_MARKED = re.compile(r"(?<!\s)\s*+\[\d{1,2}\]")
_MOST_FIGURES = 40
_LONGEST = 10_000  # characters: no sentence of a report comes near
_NAMED = 5
_LIKELY = 4
_SHOWN = 300
_ABBREVIATION = re.compile(r"(?:\b(?:Inc|Corp|Ltd|Co|No|vs|approx|e\.g|i\.e|U\.S|Mr|Ms|Dr|St)|\b[A-Z])\.\s*$")


@dataclass(frozen=True)
class Evidence:
    """A source with the text of it that is shown to the model, and the whole page for checking where that is more.

    ``tables`` are those of its document on the page, None where only the text is known: then they are read from it.
    """

    source: Source
    text: str
    page: str = ""
    tables: tuple[Table, ...] | None = field(default=None, repr=False)

    @property
    def whole(self) -> str:
        """The text that proves: all of the page that is known."""
        return self.page or self.text

    @cached_property
    def terms(self) -> frozenset[int]:
        """The terms of the page."""
        return frozenset(term_counts(self.whole))

    @cached_property
    def reading(self) -> Reading:
        """The page as it is read for checking."""
        if self.tables is None:
            return read(self.whole)
        return Reading(self.whole, self.tables, self.source.document_id)


@dataclass(frozen=True)
class Asked:
    """What an answer is an answer to: the question's text, and its plan where there is one."""

    text: str = ""
    plan: Plan | None = None


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


NOTHING_ASKED = Asked()
NO_FIGURE = "it has no figure and no quotation that could be checked"


def cite(answer: str, evidence: Sequence[Evidence], asked: Asked = NOTHING_ASKED) -> list[Citation]:
    """Return one citation for each sentence that has a marker, a quote or a figure, and each source that it names."""
    found: list[Citation] = []
    before = ""
    for sentence in sentences(answer):
        found.extend(_cite_sentence(sentence, evidence, asked, before))
        before = sentence if sentence.strip() else before
    return found


def _cite_sentence(sentence: str, evidence: Sequence[Evidence], asked: Asked, before: str) -> Iterator[Citation]:
    claim = claim_of(sentence)
    if len(claim) > _LONGEST and evidence:
        reason = f"it is longer than {_LONGEST:,} characters and was not checked"
        yield _unchecked(sentence, f"{claim[:_SHOWN]}…", evidence, reason)
        return
    quoted = quotes(claim)
    amounts = [figure for figure in figures.find(prepared(claim), spoken=True) if not figure.year]
    if not evidence or not claim or not (MARKER.search(sentence) or quoted or amounts):
        return
    if len(amounts) > _MOST_FIGURES:
        yield _unchecked(sentence, claim, evidence, f"it holds more than {_MOST_FIGURES} figures and was not checked")
        return
    cited = cited_by(sentence, evidence)
    if not quoted and not amounts:
        for item in cited:
            yield _citation(item, claim, "not_checked", NO_FIGURE)
        return
    yield from _checked(claim, cited, verify(claim, cited, f"{before} {asked.text}"), asked)


def _checked(claim: str, cited: Sequence[Evidence], findings: Sequence[Finding], asked: Asked) -> Iterator[Citation]:
    """Yield a citation for each source of a sentence that has findings."""
    doubts = [finding for finding in findings if not finding.proved]
    computed = [finding for finding in findings if finding.computed]
    quoted = quotes(claim)
    for item in cited:
        state = "not_found" if doubts else "computed" if computed else "found"
        reason = "; ".join(f"{finding.text}: {finding.reason}" for finding in doubts or computed)
        if not doubts and len(cited) > 1 and not _bears(claim, item, findings):
            state, reason = "not_found", "no figure and no quotation of the sentence is on this page"
        answers, why = addressed(claim, findings, item.source.company, asked.plan)
        yield _citation(item, quoted[0] if quoted else claim, state, reason, answers, why)


def _citation(item: Evidence, quote: str, state: str, reason: str, answers: str = "unknown", why: str = "") -> Citation:
    return Citation(
        n=item.source.n,
        quote=quote,
        page=item.source.page,
        document_id=item.source.document_id,
        verified=state in ("found", "computed"),
        reason=reason,
        state=state,
        answers=answers,
        answers_reason=why,
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
    """Return in words which cited statements are doubted, and why; nothing when none is. What has no figure is no doubt."""
    doubted = [citation for citation in citations if not citation.verified and citation.reason != NO_FIGURE]
    if not doubted:
        return []
    why = list(dict.fromkeys(citation.reason for citation in doubted if citation.reason))
    named = "; ".join(why[:_NAMED]) + (f"; and {len(why) - _NAMED} more" if len(why) > _NAMED else "")
    count = f"{len(doubted)} of {len(citations)} cited statements could not be verified on the page they cite"
    return [f"{count} ({named})." if named else f"{count}."]


def verify(claim: str, cited: Sequence[Evidence], context: str = "") -> list[Finding]:
    """Return what the cited pages, taken together, say to each quote and figure of a sentence; ``context`` is what was said before."""
    return check(
        claim, [item.reading for item in cited], names_of(cited), " ".join(item.source.period for item in cited), context
    )


def names_of(cited: Sequence[Evidence]) -> str:
    """Return the names of companies and files, which say nothing about a row."""
    return " ".join({f"{item.source.company} {item.source.filename.rpartition('.')[0].replace('_', ' ')}" for item in cited})


def _bears(claim: str, item: Evidence, findings: Sequence[Finding]) -> bool:
    """Say whether one of several cited pages adds to the proof: a quote or figure of the sentence is on it."""
    return any(finding.proved for finding in verify(claim, [item])) or any(finding.computed for finding in findings)


def _best_for(claim: str, evidence: Sequence[Evidence]) -> list[Evidence]:
    """Return the page that carries a claim best; only those with most of its words and figures are checked in full."""
    likely = sorted(evidence, key=lambda item: (-_likeness(claim, item), item.source.n))[:_LIKELY]
    ranked = sorted(likely, key=lambda item: (-support(claim, item), item.source.n))
    return ranked[:1]


def _likeness(claim: str, item: Evidence) -> float:
    """Return the share of a claim's words that a page has, and twice that of its numbers."""
    words = term_counts(claim)
    return sum((2 if is_number(word) else 1) * (word in item.terms) for word in words) / max(1, len(words))


def support(claim: str, item: Evidence) -> float:
    """Return how well a page carries a claim: every figure first, then the share of its words."""
    words = term_counts(claim)
    share = sum(word in item.terms for word in words) / max(1, len(words))
    findings = verify(claim, [item])
    return share + (2.0 * sum(finding.proved for finding in findings) / len(findings) if findings else 0.0)
