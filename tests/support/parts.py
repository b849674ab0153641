"""The real parts in this process, over a few texts or whatever else the settings name."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

from jacie_flask import services
from jacie_flask.config import Settings
from jacie_flask.documents.analysis import analyse
from jacie_flask.documents.extraction import Extractor
from jacie_flask.documents.reader import CachedReader
from jacie_flask.documents.text_cache import TextCache
from jacie_flask.ingest import Report, ingest
from jacie_flask.interfaces import Services
from jacie_flask.models.openai_model import OpenAIModel


@contextlib.contextmanager
def built(settings: Settings) -> Iterator[Services]:
    """Yield the parts of these settings; the children that read documents for them, and the model's connections, end with the block."""
    parts = services.build({"default": settings}, services.background(settings))["default"]
    with contextlib.closing(Extractor(settings.data / "spool")) as extractor:
        yield dataclasses.replace(parts, reader=CachedReader(parts.documents, extractor, TextCache(settings.data / "cache")))
    if isinstance(parts.model, OpenAIModel):
        parts.model._client.close()


def over_texts(folder: Path, texts: Mapping[str, str]) -> Settings:
    """Return settings for texts that are written below ``folder``, with the scripted model."""
    return over_files(folder, {name: text.encode() for name, text in texts.items()})


def over_files(folder: Path, files: Mapping[str, bytes]) -> Settings:
    """Return settings for files that are written below ``folder``, with the scripted model."""
    documents, data = folder / "documents", folder / "data"
    documents.mkdir()
    for name, content in files.items():
        (documents / name).write_bytes(content)
    return Settings(
        documents=f"file:{documents}", data=data, index=f"sqlite:{data}/index.db", model="scripted", background="parent"
    )


def index(parts: Services, texts: Mapping[str, str], *, vectors: bool = False) -> None:
    """Put texts, whose pages are parted by form feeds, into the index."""
    for document in parts.catalog.documents():
        analysed = analyse(texts[document.filename].split("\f"), document.filename)
        parts.index.put(document, analysed)
        if vectors:
            parts.index.put_vectors(document, analysed, 0, parts.embedder.embed([chunk.text for chunk in analysed.chunks]))
    parts.index.warm()


def ingested(settings: Settings) -> Report:
    """Bring the index of these settings in line with their documents."""
    parts = services.ingestion(settings)
    with contextlib.closing(Extractor(settings.data / "spool")) as extractor:
        store = services.build({"default": settings}, services.background(settings))["default"].documents
        reader = CachedReader(store, extractor, TextCache(settings.data / "cache"))
        return ingest(dataclasses.replace(parts, reader=reader))
