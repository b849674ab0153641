"""Bodies of HTTP/1.1 responses while their bytes arrive: all the payload of one socket read comes as one piece (RFC 9112, 6 and 7)."""

import re
from collections.abc import Callable
from typing import Protocol

_LINE_LIMIT = 4096
_TRAILER_LIMIT = 16_384
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[\t\x20-\x7e\x80-\xff]*+)?[ \t]*")
_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")
_REMEMBERED = 4096
# Size lines that were found well-formed once: looking one up costs a tenth of reading it. None of them is a zero.
_sizes: dict[bytes, int] = {}


class MalformedBody(Exception):
    """What arrived is not what the head announced."""


class Decoder(Protocol):
    """Takes the bytes of a body read by read.

    ``done`` says that the body is complete; ``surplus`` that more came than belongs to it.
    """

    done: bool
    surplus: bool

    def feed(self, data: bytes) -> bytes:
        """Return the payload in ``data``, maybe none; raise MalformedBody."""

    def end(self) -> None:
        """Note that the peer has closed; raise MalformedBody where the body is not complete."""


class Sized:
    """A body of ``Content-Length`` bytes."""

    def __init__(self, length: int) -> None:
        self.done = not length
        self.surplus = False
        self._left = length

    def feed(self, data: bytes) -> bytes:
        """Return the bytes that belong to the body."""
        payload = data[: self._left]
        self._left -= len(payload)
        self.done = not self._left
        self.surplus = self.surplus or len(payload) < len(data)
        return payload

    def end(self) -> None:
        """Raise MalformedBody for bytes that never came."""
        if not self.done:
            raise MalformedBody(f"the peer closed {self._left} bytes before the body's end")


class UntilClosed:
    """A body that ends with its connection."""

    done = False
    surplus = False

    def feed(self, data: bytes) -> bytes:
        """Return all of it."""
        return data

    def end(self) -> None:
        """Note that this was the body."""
        self.done = True


class Chunked:
    """A body in the chunked transfer coding: strict about sizes and line ends; trailer fields are checked and dropped."""

    def __init__(self) -> None:
        self.done = False
        self.surplus = False
        self._left = 0  # bytes of the open chunk still to come, its two closing ones included
        self._held = b""  # the beginning of a size line or of a trailer field
        self._trailers = -1  # their bytes so far; -1 before the last chunk

    def feed(self, data: bytes) -> bytes:
        """Return the payload of all chunks, whole or not, in ``data``."""
        if self._held:
            data, self._held = self._held + data, b""
        pieces: list[bytes] = []
        at = self._continue(data, pieces) if self._left else 0
        if self._trailers < 0 and at < len(data):
            at = self._chunks(data, at, pieces)
        if self._trailers >= 0 and at < len(data):
            self._trailer(data, at)
        return b"".join(pieces)

    def end(self) -> None:
        """Raise MalformedBody where the last chunk never came."""
        if not self.done:
            raise MalformedBody("the peer closed before the last chunk")

    def _continue(self, data: bytes, pieces: list[bytes]) -> int:
        """Take what ``data`` begins with of the open chunk; return where that ends."""
        payload = max(self._left - 2, 0)
        closing = data[payload : self._left]
        if not b"\r\n"[-self._left :].startswith(closing):
            raise MalformedBody("a chunk is longer than its size")
        pieces.append(data[:payload])
        at = min(self._left, len(data))
        self._left -= at
        return at

    def _chunks(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        """Take chunks until ``data`` or the body ends; return where they end. This loop runs once a token."""
        find, known, take = data.find, _sizes.get, pieces.append
        while True:
            start = find(b"\r\n", at) + 2
            if start == 1:
                self._hold(data[at:])
                return len(data)
            size = known(data[at : start - 2]) or _size(data[at : start - 2])
            if not size:
                self._trailers = 0
                return start
            at = start + size
            if data[at : at + 2] != b"\r\n":
                return self._open(data, start, at, take)
            take(data[start:at])
            at += 2

    def _open(self, data: bytes, start: int, stop: int, take: Callable[[bytes], None]) -> int:
        """Take what has arrived of a chunk that ends after ``data``; return the end of ``data``."""
        if not b"\r\n".startswith(data[stop:]):
            raise MalformedBody("a chunk is longer than its size")
        take(data[start:stop])
        self._left = stop + 2 - len(data)
        return len(data)

    def _hold(self, line: bytes) -> None:
        """Keep the beginning of a line for the next read."""
        if len(line) > _LINE_LIMIT:
            raise MalformedBody("a line of the chunked coding has no end")
        self._held = line

    def _trailer(self, data: bytes, at: int) -> None:
        """Check the fields after the last chunk until the empty line that ends the body."""
        while (end := data.find(b"\r\n", at)) != at:
            if end < 0:
                return self._hold(data[at:])
            self._trailers += end - at
            if self._trailers > _TRAILER_LIMIT or not _FIELD.fullmatch(data, at, end):
                raise MalformedBody("a trailer field is not one")
            at = end + 2
        self.done = True
        self.surplus = at + 2 < len(data)
        return None


def _size(line: bytes) -> int:
    """Return the size that a line announces, its extensions ignored."""
    found = _SIZE.fullmatch(line) if len(line) <= _LINE_LIMIT else None
    if found is None:
        raise MalformedBody(f"not the size of a chunk: {line[:32]!r}")
    size = int(found[1], 16)
    if size and len(line) <= 8 and len(_sizes) < _REMEMBERED:
        _sizes[line] = size
    return size
