"""The model's part of an answer: what it is given, its words as they come, and what stands in for them where need be."""

from collections.abc import Sequence

from jacie_flask.answer.model_answer import ModelAnswer
from jacie_flask.chat import comparing, prompts
from jacie_flask.chat.answering import Answering
from jacie_flask.chat.guard import FigureGuard, Guard
from jacie_flask.chat.query import cleaned
from jacie_flask.chat.telling import best_units
from jacie_flask.chat.writing import Reasoning, Writing
from jacie_flask.events import Usage
from jacie_flask.text.languages import in_english, language

_NO_LINE = "The pages found hold no line that speaks of this."
_EXPECTED_TOKENS = {True: 60, False: 250}


def generate(run: Answering) -> tuple[Usage, str]:
    """Ask the model, pass on what it says and return (usage, finish reason); raise what the model raises.

    A small model is not asked to compare companies: their own lines are the answer.
    """
    model = run.services.model
    prompt, shown = prompts.build(run.question, run.evidence, model, run.services.limits.answer_tokens, run.terms)
    side_by_side = _side_by_side(run) if model.small else ""
    if not side_by_side:
        _tell_who_answers(run)
    _tell_of_the_question(run)
    _tell_what_is_read(run, len(run.evidence) if model.small else shown, passages=shown)
    _tell_who_is_unknown(run)
    if side_by_side:
        run.say(side_by_side)
        return Usage(), "stop"
    guard = _guard(run)
    run.budget.prompt_chars += sum(len(turn["content"]) for turn in prompt.messages)
    deltas = model.stream(prompt, run.budget)
    del prompt  # as long as the model answers, so long this frame would keep what it was asked
    answer = ModelAnswer(deltas, prompts.headers(run.evidence))
    guard = _pass_on(run, answer, guard)
    if fault := answer.fault():
        _replace(run, fault)
        return answer.usage, "stop"
    if guard:
        run.say(guard.end())
        _tell_what_was_replaced(run, guard)
    if not "".join(run.said).strip():
        run.writing = None  # what follows is not the model's
        run.say(_best_quote(run))
    run.degraded += answer.notes()
    return answer.usage, answer.finish_reason


def _pass_on(run: Answering, answer: ModelAnswer, guard: Guard | FigureGuard | None) -> Guard | FigureGuard | None:
    """Say the model's words as they come, and report how far it is; return the guard over them."""
    tokens = 0
    run.writing = Writing(run.steps, run.forecast, _EXPECTED_TOKENS[run.services.model.small])
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
    run.degraded.append(f"{fault}; what the pages say is shown instead." if run.evidence else f"{fault}.")
    run.say(_best_quote(run))


def _guard(run: Answering) -> Guard | FigureGuard | None:
    if run.services.model.small:
        return Guard(in_english(run.question.query), run.terms, run.evidence)
    return FigureGuard(run.evidence, run.services.offload) if run.services.limits.guard_all else None


def _side_by_side(run: Answering) -> str:
    """Return the line of each company that is asked for, and tell which of them have none: a small model compares nothing."""
    if not comparing.compares(run.selection):
        return ""
    named = run.selection.companies if len(run.selection.names) > 1 else ()
    each = comparing.lines_of_each(in_english(run.question.query), run.terms, run.evidence, named)
    _tell_who_is_compared(run, named, [company for company, unit in each.items() if unit])
    return "".join(unit.quote(named=True) + "\n" for unit in each.values() if unit)


def _best_quote(run: Answering) -> str:
    if not run.evidence:
        return "The model gave no answer."
    found = best_units(in_english(run.question.query), run.terms, run.evidence)
    return found[0].quote() if found else _NO_LINE


# --------------------------------------------------------------------------------------- what the reader has to know


def _tell_who_answers(run: Answering) -> None:
    model = run.services.model
    if model.small:
        run.degraded.append(
            f"Answered by the small built-in model {model.label}: trust the sources, not its wording. "
            "Set OPENAI_API_KEY or OPENAI_BASE_URL to use a larger one."
        )


def _tell_of_the_question(run: Answering) -> None:
    foreign = language(cleaned(run.question.query, run.selection.names)) if run.services.model.small else ""
    if foreign:
        run.degraded.append(
            f"The question seems to be in {foreign}, and the built-in parts read English: a larger model and multilingual "
            "embeddings are needed to answer it well."
        )
    if not run.question.auto_load_documents:
        run.degraded.append("No documents were loaded for this answer, as the request asked.")


def _tell_what_is_read(run: Answering, read_to: int, passages: int) -> None:
    """Begin the model's step with how much is read; what is not is named, so that nobody takes it for missing.

    ``passages`` are the model's; what a small one says is held against the first ``read_to`` sources, which are quoted too.
    """
    model, read = run.services.model, len({(item.source.document_id, item.source.page) for item in run.evidence[:read_to]})
    run.steps.at("ai_generation", 0.0, model=model.label, passages=passages, pages_read=read, pages_total=run.pages)
    if run.pages > read > 0:
        some = "1 document" if len(run.loaded) == 1 else f"{len(run.loaded)} documents"
        run.degraded.append(
            f"{read} of the {run.pages} pages of {some} were read for this answer: the ones that match "
            "the question best. What is not on them was not read."
        )


def _tell_who_is_unknown(run: Answering) -> None:
    """Name the company that is not here; where the small model answers, before its first word."""
    if not run.selection.unknown:
        return
    notice = f"No company in the collection matches “{run.selection.unknown[0]}”."
    run.degraded.append(f"{notice} The answer rests on documents of others.")
    if run.services.model.small:
        run.say(f"{notice} The closest pages say:\n")


def _tell_who_is_compared(run: Answering, named: Sequence[str], found: Sequence[str]) -> None:
    """Say that lines stand side by side instead of a comparison, and whose are missing."""
    if found:
        run.degraded.append("The companies' own lines stand side by side: the small model does not compare them.")
    missing = [company for company in named if company not in found]
    if missing:
        run.degraded.append(f"No line that speaks of this was found for {', '.join(missing)}.")
    held = {document.company for document in run.services.catalog.documents() if document.company}
    if found and not named and len(held) > len(found):
        run.degraded.append(f"Only {len(found)} of the {len(held)} companies were compared: those whose pages match best.")


def _tell_what_was_replaced(run: Answering, guard: Guard | FigureGuard) -> None:
    if guard.replaced:
        some = "A sentence" if guard.replaced == 1 else f"{guard.replaced} sentences"
        left_out = "was left out" if guard.replaced == 1 else "were left out"
        instead = "gave way to the pages' own words" if guard.quotes else left_out
        run.degraded.append(f"{some} of the model had no support on the pages and {instead}.")
