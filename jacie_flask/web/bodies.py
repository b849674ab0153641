"""Request bodies: read within bounds, parsed as JSON, checked field by field before anything else happens."""

from typing import Annotated, Literal, TypeVar

from flask import request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, ValidationError, field_validator

from jacie_flask.chat.pipeline import bounded
from jacie_flask.errors import InvalidRequest, PayloadTooLarge
from jacie_flask.events import Turn
from jacie_flask.interfaces import DEFAULT_TENANT, Limits, Question

_QUERY_CHARS = 8000
_TURN_CHARS = 32_000


def _year_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Name = Annotated[str, Field(max_length=200)]


class Filters(BaseModel):
    """Hard conditions on the documents; absent or null ones do not count."""

    model_config = ConfigDict(extra="ignore")

    company: Name | None = None
    period: Annotated[Name | None, BeforeValidator(_year_as_text)] = None
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

    query: Annotated[str, Field(max_length=_QUERY_CHARS)]
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


def read(kind: type[Body], max_bytes: int) -> Body:
    """Return the checked body; raise InvalidRequest or PayloadTooLarge."""
    raw = _raw(max_bytes)
    try:
        return kind.model_validate_json(raw)
    except ValidationError as error:
        raise InvalidRequest(errors=tuple(_told(item["loc"], item["msg"]) for item in error.errors()[:20])) from None


def _raw(max_bytes: int) -> bytes:
    if request.mimetype != "application/json" and not request.mimetype.endswith("+json"):
        raise InvalidRequest(errors=(("Content-Type", "must be application/json"),))
    declared = request.content_length
    if declared is not None and declared > max_bytes:
        raise PayloadTooLarge(f"{declared} bytes declared")
    raw = request.stream.read(max_bytes + 1)  # counted here: Flask's own limit cuts chunked bodies without a word
    if len(raw) > max_bytes:
        raise PayloadTooLarge(f"more than {max_bytes} bytes")
    if declared is not None and len(raw) < declared:
        raise InvalidRequest(errors=(("", f"the body ended after {len(raw)} of {declared} bytes"),))
    return raw


def _told(place: tuple[int | str, ...], message: str) -> tuple[str, str]:
    return ".".join(map(str, place)), message.removeprefix("Value error, ")
