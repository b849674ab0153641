"""All parts of each tenant put together: for the workers that answer, and for an ingestion."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from jacie_flask import concurrency
from jacie_flask.answer.expectations import RecentAnswers
from jacie_flask.config import Settings
from jacie_flask.documents.bounded_folder import BoundedFolder
from jacie_flask.documents.catalog import StoreCatalog
from jacie_flask.documents.extraction import Extractor
from jacie_flask.documents.pictures import CachedPictures
from jacie_flask.documents.reader import CachedReader
from jacie_flask.documents.text_cache import TextCache
from jacie_flask.evidence.books import Books
from jacie_flask.ingest import Ingestion
from jacie_flask.interfaces import DEFAULT_TENANT, ChatModel, Embedder, Limits, Services, SharedRunLog
from jacie_flask.services.backends import LOADS, chat_model, document_store, embedder, run_log, vector_index
from jacie_flask.services.beside import Background
from jacie_flask.services.places import collection, ledger_of
from jacie_flask.services.remote import answering_upstreams, ingesting_upstreams
from jacie_flask.upstreams import Upstream

_PICTURE_S = 20.0
_PICTURES_BYTES = 300_000_000


@dataclass(frozen=True)
class _Shared:
    """The parts of which one serves all tenants: none of them keeps anything of a question or a document."""

    embedder: Embedder
    model: ChatModel
    runs: SharedRunLog
    reading: Extractor
    drawing: Extractor
    upstreams: tuple[Upstream, ...]


def build(settings_of: Mapping[str, Settings], beside: Background) -> Mapping[str, Services]:
    """Return the parts of each tenant: documents, index and caches of its own, the rest shared.

    Nothing is contacted before it is needed or warmed.
    """
    settings = settings_of[DEFAULT_TENANT]
    asked = answering_upstreams(settings, "embeddings", "model")
    shared = _Shared(
        embedder=embedder(settings, asked.get("embeddings")),
        model=chat_model(settings, beside, asked.get("model")),
        runs=run_log(settings),
        reading=Extractor(settings.data / "spool"),
        # children of their own: a long report that is being read does not hold up a page
        drawing=Extractor(settings.data / "spool", timeout_s=_PICTURE_S, patience_s=_PICTURE_S),
        upstreams=tuple(asked.values()),
    )
    return {name: _services(one, shared) for name, one in settings_of.items()}


def _services(settings: Settings, shared: _Shared) -> Services:
    asked = answering_upstreams(settings, "documents", "index")
    store, texts = document_store(settings, asked.get("documents")), TextCache(settings.data / "cache")
    pictures = BoundedFolder(settings.data / "pictures", max_bytes=_PICTURES_BYTES, what="pictures of pages")
    prefix = collection(settings)
    index = vector_index(settings, asked.get("index"))
    return Services(
        documents=store,
        catalog=StoreCatalog(store, ledger_of(settings), ttl_s=settings.catalog_ttl_s, on_change=index.expire),
        reader=CachedReader(store, shared.reading, texts, prefix=prefix),
        pictures=CachedPictures(store, shared.drawing, pictures, texts, prefix=prefix),
        index=index,
        embedder=shared.embedder,
        model=shared.model,
        runs=shared.runs,
        offload=concurrency.offload,
        pool=concurrency.pool(LOADS, "load"),  # its own: a store that stalls takes up the places of its tenant alone
        limits=Limits(
            deadline_s=settings.deadline_s,
            retries=settings.retries,
            max_documents=settings.max_documents,
            guard=settings.guard == "always",
            refine_selection=settings.selection == "model",
            model_for_words=settings.model_for == "words",
        ),
        expectations=RecentAnswers(),
        books=Books(),
        upstreams=(*asked.values(), *shared.upstreams),
    )


def ingestion(settings: Settings) -> Ingestion:
    """Return the parts that the ingestion of one tenant works on."""
    asked = ingesting_upstreams(settings)
    store = document_store(settings, asked.get("documents"))
    ledger = ledger_of(settings)
    reading = Extractor(settings.data / "spool")
    return Ingestion(
        catalog=StoreCatalog(store, ledger, ttl_s=math.inf),
        reader=CachedReader(store, reading, TextCache(settings.data / "cache"), prefix=collection(settings)),
        index=vector_index(settings, asked.get("index")),
        embedder=embedder(settings, asked.get("embeddings")),
        ledger=ledger,
        complete=lambda: not store.left_out,
    )


def extraction(settings: Settings) -> Extractor:
    """Return a reader of documents with one child of its own, that nobody else waits for."""
    return Extractor(settings.data / "spool", workers=1, timeout_s=10.0)
