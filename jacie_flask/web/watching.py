"""What a request has open for longer than a moment, and its end once its caller would not be let in any more."""

import contextlib
import errno
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial

from flask import current_app

from jacie_flask.concurrency import Interrupt
from jacie_flask.errors import JacieError
from jacie_flask.interfaces import End
from jacie_flask.runs.reader import ending
from jacie_flask.web import limits
from jacie_flask.web.guard import principal

WATCH = "jacie.watch"
Pieces = Generator[bytes, None, None]
Watched = Callable[[End], Callable[[], None]]


def watched() -> Watched:
    """Return what has something ended with this request's caller, and returns what stops watching."""
    return partial(current_app.extensions[WATCH].enter, limits.caller(), principal().tenant)


def until_told(pieces: Pieces, watched: Watched) -> Pieces:
    """Yield ``pieces`` until they end, or are told to: at once where they wait for the next one, else when this one is sent."""
    told = Interrupt()
    unwatch = watched(told.tell)
    try:
        while True:
            with told:
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece
            if (reason := told.take()) is not None:
                yield from ending(pieces, reason)
                return
    finally:
        unwatch()
        pieces.close()


@contextlib.contextmanager
def while_admitted() -> Iterator[None]:
    """Wait for something as long as this request's caller may ask; raise Unauthorized where it waits on a thread."""
    told = Interrupt()
    unwatch = watched()(told.tell)
    try:
        with told:
            yield
    finally:
        unwatch()


class Download:
    """The pieces of a file for as long as their reader may ask; then its connection is cut, so that nobody takes them for the whole."""

    def __init__(self, pieces: Iterable[bytes], watched: Watched) -> None:
        self._pieces = pieces
        self._watched = watched
        self._unwatch: Callable[[], None] = lambda: None

    def __iter__(self) -> Iterator[bytes]:
        told: list[JacieError] = []
        self._unwatch = self._watched(told.append)
        for piece in self._pieces:
            if told:
                raise BrokenPipeError(errno.EPIPE, str(told[0]))  # as if the client had left: servers close and say nothing
            yield piece

    def close(self) -> None:
        """Close the file."""
        self._unwatch()
        if hasattr(self._pieces, "close"):
            self._pieces.close()
