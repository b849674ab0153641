"""What gunicorn cannot read as HTTP, refused in the shape, and counted with, everything else that is refused."""

import email.utils
import json
import logging
import ssl
from http import HTTPStatus
from types import SimpleNamespace

import msgspec
from gunicorn.http import errors as unread

from jacie_flask import measures
from jacie_flask.errors import Internal, InvalidRequest, JacieError
from jacie_flask.web import problems

log = logging.getLogger(__name__)

_HEADER = "A header is not valid."
_FRAMING = "The framing of the body is not valid."
# What is read of a request, in gunicorn's errors: the status, and what may be said of it.
_REFUSED: dict[type[Exception], tuple[int, str]] = {
    unread.LimitRequestLine: (414, "The request line is too long."),
    unread.LimitRequestHeaders: (431, "There are too many headers, or too long ones."),
    unread.ExpectationFailed: (417, "What the Expect header asks for is not done here."),
    unread.InvalidHeader: (400, _HEADER),
    unread.InvalidHeaderName: (400, _HEADER),
    unread.ObsoleteFolding: (400, _HEADER),
    unread.UnsupportedTransferCoding: (400, _FRAMING),  # the sender's mistake, so no 5xx
    unread.InvalidChunkSize: (400, _FRAMING),
    unread.ChunkMissingTerminator: (400, _FRAMING),
    unread.InvalidChunkExtension: (400, _FRAMING),
    unread.InvalidRequestLine: (400, "The request line is not valid."),
    unread.InvalidRequestMethod: (400, "The method is not valid."),
    unread.InvalidHTTPVersion: (400, "This version of HTTP is not spoken here."),
    unread.ParseException: (400, "This is not an HTTP request that can be read."),
    ssl.SSLError: (400, "This is not a TLS connection that can be read."),
}
_OURS = (unread.ConfigurationProblem, unread.InvalidResponseHeader, unread.InvalidResponseHeaderName)


class Refusal(msgspec.Struct, frozen=True):
    """An answer without a request that could be read: its status and all its bytes."""

    status: int
    request_id: str
    data: bytes

    @property
    def told(self) -> SimpleNamespace:
        """What the access log asks of a response."""
        return SimpleNamespace(headers=[("X-Request-ID", self.request_id)], sent=len(self.data), status_code=self.status)


def refusal(error: BaseException, address: str, request_id: str) -> Refusal:
    """Return what to answer, written to the log and counted; what was sent is only in a log of DEBUG."""
    kind, status, detail = _seen(error)
    measures.count("errors", where="request", code=kind.code)
    measures.count("http_requests", method="other", route="unmatched", status=str(status))
    if status >= 500:
        log.error("the request failed", exc_info=error, extra={"request_id": request_id})
    else:
        log.warning("refused what %s sent: %s", address, type(error).__name__, extra={"request_id": request_id})
        log.debug("it was refused for: %s", error, extra={"request_id": request_id})  # may hold a question, or a key
    return Refusal(status, request_id, _written(status, problems.document(kind, request_id, status, detail), request_id))


def _seen(error: BaseException) -> tuple[JacieError, int, str]:
    """Return the error that clients are told of, with its status and a fixed sentence."""
    found = next((kind for kind in type(error).__mro__ if kind in _REFUSED), None)
    if found is None or isinstance(error, _OURS):
        return Internal(), Internal.status, ""
    return InvalidRequest(), *_REFUSED[found]


def _written(status: int, document: dict[str, object], request_id: str) -> bytes:
    body = json.dumps(document).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Date: {email.utils.formatdate(usegmt=True)}",
        "Connection: close",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        f"X-Request-ID: {request_id}",
    )
    return "\r\n".join((*head, "", "")).encode("ascii") + body
