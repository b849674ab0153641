"""The end of both pipelines: the sources are told, the model writes or nothing was found, and the answer is checked."""

from collections.abc import Sequence

from jacie_flask import keeping
from jacie_flask.answer.context import Answering
from jacie_flask.answer.exact_step import calculations, citations, cited_pages
from jacie_flask.answer.generation import generate
from jacie_flask.answer.page_tables import with_tables
from jacie_flask.events import Citation, Result, Sources, Usage
from jacie_flask.evidence.citations import Asked, cite, unproved
from jacie_flask.evidence.selection import without_match
from jacie_flask.interfaces import CatalogDocument, Taken
from jacie_flask.question.history import remembered

_NAMED = 12


def conclude(run: Answering) -> Result:
    """Return the answer: computed where a plan gave one, else written or quoted; where nothing was found, no model is asked."""
    if run.draft:
        run.evidence = cited_pages(run, run.draft)
        cited_files = (item.source.filename for item in run.evidence[: len(run.draft.pages)])
        run.loaded = list(dict.fromkeys((*cited_files, *run.loaded)))
    run.progress(Sources(sources=run.sources))
    usage, reason, basis = _answer(run)
    run.steps.at("finalizing")
    text = "".join(run.said)
    cited = _citations(run, text) if basis != "none" else []
    doubts = run.doubts if basis != "computed" else []
    run.degraded += [*doubts, *unproved(cited), *keeping.notes()]
    run.steps.at("complete")
    timings = run.steps.finish()
    _learn(run)
    return Result(
        response=text,
        documents_loaded=run.loaded,
        document_selection_message=run.selection.message,
        conversation_history=remembered(run.question, text, run.services.limits),
        sources=run.sources,
        citations=cited,
        usage=usage,
        timings_ms=timings,
        model=run.services.model.label if run.writing else "",
        finish_reason=reason,
        degraded=run.degraded,
        run_id="",
        basis=basis,
        calculations=calculations(run.draft) if run.draft else [],
        declined=run.declined,
    )


def _citations(run: Answering, text: str) -> list[Citation]:
    """Return what each part of the answer rests on; an everyday reply rests on nothing."""
    if run.draft and not run.writing:
        return citations(run.draft)
    if not run.evidence:
        return []
    found: list[Citation] = run.services.offload(cite, text, run.evidence, Asked(run.question.query, run.plan))
    return found


def _answer(run: Answering) -> tuple[Usage, str, str]:
    """Give out the answer and return (usage, finish reason, what it rests on)."""
    if run.reply:
        run.say(run.reply)
        return Usage(), "stop", "none"
    if run.question.auto_load_documents and not run.evidence:
        run.loaded, run.selection = [], without_match(run.selection)
        run.say(_nothing_found(run.services.catalog.documents()))
        return Usage(), "stop", "none"
    if not (run.draft and run.services.model.absent):
        run.evidence = with_tables(run)
    return generate(run)


def _nothing_found(documents: Sequence[CatalogDocument]) -> str:
    """Say that no document matches, and what the collection holds."""
    if not documents:
        return "There are no documents in the collection yet, so this question cannot be answered."
    companies = sorted({document.company for document in documents if document.company})
    listed = ", ".join(companies[:_NAMED]) + (" and others" if len(companies) > _NAMED else "")
    text = f"No document in the collection matches this question. It holds {len(documents)} documents"
    return text + (f" of {listed}." if listed else ".")


def _learn(run: Answering) -> None:
    """Remember what the answer took; one that no model was asked for says nothing about the next."""
    if run.writing:
        taken = Taken(tokens=run.writing.tokens, token_ms=run.writing.token_ms, rest_ms=run.steps.rest_ms())
        run.services.expectations.learn(run.question.mode, run.services.model.label, taken)
