"""The steps that gather evidence, one function each: documents selected, loaded and read, or pages found in the index."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jacie_flask.answer.context import Answering
from jacie_flask.errors import RetrievalUnavailable
from jacie_flask.evidence import company_pages, loader, page_choice, page_search, refinement
from jacie_flask.evidence.citations import Evidence
from jacie_flask.evidence.loader import Loaded
from jacie_flask.evidence.query import prepare
from jacie_flask.evidence.selection import Selection
from jacie_flask.interfaces import CatalogDocument, DocumentTables, Passage
from jacie_flask.retrieval.ranking import rank_documents
from jacie_flask.text import completeness
from jacie_flask.text.terms import term_counts

log = logging.getLogger(__name__)

_SELECTED = 50
_TOLD = 10

# --------------------------------------------------------------------------------------------------------- selection


def select_to_read(run: Answering) -> None:
    """Choose a few documents; where the catalog gives no hint, the ones whose pages answer best in the index."""
    _begin_selection(run)
    run.selection = page_search.choose(run.question, run.services, run.services.limits.max_documents)
    if run.selection.documents and not run.selection.confident:
        run.selection = _selection_from_index(run)
    _end_selection(run)


def select_to_search(run: Answering) -> None:
    """Choose the documents that are worth searching."""
    _begin_selection(run)
    run.selection = page_search.choose(run.question, run.services, _SELECTED)
    _end_selection(run)


def _begin_selection(run: Answering) -> None:
    run.steps.at("doc_selection", documents_total=len(run.services.catalog.documents()))


def _end_selection(run: Answering) -> None:
    """Let the model refine the selection where the settings say so, and report it."""
    run.degraded += run.selection.misspelt
    if run.services.limits.refine_selection and not run.question.document_ids:
        most = run.services.limits.max_documents
        run.selection = refinement.refine(run.selection, run.services.model, most, run.budget)
    run.steps.at(
        "doc_selection",
        1.0,
        message=run.selection.message,
        selected=len(run.selection.documents),
        documents=[
            {"document_id": item.document.document_id, "filename": item.document.filename, "reason": item.reason}
            for item in run.selection.documents[:_TOLD]
        ],
    )


def _selection_from_index(run: Answering) -> Selection:
    try:
        wide = page_search.choose(run.question, run.services, _SELECTED)
        query, notes = page_search.search_query(wide, run.services, 20, run.budget)
        passages = run.services.index.search(query, run.budget)
    except RetrievalUnavailable as error:
        log.warning("documents were selected without the index: %s", error)
        return run.selection
    run.doubts = page_search.doubts(passages, run.services)
    run.degraded += notes  # what is not in the index yet cannot be chosen
    found = [passage.document_id for passage in passages]
    rank = {document_id: place for place, document_id in reversed(list(enumerate(found)))}
    if not rank:
        return run.selection
    chosen = sorted(wide.documents, key=lambda item: rank.get(item.document.document_id, len(found)))
    chosen = [item for item in chosen if item.document.document_id in rank][: run.services.limits.max_documents]
    names = ", ".join(item.document.filename for item in chosen)
    return replace(wide, documents=chosen, message=f"{run.selection.message} Reading those whose pages match best: {names}.")


# ------------------------------------------------------------------------------------------------- loading and reading


def load(run: Answering) -> Loaded:
    """Load the best documents of the selection, reporting each as it lands."""
    documents = _best_documents(run)
    if not documents:
        return []
    run.steps.at("doc_loading", 0.0, loaded=0, total=len(documents))
    return _landed(run, documents, "doc_loading", 1.0)


def read(run: Answering, loaded: Loaded) -> None:
    """Rank the pages of loaded documents and keep the best as evidence."""
    if not loaded:
        return
    kept = {document.document_id for document, _ in loaded}
    passages = [passage for passage in _ranked(run, loaded) if passage.document_id in kept]
    if not run.services.model.absent:
        passages = _whole_pages(run, loaded, passages)
    _gather(run, passages)
    _note_read(run, loaded)


def _best_documents(run: Answering) -> list[CatalogDocument]:
    return [item.document for item in run.selection.documents][: run.services.limits.max_documents]


def _landed(run: Answering, documents: Sequence[CatalogDocument], step: str, part: float) -> Loaded:
    """Load documents as a part of a step."""

    def tell(share: float, message: str, facts: dict[str, Any]) -> None:
        run.steps.at(step, share * part, message, left=run.steps.left_at_pace(step, share * part), **facts)

    landed, left_out = loader.load(documents, run.services, run.budget, tell)
    run.degraded += left_out
    return landed


def _ranked(run: Answering, loaded: Loaded) -> list[Passage]:
    """Return the passages of loaded documents that match the question, best first."""
    query = prepare(run.selection, top_k=_ranked_pages(run))  # no vector: documents in memory have none
    run.terms = query.terms
    return _of_each_company(run, run.services.offload(rank_documents, loaded, query))


def _ranked_pages(run: Answering) -> int:
    return run.services.limits.max_passages * (company_pages.WIDER if company_pages.compares(run.selection) else 1)


def _of_each_company(run: Answering, passages: list[Passage]) -> list[Passage]:
    """Return passages as they are, or those of every company in turn where several are asked for."""
    if not company_pages.compares(run.selection):
        return passages
    names = {document.document_id: document.company for document in run.services.catalog.documents()}
    return company_pages.spread(passages, lambda document_id: names.get(document_id, ""), run.services.limits.max_passages)


def _whole_pages(run: Answering, loaded: Loaded, passages: Sequence[Passage]) -> list[Passage]:
    """Return the pages of the passages as far as the model's context has room beside the conversation."""
    spoken = len(run.question.query) + sum(len(turn.content) for turn in run.question.history)
    space = page_choice.room(run.services.model, run.services.limits.answer_tokens, spoken)
    return page_choice.whole_pages(passages, {document.document_id: analysed for document, analysed in loaded}, space)


