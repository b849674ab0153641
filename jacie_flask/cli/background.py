"""The ingestion that a server runs beside itself: it logs, yields to everything else and ends with the server."""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from jacie_flask import logs, services, tenants
from jacie_flask.config import Settings, load
from jacie_flask.errors import ConfigurationError, DocumentUnavailable, RetrievalUnavailable
from jacie_flask.ingest import Tick, ingest
from jacie_flask.processes import end_with_parent

log = logging.getLogger(__name__)


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
    except Exception:  # a defect that one tenant's store brings out: logged whole, tried again, and no other tenant's
        log.exception("ingestion of %s failed and will be tried again", tenant)
        return False
    for filename, reason in report.skipped.items():
        log.warning("%s was left out: %s", filename, reason)
    for filename, notes in report.notes.items():
        log.warning("%s: %s", filename, "; ".join(notes))
    if report.vectors_missing or report.unconfirmed:
        return False
    counts = (len(report.added), report.unchanged, len(report.removed), report.vectors)
    log.info("index up to date: %d added, %d unchanged, %d removed, %d vectors added (tenant %s)", *counts, tenant)
    return True


def _quiet_tick(lower_priority: Callable[[], object]) -> Tick:
    lowered: list[object] = []

    def tick(phase: str, done: int, total: int, filename: str) -> None:
        if phase == "documents" and (done == total or done % 10 == 0):
            log.info("%d of %d new or changed documents read", done, total)
        if phase == "answerable":
            log.info("%d of %d documents answerable", done, total)
        if phase == "vectors" and not lowered:
            lowered.append(lower_priority())  # vectors improve answers that work already: they yield to everything else

    return tick
