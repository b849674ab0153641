"""The guard over a model: a sentence goes out only when a page carries it, otherwise the page speaks for itself."""

import re
from collections.abc import Mapping, Sequence

from jacie_flask.chat.asking import asks_for_people, asks_for_reasons, asks_for_words
from jacie_flask.chat.citations import MARKER, MARKER_BEGINS, Evidence, cited_by, claim_of, sentences, verify
from jacie_flask.chat.proof.quoting import plain
from jacie_flask.chat.telling import best_units
from jacie_flask.chat.units import Unit, overview_units, rank_units, years_in
from jacie_flask.interfaces import Offload, inline
from jacie_flask.text import figures
from jacie_flask.text.terms import is_number, term_counts, term_ids

NEAR = 0.75
"""How near the best unit's score another unit must be for a figure of it to count as an answer."""
CARRIED, SPOKEN = 0.6, 0.34
"""The share of a sentence's terms that a unit must hold to carry it: without figures, and with figures that it holds."""
QUOTES, TOLD = 3, 6
"""How many lines of the pages an answer quotes at most: with figures, and where points are told."""
LONGEST = 4000
"""Characters after which a sentence that does not end is checked as it is."""
_WORDS = 3
_WORD = re.compile(r"[^\W\d_]{2,}")
_NAME = re.compile(r"\b[A-Z][^\W\d_]+")
_MAY_END = re.compile(r"[\s.!?]")
_OVERVIEW_QUESTION = re.compile(
    r"\bhighlights?\b|\boverview\b|\bsummar(?:y|i[sz]e)\b|\b(?:key|main|most important) (?:figures|numbers|points|results)\b"
    r"|\bhow did .{0,60}\b(?:do|perform)\b|\bperformance\b",
    re.IGNORECASE,
)


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
        if (
            len(self._held) > LONGEST
        ):  # to look for the end of a sentence again with each word would cost the square of its length
            return self._rest()
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
        return self._rest()

    def _rest(self) -> str:
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
        if _proved(claim_of(sentence), cited):
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
    them all; a sentence without needs one that holds most of its words."""

    def __init__(self, question: str, terms: Mapping[int, float], evidence: Sequence[Evidence]) -> None:
        super().__init__(evidence)
        self._told = asks_for_words(question)
        self._people = asks_for_people(question)
        self._overview = bool(_OVERVIEW_QUESTION.search(question)) and not self._told
        self._units = overview_units(evidence, QUOTES) if self._overview else best_units(question, terms, evidence)
        self._most = TOLD if self._told else QUOTES
        self._gathers = self._told or self._overview
        self._needed = CARRIED if self._told or asks_for_reasons(question) else SPOKEN
        self._question = frozenset(term_counts(question))
        self._years = years_in(question)
        self._asked = frozenset(term for term, weight in terms.items() if weight >= 1.0)
        self._several = len({item.source.company for item in evidence}) > 1
        self._said: set[str] = set()
        self._passed = ""

    def end(self) -> str:
        """Return what is left, checked; where nothing was shown at all, the pages' best units."""
        shown = super().end()
        if self._gathers or not (shown or self._said):
            quotes = self._from_the_pages(self._most)
            shown += "\n" * bool(quotes and self._passed and not self._passed.endswith("\n")) + quotes
        return shown

    def _checked(self, sentence: str) -> str:
        claim = plain(MARKER.sub("", sentence))
        if not self._evidence:
            return sentence
        if claim in self._said or len(_WORD.findall(claim)) < _WORDS:
            return ""  # small models repeat themselves, and count where they have nothing to say
        carrier = self._carrier(claim)
        if carrier is not None and self._as_told(sentence, carrier) and _proved(claim, [carrier.item]):
            self._said |= {claim, plain(carrier.text)} if self._told else {claim}
            self._passed = _marked(sentence, carrier.item.source.n)
            return self._passed
        self.replaced += 1
        return "" if self._gathers else self._from_the_pages(1)

    def _carrier(self, claim: str) -> Unit | None:
        found = figures.find(claim)
        amounts = [figure for figure in found if not figure.year]
        years = years_in(claim)
        best = self._units[0].score if self._units else 0.0
        for unit in self._units:
            if unit.score < NEAR * best:
                return None
            share = unit.share(claim)
            if (
                amounts
                and share >= self._needed
                and self._same_subject(claim, unit)
                and unit.holds(amounts, years or self._years)
            ):
                return unit
            if not amounts and not years and not self._overview and share >= CARRIED:
                return unit
        return None

    def _same_subject(self, claim: str, unit: Unit) -> bool:
        """Say whether what the claim takes from the question is what the unit speaks of."""
        subject = self._asked & term_counts(claim).keys()
        return len(subject & unit.terms) >= CARRIED * len(subject)

    def _as_told(self, sentence: str, unit: Unit) -> bool:
        """Say whether what is told is whole, and every name in it is of the unit or the question: a role of one is not another's."""
        if not self._told:
            return True
        names = frozenset(term_ids(" ".join(_NAME.findall(sentence))))
        told = bool(names - self._question) or not self._people
        return told and not sentence.lstrip()[:1].islower() and names <= unit.terms | self._question

    def _from_the_pages(self, count: int) -> str:
        quotes: list[str] = []
        for unit in self._units:
            if len(quotes) == count or self.quotes == self._most or unit.score < NEAR * self._units[0].score:
                break
            if plain(unit.text) not in self._said:
                self._said.add(plain(unit.text))
                self.quotes += 1
                quotes.append(unit.quote(named=self._several) + "\n")
        return "".join(quotes)


def _proved(claim: str, cited: Sequence[Evidence]) -> bool:
    """Say whether the cited pages prove every figure and quote of a sentence."""
    return all(finding.proved for finding in verify(claim, cited))


def _marked(sentence: str, n: int) -> str:
    if MARKER.search(sentence):
        return sentence
    body = sentence.rstrip()
    tail = sentence[len(body) :]
    end = body[-1] if body[-1] in ".!?" else ""
    return f"{body[: len(body) - len(end)]} [{n}]{end}{tail}"
