"""The gunicorn worker that lets live streams end before it goes, and that notices at once when a client leaves one."""

import contextlib
import inspect
import logging
import math
import os
import random
import secrets
import socket
import time
from collections.abc import Callable, Generator, Iterator
from datetime import timedelta
from functools import partial
from types import FrameType
from typing import Any

import gevent
import gevent.socket
import gunicorn.util
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.sock import ssl_context
from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.ggevent import GeventWorker

from jacie_flask import concurrency, measures, tracing
from jacie_flask.errors import ProducerLost
from jacie_flask.runs.reader import Moved, ending
from jacie_flask.web.refusals import refusal

# The master kills at graceful_timeout, counted from before the worker hears of it; the last frames need time as well.
_MARGIN_S = 3.0
_LAST_FRAMES_S = 1.0
_DRAIN_POLL_S = 0.05
_LOOK_S = 0.7
_TICK_S = 0.1
_ALIVE_EVERY_S = 1.0
_RETRY_MS = (500, 2500)
_SEND_BUFFER = 64 * 1024
_MORE = getattr(socket, "MSG_MORE", 0)  # Linux's
_READ = 1  # libev's and libuv's EV_READ

log = logging.getLogger(__name__)

Pieces = Generator[bytes, None, None]
Watched = Callable[[Callable[[Exception], None]], Callable[[], None]]


class ClientLeft(gevent.GreenletExit):  # type: ignore[misc]  # gevent has no types; gunicorn lets a GreenletExit end a request quietly
    """Thrown into the greenlet of a stream whose client has closed the connection."""


class DrainingWorker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """A gevent worker with two endings: SIGTERM drains it, SIGINT and SIGQUIT end it at once.

    Draining, it takes no connection and no new run, hangs up on clients that wait between two requests, and goes as soon as
    the last request is answered. The application finds it as ``extensions["jacie.worker"]``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._told_to_exit = Event()
        self._open: set[Any] = set()  # client sockets
        self._idle: set[Any] = set()  # those of them that are between two requests
        self._streams: set[Stream] = set()
        self._slow_reader_s = 30.0

    @property
    def draining(self) -> bool:
        """Whether this worker only finishes what it has begun."""
        return not self.alive

    def while_connected(self, pieces: Pieces, environ: dict[str, Any], watched: Watched) -> Pieces:
        """Yield ``pieces`` until they end, the client leaves or reads too slowly, or they are told to end.

        The drain tells them, and whatever ``watched`` gives the stream's ``tell`` to.
        """
        stream = Stream(environ["gunicorn.socket"], pieces)
        unwatch = watched(stream.tell)
        self._streams.add(stream)
        try:
            for piece in pieces:
                stream.due_at = time.monotonic() + self._slow_reader_s
                concurrency.ticker.sooner(stream)
                yield piece  # comes back when the piece has been handed to the kernel
                stream.due_at = math.inf
                if stream.told is not None:
                    yield from ending(pieces, stream.told)
                    return
        finally:  # before the connection can be closed and its descriptor reused
            stream.close()
            unwatch()
            self._streams.discard(stream)
            pieces.close()

    @contextlib.contextmanager
    def connected(self, environ: dict[str, Any]) -> Iterator[None]:
        """Do something for a client while it is there: its leaving is thrown into the greenlet."""
        stream = Stream(environ["gunicorn.socket"], None)
        try:
            yield
        finally:
            stream.close()

    def load_wsgi(self) -> None:
        """Load the application and show it this worker."""
        super().load_wsgi()
        self.wsgi.extensions["jacie.worker"] = self
        self._slow_reader_s = self.wsgi.extensions["jacie"].settings.slow_reader_s

    def run(self) -> None:
        """Serve until told to exit, then drain."""
        servers = [self._listen(listener) for listener in self.sockets]
        concurrency.spawn(self._feel_lag, "hub lag")
        while self.alive:
            self.notify()
            self._told_to_exit.wait(_ALIVE_EVERY_S)
        for server in servers:
            server.close()
        self._drain()
        self.log.info("Worker has drained (pid: %s)", self.pid)
        os._exit(0)  # the interpreter's own way out waits for threads, which may wait for an upstream

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain; again is the same, since gunicorn and systemd both repeat SIGTERM to a worker that is draining."""
        super().handle_exit(sig, frame)
        self._told_to_exit.set()

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """End now."""
        self.alive = False
        os._exit(0)  # anything gentler lets greenlets run, and report that they were interrupted

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve one connection."""
        if type(client) is gevent.socket.socket:
            client.__class__ = EagerSocket  # made anew, it would cost more than it saves on a short answer
        self._open.add(client)
        self._idle.add(client)
        try:
            super().handle(listener, client, addr)
        finally:
            self._idle.discard(client)
            self._open.discard(client)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        """Answer one request of a connection, which is closed where the answer was cut: what follows would be read as its rest."""
        self._idle.discard(sock)
        try:
            AsyncWorker.handle_request(self, listener_name, req, sock, addr)
        except Exception:  # of the application: gunicorn logs it, and closes the connection or answers where no answer has begun
            raise
        except BaseException as error:  # a client that was let go, a kill, a timeout
            if not isinstance(error, gevent.GreenletExit | SystemExit):
                log.exception("a request was cut")
            raise StopIteration from error
        finally:
            self._idle.add(sock)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Refuse what cannot be read as HTTP; its answer ends the connection."""
        address = addr[0] if isinstance(addr, tuple) else ""
        refused = refusal(exc, address, secrets.token_hex(12))
        self.log.access(refused.told, req, {"REMOTE_ADDR": address}, timedelta())
        with contextlib.suppress(OSError):
            gunicorn.util.write_nonblock(client, refused.data)

    def _listen(self, listener: Any) -> Any:
        listener.setblocking(1)
        # Connections inherit these: what the kernel holds for a client that does not read is bounded, and one that vanished
        # without a word is noticed.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        if hasattr(socket, "TCP_USER_TIMEOUT") and listener.family in (socket.AF_INET, socket.AF_INET6):
            after_us = self._slow_reader_s + concurrency.Ticker.LOOK_AGAIN_S + 1  # we can say that we let a reader go
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(after_us * 1000))
        pool = Pool(self.worker_connections)
        tls = {"ssl_context": ssl_context(self.cfg)} if self.cfg.is_ssl else {}
        server = StreamServer(listener, handle=partial(self.handle, listener), spawn=pool, **tls)
        if self.cfg.workers > 1:
            server.max_accept = 1  # leaves the next connection to a worker that has less to do
        server.start()
        return server

    def _drain(self) -> None:
        parts = self.wsgi.extensions["jacie"]
        runlog = parts.services.runs
        end = time.monotonic() + max(0.0, self.cfg.graceful_timeout - _MARGIN_S)
        # When the master stops, all its workers do: they have told each other by the time this one looks.
        look_at = time.monotonic() + _LOOK_S
        runlog.elsewhere(leaving=True)
        # An answer that nobody reads is worth finishing where it can still be read when this process is gone.
        shared = runlog.label != "memory"
        while (self._open or (shared and parts.runs.active)) and time.monotonic() < end:
            if look_at and time.monotonic() > look_at:
                look_at = 0.0
                if runlog.elsewhere(leaving=True):
                    self._tell(lambda: Moved(random.randint(*_RETRY_MS)))
            self._hang_up_on_idle()
            self.notify()
            gevent.sleep(_DRAIN_POLL_S)
        if self._open:
            self.log.warning("%d connections did not end in time (pid: %s)", len(self._open), self.pid)
            self._tell(lambda: ProducerLost("the server stopped while it answered"))
            gevent.sleep(_LAST_FRAMES_S)
        runlog.close(_LAST_FRAMES_S)
        tracing.close(_LAST_FRAMES_S)

    def _feel_lag(self) -> None:
        """Note how late a tick comes: as long as it is, some greenlet held up all others."""
        while True:
            due = time.monotonic() + _TICK_S
            gevent.sleep(_TICK_S)
            measures.observe("hub_lag_seconds", max(0.0, time.monotonic() - due))

    def _hang_up_on_idle(self) -> None:
        """End the reading side of connections without a request; one whose request has just arrived is left to answer it."""
        for sock in list(self._idle):
            with contextlib.suppress(OSError):
                if peek(sock) is None:
                    sock.shutdown(socket.SHUT_RD)

    def _tell(self, reason: Callable[[], Exception]) -> None:
        for stream in self._streams:
            stream.tell(reason())


