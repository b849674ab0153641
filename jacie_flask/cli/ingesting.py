"""``flask --app wsgi ingest``: the index brought in line with the documents, with bars while it lasts."""

import sys

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jacie_flask import services, tenants
from jacie_flask.cli.choosing import chosen
from jacie_flask.config import Settings, load
from jacie_flask.errors import ConfigurationError, DocumentUnavailable, RetrievalUnavailable
from jacie_flask.ingest import Report, Tick, ingest

_PHASES = {"documents": "Reading documents", "vectors": "Adding vectors"}


@click.command("ingest")
@click.option("--tenant", help="Only this tenant's documents; all of them without it.")
def ingest_command(tenant: str | None) -> None:
    """Bring the index in line with the documents: new and changed ones in, deleted ones out."""
    try:
        of_tenants = chosen(tenants.settings_of(load()), tenant)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error
    failed, unfinished = False, False
    for name, settings in of_tenants.items():
        of = f"{name}: " if len(of_tenants) > 1 else ""
        try:
            done = _ingest_with_bars(settings)
        except (ConfigurationError, DocumentUnavailable, RetrievalUnavailable) as error:
            click.echo(f"Error: {of}{error}", err=True)  # the other tenants are ingested all the same
            failed = True
            continue
        click.echo(of, nl=False)
        _tell(done)
        unfinished = unfinished or bool(done.vectors_missing or done.unconfirmed)
    if failed or unfinished:
        sys.exit(1 if failed else 2)


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


def _bars(bars: Progress) -> Tick:
    tasks = {phase: bars.add_task(words, total=None, name="") for phase, words in _PHASES.items()}

    def tick(phase: str, done: int, total: int, filename: str) -> None:
        if phase in tasks:
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
