"""Jacie with answers that break in the middle, each by another exception: ``gunicorn tests.support.breaking_app:app``."""

from collections.abc import Iterator

import gevent
from flask import Response

from jacie_flask import create_app

BREAKS: dict[str, type[BaseException]] = {
    "ValueError": ValueError,
    "MemoryError": MemoryError,
    "OSError": OSError,
    "StopIteration": RuntimeError,
    "GreenletExit": gevent.GreenletExit,
    "Timeout": gevent.Timeout,
    "KeyboardInterrupt": KeyboardInterrupt,
    "SystemExit": SystemExit,
}
app = create_app()


@app.get("/static/break/<kind>")
def broken(kind: str) -> Response:
    """Answer with one piece, and break before the second."""

    def pieces() -> Iterator[bytes]:
        yield b"the first piece"
        raise BREAKS[kind]

    return Response(pieces(), headers={"Content-Type": "text/plain"})
