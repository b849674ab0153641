"""Clients that lose their connection at any byte and resume, as the protocol says; they keep count of what they were sent."""

import contextlib
import json
import random
import re
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_HEAD_END = b"\r\n\r\n"


@dataclass
class Told:
    """What a client was told of one run, over all its connections."""

    text: str = ""
    end: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    run_id: str = ""
    ended_at: float = 0.0
    cuts: int = 0
    connections: int = 0
    doubled: int = 0
    unordered: int = 0
    reconnects: int = 0
    refusals: list[int] = field(default_factory=list)


class CuttingClient:
    """Asks one question and follows its run to the end; ``cuts`` connections are cut at random bytes."""

    def __init__(self, url: str, question: dict[str, Any], source: random.Random, cuts: int = 0) -> None:
        self._address = ("127.0.0.1", int(url.rpartition(":")[2]))
        self._question = question
        self._source = source
        self._cuts = cuts
        self._key = secrets.token_hex(8)
        self._last = (0, 0)
        self.told = Told()

    def run(self, seconds: float = 60) -> Told:
        """Follow the run until it has ended or is not known any more."""
        end = time.monotonic() + seconds
        while not self.told.end and time.monotonic() < end:
            self.told.connections += 1
            try:
                self._connection(end)
            except OSError:  # refused, reset or silent for too long
                time.sleep(0.05)
        self.told.ended_at = time.monotonic()
        return self.told

    def _connection(self, end: float) -> None:
        budget = self._budget() if self.told.cuts < self._cuts else None
        with socket.create_connection(self._address, timeout=60) as sock:
            sock.sendall(self._request())
            seen = b""
            while (budget is None or len(seen) < budget) and time.monotonic() < end:
                sock.settimeout(max(0.1, end - time.monotonic()))
                if not (data := sock.recv(min(65536, budget - len(seen) if budget is not None else 65536))):
                    break
                seen += data
                if data.endswith(b"0\r\n\r\n"):
                    break
            if budget is not None and len(seen) >= budget:
                self.told.cuts += 1
                if self._source.random() < 0.5:  # half of them with a reset
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._take(seen)

    def _budget(self) -> int:
        """Return after how many bytes to cut: in the head, in the padding, or among the frames."""
        return self._source.choice(
            (self._source.randint(0, 600), self._source.randint(2000, 4000), self._source.randint(2300, 9000))
        )

    def _request(self) -> bytes:
        if not self.told.run_id:
            body = json.dumps(self._question).encode()
            return (
                b"POST /chat/stream HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nIdempotency-Key: %s\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (self._key.encode(), len(body), body)
            )
        resume = b"Last-Event-ID: %d.%d\r\n" % self._last if self._last[1] else b""
        return b"GET /runs/%s/events HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % (self.told.run_id.encode(), resume)

    def _take(self, seen: bytes) -> None:
        head, found, rest = seen.partition(_HEAD_END)
        if not found:
            return
        status = int(head.split(b" ", 2)[1])
        if status != 200:
            self._refused(status)
            return
        self.told.run_id = re.search(rb"(?mi)^X-Run-Id: (\S+)", head)[1].decode()  # type: ignore[index]
        for frame in unchunked(rest).split(b"\n\n")[:-1]:
            self._frame(frame)

    def _refused(self, status: int) -> None:
        self.told.refusals.append(status)
        if status >= 500:
            time.sleep(0.1)
        elif self.told.run_id:
            self.told.end = f"http {status}"

    def _frame(self, frame: bytes) -> None:
        fields = dict(line.split(b": ", 1) for line in frame.split(b"\n") if line and not line.startswith(b":"))
        name = fields.get(b"event", b"").decode()
        if name == "reconnect":
            self.told.reconnects += 1
            time.sleep(json.loads(fields[b"data"])["retry_ms"] / 1000)
        if b"id" not in fields:
            return
        attempt, offset = map(int, fields[b"id"].split(b"."))
        if (attempt, offset) <= self._last:
            self.told.doubled += 1
            return
        self._last = (attempt, offset)
        data = json.loads(fields[b"data"])
        if name == "token":
            self.told.text += data["text"]
        elif name == "reset":
            self.told.text = ""
        elif name in ("result", "error"):
            self.told.end = "result" if name == "result" else data["code"]
            self.told.data = data


def unchunked(body: bytes) -> bytes:
    """Return the content of a chunked body that may be cut anywhere."""
    return b"".join(_chunks(body))


def _chunks(body: bytes) -> Iterator[bytes]:
    at = 0
    while (line_end := body.find(b"\r\n", at)) >= 0:
        with contextlib.suppress(ValueError):
            size = int(body[at:line_end], 16)
            if not size:
                return
            yield body[line_end + 2 : line_end + 2 + size]
            at = line_end + 2 + size + 2
            continue
        raise AssertionError(f"not a chunk: {body[at : at + 40]!r}")


def wrong_characters(seen: str, meant: str) -> int:
    """Return how many characters are lost, doubled or out of place."""
    if seen == meant:
        return 0
    same = next((at for at, (a, b) in enumerate(zip(seen, meant, strict=False)) if a != b), min(len(seen), len(meant)))
    return max(len(seen), len(meant)) - same
