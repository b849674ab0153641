"""Proof: which page a sentence of the answer rests on, and whether its figures and quotes stand there."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jacie_flask.events import Citation, Source
from jacie_flask.text import figures
from jacie_flask.text.terms import term_counts

_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?](?=\S)[^.!?\n]*)*(?:[.!?]+[\"'”’)\]]*(?:\s*\[\d{1,2}\])*(?:\s+|$)|\n+|$)")
_MARKER = re.compile(r"\[(\d{1,2})\]")
_QUOTE = re.compile(r"[“\"]([^“”\"]{12,400})[”\"]")
_ABBREVIATION = re.compile(r"(?:\b(?:Inc|Corp|Ltd|Co|No|vs|approx|e\.g|i\.e|U\.S|Mr|Ms|Dr|St)|\b[A-Z])\.\s*$")
_SPACES = re.compile(r"\s+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_WORDS = 3
_NEAR = 0.4
_QUOTES = 3


@dataclass(frozen=True)
class Evidence:
    """A source with the text of its page, for checking."""

    source: Source
    text: str

    def quoted(self, quote: str) -> bool:
        """Say whether the quote stands on the page; spaces and line breaks do not count."""
        return _plain(quote) in _plain(self.text)


def _plain(text: str) -> str:
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
    numbers = {int(n) for n in _MARKER.findall(sentence)}
    claim = _MARKER.sub("", sentence).strip()
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


class Guard:
    """Lets a sentence of the answer out only when a page holds its figures; otherwise the page's own line takes its place.

    ``feed`` takes the model's text as it comes and returns what may be shown by now; ``end`` returns the rest. ``terms``
    are the weighted terms of the prepared query: a figure counts where it stands on a line that speaks of what was asked.
    """

    def __init__(self, terms: Mapping[int, float], evidence: Sequence[Evidence]) -> None:
        self._evidence = evidence
        self._lines = rank_lines(terms, evidence)
        self._held = ""
        self._said: set[str] = set()
        self.replaced = 0

    def feed(self, text: str) -> str:
        """Return the sentences that are complete by now, checked."""
        self._held += text
        parts = sentences(self._held)
        complete = parts if self._held.endswith("\n") else parts[:-1]
        self._held = self._held[sum(map(len, complete)) :]
        return "".join(map(self._checked, complete))

    def end(self) -> str:
        """Return what is left, checked; a last sentence without an end was cut off by the answer's length."""
        rest, self._held = self._held, ""
        return "".join(map(self._checked, sentences(rest)))

    def _checked(self, sentence: str) -> str:
        claim = _plain(_MARKER.sub("", sentence))
        if not self._evidence or not claim:
            return sentence
        if claim in self._said or len(_WORD.findall(claim)) < _WORDS:
            return ""  # small models repeat themselves, and count where they have nothing to say
        self._said.add(claim)
        amounts = [figure for figure in figures.find(claim) if not figure.year]
        if not amounts:
            return sentence
        line = next((line for line in self._lines if all(figures.stands_in(amount, line.figures) for amount in amounts)), None)
        if line is not None and line.score >= _NEAR * self._lines[0].score:
            return _marked(sentence, line.item.source.n)
        self.replaced += 1
        return self._from_the_page()

    def _from_the_page(self) -> str:
        line = next((line for line in self._lines if _plain(line.text) not in self._said), None)
        if line is None or self.replaced > _QUOTES:
            return ""
        self._said.add(_plain(line.text))
        return quoted(line) + "\n"


@dataclass(frozen=True)
class Line:
    """A line of a page with the figures it holds and how much it shares with what was asked."""

    text: str
    item: Evidence
    figures: list[figures.Figure]
    score: float


def rank_lines(terms: Mapping[int, float], evidence: Sequence[Evidence]) -> list[Line]:
    """Return the lines that hold a figure and speak of what was asked, best first; earlier pages win between equals."""
    found = []
    for rank, item in enumerate(evidence):
        for text in item.text.splitlines():
            held = [figure for figure in figures.find(text) if not figure.year]
            score = line_score(text, terms) / (1 + 0.15 * rank) if held else 0.0
            if score:
                found.append(Line(_SPACES.sub(" ", text).strip(), item, held, score))
    return sorted(found, key=lambda line: -line.score)


def quoted(line: Line) -> str:
    """Return a page's line as a quote with its source."""
    text = line.text.replace("“", "'").replace("”", "'")
    return f"“{text[:300]}” [{line.item.source.n}]"


def _marked(sentence: str, n: int) -> str:
    if _MARKER.search(sentence):
        return sentence
    body = sentence.rstrip()
    tail = sentence[len(body) :]
    end = body[-1] if body[-1] in ".!?" else ""
    return f"{body[: len(body) - len(end)]} [{n}]{end}{tail}"


def line_score(line: str, terms: Mapping[int, float]) -> float:
    """Return how much a line shares with weighted terms; long lines count a little less."""
    words = term_counts(line)
    shared = sum(weight for term, weight in terms.items() if term in words)
    return float(shared / (4 + len(words)) ** 0.5)
