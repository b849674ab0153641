"""The description of all addresses for programs: OpenAPI 3.1, made from the routes, the models of bodies and the vocabulary of runs."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from flask import Blueprint, Flask, Response, current_app
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from jacie_flask import __version__, events
from jacie_flask.errors import JacieError
from jacie_flask.runs.reader import Folded
from jacie_flask.web.answers import Accepted, Alive, Arrived, Cancelling, Found, Listing, PageText, Problem, Readiness
from jacie_flask.web.bodies import QuestionBody, SearchBody
from jacie_flask.web.guard import OPEN

blueprint = Blueprint("openapi", __name__)

JSON, PROBLEM, SSE, PNG = "application/json", "application/problem+json", "text/event-stream", "image/png"
UNDESCRIBED = {"static", "pages.chat", "pages.test_client", "sign_in.sign_in", "sign_in.sign_out"}  # for people
_EVENTS = (
    events.Progress, events.Sources, events.Token, events.Result, events.Failure, events.Reset, events.Reconnect,
)  # fmt: skip
_ANSWERS = (Folded, Accepted, Alive, Arrived, Cancelling, Found, Listing, PageText, Problem, Readiness, *_EVENTS)
_BODIES = (QuestionBody, SearchBody)
_SCHEMAS = "#/components/schemas/"
_ASK = {"query": "What was the revenue of Zanobela in 2024?"}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a route cannot say of itself: its body, its parameters, its answers (status: media type and schema), its refusals."""

    answers: Mapping[int, tuple[str, type | None]]
    refusals: tuple[int, ...] = ()
    body: type | None = None
    example: Mapping[str, Any] = {}
    parameters: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()


