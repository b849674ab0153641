"""The words of an answer: the model's as they come, or the pages' own where no model is configured or it says nothing."""

import logging
from typing import Any

from jacie_flask.answer.context import Answering
from jacie_flask.answer.model import prompts
from jacie_flask.answer.model.guard import NOT_VERIFIED, FigureGuard
from jacie_flask.answer.model.model_answer import ModelAnswer
from jacie_flask.answer.model.progress import Reasoning, Writing
from jacie_flask.answer.plain_answers import answer_plainly, plain_answer
from jacie_flask.errors import ContentFiltered, LLMContextExceeded, LLMIncomplete, LLMTimeout, LLMUnavailable
from jacie_flask.events import Usage
from jacie_flask.evidence.query import cleaned
from jacie_flask.text.languages import language

log = logging.getLogger(__name__)

_FAILURES = (ContentFiltered, LLMContextExceeded, LLMIncomplete, LLMTimeout, LLMUnavailable)

_EXPECTED_TOKENS = 250


def generate(run: Answering) -> tuple[Usage, str, str]:
    """Answer from the evidence; return (usage, finish reason, what the answer rests on).

    Where no model is configured, or it is for words alone and the answer was computed, none is asked. One that fails before its first word
    gives way to the answer without it; raise what it raises where there is no such answer.
    """
    _note_question(run)
    exact = run.draft is not None and run.services.limits.model_for_words
    if run.services.model.absent or exact:
        _note_reading(run, 0 if run.draft else len(run.evidence), passages=0)
        return Usage(), "stop", answer_plainly(run)
    try:
        usage, reason = _write(run)
    except _FAILURES as error:
        if run.said or plain_answer(run).basis == "none":
            raise
        log.warning("the answer was given without the model: %s", error)
        _replace(run, error.public.rstrip("."))
        usage, reason = Usage(), "stop"
    return usage, reason, run.basis or "generated"


def _write(run: Answering) -> tuple[Usage, str]:
    """Ask the model and pass on what it writes; where that is no answer, say what there is without it."""
    model, computed = run.services.model, run.draft.text if run.draft else ""
    prompt, shown = prompts.build(run.question, run.evidence, model, run.services.limits.answer_tokens, computed)
    _note_reading(run, shown, passages=shown)
    _note_unknown_company(run)
    run.budget.prompt_chars += sum(len(turn["content"]) for turn in prompt.messages)
    deltas = model.stream(prompt, run.budget)
    del prompt  # as long as the model answers, so long this frame would keep what it was asked
    answer = ModelAnswer(deltas, prompts.headers(run.evidence))
    guard = _pass_on(run, answer)
    if fault := answer.fault():
        _replace(run, fault)
        return answer.usage, "stop"
    if guard:
        run.say(guard.end())
        _note_checked(run, guard)
    if not "".join(run.said).strip():
        _replace(run, "No sentence of the language model had support on the pages")
    run.degraded += answer.notes()
    return answer.usage, answer.finish_reason


def _guard(run: Answering) -> FigureGuard | None:
    return FigureGuard(run.evidence, run.services.offload, run.question.query) if run.services.limits.guard else None


def _pass_on(run: Answering, answer: ModelAnswer) -> FigureGuard | None:
    """Say the model's words as they come, and report how far it is; return the guard over them."""
    tokens, guard = 0, _guard(run)
    run.writing = Writing(run.steps, run.forecast, _EXPECTED_TOKENS)
    reasoning = Reasoning(run.steps)
    report_at = Writing.FIRST
    for delta in answer.pieces():
        if delta.void:
            run.restart()
            guard = _guard(run)
        if delta.reasoning:
            reasoning.add(delta.reasoning)
        if delta.text:
            reasoning.ended()
        tokens += delta.tokens
        run.say(guard.feed(delta.text) if guard else delta.text)
        if tokens >= report_at:
            report_at = run.writing.reached(tokens)
    reasoning.ended()
    run.writing.ended(tokens)
    return guard


def _replace(run: Answering, fault: str) -> None:
    """Answer in the model's place, which gets no credit for it."""
    run.writing = None
    run.restart()
    instead = "the computed answer" if run.draft else "what the pages say"
    run.degraded.append(f"{fault}; {instead} is shown instead." if run.evidence else f"{fault}.")
    run.basis = answer_plainly(run)


# --------------------------------------------------------------------------------------- what the reader has to know


def _note_question(run: Answering) -> None:
    foreign = language(cleaned(run.question.query, run.selection.names)) if run.services.model.absent else ""
    if foreign:
        run.degraded.append(
            f"The question seems to be in {foreign}; without a language model, pages are searched and quoted in their own language."
        )
    if not run.question.auto_load_documents:
        run.degraded.append("No documents were loaded for this answer, as the request asked.")


def _note_reading(run: Answering, read_to: int, passages: int) -> None:
    """Begin the answer's step with how much is read; what is not is named, so that nobody takes it for missing.

    ``passages`` are those that the model is given; the pages read are those of the first ``read_to`` sources.
    """
    model, read = run.services.model, len({(item.source.document_id, item.source.page) for item in run.evidence[:read_to]})
    total: dict[str, Any] = (
        {"pages_total": run.pages} if run.pages or not read else {}
    )  # not known where the index was filled elsewhere
    run.steps.at("ai_generation", 0.0, model=model.label, passages=passages, pages_read=read, **total)
    if run.pages > read > 0:
        some = "1 document" if len(run.loaded) == 1 else f"{len(run.loaded)} documents"
        run.degraded.append(
            f"{read} of the {run.pages} pages of {some} were read for this answer: the ones that match "
            "the question best. What is not on them was not read."
        )


def _note_unknown_company(run: Answering) -> None:
    """Name the company that is not here."""
    if not run.selection.unknown:
        return
    notice = f"No company in the collection matches “{run.selection.unknown[0]}”."
    run.degraded.append(f"{notice} The answer rests on documents of others.")


def _note_checked(run: Answering, guard: FigureGuard) -> None:
    """Say how many of the model's sentences were marked or replaced."""
    if guard.marked:
        some = "A sentence" if guard.marked == 1 else f"{guard.marked} sentences"
        run.degraded.append(f"{some} of the model could not be verified on the pages: marked “{NOT_VERIFIED}”.")
    if guard.replaced:
        some = "A sentence" if guard.replaced == 1 else f"{guard.replaced} sentences"
        run.degraded.append(f"{some} of the model contradicted the pages and gave way to what they state.")
