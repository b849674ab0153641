"""The error tree: what can go wrong, as a code, a fixed public sentence, an HTTP status and whether a retry can help.

JacieError
├── InvalidRequest 400 (of it UnsupportedBody 415, BodyTimeout 408)
├── Unauthorized 401        ├── Forbidden 403 (of it NotOpen, CrossSite)          ├── NotFound 404
├── Conflict 422            ├── PayloadTooLarge 413     ├── RateLimited 429       ├── Overloaded 503
│                                                                                 │   └── IdentityUnavailable
├── DocumentUnavailable 502 ├── DocumentRejected 422    ├── DocumentChanged 409   ├── RetrievalUnavailable 503
├── LLMUnavailable 503      ├── LLMTimeout 504          ├── LLMIncomplete 502     ├── LLMContextExceeded 422
├── ContentFiltered 422     ├── Cancelled 499           ├── DeadlineExceeded 504  ├── ProducerLost 503
└── StateLost 410           └── Internal 500
ConfigurationError stands apart: it stops the boot and never reaches a client.

Clients see ``code`` and ``public``. ``str(error)`` is for the log: it may name hosts, paths and upstream messages.
"""

from typing import ClassVar

import msgspec

UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not what they should be, however deeply they nest."""


class ConfigurationError(Exception):
    """A setting cannot be used; its text is one line that names the variable, what it held and what is allowed."""


class JacieError(Exception):
    """Base of everything that ends a request or a run; ``detail`` goes to the log, ``public`` to the client."""

    code: ClassVar[str] = "internal"
    public: ClassVar[str] = "Something went wrong on our side. The failure was recorded."
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str = "", *, retry_after_s: float | None = None) -> None:
        """Keep the private ``detail`` and, where it is known, the seconds after which a retry makes sense."""
        super().__init__(detail or self.public)
        self.retry_after_s = retry_after_s


class InvalidRequest(JacieError):
    """The request cannot be understood; ``errors`` lists ``(field, message)`` pairs that are safe to show."""

    code = "invalid_request"
    public = "The request is not valid."
    status = 400

    def __init__(self, detail: str = "", *, errors: tuple[tuple[str, str], ...] = ()) -> None:
        """Keep the public list of what is wrong with which field."""
        super().__init__(detail)
        self.errors = errors


class UnsupportedBody(InvalidRequest):
    """The body is not JSON in UTF-8, sent as it is: another type, charset or content coding."""

    status = 415


class BodyTimeout(InvalidRequest):
    """The body did not arrive in time."""

    status, retryable = 408, True


class Unauthorized(JacieError):
    """No valid credentials came with the request."""

    code, status = "unauthorized", 401
    public = "Credentials are missing or not valid."


class Forbidden(JacieError):
    """The credentials do not cover this action."""

    code, status = "forbidden", 403
    public = "These credentials do not allow this."


class NotOpen(Forbidden):
    """There are no keys, and the request did not come from this machine."""

    public = (
        "This server has no keys, so it answers on its own machine only, at localhost. "
        "Create one there: flask --app wsgi keys create NAME. JACIE_OPEN=yes opens it to everybody."
    )


class CrossSite(Forbidden):
    """A browser sent this from another site's page, or it lacks what shows that it did not."""

    public = "This request does not come from a page of this server."


class NotFound(JacieError):
    """Unknown, expired or someone else's: one answer for all three."""

    code, status = "not_found", 404
    public = "There is nothing here under that name."


class Conflict(JacieError):
    """The same idempotency key came with another body."""

    code, status = "conflict", 422
    public = "This Idempotency-Key was used with a different request."


class PayloadTooLarge(JacieError):
    """The body is larger than this server accepts."""

    code, status = "payload_too_large", 413
    public = "The request body is too large."


class RateLimited(JacieError):
    """This caller asked too often."""

    code, status, retryable = "rate_limited", 429, True
    public = "Too many requests. Try again later."

    def __init__(self, detail: str = "", *, reason: str = "", retry_after_s: float | None = None) -> None:
        """Keep which bound was met, as a public phrase."""
        super().__init__(detail, retry_after_s=retry_after_s)
        self.reason = reason


class Overloaded(JacieError):
    """This worker runs as many questions as it may."""

    code, status, retryable = "overloaded", 503, True
    public = "The server is busy. Try again in a moment."


class IdentityUnavailable(Overloaded):
    """The identity provider's keys cannot be had: the credentials may be good, so this is no 401."""

    public = "Credentials cannot be checked right now. Try again in a moment."


class DocumentUnavailable(JacieError):
    """A document could not be read from its store; ``reason`` is a short public phrase."""

    code, status, retryable = "document_unavailable", 502, True
    public = "A document could not be loaded from its store."

    def __init__(self, detail: str = "", *, reason: str = "its store did not answer", retry_after_s: float | None = None) -> None:
        """Keep the public reason beside the private detail."""
        super().__init__(detail or reason, retry_after_s=retry_after_s)
        self.reason = reason


class DocumentRejected(JacieError):
    """A document cannot be read at all; ``reason`` is a short public sentence."""

    code, status = "document_rejected", 422
    public = "A document could not be read."

    def __init__(self, detail: str = "", *, reason: str = "") -> None:
        """Keep the public reason beside the private detail."""
        super().__init__(detail or reason)
        self.reason = reason or self.public


class DocumentChanged(JacieError):
    """A document changed while it was being read."""

    code, status, retryable = "document_changed", 409, True
    public = "A document changed while it was being read."


class RetrievalUnavailable(JacieError):
    """The search index did not answer."""

    code, status, retryable = "retrieval_unavailable", 503, True
    public = "The search index is not available."


class LLMUnavailable(JacieError):
    """The language model could not be reached or refused."""

    code, status, retryable = "llm_unavailable", 503, True
    public = "The language model is not available."


class LLMTimeout(JacieError):
    """The language model stopped answering."""

    code, status, retryable = "llm_timeout", 504, True
    public = "The language model took too long to answer."


class LLMIncomplete(JacieError):
    """The model's stream ended without a finish reason."""

    code, status, retryable = "llm_incomplete", 502, True
    public = "The language model's answer was cut off."


class LLMContextExceeded(JacieError):
    """The prompt does not fit the model's context."""

    code, status = "llm_context_exceeded", 422
    public = "The question and its documents are too long for the language model."


class ContentFiltered(JacieError):
    """The model's provider rejected the prompt for its content."""

    code, status = "content_filtered", 422
    public = "The language model's provider declined to answer this."


class Cancelled(JacieError):
    """Somebody pressed stop."""

    code, status = "cancelled", 499
    public = "The answer was stopped."


class DeadlineExceeded(JacieError):
    """The run reached its deadline."""

    code, status, retryable = "deadline_exceeded", 504, True
    public = "The answer took longer than this server allows."


class ProducerLost(JacieError):
    """The worker that was answering died."""

    code, status, retryable = "producer_lost", 503, True
    public = "The server that was answering stopped."


class StateLost(JacieError):
    """The log of a run no longer holds what the reader asks for."""

    code, status, retryable = "state_lost", 410, True
    public = "The record of this answer is no longer complete. Ask again."


class Internal(JacieError):
    """A defect of ours."""
