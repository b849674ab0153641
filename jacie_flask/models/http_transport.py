"""HTTP/1.1 for the openai SDK with bodies read raw: one socket read gives one piece of payload, however many chunks it holds.

h11 writes the request and reads the response's head; connections are kept alive; proxies and HTTP/2 are left to httpx2.
"""

import ssl
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import h11
import httpx2

from jacie_flask.models.connections import Connection, IdleConnections, Origin, Unanswered, connect, translated
from jacie_flask.models.response_bodies import Body, BoundedBody, Cut
from jacie_flask.models.transfer_coding import Chunked, Decoder, Sized, UntilClosed

_HEAD_BYTES = 100 * 1024
_PORTS = {"http": 80, "https": 443}
_PAYLOAD = "jacie_payload"
_REFUSED = 400


def serves(url: httpx2.URL) -> bool:
    """Say whether requests to ``url`` can go the direct way: plain or TLS, and no proxy of the environment stands before it."""
    proxies = urllib.request.getproxies()
    proxied = (proxies.get(url.scheme) or proxies.get("all")) and not urllib.request.proxy_bypass(url.host)
    return url.scheme in _PORTS and not proxied


class Payload(NamedTuple):
    """The body of an opened response: its pieces as they come, what ends it early, and what bounds the wait for the next piece."""

    pieces: Iterator[bytes]
    close: Callable[[], None]
    bound: Callable[[float], None]


def payload(response: httpx2.Response) -> Payload:
    """Return the body of an opened response, past httpx2's own layers where there is nothing to decompress."""
    raw: Payload | None = response.extensions.get(_PAYLOAD)
    if raw is None or response.headers.get("content-encoding", "identity") != "identity":
        return Payload(response.iter_bytes(), response.close, Cut(response).within)
    return raw


class Transport(httpx2.BaseTransport):
    """Connects, asks and reads; what goes wrong is raised as httpx2's own transport raises it.

    At most ``idle`` connections to one origin are kept, each for ``idle_s``. One that turns out to be dead before the first byte
    of its response is replaced once.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, idle: int = 100, idle_s: float = 5.0) -> None:
        """Use ``tls``, or httpx2's default; the limits are those of the SDK's own client."""
        self._idle = IdleConnections(idle, idle_s)
        self._tls = tls or httpx2.create_ssl_context()
        self._tls.set_alpn_protocols(["http/1.1"])

    def __del__(self) -> None:
        self.close()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the response as soon as its head is there."""
        protocol, message = _message(request)
        origin = Origin(request.url.scheme, request.url.raw_host.decode("ascii"), request.url.port or _PORTS[request.url.scheme])
        kept = self._idle.take(origin)
        if kept is not None:
            try:
                return self._ask(kept, request, protocol, message)
            except Unanswered:
                protocol, message = _message(request)
        timeout_s = _timeouts(request).get("connect")
        fresh = connect(origin, timeout_s, self._tls)
        try:
            return self._ask(fresh, request, protocol, message)
        except Unanswered as error:
            raise httpx2.RemoteProtocolError("the server closed without an answer") from error

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._idle.close()

    def _ask(self, connection: Connection, request: httpx2.Request, protocol: h11.Connection, message: bytes) -> httpx2.Response:
        timeouts = _timeouts(request)
        try:
            connection.send(message, timeouts.get("write"))
            head, rest = _head(connection, protocol, timeouts.get("read"))
        except BaseException:  # errors of the socket and of h11, or a kill of the greenlet: closed, and the caller hears of it
            connection.close()
            raise
        decoder = _decoder(request.method, head)
        keep = self._idle.put if _persists(request, head) and not isinstance(decoder, UntilClosed) else None
        body = Body(connection, decoder, rest, keep)
        return httpx2.Response(
            head.status_code,
            headers=head.headers.raw_items(),
            stream=body if head.status_code < _REFUSED else BoundedBody(body),
            extensions={
                "http_version": b"HTTP/" + head.http_version,
                "reason_phrase": head.reason,
                _PAYLOAD: Payload(body.pieces, body.close, connection.bound),
            },
        )


def _message(request: httpx2.Request) -> tuple[h11.Connection, bytes]:
    """Return a whole request as bytes, and the protocol that understands its answer."""
    protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
    content = request.read()
    try:
        head = h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
        events = (head, h11.Data(data=content), h11.EndOfMessage())
        return protocol, b"".join(protocol.send(event) or b"" for event in events)
    except h11.LocalProtocolError as error:
        raise httpx2.LocalProtocolError(str(error)) from error


def _head(connection: Connection, protocol: h11.Connection, timeout_s: float | None) -> tuple[h11.Response, bytes]:
    """Read the response's head; return it with the bytes of the body that came along."""
    connection.listen(timeout_s)
    data = b""
    try:
        with translated():
            while not isinstance(event := protocol.next_event(), h11.Response):
                if isinstance(event, h11.InformationalResponse):
                    continue
                data = connection.recv() if data else connection.first()
                if not data:
                    raise httpx2.RemoteProtocolError("the server closed within the head of its response")
                protocol.receive_data(data)
    except h11.RemoteProtocolError as error:
        raise httpx2.RemoteProtocolError(str(error)) from error
    return event, protocol.trailing_data[0]


def _decoder(method: str, head: h11.Response) -> Decoder:
    """Return what reads the body that a head announces (RFC 9112, 6.3); h11 has checked its fields."""
    fields = dict(head.headers)
    if method == "HEAD" or head.status_code in (204, 304):
        return Sized(0)
    if b"transfer-encoding" in fields:
        return Chunked()
    length = fields.get(b"content-length")
    return UntilClosed() if length is None else Sized(int(length))


def _persists(request: httpx2.Request, head: h11.Response) -> bool:
    """Say whether both sides allow another request on the connection."""
    wishes = [value for name, value in head.headers if name == b"connection"]
    closes = any(b"close" in value.lower() for value in wishes) or "close" in request.headers.get("connection", "")
    return head.http_version == b"1.1" and not closes


def _timeouts(request: httpx2.Request) -> dict[str, Any]:
    timeouts: dict[str, Any] = request.extensions.get("timeout", {})
    return timeouts
