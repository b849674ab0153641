"""A local model's server as its owner sees it: the address of the llama.cpp process that serves a user's own GGUF file."""

import secrets
import weakref
from importlib.util import find_spec
from pathlib import Path

from jacie_flask.config import secret_variables
from jacie_flask.errors import ConfigurationError
from jacie_flask.processes import OwnedProcess, held_port

_MAGIC = b"GGUF"


class LocalServer:
    """The address of the local model's server and the process behind it.

    The port is held for the life of the owner, so that a restarted server is found where the last one was; the key
    is random, so that nobody else on the machine uses it or answers in its place.
    """

    def __init__(self, model: Path, context_tokens: int) -> None:
        """Take a port for the server of this GGUF file; raise ConfigurationError where it cannot be served."""
        check_servable(model)
        holder = held_port()
        weakref.finalize(self, holder.close)
        self.port = int(holder.getsockname()[1])
        self.key = secrets.token_urlsafe(24)
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.process = OwnedProcess(
            "jacie_flask.models.llama_server",
            ("--model", str(model), "--context", str(context_tokens), "--port", str(self.port)),
            {"JACIE_LOCAL_MODEL_KEY": self.key},
            without=secret_variables(),
        )

    def start(self) -> None:
        """Start the server; it answers once the model is loaded."""
        self.process.start()

    def stop(self) -> None:
        """End the server."""
        self.process.stop()


def check_servable(model: Path) -> None:
    """Raise ConfigurationError unless the file is a GGUF file and llama.cpp is installed."""
    try:
        with model.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise ConfigurationError(f"JACIE_MODEL_FILE holds {str(model)!r}, which cannot be read: {error.strerror}") from error
    if magic != _MAGIC:
        raise ConfigurationError(f"JACIE_MODEL_FILE holds {str(model)!r}, which is no GGUF file")
    if find_spec("xllamacpp") is None:
        raise ConfigurationError("JACIE_MODEL_FILE needs llama.cpp: pip install -r requirements-local-model.lock")
