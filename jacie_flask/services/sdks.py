"""The parts that other servers stand behind: each is imported where the settings name it, for their SDKs take seconds to start.

The imports stand in functions for that alone; ``load`` makes them before workers are forked, so that these share the pages.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from jacie_flask.config import Settings
from jacie_flask.services.remote import remote

if TYPE_CHECKING:
    from jacie_flask.access.tokens import TokenVerifier
    from jacie_flask.documents.s3_store import S3Store
    from jacie_flask.models.openai_model import OpenAIModel
    from jacie_flask.retrieval.openai_embedder import OpenAIEmbedder
    from jacie_flask.retrieval.pinecone_index import PineconeIndex
    from jacie_flask.runs.redis_log import RedisLog
    from jacie_flask.runs.redis_rows import Facts


def load(settings_of: Iterable[Settings]) -> None:
    """Import what the parts of these settings are made of."""
    parts: dict[str, Callable[[], object]] = {
        "documents": s3_store,
        "index": pinecone_index,
        "embeddings": openai_embedder,
        "model": openai_model,
    }
    for settings in settings_of:
        for name in remote(settings):
            parts[name]()
        if settings.runs != "memory:":
            redis_log()
        if settings.oidc_issuer:
            token_verifier()


def s3_store() -> "type[S3Store]":
    """Return the store of documents in S3."""
    from jacie_flask.documents.s3_store import S3Store

    return S3Store


def pinecone_index() -> "type[PineconeIndex]":
    """Return the index in Pinecone."""
    from jacie_flask.retrieval.pinecone_index import PineconeIndex

    return PineconeIndex


def openai_embedder() -> "type[OpenAIEmbedder]":
    """Return the embedder that asks an OpenAI-compatible server."""
    from jacie_flask.retrieval.openai_embedder import OpenAIEmbedder

    return OpenAIEmbedder


def openai_model() -> "type[OpenAIModel]":
    """Return the model that asks an OpenAI-compatible server, a local one too."""
    from jacie_flask.models.openai_model import OpenAIModel

    return OpenAIModel


def redis_log() -> "type[RedisLog]":
    """Return the log of runs in Redis."""
    from jacie_flask.runs.redis_log import RedisLog

    return RedisLog


def redis_facts() -> "Callable[[str], Facts]":
    """Return what asks a Redis what it is."""
    from jacie_flask.runs.redis_connection import redis_facts as asked

    return asked


def token_verifier() -> "type[TokenVerifier]":
    """Return what checks a provider's tokens."""
    from jacie_flask.access.tokens import TokenVerifier

    return TokenVerifier
