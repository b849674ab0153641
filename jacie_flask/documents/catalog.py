"""The catalog: which documents exist, under which ids, and what is known of each."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from jacie_flask.concurrency import offload
from jacie_flask.documents.described import from_metadata
from jacie_flask.documents.file_names import from_listing
from jacie_flask.documents.keys import METADATA, document_id
from jacie_flask.documents.ledger import Ledger, LedgerRow
from jacie_flask.documents.metadata import MetadataError
from jacie_flask.errors import DocumentUnavailable, NotFound
from jacie_flask.interfaces import CatalogDocument, DocumentStore, StoredObject

__all__ = ["METADATA", "StoreCatalog", "document_id"]

log = logging.getLogger(__name__)

Objects = Mapping[str, StoredObject]
T = TypeVar("T")
_SETTLED_S = 0.1
"""Two writes within this time may leave files the same size and time of change: coarse clocks tick every few milliseconds."""


class _State:
    """One state of the catalog: its documents in order and by id, and what was prepared of them; replaced as a whole."""

    def __init__(self, documents: Sequence[CatalogDocument]) -> None:
        self.documents = tuple(documents)
        self.by_id = {document.document_id: document for document in documents}
        self.prepared: Any = None


class StoreCatalog:
    """The catalog of a store, listed again when it is older than ``ttl_s``; an older one serves while that happens.

    ``on_change`` is called before documents are shown as answerable that were not, or not with this content: whatever answers
    from what was read before must look again.
    """

    def __init__(
        self,
        store: DocumentStore,
        ledger: Ledger,
        *,
        ttl_s: float,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._ttl_s = ttl_s
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: list[CatalogDocument] = []
        self._on_change = on_change
        self._preparing = threading.Lock()
        self._state = _State(())
        self._answerable: frozenset[tuple[str, str]] = frozenset()
        self._stamp: tuple[int, ...] = ()
        self._merging = 0
        self._listed_at: float | None = None
        self._refreshing = False
        self.notes: tuple[str, ...] = ()

    def documents(self) -> Sequence[CatalogDocument]:
        """Return all documents, ordered by company, period and name; raise DocumentUnavailable when none were ever listed."""
        self._keep_fresh()
        return self._state.documents

    def get(self, document_id: str) -> CatalogDocument:
        """Return the document; raise NotFound. An id is only ever looked up, never turned into a key."""
        self._keep_fresh()
        found = self._state.by_id.get(document_id)
        if found is None:
            raise NotFound(f"no document {document_id!r}")
        return found

    def refresh(self) -> None:
        """List the store now; raise DocumentUnavailable."""
        objects = {item.key: item for item in self._store.list()}
        self._entries, notes = self._read_entries(objects)
        self._merge()
        self.notes = (
            *self._store.left_out,
            *notes,
        )  # after the documents: whoever reads these first sees both as they belong together
        self._listed_at = self._clock()

    def prepared(self, make: Callable[[Sequence[CatalogDocument]], T]) -> T:
        """Return what ``make`` makes of the documents, made by one caller for each state of the catalog while others wait."""
        self._keep_fresh()
        state = self._state
        if state.prepared is None:
            with self._preparing:
                if state.prepared is None:
                    state.prepared = offload(make, state.documents)
        made: T = state.prepared
        return made

    def _merge(self) -> None:
        """Put what ingestion knows beside what the store lists."""
        self._stamp = self._settled_stamp()  # first: whoever looks meanwhile finds nothing more to do
        self._merging = mine = self._merging + 1
        documents, answerable = offload(_merged, self._entries, self._ledger)
        if mine != self._merging:  # a later one has seen more
            return
        if answerable != self._answerable:
            self._on_change()
            self._answerable = answerable
        if tuple(documents) != self._state.documents:
            self._state = _State(documents)

    def _settled_stamp(self) -> tuple[int, ...]:
        """Return the ledger's stamp, or none that lasts while it is so young that a second write could leave it the same."""
        stamp = self._ledger.stamp()
        return stamp if self._ledger.age_s() > _SETTLED_S else (*stamp, -1)

    def _keep_fresh(self) -> None:
        if self._listed_at is None:
            with self._lock:
                if self._listed_at is None:
                    self.refresh()
        elif self._clock() - self._listed_at > self._ttl_s and not self._refreshing:
            self._refreshing = True
            threading.Thread(target=self._refresh_quietly, name="catalog refresh", daemon=True).start()
        if self._stamp != self._ledger.stamp():
            self._merge()

    def _refresh_quietly(self) -> None:
        try:
            self.refresh()
        except DocumentUnavailable as error:
            log.warning("the catalog could not be listed again, the last one serves: %s", error)
            self._listed_at = self._clock()
        except Exception:  # an SDK's error that we do not translate, or a defect: the thread ends here, so it is logged whole
            log.exception("the catalog could not be listed again, the last one serves")
            self._listed_at = self._clock()
        finally:
            self._refreshing = False

    def _read_entries(self, objects: Objects) -> tuple[list[CatalogDocument], list[str]]:
        """Return the entries of metadata.json, or of the listing where there is none or none that can be used, and notes."""
        entries: list[CatalogDocument]
        notes: list[str]
        if METADATA not in objects:
            return offload(from_listing, objects), []
        try:
            entries, notes = offload(from_metadata, self._metadata(), objects)
        except MetadataError as error:
            entries, notes = offload(from_listing, objects), [_unusable(str(error))]
        except Exception as error:  # what a stranger's file makes a parser raise, of any kind: logged, and a note of the catalog
            log.exception("metadata.json of %s", self._store.label)
            entries, notes = offload(from_listing, objects), [_unusable(type(error).__name__)]
        for note in notes:
            log.warning("%s", note)
        return entries, notes

    def _metadata(self) -> bytes:
        """Return the bytes of metadata.json; raise MetadataError where the store has it and does not give it."""
        try:
            blob = self._store.read(METADATA)
        except DocumentUnavailable as error:
            raise MetadataError(f"it cannot be read: {error.reason}") from error
        return blob.data if blob else b"{}"


def _unusable(reason: str) -> str:
    return f"metadata.json is not usable ({reason}); documents were taken from the listing instead"


def _merged(entries: Sequence[CatalogDocument], ledger: Ledger) -> tuple[list[CatalogDocument], frozenset[tuple[str, str]]]:
    """Return the documents in order, each with what the ledger knows of it, and (id, content) of those that are answerable."""
    rows = ledger.rows()
    documents = [_with_ledger(entry, rows.get(entry.document_id)) for entry in entries]
    documents.sort(key=lambda d: (d.company.lower(), d.period, d.filename))
    return documents, frozenset((row.document_id, row.content_hash) for row in rows.values() if row.status == "ready")


def _with_ledger(entry: CatalogDocument, row: LedgerRow | None) -> CatalogDocument:
    if row is None or not entry.key:
        return entry
    lasting = row.version == entry.version or row.status in ("ready", "unavailable")
    return msgspec.structs.replace(
        entry,
        status=row.status if lasting else "pending",
        reason=row.reason if lasting else "",
        pages=row.pages or None,
        notes=tuple(row.notes),
        company=entry.company or row.guess.get("company", ""),
        period=entry.period or row.guess.get("period", ""),
        document_type=entry.document_type or row.guess.get("document_type", ""),
    )
