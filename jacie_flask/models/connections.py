"""Connections to an HTTP server: sockets that are opened, read, kept for the next request and closed."""

import ssl
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from socket import IPPROTO_TCP, TCP_NODELAY, create_connection, socket
from typing import NamedTuple

import httpx2

from jacie_flask.concurrency import Receiver, receiver

_READ_BYTES = 65_536


class Origin(NamedTuple):
    """Whom a connection is to."""

    scheme: str
    host: str
    port: int


class Unanswered(Exception):
    """A connection ended before the first byte of its response."""


class Connection:
    """A connected socket and who reads from it."""

    def __init__(self, origin: Origin, sock: socket) -> None:
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

    def listen(self, timeout_s: float | None) -> None:
        """Begin to read a response; each wait is bounded by ``timeout_s``."""
        self._receiver = receiver(self._sock, timeout_s)

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

    def first(self) -> bytes:
        """Return the first bytes of a response; raise Unanswered where there are none."""
        try:
            data = self.recv()
        except ConnectionError as error:
            raise Unanswered(repr(error)) from error
        if not data:
            raise Unanswered("closed")
        return data


class IdleConnections:
    """Connections that wait for their next request, newest last; every step is one atomic operation of a deque."""

    def __init__(self, most: int, seconds: float) -> None:
        self._seconds = seconds
        self._kept: defaultdict[Origin, deque[Connection]] = defaultdict(deque)
        self._most = most

    def take(self, origin: Origin) -> Connection | None:
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

    def put(self, connection: Connection) -> None:
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


def connect(origin: Origin, timeout_s: float | None, tls: ssl.SSLContext) -> Connection:
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
    return Connection(origin, sock)


@contextmanager
def translated() -> Iterator[None]:
    """Raise what sockets say as httpx2 says it."""
    try:
        yield
    except TimeoutError as error:
        raise httpx2.ReadTimeout(str(error)) from error
    except OSError as error:
        raise httpx2.ReadError(repr(error)) from error
