"""The vocabulary of a run: the events that a pipeline reports and every surface encodes (PROTOCOL: Frames)."""

from typing import Any, ClassVar, Protocol

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events; ``name`` is the wire's event name, ``terminal`` says whether it ends the run."""

    name: ClassVar[str]
    terminal: ClassVar[bool] = False


class Progress(Event, frozen=True, kw_only=True):
    """A step's report: ``progress`` in percent, ``timestamp`` ISO 8601 UTC, ``elapsed_ms`` since the run began."""

    name = "progress"
    step: str
    message: str
    progress: float
    timestamp: str
    elapsed_ms: int
    details: dict[str, Any] = {}


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A page that the answer may cite; ``n`` is its number in the answer, ``page`` counts from 1, ``score`` is relative."""

    n: int
    document_id: str
    filename: str
    company: str
    period: str
    document_type: str
    page: int
    snippet: str
    score: float
    url: str


class Sources(Event, frozen=True, kw_only=True):
    """The pages handed to the model, before its first token."""

    name = "sources"
    sources: list[Source]


class Token(Event, frozen=True, kw_only=True):
    """A piece of the answer; all pieces joined are exactly ``Result.response``."""

    name = "token"
    text: str


class Citation(msgspec.Struct, frozen=True, kw_only=True):
    """What a sentence rests on; ``verified`` says whether the quote or every figure is proved by that page.

    ``state``: "found", "computed" (``calculation`` is its position in ``Result.calculations``, None where ``reason`` alone shows it),
    "not_found" or "not_checked": a sentence without figures and quotes, which is no doubt. ``reason`` says in words what is wrong with
    one that is not verified, or how a figure was computed from the page's. ``answers`` says whether the statement addresses what was asked
    for, its period, duration, company or part, total, per share: "yes", "no" (``answers_reason`` says what differs) or "unknown".
    """

    n: int
    quote: str
    page: int
    document_id: str
    verified: bool
    reason: str = ""
    state: str = "not_checked"
    calculation: int | None = None
    answers: str = "unknown"
    answers_reason: str = ""


class Operand(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of a page that another was computed from.

    ``value`` is in the ``scale`` (a power of ten) of the page, ``quote`` the row as printed, ``n`` the number of its source.
    """

    label: str
    concept: str
    value: float
    unit: str
    scale: int
    currency: str
    period: str
    document_id: str
    page: int
    quote: str
    n: int


class Calculation(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of the answer that stands on no page: as written (``text``), its value in ``scale``, and how it was computed."""

    text: str
    value: float
    unit: str
    scale: int
    currency: str
    decimals: int | None
    formula: str
    operands: list[Operand]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens as the model's server counted them; 0 where it did not say."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One message of the conversation; ``role`` is ``user`` or ``assistant``."""

    role: str
    content: str


class Result(Event, frozen=True, kw_only=True):
    """The answer and everything it rests on. Terminal.

    ``basis``: "computed", "quoted", "generated" or "none". ``declined`` says in words why no exact answer was given, "" where one was.
    """

    name = "result"
    terminal = True
    response: str
    documents_loaded: list[str]
    document_selection_message: str
    conversation_history: list[Turn] | None
    sources: list[Source]
    citations: list[Citation]
    usage: Usage
    timings_ms: dict[str, int]
    model: str
    finish_reason: str
    degraded: list[str]
    run_id: str
    basis: str = "none"
    calculations: list[Calculation] = []
    declined: str = ""


class Failure(Event, frozen=True, kw_only=True):
    """How a run failed: a fixed public sentence, its code, and what had been answered by then. Terminal."""

    name = "error"
    terminal = True
    error: str
    code: str
    retryable: bool
    retry_after_s: float | None
    step: str
    partial_response: str
    request_id: str
    run_id: str
    sources: list[Source] = []


class Reset(Event, frozen=True, kw_only=True):
    """A new attempt began: the tokens of the attempt before are void."""

    name = "reset"
    attempt: int


class Reconnect(Event, frozen=True, kw_only=True):
    """This server is draining: come back with the last id. Not terminal for the run."""

    name = "reconnect"
    retry_ms: int


class ProgressCallback(Protocol):
    """What is threaded through every step: takes an event, and raises when the run was cancelled or is out of time."""

    def __call__(self, event: Event) -> None:
        """Record ``event``; raise ``Cancelled`` or ``DeadlineExceeded`` when the run has to end here."""
