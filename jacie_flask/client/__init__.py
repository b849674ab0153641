"""The streaming client: a library (``Client``) and a command, ``python -m jacie_flask.client "question"``.

Needs httpx2 and rich, but nothing else of the package, so the folder can be copied out.
"""

from jacie_flask.client.stream import (
    DEFAULT_URL,
    BadResponseError,
    Client,
    ClientError,
    DisconnectedError,
    Patience,
    Reconnecting,
    RefusedError,
    RunFailedError,
    RunStream,
    ServerEvent,
    StreamLostError,
    UnreachableError,
)

__all__ = [
    "DEFAULT_URL",
    "BadResponseError",
    "Client",
    "ClientError",
    "DisconnectedError",
    "Patience",
    "Reconnecting",
    "RefusedError",
    "RunFailedError",
    "RunStream",
    "ServerEvent",
    "StreamLostError",
    "UnreachableError",
]
