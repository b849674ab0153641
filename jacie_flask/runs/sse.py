"""Server-Sent Events as bytes: pure functions from log entries to frames (WHATWG HTML, section 9.2)."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from jacie_flask.events import Event, Reconnect, Token
from jacie_flask.interfaces import Entry

# A comment is one line without a blank line behind it: some clients dispatch an empty message for a block without data.
HEARTBEAT = b": keep-alive\n"
# Some proxies and old browsers hold back the first 2 KiB of a response.
PREAMBLE = b":" + b" " * 2048 + b"\n"
RETRY_MS = 2000
RETRY = b"retry: %d\n" % RETRY_MS
"""The line that stands in front of a stream's first frame and belongs to it."""

# A token's JSON around its text.
_TEXT = b'{"text":"%b"}'
_TEXT_BEGINS, _TEXT_ENDS = 9, -2

_encoder = msgspec.json.Encoder()


def encode(event: Event) -> bytes:
    """Return an event's JSON; JSON escapes CR, LF and NUL, so that it is one line whatever a document held.

    Lone surrogates, as file names that are not UTF-8 hold, become question marks.
    """
    try:
        return _encoder.encode(event)
    except UnicodeEncodeError:
        return _encoder.encode(_sendable(msgspec.to_builtins(event)))


def entry(event: Event, attempt: int, offset: int) -> Entry:
    """Return the log entry of an event at its place."""
    return Entry(attempt, offset, event.name, encode(event), event.terminal)


def frame(item: Entry) -> bytes:
    """Return one frame with id, event and data."""
    return b"id: %d.%d\nevent: %s\ndata: %s\n\n" % (item.attempt, item.offset, item.name.encode("ascii"), item.data)


def frames(items: Sequence[Entry]) -> bytes:
    """Return many frames as one piece, for one write; tokens that follow each other become one, with the last one's id."""
    if len(items) == 1:
        return frame(items[0])
    return b"".join(map(frame, joined(items)))


def joined(items: Sequence[Entry]) -> Iterator[Entry]:
    """Yield the entries, each series of tokens of one attempt as a single one: what a slow reader is behind costs it little."""
    series: list[Entry] = []
    for item in items:
        if series and (item.name != Token.name or item.attempt != series[0].attempt):
            yield _one(series)
            series = []
        if item.name == Token.name:
            series.append(item)
        else:
            yield item
    if series:
        yield _one(series)


def _one(series: Sequence[Entry]) -> Entry:
    """Return tokens as one: JSON strings are joined as they are, so nothing is decoded."""
    if len(series) == 1:
        return series[0]
    texts = b"".join([item.data[_TEXT_BEGINS:_TEXT_ENDS] for item in series])
    last = series[-1]
    return Entry(last.attempt, last.offset, Token.name, _TEXT % texts, False)


def reconnect(retry_ms: int) -> bytes:
    """Return the frame that sends a reader elsewhere; without an id, because it is not in the log."""
    return b"retry: %d\nevent: reconnect\ndata: %s\n\n" % (retry_ms, encode(Reconnect(retry_ms=retry_ms)))


def parse_id(text: str) -> tuple[int, int]:
    """Return (attempt, offset) of a ``Last-Event-ID``; raise ValueError for anything that this server never sent."""
    attempt, dot, offset = text.partition(".")
    if not (dot and attempt.isascii() and attempt.isdigit() and offset.isascii() and offset.isdigit() and len(text) <= 24):
        raise ValueError(f"not an event id: {text[:40]!r}")
    return int(attempt), int(offset)


def _sendable(value: Any) -> Any:  # any JSON value
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_sendable(name): _sendable(part) for name, part in value.items()}
    return [_sendable(part) for part in value] if isinstance(value, list) else value
