"""The two pipelines, one function a step: chat reads whole documents, fast_chat searches the index."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jacie_flask.chat import finding, loading, prompts, reading, refining
from jacie_flask.chat.citations import Evidence, cite, unproved
from jacie_flask.chat.guard import FigureGuard, Guard, rank_units
from jacie_flask.chat.loading import Loaded
from jacie_flask.chat.query import prepare
from jacie_flask.chat.selection import Selection
from jacie_flask.chat.steps import CHAT, FAST_CHAT, Steps, Table
from jacie_flask.chat.writing import Writing
from jacie_flask.errors import NotFound, RetrievalUnavailable
from jacie_flask.events import ProgressCallback, Result, Source, Sources, Token, Turn, Usage
from jacie_flask.interfaces import CatalogDocument, Forecast, Limits, Passage, Question, Services, Taken
from jacie_flask.retries import Budget
from jacie_flask.retrieval.ranking import rank_documents
from jacie_flask.text.terms import term_counts

log = logging.getLogger(__name__)

_EXPECTED_TOKENS = {True: 60, False: 250}
_SELECTED = 50


@dataclass
class _Answering:
    """What a run has gathered by now."""

    question: Question
    services: Services
    progress: ProgressCallback
    budget: Budget
    forecast: Forecast
    steps: Steps
    selection: Selection = field(default_factory=lambda: Selection([], "", False, ""))
    loaded: list[str] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    degraded: list[str] = field(default_factory=list)
    terms: Mapping[int, float] = field(default_factory=dict)
    pages: int = 0
    writing: Writing | None = None


def _begin(question: Question, services: Services, progress: ProgressCallback, budget: Budget | None, table: Table) -> _Answering:
    budget = budget or Budget(services.limits.retries, services.limits.deadline_s)
    forecast = services.expectations.of(question.mode, services.model.label)
    steps = Steps(table, progress, store=services.documents.label, forecast=forecast)
    steps.at("start", mode=question.mode)
    return _Answering(question, services, progress, budget, forecast, steps)


def chat(question: Question, services: Services, progress: ProgressCallback, budget: Budget | None = None) -> Result:
    """Answer thoroughly: select documents, load them from their store, read them, ask the model."""
    run = _begin(question, services, progress, budget, CHAT)
    if question.auto_load_documents:
        _select(run)
        loaded = _load(run, [item.document for item in run.selection.documents][: services.limits.max_documents])
        _read(run, loaded)
    return _conclude(run)


def fast_chat(question: Question, services: Services, progress: ProgressCallback, budget: Budget | None = None) -> Result:
    """Answer fast: prepare the query, select documents, search the index, ask the model."""
    run = _begin(question, services, progress, budget, FAST_CHAT)
    run.steps.at("query_prep")
    if question.auto_load_documents:
        _select(run, limit=_SELECTED)
        _search(run)
    return _conclude(run)


# ------------------------------------------------------------------------------------------------------------- steps


def _select(run: _Answering, limit: int = 0) -> None:
    """Choose documents; where the catalog gives no hint, chat takes the ones whose pages answer best in the index."""
    run.steps.at("doc_selection", documents_total=len(run.services.catalog.documents()))
    run.selection = finding.choose(run.question, run.services, limit or run.services.limits.max_documents)
    if not limit and run.selection.documents and not run.selection.confident:
        run.selection = _selection_from_index(run)
    if run.services.limits.refine_selection and not run.question.document_ids:
        run.selection = refining.refine(run.selection, run.services.model, run.services.limits.max_documents)
    run.steps.at(
        "doc_selection",
        1.0,
        message=run.selection.message,
        selected=len(run.selection.documents),
        documents=[
            {"document_id": item.document.document_id, "filename": item.document.filename, "reason": item.reason}
            for item in run.selection.documents[:10]
        ],
    )


def _selection_from_index(run: _Answering) -> Selection:
    try:
        wide = finding.choose(run.question, run.services, _SELECTED)
        query, _ = finding.search_query(wide, run.services, 20, run.budget)
        found = [passage.document_id for passage in run.services.index.search(query, run.budget)]
    except RetrievalUnavailable as error:
        log.warning("documents were selected without the index: %s", error)
        return run.selection
    rank = {document_id: place for place, document_id in reversed(list(enumerate(found)))}
    if not rank:
        return run.selection
    chosen = sorted(wide.documents, key=lambda item: rank.get(item.document.document_id, len(found)))
    chosen = [item for item in chosen if item.document.document_id in rank][: run.services.limits.max_documents]
    names = ", ".join(item.document.filename for item in chosen)
    return replace(wide, documents=chosen, message=f"{run.selection.message} Reading those whose pages match best: {names}.")


def _load(run: _Answering, documents: Sequence[CatalogDocument]) -> Loaded:
    """Load documents, reporting each as it lands."""
    if not documents:
        return []
    run.steps.at("doc_loading", 0.0, loaded=0, total=len(documents))
    return _landed(run, documents, "doc_loading", 1.0)


def _landed(run: _Answering, documents: Sequence[CatalogDocument], step: str, part: float) -> Loaded:
    """Load documents as a part of a step."""

    def tell(share: float, message: str, facts: dict[str, Any]) -> None:
        run.steps.at(step, share * part, message, left=run.steps.left_at_pace(step, share * part), **facts)

    landed, left_out = loading.load(documents, run.services, run.budget, tell)
    run.degraded += left_out
    return landed


def _read(run: _Answering, loaded: Loaded) -> None:
    """Rank the pages of loaded documents and keep the best as evidence."""
    if not loaded:
        return
    run.loaded = [document.filename for document, _ in loaded]
    kept = {document.document_id for document, _ in loaded}
    query = prepare(run.selection, top_k=run.services.limits.max_passages)  # no vector: documents in memory have none
    run.terms = query.terms
    passages = run.services.offload(rank_documents, loaded, query)
    passages = [passage for passage in passages if passage.document_id in kept]
    if not run.services.model.small:
        spoken = len(run.question.query) + sum(len(turn.content) for turn in run.question.history)
        space = reading.room(run.services.model, run.services.limits.answer_tokens, spoken)
        passages = reading.whole_pages(passages, {document.document_id: analysed for document, analysed in loaded}, space)
    _gather(run, passages)
    run.pages = sum(len(analysed.pages) for _, analysed in loaded)


def _search(run: _Answering) -> None:
    """Search the index; while it holds nothing useful, or is down, the documents themselves are read."""
    run.steps.at("vector_search", 0.0, index=run.services.index.label)
    if not run.selection.documents:
        return
    try:
        query, notes = finding.search_query(run.selection, run.services, run.services.limits.max_passages, run.budget)
        run.terms = query.terms
        passages = run.services.index.search(query, run.budget)
        run.degraded += notes + finding.doubts(passages, run.services)
    except RetrievalUnavailable as error:
        log.warning("answering from the documents themselves: %s", error)
        run.degraded.append("The search index was not available; the documents were read instead.")
        passages = []
    if passages:
        _gather(run, passages)
        run.loaded = list(dict.fromkeys(item.source.filename for item in run.evidence))
        run.pages = _pages_of(run)
    else:
        _read_instead(run)
    run.steps.at("vector_search", 1.0, passages=len(run.evidence), documents=len(run.loaded))


def _pages_of(run: _Answering) -> int:
    """Return how many pages the documents of the evidence have, as far as the catalog knows."""
    names = set(run.loaded)
    return sum(document.pages or 0 for document in run.services.catalog.documents() if document.filename in names)


def _read_instead(run: _Answering) -> None:
    """Read the documents of the selection; ranking them is a part of the step's work as well."""
    documents = [item.document for item in run.selection.documents][: run.services.limits.max_documents]
    landed = _landed(run, documents, "vector_search", len(documents) / (len(documents) + 1))
    query = prepare(run.selection, top_k=run.services.limits.max_passages)
    run.terms = query.terms
    _gather(run, run.services.offload(rank_documents, landed, query))
    run.loaded = [document.filename for document, _ in landed]
    run.pages = sum(len(analysed.pages) for _, analysed in landed)


