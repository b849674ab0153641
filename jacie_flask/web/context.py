"""What every request has at hand: the application's parts and the request's own id."""

import re
import secrets
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

from flask import Flask, Response, current_app, g, request

from jacie_flask.config import Settings
from jacie_flask.interfaces import DEFAULT_TENANT, Services
from jacie_flask.runs.run import Runs
from jacie_flask.services import Background, warm_all

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_MODEL_WAIT_S = 8.0
WORKER = "jacie.worker"  # the extension that only our own gunicorn worker sets


@dataclass
class Jacie:
    """The parts of one application, as one tenant sees them: ``services`` are its own, ``tenants`` holds those of all."""

    settings: Settings
    services: Services
    runs: Runs
    beside: Background
    tenants: Mapping[str, Services]
    _warm: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def warm(self) -> None:
        """Start what belongs beside this process and make all first calls, once; later callers wait for it."""
        with self._lock:
            if not self._warm:
                self.beside.start()
                warm_all(self.tenants, model_wait_s=_MODEL_WAIT_S)
                self.services.runs.attach(self.runs)
                self._warm = True

    def ensure_warm(self) -> None:
        """Warm up on the first request, for servers without a hook that runs before it."""
        if not self._warm:
            self.warm()

    def of(self, tenant: str) -> "Jacie":
        """Return the parts as this tenant sees them."""
        return self if tenant == DEFAULT_TENANT else replace(self, services=self.tenants[tenant])


def jacie() -> Jacie:
    """Return the parts of the application that handles this request, as the tenant of its principal sees them."""
    parts: Jacie = current_app.extensions["jacie"]
    return parts.of(g.principal.tenant)


def while_there() -> AbstractContextManager[None]:
    """Return what one waits within for this request's client: its leaving ends the wait, where the server notices that."""
    worker = current_app.extensions.get(WORKER)
    return worker.connected(request.environ) if worker else nullcontext()


def request_id() -> str:
    """Return the caller's X-Request-ID where it is usable, else one of ours."""
    held = g._get_current_object()  # each look through the proxy costs as much as the rest of this
    if "request_id" not in held:
        given = request.environ.get("HTTP_X_REQUEST_ID", "")
        held.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(12)
    return str(held.request_id)


def init_app(app: Flask) -> None:
    """Warm up before the first request and send the request id back with every answer."""

    @app.before_request
    def warm_up() -> None:
        if request.endpoint not in ("ops.health", "metrics.metrics", "openapi.description", "static"):
            current_app.extensions["jacie"].ensure_warm()

    @app.after_request
    def identify(response: Response) -> Response:
        response.headers["X-Request-ID"] = request_id()
        return response
