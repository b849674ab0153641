"""The two pipelines: chat reads whole documents, fast_chat searches the index."""

from collections.abc import Callable, Mapping

from jacie_flask.answer.conclusion import conclude
from jacie_flask.answer.context import begin
from jacie_flask.answer.evidence_step import load, read, search, select_to_read, select_to_search
from jacie_flask.answer.exact_step import compute, is_everyday, plan
from jacie_flask.answer.steps import CHAT, FAST_CHAT
from jacie_flask.events import ProgressCallback, Result
from jacie_flask.interfaces import Question, Services
from jacie_flask.retries import Budget


def chat(question: Question, services: Services, progress: ProgressCallback, budget: Budget | None = None) -> Result:
    """Answer thoroughly: select documents, load them from their store, read them, compute the plan or ask the model."""
    run = begin(question, services, progress, budget, CHAT)
    if is_everyday(run):
        return conclude(run)
    if question.auto_load_documents:
        select_to_read(run)
        plan(run)
        read(run, load(run))
        compute(run)
    return conclude(run)


def fast_chat(question: Question, services: Services, progress: ProgressCallback, budget: Budget | None = None) -> Result:
    """Answer fast: prepare the query, select documents, search the index, compute the plan or ask the model."""
    run = begin(question, services, progress, budget, FAST_CHAT)
    run.steps.at("query_prep")
    if is_everyday(run):
        return conclude(run)
    if question.auto_load_documents:
        select_to_search(run)
        plan(run)
        search(run)
        compute(run)
    return conclude(run)


Pipeline = Callable[[Question, Services, ProgressCallback, Budget], Result]

PIPELINES: Mapping[str, Pipeline] = {"chat": chat, "fast_chat": fast_chat}
