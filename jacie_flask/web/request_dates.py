"""Dates in the headers of requests: one that nobody can read is no date (RFC 9110, section 13.1.3)."""

from collections.abc import Callable
from datetime import UTC
from typing import Any

from flask import Flask, request
from werkzeug.http import parse_date, parse_if_range_header

_READERS: dict[str, Callable[[str], Any]] = {
    "HTTP_IF_MODIFIED_SINCE": parse_date,
    "HTTP_IF_UNMODIFIED_SINCE": parse_date,
    "HTTP_IF_RANGE": lambda text: parse_if_range_header(text).date,
    "HTTP_DATE": parse_date,
}


def init_app(app: Flask) -> None:
    """Leave out, before anything else reads them, dates whose reading or comparing fails."""

    @app.before_request
    def leave_out_unreadable_dates() -> None:
        for name, read in _READERS.items():
            if name in request.environ and not _comparable(read, request.environ[name]):
                del request.environ[name]
                if name == "HTTP_IF_RANGE":  # a part is sent only to whom has the rest of the same version
                    request.environ.pop("HTTP_RANGE", None)


def _comparable(read: Callable[[str], Any], text: str) -> bool:
    """Say whether a header can be read, and its date, if it holds one, compared with others."""
    try:
        date = read(text)
        return date is None or date.astimezone(UTC) is not None
    except (ValueError, OverflowError, TypeError, IndexError):
        return False
