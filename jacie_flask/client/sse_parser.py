"""Server-Sent Events, read incrementally: bytes in as the network cuts them, frames, comments and retry times out."""

import codecs
import re
from dataclasses import dataclass

_LINE_END = re.compile("\r\n|\r|\n")  # str.splitlines would also split at U+2028 and form feeds


@dataclass(frozen=True, slots=True)
class Frame:
    """A complete event; ``id`` is empty when the frame named none: the reader remembers the last one."""

    event: str
    data: str
    id: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A line that carries no event: padding or a heartbeat."""

    text: str


@dataclass(frozen=True, slots=True)
class Retry:
    """How long the server wants a reader to wait before it reconnects."""

    milliseconds: int


Item = Frame | Comment | Retry


class SseParser:
    """One connection's parser: ``feed`` takes bytes, and a frame that the connection's end cut off is never returned.

    Follows https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._started = False
        self._after_cr = False
        self._unfinished = ""
        self._event = ""
        self._data: list[str] = []
        self._id = ""

    def feed(self, chunk: bytes) -> list[Item]:
        """Return what ``chunk`` completed, in order."""
        items = (self._take(line) for line in self._lines(self._decoder.decode(chunk)))
        return [item for item in items if item is not None]

    def _lines(self, text: str) -> list[str]:
        if not text:
            return []
        if not self._started:
            self._started = True
            text = text.removeprefix("\ufeff")
        if self._after_cr:
            text = text.removeprefix("\n")
        self._after_cr = text.endswith("\r") if text else False
        lines = _LINE_END.split(self._unfinished + text)
        self._unfinished = lines.pop()
        return lines

    def _take(self, line: str) -> Item | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not name:
            return Comment(value)
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            return Retry(int(value))
        return None

    def _dispatch(self) -> Frame | None:
        event, data, event_id = self._event or "message", self._data, self._id
        self._event, self._data, self._id = "", [], ""
        return Frame(event, "\n".join(data), event_id) if data else None
