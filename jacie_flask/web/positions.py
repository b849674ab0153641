"""The position in a run's log after which a request wants its events."""

from flask import request

from jacie_flask.errors import InvalidRequest
from jacie_flask.runs import sse
from jacie_flask.runs.reader import START, Position

_PARAMETERS = ("lastEventId", "after")


def requested() -> Position:
    """Return the position that ``Last-Event-ID``, ``?lastEventId=`` or ``?after=`` names, the first given; raise InvalidRequest."""
    given = [("Last-Event-ID", request.headers.get("Last-Event-ID", ""))]
    given += [(name, request.args.get(name, "")) for name in _PARAMETERS]
    for name, text in given:
        if text:
            return _position(name, text)
    return START


def _position(name: str, text: str) -> Position:
    try:
        return sse.parse_id(text)
    except ValueError:
        raise InvalidRequest(errors=((name, "is not an event id of this server, such as 1.17"),)) from None
