"""Builds the real parts from the settings: the only importer of backends."""

import hashlib
import logging
import math
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

from jacie_flask import concurrency
from jacie_flask.access.gate import Gate
from jacie_flask.access.keys import KeyFile
from jacie_flask.access.tokens import PublishedKeys, TokenVerifier
from jacie_flask.breakers import Breaker
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
from jacie_flask.errors import ConfigurationError, DocumentUnavailable, JacieError, LLMUnavailable, RetrievalUnavailable
from jacie_flask.ingest import Ingestion
from jacie_flask.interfaces import (
    ANALYSIS_VERSION,
    DEFAULT_TENANT,
    ChatModel,
    DocumentStore,
    Embedder,
    Limits,
    Services,
    SharedRunLog,
    VectorIndex,
)
from jacie_flask.models import embedded_server
from jacie_flask.models.openai_model import PATIENCE, OpenAIModel
from jacie_flask.models.scripted import ScriptedModel
from jacie_flask.processes import OwnedProcess, check_writable
from jacie_flask.retries import Patience
from jacie_flask.retrieval.embedded_embedder import EmbeddedEmbedder
from jacie_flask.retrieval.openai_embedder import OpenAIEmbedder
from jacie_flask.retrieval.pinecone_index import PineconeIndex
from jacie_flask.retrieval.sqlite_index import SqliteIndex
from jacie_flask.runs.memory_log import MemoryLog
from jacie_flask.runs.redis_log import RedisLog
from jacie_flask.runs.redis_store import Facts, redis_facts
from jacie_flask.upstreams import Unavailable, Upstream

log = logging.getLogger(__name__)

_LOADS = 32
_INGESTING = Patience(retries=4, longest_s=60.0)
_PICTURE_S = 20.0
_PICTURES_BYTES = 300_000_000
_OPENAI_URL = "https://api.openai.com/v1"
_DEFAULT_MODEL = "gpt-4o-mini"


_Step = tuple[str, Callable[[], object]]


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
    check_writable(settings.data)
    if settings.background == "parent":
        return Background(settings)
    server = embedded_server.EmbeddedServer() if settings.uses_embedded_model and not _scripted(settings) else None
    done = settings.data / "ingestion.done"
    # its counts would be read as a worker's, and each start of it would leave a file of them
    counts = ("PROMETHEUS_MULTIPROC_DIR",)
    ingestion = OwnedProcess("jacie_flask.cli", ("background-ingest", str(done)), {}, done=done, without=counts)
    return Background(settings, server, ingestion if settings.ingest == "start" else None)


@dataclass(frozen=True)
class _Shared:
    """The parts of which one serves all tenants: none of them keeps anything of a question or a document."""

    embedder: Embedder
    model: ChatModel
    runs: SharedRunLog
    pool: Executor
    reading: Extractor
    drawing: Extractor
    upstreams: tuple[Upstream, ...]


def build(settings_of: Mapping[str, Settings], beside: Background) -> Mapping[str, Services]:
    """Return the parts of each tenant: documents, index and caches of its own, the rest shared.

    Nothing is contacted before it is needed or warmed.
    """
    settings = settings_of[DEFAULT_TENANT]
    asked = _upstreams(settings, "embeddings", "model")
    shared = _Shared(
        embedder=embedder(settings, asked.get("embeddings")),
        model=chat_model(settings, beside, asked.get("model")),
        runs=run_log(settings),
        pool=concurrency.pool(_LOADS, "load"),
        reading=Extractor(settings.data / "spool"),
        # children of their own: a long report that is being read does not hold up a page
        drawing=Extractor(settings.data / "spool", timeout_s=_PICTURE_S, patience_s=_PICTURE_S),
        upstreams=tuple(asked.values()),
    )
    return {name: _services(one, shared) for name, one in settings_of.items()}


def _services(settings: Settings, shared: _Shared) -> Services:
    asked = _upstreams(settings, "documents", "index")
    store, texts = document_store(settings, asked.get("documents")), TextCache(settings.data / "cache")
    pictures = BoundedFolder(settings.data / "pictures", max_bytes=_PICTURES_BYTES)
    prefix = _collection(settings)
    return Services(
        documents=store,
        catalog=StoreCatalog(store, _ledger(settings), ttl_s=settings.catalog_ttl_s),
        reader=CachedReader(store, shared.reading, texts, prefix=prefix),
        pictures=CachedPictures(store, shared.drawing, pictures, texts, prefix=prefix),
        index=vector_index(settings, asked.get("index")),
        embedder=shared.embedder,
        model=shared.model,
        runs=shared.runs,
        offload=concurrency.offload,
        pool=shared.pool,
        limits=Limits(
            deadline_s=settings.deadline_s,
            retries=settings.retries,
            max_documents=settings.max_documents,
            guard_all=settings.guard == "always",
            refine_selection=settings.selection == "model",
        ),
        expectations=RecentAnswers(),
        upstreams=(*asked.values(), *shared.upstreams),
    )


def gate(settings: Settings, tenants: Collection[str]) -> Gate:
    """Return who may ask by these settings; raise ConfigurationError for a file of keys that cannot be used."""
    keys = key_file(settings)
    keys.check()
    tokens = None
    if settings.oidc_issuer:
        published = PublishedKeys(settings.oidc_jwks_url, clock=time.monotonic)
        tokens = TokenVerifier(settings.oidc_issuer, settings.oidc_audience, published)
    return Gate(
        keys=keys,
        tokens=tokens,
        tenants=tenants,
        required=bool(settings.keys),
        open_to_all=settings.open == "yes",
        tenant_claim=settings.oidc_tenant_claim,
        scopes_claim=settings.oidc_scopes_claim,
    )


