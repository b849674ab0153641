"""One question while it is answered: what its steps need, and what they have gathered for it by now."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jacie_flask.answer.exact.draft import Draft
from jacie_flask.answer.model.progress import Writing
from jacie_flask.answer.steps import Steps, Table
from jacie_flask.events import ProgressCallback, Reset, Source, Token
from jacie_flask.evidence.citations import Evidence
from jacie_flask.evidence.selection import Selection
from jacie_flask.interfaces import DocumentTables, Forecast, Question, Services
from jacie_flask.question.plan import Plan
from jacie_flask.retries import Budget


@dataclass
class Answering:
    """What a run has gathered by now.

    ``loaded`` are the names of the documents that were read, ``pages`` how many pages they have, ``terms`` the weighted terms
    of the query, ``degraded`` sentences on what the answer had to do without, ``said`` the pieces of the answer. ``tables`` are those of the documents that were loaded, ``plan`` is what the
    question means, ``draft`` its exact answer, ``declined`` why there is none. ``reply`` answers an everyday question. ``basis`` is set where what answers is not the model.
    ``doubts`` are sentences on pages that may not hold the answer: they join ``degraded`` unless the answer was computed.
    """

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
    doubts: list[str] = field(default_factory=list)
    terms: Mapping[int, float] = field(default_factory=dict)
    pages: int = 0
    said: list[str] = field(default_factory=list)
    writing: Writing | None = None
    tables: dict[str, DocumentTables] = field(default_factory=dict)
    plan: Plan | None = None
    draft: Draft | None = None
    declined: str = ""
    reply: str = ""
    basis: str = ""

    @property
    def sources(self) -> list[Source]:
        """The sources of the evidence, in their order."""
        return [item.source for item in self.evidence]

    def say(self, text: str) -> None:
        """Give out the next piece of the answer, if there is anything in it."""
        if text:
            self.steps.mark("first_token")
            self.said.append(text)
            self.progress(Token(text=text))

    def restart(self) -> None:
        """Void what was given out of the answer."""
        if self.said:
            self.said.clear()
            self.progress(Reset(attempt=0))


def begin(question: Question, services: Services, progress: ProgressCallback, budget: Budget | None, table: Table) -> Answering:
    """Open the run of a question and report its start."""
    budget = budget or Budget(services.limits.retries, services.limits.deadline_s)
    forecast = services.expectations.of(question.mode, services.model.label)
    steps = Steps(table, progress, store=services.documents.label, forecast=forecast)
    steps.at("start", mode=question.mode)
    return Answering(question, services, progress, budget, forecast, steps)
