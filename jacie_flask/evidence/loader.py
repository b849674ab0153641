"""Documents loaded side by side: each is told as it lands, what does not come is named and the others are used."""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass, field
from typing import Any

from jacie_flask.errors import DocumentRejected, DocumentUnavailable
from jacie_flask.interfaces import AnalysedDocument, CatalogDocument, Services
from jacie_flask.retries import Budget

log = logging.getLogger(__name__)

_SHARE = 0.6

Loaded = list[tuple[CatalogDocument, AnalysedDocument]]
Tell = Callable[[float, str, dict[str, Any]], None]
"""Called as (share of the work, message, facts) after each document."""


@dataclass
class _Loading:
    landed: dict[str, AnalysedDocument] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    retry_after_s: float | None = None

    def leave_out(self, document: CatalogDocument, error: DocumentUnavailable | DocumentRejected) -> None:
        log.warning("%s was left out: %s", document.filename, error)
        self.left_out.append(f"{document.filename} was left out: {error.reason}.")
        if error.retry_after_s is not None:
            self.retry_after_s = max(self.retry_after_s or 0.0, error.retry_after_s)


def load(documents: Sequence[CatalogDocument], services: Services, budget: Budget, tell: Tell) -> tuple[Loaded, list[str]]:
    """Return the documents that could be loaded, in their order, and sentences about the others.

    Raise DocumentUnavailable when none could be.
    """
    loading, total = _Loading(), len(documents)
    jobs = {services.pool.submit(services.reader.read, document, budget): document for document in documents}
    for done, job in enumerate(_in_time(jobs.copy(), budget), 1):
        document = jobs.pop(job)
        try:
            loading.landed[document.document_id] = job.result()
        except (DocumentUnavailable, DocumentRejected) as error:
            loading.leave_out(document, error)
        pages = sum(len(analysed.pages) for analysed in loading.landed.values())
        facts = {"loaded": done, "total": total, "filename": document.filename, "pages_total": pages}
        tell(done / total, f"Loaded {done} of {total} documents from {services.documents.label}...", facts)
    for document in jobs.values():
        loading.leave_out(document, DocumentUnavailable(reason="it could not be loaded in time"))
    if not loading.landed:
        raise DocumentUnavailable(f"none of {total} documents could be loaded", retry_after_s=loading.retry_after_s)
    landed = [
        (document, loading.landed[document.document_id]) for document in documents if document.document_id in loading.landed
    ]
    return landed, loading.left_out


def _in_time(jobs: Iterable[Future[AnalysedDocument]], budget: Budget) -> Iterator[Future[AnalysedDocument]]:
    """Yield jobs as they end, for a share of the question's time: the rest of it is the model's."""
    left = budget.left_s
    try:
        yield from as_completed(jobs, None if math.isinf(left) else max(0.0, left * _SHARE))
    except NotInTime:
        return
