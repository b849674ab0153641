"""Builds the real parts from the settings: the only importer of backends."""

import hashlib
import logging
import math
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from jacie_flask import concurrency
from jacie_flask.chat.expectations import RecentAnswers
from jacie_flask.chat.finding import rehearse
from jacie_flask.config import Settings
from jacie_flask.documents.bounded_folder import BoundedFolder
from jacie_flask.documents.catalog import StoreCatalog
from jacie_flask.documents.extraction import Extractor
from jacie_flask.documents.folder_store import FolderStore
from jacie_flask.documents.ledger import Ledger
from jacie_flask.documents.pictures import CachedPictures
from jacie_flask.documents.reader import CachedReader
from jacie_flask.documents.s3_store import S3Store
from jacie_flask.documents.text_cache import TextCache
from jacie_flask.errors import ConfigurationError, JacieError, LLMUnavailable, RetrievalUnavailable
from jacie_flask.ingest import Ingestion
from jacie_flask.interfaces import (
    ANALYSIS_VERSION,
    ChatModel,
    DocumentStore,
    Embedder,
    Limits,
    Services,
    SharedRunLog,
    VectorIndex,
)
from jacie_flask.models import embedded_server
from jacie_flask.models.openai_model import OpenAIModel
from jacie_flask.models.scripted import ScriptedModel
from jacie_flask.processes import OwnedProcess
from jacie_flask.retrieval.embedded_embedder import EmbeddedEmbedder
from jacie_flask.retrieval.openai_embedder import OpenAIEmbedder
from jacie_flask.retrieval.pinecone_index import PineconeIndex
from jacie_flask.retrieval.sqlite_index import SqliteIndex
from jacie_flask.runs.memory_log import MemoryLog
from jacie_flask.runs.redis_log import RedisLog
from jacie_flask.runs.redis_store import Facts, redis_facts

log = logging.getLogger(__name__)

_LOADS = 32
_PICTURE_S = 20.0
_PICTURES_BYTES = 300_000_000
_OPENAI_URL = "https://api.openai.com/v1"
_DEFAULT_MODEL = "gpt-4o-mini"


@dataclass
class Background:
    """The processes beside the workers: the built-in model's server and the ingestion on start."""

    settings: Settings
    model_server: embedded_server.EmbeddedServer | None = None
    ingestion: OwnedProcess | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _started: bool = False

    def environment(self) -> dict[str, str]:
        """Return what worker processes need to know of these processes, as variables."""
        server = self.model_server
        known = {"JACIE_EMBEDDED_MODEL_URL": server.url, "JACIE_EMBEDDED_MODEL_KEY": server.key} if server else {}
        return {**known, "JACIE_BACKGROUND": "parent"}

    def start(self) -> None:
        """Start what the settings ask for, once."""
        with self._lock:
            if self._started:
                return
            self._started = True
        if self.model_server:
            self.model_server.start()
        if self.ingestion:
            self.ingestion.start()

    def stop(self) -> None:
        """End what was started."""
        for process in (self.ingestion, self.model_server.process if self.model_server else None):
            if process and self._started:
                process.stop()


def background(settings: Settings) -> Background:
    """Return the processes that these settings need and that no parent of this process runs already."""
    _check_writable(settings.data)
    if settings.background == "parent":
        return Background(settings)
    server = embedded_server.EmbeddedServer() if settings.uses_embedded_model and not _scripted(settings) else None
    done = settings.data / "ingestion.done"
    ingestion = OwnedProcess("jacie_flask.cli", ("background-ingest", str(done)), {}, done=done)
    return Background(settings, server, ingestion if settings.ingest == "start" else None)


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        raise ConfigurationError(f"JACIE_DATA holds {str(folder)!r}, allowed: a folder that can be written ({error})") from error


def build(settings: Settings, beside: Background) -> Services:
    """Return one of each part; nothing is contacted before it is needed or warmed."""
    store = document_store(settings)
    return Services(
        documents=store,
        catalog=StoreCatalog(store, _ledger(settings), ttl_s=settings.catalog_ttl_s),
        reader=_reader(settings, store),
        pictures=_pictures(settings, store),
        index=vector_index(settings),
        embedder=embedder(settings),
        model=chat_model(settings, beside),
        runs=run_log(settings),
        offload=concurrency.offload,
        pool=concurrency.pool(_LOADS, "load"),
        limits=Limits(deadline_s=settings.deadline_s, max_documents=settings.max_documents, guard_all=settings.guard == "always"),
        expectations=RecentAnswers(),
    )


def ingestion(settings: Settings) -> Ingestion:
    """Return the parts that ingestion works on."""
    store = document_store(settings)
    ledger = _ledger(settings)
    return Ingestion(
        catalog=StoreCatalog(store, ledger, ttl_s=math.inf),
        reader=_reader(settings, store),
        index=vector_index(settings),
        embedder=embedder(settings),
        ledger=ledger,
    )


def document_store(settings: Settings) -> DocumentStore:
    """Return the folder or the S3 prefix that the settings name."""
    if settings.documents_folder is not None:
        return FolderStore(settings.documents_folder, max_bytes=settings.max_document)
    return S3Store(settings.documents, endpoint=settings.s3_endpoint, max_bytes=settings.max_document, connections=_LOADS)


