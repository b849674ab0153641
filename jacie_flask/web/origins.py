"""Where a request comes from: this machine, a page of this server, or somewhere else."""

import functools
import ipaddress
import re
from urllib.parse import urlsplit

from flask import Request

from jacie_flask.text.terms import word_set

PAGE_HEADER = "X-Jacie-Page"
"""What our own pages send with everything that changes something: no other site's form can."""
_FORWARDING = word_set(
    """
    ali-cdn-real-ip cdn-loop client-ip cluster-client-ip do-connecting-ip fastly-client-ip fly-client-ip forwarded forwarded-for
    front-end-https incap-client-ip proxy-client-ip real-ip remote-ip surrogate-capability true-client-ip via wl-proxy-client-ip
    x-client-ip x-cluster-client-ip x-host x-http-forwarded-for x-http-host-override x-nf-client-connection-ip x-original-host
    x-original-uri x-original-url x-originating-ip x-proxyuser-ip x-real-host x-real-ip x-real-port x-remote-addr x-remote-ip
    x-request-start x-rewrite-url x-scheme x-script-name x-sucuri-clientip x-url-scheme x-varnish
    """
)
_FORWARDING_FAMILIES = (
    "akamai-", "cdn-", "cf-", "fastly-", "fly-", "ngrok-", "tailscale-", "x-akamai-", "x-amz-", "x-amzn-", "x-appengine-", "x-appgw-",
    "x-arr-", "x-azure-", "x-cdn-", "x-client-", "x-envoy-", "x-forwarded", "x-goog-", "x-ms-", "x-nginx-", "x-original-forwarded-",
    "x-proxy-", "x-vercel-",
)  # fmt: skip
"""Headers that reverse proxies, content delivery networks and tunnels add; programs and browsers on this machine send none of them."""
_SAFE = ("GET", "HEAD", "OPTIONS")


def changes(request: Request) -> bool:
    """Say whether the request may change something."""
    return request.method not in _SAFE


def from_here(request: Request) -> bool:
    """Say whether the request was made on this machine: by a loopback address, with no sign of a proxy, to a loopback name.

    The name counts because a page elsewhere can have its own name resolve to 127.0.0.1 (DNS rebinding). A proxy that adds no
    header, speaks HTTP/1.1 and passes a loopback name on cannot be told from a program on this machine.
    """
    address = request.environ.get("REMOTE_ADDR", "")  # empty on a Unix socket
    if address and not is_loopback(address):
        return False
    return not _by_proxy(request) and _loopback_name(request.headers.get("Host", ""))


def _by_proxy(request: Request) -> bool:
    """Say whether the request shows that a proxy sent it; nginx's plain ``proxy_pass`` speaks HTTP/1.0, as few clients do."""
    names = [name.lower() for name in request.headers.keys()]  # noqa: SIM118  # iterating over headers gives pairs
    forwarded = any(name in _FORWARDING or name.startswith(_FORWARDING_FAMILIES) for name in names)
    return forwarded or request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0"


def of_page_elsewhere(request: Request, allowed: tuple[str, ...]) -> bool:
    """Say whether a browser sent this for a page of another origin that is not ``allowed``; programs send neither header."""
    site, origin = request.headers.get("Sec-Fetch-Site", ""), request.headers.get("Origin", "")
    if origin and any(pattern.match(origin) for pattern in patterns(allowed)):
        return False
    if site:
        return site not in ("same-origin", "none")
    return bool(origin) and not _same_host(origin, request)


@functools.lru_cache(maxsize=8)
def patterns(allowed: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """Return what matches the allowed origins alone, whole; ``*.`` in one stands for one or more labels of a host name."""
    subdomains = r"(?:[a-z0-9_-]+\.)+"
    return tuple(re.compile(re.escape(origin).replace(r"\*\.", subdomains) + r"\Z", re.IGNORECASE) for origin in allowed)


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
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == request.headers.get("Host", "").lower() != ""


def _loopback_name(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name == "localhost" or name.endswith(".localhost") or is_loopback(name)
