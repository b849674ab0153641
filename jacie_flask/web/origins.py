"""Where a request comes from: this machine, a page of this server, or somewhere else."""

import ipaddress
from urllib.parse import urlsplit

from flask import Request

PAGE_HEADER = "X-Jacie-Page"
"""What our own pages send with everything that changes something: no other site's form can."""
_FORWARDING = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")
_SAFE = ("GET", "HEAD", "OPTIONS")


def changes(request: Request) -> bool:
    """Say whether the request may change something."""
    return request.method not in _SAFE


def from_here(request: Request) -> bool:
    """Say whether the request was made on this machine: by a loopback address, no proxy between, to a loopback name.

    The name counts because a page elsewhere can have its own name resolve to 127.0.0.1 (DNS rebinding).
    """
    address = request.environ.get("REMOTE_ADDR", "")  # empty on a Unix socket
    if address and not is_loopback(address):
        return False
    return not any(name in request.headers for name in _FORWARDING) and _loopback_name(request.headers.get("Host", ""))


def of_page_elsewhere(request: Request, allowed: tuple[str, ...]) -> bool:
    """Say whether a browser sent this for a page of another origin that is not ``allowed``; programs send neither header."""
    site, origin = request.headers.get("Sec-Fetch-Site", ""), request.headers.get("Origin", "")
    if origin in allowed and origin:
        return False
    if site:
        return site not in ("same-origin", "none")
    return bool(origin) and not _same_host(origin, request)


def of_own_page(request: Request) -> bool:
    """Say whether one of our pages sent this, proved by what only the browser can say and by our own header.

    The order is that of Go's net/http.CrossOriginProtection: Sec-Fetch-Site where the browser sends it, else Origin against Host.
    """
    if PAGE_HEADER not in request.headers:
        return False
    site, origin = request.headers.get("Sec-Fetch-Site", ""), request.headers.get("Origin", "")
    return site == "same-origin" if site else _same_host(origin, request)


def is_loopback(address: str) -> bool:
    """Say whether an IP address is one of this machine's own."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


def _same_host(origin: str, request: Request) -> bool:
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc.lower() == request.headers.get("Host", "").lower() != ""


def _loopback_name(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return not host or name == "localhost" or name.endswith(".localhost") or is_loopback(name)
