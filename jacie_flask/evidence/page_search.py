"""From a question to pages: which documents, which query, which passages; shared by fast_chat, /search and chat's fallback."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import msgspec

from jacie_flask.errors import NotFound, RetrievalUnavailable
from jacie_flask.events import Source
from jacie_flask.evidence.citations import Evidence, cite
from jacie_flask.evidence.entries import KnownCatalog
from jacie_flask.evidence.query import prepare
from jacie_flask.evidence.selection import SelectedDocument, Selection, select, select_from
from jacie_flask.interfaces import CatalogDocument, IndexStatus, Passage, Question, SearchQuery, Services
from jacie_flask.retries import Budget
from jacie_flask.retrieval.ranking import likeness_weight
from jacie_flask.text import completeness

log = logging.getLogger(__name__)

_SNIPPET_CHARS = 300
UNREADABLE = ("missing", "rejected")
_UNSEARCHABLE = (*UNREADABLE, "unavailable")


def choose(question: Question, services: Services, limit: int) -> Selection:
    """Return the documents to look at: the ones the question names by id, else those its words, history and filters point at."""
    if not question.document_ids:
        chosen = partial(select_from, query=question.query, history=question.history, filters=question.filters, limit=limit)
        # Thousands of names take a moment of Python: beside the streams, not between them.
        found: Selection = services.offload(chosen, services.catalog.prepared(readable))
        return found
    wanted = set(question.document_ids)
    named = [one for one in services.catalog.documents() if one.document_id in wanted and one.status not in UNREADABLE]
    selection = select(question.query, named, history=question.history, limit=len(wanted))
    if not named:
        return selection
    picked = [SelectedDocument(document=d, score=1.0, reason="named in the request") for d in named]
    message = f"Using the documents named in the request: {', '.join(d.filename for d in named)}."
    scores = {document.document_id: 1.0 for document in named}
    return replace(selection, documents=picked, scores=scores, message=message, confident=True)


def readable(documents: Sequence[CatalogDocument]) -> KnownCatalog:
    """Prepare what can be read of a catalog."""
    return KnownCatalog([document for document in documents if document.status not in UNREADABLE])


def search_query(
    selection: Selection, services: Services, top_k: int, budget: Budget | None = None
) -> tuple[SearchQuery, list[str]]:
    """Return the prepared query, with its vector where likeness counts, and in words what is left out or not indexed yet.

    Raise RetrievalUnavailable when the index is not there; without embeddings the query has no vector.
    """
    query = prepare(selection, top_k=top_k)
    status = services.index.status(budget)
    notes = _coverage(services, status)
    if status.vectors == 0 or likeness_weight(query, status.labels) == 0:
        return query, notes
    try:
        vector = services.embedder.embed([query.text], budget)[0]
    except RetrievalUnavailable as error:
        log.warning("the question was not embedded: %s", error)
        return query, ["Semantic search was not available; the pages were found by their words alone.", *notes]
    return msgspec.structs.replace(query, vector=vector), notes


def doubts(passages: Sequence[Passage], services: Services) -> list[str]:
    """Return in words that not one page is like the question, where likeness is known; a ranking always has a first."""
    known = [passage.likeness for passage in passages if passage.likeness is not None]
    if not known or max(known) >= services.embedder.unlike:
        return []
    return ["No page is much like the question: the collection may not hold the answer."]


def unread(passages: Sequence[Passage], services: Services, budget: Budget | None = None) -> list[str]:
    """Return in sentences what was not read of the documents that passages are from.

    The catalog knows that of documents which were ingested here; of the others the index does.
    """
    names = {source.document_id: source.filename for source, _ in numbered(passages, services)}
    documents = [services.catalog.get(document_id) for document_id in names]
    foreign = [document.document_id for document in documents if document.status == "pending"]
    try:
        of_index = services.index.notes(foreign, budget) if foreign else {}
    except RetrievalUnavailable as error:
        log.warning("what was not read of %d documents is not known: %s", len(foreign), error)
        of_index = {}
    return completeness.sentences(
        (document.filename, document.notes or of_index.get(document.document_id, ())) for document in documents
    )


def rehearse(services: Services) -> None:
    """Go the way of a question once, so that the first real one finds patterns compiled and the index in memory."""
    question = Question(query="What was the revenue for FY2024 in the annual report?", mode="search")
    selection = choose(question, services, 1)
    query, _ = search_query(selection, services, 3)
    passages = services.index.search(query)
    statement = "Consolidated statement of income\n(in millions) 2024 2023\nRevenue 2.0 1.6\nNet income 1.0 0.9"
    cite("The net margin was 50.0% in 2024 [1].", [Evidence(found, statement) for found, _ in numbered(passages, services)])
    coverage(services)


def coverage(services: Services, budget: Budget | None = None) -> list[str]:
    """Return in words how much of the catalog is not in the index yet; nothing when all of it is."""
    return _coverage(services, services.index.status(budget))


def _coverage(services: Services, status: IndexStatus) -> list[str]:
    documents = services.catalog.documents()
    readable = sum(document.status not in _UNSEARCHABLE for document in documents)
    notes = []
    unread = [document for document in documents if document.status in _UNSEARCHABLE]
    if unread:
        named = "; ".join(f"{document.filename}: {document.reason}" for document in unread[:5])
        notes.append(f"{len(unread)} of {len(documents)} documents cannot be searched ({named}).")
    if status.documents < readable:
        notes.append(f"The index is not complete: {status.documents} of {readable} documents can be searched so far.")
    return notes


def numbered(passages: Sequence[Passage], services: Services) -> Iterator[tuple[Source, Passage]]:
    """Yield each passage with its source, numbered from 1; one whose document left the catalog since it was indexed is dropped."""
    n = 1
    for passage in passages:
        try:
            document = services.catalog.get(passage.document_id)
        except NotFound:
            continue
        yield source_of(n, passage, document), passage
        n += 1


def source_of(n: int, passage: Passage, document: CatalogDocument) -> Source:
    """Return one passage as source ``n``; the URL opens the document at the page."""
    return Source(
        n=n,
        document_id=document.document_id,
        filename=document.filename,
        company=document.company,
        period=document.period,
        document_type=document.document_type,
        page=passage.page,
        snippet=passage.snippet[:_SNIPPET_CHARS],
        score=round(passage.score, 4),
        url=f"/documents/{document.document_id}#page={passage.page}",
    )
