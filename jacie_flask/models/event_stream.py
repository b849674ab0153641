"""The event-stream format (WHATWG HTML, section 9.2.6): lines with any of its three endings, and events of several lines."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

BOM = b"\xef\xbb\xbf"
_SHOWN = 200


class TooLong(Exception):
    """A line or an event has more bytes than its limit."""


class Lines:
    """Cuts blocks of bytes into whole lines, in time linear in their length. CR, LF and CRLF each end a line.

    The lines that are returned end with LF or CRLF.
    """

    def __init__(self, limit: int) -> None:
        """Refuse lines of more than ``limit`` bytes."""
        self._limit = limit
        self._rest: list[bytes] = []
        self._rest_bytes = 0
        self._after_cr = False

    @property
    def open(self) -> bool:
        """Whether the next block can continue a line or its ending."""
        return self._after_cr or bool(self._rest)

    def feed(self, block: bytes) -> bytes:
        """Return the lines that are complete now; raise TooLong."""
        if self._after_cr or b"\r" in block:
            block = self._without_lone_cr(block)
        if not self._rest and block.endswith(b"\n"):
            return block
        end = block.rfind(b"\n") + 1
        if not end:
            self._keep(block)
            return b""
        if self._rest:
            whole = b"".join((*self._rest, block[:end]))
            self._rest, self._rest_bytes = [], 0
        else:
            whole = block[:end]
        if end < len(block):
            self._keep(block[end:])
        return whole

    def _without_lone_cr(self, block: bytes) -> bytes:
        """Return a block in which CR stands before LF only; one at its end may be the first half of a CRLF."""
        if self._after_cr and block:
            block = block.removeprefix(b"\n")
            self._after_cr = False
        if block.endswith(b"\r"):
            self._after_cr = True
        elif block.count(b"\r") == block.count(b"\r\n"):
            return block
        return block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _keep(self, part: bytes) -> None:
        self._rest.append(part)
        self._rest_bytes += len(part)
        if self._rest_bytes > self._limit:
            raise TooLong(f"a line has more than {self._limit} bytes")


class NotAnEvent(Exception):
    """The data of an event is not what its reader decodes."""


class Events(Generic[T]):
    """Collects the fields of events from whole lines and decodes their data."""

    def __init__(self, limit: int, decode: Callable[[str, bytes], T | None]) -> None:
        """Refuse events of more than ``limit`` bytes; ``decode`` takes an event's name and data and returns None for what it is not."""
        self._limit = limit
        self._decode = decode
        self._name = ""
        self._data: list[bytes] = []
        self._bytes = 0

    @property
    def open(self) -> bool:
        """Whether an event has begun and not ended."""
        return bool(self._data or self._name)

    def feed(self, lines: bytes) -> Iterator[T]:
        """Yield what lines, as ``Lines`` returns them, complete; raise TooLong or NotAnEvent.

        An empty line ends an event. A first ``data`` line that can be decoded alone is taken at once: some servers send no empty lines.
        """
        for ended_line in lines.split(b"\n")[:-1]:
            line = ended_line.removesuffix(b"\r")
            if not line:
                yield from self.end()
                continue
            name, _, value = line.partition(b":")
            if name == b"data":
                yield from self._line(value.removeprefix(b" "))
            elif name == b"event":
                self._name = value.removeprefix(b" ").decode("utf-8", "replace")

    def end(self) -> Iterator[T]:
        """Yield what an event that has begun holds; where its lines are no single value, each is one."""
        name, data = self._name, self._data
        self._name, self._data, self._bytes = "", [], 0
        if not data:
            return
        whole = self._decode(name, b"\n".join(data))
        if whole is not None:
            yield whole
            return
        for line in data:
            part = self._decode(name, line)
            if part is None:
                raise NotAnEvent(line[:_SHOWN].decode("utf-8", "replace"))
            yield part

    def _line(self, value: bytes) -> Iterator[T]:
        decoded = None if self._data else self._decode(self._name, value)
        if decoded is not None:
            yield decoded
            return
        self._data.append(value)
        self._bytes += len(value)
        if self._bytes > self._limit:
            raise TooLong(f"an event has more than {self._limit} bytes")
