"""The one reader of the log: live, resumed and finished runs, with heartbeats in between."""

import contextlib
from collections.abc import Generator, Iterator, Sequence

import msgspec

from jacie_flask import concurrency
from jacie_flask.errors import JacieError, NotFound, Overloaded, ProducerLost, StateLost, Unauthorized
from jacie_flask.events import Failure, Progress, Reset, Result, Sources, Token
from jacie_flask.interfaces import Entry, RunInfo, RunLog
from jacie_flask.runs import sse

Position = tuple[int, int]
START: Position = (0, 0)


class Moved(Exception):
    """Thrown into a stream whose reader should come back after ``retry_ms``, to a server that is not about to stop."""

    def __init__(self, retry_ms: int) -> None:
        super().__init__(retry_ms)
        self.retry_ms = retry_ms


def follow(log: RunLog, run_id: str, after: Position, heartbeat_s: float) -> Iterator[list[Entry]]:
    """Yield what the log holds after ``after``, be it nothing, and then what comes, as much as is ready at once; [] is a heartbeat.

    Ends after the terminal entry. Raises NotFound or StateLost.
    """
    wait_s = 0.0
    while True:
        entries = log.read(run_id, after, wait_s)
        if entries:
            after = (entries[-1].attempt, entries[-1].offset)
        elif log.info(run_id).finished and not log.read(run_id, after, 0.0):
            return
        yield entries
        if entries and entries[-1].terminal:
            return
        wait_s = heartbeat_s


def stream(log: RunLog, run_id: str, after: Position, heartbeat_s: float, request_id: str) -> Generator[bytes, None, None]:
    """Yield a run as SSE bytes, the preamble first; a lost log ends it with an ``error`` frame, never in silence.

    The first frame carries the retry time.

    Moved, ProducerLost or Unauthorized can be thrown into it once it has begun: they end it with their frame, unless its end was sent.
    """
    piece, retry = sse.PREAMBLE, sse.RETRY
    concurrency.breathe()  # a run that was just started says so: its first words leave with the preamble
    try:
        for entries in follow(log, run_id, after, heartbeat_s):
            if entries:
                after = (entries[-1].attempt, entries[-1].offset)
                piece, retry = piece + retry + sse.frames(entries), b""
            ready, piece = piece, b""  # before: what is thrown in comes when this has been sent
            try:
                yield ready or sse.HEARTBEAT
            except (Moved, ProducerLost, Unauthorized):
                if entries and entries[-1].terminal:
                    return
                raise
    except Moved as moved:
        yield piece + sse.reconnect(moved.retry_ms)
    except Overloaded:  # the record cannot be read from here for now
        yield piece + sse.reconnect(sse.RETRY_MS)
    except (NotFound, StateLost, ProducerLost, Unauthorized) as error:
        lost = StateLost(str(error)) if isinstance(error, NotFound) else error
        yield piece + retry + sse.frame(sse.entry(failure(lost, run_id=run_id, request_id=request_id), after[0], after[1] + 1))


def ending(pieces: Generator[bytes, None, None], reason: BaseException) -> Iterator[bytes]:
    """Yield what a stream says of the reason for which it has to end: nothing where its end has just been sent."""
    with contextlib.suppress(StopIteration):
        yield pieces.throw(reason)


def wait(log: RunLog, run_id: str) -> Result | Failure:
    """Return how a run ended, when it has; raise NotFound, StateLost, or Overloaded when it cannot be read any more."""
    while True:
        try:
            for entries in follow(log, run_id, START, 30.0):
                if entries and entries[-1].terminal:
                    return _terminal(entries[-1])
        except Moved:  # to another worker: its record can be read from here as well, unless Redis is gone
            continue
        raise StateLost(f"run {run_id} ended without a terminal event")


