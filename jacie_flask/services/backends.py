"""Each part as its setting names it: documents, index, embedder, model, log of runs."""

import contextlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from jacie_flask import concurrency
from jacie_flask.config import Settings
from jacie_flask.documents.folder_store import FolderStore
from jacie_flask.errors import ConfigurationError, RetrievalUnavailable
from jacie_flask.interfaces import ChatModel, DocumentStore, Embedder, SharedRunLog, VectorIndex
from jacie_flask.models.absent import AbsentModel
from jacie_flask.models.scripted import ScriptedModel
from jacie_flask.retrieval.embedded_embedder import EmbeddedEmbedder
from jacie_flask.retrieval.sqlite_index import SqliteIndex
from jacie_flask.runs.memory_log import MemoryLog
from jacie_flask.runs.redis_rows import Facts
from jacie_flask.services import sdks
from jacie_flask.services.beside import Background
from jacie_flask.services.places import collection, index_file, ingestion_mark, ledger_of
from jacie_flask.upstreams import Upstream

LOADS = 32
_OPENAI_URL = "https://api.openai.com/v1"
_DEFAULT_MODEL = "gpt-4o-mini"


def document_store(settings: Settings, upstream: Upstream | None = None) -> DocumentStore:
    """Return the folder or the S3 prefix that the settings name."""
    if settings.documents_folder is not None:
        return FolderStore(settings.documents_folder, max_bytes=settings.max_document, patience_s=settings.documents_timeout_s)
    return sdks.s3_store()(
        settings.documents,
        endpoint=settings.s3_endpoint,
        max_bytes=settings.max_document,
        connections=LOADS,
        read_timeout_s=settings.documents_timeout_s,
        upstream=upstream,
    )


def vector_index(settings: Settings, upstream: Upstream | None = None) -> VectorIndex:
    """Return the SQLite file or the Pinecone index that the settings name."""
    kind, _, place = settings.index.partition(":")
    if kind == "sqlite":
        path = index_file(Path(place), settings)
        try:
            again = partial(_ingest_again, settings)
            return SqliteIndex(path, background=concurrency.beside, offload=concurrency.offload, on_loss=again)
        except RetrievalUnavailable as error:
            raise ConfigurationError(f"JACIE_INDEX holds {settings.index!r}, which cannot be opened: {error}") from error
    return sdks.pinecone_index()(
        place.removeprefix("//"),
        api_key=settings.pinecone_api_key,
        host=settings.pinecone_host,
        dimension=_dimension(settings),
        namespace=collection(settings),
        read_timeout_s=settings.index_timeout_s,
        upstream=upstream,
    )


def _ingest_again(settings: Settings, document_ids: Sequence[str] | None) -> None:
    """Have the ingestion beside the server fill the index with what it lost: these documents, or None for all of them.

    The ledger speaks of what is gone.
    """
    ledger = ledger_of(settings)
    if document_ids is None:
        ledger.clear()
    for document_id in document_ids or ():
        ledger.forget(document_id)
    with contextlib.suppress(OSError):
        ingestion_mark(settings).unlink(missing_ok=True)


def _dimension(settings: Settings) -> int:
    return EmbeddedEmbedder.dimension if settings.embeddings == "embedded" else settings.embedding_dimension


def embedder(settings: Settings, upstream: Upstream | None = None) -> Embedder:
    """Return the built-in encoder or the OpenAI-compatible one."""
    if settings.embeddings == "embedded":
        return EmbeddedEmbedder(offload=concurrency.offload)
    return sdks.openai_embedder()(
        base_url=settings.openai_base_url or _OPENAI_URL,
        api_key=settings.openai_api_key or "none",
        model=settings.embedding_model,
        dimension=settings.embedding_dimension,
        read_timeout_s=settings.embeddings_timeout_s,
        upstream=upstream,
    )


def chat_model(settings: Settings, beside: Background, upstream: Upstream | None = None) -> ChatModel:
    """Return the model that the settings name; without one, what stands for none."""
    if settings.scripted:
        return ScriptedModel()
    if settings.uses_remote_model:
        return sdks.openai_model()(
            base_url=settings.openai_base_url or _OPENAI_URL,
            api_key=settings.openai_api_key or "none",
            model=settings.model or _DEFAULT_MODEL,
            label=settings.model or _DEFAULT_MODEL,
            context_tokens=settings.model_context,
            read_timeout_s=settings.model_timeout_s,
            upstream=upstream,
        )
    if settings.model_file is None:
        return AbsentModel()
    server = beside.model_server
    return sdks.openai_model()(
        base_url=server.url if server else settings.local_model_url,
        api_key=server.key if server else settings.local_model_key,
        model="local",
        label=settings.model or settings.model_file.stem,
        context_tokens=settings.local_context,
        read_timeout_s=settings.model_timeout_s,
        upstream=upstream,
    )


def run_log(settings: Settings) -> SharedRunLog:
    """Return the log of runs: in memory, or in the Redis that all workers share."""
    if settings.runs == "memory:":
        return MemoryLog(keep_s=settings.keep_runs_s)
    return sdks.redis_log()(settings.runs, keep_s=settings.keep_runs_s, deadline_s=settings.deadline_s)


def runs_store(settings: Settings) -> Facts | None:
    """Return what the Redis of the runs says of itself, None where they are in memory; raise StoreDown."""
    return None if settings.runs == "memory:" else sdks.redis_facts()(settings.runs)