def vector_index(settings: Settings) -> VectorIndex:
    """Return the SQLite file or the Pinecone index that the settings name."""
    kind, _, place = settings.index.partition(":")
    if kind == "sqlite":
        path = _beside_others(Path(place), settings)
        try:
            return SqliteIndex(path, background=concurrency.beside, offload=concurrency.offload)
        except RetrievalUnavailable as error:
            raise ConfigurationError(f"JACIE_INDEX holds {settings.index!r}, which cannot be opened: {error}") from error
    return PineconeIndex(
        place.removeprefix("//"),
        api_key=settings.pinecone_api_key,
        host=settings.pinecone_host,
        dimension=_dimension(settings),
        namespace=_collection(settings),
    )


def embedder(settings: Settings) -> Embedder:
    """Return the built-in encoder or the OpenAI-compatible one."""
    if settings.embeddings == "embedded":
        return EmbeddedEmbedder(offload=concurrency.offload)
    return OpenAIEmbedder(
        base_url=settings.openai_base_url or _OPENAI_URL,
        api_key=settings.openai_api_key or "none",
        model=settings.embedding_model,
        dimension=settings.embedding_dimension,
    )


def chat_model(settings: Settings, beside: Background) -> ChatModel:
    """Return the model that the settings name, the built-in one where they name none."""
    if _scripted(settings):
        return ScriptedModel()
    if not settings.uses_embedded_model:
        return OpenAIModel(
            base_url=settings.openai_base_url or _OPENAI_URL,
            api_key=settings.openai_api_key or "none",
            model=settings.model or _DEFAULT_MODEL,
            label=settings.model or _DEFAULT_MODEL,
            context_tokens=settings.model_context,
            small=False,
            read_timeout_s=settings.model_timeout_s,
        )
    server = beside.model_server
    return OpenAIModel(
        base_url=server.url if server else settings.embedded_model_url,
        api_key=server.key if server else settings.embedded_model_key,
        model="smollm2-135m-instruct",
        label=embedded_server.LABEL,
        context_tokens=embedded_server.CONTEXT_TOKENS,
        small=True,
        read_timeout_s=settings.model_timeout_s,
    )


def run_log(settings: Settings) -> SharedRunLog:
    """Return the log of runs: in memory, or in the Redis that all workers share."""
    if settings.runs == "memory:":
        return MemoryLog(keep_s=settings.keep_runs_s)
    return RedisLog(settings.runs, keep_s=settings.keep_runs_s, deadline_s=settings.deadline_s)


def runs_store(settings: Settings) -> Facts | None:
    """Return what the Redis of the runs says of itself, None where they are in memory; raise StoreDown."""
    return None if settings.runs == "memory:" else redis_facts(settings.runs)


def extraction(settings: Settings) -> Extractor:
    """Return a reader of documents with one child of its own, that nobody else waits for."""
    return Extractor(settings.data / "spool", workers=1, timeout_s=10.0)


def warm(services: Services, *, model_wait_s: float) -> None:
    """Make first calls before the first user does; what cannot be reached yet is logged and met again by a question."""
    steps: list[tuple[str, Callable[[], object]]] = [
        ("documents", services.catalog.documents),
        ("extraction", services.reader.warm),
        ("index", services.index.warm),
        ("embeddings", services.embedder.warm),
        ("model", services.model.warm),
        ("search", lambda: rehearse(services)),
        ("model's server", lambda: _wait_for(services.model, model_wait_s)),
    ]
    for name, step in steps:
        try:
            step()
        except JacieError as error:
            log.warning("%s cannot be reached yet: %s", name, error)


def _wait_for(model: ChatModel, wait_s: float) -> None:
    end = time.monotonic() + wait_s
    while not model.ready():
        if time.monotonic() > end:
            raise LLMUnavailable(f"{model.label} does not answer")
        time.sleep(0.1)


def _scripted(settings: Settings) -> bool:
    return settings.model == "scripted"


def _dimension(settings: Settings) -> int:
    return EmbeddedEmbedder.dimension if settings.embeddings == "embedded" else settings.embedding_dimension


def _collection(settings: Settings) -> str:
    """Return a short name of the collection: documents of two stores never meet in one index."""
    place = str(settings.documents_folder.resolve()) if settings.documents_folder else settings.documents
    return hashlib.blake2b(place.encode(), digest_size=6).hexdigest()


def _beside_others(path: Path, settings: Settings) -> Path:
    return path.with_name(f"{path.stem}-{_collection(settings)}-{settings.embeddings}{path.suffix}")


def _ledger(settings: Settings) -> Ledger:
    index = hashlib.blake2b(f"{settings.index} {settings.embeddings}".encode(), digest_size=4).hexdigest()
    return Ledger(settings.data / f"ledger-{_collection(settings)}-{index}-v{ANALYSIS_VERSION}.db")


def _reader(settings: Settings, store: DocumentStore) -> CachedReader:
    return CachedReader(store, Extractor(settings.data / "spool"), _texts(settings), prefix=_collection(settings))


def _pictures(settings: Settings, store: DocumentStore) -> CachedPictures:
    """Return the pictures with children of their own: a long report that is being read does not hold up a page."""
    children = Extractor(settings.data / "spool", timeout_s=_PICTURE_S, patience_s=_PICTURE_S)
    cache = BoundedFolder(settings.data / "pictures", max_bytes=_PICTURES_BYTES)
    return CachedPictures(store, children, cache, _texts(settings), prefix=_collection(settings))


def _texts(settings: Settings) -> TextCache:
    return TextCache(settings.data / "cache")
