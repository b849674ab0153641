"""Reads a document whole: bytes from the store, text from the sandboxed extractor, both remembered by content."""

import threading
from pathlib import Path

from jacie_flask import measures
from jacie_flask.documents.conditional import Standing, read_unless_made
from jacie_flask.documents.extraction import Extractor
from jacie_flask.documents.text_cache import TextCache, content_hash
from jacie_flask.interfaces import AnalysedDocument, CatalogDocument, DocumentStore
from jacie_flask.retries import Budget


class CachedReader:
    """Asks the store whether the known version still stands, and extracts only bytes that were never seen before."""

    def __init__(self, store: DocumentStore, extractor: Extractor, cache: TextCache, *, prefix: str = "") -> None:
        self._store = store
        self._extractor = extractor
        self._cache = cache
        self._prefix = prefix
        self._extracting: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def read(self, document: CatalogDocument, budget: Budget | None = None) -> AnalysedDocument:
        """Return the document's text and terms; raise DocumentUnavailable or DocumentRejected."""
        return self.read_version(document, budget)[1]

    def warm(self) -> None:
        """Start an extraction child, so that the first new document need not wait for one."""
        self._extractor.warm()

    def read_version(self, document: CatalogDocument, budget: Budget | None = None) -> tuple[str, AnalysedDocument]:
        """Return the store's version beside the text, both of the same bytes."""
        known_as = self._prefix + document.document_id
        found = read_unless_made(self._store, document.key, self._cache.version(known_as), self._cache.get, budget)
        if isinstance(found, Standing):
            measures.count("cache_requests", cache="text", outcome="hit")
            return found.version, found.made
        digest = content_hash(found.data)
        kept = self._cache.get(digest)
        measures.count("cache_requests", cache="text", outcome="hit" if kept else "miss")
        analysed = kept or self._extract_once(digest, found.data, document.filename)
        self._cache.set_version(known_as, found.version, digest)
        return found.version, analysed

    def _extract_once(self, digest: str, data: bytes, filename: str) -> AnalysedDocument:
        with self._lock:
            gate = self._extracting.setdefault(digest, threading.Lock())
        try:
            with gate:  # two questions about a new document read it once
                analysed = self._cache.get(digest)
                if analysed is None:
                    analysed = self._extractor.analyse(data, suffix=Path(filename).suffix.lower(), content_hash=digest)
                    self._cache.put(analysed)
                return analysed
        finally:
            with self._lock:
                self._extracting.pop(digest, None)
