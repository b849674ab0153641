"""Pictures of pages: drawn once for the same bytes, page, passage and scale, by whichever worker is asked first."""

import hashlib
from functools import partial
from pathlib import PurePath

import msgspec

from jacie_flask import measures
from jacie_flask.documents.bounded_folder import BoundedFolder
from jacie_flask.documents.conditional import Standing, read_unless_made
from jacie_flask.documents.extraction import Extractor
from jacie_flask.documents.text_cache import TextCache, content_hash
from jacie_flask.errors import DocumentRejected
from jacie_flask.interfaces import CatalogDocument, DocumentStore, PagePicture

_VERSION = 1  # grows when the same bytes are drawn or marked otherwise
_decoder = msgspec.msgpack.Decoder(PagePicture)
_encoder = msgspec.msgpack.Encoder()


class CachedPictures:
    """Asks the store whether the known version still stands, and draws only what was never drawn before."""

    def __init__(
        self, store: DocumentStore, extractor: Extractor, cache: BoundedFolder, versions: TextCache, *, prefix: str = ""
    ) -> None:
        self._store = store
        self._extractor = extractor
        self._cache = cache
        self._versions = versions
        self._prefix = prefix

    def draw(self, document: CatalogDocument, page: int, highlight: str, scale: float) -> tuple[str, PagePicture]:
        """Return the name of what the picture shows and the picture, both of the same bytes of the document.

        Raise NotFound where there is no such page, DocumentUnavailable, DocumentRejected or Overloaded.
        """
        if PurePath(document.filename).suffix.lower() != ".pdf":
            raise DocumentRejected(reason="only pages of PDF documents have pictures, this one has text alone")
        known_as = self._prefix + document.document_id
        name_of = partial(_name, page=page, highlight=highlight, scale=scale)
        known = self._versions.version(known_as)
        found = read_unless_made(self._store, document.key, known, lambda digest: self._kept(name_of(digest)))
        if isinstance(found, Standing):
            measures.count("cache_requests", cache="pictures", outcome="hit")
            return name_of(found.digest), found.made
        digest = content_hash(found.data)
        self._versions.set_version(known_as, found.version, digest)
        name = name_of(digest)
        drawn = self._kept(name)
        measures.count("cache_requests", cache="pictures", outcome="hit" if drawn else "miss")
        if drawn is None:
            drawn = self._extractor.draw(found.data, page=page, highlight=highlight, scale=scale)
            self._cache.write(name, _encoder.encode(drawn))
        return name, drawn

    def _kept(self, name: str) -> PagePicture | None:
        try:
            return _decoder.decode(self._cache.read(name) or b"")
        except msgspec.DecodeError:
            return None


def _name(digest: str, page: int, highlight: str, scale: float) -> str:
    asked = hashlib.blake2b(f"{_VERSION}\n{page}\n{scale:.2f}\n{highlight}".encode(), digest_size=12).hexdigest()
    return f"{digest}-{asked}"
