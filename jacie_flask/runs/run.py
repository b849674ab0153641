"""The life of a run: started, reported on, cancelled, out of time, left alone; always ended by one terminal event."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from jacie_flask import concurrency, measures
from jacie_flask.errors import (
    Cancelled,
    DeadlineExceeded,
    Internal,
    JacieError,
    LLMContextExceeded,
    LLMUnavailable,
    Overloaded,
    ProducerLost,
    RateLimited,
    StateLost,
)
from jacie_flask.events import Event, Progress, ProgressCallback, Reset, Result, Source, Sources, Token
from jacie_flask.interfaces import Claim, Entry, Question, RunInfo, RunLog, SharedRunLog, Watch, unwatched
from jacie_flask.retries import Budget
from jacie_flask.runs import reader, sse
from jacie_flask.runs.account import Account
from jacie_flask.runs.allowance import Allowance
from jacie_flask.runs.readers import SENT_ON_S, Readers

log = logging.getLogger(__name__)

Pipeline = Callable[[Question, ProgressCallback, Budget], Result]
_OVERLOAD_RETRY_S = 2.0
_MAX_ATTEMPTS = 2
_CHARS_A_TOKEN = 4
_NOT_RESUMABLE = "The shared record of answers could not be reached: this answer can be read again from one server only."


class Runs:
    """The runs of this process, at most ``max_runs`` at once, each with ``deadline_s`` seconds, answered by its mode's pipeline.

    All that a run asks elsewhere may be asked again ``retries`` times together.

    ``watch`` ends the runs of those who may not ask any more. When the last reader of a run has left, it goes on for ``grace_s`` seconds, or ends at once when its question says so.
    """

    def __init__(
        self,
        runlog: SharedRunLog,
        pipelines: Mapping[str, Pipeline],
        *,
        max_runs: int,
        deadline_s: float,
        grace_s: float,
        retries: int = 6,
        allowance: Allowance | None = None,
        watch: Watch = unwatched,
        clock: Callable[[], float] = time.time,
        later: Callable[[float, Callable[[], object]], concurrency.Alarm] = concurrency.later,
    ) -> None:
        self.log = runlog
        self.readers = Readers(self._deserted, later)
        self.allowance = allowance or Allowance(runlog)
        self._pipelines = pipelines
        self._watch = watch
        self._max_runs = max_runs
        self._deadline_s = deadline_s
        self._grace_s = grace_s
        self._retries = retries
        self._clock = clock
        self._active: dict[str, Run] = {}

    @property
    def active(self) -> int:
        """How many runs this process works on."""
        return len(self._active)

    def start(self, run_id: str, question: Question, request_id: str, claim: Claim | None = None, caller: str = "") -> str:
        """Work on a new run beside the caller, unless its claim stands for another; return the id of the one to read.

        Raise Overloaded when there are too many, RateLimited when there are too many of this caller or its tokens are used up,
        Conflict when the claim was made with another body.
        """
        try:
            self._admit(caller)
        except (Overloaded, RateLimited):
            reading = self.log.claimed(claim) if claim else ""
            if reading:
                return reading
            raise
        now = self._clock()
        info = RunInfo(
            run_id=run_id,
            request_id=request_id,
            mode=question.mode,
            created_at=now,
            updated_at=now,
            question=question,
            caller=caller,
        )
        reading = ""
        try:
            reading = self.log.create(info, claim)
        finally:
            if reading != run_id:
                self.allowance.leave(caller)
        if reading == run_id:
            self._begin(info, question, self._deadline_s)
        return reading

    def _admit(self, caller: str) -> None:
        if len(self._active) >= self._max_runs:
            raise Overloaded(f"{len(self._active)} runs are active", retry_after_s=_OVERLOAD_RETRY_S)
        self.allowance.check_tokens(caller)
        self.allowance.enter(caller)

    def _begin(self, info: RunInfo, question: Question, left_s: float, after: reader.Position = (1, 0)) -> None:
        run_id, request_id = info.run_id, info.request_id
        run = Run(run_id, question, self.log, request_id, Budget(self._retries, left_s), after=after)
        run.caller = info.caller
        pipeline = self._pipelines[question.mode]
        self._active[run_id] = run
        measures.level("runs_active", len(self._active))
        run.unwatch = self._watch(info.caller, question.tenant, run.end)
        run.alarm = concurrency.later(left_s, lambda: run.end(DeadlineExceeded()))
        run.task = concurrency.spawn(lambda: self._work(run, pipeline), f"run {run_id}")

    def cancel(self, run_id: str) -> None:
        """Stop a run; idempotent; raise NotFound."""
        self.log.cancel(run_id)
        measures.count("cancels")
        self.stop(run_id, Cancelled())

    def stop(self, run_id: str, reason: JacieError) -> None:
        """End a run of this process for a reason; unknown ones are fine."""
        run = self._active.get(run_id)
        if run:
            run.end(reason)

    def reader_came(self, run_id: str) -> None:
        """Note that somebody reads the run."""
        self.readers.came(run_id)

    def reader_left(self, run_id: str) -> None:
        """Note that a reader is gone; the last one's leaving starts the grace, or ends the run."""
        run = self._active.get(run_id)
        grace_s = 0.0 if run and run.question.on_disconnect == "cancel" else self._grace_s
        self.readers.left(run_id, grace_s if run or self._goes_on(run_id) else None)

    def reader_sent_on(self, run_id: str) -> None:
        """Note that a reader was told to come back to another worker: it did not leave of its own will, so it has time for it."""
        goes_on = run_id in self._active or self._goes_on(run_id)
        self.readers.left(run_id, max(self._grace_s, SENT_ON_S) if goes_on else None)

    def polled(self, run_id: str) -> None:
        """Note that somebody asked how the run is: a run that is watched this way is not left alone."""
        self.readers.polled(run_id, self._grace_s)

    def _goes_on(self, run_id: str) -> bool:
        """Say whether a run that is read here has no end yet: another worker's may become this one's."""
        try:
            return not self.log.info(run_id).finished
        except JacieError:
            return False

    def _deserted(self, run_id: str) -> None:
        self.stop(run_id, Cancelled("nobody reads it any more"))

    def orphaned(self, info: RunInfo, entries: Sequence[Entry]) -> None:
        """Begin a run again whose worker died before its first token, else end it as lost; with what its log holds."""
        log.warning("run %s lost its worker after %d events", info.run_id, len(entries))
        attempt, offset = (entries[-1].attempt, entries[-1].offset) if entries else (0, 0)
        question = info.question
        left_s = self._left_s(info)
        place = (max(1, attempt) + 1, offset + 1)
        if question and left_s > 0 and self._may_restart(info, entries, place[0]):
            if self._adopt(info, Reset(attempt=place[0]), place):
                self.allowance.enter(info.caller, bounded=False)
                self._begin(info, question, left_s, after=place)
        else:
            reason = Cancelled() if info.cancel_requested else ProducerLost(f"its worker died at {attempt}.{offset}")
            if self._adopt(info, reader.lost(reason, info, entries), place):
                measures.count("errors", where="run", code=reason.code)

    def _may_restart(self, info: RunInfo, entries: Sequence[Entry], attempt: int) -> bool:
        """Say whether nobody would hear a word twice, and a question that kills its workers has not had its chances."""
        begun = any(item.name == Token.name for item in entries) or info.cancel_requested
        return not begun and attempt <= _MAX_ATTEMPTS and len(self._active) < self._max_runs

    def _left_s(self, info: RunInfo) -> float:
        """Return the seconds that another worker's run has left; workers share no other clock than the wall's, which may step."""
        passed_s = self._clock() - info.created_at
        return self._deadline_s - max(0.0, passed_s)

    def _adopt(self, info: RunInfo, event: Event, place: reader.Position) -> bool:
        return self.log.adopt(info, sse.entry(event, *place))

    def _work(self, run: "Run", pipeline: Pipeline) -> None:
        try:
            run.work(pipeline)
        finally:
            try:
                self._settle(run)
            finally:  # last: where none is active all are paid for, and nothing of them is written any more
                if self._active.get(run.run_id) is run:  # another attempt may have begun here
                    del self._active[run.run_id]
                measures.level("runs_active", len(self._active))

    def _settle(self, run: "Run") -> None:
        run.unwatch()
        if run.alarm:
            run.alarm.cancel()
        self.readers.ended(run.run_id)
        self.allowance.spend(run.caller, run.tokens)
        self.allowance.leave(run.caller)


