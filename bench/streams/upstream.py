"""The model's server of every measurement: chat completions as OpenAI streams them, from one cheap epoll loop.

    python -m bench.streams.upstream PORT

A request says by its plan what it gets. One event is one HTTP chunk, as model servers flush them. ``GET /closed`` tells when
the connections of named plans were closed by the other side. ``GET /go`` starts the paced answers that are open: so what it takes
to open them is over before their pace begins. ``GET /open`` counts the answers that are not at their end, ``GET /drop`` closes them.
"""

import gc
import heapq
import itertools
import json
import random
import resource
import select
import socket
import sys
import time
from functools import lru_cache

from bench.streams.plan import Plan, find, stamped, words

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
_CHUNK = {
    "id": "chatcmpl-CfQ3mTzLkYw0XbnWJ9sVd2RuHaPo7",
    "object": "chat.completion.chunk",
    "created": 1795000000,
    "model": "gpt-4.1-mini-2025-04-14",
    "service_tier": "default",
    "system_fingerprint": "fp_6f2eabb9a5",
}
_POUR = 1 << 18
_DUE_AT_ONCE = 64
_UNREAD = 1 << 16


def event(delta: dict[str, str], finish: str | None = None) -> bytes:
    """Return one event of the stream as an HTTP chunk."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return framed(json.dumps({**_CHUNK, "choices": [choice]}, separators=(",", ":")).encode())


def framed(data: bytes) -> bytes:
    """Return ``data`` as an SSE event in an HTTP chunk."""
    return b"%x\r\ndata: %s\n\n\r\n" % (len(data) + 8, data)


BEGIN = event({"role": "assistant", "content": "", "refusal": None})  # type: ignore[dict-item]  # as OpenAI sends it
_BEFORE, _AFTER = (part for part in event({"content": "\0"}).partition(b"\r\n")[2][:-2].split(b"\\u0000"))


def token(text: str) -> bytes:
    """Return one token's event; the same bytes as ``event`` makes, for text that JSON does not escape."""
    data = b"%s%s%s" % (_BEFORE, text.encode(), _AFTER)
    return b"%x\r\n%s\r\n" % (len(data), data)


@lru_cache
def ending(tokens: int, usage: bool) -> bytes:
    """Return what follows the last token: finish reason, usage where it was asked for, the end of the body."""
    counted = {"prompt_tokens": 60, "completion_tokens": tokens, "total_tokens": 60 + tokens}
    told = framed(json.dumps({**_CHUNK, "choices": [], "usage": counted}, separators=(",", ":")).encode()) if usage else b""
    return event({}, "stop") + told + framed(b"[DONE]") + b"0\r\n\r\n"


@lru_cache
def poured(tokens: int, usage: bool | None) -> bytes:
    """Return a whole poured answer; with ``usage`` None its end is left out."""
    end = b"" if usage is None else ending(tokens, usage)
    return _HEAD + BEGIN + b"".join(map(token, words(tokens))) + end


class Connection:
    """One connection: the request that is being read, the answer that is being written."""

    __slots__ = ("due", "name", "number", "plan", "received", "rest", "sock", "usage")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = b""
        self.rest = memoryview(b"")
        self.plan: Plan | None = None
        self.usage = False
        self.number = 0
        self.due = 0.0
        self.name = ""

    def request(self) -> tuple[bytes, bytes] | None:
        """Take the next whole request off what was received: its head and its body."""
        head, separator, rest = self.received.partition(b"\r\n\r\n")
        if not separator:
            return None
        length = _content_length(head)
        if len(rest) < length:
            return None
        self.received = rest[length:]
        return head, rest[:length]


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


