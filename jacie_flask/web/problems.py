"""Refusals and failures as ``application/problem+json`` (RFC 9457): one place, so that no detail of ours slips out."""

import logging
import math
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, json
from werkzeug.exceptions import HTTPException

from jacie_flask import measures
from jacie_flask.errors import (
    BodyTimeout,
    DocumentRejected,
    DocumentUnavailable,
    Forbidden,
    Internal,
    InvalidRequest,
    JacieError,
    NotFound,
    RateLimited,
    Unauthorized,
)
from jacie_flask.web.context import request_id

log = logging.getLogger(__name__)

_CHALLENGES: dict[type[JacieError], str] = {  # RFC 6750, section 3
    Unauthorized: 'Bearer realm="jacie"',
    Forbidden: 'Bearer realm="jacie", error="insufficient_scope"',
}


def problem(error: JacieError, /, *, status: int = 0, detail: str = "", **members: Any) -> Response:
    """Return an error as a problem document; ``members`` are added to it."""
    code = status or error.status
    body = document(error, request_id(), code, detail, **members)
    response = Response(json.dumps(body) + "\n", status=code, content_type="application/problem+json")
    if type(error) in _CHALLENGES:
        response.headers["WWW-Authenticate"] = _CHALLENGES[type(error)]
    if isinstance(error, BodyTimeout):  # the rest of the body cannot be told from a next request
        response.headers["Connection"] = "close"
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    return response


def document(error: JacieError, request_id: str, status: int, detail: str = "", /, **members: Any) -> dict[str, Any]:
    """Return what a problem document holds."""
    body: dict[str, Any] = {
        "type": f"urn:jacie:error:{error.code}",
        "title": _title(status),
        "status": status,
        "detail": detail or _detail(error),
        "code": error.code,
        "retryable": error.retryable,
        "request_id": request_id,
        **members,
    }
    if isinstance(error, InvalidRequest):
        body["errors"] = [{"field": field, "message": message} for field, message in error.errors]
    return body


def init_app(app: Flask) -> None:
    """Register the handlers for our errors, Flask's and everything else."""

    @app.errorhandler(JacieError)
    def ours(error: JacieError) -> Response:
        measures.count("errors", where="request", code=error.code)
        if error.status >= 500:
            log.warning("refused with %s: %s", error.code, error)
        return problem(error)

    @app.errorhandler(HTTPException)
    def flasks(error: HTTPException) -> Response:
        status = error.code or 500
        kind = NotFound() if status == 404 else Internal() if status >= 500 else InvalidRequest()
        measures.count("errors", where="request", code=kind.code)
        response = problem(kind, status=status, detail=_http_detail(status, error))
        for name, value in error.get_headers():
            if name in ("Allow", "Retry-After"):
                response.headers[name] = value
        return response

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        log.exception("the request failed", exc_info=error)
        measures.count("errors", where="request", code=Internal.code)
        return problem(Internal())


def _detail(error: JacieError) -> str:
    if isinstance(error, DocumentRejected | DocumentUnavailable):
        return f"{error.public.rstrip('.')}: {error.reason}."
    if isinstance(error, RateLimited) and error.reason:
        return f"Too many requests: {error.reason}. Try again in {math.ceil(error.retry_after_s or 1)} s."
    if isinstance(error, InvalidRequest) and error.errors:
        return "; ".join(f"{field}: {message}" if field else message for field, message in error.errors)
    return error.public


def _http_detail(status: int, error: HTTPException) -> str:
    if status == 405:
        allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
        return f"This address takes {allowed}."
    return "" if status >= 500 else _title(status) + "."


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Client Closed Request" if status == 499 else "Error"
