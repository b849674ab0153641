"""Request bodies: read within bounds, parsed as JSON, checked field by field before anything else happens."""

import contextlib
import socket
from typing import Annotated, Literal, TypeVar

import jiter
from flask import request
from gunicorn.http.errors import ParseException
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, ValidationError, field_validator
from werkzeug.exceptions import HTTPException

from jacie_flask import concurrency
from jacie_flask.errors import BodyTimeout, InvalidRequest, PayloadTooLarge, UnsupportedBody
from jacie_flask.events import Turn
from jacie_flask.interfaces import DEFAULT_TENANT, Limits, Question
from jacie_flask.question.history import bounded
from jacie_flask.wording import wanted

_QUERY_CHARS = 8000
_TURN_CHARS = 32_000


def _year_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Name = Annotated[str, Field(max_length=200)]


class Filters(BaseModel):
    """Hard conditions on the documents; absent or null ones do not count."""

    model_config = ConfigDict(extra="ignore")

    company: Name | None = None
    period: Annotated[Name | None, BeforeValidator(_year_as_text, json_schema_input_type=int | Name | None)] = None
    document_type: Name | None = None

    def given(self) -> dict[str, str]:
        """Return the conditions that are set."""
        return {name: value.strip() for name, value in self if value and value.strip()}


class TurnBody(BaseModel):
    """One message of the conversation so far."""

    role: Literal["user", "assistant"]
    content: Annotated[str, Field(max_length=_TURN_CHARS)]


class AskBody(BaseModel):
    """What every question has: its words, and which documents it may be answered from."""

    model_config = ConfigDict(extra="ignore")

    query: Annotated[str, Field(max_length=_QUERY_CHARS, json_schema_extra={"minLength": 1, "pattern": r"\S"})]
    filters: Filters | None = None
    document_ids: Annotated[list[Name], Field(max_length=100)] | None = None

    @field_validator("query")
    @classmethod
    def _not_blank(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("must not be empty")
        return value.strip()


class SearchBody(AskBody):
    """The body of POST /search."""

    top_k: Annotated[int, Field(ge=1, le=100, strict=True)] = 10


class QuestionBody(AskBody):
    """The body of the four question endpoints (PROTOCOL: Questions)."""

    auto_load_documents: StrictBool = True
    memory_enabled: StrictBool = True
    conversation_history: Annotated[list[TurnBody], Field(max_length=200)] | None = None
    on_disconnect: Literal["continue", "cancel"] = "continue"

    def question(self, mode: str, limits: Limits, tenant: str = DEFAULT_TENANT) -> Question:
        """Return the question as plain values, its history within the limits."""
        turns = [Turn(role=turn.role, content=turn.content) for turn in self.conversation_history or ()]
        return Question(
            query=self.query,
            mode=mode,
            tenant=tenant,
            auto_load_documents=self.auto_load_documents,
            memory_enabled=self.memory_enabled,
            history=tuple(bounded(turns, limits)) if self.memory_enabled else (),
            filters=self.filters.given() if self.filters else {},
            document_ids=tuple(self.document_ids or ()),
            on_disconnect=self.on_disconnect,
        )


Body = TypeVar("Body", bound=BaseModel)


def read(kind: type[Body], max_bytes: int, timeout_s: float) -> Body:
    """Return the checked body; raise InvalidRequest, UnsupportedBody, BodyTimeout or PayloadTooLarge."""
    _check_type()
    data = raw(max_bytes, timeout_s)
    try:
        return kind.model_validate(jiter.from_json(data, allow_inf_nan=False, catch_duplicate_keys=True))
    except ValidationError as error:
        raise InvalidRequest(
            errors=tuple(_told(one["loc"], wanted(one["type"], one.get("ctx", {})), one["msg"]) for one in error.errors()[:20])
        ) from None
    except ValueError as error:
        raise InvalidRequest(errors=(("", _not_json(str(error)) if data.strip() else "the body is empty"),)) from None


def _check_type() -> None:
    if request.mimetype != "application/json" and not request.mimetype.endswith("+json"):
        raise UnsupportedBody(errors=(("Content-Type", "must be application/json"),))
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedBody(errors=(("Content-Type", "must have no charset but utf-8"),))
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise UnsupportedBody(errors=(("Content-Encoding", "must be identity: compressed bodies are not taken"),))


def raw(max_bytes: int, timeout_s: float) -> bytes:
    """Return the bytes of the body; raise InvalidRequest, BodyTimeout or PayloadTooLarge."""
    declared = request.content_length
    if declared is not None and declared > max_bytes:
        raise PayloadTooLarge(f"{declared} bytes declared")
    patience = _Patience(timeout_s)
    try:
        data = request.stream.read(max_bytes + 1)  # counted here: Flask's own limit cuts chunked bodies without a word
    except (OSError, ParseException, HTTPException) as error:  # its end is missing, or its chunks are none
        raise patience.verdict(f"the body could not be read: {type(error).__name__}") from error
    finally:
        patience.end()
    if len(data) > max_bytes:
        raise PayloadTooLarge(f"more than {max_bytes} bytes")
    if declared is not None and len(data) < declared:
        raise patience.verdict(f"the body ended after {len(data)} of {declared} bytes")
    return data


class _Patience:
    """Ends the reading side of a client's connection when its body takes too long, where the server shows the connection."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._reading = True
        self._late = False
        self._sock = request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket")
        self._alarm = concurrency.later(timeout_s, self._hang_up) if self._sock else None

    def end(self) -> None:
        """Leave the connection alone from now on."""
        self._reading = False
        if self._alarm:
            self._alarm.cancel()

    def verdict(self, short: str) -> InvalidRequest:
        """Return what to say of a body that did not come whole."""
        if self._late:
            return BodyTimeout(errors=(("", f"the body did not arrive within {self._timeout_s:g} s"),))
        return InvalidRequest(errors=(("", short),))

    def _hang_up(self) -> None:
        if self._reading and self._sock:
            self._late = True
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RD)


def _not_json(reason: str) -> str:
    """Return why a text is not taken as JSON; the reason of the parser may repeat what the text held."""
    if reason.startswith("Detected duplicate key"):
        return f"a name stands twice in one object{reason[reason.rindex(' at line') :]}"
    return f"the body is not valid JSON: {reason}"


def _told(place: tuple[int | str, ...], words: str, message: str) -> tuple[str, str]:
    told = f"must be {words}" if words else message.removeprefix("Value error, ")
    return ".".join(map(str, place)), told if place else f"the body {told}"
