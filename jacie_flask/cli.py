"""The command line: ``flask --app wsgi ingest``, ``keys`` and ``doctor``, and the ingestion that a server runs beside itself."""

import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import msgspec
from flask import current_app
from flask.cli import with_appcontext
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jacie_flask import logs, services, tenants
from jacie_flask.config import Settings, load
from jacie_flask.doctor import machine, parts, report, way
from jacie_flask.doctor.findings import Finding, examine
from jacie_flask.doctor.wire import Server
from jacie_flask.errors import ConfigurationError, DocumentUnavailable, RetrievalUnavailable
from jacie_flask.ingest import Report, Tick, ingest
from jacie_flask.interfaces import DEFAULT_TENANT, SCOPES
from jacie_flask.processes import end_with_parent
from jacie_flask.redaction import redactor

log = logging.getLogger(__name__)

_DOCTOR_S, _BUILT_IN_S = 14.0, 30.0  # the built-in model has to be started first
_PHASES = {"documents": "Reading documents", "vectors": "Adding vectors"}


@click.command("ingest")
@click.option("--tenant", help="Only this tenant's documents; all of them without it.")
def ingest_command(tenant: str | None) -> None:
    """Bring the index in line with the documents: new and changed ones in, deleted ones out."""
    try:
        chosen = _chosen(tenants.settings_of(load()), tenant)
        reports = {name: _ingest_with_bars(settings) for name, settings in chosen.items()}
    except (ConfigurationError, DocumentUnavailable, RetrievalUnavailable) as error:
        raise click.ClickException(str(error)) from error
    for name, done in reports.items():
        if len(reports) > 1:
            click.echo(f"{name}: ", nl=False)
        _tell(done)
    if any(done.vectors_missing for done in reports.values()):
        sys.exit(2)


def _chosen(settings_of: Mapping[str, Settings], tenant: str | None) -> Mapping[str, Settings]:
    if tenant is None:
        return settings_of
    if tenant not in settings_of:
        raise click.BadParameter(f"{tenant!r} is not one of {', '.join(settings_of)}", param_hint="--tenant")
    return {tenant: settings_of[tenant]}


def _ingest_with_bars(settings: Settings) -> Report:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[name]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        return ingest(services.ingestion(settings), _bars(bars))


@click.group("keys")
def keys_commands() -> None:
    """Make, list and revoke the API keys."""


@keys_commands.command("create")
@click.argument("name")
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True, help="Whose documents it sees.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(sorted(SCOPES)), help="What it may do; ask without it.")
@click.option("--expires", type=click.DateTime(), help="When it ends, in UTC; never without it.")
def create_key(name: str, tenant: str, scopes: tuple[str, ...], expires: datetime | None) -> None:
    """Make a key and show it, this one time."""
    with _spoken():
        settings = load()
        _chosen(tenants.settings_of(settings), tenant)
        end = expires.replace(tzinfo=UTC).timestamp() if expires else None
        keys = services.key_file(settings)
        key, token = keys.create(name, tenant=tenant, scopes=frozenset(scopes or ("ask",)), expires_at=end)
    click.echo(f"Key {key.key_id} for {tenant}, scopes {', '.join(key.scopes)}, in {keys.path}. It is not shown again:", err=True)
    click.echo(token)


@keys_commands.command("list")
def list_keys() -> None:
    """Show all keys, without their secrets."""
    with _spoken():
        keys = services.key_file(load())
        keys.check()
    for key in keys.all():
        until = f"until {datetime.fromtimestamp(key.expires_at, UTC):%Y-%m-%d %H:%M} UTC" if key.expires_at is not None else ""
        state = key.ended(time.time()) or until or "valid"
        click.echo(f"{key.key_id}  {key.name}  {key.tenant}  {','.join(key.scopes)}  {state}")


@keys_commands.command("revoke")
@click.argument("key_id")
def revoke_key(key_id: str) -> None:
    """End a key at once, in every worker that reads the file."""
    with _spoken():
        try:
            key = services.key_file(load()).revoke(key_id)
        except KeyError:
            raise click.ClickException(f"there is no key {key_id!r}") from None
    click.echo(f"Key {key.key_id} ({key.name}) is revoked.")