_COUNTED = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")
_ASKED: Any = {
    "body": QuestionBody,
    "example": {**_ASK, "filters": {"period": "2024"}, "conversation_history": [{"role": "user", "content": "Hello"}]},
    "parameters": ("Idempotency-Key", "Prefer", "X-Request-ID"),
    "headers": ("X-Run-Id", *_COUNTED),
}
_REFUSED = (400, 408, 413, 415, 422, 429, 502, 503)
_CLOSED = (401, 403)  # where the server asks for keys
_DOCUMENT = (404, 409, 422, 429, 502, 503)
TOLD = {
    "chat.stream": Told(
        answers={200: (SSE, None), 202: (JSON, Accepted)},
        refusals=(*_REFUSED, 410),
        **{**_ASKED, "parameters": ("Idempotency-Key", "Last-Event-ID", "lastEventId", "Prefer", "X-Request-ID")},
    ),
    "chat.answer": Told(
        answers={200: (JSON, events.Result), 202: (JSON, Accepted)}, refusals=(*_REFUSED, 410, 499, 500, 504), **_ASKED
    ),
    "runs.events": Told(
        answers={200: (SSE, None), 204: ("", None)},
        refusals=(400, 404, 410, 429, 503),
        parameters=("Last-Event-ID", "lastEventId", "after", "X-Request-ID"),
        headers=("X-Run-Id", *_COUNTED),
    ),
    "runs.status": Told(answers={200: (JSON, Folded)}, refusals=(404, 410, 429, 503), headers=_COUNTED),
    "runs.cancel": Told(answers={202: (JSON, Cancelling)}, refusals=(404, 410, 429, 503), headers=_COUNTED),
    "documents.listing": Told(
        answers={200: (JSON, Listing)}, refusals=(400, 429, 502), parameters=("limit", "cursor"), headers=_COUNTED
    ),
    "documents.file": Told(
        answers={200: ("*/*", None), 206: ("*/*", None), 304: ("", None), 307: ("", None)},
        refusals=(404, 416, 429, 502),
        parameters=("Range", "If-None-Match"),
        headers=_COUNTED,
    ),
    "documents.page_text": Told(
        answers={200: (JSON, PageText), 304: ("", None)}, refusals=_DOCUMENT, parameters=("If-None-Match",), headers=_COUNTED
    ),
    "documents.page_picture": Told(
        answers={200: (PNG, None), 304: ("", None)},
        refusals=(400, *_DOCUMENT),
        parameters=("highlight", "scale", "If-None-Match"),
        headers=("X-Pages", "X-Highlight", "X-Highlight-Box", *_COUNTED),
    ),
    "search.search": Told(
        answers={200: (JSON, Found)},
        refusals=_REFUSED,
        body=SearchBody,
        example={**_ASK, "top_k": 3},
        headers=_COUNTED,
    ),
    "metrics.metrics": Told(answers={200: ("text/plain", None)}),
    "ops.health": Told(answers={200: (JSON, Alive)}),
    "ops.ready": Told(answers={200: (JSON, Readiness), 503: (JSON, Readiness)}),
    "ops.health_stream": Told(answers={200: (SSE, None)}, refusals=(400, 503), parameters=("events", "every")),
    "ops.health_request": Told(answers={200: (JSON, Arrived)}, refusals=(400, 408, 413)),
    "openapi.description": Told(answers={200: (JSON, dict)}),
}
_TEXT: dict[str, Any] = {"type": "string"}
_FRAME = {
    "type": "object",
    "description": "One frame of the stream; data is JSON of the shape that x-events gives for the event's name.",
    "properties": {"id": _TEXT, "event": _TEXT, "data": {**_TEXT, "contentMediaType": JSON}},
    "required": ["event", "data"],
}
_PARAMETERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "Idempotency-Key": ("header", "The same key with the same question joins the first run.", {**_TEXT, "maxLength": 256}),
    "Prefer": ("header", "respond-async: 202 with the addresses of the run.", _TEXT),
    "X-Request-ID": ("header", "An id of your own for the log, where it is usable.", _TEXT),
    "Last-Event-ID": ("header", "Send what follows this event.", {**_TEXT, "maxLength": 24, "examples": ["1.17"]}),
    "lastEventId": ("query", "The same where headers cannot be set.", {**_TEXT, "maxLength": 24}),
    "after": ("query", "Another name of lastEventId.", {**_TEXT, "maxLength": 24}),
    "limit": ("query", "How many to send.", {"type": "integer", "minimum": 1, "maximum": 500, "default": 100}),
    "cursor": ("query", "next_cursor of the page before.", _TEXT),
    "Range": ("header", "A part of the file.", _TEXT),
    "If-None-Match": ("header", "The ETag of what you have.", _TEXT),
    "events": ("query", "How many probes to send.", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 5}),
    "every": ("query", "Seconds between two probes.", {"type": "number", "minimum": 0, "maximum": 130, "default": 0.5}),
    "highlight": ("query", "The passage to mark.", {**_TEXT, "maxLength": 1000}),
    "scale": ("query", "Pixels a point.", {"type": "number", "minimum": 0.5, "maximum": 4, "default": 2}),
}
_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "X-Request-ID": ("The id under which the log knows this request.", _TEXT),
    "X-Run-Id": ("The run.", _TEXT),
    "Retry-After": ("Seconds after which it makes sense to ask again.", {"type": "integer", "minimum": 1}),
    "RateLimit-Limit": ("Requests in a window.", {"type": "integer"}),
    "RateLimit-Remaining": ("Requests left in this window.", {"type": "integer"}),
    "RateLimit-Reset": ("Seconds until the next window.", {"type": "integer"}),
    "RateLimit-Policy": ("The limit and its window in seconds, such as 60;w=60.", _TEXT),
    "X-Pages": ("How many pages the document has.", {"type": "integer"}),
    "X-Highlight": ("How much of the passage is marked.", {"enum": ["found", "partial", "missing"]}),
    "X-Highlight-Box": ("left, top, right, bottom of what is marked, in shares of the picture.", _TEXT),
}


@blueprint.get("/openapi.json")
def description() -> Response:
    """Return this description."""
    return Response(_encoded(current_app._get_current_object()), content_type=JSON)  # type: ignore[attr-defined]


@lru_cache(maxsize=1)
def _encoded(app: Flask) -> bytes:
    return msgspec.json.encode(describe(app))


def describe(app: Flask) -> dict[str, Any]:
    """Return the OpenAPI document of an application."""
    paths: dict[str, dict[str, Any]] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if rule.endpoint in TOLD:
            for method in _methods(rule):
                paths.setdefault(_path(rule), {})[method] = _operation(app, rule, method, TOLD[rule.endpoint])
    return {
        "openapi": "3.1.0",
        "info": {"title": "Jacie", "version": __version__, "description": "Answers questions about filings, live."},
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "Where the server asks for keys."}},
        },
        "security": [{}, {"key": []}],
    }


