"""The contenders and what they stand on: each served as in production, every server on one core, all else on the others."""

import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.streams import processes
from bench.streams.counting import CHUNKS, EVENTS, Dialect
from bench.streams.load import Stream
from bench.streams.plan import Plan
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
PEER_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
_CLEARED = ("JACIE_", "OPENAI_", "PINECONE_", "AWS_", "WEB_CONCURRENCY", "GUNICORN_", "HOST", "PORT")


class Unavailable(Exception):
    """A contender cannot be measured here; the reason is the message."""


@dataclass(frozen=True)
class Contender:
    """A kind of server: how it is called, asked and read."""

    key: str
    label: str
    dialect: Dialect
    path: str = "/chat/stream"

    def stream(self, plan: Plan) -> Stream:
        """Return a stream that is not open yet."""
        asked = {"query": plan.question(), "auto_load_documents": False, "on_disconnect": "cancel"}
        body = json.dumps(asked).encode()
        head = (
            f"POST {self.path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return Stream(head.encode() + body, self.dialect)


JACIE = Contender("jacie", "Jacie, memory log", EVENTS)
JACIE_REDIS = Contender("jacie_redis", "Jacie, Redis log", EVENTS)
PEER = Contender("peer", "FastAPI peer", EVENTS)
PROXY = Contender("proxy", "byte proxy", CHUNKS, "/v1/chat/completions")
DIRECT = Contender("direct", "no server between", CHUNKS, "/v1/chat/completions")
CONTENDERS = {contender.key: contender for contender in (JACIE, JACIE_REDIS, PEER, PROXY, DIRECT)}


@dataclass(frozen=True)
class Server:
    """A running contender: where it is, the process that serves, the one above it, and Redis where there is one."""

    contender: Contender
    port: int
    worker: int
    master: int
    redis: int = 0


def server_core() -> int:
    """Return the core that the measured servers share."""
    return max(_ALLOWED)


def load_cores() -> set[int]:
    """Return the cores of the upstream, the load and Redis."""
    return _ALLOWED - {server_core()} or _ALLOWED


_ALLOWED = os.sched_getaffinity(0)


def prepare() -> None:
    """Put this process onto the load's cores and let it and its children hold as many files as is allowed."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.sched_setaffinity(0, load_cores())


@dataclass(frozen=True)
class Upstream:
    """The running model's server."""

    port: int
    pid: int

    def go(self) -> None:
        """Start the paced answers that are open."""
        self._get("go")

    def closed(self) -> dict[str, float]:
        """Return when the connections of named plans were closed."""
        return dict(self._get("closed"))

    def left_open(self, seconds: float) -> int:
        """Wait until nobody asks for an answer any more and return 0, or how many had to be closed from this side then."""
        end = time.monotonic() + seconds
        while (count := int(self._get("open"))) and time.monotonic() < end:
            time.sleep(0.1)
        if count:
            self._get("drop")
        return count

    def _get(self, what: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{what}", timeout=30) as answer:
            return json.load(answer)


@contextlib.contextmanager
def upstream() -> Iterator[Upstream]:
    """Run the model's server beside the load."""
    port = free_port()
    command = [sys.executable, "-m", "bench.streams.upstream", str(port)]
    with (
        tempfile.TemporaryDirectory(prefix="jacie-bench-") as folder,
        _process(command, {}, load_cores(), Path(folder) / "log") as process,
    ):
        _wait_for_port(process, port, Path(folder) / "log")
        yield Upstream(port, process.pid)


@contextlib.contextmanager
def serve(contender: Contender, model: Upstream, *, heartbeat_s: int = 15) -> Iterator[Server]:
    """Serve a contender on the measured core; raise Unavailable when this machine or this version cannot."""
    if contender is DIRECT:
        yield Server(contender, model.port, model.pid, model.pid)
        return
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jacie-bench-")))
        settings = _settings(contender, model, heartbeat_s, folder)
        log = 0
        if contender is JACIE_REDIS:
            settings["JACIE_RUNS"], log = stack.enter_context(redis(folder))
        port = free_port()
        process = stack.enter_context(
            _process(
                _command(contender, port, model, heartbeat_s), {**settings, "PORT": str(port)}, {server_core()}, folder / "log"
            )
        )
        _wait_until_answering(contender, process, port, folder / "log")
        yield Server(contender, port, _worker(contender, process.pid), process.pid, log)


def _command(contender: Contender, port: int, model: Upstream, heartbeat_s: int) -> list[str]:
    if contender is PEER:
        if not PEER_PYTHON.exists():
            raise Unavailable("the peer's venv is not there: `make bench` builds it")
        return [str(PEER_PYTHON), str(ROOT / "bench" / "streams" / "peer.py"), str(port), str(heartbeat_s)]
    if contender is PROXY:
        return [sys.executable, "-m", "bench.streams.proxy", str(port), str(model.port)]
    return [sys.executable, "-m", "gunicorn", "wsgi:app"]


def _settings(contender: Contender, model: Upstream, heartbeat_s: int, folder: Path) -> dict[str, str]:
    """Return the environment of a contender; Jacie's are its defaults but for room for as many runs as are measured."""
    key = {"OPENAI_BASE_URL": f"http://127.0.0.1:{model.port}/v1", "OPENAI_API_KEY": "bench"}
    if contender not in (JACIE, JACIE_REDIS):
        return key
    return {
        **key,
        "HOST": "127.0.0.1",
        "WEB_CONCURRENCY": "1",
        "JACIE_DATA": str(folder / "data"),
        "JACIE_INDEX": f"sqlite:{folder}/data/index.db",
        "JACIE_DOCUMENTS": str(ROOT / "sample_documents"),
        "JACIE_INGEST": "off",
        "JACIE_OPEN": "yes",
        "JACIE_MAX_RUNS": "20000",
        "JACIE_RATE_LIMIT": "off",
        "JACIE_RUNS_PER_KEY": "0",
        "JACIE_DEADLINE_S": "3600",
        "JACIE_MODEL_TIMEOUT_S": "600",
        "JACIE_HEARTBEAT_S": str(heartbeat_s),
    }


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[tuple[str, int]]:
    """Run a Redis that keeps nothing on disk, beside the load; return its address for JACIE_RUNS and its process."""
    program = shutil.which("redis-server")
    if program is None:
        raise Unavailable("redis-server is not installed")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with _process(command, {}, load_cores(), folder / "redis.log") as process:
        _wait_for_port(process, port, folder / "redis.log")
        yield f"redis://127.0.0.1:{port}/0", process.pid


@contextlib.contextmanager
def _process(command: list[str], settings: Mapping[str, str], cores: set[int], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(_CLEARED)}
    with open(log, "wb") as out:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**clean, "PYTHONPATH": str(ROOT), **settings},
            stdout=out,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a server at once: nobody reads its streams any more."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _worker(contender: Contender, master: int) -> int:
    """Return the process that serves: gunicorn's one worker, or the process itself."""
    if contender not in (JACIE, JACIE_REDIS):
        return master
    workers = [child for child in processes.children(master) if processes.command(child) == processes.command(master)]
    if len(workers) != 1:
        raise Unavailable(f"gunicorn has {len(workers)} workers, not one")
    return workers[0]


def _wait_until_answering(contender: Contender, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    _wait_for_port(process, port, log)
    if contender is PROXY:
        return
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            _check_alive(process, log)
            time.sleep(0.1)
    raise Unavailable(f"{contender.label} does not answer")


def _wait_for_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        _check_alive(process, log)
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return
        time.sleep(0.05)
    raise Unavailable(f"nobody listens on the port of {process.args!r}")


def _check_alive(process: subprocess.Popen[bytes], log: Path) -> None:
    if process.poll() is not None:
        lines = log.read_text().strip().splitlines()
        raise Unavailable(f"the boot was refused: {lines[-1] if lines else process.returncode}")
