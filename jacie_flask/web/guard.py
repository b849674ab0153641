"""Who is asking: the principal of a request, decided before anything else looks at it, and what it may do."""

import logging

from flask import Flask, Response, current_app, g, request

from jacie_flask.access.gate import Gate, credential_of
from jacie_flask.errors import CrossSite, Forbidden, JacieError, NotOpen, Unauthorized
from jacie_flask.interfaces import SCOPES, Principal
from jacie_flask.runs import ids
from jacie_flask.web import origins
from jacie_flask.web.sessions import COOKIE, Sessions

log = logging.getLogger(__name__)

ANYONE = Principal(key_id="", name="anyone", scopes=SCOPES)
NOBODY = Principal(key_id="", name="nobody", scopes=frozenset())

# Addresses that need no credentials: pages that sign in by themselves, and whether the server is well. All others need one of
# the scopes below, an address that is not listed ``ask``.
OPEN = frozenset(
    {
        "/",
        "/test-client",
        "/static/<path:filename>",
        "/health",
        "/health/stream",
        "/health/request",
        "/ready",
        "/openapi.json",
        "/sign-in",
        "/sign-out",
    }
)
_SCOPES = {"/search": ("search", "ask"), "/metrics": ("metrics",)}
_ASK = ("ask",)
_PROBES = (
    "/health",
    "/health/stream",
    "/health/request",
)  # they tell nothing, and probes come from other machines and through proxies
_CACHEABLE = ("/static/<path:filename>", "/health", "/health/stream")


def principal() -> Principal:
    """Return who made this request."""
    known: Principal = g.principal
    return known


def gate() -> Gate:
    """Return who may ask this application."""
    found: Gate = current_app.extensions["jacie.gate"]
    return found


def sessions() -> Sessions:
    """Return the sessions of this application's pages."""
    found: Sessions = current_app.extensions["jacie.sessions"]
    return found


def init_app(app: Flask) -> None:
    """Decide for each request who makes it and whether that is allowed, and keep the answers out of shared caches."""

    @app.before_request
    def recognise() -> None:
        g.principal = NOBODY
        rule = request.url_rule.rule if request.url_rule else ""
        try:
            _admit(rule)
        except JacieError as refused:
            shown = "Authorization" in request.headers or COOKIE in request.cookies
            level = logging.WARNING if shown or not isinstance(refused, Unauthorized) else logging.DEBUG
            log.log(level, "refused %s %s from %s: %s", request.method, rule or "(unknown)", request.remote_addr, refused)
            raise
        if request.view_args and "run_id" in request.view_args:
            request.view_args["run_id"] = ids.own(principal().tenant, request.view_args["run_id"])

    @app.after_request
    def keep_private(response: Response) -> Response:
        rule = request.url_rule.rule if request.url_rule else ""
        if rule not in _CACHEABLE:
            _keep_private(response)
        return response


def _admit(rule: str) -> None:
    """Set the principal; raise Unauthorized, Forbidden or IdentityUnavailable where the address needs another."""
    needed = () if rule in OPEN or not rule or request.method == "OPTIONS" else _SCOPES.get(rule, _ASK)
    try:
        g.principal = _principal() if rule not in _PROBES else NOBODY
    except JacieError:
        if needed or not gate().closed:
            raise
    if needed and principal() is NOBODY:
        raise Unauthorized("no credentials")
    if needed and not principal().scopes.intersection(needed):
        raise Forbidden(f"key {principal().key_id} ({principal().name!r}) lacks the scope {needed[0]}")


def _principal() -> Principal:
    """Return who asks, by header, session or, without keys, by where the request comes from."""
    if not gate().closed:
        _admit_anyone()
        return ANYONE
    if header := request.headers.get("Authorization", ""):
        return gate().bearer(credential_of(header))
    key_id = sessions().key_id(request)
    if not key_id:
        return NOBODY
    if origins.changes(request) and not origins.of_own_page(request):
        raise CrossSite("a session's cookie came with a request that no page of ours sent")
    return gate().key(key_id)


def _admit_anyone() -> None:
    if not (gate().open_to_all or origins.from_here(request)):
        raise NotOpen("there are no keys, and the request is not from this machine")
    allowed = current_app.extensions["jacie"].settings.cors_origins
    if origins.changes(request) and origins.of_page_elsewhere(request, allowed):
        raise CrossSite("a page elsewhere sent this")


def _keep_private(response: Response) -> None:
    """Keep what one principal was answered from being answered to another by a cache in between."""
    response.vary.update(("Authorization", "Cookie"))
    if response.mimetype == "text/event-stream":
        return  # it has no validator: a cache that kept it would have to ask for all of it again
    kept = response.headers.get("Cache-Control", "")
    if not kept:
        response.headers["Cache-Control"] = "private, no-store"
    elif "private" not in kept and "no-store" not in kept:
        response.headers["Cache-Control"] = f"private, {kept}"