def _methods(rule: Rule) -> Iterator[str]:
    return (method.lower() for method in sorted(rule.methods or ()) if method not in ("HEAD", "OPTIONS"))


def _path(rule: Rule) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)


def _operation(app: Flask, rule: Rule, method: str, told: Told) -> dict[str, Any]:
    view = app.view_functions[rule.endpoint]
    several = [method] if len(list(_methods(rule))) > 1 else []
    operation: dict[str, Any] = {
        "operationId": "_".join([rule.endpoint.replace(".", "_"), *map(str, (rule.defaults or {}).values()), *several]),
        "summary": (view.__doc__ or "").strip().partition("\n")[0],
        "tags": [rule.endpoint.partition(".")[0]],
        "parameters": [*_in_path(rule), *map(_parameter, told.parameters)],
        "responses": {str(status): _answer(status, told, *kind) for status, kind in told.answers.items()},
    }
    for status in (*told.refusals, *_CLOSED * (rule.rule not in OPEN)):
        operation["responses"][str(status)] = _refusal(status)
    if told.body:
        content = {JSON: {"schema": _ref(told.body), "example": dict(told.example)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _in_path(rule: Rule) -> Iterator[dict[str, Any]]:
    for kind, name in re.findall(r"<(?:(\w+):)?(\w+)>", rule.rule):
        schema = {"type": "integer", "minimum": 0} if kind == "int" else _TEXT
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _parameter(name: str) -> dict[str, Any]:
    place, meaning, schema = _PARAMETERS[name]
    return {"name": name, "in": place, "description": meaning, "schema": schema}


def _answer(status: int, told: Told, media: str, schema: type | None) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": _MEANING[status], "headers": _headers("X-Request-ID", *told.headers)}
    if media == SSE:
        answer["content"] = {SSE: {"schema": _FRAME, "x-events": {kind.name: _ref(kind) for kind in _EVENTS}}}
    elif media == JSON and schema is not dict:
        answer["content"] = {media: {"schema": _ref(schema)}}
    elif media:
        answer["content"] = {media: {}}
    return answer


def _refusal(status: int) -> dict[str, Any]:
    headers = _headers("X-Request-ID", "Retry-After") if status in (429, 503) else _headers("X-Request-ID")
    return {"description": _MEANING[status], "headers": headers, "content": {PROBLEM: {"schema": _ref(Problem)}}}


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"description": _HEADERS[name][0], "schema": _HEADERS[name][1]} for name in names}


def _ref(kind: Any) -> dict[str, str]:
    return {"$ref": _SCHEMAS + kind.__name__}


def _schemas() -> dict[str, Any]:
    _, asked = models_json_schema([(kind, "validation") for kind in _BODIES], ref_template=_SCHEMAS + "{model}")
    _, answered = msgspec.json.schema_components(_ANSWERS, ref_template=_SCHEMAS + "{name}")
    codes = sorted({kind.code for kind in _all(JacieError)})
    answered["Problem"]["properties"]["code"]["enum"] = codes
    answered["Failure"]["properties"]["code"]["enum"] = codes
    return {**asked["$defs"], **answered}


def _all(kind: type[JacieError]) -> Iterator[type[JacieError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _all(child)


_MEANING = {
    200: "Done, or the stream has begun.",
    202: "Taken: it goes on beside.",
    204: "The run has ended and everything of it was read.",
    206: "The part that was asked for.",
    304: "It is as it was.",
    307: "The file is at another address for a short time.",
    400: "The request is not valid: `errors` says which field.",
    401: "The server asks for a key, and none that is valid came.",
    403: "The key does not cover this, or the server is open on its own machine only.",
    404: "Unknown, expired or someone else's.",
    408: "The body did not arrive in time.",
    409: "The document changed while it was read.",
    410: "The record of the run is not complete.",
    413: "The body is too large.",
    415: "The body is not JSON in UTF-8, uncompressed.",
    416: "There is no such part.",
    422: "The Idempotency-Key was used with another question, or the document or answer is refused.",
    429: "Too many requests, answers or pages at the same time, or tokens of a day: `detail` says which.",
    499: "The run was cancelled.",
    500: "A defect: it is in the log under the request id.",
    502: "A document, or the end of the model's answer, could not be had.",
    503: "A part is not available, or the server is busy.",
    504: "The model or the run took too long.",
}
