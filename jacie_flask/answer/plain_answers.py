"""Answers that no model writes: the exact one, what is missing for it, statements of the pages, or the pages that come closest."""

import re
from dataclasses import dataclass

from jacie_flask.answer.context import Answering
from jacie_flask.answer.exact.drivers import fits_change
from jacie_flask.answer.extracts.answers import Page, extractive_answer
from jacie_flask.answer.extracts.people import role_of
from jacie_flask.evidence.citations import Evidence
from jacie_flask.evidence.query import cleaned
from jacie_flask.question.plan import Item
from jacie_flask.text import figures
from jacie_flask.text.languages import basic_terms, in_english, language
from jacie_flask.text.lexicon import without_instructions
from jacie_flask.text.periods import periods
from jacie_flask.text.phrasing import opened

_PARAGRAPH = "\n\n"
_NO_STATEMENT = "No statement on the pages found answers this question."
_NO_WORDS = "The model gave no answer."
_NO_DOCUMENTS = (
    "No documents were loaded, and no language model is configured: ask with documents for an answer from the filings."
)
_CLOSEST = 3
_MARKER = re.compile(r"\[\d+\]")
_ITEM = "\n- "
_NAMED = 12
_MOST_LINES = 3
_OF_WORDS = frozenset({"drivers", "exists", "highlights", "members"})
"""Operators of questions that sentences can answer where figures cannot."""


@dataclass(frozen=True)
class PlainAnswer:
    """Paragraphs and what they rest on: "computed", "quoted", or "none" where they only say what is missing."""

    paragraphs: tuple[str, ...]
    basis: str


def answer_plainly(run: Answering) -> str:
    """Give out the best answer that needs no model and return what it rests on."""
    answer = plain_answer(run)
    for number, paragraph in enumerate(answer.paragraphs):
        run.say(f"{_PARAGRAPH if number else ''}{paragraph}")
    run.degraded += run.draft.notes if run.draft else []
    return answer.basis


def plain_answer(run: Answering) -> PlainAnswer:
    """Return the best answer that needs no model: the exact one, what is missing for it, statements, or the closest pages."""
    if run.draft:
        return PlainAnswer((*run.draft.sentences, *_reasons(run)), "computed")
    if not run.question.auto_load_documents:
        return PlainAnswer((_NO_DOCUMENTS if run.services.model.absent else _NO_WORDS,), "none")
    if run.selection.unknown and not (run.plan and run.plan.companies):
        return PlainAnswer((_unknown_company(run),), "none")
    known = run.plan is not None and run.plan.complete and run.declined and run.plan.operator not in _OF_WORDS
    paragraphs = [] if known and _names_figures(run) else statements_of(run)
    if known and not any(_has_figure(one) or _ITEM in one for one in paragraphs):
        paragraphs = []
    if paragraphs:
        return PlainAnswer(tuple(paragraphs), "quoted")
    missing = f"{opened(run.declined)}." if known and not language(run.question.query) else _NO_STATEMENT
    return PlainAnswer((f"{missing}{_closest_pages(run)}",), "none")


def _has_figure(paragraph: str) -> bool:
    """Say whether a paragraph has a figure beside years and markers: a sentence without one is no answer where a figure is asked for."""
    return any(not one.year for one in figures.find(_MARKER.sub("", paragraph)))


def _names_figures(run: Answering) -> bool:
    """Say whether the question asks for figures that statements have by name: sentences about them answer something else."""
    measures = run.plan.measures if run.plan else ()
    return any(one.formula_id or (isinstance(one.expression, Item) and bool(one.expression.concept)) for one in measures)


def _reasons(run: Answering) -> list[str]:
    """Return the reasons that the filing gives, where it is asked what moved a figure."""
    if run.plan is None or run.plan.operator != "drivers":
        return []
    reasons = [one for one in statements_of(run) if run.draft and fits_change(one, run.draft)] or _reasons_of_lines(run)
    return ["The filing says:", *reasons] if reasons else ["No statement on the pages found says why."]


def _reasons_of_lines(run: Answering) -> list[str]:
    """Return what the filing says of the lines that moved the figure, the largest first."""
    years = periods(run.question.query).years
    when = f" in {max(years)}" if years else ""
    found = []
    for line in run.draft.lines[:_MOST_LINES] if run.draft else []:
        statements = statements_of(run, f"Why did {line} change{when}?")
        found += [f"{line}: {statements[0]}"] if statements else []
    return found


def statements_of(run: Answering, question: str = "") -> list[str]:
    """Return the statements of the evidence that answer the run's question, or another one, as paragraphs with markers."""
    pages = [_page(item) for item in run.evidence]
    original = _in_english(without_instructions(question or run.selection.question or run.question.query))
    question = cleaned(original, run.selection.names)
    names = (*run.selection.names, *run.selection.companies)
    paragraphs: list[str] = run.services.offload(extractive_answer, question, pages, names, original)
    return paragraphs


def _in_english(question: str) -> str:
    """Return a question, or what its basic terms would ask in English where it is in another language."""
    terms = basic_terms(question)
    if not terms:
        return in_english(question)
    years = " and ".join(map(str, periods(question).years))
    return f"{'Who is' if role_of(terms[0]) else 'What are'} the {' and '.join(terms)}{f' in {years}' if years else ''}?"


def _page(item: Evidence) -> Page:
    source = item.source
    years = periods(source.period).years or periods(source.filename).years
    return Page(source.n, item.whole, frozenset(years), source.document_id)


def _closest_pages(run: Answering) -> str:
    pages = [f"{item.source.filename}, page {item.source.page} [{item.source.n}]" for item in run.evidence[:_CLOSEST]]
    return f" The closest pages: {'; '.join(pages)}." if pages else ""


def _unknown_company(run: Answering) -> str:
    """Say that a company is not here, and which are."""
    companies = sorted({document.company for document in run.services.catalog.documents() if document.company})
    named = ", ".join(companies[:_NAMED]) + (" and others" if len(companies) > _NAMED else "")
    here = f" It has filings of {named}." if named else ""
    return f"No company in the collection matches “{run.selection.unknown[0]}”.{here}"
