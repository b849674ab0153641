"""Plain HTTP/1.1 over sockets and threads for the fake upstreams of the tests: one thread a connection, faults included."""

import argparse
import json
import queue
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from jacie_flask.processes import held_port

REASONS = {200: "OK", 201: "Created", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
           429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}  # fmt: skip


class ClientGoneError(Exception):
    """The client closed its connection."""


class Request:
    """One request as it arrived; ``client_closed_at`` is when its client was seen to leave before the answer's end.

    ``connection`` is the same number for requests of one TCP connection.
    """

    def __init__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        """Keep the raw parts; header names are lower case."""
        parts = urlsplit(target)
        self.method, self.target, self.path = method, target, parts.path
        self.params: dict[str, str] = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.headers, self.body = headers, body
        self.at = time.monotonic()
        self.finished_at: float | None = None
        self.client_closed_at: float | None = None
        self.client_closed = threading.Event()
        self.connection = 0

    @property
    def json(self) -> Any:
        """Return the decoded JSON body."""
        return json.loads(self.body or b"{}")


class Connection:
    """The server's end of one TCP connection."""

    def __init__(self, sock: socket.socket, stopping: threading.Event) -> None:
        """Wrap an accepted socket."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock, self.stopping = sock, stopping
        self._buffer = b""

    def read_request(self) -> Request | None:
        """Return the next request, None when the client is done."""
        self.sock.settimeout(None)
        while b"\r\n\r\n" not in self._buffer:
            if not self._fill():
                return None
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if headers.get("expect", "").lower() == "100-continue":
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return Request(method, target, headers, self._read_body(headers))

    def _read_body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self._take(int(headers.get("content-length", "0")))
        body = b""
        while size := int(self._line().split(b";")[0], 16):
            body += self._take(size)
            self._line()
        self._line()
        return body

    def _fill(self) -> bool:
        data = self.sock.recv(1 << 16)
        self._buffer += data
        return bool(data)

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            if not self._fill():
                raise ClientGoneError
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        return line

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            if not self._fill():
                raise ClientGoneError
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def write(self, data: bytes) -> None:
        """Send everything in one call; raise ClientGoneError."""
        try:
            self.sock.settimeout(None)
            self.sock.sendall(data)
        except OSError as error:
            raise ClientGoneError from error

    def wait(self, seconds: float) -> None:
        """Sleep, but raise ClientGoneError the moment the client closes or the server stops."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.stopping.is_set():
                raise ClientGoneError
            try:
                self.sock.settimeout(min(left, 0.5))
                data = self.sock.recv(1, socket.MSG_PEEK)
            except TimeoutError:
                continue
            except OSError as error:
                raise ClientGoneError from error
            if not data:
                raise ClientGoneError
            time.sleep(min(left, 0.01))

    def respond(self, status: int, body: bytes, content_type: str = "application/json", **headers: str) -> None:
        """Send a whole response of known length; ``_`` in header names becomes ``-``."""
        self.write(self.head(status, content_type, content_length=str(len(body)), **headers) + body)

    def respond_json(self, status: int, value: Any, **headers: str) -> None:
        """Send a value as JSON."""
        self.respond(status, json.dumps(value).encode(), **headers)

    @staticmethod
    def head(status: int, content_type: str, **headers: str) -> bytes:
        """Build a status line and headers."""
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Other')}", f"Content-Type: {content_type}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    @staticmethod
    def chunk(data: bytes) -> bytes:
        """Frame one piece of a chunked body."""
        return b"%x\r\n%s\r\n" % (len(data), data)

    def reset(self) -> None:
        """Close with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        """Close in an orderly way (FIN), whatever is still unread."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


class LocalServer:
    """Listens on 127.0.0.1 and hands each request to ``answer``; a context manager."""

    def __init__(self, port: int = 0) -> None:
        """Bind and start accepting; port 0 takes a free one."""
        self.requests: list[Request] = []
        self._connections: set[Connection] = set()
        self._listen(port)
        self.origin = f"http://127.0.0.1:{self.port}"

    def _listen(self, port: int) -> None:
        self.stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener, self.stopping), daemon=True).start()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Close the port and cut every connection meanwhile."""
        self.stop()
        with held_port(self.port):
            try:
                yield
            finally:
                self._listen(self.port)

    def answer(self, request: Request, connection: Connection) -> None:
        """Answer one request; raise ClientGoneError to drop the connection."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop listening and cut every connection."""
        self.stopping.set()
        # close() alone does not wake a thread that is blocked in accept().
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._connections):
            connection.close()

    def __enter__(self) -> Self:
        """Return the running server."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def _accept(self, listener: socket.socket, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(Connection(sock, stopping),), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        self._connections.add(connection)
        request = None
        try:
            while request := connection.read_request():
                request.connection = id(connection)
                self.requests.append(request)
                self.answer(request, connection)
                request.finished_at = time.monotonic()
        except (ClientGoneError, OSError):
            if request is not None and not connection.stopping.is_set():
                request.client_closed_at = time.monotonic()
                request.client_closed.set()
        finally:
            self._connections.discard(connection)
            connection.close()


class OwnProcess:
    """A server of tests/support in a process of its own; ``url`` is the line it printed."""

    def __init__(self, script: str, *arguments: str) -> None:
        """Start ``python [-m gevent.monkey] tests/support/<script>`` and wait for its URL."""
        path = Path(__file__).with_name(script)
        self.process = subprocess.Popen([sys.executable, str(path), *arguments], stdout=subprocess.PIPE, text=True)
        lines: queue.Queue[str] = queue.Queue()
        assert self.process.stdout is not None
        threading.Thread(target=lambda: lines.put(self.process.stdout.readline()), daemon=True).start()  # type: ignore[union-attr]
        self.url = lines.get(timeout=60).strip()

    def __enter__(self) -> Self:
        """Return the running process."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait(60)
        if self.process.stdout:
            self.process.stdout.close()


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return the command line that servers of a model or an index have in common."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--api-key")
    return parser


def serve_until_killed(start: Callable[[], LocalServer], url: Callable[[LocalServer], str]) -> None:
    """Run a server in this process, print its URL, and stay until the process is ended."""
    with start() as server:
        sys.stdout.write(url(server) + "\n")
        sys.stdout.flush()
        while True:
            time.sleep(3600)
