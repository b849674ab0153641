"""Readers of one connected socket, for streams of many small pieces."""

import math
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, Protocol

from jacie_flask.concurrency.clock import Waiting, ticker
from jacie_flask.concurrency.patching import patched


class Receiver(Protocol):
    """Reads from one connected socket for one reader; ``close`` it before the socket is closed or lent to somebody else."""

    def recv(self, size: int) -> bytes:
        """Return what has come, at most ``size`` bytes, b"" at the end; raise TimeoutError, OSError."""

    def bound(self, timeout_s: float) -> None:
        """Bound each further wait by ``timeout_s``."""

    def close(self) -> None:
        """Stop looking at the socket, which stays open; more than once is fine."""


def receiver(sock: socket.socket, timeout_s: float | None) -> Receiver:
    """Return the cheapest reader of ``sock`` there is here; each wait is bounded by ``timeout_s``, coarsely under gevent."""
    if patched():
        import gevent  # noqa: PLC0415

        if gevent.get_hub().main_hub:  # the ticker's
            return _GreenReceiver(sock, timeout_s)
    return _ThreadReceiver(sock, timeout_s)


class _GreenReceiver(Waiting):
    """Keeps one watcher on the socket, so that a wait costs a switch: none is started, no timer is set, no recv is tried in vain."""

    __slots__ = ("_current", "_decrypted", "_greenlet", "_hub", "_sock", "_timeout_s", "_watcher", "_watching")

    def __init__(self, sock: socket.socket, timeout_s: float | None) -> None:
        import gevent  # noqa: PLC0415

        sock.settimeout(timeout_s)  # for a wake-up without data, after which gevent's own recv waits
        self._sock = sock
        # TLS has read whole records, of which the watcher knows nothing
        self._decrypted = sock.pending if isinstance(sock, ssl.SSLSocket) else None
        self._timeout_s = math.inf if timeout_s is None else timeout_s
        self._hub = gevent.get_hub()
        self._current = gevent.getcurrent
        self._watcher = self._hub.loop.io(sock.fileno(), 1)
        self._watching = False
        self._greenlet: Any = None
        self.due_at = math.inf
        ticker.watch(self)

    def recv(self, size: int) -> bytes:
        if self._decrypted is None or not self._decrypted():
            self._wait()
        return self._sock.recv(size)

    def bound(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._sock.settimeout(timeout_s)

    def late(self) -> None:
        if self._greenlet is not None:
            self._greenlet.switch(False)

    def close(self) -> None:
        ticker.forget(self)
        self._watching = False
        self._watcher.close()

    def _wait(self) -> None:
        self.due_at = time.monotonic() + self._timeout_s
        ticker.sooner(self)
        if not self._watching:
            self._watching = True
            self._watcher.start(self._ready)
        self._greenlet = self._current()
        try:
            in_time = self._hub.switch()
        finally:  # a kill arrives here
            self._greenlet = None
            self.due_at = math.inf
        if not in_time:
            raise TimeoutError("timed out")

    def _ready(self) -> None:
        if self._greenlet is not None:
            self._greenlet.switch(True)
        else:  # data for a reader that is busy elsewhere would call again and again
            self._watching = False
            self._watcher.stop()


class _ThreadReceiver:
    def __init__(self, sock: socket.socket, timeout_s: float | None) -> None:
        sock.settimeout(timeout_s)
        self.recv: Callable[[int], bytes] = sock.recv
        self.bound: Callable[[float], None] = sock.settimeout

    def close(self) -> None:
        return
