"""The limit: a gevent server that passes bytes on in both directions and looks at none of them.

python -m bench.streams.proxy PORT UPSTREAM_PORT
"""

import contextlib
import sys
from typing import Any

import gevent
from gevent import socket
from gevent.server import StreamServer


def relay(source: Any, sink: Any) -> None:
    """Pass on what arrives until the source ends, then end both."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for sock in (source, sink):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def main() -> None:
    """Serve on the first port of the command line, from the second."""
    port, upstream = map(int, sys.argv[1:3])

    def handle(client: Any, _address: object) -> None:
        with socket.create_connection(("127.0.0.1", upstream)) as server:
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            asking = gevent.spawn(relay, client, server)
            relay(server, client)
            asking.join()

    StreamServer(("127.0.0.1", port), handle, backlog=2048).serve_forever()


if __name__ == "__main__":
    main()