class Folded(msgspec.Struct, frozen=True, kw_only=True):
    """A run at one moment, for polling (PROTOCOL: GET /runs/<id>)."""

    run_id: str
    status: str
    latest_progress: float
    progress: list[Progress]
    result: Result | None
    error: Failure | None
    created_at: float
    updated_at: float


class _State(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of Folded, whose parts are JSON already."""

    run_id: str
    status: str
    latest_progress: float
    progress: list[msgspec.Raw]
    result: msgspec.Raw | None
    error: msgspec.Raw | None
    created_at: float
    updated_at: float


class _Code(msgspec.Struct, frozen=True):
    """What of a failure decides on the state of its run."""

    code: str


class _Percent(msgspec.Struct, frozen=True):
    """What of a progress is asked for apart."""

    progress: float


def state(log: RunLog, run_id: str) -> bytes:
    """Return a run as the JSON of Folded; raise NotFound or StateLost.

    The events are put in as they are recorded: a long answer is neither decoded nor encoded, which would hold up every other stream.
    """
    info = log.info(run_id)
    entries = log.read(run_id, START, 0.0)
    end = entries[-1] if entries and entries[-1].terminal else None
    progress = [item.data for item in entries if item.name == Progress.name]
    with _readable():
        return msgspec.json.encode(
            _State(
                run_id=run_id,
                status=_status(entries),
                latest_progress=msgspec.json.decode(progress[-1], type=_Percent).progress if progress else 0.0,
                progress=[msgspec.Raw(data) for data in progress],
                result=msgspec.Raw(end.data) if end and end.name == Result.name else None,
                error=msgspec.Raw(end.data) if end and end.name != Result.name else None,
                created_at=info.created_at,
                updated_at=info.updated_at,
            )
        )


def status(log: RunLog, run_id: str) -> str:
    """Return the status of a run (PROTOCOL: GET /runs/<id>); raise NotFound or StateLost."""
    log.info(run_id)
    with _readable():
        return _status(log.read(run_id, START, 0.0))


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """Raise StateLost for a recorded event that is not JSON of its kind."""
    try:
        yield
    except msgspec.DecodeError as error:
        raise StateLost(f"an event of the run cannot be read: {error}") from error


def failure(
    error: JacieError, *, run_id: str, request_id: str, step: str = "", partial_response: str = "", sources: object = ()
) -> Failure:
    """Return the terminal event of an error: its public sentence, never its detail."""
    return Failure(
        error=error.public,
        code=error.code,
        retryable=error.retryable,
        retry_after_s=error.retry_after_s,
        step=step,
        partial_response=partial_response,
        request_id=request_id,
        run_id=run_id,
        sources=list(sources),  # type: ignore[call-overload]  # a sequence of Source
    )


def lost(error: JacieError, info: RunInfo, entries: Sequence[Entry]) -> Failure:
    """Return the terminal event of a run whose worker died, with what its log holds of the answer."""
    decode = msgspec.json.decode
    resets = [at for at, item in enumerate(entries) if item.name == Reset.name]
    current = entries[resets[-1] :] if resets else entries
    steps = [decode(item.data, type=Progress).step for item in entries if item.name == Progress.name]
    found = [decode(item.data, type=Sources).sources for item in entries if item.name == Sources.name]
    return failure(
        error,
        run_id=info.run_id,
        request_id=info.request_id,
        step=steps[-1] if steps else "",
        partial_response="".join(decode(item.data, type=Token).text for item in current if item.name == Token.name),
        sources=found[-1] if found else (),
    )


def _terminal(item: Entry) -> Result | Failure:
    with _readable():
        if item.name == Result.name:
            return msgspec.json.decode(item.data, type=Result)
        return msgspec.json.decode(item.data, type=Failure)


def _status(entries: Sequence[Entry]) -> str:
    if not entries or not entries[-1].terminal:
        return "running" if entries else "queued"
    if entries[-1].name == Result.name:
        return "succeeded"
    return "cancelled" if msgspec.json.decode(entries[-1].data, type=_Code).code == "cancelled" else "failed"
