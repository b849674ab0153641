"""The command line: ``flask --app wsgi ingest``, and the ingestion that a server runs beside itself."""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jacie_flask import logs, services
from jacie_flask.config import load
from jacie_flask.errors import ConfigurationError, DocumentUnavailable, RetrievalUnavailable
from jacie_flask.ingest import Report, Tick, ingest
from jacie_flask.processes import end_with_parent

log = logging.getLogger(__name__)

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
