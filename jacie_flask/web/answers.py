"""The shapes of JSON answers that are not events of a run."""

from typing import Any

import msgspec


class Wrong(msgspec.Struct, frozen=True):
    """What is wrong with which field."""

    field: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal (RFC 9457); a failed run's has the fields of its ``error`` event as well."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    request_id: str
    errors: list[Wrong] = []


class Accepted(msgspec.Struct, frozen=True):
    """A run that goes on without its client, and where to find it."""

    run_id: str
    status: str
    events_url: str
    status_url: str
    cancel_url: str


class Cancelling(msgspec.Struct, frozen=True):
    """A run that was asked to stop."""

    run_id: str
    status: str


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A document of the catalog; ``notes`` are sentences on content of it that was not read."""

    document_id: str
    filename: str
    company: str
    period: str
    document_type: str
    pages: int | None
    status: str
    notes: list[str]
    reason: str = ""


class Listing(msgspec.Struct, frozen=True):
    """A page of the catalog."""

    documents: list[Listed]
    next_cursor: str | None


class PageText(msgspec.Struct, frozen=True):
    """One page of a document, and how many there are."""

    document_id: str
    filename: str
    page: int
    pages: int
    text: str


class Selected(msgspec.Struct, frozen=True):
    """A document that matches, and why."""

    document_id: str
    filename: str
    company: str
    period: str
    document_type: str
    score: float
    reason: str


class Hit(msgspec.Struct, frozen=True):
    """A page that matches."""

    document_id: str
    filename: str
    page: int
    score: float
    snippet: str


class Found(msgspec.Struct, frozen=True):
    """What a search found, best first."""

    documents: list[Selected]
    results: list[Hit]
    document_selection_message: str
    degraded: list[str]
    timings_ms: dict[str, float]


class Alive(msgspec.Struct, frozen=True):
    """The process lives."""

    status: str


class Readiness(msgspec.Struct, frozen=True):
    """How each part is, and which are down."""

    status: str
    down: list[str]
    parts: dict[str, dict[str, Any]]


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """What of a request reached the server; times in seconds."""

    method: str
    protocol: str
    scheme: str
    host: str
    client: str | None
    proxies: int
    forwarded_for: int
    forwarder_trusted: bool
    headers: dict[str, bool]
    body_bytes: int
    max_body_bytes: int
    heartbeat_s: float
    deadline_s: float
