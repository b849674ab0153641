"""Runs the real product for tests: gunicorn with its master, or any other way to serve ``wsgi:app``."""

import contextlib
import fcntl
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.ports import free_port
from tests.support.waiting import HANG_S, wait_for

ROOT = Path(__file__).parents[2]
_MINE = ("JACIE_", "OPENAI_", "PINECONE_", "AWS_", "WEB_CONCURRENCY", "HOST", "PORT")


def environment(data: Path, **settings: str) -> dict[str, str]:
    """Return the environment of a fresh Jacie that keeps its files below ``data``, and ingests when it is told to."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(_MINE)}
    paths = {"JACIE_DATA": str(data), "JACIE_INDEX": f"sqlite:{data}/index.db", "JACIE_DOCUMENTS": str(ROOT / "sample_documents")}
    paths["JACIE_INGEST"] = "off"
    return {**clean, "PYTHONPATH": str(ROOT), **paths, **settings}


@dataclass
class Running:
    """A served Jacie: its base URL, its process and what it printed."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def get(self, path: str, timeout: float = 60) -> Any:
        """Return the JSON of a GET."""
        with urllib.request.urlopen(self.url + path, timeout=timeout) as answer:
            return json.load(answer)

    def post(self, path: str, body: Any, timeout: float = 60, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Return (status, JSON) of a POST, problem documents included."""
        asked = {"Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), asked)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def wait_until_indexed(self, seconds: float = HANG_S, *, vectors: bool = False) -> dict[str, Any]:
        """Return /ready's state of the index once all documents (and vectors) are in."""

        def index() -> dict[str, Any] | None:
            parts = self.get("/ready")["parts"]
            done = parts["index"].get("documents") == parts["documents"].get("documents")
            return parts["index"] if done and (not vectors or parts["index"]["vectors"] == parts["index"]["chunks"]) else None

        return dict(wait_for(index, seconds))


@dataclass
class Frame:
    """A received SSE frame or comment with the wall-clock time of its arrival."""

    at: float
    name: str
    data: Any
    id: str = ""


@dataclass
class Received:
    """All of one stream."""

    status: int
    headers: dict[str, str]
    frames: list[Frame] = field(default_factory=list)

    def named(self, name: str) -> list[Any]:
        """Return the data of all events of one name."""
        return [frame.data for frame in self.frames if frame.name == name]

    @property
    def comments(self) -> list[Frame]:
        """The heartbeats and the padding."""
        return [frame for frame in self.frames if frame.name == ":"]

    @property
    def terminal(self) -> Frame:
        """The one terminal event; fails when there are none or several."""
        found = [frame for frame in self.frames if frame.name in ("result", "error")]
        assert len(found) == 1, [frame.name for frame in self.frames]
        return found[0]


def wait_for_words(url: str, events: str) -> None:
    """Follow a run until its answer has begun."""
    with urllib.request.urlopen(url + events, timeout=30) as answer:
        assert any(frame.name == "token" for frame in parse(answer)), "it ended without a word"


def ask(url: str, path: str, body: Any, *, timeout: float = 60, headers: dict[str, str] | None = None) -> Received:
    """Read a whole SSE answer, noting when each frame arrived."""
    asked = {"Content-Type": "application/json", **(headers or {})}
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url + path, data, asked)
    try:
        answer = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        with error:
            return Received(error.code, dict(error.headers), [Frame(time.time(), "problem", json.load(error))])
    with answer:
        received = Received(answer.status, dict(answer.headers))
        received.frames.extend(parse(answer))
    return received


@contextlib.contextmanager
def reading(running: Running, path: str, body: dict[str, object]) -> Iterator[Iterator[Frame]]:
    """Ask and yield the frames as they come."""
    with contextlib.closing(http.client.HTTPConnection(running.url.removeprefix("http://"), timeout=HANG_S)) as connection:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        yield parse(connection.getresponse())


def next_of(frames: Iterator[Frame], wanted: Callable[[Frame], bool]) -> list[Frame]:
    """Return the frames up to and with the next that is wanted; fail when the stream ends before."""
    seen = []
    for frame in frames:
        seen.append(frame)
        if wanted(frame):
            return seen
    raise AssertionError([frame.name for frame in seen])


def parse(lines: Any) -> Iterator[Frame]:
    """Yield frames from an iterable of byte lines as they come."""
    name, data, identity = "", [], ""
    for raw in lines:
        line = raw.decode().rstrip("\n")
        if line.startswith(":"):
            yield Frame(time.time(), ":", line[1:].strip())
        elif line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            data.append(line[6:])
        elif line.startswith("id: "):
            identity = line[4:]
        elif not line and name:
            yield Frame(time.time(), name, json.loads("\n".join(data)), identity)
            name, data, identity = "", [], ""


@contextlib.contextmanager
def gunicorn(
    data: Path,
    *arguments: str,
    config: Path | None = None,
    ingest_first: bool = False,
    start_new_session: bool = False,
    **settings: str,
) -> Iterator[Running]:
    """Serve under gunicorn as ``make run`` does, on a free port; ``ingest_first`` spares the wait for its low-priority vectors."""
    if ingest_first:
        ingest(data, **settings)
    command = [sys.executable, "-m", "gunicorn", "wsgi:app", *arguments]
    if config:
        command += ["-c", str(config)]
    with serve(command, data, start_new_session=start_new_session, **settings) as running:
        yield running


def ingested_samples(basetemp: Path) -> Path:
    """Return a data folder in which the sample documents are indexed with vectors, made once for all processes of a test run."""
    return _made_once(basetemp)[0]


def copy_of_ingested_samples(basetemp: Path, data: Path) -> None:
    """Make a data folder like that of ``ingested_samples`` for a test that writes into it; no server has the files open."""
    shutil.copytree(_made_once(basetemp)[1], data)


def _made_once(basetemp: Path) -> tuple[Path, Path]:
    """Ingest the sample documents once and return (folder that servers use, copy that nobody uses)."""
    root = basetemp.parent if "PYTEST_XDIST_WORKER" in os.environ else basetemp
    data, copy = root / "ingested-samples", root / "copy-of-ingested-samples"
    with open(root / "ingested-samples.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not copy.exists():
            ingest(data, JACIE_MODEL="scripted")
            shutil.copytree(data, root / "copy")
            (root / "copy").rename(copy)
    return data, copy


def ingest(data: Path, **settings: str) -> None:
    """Run ``flask --app wsgi ingest`` to its end."""
    data.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "ingest"]
    subprocess.run(command, cwd=ROOT, env=environment(data, **settings), check=True, capture_output=True, timeout=110)


@contextlib.contextmanager
def serve(command: list[str], data: Path, *, start_new_session: bool = False, **settings: str) -> Iterator[Running]:
    """Run a command that serves Jacie on HOST:PORT, wait until it answers, and end it with its children."""
    data.mkdir(parents=True, exist_ok=True)
    port = free_port()
    log = data / f"server-{port}.log"
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [part.replace("{port}", str(port)) for part in command],
            cwd=ROOT,
            env=environment(data, HOST="127.0.0.1", PORT=str(port), **settings),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=start_new_session,
        )
        running = Running(f"http://127.0.0.1:{port}", process, log)
        try:
            _wait(running)
            yield running
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes], seconds: float = 30) -> None:
    """End a server politely, then not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(running: Running, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if running.process.poll() is not None:
            break
        try:
            running.get("/health")
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{running.log.read_text()[-4000:]}")
