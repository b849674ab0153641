"""The exact part of an answer: the question's plan, the books of its companies, and the draft that they give."""

import logging
from dataclasses import replace
from functools import partial

import msgspec

from jacie_flask.answer import everyday
from jacie_flask.answer.context import Answering
from jacie_flask.answer.exact.answers import compute_answer
from jacie_flask.answer.exact.draft import Draft
from jacie_flask.answer.extracts.aims import PERSON, aim_of
from jacie_flask.answer.extracts.people import role_of
from jacie_flask.computation.operands import Missing
from jacie_flask.computation.operands import Operand as Found
from jacie_flask.errors import RetrievalUnavailable
from jacie_flask.events import Calculation, Citation, Operand
from jacie_flask.evidence.books import worth_reading
from jacie_flask.evidence.citations import Evidence
from jacie_flask.evidence.entries import Facts
from jacie_flask.evidence.kinds import ANNUAL
from jacie_flask.evidence.page_search import readable, source_of
from jacie_flask.facts.book import Book, Filing
from jacie_flask.interfaces import Passage
from jacie_flask.question.marks import NamedCompany
from jacie_flask.question.plan import Plan
from jacie_flask.question.reading import plan_of

log = logging.getLogger(__name__)

_MOST_COMPANIES = 8


def is_everyday(run: Answering) -> bool:
    """Note the reply to a greeting or a question about the collection; say whether it is one."""
    kind = everyday.kind_of(run.question.query)
    if kind:
        run.reply = everyday.reply(kind, run.services.catalog.documents())
    return bool(kind)


def plan(run: Answering) -> None:
    """Turn the question into a plan, with the company names of the catalog."""
    names = run.services.catalog.prepared(readable).names

    def find_names(text: str) -> list[NamedCompany]:
        mentions = names.mentions(text)
        places = names.spans(text, mentions)
        return [
            NamedCompany(mention.company, start, end)
            for mention in mentions
            for start, end in places
            if (start, end) == (mention.start, mention.end) or text[start:end].lower() == mention.written.lower()
        ]

    history = run.question.history if run.question.memory_enabled else ()
    run.plan = run.services.offload(plan_of, run.question.query, history, find_names)


def compute(run: Answering) -> None:
    """Compute the answer of the run's plan; keep the draft, or why there is none.

    The tables are those of the documents that were loaded; where none were, the index is asked for those of the companies' filings.
    """
    if run.plan is None or (aim_of(run.question.query) == PERSON and role_of(run.question.query)):
        return
    try:
        books = _books(run, run.plan)
        run.draft = run.services.offload(partial(compute_answer, run.plan, books))
    except Missing as missing:
        run.declined = missing.reason
    except (ArithmeticError, LookupError, TypeError, ValueError):
        log.exception("a plan could not be computed")  # a fault of ours costs the exact answer, not the whole one
        run.declined = "the figures could not be computed"
    except RetrievalUnavailable as error:
        log.warning("nothing was computed: %s", error)
        run.declined = "the tables of the filings could not be read from the index"


def _books(run: Answering, plan: Plan) -> dict[str, Book]:
    """Return the book of each company of a plan, in the plan's order."""
    filings, tables = _filings(run, plan), run.tables
    if not tables:
        years = [span.year for span in plan.spans if span.year]
        filings = {company: worth_reading(of_company, years) for company, of_company in filings.items()}
        wanted = [filing.document_id for of_company in filings.values() for filing in of_company]
        tables = run.services.index.tables(wanted, run.budget)
    books = {company: run.services.books.of(of_company, tables) for company, of_company in filings.items()}
    return {company: book for company, book in books.items() if book.filings}


def _filings(run: Answering, plan: Plan) -> dict[str, list[Filing]]:
    """Return the filings of the companies asked about; without a name, of the only company that there is."""
    entries = list(run.services.catalog.prepared(readable).facts)
    if run.question.document_ids:
        entries = [one for one in entries if one.document.document_id in run.question.document_ids]
    elif run.question.filters:
        entries = [one for one in entries if one.passes(run.question.filters)]
    companies = plan.companies or tuple(dict.fromkeys(one.company for one in entries))
    if not plan.companies and len(companies) > 1:
        if plan.operator not in ("compare", "highlights") and plan.group != "companies":
            raise Missing("the question names no company, and there are filings of several here")
        companies = companies[:_MOST_COMPANIES]
    return {company: [_filing(one) for one in entries if one.company == company] for company in companies}


def _filing(one: Facts) -> Filing:
    document, year = one.document, one.order[0]
    return Filing(document.document_id, document.filename, year, (one.quarter or 0) if one.kind != ANNUAL else 0, one.kind)


def cited_pages(run: Answering, draft: Draft) -> list[Evidence]:
    """Return the pages that a draft cites as evidence, numbered as it numbers them, then the other pages that were found."""
    found = {(item.source.document_id, item.source.page): item for item in run.evidence}
    cited = []
    for number, place in enumerate(draft.pages, start=1):
        rows = "\n".join(draft.quotes.get(place, ()))
        passage = Passage(document_id=place[0], page=place[1], score=1.0, text=rows, snippet=rows)
        source = source_of(number, passage, run.services.catalog.get(place[0]))
        here = found.pop(place, None)
        cited.append(Evidence(source, here.text if here else rows, here.page if here else rows))
    others = [
        replace(item, source=msgspec.structs.replace(item.source, n=number))
        for number, item in enumerate(found.values(), start=len(cited) + 1)
    ]
    return [*cited, *others]


def citations(draft: Draft) -> list[Citation]:
    """Return a citation for each row that the draft rests on: found where it is shown, computed where a figure came of it."""
    computed: dict[tuple[str, int, str], int] = {}
    for position, one in enumerate(draft.calculations):
        for operand in one.computed.operands:
            computed.setdefault((operand.document_id, operand.page, operand.quote), position)
    found = []
    for number, (document_id, page) in enumerate(draft.pages, start=1):
        for quote in draft.quotes.get((document_id, page), ()):
            calculation = computed.get((document_id, page, quote))
            found.append(
                Citation(
                    n=number,
                    quote=quote,
                    page=page,
                    document_id=document_id,
                    verified=True,
                    state="found" if calculation is None else "computed",
                    calculation=calculation,
                    answers="yes",
                )
            )
    return found


def calculations(draft: Draft) -> list[Calculation]:
    """Return the computed figures of a draft as the result carries them."""
    return [
        Calculation(
            text=one.text,
            value=float(one.amount.value.scaleb(-one.amount.scale)),
            unit=one.amount.unit,
            scale=one.amount.scale,
            currency=one.amount.currency,
            decimals=one.amount.decimals,
            formula=one.formula,
            operands=[_operand(draft, operand) for operand in one.computed.operands],
        )
        for one in draft.calculations
    ]


def _operand(draft: Draft, operand: Found) -> Operand:
    return Operand(
        label=operand.label,
        concept=operand.concept,
        value=float(operand.amount.scaleb(-operand.scale)),
        unit=operand.unit,
        scale=operand.scale,
        currency=operand.currency,
        period=operand.period.text,
        document_id=operand.document_id,
        page=operand.page,
        quote=operand.quote,
        n=draft.number(operand),
    )
