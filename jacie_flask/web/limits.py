"""How much each caller may ask: counted before anything else is done for a request, and said in the answer's headers."""

import ipaddress
from contextlib import AbstractContextManager
from typing import Any, Literal

from flask import Flask, Response, current_app, g, request

from jacie_flask.config import Settings
from jacie_flask.runs.allowance import Allowance, Rate, Standing, Tallies
from jacie_flask.web.context import jacie, while_there
from jacie_flask.web.guard import principal
from jacie_flask.web.turns import Turns

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_PAGES_AT_ONCE, _PAGES_WAITING = 8, 120  # of one caller in one worker
_IPV6_HOME = 64  # bits: what one customer is given, and can choose any address of


def allowance(settings: Settings, tallies: Tallies) -> Allowance:
    """Return the bounds that the settings name."""
    return Allowance(
        tallies,
        rate=_rate(settings.rate, "requests"),
        pages=_rate(settings.page_rate, "documents and pages"),
        polls=_rate(settings.poll_rate, "polls and listings"),
        runs=settings.runs_per_key,
        tokens_per_day=settings.tokens_per_day,
    )


def caller() -> str:
    """Return whom this request is counted for: its key, or the address that it comes from."""
    return principal().key_id or _network(request.remote_addr or "")


def ask(kind: Literal["rate", "pages", "polls"] = "rate") -> None:
    """Count this request for its caller, as one of a kind; raise RateLimited."""
    g.standing = standing = jacie().runs.allowance.ask(caller(), kind)
    if standing:
        standing.check()


def turn() -> AbstractContextManager[None]:
    """Return what a page is read or drawn within: its caller has some of that at once, and waits for more; raises RateLimited."""
    turns: Turns = current_app.extensions["jacie.turns"]
    return turns.take(caller(), while_there())


def init_app(app: Flask) -> None:
    """Bound what callers do at once, and say in each answer that was counted how its caller stands (draft-ietf-httpapi-ratelimit-headers-06)."""
    app.extensions["jacie.turns"] = Turns(_PAGES_AT_ONCE, _PAGES_WAITING)

    @app.after_request
    def tell(response: Response) -> Response:
        standing: Standing | None = g.get("standing")
        if standing:
            response.headers.extend(_headers(standing))
        return response


def _rate(given: tuple[int, str] | None, what: str) -> Rate | None:
    return Rate(given[0], _SECONDS[given[1]], given[1], what) if given else None


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
