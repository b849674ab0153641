"""A model's server whose reply to a chat request is given as bytes, write by write."""

import json
import threading
from dataclasses import dataclass, field
from typing import Any

from tests.support.servers import ClientGoneError, Connection, LocalServer, Request

HANG, RESET, CLOSE = "hang", "reset", "close"


@dataclass(frozen=True)
class Reply:
    """``writes`` go out one after the other; ``ending`` is "" for a complete body, or what happens instead of its end."""

    writes: tuple[bytes, ...]
    ending: str = ""
    status: int = 200
    content_type: str = "text/event-stream"
    chunked: bool = True
    split: int = 0
    held: int = -1
    """The write before which the server waits for ``RawModel.go``."""


@dataclass
class Seen:
    """What the server was asked: the bodies of the chat requests."""

    bodies: list[dict[str, Any]] = field(default_factory=list)


class RawModel(LocalServer):
    """Answers chat requests with ``replies``, one a request and the last one for all that follow."""

    def __init__(self, *replies: Reply) -> None:
        """Start listening."""
        self.replies = list(replies)
        self.seen = Seen()
        self.left, self.go = threading.Event(), threading.Event()
        super().__init__()
        self.url = f"{self.origin}/v1"

    def answer(self, request: Request, connection: Connection) -> None:
        """Send the reply."""
        try:
            self._reply(request, connection)
        except ClientGoneError:
            self.left.set()
            raise

    def _reply(self, request: Request, connection: Connection) -> None:
        self.seen.bodies.append(request.json)
        reply = self.replies[min(len(self.seen.bodies), len(self.replies)) - 1]
        pieces = list(reply.writes)
        if reply.split:
            whole = b"".join(pieces)
            pieces = [whole[at : at + reply.split] for at in range(0, len(whole), reply.split)]
        if not reply.chunked:
            connection.write(connection.head(reply.status, reply.content_type, Connection="close"))
        else:
            connection.write(connection.head(reply.status, reply.content_type, Transfer_Encoding="chunked"))
        for number, piece in enumerate(pieces):
            if number == reply.held:
                self.go.wait(30)  # only a broken test waits so long
            connection.write(connection.chunk(piece) if reply.chunked else piece)
        self._end(reply, connection)

    def _end(self, reply: Reply, connection: Connection) -> None:
        if reply.ending == HANG:
            connection.wait(60)  # the client leaves long before
        elif reply.ending == RESET:
            connection.reset()
        elif reply.ending == CLOSE or not reply.chunked:
            raise ClientGoneError
        else:
            connection.write(connection.chunk(b""))


def event(value: Any) -> bytes:
    """Return a value as one event; a string is JSON already."""
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


def chunk(delta: Any, finish_reason: Any = None, **more: Any) -> dict[str, Any]:
    """Return a chunk with one choice; ``more`` are further fields of the chunk."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}], **more}


def text(content: Any, finish_reason: Any = None, **more: Any) -> bytes:
    """Return the event of a chunk with content."""
    return event(chunk({"content": content}, finish_reason, **more))
