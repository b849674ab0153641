"""The guard over a model: a sentence goes out only when a page carries it, otherwise the page speaks for itself."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jacie_flask.chat.citations import MARKER, MARKER_BEGINS, Evidence, cited_by, claim_of, sentences, verify
from jacie_flask.chat.proof.quoting import plain
from jacie_flask.interfaces import Offload, inline
from jacie_flask.text import figures
from jacie_flask.text.terms import is_number, term_counts

NEAR = 0.75
"""How near the best unit's score another unit must be for a figure of it to count as an answer."""
CARRIED, SPOKEN = 0.6, 0.34
"""The share of a sentence's terms that a unit must hold to carry it: without figures, and with figures that it holds."""
QUOTES = 3
_WORDS = 3
_ADDED = 0.6  # words that pages use for what was asked count less here: a row that has the asked word itself comes first
_HEADING_CHARS = 70
_HEADING = re.compile(r"\b(?:19|20)\d\d\b\D{1,24}\b(?:19|20)\d\d\b|\b(?:millions|thousands|billions)\b", re.IGNORECASE)
_CENTS = re.compile(r"\d[.,]\d")
_QUOTE_CHARS = 360
_WORD = re.compile(r"[^\W\d_]{2,}")
_MAY_END = re.compile(r"[\s.!?]")
_CELL = re.compile(r"[($€£¥+\-–−]*\d[\d,.]*%?\)?,?|[($€£¥)%–—−-]+|pp|R")
_SPACES = re.compile(r"\s+")
_CAUSAL_QUESTION = re.compile(
    r"\bwhy\b|\bdrove\b|\bdriv(?:e|en|ers?)\b|\breasons?\b|\bcaus(?:e|ed|es)\b|\bexplain\b", re.IGNORECASE
)
_OVERVIEW_QUESTION = re.compile(
    r"\bhighlights?\b|\boverview\b|\bsummar(?:y|i[sz]e)\b|\b(?:key|main|most important) (?:figures|numbers|points|results)\b"
    r"|\bhow did .{0,60}\b(?:do|perform)\b|\bperformance\b",
    re.IGNORECASE,
)
_CAUSE = re.compile(
    r"\bbecause\b|\bdue to\b|\bdriven\b|\bmainly\b|\bprimarily\b|\breflect|\bas a result\b|\bowing to\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Unit:
    """A row of a table under the heading of its columns, or a sentence of prose, and how well it fits the question."""

    text: str
    heading: str
    item: Evidence
    amounts: list[figures.Figure]
    terms: frozenset[int]
    score: float

    def quote(self, *, named: bool = False) -> str:
        """Return the unit as a quote with its source, with the name of its company where several are ``named``."""
        text = self.text.replace("“", "'").replace("”", "'")
        source = self.item.source
        name = f"{source.company} {source.period}: ".lstrip() if named and source.company else ""
        columns = f" ({self.heading})" if self.heading else ""
        return f"{name}“{text[:_QUOTE_CHARS]}”{columns} [{source.n}]"


class _Watch:
    """Cuts a model's text into sentences and lets out what a check says of each.

    ``feed`` takes the text as it comes and returns what may be shown by now; ``end`` returns the rest. ``replaced`` counts
    the sentences that no page carried, ``quotes`` what the pages said in their place.
    """

    def __init__(self, evidence: Sequence[Evidence], offload: Offload = inline) -> None:
        self._evidence = evidence
        self._offload = offload
        self._held = ""
        self.quotes = 0
        self.replaced = 0

    def feed(self, text: str) -> str:
        """Return the sentences that are complete by now, checked."""
        self._held += text
        if not _MAY_END.search(text):
            return ""
        parts = sentences(self._held)
        complete = parts if self._held.endswith("\n") else parts[:-1]
        if complete and not self._held.endswith("\n") and MARKER_BEGINS.fullmatch(parts[-1]):
            complete = complete[:-1]  # its marker is still on the way
        self._held = self._held[sum(map(len, complete)) :]
        return "".join(map(self._checked, complete))

    def end(self) -> str:
        """Return what is left, checked."""
        rest, self._held = self._held, ""
        return "".join(map(self._checked, sentences(rest)))

    def _checked(self, sentence: str) -> str:
        raise NotImplementedError


class FigureGuard(_Watch):
    """Holds a capable model to its figures and quotes: a sentence that its pages do not prove gives way to their own words."""

    def _checked(self, sentence: str) -> str:
        if not self._evidence:
            return sentence
        return str(self._offload(self._verified, sentence))

    def _verified(self, sentence: str) -> str:
        cited = cited_by(sentence, self._evidence)
        if all(finding.proved for finding in verify(claim_of(sentence), cited)):
            return sentence
        self.replaced += 1
        terms = {term: 1.0 for term in term_counts(claim_of(sentence)) if not is_number(term)}
        found = rank_units("", terms, cited) or rank_units("", terms, self._evidence)
        if not found:
            return ""
        self.quotes += 1
        return found[0].quote() + sentence[len(sentence.rstrip()) :]


class Guard(_Watch):
    """Holds a small model to the units of the pages.

    ``terms`` are the weighted terms of the prepared query. A sentence with figures needs one unit near the best that holds
    them all; a sentence without needs one that holds most of its words.
    """

    def __init__(self, question: str, terms: Mapping[int, float], evidence: Sequence[Evidence]) -> None:
        super().__init__(evidence)
        self._overview = bool(_OVERVIEW_QUESTION.search(question))
        self._units = overview_units(evidence) if self._overview else rank_units(question, terms, evidence)
        self._needed = CARRIED if _CAUSAL_QUESTION.search(question) else SPOKEN
        self._years = _years(question)
        self._asked = frozenset(term for term, weight in terms.items() if weight >= 1.0)
        self._several = len({item.source.company for item in evidence}) > 1
        self._said: set[str] = set()

    def end(self) -> str:
        """Return what is left, checked; where nothing was shown at all, the pages' best units."""
        shown = super().end()
        if self._overview or not (shown or self._said):
            shown += self._from_the_pages(QUOTES)
        return shown

    def _checked(self, sentence: str) -> str:
        claim = plain(MARKER.sub("", sentence))
        if not self._evidence:
            return sentence
        if claim in self._said or len(_WORD.findall(claim)) < _WORDS:
            return ""  # small models repeat themselves, and count where they have nothing to say
        carrier = self._carrier(claim)
        if carrier is not None:
            self._said.add(claim)
            return _marked(sentence, carrier.item.source.n)
        self.replaced += 1
        return "" if self._overview else self._from_the_pages(1)

    def _carrier(self, claim: str) -> Unit | None:
        found = figures.find(claim)
        amounts = [figure for figure in found if not figure.year]
        years = _years(claim)
        best = self._units[0].score if self._units else 0.0
        for unit in self._units:
            if unit.score < NEAR * best:
                return None
            share = _share(claim, unit)
            if (
                amounts
                and share >= self._needed
                and self._same_subject(claim, unit)
                and _holds(unit, amounts, years or self._years)
            ):
                return unit
            if not amounts and not years and not self._overview and share >= CARRIED:
                return unit
        return None

    def _same_subject(self, claim: str, unit: Unit) -> bool:
        """Say whether what the claim takes from the question is what the unit speaks of."""
        subject = self._asked & term_counts(claim).keys()
        return len(subject & unit.terms) >= CARRIED * len(subject)

    def _from_the_pages(self, count: int) -> str:
        quotes: list[str] = []
        for unit in self._units:
            if len(quotes) == count or self.quotes == QUOTES or unit.score < NEAR * self._units[0].score:
                break
            if plain(unit.text) not in self._said:
                self._said.add(plain(unit.text))
                self.quotes += 1
                quotes.append(unit.quote(named=self._several) + "\n")
        return "".join(quotes)


def rank_units(question: str, terms: Mapping[int, float], evidence: Sequence[Evidence]) -> list[Unit]:
    """Return rows and sentences that speak of what was asked, best first; earlier pages win between equals.

    A question for reasons prefers sentences that give one; any other is answered by units that hold an amount.
    """
    causal = bool(_CAUSAL_QUESTION.search(question))
    asked = frozenset(term_counts(question)) | frozenset(terms)
    weights = {term: weight if weight >= 1.0 else _ADDED * weight for term, weight in terms.items()}
    found = []
    for rank, item in enumerate(evidence):
        for text, heading in units(item.text):
            unit = _unit(text, heading, item, weights, asked, causal, rank)
            if unit.score > 0 and (unit.amounts or causal):
                found.append(unit)
    return sorted(found, key=lambda unit: -unit.score)


def overview_units(evidence: Sequence[Evidence]) -> list[Unit]:
    """Return the rows of the pages in their own order, the first of each page before the second of any."""
    pages: dict[str, list[Unit]] = {}
    for item in evidence:
        rows = [_unit(text, heading, item, {}, frozenset(), False, 0) for text, heading in units(item.text) if _is_row(text)]
        rows = [unit for unit in rows if unit.amounts]
        if len(rows) > 1:
            pages.setdefault(item.source.company or item.source.document_id, rows)
    chosen = list(pages.values())[:QUOTES]
    return [page[place] for place in range(max(map(len, chosen), default=0)) for page in chosen if place < len(page)]


def _unit(
    text: str, heading: str, item: Evidence, terms: Mapping[int, float], asked: frozenset[int], causal: bool, rank: int
) -> Unit:
    words = frozenset(term_counts(text))
    score = line_score(text, terms) / (1 + 0.15 * rank)
    if _is_row(text):
        score *= 0.5 + 0.5 * _label_asked_for(text, asked)
    if causal:
        score *= 1.8 if _CAUSE.search(text) else 0.6
    return Unit(
        text, heading if _is_row(text) else "", item, [figure for figure in figures.find(text) if _amount(figure)], words, score
    )


def _label_asked_for(row: str, asked: frozenset[int]) -> float:
    """Return the share of a row's words that the question has: "gross profit" is not the profit that was asked for."""
    words = [term for term in term_counts(row) if not is_number(term)]
    return sum(word in asked for word in words) / max(1, len(words))


def units(text: str) -> Iterator[tuple[str, str]]:
    """Yield (row, heading of its columns) for a page's tables and (sentence, "") for its prose, put together from its lines."""
    prose: list[str] = []
    heading = ""
    for line in [*text.splitlines(), ""]:
        folded = _SPACES.sub(" ", line).strip()
        names_columns = len(folded) <= _HEADING_CHARS and bool(_HEADING.search(folded)) and not _CENTS.search(folded)
        if names_columns or _is_row(folded) or not folded:
            yield from ((sentence, "") for sentence in _sentences_of(prose))
            prose = []
            if names_columns:
                heading = folded
            elif folded:
                yield folded, heading
        else:
            prose.append(folded)


def _sentences_of(lines: list[str]) -> Iterator[str]:
    for sentence in sentences(" ".join(lines)):
        if len(sentence.strip()) > 1:
            yield sentence.strip()


def _is_row(line: str) -> bool:
    """A row is a short label with nothing but figures after it."""
    tokens = line.split()
    label = len(tokens)
    while label and _CELL.fullmatch(tokens[label - 1]):
        label -= 1
    held = tokens[:label]
    return 0 < label < len(tokens) and len(held) <= 14 and bool(_WORD.search(" ".join(held))) and held[-1][-1] not in ".;"


def line_score(line: str, terms: Mapping[int, float]) -> float:
    """Return how much a line shares with weighted terms; long lines count a little less."""
    words = term_counts(line)
    shared = sum(weight for term, weight in terms.items() if term in words)
    return float(shared / (4 + len(words)) ** 0.5)


def _share(claim: str, unit: Unit) -> float:
    words = term_counts(claim)
    return sum(word in unit.terms for word in words) / max(1, len(words))


def _holds(unit: Unit, amounts: Sequence[figures.Figure], years: Sequence[int]) -> bool:
    """Say whether the unit has every amount as it is, in the column of the one year that is spoken of.

    An amount in brackets is negative there, and a sentence drops the sign: it does not count.
    """
    held = unit.amounts
    columns = _years(unit.heading)
    if len(years) == 1 and years[0] in columns and len(held) >= len(columns):
        held = [held[columns.index(years[0])]]
    return all(figures.stands_in(amount, held) and f"({amount.text})" not in unit.text for amount in amounts)


def _years(text: str) -> list[int]:
    return list(dict.fromkeys(int(figure.value) for figure in figures.find(text) if figure.year))


def _amount(figure: figures.Figure) -> bool:
    """Days, notes and list numbers are no amounts."""
    return not figure.year and (figure.percent or figure.scale > 0 or figure.decimals > 0 or figure.value >= 100)


def _marked(sentence: str, n: int) -> str:
    if MARKER.search(sentence):
        return sentence
    body = sentence.rstrip()
    tail = sentence[len(body) :]
    end = body[-1] if body[-1] in ".!?" else ""
    return f"{body[: len(body) - len(end)]} [{n}]{end}{tail}"
