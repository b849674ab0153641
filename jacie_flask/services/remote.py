"""The parts that are other servers, each behind a breaker, with the patience that its user has."""

import sys

from jacie_flask.breakers import Breaker
from jacie_flask.config import Settings
from jacie_flask.errors import DocumentUnavailable, LLMUnavailable, RetrievalUnavailable
from jacie_flask.retries import TO_THE_END, Patience
from jacie_flask.upstreams import Unavailable, Upstream

_INGESTING = Patience(retries=4, longest_s=60.0)


def answering_upstreams(settings: Settings, *names: str) -> dict[str, Upstream]:
    """Return those of the named parts that are asked over the network, each behind a breaker of this process."""
    return {
        name: Upstream(
            name,
            error,
            TO_THE_END if name == "model" else Patience(),
            Breaker(settings.breaker_failures, settings.breaker_open_s),
        )
        for name, error in remote(settings).items()
        if name in names
    }


def ingesting_upstreams(settings: Settings) -> dict[str, Upstream]:
    """Return the parts that are asked over the network, for an ingestion: it waits long, and no breaker stops it."""
    return {name: Upstream(name, error, _INGESTING, Breaker(sys.maxsize)) for name, error in remote(settings).items()}


def remote(settings: Settings) -> dict[str, Unavailable]:
    """Return the parts that are other servers, each with the error that says that it is not there."""
    parts: dict[str, tuple[bool, Unavailable]] = {
        "documents": (settings.documents_folder is None, DocumentUnavailable),
        "index": (settings.index.startswith("pinecone:"), RetrievalUnavailable),
        "embeddings": (settings.embeddings == "openai", RetrievalUnavailable),
        "model": (settings.uses_remote_model or settings.uses_local_model, LLMUnavailable),
    }
    return {name: error for name, (elsewhere, error) in parts.items() if elsewhere}
