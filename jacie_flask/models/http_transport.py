"""HTTP/1.1 for the openai SDK with bodies read raw: one socket read gives one piece of payload, however many chunks it holds.

h11 writes the request and reads the response's head; connections are kept alive; proxies and HTTP/2 are left to httpx2.
"""

import ssl
import time
import urllib.request
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from socket import IPPROTO_TCP, SHUT_RDWR, TCP_NODELAY, create_connection, socket
from typing import Any, NamedTuple

import h11
import httpx2

from jacie_flask.concurrency import Alarm, Receiver, later, receiver
from jacie_flask.models.transfer_coding import Chunked, Decoder, MalformedBody, Sized, UntilClosed

_READ_BYTES = 65_536
_HEAD_BYTES = 100 * 1024
_PORTS = {"http": 80, "https": 443}
_PAYLOAD = "jacie_payload"
_REFUSED = 400
_REFUSAL_BYTES = 65_536


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
        return Payload(response.iter_bytes(), response.close, _Cut(response).within)
    return raw


class Transport(httpx2.BaseTransport):
    """Connects, asks and reads; what goes wrong is raised as httpx2's own transport raises it.

    At most ``idle`` connections to one origin are kept, each for ``idle_s``. One that turns out to be dead before the first byte
    of its response is replaced once.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, idle: int = 100, idle_s: float = 5.0) -> None:
        """Use ``tls``, or httpx2's default; the limits are those of the SDK's own client."""
        self._idle = _Idle(idle, idle_s)
        self._tls = tls or httpx2.create_ssl_context()
        self._tls.set_alpn_protocols(["http/1.1"])

    def __del__(self) -> None:
        self.close()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the response as soon as its head is there."""
        protocol, message = _message(request)
        origin = _Origin(request.url.scheme, request.url.raw_host.decode("ascii"), request.url.port or _PORTS[request.url.scheme])
        kept = self._idle.take(origin)
        if kept is not None:
            try:
                return self._ask(kept, request, protocol, message)
            except _Unanswered:
                protocol, message = _message(request)
        timeout_s = _timeouts(request).get("connect")
        fresh = _connect(origin, timeout_s, self._tls)
        try:
            return self._ask(fresh, request, protocol, message)
        except _Unanswered as error:
            raise httpx2.RemoteProtocolError("the server closed without an answer") from error

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._idle.close()

    def _ask(
        self, connection: "_Connection", request: httpx2.Request, protocol: h11.Connection, message: bytes
    ) -> httpx2.Response:
        timeouts = _timeouts(request)
        try:
            connection.send(message, timeouts.get("write"))
            head, rest = connection.head(protocol, timeouts.get("read"))
        except BaseException:  # errors of the socket and of h11, or a kill of the greenlet: closed, and the caller hears of it
            connection.close()
            raise
        decoder = _decoder(request.method, head)
        keep = self._idle.put if _persists(request, head) and not isinstance(decoder, UntilClosed) else None
        body = _Body(connection, decoder, rest, keep)
        return httpx2.Response(
            head.status_code,
            headers=head.headers.raw_items(),
            stream=body if head.status_code < _REFUSED else _Refusal(body),
            extensions={
                "http_version": b"HTTP/" + head.http_version,
                "reason_phrase": head.reason,
                _PAYLOAD: Payload(body.pieces, body.close, connection.bound),
            },
        )


class _Origin(NamedTuple):
    scheme: str
    host: str
    port: int


class _Unanswered(Exception):
    """A connection ended before the first byte of its response."""


class _Connection:
    """A connected socket and who reads from it."""

    def __init__(self, origin: _Origin, sock: socket) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self._sock = sock
        self._receiver: Receiver | None = None

    def __del__(self) -> None:
        self.close()

    def send(self, message: bytes, timeout_s: float | None) -> None:
        """Send a whole request; a server that has stopped listening may still have an answer, which is then read."""
        self._sock.settimeout(timeout_s)
        try:
            self._sock.sendall(message)
        except TimeoutError as error:
            raise httpx2.WriteTimeout(str(error)) from error
        except OSError:
            return

    def head(self, protocol: h11.Connection, timeout_s: float | None) -> tuple[h11.Response, bytes]:
        """Read the response's head; return it with the bytes of the body that came along."""
        self._receiver = receiver(self._sock, timeout_s)
        silent = True
        with _translated():
            while not isinstance(event := protocol.next_event(), h11.Response):
                if isinstance(event, h11.InformationalResponse):
                    continue
                if not (data := self._first(silent)):
                    raise httpx2.RemoteProtocolError("the server closed within the head of its response")
                silent = False
                protocol.receive_data(data)
        return event, protocol.trailing_data[0]

    def recv(self) -> bytes:
        """Return what has come, b"" at the end."""
        assert self._receiver is not None
        return self._receiver.recv(_READ_BYTES)

    def bound(self, timeout_s: float) -> None:
        """Bound each further wait for the body."""
        if self._receiver is not None:
            self._receiver.bound(timeout_s)

    def rest(self) -> None:
        """Let nobody read."""
        if self._receiver is not None:
            self._receiver.close()
            self._receiver = None

    def close(self) -> None:
        """Close the socket at once; more than once is fine."""
        self.rest()
        self._sock.close()

    def alive(self) -> bool:
        """Say whether the peer, silent as it should be, is still there."""
        self._sock.settimeout(0)
        try:
            self._sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def _first(self, silent: bool) -> bytes:
        """Read; nothing at all where the first byte should be is _Unanswered."""
        try:
            data = self.recv()
        except ConnectionError as error:
            if silent:
                raise _Unanswered(repr(error)) from error
            raise
        if silent and not data:
            raise _Unanswered("closed")
        return data


