"""Who the client is behind reverse proxies: said by peers that the settings trust, and by nobody else."""

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from jacie_flask.config import Network, Settings

_BELIEVED = "werkzeug.proxy_fix.orig"
_PORT = re.compile(r"(?::[0-9]{1,5})?")

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def init_app(app: Flask, settings: Settings) -> None:
    """Take the client's address and scheme from the proxies that the settings count and trust; without any, from nobody."""
    if settings.proxies:
        app.wsgi_app = Forwarded(app.wsgi_app, settings.proxies, settings.trusted_networks)  # type: ignore[method-assign]


def believed(environ: Mapping[str, Any]) -> bool:
    """Say whether this request came from a peer that may name the client."""
    return _BELIEVED in environ


class Forwarded:
    """A WSGI application that hears of ``hops`` proxies' clients where the peer is in ``trusted``, else of the peer itself."""

    def __init__(self, app: Wsgi, hops: int, trusted: Sequence[Network]) -> None:
        self._app = app
        self._fixed = ProxyFix(self._named, x_for=hops, x_proto=hops)
        self._trusted = trusted

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        app = self._fixed if is_within(environ.get("REMOTE_ADDR", ""), self._trusted) else self._app
        return app(environ, start_response)

    def _named(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request whose address was taken from a header: as a plain address, or as the proxy's where it is none."""
        named = plain_address(environ.get("REMOTE_ADDR", ""))
        environ["REMOTE_ADDR"] = named or environ[_BELIEVED]["REMOTE_ADDR"] or ""
        return self._app(environ, start_response)


def plain_address(text: str) -> str:
    """Return the IP address of a forwarded client without port, brackets and quotes; "" where it holds none.

    ``192.0.2.1:4711``, ``[2001:db8::1]:4711`` and ``[2001:db8::1]`` are forms of RFC 7239, section 6, that proxies send.
    """
    bare = text.strip().strip('"').strip()
    if bare.startswith("["):
        bare, closed, port = bare[1:].partition("]")
        if not closed or not _PORT.fullmatch(port):
            return ""
    elif bare.count(":") == 1:
        bare, _, port = bare.partition(":")
        if not _PORT.fullmatch(f":{port}"):
            return ""
    try:
        return str(ipaddress.ip_address(bare.partition("%")[0]))
    except ValueError:
        return ""


def is_within(address: str, networks: Sequence[Network]) -> bool:
    """Say whether a peer's address is in one of the networks; a Unix socket has none, and only this machine reaches it."""
    if not address:
        return True
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return False
    plain = getattr(known, "ipv4_mapped", None) or known
    return any(plain in network for network in networks)
