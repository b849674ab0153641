"""The catalog: which documents exist, under which ids, and what is known of each."""

import hashlib
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import msgspec

from jacie_flask.concurrency import offload
from jacie_flask.documents.ledger import Ledger, LedgerRow
from jacie_flask.errors import DocumentUnavailable, NotFound
from jacie_flask.interfaces import CatalogDocument, DocumentStore, StoredObject

log = logging.getLogger(__name__)

METADATA = "metadata.json"
# Types that are not read are listed too, so that ingestion names them instead of passing over them in silence.
_DOCUMENTS = (".pdf", ".txt", ".md", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".htm", ".html", ".rtf", ".odt", ".epub")
_YEAR = re.compile(r"(?<!\d)(19|20)\d\d(?!\d)")
_QUARTER = re.compile(r"(?<![a-z])q[1-4](?!\d)", re.IGNORECASE)
_TYPES = (
    ("10k", r"10-?k(?![a-z])"),
    ("10q", r"10-?q(?![a-z])"),
    ("8k", r"8-?k(?![a-z])"),
    ("earnings", r"earnings|results"),
    ("annual_report", r"annual|integrated"),
    ("notice", r"notice|(?<![a-z])agm(?![a-z])|circular"),
)


Objects = Mapping[str, StoredObject]


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of metadata.json."""

    filename: str
    document_link: str = ""
    document_type: str = ""
    period: str | int = ""


_metadata = msgspec.json.Decoder(dict[str, list[Listing]])


class StoreCatalog:
    """The catalog of a store, listed again when it is older than ``ttl_s``; an older one serves while that happens."""

    def __init__(
        self, store: DocumentStore, ledger: Ledger, *, ttl_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._ttl_s = ttl_s
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: list[CatalogDocument] = []
        self._documents: dict[str, CatalogDocument] = {}
        self._stamp: tuple[int, ...] = ()
        self._merging = 0
        self._listed_at: float | None = None
        self._refreshing = False
        self.note = ""

    def documents(self) -> Sequence[CatalogDocument]:
        """Return all documents, ordered by company, period and name; raise DocumentUnavailable when none were ever listed."""
        self._keep_fresh()
        return tuple(self._documents.values())

    def get(self, document_id: str) -> CatalogDocument:
        """Return the document; raise NotFound. An id is only ever looked up, never turned into a key."""
        self._keep_fresh()
        found = self._documents.get(document_id)
        if found is None:
            raise NotFound(f"no document {document_id!r}")
        return found

    def refresh(self) -> None:
        """List the store now; raise DocumentUnavailable."""
        objects = {item.key: item for item in self._store.list()}
        self._entries, self.note = self._read_entries(objects)
        self._merge()
        self._listed_at = self._clock()

    def _merge(self) -> None:
        """Put what ingestion knows beside what the store lists."""
        self._stamp = self._ledger.stamp()  # first: whoever looks meanwhile finds nothing more to do
        self._merging = mine = self._merging + 1
        documents: dict[str, CatalogDocument] = offload(_merged, self._entries, self._ledger)
        if mine == self._merging:  # a later one has seen more
            self._documents = documents

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
        finally:
            self._refreshing = False

    def _read_entries(self, objects: Objects) -> tuple[list[CatalogDocument], str]:
        if METADATA not in objects:
            return _beside(_from_listing, objects), ""
        blob = self._store.read(METADATA)
        try:
            listed = _metadata.decode(blob.data if blob else b"{}")
        except msgspec.DecodeError as error:
            note = f"metadata.json is not usable ({error}); documents were taken from the listing instead"
            log.warning(note)
            return _beside(_from_listing, objects), note
        return _beside(partial(_from_metadata, listed), objects), ""


def _beside(make: Callable[[Objects], list[CatalogDocument]], objects: Objects) -> list[CatalogDocument]:
    """Make the entries of thousands of objects without holding up whoever is served meanwhile."""
    made: list[CatalogDocument] = offload(make, objects)
    return made


def document_id(key: str) -> str:
    """Return the public id of a store's key: a one-way hash, BLAKE2b of 12 bytes in hex."""
    return hashlib.blake2b(key.encode(), digest_size=12, person=b"jacie-document").hexdigest()