def key_file(settings: Settings) -> KeyFile:
    """Return the API keys."""
    return KeyFile(settings.keys_file, clock=time.time)


def ingestion(settings: Settings) -> Ingestion:
    """Return the parts that the ingestion of one tenant works on."""
    asked = {name: Upstream(name, error, _INGESTING, Breaker(sys.maxsize)) for name, error in _remote(settings).items()}
    store = document_store(settings, asked.get("documents"))
    ledger = _ledger(settings)
    reading = Extractor(settings.data / "spool")
    return Ingestion(
        catalog=StoreCatalog(store, ledger, ttl_s=math.inf),
        reader=CachedReader(store, reading, TextCache(settings.data / "cache"), prefix=_collection(settings)),
        index=vector_index(settings, asked.get("index")),
        embedder=embedder(settings, asked.get("embeddings")),
        ledger=ledger,
    )


def _upstreams(settings: Settings, *names: str) -> dict[str, Upstream]:
    """Return those of the named parts that are asked over the network, each behind a breaker of this process."""
    return {
        name: Upstream(
            name,
            error,
            PATIENCE if name == "model" else Patience(),
            Breaker(settings.breaker_failures, settings.breaker_open_s),
        )
        for name, error in _remote(settings).items()
        if name in names
    }


def _remote(settings: Settings) -> dict[str, Unavailable]:
    """Return the parts that are other servers, each with the error that says that it is not there."""
    parts: dict[str, tuple[bool, Unavailable]] = {
        "documents": (settings.documents_folder is None, DocumentUnavailable),
        "index": (settings.index.startswith("pinecone:"), RetrievalUnavailable),
        "embeddings": (settings.embeddings == "openai", RetrievalUnavailable),
        "model": (not _scripted(settings), LLMUnavailable),
    }
    return {name: error for name, (elsewhere, error) in parts.items() if elsewhere}


def document_store(settings: Settings, upstream: Upstream | None = None) -> DocumentStore:
    """Return the folder or the S3 prefix that the settings name."""
    if settings.documents_folder is not None:
        return FolderStore(settings.documents_folder, max_bytes=settings.max_document)
    return S3Store(
        settings.documents,
        endpoint=settings.s3_endpoint,
        max_bytes=settings.max_document,
        connections=_LOADS,
        read_timeout_s=settings.documents_timeout_s,
        upstream=upstream,
    )


def vector_index(settings: Settings, upstream: Upstream | None = None) -> VectorIndex:
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
        read_timeout_s=settings.index_timeout_s,
        upstream=upstream,
    )


def embedder(settings: Settings, upstream: Upstream | None = None) -> Embedder:
    """Return the built-in encoder or the OpenAI-compatible one."""
    if settings.embeddings == "embedded":
        return EmbeddedEmbedder(offload=concurrency.offload)
    return OpenAIEmbedder(
        base_url=settings.openai_base_url or _OPENAI_URL,
        api_key=settings.openai_api_key or "none",
        model=settings.embedding_model,
        dimension=settings.embedding_dimension,
        read_timeout_s=settings.embeddings_timeout_s,
        upstream=upstream,
    )


def chat_model(settings: Settings, beside: Background, upstream: Upstream | None = None) -> ChatModel:
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
            upstream=upstream,
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
        upstream=upstream,
    )


def run_log(settings: Settings) -> SharedRunLog:
    """Return the log of runs: in memory, or in the Redis that all workers share."""
    if settings.runs == "memory:":
        return MemoryLog(keep_s=settings.keep_runs_s)
    return RedisLog(settings.runs, keep_s=settings.keep_runs_s, deadline_s=settings.deadline_s)


def warm_all(tenants: Mapping[str, Services], *, model_wait_s: float) -> None:
    """Make the first calls of each tenant's parts; the shared ones are met once."""
    for name, services in tenants.items():
        if name != DEFAULT_TENANT:
            _take([("documents", services.catalog.documents), ("index", services.index.warm)])
    warm(tenants[DEFAULT_TENANT], model_wait_s=model_wait_s)


def runs_store(settings: Settings) -> Facts | None:
    """Return what the Redis of the runs says of itself, None where they are in memory; raise StoreDown."""
    return None if settings.runs == "memory:" else redis_facts(settings.runs)


def extraction(settings: Settings) -> Extractor:
    """Return a reader of documents with one child of its own, that nobody else waits for."""
    return Extractor(settings.data / "spool", workers=1, timeout_s=10.0)


def warm(services: Services, *, model_wait_s: float) -> None:
    """Make first calls before the first user does; what cannot be reached yet is logged and met again by a question."""
    steps: list[_Step] = [
        ("documents", services.catalog.documents),
        ("extraction", services.reader.warm),
        ("index", services.index.warm),
        ("embeddings", services.embedder.warm),
        ("model", services.model.warm),
        ("search", lambda: rehearse(services)),
        ("model's server", lambda: _wait_for(services.model, model_wait_s)),
    ]
    _take(steps)


def _take(steps: Sequence[_Step]) -> None:
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