class Run:
    """One run in this process: the progress callback, and the reason why it has to stop, once there is one."""

    def __init__(
        self,
        run_id: str,
        question: Question,
        runlog: RunLog,
        request_id: str,
        budget: Budget,
        *,
        after: reader.Position,
    ) -> None:
        self.run_id = run_id
        self.question = question
        self.caller = ""
        self.tokens = 0
        self.task: concurrency.Task | None = None
        self.alarm: concurrency.Alarm | None = None
        self.unwatch: Callable[[], None] = lambda: None
        self._log = runlog
        self._request_id = request_id
        self._budget = budget
        self._stop: JacieError | None = None
        self._interruptible = False
        self._finished = False
        self._attempt, self._offset = after
        self._step = ""
        self._text: list[str] = []
        self._sources: list[Source] = []
        self._account = Account(run_id, question, request_id)

    def report(self, event: Event) -> None:
        """Record an event, encoded once for all readers; raise what the run has to end with."""
        if self._stop is None and self._budget.left_s < 0:
            self._stop = DeadlineExceeded()
        if self._finished:
            raise Cancelled("the run has ended")
        self._stop_here()
        if isinstance(event, Reset):
            event = self._restarted()
        self._record(self._entry(event))
        if isinstance(event, Token):
            if not self._text:
                self._account.first_token()
            self._text.append(event.text)
        elif isinstance(event, Progress):
            if event.step != self._step:
                self._account.step(event.step)
            self._step = event.step
            concurrency.queue()
        elif isinstance(event, Sources):
            self._sources = event.sources
        self._stop_here()

    def _restarted(self) -> Reset:
        """Begin a new attempt within the run: the answer so far is void."""
        self._attempt = max(self._attempt, 1) + 1
        self._text.clear()
        return Reset(attempt=self._attempt)

    def _stop_here(self) -> None:
        """Raise the reason to stop, if there is one; from here on the run unwinds by itself and no kill may cut into that."""
        if self._stop is not None:
            self._interruptible = False
            raise self._stop

    def end(self, reason: JacieError) -> None:
        """Stop the run for ``reason`` wherever it is; the first reason wins, and a finished run stays as it is."""
        if self._finished or self._stop is not None:
            return
        self._stop = reason
        self._budget.end(reason)
        if self.task and self._interruptible:
            self.task.kill(unless=lambda: not self._interruptible)

    def work(self, pipeline: Pipeline) -> None:
        """Run the pipeline to its one terminal event."""
        self._account.enter()
        event, ending = self._ending(pipeline)
        self.tokens += self._budget.aside_chars // _CHARS_A_TOKEN
        self._finished = True
        self._budget.end(Cancelled("the run has ended"))  # what loads for it beside it stops asking
        self._account.ended(event)
        if self._stop is not None:  # it was raised where the pipeline was: its frames hold the model's stream open
            self._stop.__traceback__ = None
        try:
            self._append(ending)
        except StateLost as error:  # its readers have been told
            log.warning("the end of the run is not recorded: %s", error)

    def _ending(self, pipeline: Pipeline) -> tuple[Event, Entry]:
        """Return the one event that ends the run, and as it is recorded."""
        event: Event
        try:
            event = self._answer(pipeline)
            return event, self._entry(event)
        except JacieError as error:
            event = self._failure(error)
        except Exception as error:  # a defect of any kind ends this run and no other: logged whole, its readers get `internal`
            log.exception("the run failed")
            event = self._failure(Internal(repr(error)))
        except BaseException:  # noqa: BLE001  # a kill: its reason was noted before it was sent, and becomes the run's end
            event = self._failure(self._stop or Internal("killed"))
        return event, self._entry(event)

    def _answer(self, pipeline: Pipeline) -> Result:
        """Run the pipeline where it may be killed: a kill before or after would leave the run without an end."""
        self._interruptible = True
        try:
            if self._stop is not None:
                raise self._stop
            result = pipeline(self.question, self.report, self._budget)
            if self._stop is not None:
                raise self._stop
            counted = result.usage.total_tokens or result.usage.prompt_tokens + result.usage.completion_tokens
            self.tokens = counted or (self._estimated() if self._budget.prompt_chars else 0)
            degraded = result.degraded if self._log.info(self.run_id).resumable else [*result.degraded, _NOT_RESUMABLE]
            return msgspec.structs.replace(result, run_id=self.run_id, degraded=degraded)
        finally:
            self._interruptible = False

    def _record(self, item: Entry) -> None:
        """Append an entry as a whole: a kill in the middle would leave the log and the offset apart."""
        self._interruptible = False
        try:
            self._append(item)
        finally:
            self._interruptible = True

    def _failure(self, error: JacieError) -> Event:
        refused = isinstance(error, LLMUnavailable | LLMContextExceeded) and not self._text  # nobody read the prompt
        self.tokens = self.tokens or (0 if refused else self._estimated())
        log.log(
            logging.INFO if isinstance(error, Cancelled) else logging.WARNING,
            "the run ended with %s: %s", error.code, error,
        )  # fmt: skip
        return reader.failure(
            error,
            run_id=self.run_id,
            request_id=self._request_id,
            step=self._step,
            partial_response="".join(self._text),
            sources=self._sources,
        )

    def _estimated(self) -> int:
        """Return about how many tokens were read and written, where no model's server has counted them."""
        return (self._budget.prompt_chars + sum(map(len, self._text))) // _CHARS_A_TOKEN

    def _entry(self, event: Event) -> Entry:
        return sse.entry(event, self._attempt, self._offset + 1)

    def _append(self, item: Entry) -> None:
        self._log.append(self.run_id, (item,))
        self._offset += 1
