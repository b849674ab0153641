"""Bodies of HTTP responses: their payload piece by piece, bounded in size and time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from socket import SHUT_RDWR

import httpx2

from jacie_flask.concurrency import Alarm, later
from jacie_flask.models.connections import Connection, translated
from jacie_flask.models.transfer_coding import Decoder, MalformedBody

_REFUSAL_BYTES = 65_536


class Body(httpx2.SyncByteStream):
    """The payload of one response; at its end the connection is kept or closed, before it is closed at once."""

    def __init__(self, connection: Connection, decoder: Decoder, first: bytes, keep: Callable[[Connection], None] | None) -> None:
        self._connection: Connection | None = connection
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
            with translated(), _well_formed():
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


class BoundedBody(httpx2.SyncByteStream):
    """The body of an error, cut at the length that somebody may read."""

    def __init__(self, body: Body) -> None:
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
        """Close the connection of a body that is not at its end."""
        self._body.close()


class Cut:
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
def _well_formed() -> Iterator[None]:
    """Raise what decoders say of a body as httpx2 says it."""
    try:
        yield
    except MalformedBody as error:
        raise httpx2.RemoteProtocolError(str(error)) from error
