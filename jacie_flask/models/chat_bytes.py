"""The bytes of a chat completion as chunks: an event stream, or plain JSON from servers that do not stream."""

from collections.abc import Callable

from jacie_flask.errors import UNDECODABLE
from jacie_flask.models.chunks import Chunk, Malformed, decode_chunk, decode_lines, loose_chunk, read_json
from jacie_flask.models.event_stream import BOM, Events, Lines, NotAnEvent, TooLong

_LINE_LIMIT = 1 << 20
_BODY_LIMIT = 1 << 22
_SHOWN = 200
_DATA = b"\ndata:"
_LAST_LINES = b"\ndata: [DONE]\n\n"
_EVENT_ENDS = (b"\n\n", b"\r\n\r\n")
UNREADABLE = (TooLong, NotAnEvent, Malformed)
"""What the methods of ``ChatBytes`` raise."""


class ChatBytes:
    """Hands on the chunks of one body.

    ``done`` says that the server has marked the end; ``loose`` that text may hold surrogates; ``is_json`` that the body is no stream.
    ``understood`` says that the body holds events or JSON; ``sample`` is its beginning.
    """

    def __init__(self, take: Callable[[list[Chunk]], None], answered: Callable[[], bool]) -> None:
        """Give chunks to ``take``; ``answered`` says whether it has text by now."""
        self._take = take
        self._answered = answered
        self.done = self.loose = self.is_json = self.understood = False
        self.sample = b""
        self._beginning: bytes | None = b""
        self._json: list[bytes] = []
        self._json_bytes = 0
        self._lines = Lines(_LINE_LIMIT)
        self._events: Events[Chunk] = Events(_LINE_LIMIT, self._decode)
        self._between_events = False

    def feed(self, block: bytes) -> None:
        """Take the chunks that a block completes."""
        if self._between_events and block.endswith(_EVENT_ENDS):
            chunks = _decode_data_lines(block)
            if chunks is not None:
                self._take(chunks)
                return
        if self._beginning is not None:
            block = self._begin(self._beginning + block)
        if self.is_json:
            self._keep(block)
        elif whole := self._lines.feed(block):
            self._take_lines(whole)
        self._between_events = not (self.is_json or self._lines.open or self._events.open) and self._beginning is None

    def end(self) -> None:
        """Take what the server left without its end."""
        if self.is_json:
            self._take_json(b"".join(self._json))
        else:
            self.feed(b"\n\n")

    def _begin(self, block: bytes) -> bytes:
        """Return a block without what may stand before the first line, and see whether the body is JSON."""
        if BOM.startswith(block) and block != BOM:
            self._beginning = block
            return b""
        block = block.removeprefix(BOM).lstrip(b"\r\n\t ")
        self._beginning = None if block else b""
        self.sample = block[:_SHOWN]
        self.is_json = block.startswith((b"{", b"["))
        return block

    def _keep(self, block: bytes) -> None:
        self._json.append(block)
        self._json_bytes += len(block)
        if self._json_bytes > _BODY_LIMIT:
            raise TooLong(f"the reply has more than {_BODY_LIMIT} bytes")

    def _take_lines(self, whole: bytes) -> None:
        if not self._events.open:
            if whole.endswith(_LAST_LINES):
                whole = whole[: -len(_LAST_LINES) + 1]
                self.done = True
            chunks = _decode_data_lines(whole)
            if chunks is not None:
                self._take(chunks)
                return
        for chunk in self._events.feed(whole):
            self._take([chunk])

    def _take_json(self, body: bytes) -> None:
        """Take one JSON value, a list of them, or one a line."""
        chunk = self._decode("", body)
        for line in [body] if chunk else body.split(b"\n"):
            chunk = chunk or self._decode("", line)
            if chunk is None:
                raise NotAnEvent(line[:_SHOWN].decode("utf-8", "replace"))
            self._take([chunk])
            chunk = None

    def _decode(self, name: str, data: bytes) -> Chunk | None:
        """Return the chunk of an event's data, None for what is no JSON; raise Malformed."""
        data = data.strip()
        self.understood = True
        if not data:
            return Chunk([])
        if data.upper() == b"[DONE]":
            self.done = True
            return Chunk([])
        if name == "error":
            return Chunk([], error=data.decode("utf-8", "replace"))
        try:
            return decode_chunk(data)
        except UNDECODABLE:
            pass
        try:
            value = read_json(data)
        except ValueError:
            return None
        self.loose = True
        if self.is_json and isinstance(value, list) and len(value) == 1:
            value = value[0]
        return loose_chunk(value, answered=self._answered())


def _decode_data_lines(whole: bytes) -> list[Chunk] | None:
    """Decode lines that are all data, in one pass; None where anything else is among them, or anything is wrong.

    No JSON text holds a raw line end, so taking the field names away cannot touch a value.
    """
    try:
        if whole.startswith(b"data:") and whole.find(b"\n") >= len(whole) - 2:
            return [decode_chunk(whole[5:])]
        named = b"\n" + whole
        lines = named.replace(_DATA, b"\n")
        chunks = decode_lines(lines)
    except UNDECODABLE:
        return None
    return chunks if len(named) - len(lines) == (len(_DATA) - 1) * len(chunks) else None