@contextlib.contextmanager
def _spoken() -> Iterator[None]:
    """Say what cannot be done in one line."""
    try:
        yield
    except (ConfigurationError, OSError, msgspec.DecodeError) as error:
        raise click.ClickException(str(error)) from error


@click.command("doctor")
@click.argument("url", required=False)
@click.option("--json", "as_json", is_flag=True, help="For programs: {ok, findings: [{part, state, said, change, took_ms}]}.")
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
    """Ask this machine and each part, with the built-in model's server started for as long as it takes."""
    settings: Settings = jacie.settings
    model_server = jacie.beside.model_server
    if model_server:
        model_server.start()
    try:
        checks = {**machine.checks(settings), **parts.checks(tenants.settings_of(settings), jacie.tenants)}
        found = examine(checks, _BUILT_IN_S if model_server else _DOCTOR_S)
    finally:
        if model_server:
            model_server.stop()
    conceal = redactor(settings.secrets)
    return [msgspec.structs.replace(one, said=conceal(one.said), change=conceal(one.change)) for one in found]


def _bars(bars: Progress) -> Tick:
    tasks = {phase: bars.add_task(words, total=None, name="") for phase, words in _PHASES.items()}

    def tick(phase: str, done: int, total: int, filename: str) -> None:
        bars.update(tasks[phase], completed=done, total=total, name=filename)

    return tick


def _tell(report: Report) -> None:
    click.echo(f"{len(report.added)} documents added ({report.pages} pages), {report.unchanged} unchanged, ", nl=False)
    click.echo(f"{len(report.removed)} removed, {len(report.skipped)} skipped, {report.vectors} vectors added")
    for filename, reason in sorted(report.skipped.items()):
        click.echo(f"  skipped {filename}: {reason}")
    for filename, notes in sorted(report.notes.items()):
        click.echo(f"  note on {filename}: {'; '.join(notes)}")
    if report.vectors_missing:
        click.echo(f"  vectors are incomplete (search stays lexical where they are missing): {report.vectors_missing}", err=True)


def background_ingest(done: Path) -> None:
    """Ingest beside a server: log instead of bars, vectors at the lowest priority, end when the server does.

    Makes the file ``done`` when there is nothing left to do; without it the server starts this again, and it goes on.
    """
    end_with_parent()
    settings = load()
    logs.configure(settings)
    finished = [_ingest_quietly(name, one) for name, one in tenants.settings_of(settings).items()]
    if not all(finished):
        sys.exit(1)
    done.touch()


def _ingest_quietly(tenant: str, settings: Settings) -> bool:
    """Ingest one tenant's documents and say whether nothing is left to do; what stops it does not stop the others."""
    try:
        report = ingest(services.ingestion(settings), _quiet_tick(lambda: os.nice(15)))
    except (ConfigurationError, DocumentUnavailable, RetrievalUnavailable) as error:
        log.error("ingestion of %s stopped and will be tried again: %s", tenant, error)
        return False
    for filename, reason in report.skipped.items():
        log.warning("%s was left out: %s", filename, reason)
    for filename, notes in report.notes.items():
        log.warning("%s: %s", filename, "; ".join(notes))
    if report.vectors_missing:
        return False
    counts = (len(report.added), report.unchanged, len(report.removed), report.vectors)
    log.info("index up to date: %d added, %d unchanged, %d removed, %d vectors added (tenant %s)", *counts, tenant)
    return True


def _quiet_tick(lower_priority: Callable[[], object]) -> Tick:
    lowered: list[object] = []

    def tick(phase: str, done: int, total: int, filename: str) -> None:
        if phase == "documents" and (done == total or done % 10 == 0):
            log.info("%d of %d documents answerable", done, total)
        if phase == "vectors" and not lowered:
            lowered.append(lower_priority())  # vectors improve answers that work already: they yield to everything else

    return tick


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "background-ingest":
        sys.exit("use: flask --app wsgi ingest")
    background_ingest(Path(sys.argv[2]))
