"""HTTP as bytes: requests that no library would send, and what came back."""

import json
import socket
import time
from dataclasses import dataclass
from typing import Any

from tests.support.jacie import Frame, parse

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
ASK = {"query": "What was the revenue of Zanobela in 2024?", "auto_load_documents": False}


@dataclass
class Answer:
    """One response: status 0 where the connection ended without one."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's value."""
        return json.loads(self.body)

    @property
    def frames(self) -> list[Frame]:
        """The events of a stream, comments left out."""
        return [frame for frame in parse(self.body.splitlines(keepends=True)) if frame.name != ":"]


def connect(url: str, timeout: float = 60, source: str = "") -> socket.socket:
    """Open a connection to a server, from the address ``source`` of this machine where one is named."""
    host, _, port = url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=timeout, source_address=(source, 0) if source else None)


def post(body: bytes | None = None, *lines: str, path: str = "/chat", length: int | None = None) -> bytes:
    """Return a question as it goes over the wire; ``lines`` are more header lines."""
    data = json.dumps(ASK).encode() if body is None else body
    head = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", "Connection: close"]
    head += [f"Content-Length: {len(data) if length is None else length}", *lines]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + data


def chunked(body: bytes, *lines: str, path: str = "/chat") -> bytes:
    """Return a question whose body is these bytes of chunked framing."""
    head = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", "Transfer-Encoding: chunked", *lines]
    return "\r\n".join([*head, "Connection: close"]).encode("latin-1") + b"\r\n\r\n" + body


def get(target: str, *lines: str, method: str = "GET") -> bytes:
    """Return a request without a body."""
    return (
        "\r\n".join([f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *lines]).encode("latin-1")
        + b"\r\n\r\n"
    )


def sent(url: str, data: bytes, *, finish: bool = False, pause_s: float = 0.0, source: str = "") -> Answer:
    """Send bytes (one by one with a pause between) and return the first response that comes; ``finish`` closes the sending side."""
    with connect(url, source=source) as sock:
        try:
            if pause_s:
                for at in range(len(data)):
                    sock.sendall(data[at : at + 1])
                    time.sleep(pause_s)
            else:
                sock.sendall(data)
            if finish:
                sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused while it was sent: the answer may be there
        return received(sock)


def received(sock: socket.socket) -> Answer:
    """Read one response to its end."""
    seen = b""
    try:
        while data := sock.recv(1 << 16):
            seen += data
            if _whole(seen):
                break
    except (ConnectionResetError, BrokenPipeError):
        pass
    head, _, body = seen.removeprefix(_CONTINUE).partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/"):
        return Answer(0, {}, seen)
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if "chunked" in headers.get("transfer-encoding", ""):
        body = _plain(body)
    elif "content-length" in headers:  # what follows answers bytes that were taken for another request
        body = body[: int(headers["content-length"])]
    return Answer(int(lines[0].split()[1]), headers, body)


def _whole(seen: bytes) -> bool:
    head, end, body = seen.removeprefix(_CONTINUE).partition(b"\r\n\r\n")
    if b"\r\ntransfer-encoding: chunked" in head.lower():
        return body.endswith(b"0\r\n\r\n")
    marker = b"\r\ncontent-length: "
    at = head.lower().find(marker)
    return bool(end) and at >= 0 and len(body) >= int(head[at + len(marker) :].split(b"\r\n")[0])


def _plain(body: bytes) -> bytes:
    """Return a chunked body without its framing."""
    plain = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        count = int(size, 16)
        plain, body = plain + rest[:count], rest[count + 2 :]
        if not count:
            break
    return plain
