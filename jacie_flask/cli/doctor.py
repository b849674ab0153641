"""``flask --app wsgi doctor``: what is wrong here, in every part, or on the way to a server."""

import sys
from typing import Any
from urllib.parse import urlsplit

import click
import msgspec
from flask import current_app
from flask.cli import with_appcontext

from jacie_flask import tenants
from jacie_flask.config import Settings
from jacie_flask.doctor import machine, parts, report, way
from jacie_flask.doctor.findings import Finding, examine
from jacie_flask.doctor.wire import Server
from jacie_flask.redaction import redactor

_DOCTOR_S, _LOCAL_MODEL_S = 14.0, 30.0  # a local model has to be loaded first


@click.command("doctor")
@click.argument("url", required=False)
@click.option(
    "--json", "as_json", is_flag=True, help="For programs: {ok, findings: [{part, state, said, change, took_ms, tenant}]}."
)
@click.option(
    "--long",
    "long_s",
    type=click.FloatRange(1, 130),
    default=way.QUICK_S,
    show_default=True,
    help="Seconds of silence to try with URL.",
)
@click.option("--origin", default="", help="An origin whose pages should be able to call URL.")
@click.option("--key", default="", envvar="JACIE_KEY", help="An API key of URL (default: $JACIE_KEY).")
@with_appcontext
def doctor_command(url: str | None, as_json: bool, long_s: float, origin: str, key: str) -> None:
    """Look for what is wrong and say what to change: here and in every part, or on the way to URL. Exits with 1 for a failure."""
    if url:
        server = Server(_address(url), key)
        findings = way.look(server, long_s=long_s, origin=origin)
    else:
        findings = _examined(current_app.extensions["jacie"])
    click.echo(report.as_json(findings)) if as_json else report.show(findings)
    sys.exit(1 if report.failed(findings) else 0)


def _address(url: str) -> str:
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise click.BadParameter("an http:// or https:// URL", param_hint="URL")
    return url.rstrip("/")


def _examined(jacie: Any) -> list[Finding]:
    """Ask this machine and each part, with a local model's server started for as long as it takes."""
    settings: Settings = jacie.settings
    model_server = jacie.beside.model_server
    if model_server:
        model_server.start()
    try:
        checks = {**machine.checks(settings), **parts.checks(tenants.settings_of(settings), jacie.tenants)}
        found = examine(checks, _LOCAL_MODEL_S if model_server else _DOCTOR_S)
    finally:
        if model_server:
            model_server.stop()
    conceal = redactor(settings.secrets)
    return [msgspec.structs.replace(one, said=conceal(one.said), change=conceal(one.change)) for one in found]