def _gather(run: _Answering, passages: Sequence[Passage]) -> None:
    """Keep passages as evidence, unless not one of them has a word of what was asked: a ranking always has a first."""
    if not any(run.terms.keys() & term_counts(passage.text).keys() for passage in passages):
        return
    for passage in passages:
        try:
            document = run.services.catalog.get(passage.document_id)
        except NotFound:
            continue  # it left the catalog since it was indexed
        found = finding.source(len(run.evidence) + 1, passage, document)
        run.evidence.append(Evidence(source=found, text=passage.text, page=passage.whole))


# ------------------------------------------------------------------------------------------------------------ answer


def _conclude(run: _Answering) -> Result:
    run.progress(Sources(sources=_sources(run)))
    if run.question.auto_load_documents and not run.evidence:
        said, usage, reason, model = _nothing_found(run), Usage(), "stop", ""
    else:
        said, usage, reason = _generate(run)
        model = run.services.model.label
    run.steps.at("finalizing")
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
        sources=_sources(run),
        citations=citations,
        usage=usage,
        timings_ms=timings,
        model=model,
        finish_reason=reason,
        degraded=run.degraded,
        run_id="",
    )


def _learn(run: _Answering) -> None:
    """Remember what the answer took; one that no model was asked for says nothing about the next."""
    if run.writing:
        taken = Taken(tokens=run.writing.tokens, token_ms=run.writing.token_ms, rest_ms=run.steps.rest_ms())
        run.services.expectations.learn(run.question.mode, run.services.model.label, taken)


