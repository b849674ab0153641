"""From a question to what the index is asked: weighted terms, page labels and the documents to stay near."""

import re
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from jacie_flask.evidence.selection import Selection
from jacie_flask.facts.expressions import items
from jacie_flask.facts.page_figures import figure_id
from jacie_flask.interfaces import SearchQuery
from jacie_flask.question.reading import plan_of
from jacie_flask.text.languages import in_english
from jacie_flask.text.lexicon import (
    BEYOND_STATEMENTS,
    INSTRUCTION_WORDS,
    METRIC_POINTERS,
    STATEMENT_POINTERS,
    TOPIC_POINTERS,
    Pointer,
    without_development,
    without_instructions,
)
from jacie_flask.text.terms import is_number, term_ids, tokens, word_id
from jacie_flask.text.wordforms import synonyms, variants

WORD, NUMBER, ADDED = 1.0, 0.3, 0.7
VARIANT = 0.15
SYNONYM = 0.4
BEYOND = 0.3
_FISCAL = frozenset({"year", "quarter", "half"})
_NAMED_NUMBER = re.compile(
    r"\b(?!(?:FY|CY|Q[1-4]|H[12]|In|In the|Year|Years|Fiscal|Item|Note|Of|For|By|To|And|From|Until|Since|January|February|March|April|May|June|July|August"
    r"|September|October|November|December)\b)[A-Z][A-Za-z]+ (?!(?:19|20)\d\d\b)(\d{2,4})\b(?![.,%]?\d|%)"
)
"""A number that belongs to a name: Office 365, Boeing 737."""
PENALTIES = {"contents": -0.3, "signatures": -0.3}
_INSTRUCTION_IDS = frozenset(term for word in INSTRUCTION_WORDS for term in term_ids(word))


def prepare(selection: Selection, *, top_k: int = 10, vector: NDArray[np.float32] | None = None) -> SearchQuery:
    """Return the query for the index: terms without instructions and company names; the text, to be embedded, keeps the names."""
    question = in_english(selection.question)
    text = cleaned(question, selection.names)
    return SearchQuery(
        text=without_instructions(question),
        terms=weigh(text),
        labels=point(text),
        figures=figures_asked(text),
        documents=selection.scores,
        exclusive=selection.confident,
        vector=vector,
        top_k=top_k,
    )


def cleaned(question: str, names: tuple[str, ...] = ()) -> str:
    """Return a question without what says how to answer it, and without the names of companies."""
    text = without_development(without_instructions(question))
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?:['’]s)?(?!\w)", " ", text, flags=re.I)
    text = re.sub(r"\(formerly[^)]{0,99}\)", " ", text, flags=re.I)
    return " ".join(text.split()) or question


def weigh(text: str) -> dict[int, float]:
    """Return the terms of a cleaned question with their weights, and those that pages use for the same things."""
    weights: dict[int, float] = {}
    for term in term_ids(text):
        if term not in _INSTRUCTION_IDS:
            weights[term] = NUMBER if is_number(term) else WORD
    for number in _NAMED_NUMBER.findall(text):
        weights[term_ids(number)[0]] = WORD
    if not weights:
        weights = dict.fromkeys(term_ids(text), WORD)
    for word in tokens(text):
        if word_id(word) in weights:
            for variant in variants(word):
                weights.setdefault(word_id(variant), VARIANT)
    for pointer in _pointers(text):
        for term in term_ids(pointer.words):
            weights.setdefault(term, ADDED)
    for term in term_ids(" ".join(synonyms(text))):
        weights.setdefault(term, SYNONYM)
    return weights


def point(text: str) -> dict[str, float]:
    """Return the page labels that a question points to, each with its bonus.

    A question that names a statement is answered there: what its figures alone would point to counts less.
    """
    labels: dict[str, float] = dict(PENALTIES)
    for pointer in _pointers(text):
        for label in pointer.labels:
            labels[label] = max(labels.get(label, 0.0), pointer.strength)
    beyond = _beyond_statements(text)
    for label in ("balance_sheet", "income_statement", "cash_flow"):
        if label in labels:
            labels[label] *= BEYOND if beyond else 1.0
            labels[f"{label}_summary"] = 0.4 * labels[label]
    return labels


def figures_asked(text: str) -> dict[int, float]:
    """Return the line items that a cleaned question asks for, by the terms that pages with them have, with their shares.

    The shares add up to 1, or to less where the question asks for what the statements do not tell.
    """
    plan = plan_of(text, (), lambda _: [])
    expressions = [measure.expression for measure in plan.measures]
    concepts = dict.fromkeys(item.concept for one in expressions for item in items(one) if item.concept)
    years = dict.fromkeys(span.year for span in plan.spans if span.kind in _FISCAL) or {0: None}
    share = (BEYOND if _beyond_statements(text) else 1.0) / max(len(concepts) * len(years), 1)
    return {figure_id(concept, year): share for concept in concepts for year in years}


def _beyond_statements(text: str) -> bool:
    """Say whether a question asks for parts, adjustments or reasons, and names no statement as the place to look."""
    named = any(pointer in STATEMENT_POINTERS for pointer in _pointers(text))
    return not named and BEYOND_STATEMENTS.search(text) is not None


@lru_cache(maxsize=256)
def _pointers(text: str) -> tuple[Pointer, ...]:
    """Return the pointers of the lexicon that a cleaned question has, statements first."""
    known = (*STATEMENT_POINTERS, *METRIC_POINTERS, *TOPIC_POINTERS)
    return tuple(pointer for pointer in known if pointer.pattern.search(text))
