"""The command line: ``flask --app wsgi ingest`` and ``doctor``, and the ingestion that a server runs beside itself."""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

import click
import msgspec
from flask import current_app
from flask.cli import with_appcontext
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jacie_flask import logs, services
from jacie_flask.config import Settings, concealed, load
from jacie_flask.doctor import machine, parts, report, way
from jacie_flask.doctor.findings import Finding, examine
from jacie_flask.doctor.wire import Server
from jacie_flask.errors import ConfigurationError, DocumentUnavailable, RetrievalUnavailable
from jacie_flask.ingest import Report, Tick, ingest
from jacie_flask.processes import end_with_parent

log = logging.getLogger(__name__)

_DOCTOR_S, _BUILT_IN_S = 14.0, 30.0  # the built-in model has to be started first
_PHASES = {"documents": "Reading documents", "vectors": "Adding vectors"}


@click.command("ingest")
def ingest_command() -> None:
    """Bring the index in line with the documents: new and changed ones in, deleted ones out."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[name]}"),
    )
    try:
        with Progress(*columns, console=console) as bars:
            report = ingest(services.ingestion(load()), _bars(bars))
    except (ConfigurationError, DocumentUnavailable, RetrievalUnavailable) as error:
        raise click.ClickException(str(error)) from error
    _tell(report)
    if report.vectors_missing:
        sys.exit(2)


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
@click.option("--key-file", type=click.File(), help="A file that holds the key for URL; - reads it from stdin.")
@with_appcontext
def doctor_command(url: str | None, as_json: bool, long_s: float, origin: str, key_file: TextIO | None) -> None:
    """Look for what is wrong and say what to change: here and in every part, or on the way to URL. Exits with 1 for a failure."""
    if url:
        server = Server(_address(url), key_file.read().strip() if key_file else "")
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
        found = examine(
            {**machine.checks(settings), **parts.checks(settings, jacie.services)}, _BUILT_IN_S if model_server else _DOCTOR_S
        )
    finally:
        if model_server:
            model_server.stop()
    return [
        msgspec.structs.replace(one, said=concealed(one.said, settings), change=concealed(one.change, settings)) for one in found
    ]


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
    logs.configure(settings.log_level)
    try:
        report = ingest(services.ingestion(settings), _quiet_tick(lambda: os.nice(15)))
    except (ConfigurationError, DocumentUnavailable, RetrievalUnavailable) as error:
        log.error("ingestion stopped and will be tried again: %s", error)
        sys.exit(1)
    for filename, reason in report.skipped.items():
        log.warning("%s was left out: %s", filename, reason)
    for filename, notes in report.notes.items():
        log.warning("%s: %s", filename, "; ".join(notes))
    counts = (len(report.added), report.unchanged, len(report.removed), report.vectors)
    if report.vectors_missing:
        sys.exit(1)
    done.touch()
    log.info("index up to date: %d added, %d unchanged, %d removed, %d vectors added", *counts)


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