def _from_metadata(listed: Mapping[str, list[Listing]], objects: Objects) -> list[CatalogDocument]:
    by_name: dict[str, list[str]] = {}
    for key in objects:
        by_name.setdefault(PurePosixPath(key).name, []).append(key)
    found: dict[str, CatalogDocument] = {}
    for company, entries in listed.items():
        for entry in entries:
            key = _resolve(entry, by_name)
            stored = objects.get(key)
            found[document_id(key)] = CatalogDocument(
                document_id=document_id(key),
                filename=entry.filename,
                key=key,
                company=company,
                period=str(entry.period),
                document_type=entry.document_type,
                version=stored.version if stored else "",
                status="pending" if stored else "missing",
                reason="" if stored else "it is listed in metadata.json but not in the store",
            )
    return list(found.values())


def _resolve(entry: Listing, by_name: Mapping[str, list[str]]) -> str:
    """Return the key of an entry: the object of that name, the one whose path is the link's when there are several."""
    name = PurePosixPath(entry.filename).name
    candidates = by_name.get(name, [])
    path = urlsplit(entry.document_link).path.lstrip("/")
    if len(candidates) > 1:
        return max(candidates, key=lambda key: (path.endswith(key), -len(key), key))
    return candidates[0] if candidates else entry.filename


def _from_listing(objects: Objects) -> list[CatalogDocument]:
    found = []
    for key, stored in objects.items():
        path = PurePosixPath(key)
        if path.suffix.lower() not in _DOCUMENTS:
            continue
        company, period, kind = _read_name(path)
        found.append(
            CatalogDocument(
                document_id=document_id(key),
                filename=path.name,
                key=key,
                company=company,
                period=period,
                document_type=kind,
                version=stored.version,
            )
        )
    return found


def _read_name(path: PurePosixPath) -> tuple[str, str, str]:
    """Return (company, period, document type) as a file's name tells them; empty where it does not.

    The company stands before the others: a name that has none of them is a title.
    """
    stem = path.stem.replace("_", " ")
    year = _YEAR.search(stem)
    kind = next((name for name, pattern in _TYPES if re.search(pattern, stem, re.IGNORECASE)), "")
    cuts = [match.start() for match in (year, _QUARTER.search(stem)) if match]
    cuts += [m.start() for _, pattern in _TYPES if (m := re.search(pattern, stem, re.IGNORECASE))]
    company = stem[: min(cuts)].strip(" -.") if cuts else ""
    if cuts and not company and len(path.parts) > 1:
        company = path.parts[-2].replace("_", " ")
    return company, year.group() if year else "", kind


def _merged(entries: Sequence[CatalogDocument], ledger: Ledger) -> dict[str, CatalogDocument]:
    """Return the documents in order, by id, each with what the ledger knows of it."""
    rows = ledger.rows()
    documents = [_with_ledger(entry, rows.get(entry.document_id)) for entry in entries]
    documents.sort(key=lambda d: (d.company.lower(), d.period, d.filename))
    return {document.document_id: document for document in documents}


def _with_ledger(entry: CatalogDocument, row: LedgerRow | None) -> CatalogDocument:
    if row is None or entry.status == "missing":
        return entry
    current = row.version == entry.version
    return msgspec.structs.replace(
        entry,
        status=row.status if current or row.status == "ready" else "pending",
        reason=row.reason if current else "",
        pages=row.pages or None,
        notes=tuple(row.notes),
        company=entry.company or row.guess.get("company", ""),
        period=entry.period or row.guess.get("period", ""),
        document_type=entry.document_type or row.guess.get("document_type", ""),
    )