def _generate(run: _Answering) -> tuple[str, Usage, str]:
    """Ask the model and pass on what it says; raise what the model raises."""
    model = run.services.model
    prompt, shown = prompts.build(run.question, run.evidence, model, run.services.limits.answer_tokens, run.terms)
    if model.small:
        run.degraded.append(
            f"Answered by the small built-in model {model.label}: trust the sources, not its wording. "
            "Set OPENAI_API_KEY or OPENAI_BASE_URL to use a larger one."
        )
    if not run.question.auto_load_documents:
        run.degraded.append("No documents were loaded for this answer, as the request asked.")
    _tell_what_is_read(run, shown)
    guard = _guard(run)
    said: list[str] = []
    if run.selection.unknown:
        notice = f"No company in the collection matches “{run.selection.unknown[0]}”."
        run.degraded.append(f"{notice} The answer rests on documents of others.")
        if model.small:
            _say(run, said, f"{notice} The closest pages say:\n")
    usage, reason, tokens = Usage(), "", 0
    run.writing, report_at = Writing(run.steps, run.forecast, _EXPECTED_TOKENS[model.small]), Writing.FIRST
    run.budget.prompt_chars += sum(len(turn["content"]) for turn in prompt.messages)
    deltas = model.stream(prompt, run.budget)
    del prompt
    for delta in deltas:
        tokens += delta.tokens
        usage, reason = delta.usage or usage, delta.finish_reason or reason
        text = guard.feed(delta.text) if guard else delta.text
        _say(run, said, text)
        if tokens >= report_at:
            report_at = run.writing.reached(tokens)
    run.writing.ended(tokens)
    if guard:
        _say(run, said, guard.end())
        _explain_replacements(run, guard)
    if not "".join(said).strip():
        _say(run, said, _best_quote(run))
    return "".join(said), usage, reason


def _tell_what_is_read(run: _Answering, shown: int) -> None:
    """Begin the model's step with how much it reads; what it does not read is named, so that nobody takes it for missing."""
    model, read = run.services.model, len({(item.source.document_id, item.source.page) for item in run.evidence[:shown]})
    run.steps.at("ai_generation", 0.0, model=model.label, passages=shown, pages_read=read, pages_total=run.pages)
    if run.pages > read > 0:
        some = "1 document" if len(run.loaded) == 1 else f"{len(run.loaded)} documents"
        run.degraded.append(
            f"{read} of the {run.pages} pages of {some} were given to the model: the ones that match "
            "the question best. What is not on them was not read."
        )


def _guard(run: _Answering) -> Guard | FigureGuard | None:
    if run.services.model.small:
        return Guard(run.question.query, run.terms, run.evidence)
    return FigureGuard(run.evidence, run.services.offload) if run.services.limits.guard_all else None


def _say(run: _Answering, said: list[str], text: str) -> None:
    if text:
        run.steps.mark("first_token")
        said.append(text)
        run.progress(Token(text=text))


def _explain_replacements(run: _Answering, guard: Guard | FigureGuard) -> None:
    if guard.replaced:
        some = "A sentence" if guard.replaced == 1 else f"{guard.replaced} sentences"
        instead = "gave way to the pages' own words" if guard.quotes else "was left out"
        run.degraded.append(f"{some} of the model had no support on the pages and {instead}.")


def _best_quote(run: _Answering) -> str:
    found = rank_units(run.question.query, run.terms, run.evidence)
    return found[0].quote() if found else "The model gave no answer. The sources are the pages that match the question best."


def _nothing_found(run: _Answering) -> str:
    """Say that no document matches; no model is asked, because it could only invent."""
    documents = run.services.catalog.documents()
    companies = sorted({document.company for document in documents if document.company})
    if not documents:
        text = "There are no documents in the collection yet, so this question cannot be answered."
    else:
        listed = ", ".join(companies[:12]) + (" and others" if len(companies) > 12 else "")
        text = f"No document in the collection matches this question. It holds {len(documents)} documents"
        text += f" of {listed}." if listed else "."
    _say(run, [], text)
    return text


def _sources(run: _Answering) -> list[Source]:
    return [item.source for item in run.evidence]


def remembered(question: Question, said: str, limits: Limits) -> list[Turn] | None:
    """Return the conversation with this turn added, its oldest turns dropped beyond the limits; None without memory."""
    if not question.memory_enabled:
        return None
    turns = [*question.history, Turn(role="user", content=question.query), Turn(role="assistant", content=said)]
    return bounded(turns, limits)


def bounded(turns: Sequence[Turn], limits: Limits) -> list[Turn]:
    """Return the last turns that fit the limits; the newest one always stays."""
    kept: list[Turn] = []
    size = 0
    for turn in reversed(turns[-limits.max_history_turns :]):
        size += len(turn.content)
        if kept and size > limits.max_history_chars:
            break
        kept.append(turn)
    return kept[::-1]


Pipeline = Callable[[Question, Services, ProgressCallback, Budget], Result]

PIPELINES: Mapping[str, Pipeline] = {"chat": chat, "fast_chat": fast_chat}
