"""Extractive answers: the statements of the pages that answer a question, as the filing has them, each with its source."""

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jacie_flask.answer.statements import Statement, statements
from jacie_flask.text import figures
from jacie_flask.text.terms import is_number, term_counts, term_ids

_COVERED = 0.72
"""The share of the question's weight that a statement with its headings must carry to answer it."""
_HEADING_SHARE, _ITEM_SHARE = 0.6, 0.95
_WEAK = 0.3
_NEAR = 0.8
_MOST, _MOST_ITEMS = 2, 8
_LONG = 22
_ADDED_WEIGHT = 1.0
_CAUSE_BONUS = 1.35
_YEAR_BONUS, _OTHER_YEAR = 1.15, 0.75
_OTHER_NUMBER = 0.6
_RANK_LOSS = 0.06
_CAUSES = re.compile(
    r"\b(?:because|due to|driven|primarily|mainly|reflect\w*|as a result|resulting from|result of|owing to|attributable|caused|led to|offset)\b",
    re.IGNORECASE,
)
_WHY = re.compile(
    r"\b(?:why|dr[oi]ve[sn]?|drivers?|driven|reasons?|caus(?:e|ed|es)|explain|led to|because|contributed)\b", re.IGNORECASE
)
_FIGURE_ASKED = re.compile(
    r"\bhow (?:much|many|high|large|big|long)\b|\bwhat (?:percent\w*|share|amount|number)\b|%", re.IGNORECASE
)
_BOILERPLATE = re.compile(
    r"\b(?:forward-looking|see note|refer to|see accompanying|incorporated (?:herein )?by reference)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Page:
    """A page that was found for a question: its number among the sources, and its text."""

    number: int
    text: str


@dataclass(frozen=True)
class Extract:
    """A statement that answers, the number of its source, how well it fits, and where it is on its page."""

    statement: Statement
    number: int
    score: float
    position: int = 0


@cache
def _weak_terms() -> frozenset[int]:
    """Return the terms of extracts.toml."""
    return frozenset(term_ids(tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["weak"]))


def extractive_answer(question: str, terms: Mapping[int, float], pages: Sequence[Page]) -> list[str]:
    """Return the paragraphs of the answer, each with its marker; none where no statement answers the question.

    ``terms`` are the weighted terms of the prepared query: 1 for the question's own words, less for words that pages use for them.
    """
    ranked = rank(question, terms, pages)
    if not ranked:
        return []
    best = ranked[0]
    if best.statement.item or best.statement.text.endswith(":"):
        return _items(ranked, best)
    chosen = [one for one in ranked if one.score >= _NEAR * best.score and not one.statement.item][:_MOST]
    return [f"“{_plain(one.statement.text)}” [{one.number}]" for one in _distinct(chosen)]


def rank(question: str, terms: Mapping[int, float], pages: Sequence[Page]) -> list[Extract]:
    """Return the statements that carry enough of a question's words, best first."""
    asked = {term: weight for term, weight in terms.items() if not is_number(term)}
    numbers = frozenset(term for term in terms if is_number(term)) - frozenset(
        term_ids(" ".join(map(str, figures.years(question))))
    )
    own = {term: _WEAK if term in _weak_terms() else 1.0 for term, weight in asked.items() if weight >= _ADDED_WEIGHT}
    years = frozenset(figures.years(question))
    why, figure = bool(_WHY.search(question)), bool(_FIGURE_ASKED.search(question))
    found = []
    for place, page in enumerate(pages):
        for position, statement in enumerate(statements(page.text)):
            words = term_counts(statement.text).keys()
            around = frozenset(term_ids(f"{statement.heading} {statement.lead}")) - words
            carried = _weight(own, words) + (_ITEM_SHARE if statement.item else _HEADING_SHARE) * _weight(own, around)
            if not own or carried < _COVERED * sum(own.values()) or _BOILERPLATE.search(statement.text):
                continue
            score = carried + 0.4 * (_weight(asked, words) - _weight(own, words))
            score *= 1.0 if numbers <= words else _OTHER_NUMBER
            score *= _fit(statement.text, years, why=why, figure=figure) * (1 - _RANK_LOSS * min(place, 8))
            found.append(Extract(statement, page.number, score / (4 + min(len(words), _LONG)) ** 0.35, position))
    return sorted(found, key=lambda one: -one.score)


def _fit(text: str, years: Collection[int], *, why: bool, figure: bool) -> float:
    """Return by how much a statement fits the kind of the question: causes for why, figures for how much, the right year."""
    fit = _CAUSE_BONUS if why and _CAUSES.search(text) else 1.0
    named = set(figures.years(text))
    if years and named:
        fit *= _YEAR_BONUS if named & set(years) else _OTHER_YEAR
    if figure and not any(not one.year for one in figures.find(text)):
        fit *= 0.5
    return fit


def _items(ranked: Sequence[Extract], best: Extract) -> list[str]:
    """Return the items of the best one's list, under the sentence or heading that leads it in."""
    lead = best.statement.lead if best.statement.item else best.statement.text
    heading = best.statement.heading
    same = [one for one in ranked if one.statement.item and (one.number, one.statement.heading) == (best.number, heading)]
    items = sorted((one for one in same if one.statement.lead == lead), key=lambda one: one.position)[:_MOST_ITEMS]
    opening = lead or (f"{heading}:" if heading else "")
    lines = [f"- {one.statement.text} [{one.number}]" for one in _distinct(items)]
    return ["\n".join([opening, *lines] if opening else lines)] if lines else []


def _distinct(extracts: Sequence[Extract]) -> list[Extract]:
    """Return extracts without those that say what one before them says."""
    kept: dict[str, Extract] = {}
    for one in extracts:
        kept.setdefault(" ".join(one.statement.text.lower().split()), one)
    return list(kept.values())


def _weight(weights: Mapping[int, float], words: Collection[int]) -> float:
    return sum(weight for term, weight in weights.items() if term in words)


def _plain(text: str) -> str:
    return text.replace("“", "‘").replace("”", "’")
