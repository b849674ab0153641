"""What is told of one run while it goes, to the measures, the trace and the log; nothing for each token."""

import time
from collections.abc import Callable

from jacie_flask import logs, measures, tracing
from jacie_flask.events import Event, Failure, Result
from jacie_flask.interfaces import Question


class Account:
    """The moments of one run; begins when it is made, where the request is at hand."""

    def __init__(self, run_id: str, question: Question, request_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._ids = {"run_id": run_id, "request_id": request_id, "tenant": question.tenant}
        self._mode = question.mode
        self._clock = clock
        self._began = clock()
        self._step = ""
        self._step_began = self._began
        self._step_span = tracing.NOTHING
        self._span = tracing.begin(f"run {question.mode}")
        self._span.set(mode=question.mode, **self._ids)
        measures.count("runs_started", mode=question.mode)

    def enter(self) -> None:
        """Tie log lines and spans of the run's own greenlet to it."""
        logs.about(**self._ids)
        tracing.enter(self._span)

    def step(self, step: str) -> None:
        """Note that another step begins."""
        now = self._clock()
        if not self._step:
            measures.observe("time_to_first_event_seconds", now - self._began, mode=self._mode)
        self._end_step(now)
        self._step, self._step_began = step, now
        logs.also(step=step)
        tracing.enter(self._span)  # a step stands below the run, not below the step before
        self._step_span = tracing.begin(step)
        tracing.enter(self._step_span)

    def first_token(self) -> None:
        """Note the answer's first words."""
        measures.observe("time_to_first_token_seconds", self._clock() - self._began, mode=self._mode)

    def ended(self, ending: Event) -> None:
        """Note how the run ended."""
        now = self._clock()
        code = ending.code if isinstance(ending, Failure) else ""
        self._end_step(now, code)
        measures.observe("run_duration_seconds", now - self._began, mode=self._mode)
        measures.count("runs_ended", mode=self._mode, code=code or "succeeded")
        if code:
            measures.count("errors", where="run", code=code)
        if isinstance(ending, Result):
            measures.count("tokens", ending.usage.prompt_tokens, kind="prompt")
            measures.count("tokens", ending.usage.completion_tokens, kind="completion")
        self._span.end(code)

    def _end_step(self, now: float, code: str = "") -> None:
        if self._step:
            measures.observe("step_duration_seconds", now - self._step_began, mode=self._mode, step=self._step)
            self._step_span.end(code)
