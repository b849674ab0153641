"""The end of both pipelines: the sources are told, the model writes or nothing was found, and the answer is checked."""

from collections.abc import Sequence

from jacie_flask.chat.answering import Answering
from jacie_flask.chat.citations import cite, unproved
from jacie_flask.chat.generating import generate
from jacie_flask.chat.history import remembered
from jacie_flask.chat.selection import without_match
from jacie_flask.events import Result, Sources, Usage
from jacie_flask.interfaces import CatalogDocument, Taken

_NAMED = 12


def conclude(run: Answering) -> Result:
    """Return the answer from what was gathered; where that is nothing, no model is asked, because it could only invent."""
    run.progress(Sources(sources=run.sources))
    usage, reason, model = Usage(), "stop", ""
    if run.question.auto_load_documents and not run.evidence:
        run.loaded, run.selection = [], without_match(run.selection)
        run.say(_nothing_found(run.services.catalog.documents()))
    else:
        usage, reason = generate(run)
        model = run.services.model.label if run.writing else ""
    run.steps.at("finalizing")
    said = "".join(run.said)
    citations = run.services.offload(cite, said, run.evidence)
    run.degraded += unproved(citations)
    run.steps.at("complete")
    timings = run.steps.finish()
    _learn(run)
    return Result(
        response=said,
        documents_loaded=run.loaded,
        document_selection_message=run.selection.message,
        conversation_history=remembered(run.question, said, run.services.limits),
        sources=run.sources,
        citations=citations,
        usage=usage,
        timings_ms=timings,
        model=model,
        finish_reason=reason,
        degraded=run.degraded,
        run_id="",
    )


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