class Upstream:
    """All connections, and the paced tokens that are due, earliest first."""

    def __init__(self, port: int) -> None:
        self.listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self.listener.setblocking(False)
        self.poll = select.epoll()
        self.poll.register(self.listener, select.EPOLLIN)
        self.connections: dict[int, Connection] = {}
        self.schedule: list[tuple[float, int, Connection]] = []
        self.order = itertools.count()
        self.ready: list[Connection] = []
        self.dice = random.Random(11)
        self.closed: dict[str, float] = {}

    def serve(self) -> None:
        """Answer until the process ends."""
        while True:
            now = time.monotonic()
            wait = max(0.0, self.schedule[0][0] - now) if self.schedule else 1.0
            select.select([self.poll], [], [], wait)  # epoll's own timeout has whole milliseconds
            for descriptor, events in self.poll.poll(0):
                self._ready(descriptor, events)
            self._send_due()

    def _ready(self, descriptor: int, events: int) -> None:
        if descriptor == self.listener.fileno():
            self._accept()
            return
        connection = self.connections.get(descriptor)
        if connection is None:
            return
        if events & ~select.EPOLLOUT:
            self._read(connection)
        if events & select.EPOLLOUT and descriptor in self.connections:
            self._flush(connection)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections[sock.fileno()] = Connection(sock)
            self.poll.register(sock, select.EPOLLIN)

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(connection)
            return
        connection.received += data
        if asked := connection.request():
            self._answer(connection, *asked)

    def _close(self, connection: Connection) -> None:
        if connection.name:
            self.closed[connection.name] = time.monotonic()
        connection.plan = None
        del self.connections[connection.sock.fileno()]
        connection.sock.close()

    def _answer(self, connection: Connection, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET"):
            self._write(connection, _json_answer(self._told(head)))
            return
        connection.usage = b"include_usage" in body
        connection.plan = plan = find(body) or Plan(1)
        connection.name = plan.name
        if plan.rate:
            self._write(connection, _HEAD + BEGIN + token(stamped(0)))
            connection.number = 1
            self.ready.append(connection)
        else:
            self._write(connection, poured(plan.tokens, None if plan.wait else connection.usage))
            connection.plan = plan if plan.wait else None

    def _told(self, head: bytes) -> object:
        """Do what a GET says and return what it asks for."""
        if head.startswith(b"GET /closed"):
            return self.closed
        unfinished = [connection for connection in self.connections.values() if connection.plan is not None]
        if head.startswith(b"GET /open"):
            return len(unfinished)
        if head.startswith(b"GET /drop"):
            for connection in unfinished:
                self._close(connection)
        if head.startswith(b"GET /go"):
            self._go()
        return {"object": "list", "data": []}

    def _go(self) -> None:
        """Start every paced answer that waits for it, somewhere within its first interval."""
        now = time.monotonic()
        for connection in self.ready:
            if connection.plan is not None:
                connection.due = now + self.dice.random() / connection.plan.rate
                heapq.heappush(self.schedule, (connection.due, next(self.order), connection))
        self.ready.clear()

    def _send_due(self) -> None:
        """Send tokens that are due, at most so many that clients are heard in between; a late one does not delay those after it."""
        schedule = self.schedule
        for _ in range(_DUE_AT_ONCE):
            if not schedule or schedule[0][0] > time.monotonic():
                return
            connection = schedule[0][2]
            plan = connection.plan
            if plan is None:
                heapq.heappop(schedule)
            elif connection.number == plan.tokens:
                heapq.heappop(schedule)
                self._end(connection, plan)
            else:
                if len(connection.rest) < _UNREAD:  # nobody makes up words for a client that does not read
                    self._write(connection, token(stamped(connection.number)))
                    connection.number += 1
                connection.due += 1 / plan.rate
                heapq.heapreplace(schedule, (connection.due, next(self.order), connection))

    def _end(self, connection: Connection, plan: Plan) -> None:
        if not plan.wait:
            self._write(connection, ending(plan.tokens, connection.usage))
            connection.plan = None

    def _write(self, connection: Connection, data: bytes) -> None:
        if connection.rest:
            connection.rest = memoryview(bytes(connection.rest) + data)
            return
        connection.rest = memoryview(data)
        self._flush(connection, first=True)

    def _flush(self, connection: Connection, *, first: bool = False) -> None:
        try:
            sent = connection.sock.send(connection.rest[:_POUR])
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # the read side tells
        connection.rest = connection.rest[sent:]
        if connection.rest and first:
            self.poll.modify(connection.sock, select.EPOLLIN | select.EPOLLOUT)
        elif not connection.rest and not first:
            self.poll.modify(connection.sock, select.EPOLLIN)


def _json_answer(value: object) -> bytes:
    body = json.dumps(value).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


def main() -> None:
    """Serve on the port that the command line names."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.disable()  # nothing here is cyclic, and a collection would look like a slow server
    Upstream(int(sys.argv[1])).serve()


if __name__ == "__main__":
    main()