class _Idle:
    """Connections that wait for their next request, newest last; every step is one atomic operation of a deque."""

    def __init__(self, most: int, seconds: float) -> None:
        self._seconds = seconds
        self._kept: defaultdict[_Origin, deque[_Connection]] = defaultdict(deque)
        self._most = most

    def take(self, origin: _Origin) -> _Connection | None:
        """Return a connection that is still good; close those that are not."""
        kept = self._kept[origin]
        while kept:
            try:
                connection = kept.pop()
            except IndexError:
                return None
            if time.monotonic() - connection.idle_since < self._seconds and connection.alive():
                return connection
            connection.close()
        return None

    def put(self, connection: _Connection) -> None:
        """Keep a connection; the one that has waited longest makes room."""
        connection.rest()
        connection.idle_since = time.monotonic()
        kept = self._kept[connection.origin]
        kept.append(connection)
        while len(kept) > self._most:
            kept.popleft().close()

    def close(self) -> None:
        """Close all of them."""
        for kept in self._kept.values():
            while kept:
                kept.pop().close()


class _Body(httpx2.SyncByteStream):
    """The payload of one response; at its end the connection is kept or closed, before it is closed at once."""

    def __init__(
        self, connection: _Connection, decoder: Decoder, first: bytes, keep: Callable[[_Connection], None] | None
    ) -> None:
        self._connection: _Connection | None = connection
        self._decoder = decoder
        self._first = first
        self._keep = keep
        self.pieces = self._read()
        if decoder.done:
            self._settle(bool(first))

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces

    def close(self) -> None:
        """Close the connection of a body that is not at its end."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read(self) -> Iterator[bytes]:
        decoder, connection, data = self._decoder, self._connection, self._first
        if connection is None:
            return
        try:
            with _translated():
                piece = decoder.feed(data)
                self._first = b""
                while not decoder.done:
                    if piece:
                        yield piece
                    piece = data = b""  # nothing is held while nothing comes
                    data = connection.recv()
                    if data:
                        piece = decoder.feed(data)
                    else:
                        decoder.end()
            self._settle(decoder.surplus)
            if piece:
                yield piece
        finally:
            self.close()

    def _settle(self, surplus: bool) -> None:
        """Keep the connection for the next request, unless one of the two wants it closed."""
        if self._keep is None or surplus or self._connection is None:
            self.close()
        else:
            self._keep(self._connection)
            self._connection = None


class _Refusal(httpx2.SyncByteStream):
    """The body of an error, cut at the length that somebody may read."""

    def __init__(self, body: _Body) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._body:
            yield piece
            size += len(piece)
            if size > _REFUSAL_BYTES:
                self._body.close()
                return

    def close(self) -> None:
        self._body.close()


class _Cut:
    """Bounds the wait for a body that httpx2's own transport reads: it shuts the connection down."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self._alarm: Alarm | None = None

    def within(self, timeout_s: float) -> None:
        """Shut down in ``timeout_s``; only the first call counts."""
        if self._alarm is None:
            self._alarm = later(timeout_s, self._shut)

    def _shut(self) -> None:
        network = self._response.extensions.get("network_stream")
        sock = network.get_extra_info("socket") if network is not None and not self._response.is_closed else None
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(SHUT_RDWR)


@contextmanager
def _translated() -> Iterator[None]:
    """Raise what sockets, h11 and decoders say as httpx2 says it."""
    try:
        yield
    except TimeoutError as error:
        raise httpx2.ReadTimeout(str(error)) from error
    except OSError as error:
        raise httpx2.ReadError(repr(error)) from error
    except (h11.RemoteProtocolError, MalformedBody) as error:
        raise httpx2.RemoteProtocolError(str(error)) from error


def _connect(origin: _Origin, timeout_s: float | None, tls: ssl.SSLContext) -> _Connection:
    """Open a connection, TLS included, or raise ConnectTimeout or ConnectError."""
    try:
        sock = create_connection((origin.host, origin.port), timeout_s)
        try:
            sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            if origin.scheme == "https":
                sock = tls.wrap_socket(sock, server_hostname=origin.host)
        except BaseException:  # errors of TLS, or a kill of the greenlet: closed; OSError is translated below
            sock.close()
            raise
    except TimeoutError as error:
        raise httpx2.ConnectTimeout(str(error)) from error
    except OSError as error:
        raise httpx2.ConnectError(str(error)) from error
    return _Connection(origin, sock)


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
