"""The process of a local model: a llama.cpp server for one GGUF file that ends with its parent."""

import argparse
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request

import xllamacpp

from jacie_flask.processes import end_with_parent

MODEL_NAME = "local"
_SLOTS = 2
_NICE = 10
_HEALTH_EVERY_S = 2.0
_HEALTH_MISSES = 5


def serve(model: str, context_tokens: int, port: int, key: str) -> None:
    """Load the model and serve it until the parent goes or the server stops answering (the parent starts it again)."""
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = {MODEL_NAME}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.api_keys = [key]
    params.n_ctx = context_tokens * _SLOTS
    params.n_parallel = _SLOTS
    for threads in (params.cpuparams, params.cpuparams_batch):
        threads.n_threads = max(1, (os.cpu_count() or 1) - 1)  # questions need a core of their own
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
    print("the local model stopped answering; ending its process", file=sys.stderr)  # noqa: T201
    os._exit(1)


def main() -> None:
    """Run as ``python -m jacie_flask.models.llama_server --model FILE --context N --port N``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--context", type=int, required=True)
    arguments = parser.parse_args()
    os.nice(_NICE)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    end_with_parent()
    serve(arguments.model, arguments.context, arguments.port, os.environ["JACIE_LOCAL_MODEL_KEY"])


if __name__ == "__main__":
    main()
