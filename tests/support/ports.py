"""Ports for servers that tests start, stop and start again: kept for this process from the moment they are named."""

import socket

from jacie_flask.processes import held_port

_HELD: list[socket.socket] = []


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on, and that nobody else is given while this process lives."""
    _HELD.append(held_port())
    return int(_HELD[-1].getsockname()[1])
