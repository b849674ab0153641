"""The tables of the pages that an answer may cite: those of the documents that were loaded, or of the index."""

import logging
from collections.abc import Mapping
from dataclasses import replace

from jacie_flask.answer.context import Answering
from jacie_flask.errors import RetrievalUnavailable
from jacie_flask.evidence.citations import Evidence
from jacie_flask.interfaces import DocumentTables

log = logging.getLogger(__name__)


def with_tables(run: Answering) -> list[Evidence]:
    """Return the evidence with the tables of each page; without them they are read from the page's text."""
    wanted = list(dict.fromkeys(item.source.document_id for item in run.evidence))
    tables: Mapping[str, DocumentTables] = run.tables
    missing = [document_id for document_id in wanted if document_id not in tables]
    if missing:
        try:
            tables = {**tables, **run.services.index.tables(missing, run.budget)}
        except RetrievalUnavailable as error:
            log.warning("the tables of the cited pages are read from their texts: %s", error)
    return [_with(item, tables.get(item.source.document_id)) for item in run.evidence]


def _with(item: Evidence, document: DocumentTables | None) -> Evidence:
    if document is None or not item.page:
        return item
    return replace(item, tables=tuple(table for table in document.tables if table.page == item.source.page))