def _note_read(run: Answering, loaded: Loaded) -> None:
    run.tables = {
        document.document_id: DocumentTables(content_hash=analysed.content_hash, tables=analysed.tables)
        for document, analysed in loaded
    }
    run.loaded = [document.filename for document, _ in loaded]
    run.degraded += completeness.sentences((document.filename, analysed.notes) for document, analysed in loaded)
    run.pages = sum(len(analysed.pages) for _, analysed in loaded)


# ----------------------------------------------------------------------------------------------------------- searching


def search(run: Answering) -> None:
    """Search the index; while it holds nothing useful, or is down, the documents themselves are read."""
    run.steps.at("vector_search", 0.0, index=run.services.index.label)
    if not run.selection.documents:
        return
    passages = _found(run)
    if passages:
        _gather(run, passages)
        run.degraded += page_search.unread(passages if run.evidence else (), run.services, run.budget)
        run.loaded = list(dict.fromkeys(item.source.filename for item in run.evidence))
        run.pages = _pages_of(run)
    else:
        _read_instead(run)
    run.steps.at("vector_search", 1.0, passages=len(run.evidence), documents=len(run.loaded))


def _found(run: Answering) -> list[Passage]:
    """Return what the index finds, nothing where it is down."""
    try:
        query, notes = page_search.search_query(run.selection, run.services, _ranked_pages(run), run.budget)
        run.terms = query.terms
        passages = run.services.index.search(query, run.budget)
    except RetrievalUnavailable as error:
        log.warning("answering from the documents themselves: %s", error)
        run.degraded.append("The search index was not available; the documents were read instead.")
        return []
    run.degraded += notes
    run.doubts = page_search.doubts(passages, run.services)
    return _of_each_company(run, passages)


def _pages_of(run: Answering) -> int:
    """Return how many pages the documents of the evidence have, 0 where the catalog does not know that of each of them."""
    names = set(run.loaded)
    counts = [document.pages for document in run.services.catalog.documents() if document.filename in names]
    return sum(count for count in counts if count) if all(counts) else 0


def _read_instead(run: Answering) -> None:
    """Read the documents of the selection; ranking them is a part of the step's work as well."""
    documents = _best_documents(run)
    landed = _landed(run, documents, "vector_search", len(documents) / (len(documents) + 1))
    _gather(run, _ranked(run, landed))
    _note_read(run, landed)


# ------------------------------------------------------------------------------------------------------------ evidence


def _gather(run: Answering, passages: Sequence[Passage]) -> None:
    """Keep passages as evidence, unless not one of them has a word of what was asked: a ranking always has a first."""
    if not any(run.terms.keys() & term_counts(passage.text).keys() for passage in passages):
        return
    for source, passage in page_search.numbered(passages, run.services):
        run.evidence.append(Evidence(source=source, text=passage.text, page=passage.whole))
