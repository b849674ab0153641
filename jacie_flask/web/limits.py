"""How much each caller may ask: counted before anything else is done for a request, and said in the answer's headers."""

import ipaddress
from typing import Any

from flask import Flask, Response, g, request

from jacie_flask.config import Settings
from jacie_flask.runs.allowance import Allowance, Rate, Standing, Tallies
from jacie_flask.web.context import jacie
from jacie_flask.web.guard import principal

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_IPV6_HOME = 64  # bits: what one customer is given, and can choose any address of


def allowance(settings: Settings, tallies: Tallies) -> Allowance:
    """Return the bounds that the settings name."""
    rate = None
    if settings.rate:
        requests, unit = settings.rate
        rate = Rate(requests, _SECONDS[unit], unit)
    return Allowance(tallies, rate=rate, runs=settings.runs_per_key, tokens_per_day=settings.tokens_per_day)


def caller() -> str:
    """Return whom this request is counted for: its key, or the address that it comes from."""
    return principal().key_id or _network(request.remote_addr or "")


def ask() -> None:
    """Count this request for its caller; raise RateLimited."""
    g.standing = standing = jacie().runs.allowance.ask(caller())
    if standing:
        standing.check()


def init_app(app: Flask) -> None:
    """Say in each answer that was counted how its caller stands (draft-ietf-httpapi-ratelimit-headers-06)."""

    @app.after_request
    def tell(response: Response) -> Response:
        standing: Standing | None = g.get("standing")
        if standing:
            response.headers.extend(_headers(standing))
        return response


def _headers(standing: Standing) -> dict[str, Any]:
    rate = standing.rate
    return {
        "RateLimit-Limit": rate.requests,
        "RateLimit-Remaining": max(0, standing.remaining),
        "RateLimit-Reset": standing.reset_s,
        "RateLimit-Policy": f"{rate.requests};w={rate.seconds}",
    }


def _network(address: str) -> str:
    """Return an IPv4 address, or the network of an IPv6 one: an address of one's own is no caller of its own there."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:  # a socket of the file system has none
        return address
    if isinstance(known, ipaddress.IPv6Address) and not known.ipv4_mapped:
        return str(ipaddress.ip_network((known, _IPV6_HOME), strict=False))
    return str(getattr(known, "ipv4_mapped", None) or known)
