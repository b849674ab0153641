"""Signing in and out: a page shows its key once and holds a session from there on."""

import logging
from typing import Annotated

from flask import Blueprint, Response, request
from pydantic import BaseModel, ConfigDict, Field

from jacie_flask.errors import CrossSite, JacieError
from jacie_flask.web import bodies, guard, origins
from jacie_flask.web.context import jacie

blueprint = Blueprint("sign_in", __name__)
log = logging.getLogger(__name__)

_BODY_BYTES = 4096


class SignInBody(BaseModel):
    """The body of POST /sign-in."""

    model_config = ConfigDict(extra="ignore")

    key: Annotated[str, Field(min_length=1, max_length=200)]


@blueprint.post("/sign-in")
def sign_in() -> Response:
    """Open a session for a key."""
    _only_own_pages()
    given = bodies.read(SignInBody, _BODY_BYTES, jacie().settings.body_timeout_s).key.strip()
    try:
        who = guard.gate().key(guard.gate().keys.verify(given).key_id)
    except JacieError as refused:
        log.warning("refused a sign-in from %s: %s", request.remote_addr, refused)
        raise
    response = Response(status=204)
    guard.sessions().open(response, request, who.key_id)
    log.info("key %s (%s) signed in from %s", who.key_id, who.name, request.remote_addr)
    return response


@blueprint.post("/sign-out")
def sign_out() -> Response:
    """End the session of this browser."""
    _only_own_pages()
    response = Response(status=204)
    guard.sessions().close(response, request)
    return response


def _only_own_pages() -> None:
    if not origins.of_own_page(request):
        raise CrossSite("a sign-in that no page of ours sent")
