"""The client of every measurement: many streams in one cheap epoll loop, which stores what comes and looks at it later."""

import errno
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Self

from bench.streams.counting import Dialect

_END = b"\r\n0\r\n\r\n"
_OPENING = 64
_ACCEPTING_S = 0.05


class Refused(Exception):
    """A stream did not open, or ended before it should have."""


class Stream:
    """One request and all that came back, with the moment at which each piece was read."""

    __slots__ = ("asked_at", "closed_at", "dialect", "event_at", "pieces", "request", "sock", "times", "token_at")

    def __init__(self, request: bytes, dialect: Dialect) -> None:
        self.request = request
        self.dialect = dialect
        self.sock: socket.socket | None = None
        self.times: list[float] = []
        self.pieces: list[bytes] = []
        self.asked_at = self.event_at = self.token_at = self.closed_at = 0.0

    @property
    def connection(self) -> socket.socket:
        """Return the open connection."""
        if self.sock is None:
            raise Refused("the stream is closed")
        return self.sock

    @property
    def raw(self) -> bytes:
        """Return the whole response as it came."""
        return b"".join(self.pieces)

    @property
    def finished(self) -> bool:
        """Say whether the response came to its end."""
        return b"".join(self.pieces[-2:]).endswith(_END)


class Load:
    """The open streams; closes them when it is left."""

    def __init__(self, port: int) -> None:
        self.address = ("127.0.0.1", port)
        self.poll = select.epoll()
        self.open: dict[int, Stream] = {}
        self.waiting: deque[Stream] = deque()
        self.opening = 0
        self.on_end: Callable[[Stream], None] = lambda _: None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close(list(self.open.values()))
        self.poll.close()

    def ask(self, streams: Iterable[Stream]) -> None:
        """Open streams as fast as a bounded number of them gets a first token."""
        self.waiting.extend(streams)
        self._open_more()

    def ask_at_once(self, streams: Iterable[Stream]) -> None:
        """Connect first, then send all requests in one moment."""
        connected = list(streams)
        for stream in connected:
            self._connect(stream)
        time.sleep(_ACCEPTING_S)
        for stream in connected:
            self._send(stream)

    def close(self, streams: Iterable[Stream]) -> None:
        """Leave streams, as a client does that has seen enough."""
        for stream in streams:
            if stream.sock is not None:
                self._drop(stream)

    def run(self, *, seconds: float = 3600.0, until: Callable[[], bool] = lambda: False, silence_s: float = 20.0) -> None:
        """Read for ``seconds`` or until ``until()``; raise Refused when it waits and nothing at all comes for ``silence_s``."""
        end = time.monotonic() + seconds
        heard = time.monotonic()
        while not until():
            now = time.monotonic()
            if now >= end:
                return
            if now - heard > silence_s:
                raise Refused(
                    f"nothing came for {silence_s:.0f} s; {len(self.open)} streams are open, {self.opening} have no token yet"
                )
            for descriptor, _ in self.poll.poll(min(end - now, 0.5)):
                self._read(self.open[descriptor])
                heard = now

    def run_until_answering(self, streams: list[Stream], *, seconds: float = 150.0) -> None:
        """Read until every stream has its first token; raise Refused after ``seconds``."""
        self.run(seconds=seconds, until=lambda: not self.opening and not self.waiting)
        late = [stream for stream in streams if not stream.token_at]
        if late:
            raise Refused(f"{len(streams) - len(late)} of {len(streams)} streams got a token within {seconds:.0f} s")

    def _open_more(self) -> None:
        while self.waiting and self.opening < _OPENING:
            stream = self.waiting.popleft()
            self._connect(stream)
            self._send(stream)

    def _connect(self, stream: Stream) -> None:
        stream.sock = sock = socket.create_connection(self.address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open[sock.fileno()] = stream
        self.opening += 1

    def _send(self, stream: Stream) -> None:
        sock = stream.connection
        stream.asked_at = time.monotonic()
        sock.sendall(stream.request)
        sock.setblocking(False)
        self.poll.register(sock, select.EPOLLIN)

    def _read(self, stream: Stream) -> None:
        now = time.monotonic()
        try:
            data = stream.connection.recv(262144)
        except BlockingIOError:
            return
        except OSError as error:
            raise Refused(f"a stream broke: {errno.errorcode[error.errno or 0]}") from error
        stream.times.append(now)
        stream.pieces.append(data)
        if not stream.token_at:
            self._begin(stream, now)
        if data.endswith(b"0\r\n\r\n") and stream.finished:
            self._drop(stream)
            self.on_end(stream)
        elif not data:
            raise Refused(f"a stream ended too early: {stream.raw[:400].decode('utf-8', 'replace')}")

    def _begin(self, stream: Stream, now: float) -> None:
        """Note the first event and the first token."""
        raw = stream.raw
        if not stream.event_at and stream.dialect.first_event in raw:
            stream.event_at = now
        if stream.dialect.first_token in raw:
            stream.token_at = now
            self.opening -= 1
            self._open_more()
        elif not raw.startswith(b"HTTP/1.1 200"[: len(raw)]):
            raise Refused(f"a stream was refused: {raw[:400].decode('utf-8', 'replace')}")

    def _drop(self, stream: Stream) -> None:
        sock, stream.sock = stream.sock, None
        if sock is None:
            return
        del self.open[sock.fileno()]
        if not stream.token_at:
            self.opening -= 1
        stream.closed_at = time.monotonic()
        sock.close()