class EagerSocket(gevent.socket.socket):  # type: ignore[misc]  # gevent has no types
    """A client's connection whose writes are tried before anything is prepared for waiting: most need no wait."""

    __slots__ = ()

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send everything; a stream's head leaves in one packet with its first piece, which follows at once."""
        if data[:5] == b"HTTP/" and b"text/event-stream" in data:
            flags |= _MORE
        try:
            sent = self._sock.send(data, flags)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            super().sendall(memoryview(data)[sent:], flags)


class Stream(concurrency.Waiting):
    """One open response: the greenlet that writes it, and the watch over its client's connection."""

    __slots__ = ("_greenlet", "_is_told", "_pieces", "_sock", "_watcher", "told")

    def __init__(self, sock: Any, pieces: Pieces | None) -> None:
        self.told: Exception | None = None
        self._is_told = False
        self.due_at = math.inf
        self._greenlet = gevent.getcurrent()
        self._pieces = pieces
        self._sock = sock
        self._watcher = gevent.get_hub().loop.io(sock.fileno(), _READ)
        self._watcher.start(self._readable)
        concurrency.ticker.watch(self)

    def late(self) -> None:
        """Let a client go that has not taken a piece in all the time it had; it can resume where it stopped reading."""
        if self._watcher is not None:
            log.info("a reader was let go: it did not read for too long")
            measures.count("reader_drops")
            self._greenlet.loop.run_callback(self._leave)

    def close(self) -> None:
        """Stop watching; nothing is thrown any more."""
        concurrency.ticker.forget(self)
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None

    def tell(self, reason: Exception) -> None:
        """Have the pieces end for ``reason``, with a frame that says so; the first reason is the one."""
        if self._is_told:
            return
        self._is_told = True
        self.told = reason
        gevent.get_hub().loop.run_callback(self._interrupt)

    def _interrupt(self) -> None:
        # pieces that do not run wait for a send to end, and are told after it
        if (
            self._watcher is not None
            and self._pieces is not None
            and inspect.getgeneratorstate(self._pieces) == inspect.GEN_RUNNING
        ):
            reason, self.told = self.told, None
            self._greenlet.throw(reason)

    def _leave(self) -> None:
        if self._watcher is not None:
            self._greenlet.throw(ClientLeft)

    def _readable(self) -> None:
        """Called in the hub, when every other greenlet waits: end the stream, unless it was data that came."""
        seen = peek(self._sock)
        if seen:
            self._watcher.stop()  # a pipelined request stays readable until this answer has ended
        elif seen is not None:
            self._greenlet.throw(ClientLeft)


def peek(sock: Any) -> bytes | None:
    """Return the next byte to read, b"" when the other side has closed or reset the connection, None when nothing came."""
    try:
        seen: bytes = sock._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)  # gevent's own recv would wait
    except BlockingIOError:
        return None
    except OSError:
        return b""
    return seen
