"""Retrieval alone: which documents and pages a question leads to, without a model."""

import time
from typing import Any

import msgspec
from flask import Blueprint, Response

from jacie_flask import keeping
from jacie_flask.events import Source
from jacie_flask.evidence import page_search
from jacie_flask.evidence.selection import Selection, with_evidence
from jacie_flask.interfaces import Passage, Question
from jacie_flask.retries import Budget
from jacie_flask.web import bodies, limits
from jacie_flask.web.context import jacie
from jacie_flask.web.guard import principal
from jacie_flask.web.metrics import server_timing

blueprint = Blueprint("search", __name__)

_SELECTED = 50


@blueprint.post("/search")
def search() -> Response:
    """Return the documents and pages that match, best first."""
    parts = jacie()
    limits.ask()
    body = bodies.read(bodies.SearchBody, parts.settings.max_body, parts.settings.body_timeout_s)
    question = Question(
        query=body.query,
        mode="search",
        tenant=principal().tenant,
        filters=body.filters.given() if body.filters else {},
        document_ids=tuple(body.document_ids or ()),
    )
    budget = Budget(parts.settings.retries, parts.settings.deadline_s)
    began = time.perf_counter()
    selection = page_search.choose(question, parts.services, _SELECTED)
    selected = time.perf_counter()
    passages: list[Passage] = []
    if not selection.documents:
        notes = page_search.coverage(parts.services, budget)
    else:
        query, notes = page_search.search_query(selection, parts.services, body.top_k, budget)
        passages = parts.services.index.search(query, budget)
        selection = with_evidence(selection, passages)
    unread = page_search.unread(passages, parts.services, budget)
    ended = time.perf_counter()
    timings = {
        "doc_selection": round((selected - began) * 1000, 1),
        "vector_search": round((ended - selected) * 1000, 1),
        "total": round((ended - began) * 1000, 1),
    }
    told = {
        "documents": _documents(selection),
        "results": [_result(source) for source, _ in page_search.numbered(passages, parts.services)],
        "document_selection_message": selection.message,
        "degraded": [*selection.misspelt, *notes, *page_search.doubts(passages, parts.services), *unread, *keeping.notes()],
        "timings_ms": timings,
    }
    response = Response(msgspec.json.encode(told), content_type="application/json")
    response.headers["Server-Timing"] = server_timing(timings)
    return response


def _documents(selection: Selection) -> list[dict[str, Any]]:
    return [
        {
            "document_id": item.document.document_id,
            "filename": item.document.filename,
            "company": item.document.company,
            "period": item.document.period,
            "document_type": item.document.document_type,
            "score": round(item.score, 4),
            "reason": item.reason,
        }
        for item in selection.documents
    ]


def _result(source: Source) -> dict[str, Any]:
    return {
        "document_id": source.document_id,
        "filename": source.filename,
        "page": source.page,
        "score": source.score,
        "snippet": source.snippet,
    }
