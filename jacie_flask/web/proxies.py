"""Who the client is behind reverse proxies: said by peers that the settings trust, and by nobody else."""

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from jacie_flask.config import Network, Settings

_BELIEVED = "werkzeug.proxy_fix.orig"

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
        self._fixed = ProxyFix(app, x_for=hops, x_proto=hops)
        self._trusted = trusted

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        app = self._fixed if is_within(environ.get("REMOTE_ADDR", ""), self._trusted) else self._app
        return app(environ, start_response)


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
