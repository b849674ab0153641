"""Embeddings from any OpenAI-compatible server, through the openai SDK."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import httpx2
import numpy as np
import openai
from numpy.typing import NDArray

from jacie_flask import tracing
from jacie_flask.errors import RetrievalUnavailable
from jacie_flask.openai_errors import asked_to_wait, trouble
from jacie_flask.retries import Budget
from jacie_flask.upstreams import Upstream

_BATCH = 96
_OWN_SIZE = ("dimensions", "matryoshka")
"""What servers say whose models have one size only."""


class OpenAIEmbedder:
    """Embeds texts over HTTP in batches of 96; safe to share between threads.

    ``base_url`` None is OpenAI's own. A batch is tried again as ``upstream`` has it.
    """

    unlike = 0.0

    def __init__(
        self,
        *,
        base_url: str | None = None,
        api_key: str = "",
        model: str,
        dimension: int,
        client: openai.OpenAI | None = None,
        connect_timeout_s: float = 2.0,
        read_timeout_s: float = 20.0,
        upstream: Upstream | None = None,
    ) -> None:
        self.label = model
        self.dimension = dimension
        timeout = httpx2.Timeout(read_timeout_s, connect=connect_timeout_s)
        client = client or openai.OpenAI(base_url=base_url, api_key=api_key or "none")
        # Retries are ours: the SDK's would honour a Retry-After of two minutes and repeat a read timeout.
        self._client = client.with_options(timeout=timeout, max_retries=0)
        self._upstream = upstream or Upstream("embeddings", RetrievalUnavailable)
        self._sends_dimension = True

    def embed(self, texts: Sequence[str], budget: Budget | None = None) -> NDArray[np.float32]:
        """Return one row a text, shape (n, dimension), each of length 1; raise RetrievalUnavailable."""
        rows = np.empty((len(texts), self.dimension), dtype=np.float32)
        for start in range(0, len(texts), _BATCH):
            batch = [_acceptable(text) for text in texts[start : start + _BATCH]]
            rows[start : start + len(batch)] = self._embed(batch, budget)
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-12))
        return rows

    def warm(self) -> None:
        """Open the connection and import what a first call needs."""
        self.embed(["warm"])

    def _embed(self, texts: list[str], budget: Budget | None) -> NDArray[np.float32]:
        """Embed one batch and check the answer's shape."""
        try:
            data = sorted(self._upstream.ask(partial(self._ask, texts), budget).data, key=lambda one: one.index)
            rows = np.array([one.embedding for one in data], dtype=np.float32)
        except (ValueError, TypeError, AttributeError) as error:
            raise RetrievalUnavailable(f"{self.label}: the embeddings cannot be read: {error}") from error
        if rows.shape != (len(texts), self.dimension):
            raise RetrievalUnavailable(f"{self.label}: embeddings of shape {rows.shape}, not {(len(texts), self.dimension)}")
        return rows

    def _ask(self, texts: list[str]) -> Any:  # the SDK's own value
        """Send one batch; raise Trouble."""
        while True:
            size: dict[str, Any] = {"dimensions": self.dimension} if self._sends_dimension else {}
            try:
                with tracing.upstream("embeddings", model=self.label):
                    return self._client.embeddings.create(model=self.label, input=texts, **size)
            except openai.OpenAIError as error:
                if self._sends_dimension and _refuses_dimension(error):
                    self._sends_dimension = False
                    continue
                detail = f"{self.label}: {error}: {error.__cause__!r}"
                raise trouble(error, RetrievalUnavailable(detail, retry_after_s=asked_to_wait(error))) from error


def _acceptable(text: str) -> str:
    """Return a text that servers take: not empty, no lone surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8").strip() or " . "


def _refuses_dimension(error: openai.OpenAIError) -> bool:
    """Say whether the server does not know the parameter ``dimensions``, or its model has one size only."""
    return isinstance(error, openai.BadRequestError) and any(words in str(error).lower() for words in _OWN_SIZE)
