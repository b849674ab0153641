"""The same application on other servers: unpatched threads give the same events as greenlets."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.support.alive import alive
from tests.support.gguf import gguf_file
from tests.support.jacie import ROOT, ask, environment, gunicorn, ingested_samples, next_of, reading, serve
from tests.support.openai_server import OpenAIServer, Script
from tests.support.waiting import wait_for

QUESTION = {"query": "What was Zanobela's revenue in 2024?"}
SERVERS = {
    "waitress": [sys.executable, "-m", "waitress", "--listen=127.0.0.1:{port}", "--threads=8", "wsgi:app"],
    "gthread": [sys.executable, "-m", "gunicorn", "-c", "/dev/null", "-k", "gthread", "--threads", "8", "-b", "127.0.0.1:{port}",
                "--no-control-socket", "wsgi:app"],
    "flask run": [sys.executable, "-m", "flask", "--app", "wsgi", "run", "--port", "{port}"],
}  # fmt: skip


def events_of(url: str, mode: str) -> list[tuple]:
    """Return what a question's events say, without times and ids of the run."""
    found = []
    for frame in ask(url, f"/{mode}/stream", QUESTION).frames:
        if frame.name == "progress":
            found.append(("progress", frame.data["step"], frame.data["progress"], frame.data["message"]))
        elif frame.name == "token":
            found.append(("token",))
        elif frame.name == "result":
            found.append(("result", frame.data["response"], frame.data["documents_loaded"], frame.data["citations"]))
        elif frame.name == "sources":
            found.append(("sources", [(source["filename"], source["page"]) for source in frame.data["sources"]]))
    return list(dict.fromkeys(map(repr, found)))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with everything indexed."""
    return ingested_samples(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def expected(data):
    """The events of both modes on gunicorn's gevent worker."""
    with gunicorn(data, JACIE_MODEL="scripted") as running:
        running.wait_until_indexed(vectors=True)
        return {mode: events_of(running.url, mode) for mode in ("chat", "fast_chat")}


@pytest.mark.parametrize("server", SERVERS)
def test_threads_give_the_same_events(server, expected, data):
    """waitress, gunicorn's gthread and flask run answer with the events of the gevent worker."""
    with serve(SERVERS[server], data, JACIE_MODEL="scripted") as running:
        running.wait_until_indexed(vectors=True)
        for mode, events in expected.items():
            assert events_of(running.url, mode) == events


def test_events_are_live_on_threads(tmp_path):
    """On waitress the model says its second word after the reader has the first, and the built-in ingestion runs beside it."""
    first_word, second_word = threading.Event(), threading.Event()
    folder = tmp_path / "filings"
    folder.mkdir()
    shutil.copy(ROOT / "sample_documents" / "zanobela_telecom_2024_annual_report.pdf", folder)
    settings = {"JACIE_DOCUMENTS": str(folder), "JACIE_HEARTBEAT_S": "0.2", "JACIE_INGEST": "start"}
    with (
        OpenAIServer(Script(gates={0: first_word, 1: second_word})) as model,
        serve(SERVERS["waitress"], tmp_path / "data", OPENAI_BASE_URL=model.url, **settings) as running,
    ):
        running.wait_until_indexed()
        with reading(running, "/chat/stream", QUESTION) as frames:
            next_of(frames, lambda frame: frame.name == "progress" and frame.data["step"] == "ai_generation")
            next_of(frames, lambda frame: frame.name == ":")
            first_word.set()
            next_of(frames, lambda frame: frame.name == "token")
            second_word.set()
            assert next_of(frames, lambda frame: frame.name in ("result", "error"))[-1].name == "result"


BAD_SETTINGS = {
    "JACIE_RUNS": "carrier-pigeon:",
    "JACIE_INDEX": "oracle://x",
    "JACIE_EMBEDDINGS": "telepathy",
    "JACIE_DOCUMENTS": "/no/such/folder",
    "JACIE_TYPO": "1",
    "OPENAI_BASE_URL": "localhost:11434",
    "WEB_CONCURRENCY": "2",
}


BOOTS = {"gunicorn": ["gunicorn", "wsgi:app"], "flask": ["flask", "--app", "wsgi", "routes"]}
OFTEN = [("gunicorn", name) for name in BAD_SETTINGS] + [("flask", "JACIE_RUNS"), ("flask", "WEB_CONCURRENCY")]


@pytest.mark.parametrize(
    ("command", "name"),
    [
        pytest.param(command, name, marks=() if (command, name) in OFTEN else pytest.mark.soak)
        for command in BOOTS
        for name in BAD_SETTINGS
    ],
)
def test_a_bad_setting_stops_the_boot_with_one_line(command, name, tmp_path):
    """gunicorn and flask end at once with a line that names the variable, never with a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", *BOOTS[command]],
        cwd=ROOT, env=environment(tmp_path, **{name: BAD_SETTINGS[name]}), capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert done.returncode != 0
    assert [line for line in lines if name in line and line.startswith("jacie: ")] == lines, lines


@pytest.mark.soak
def test_sigterm_lets_running_answers_end(data):
    """On SIGTERM of the master a live stream goes on to its result, then everything of Jacie is gone."""
    with OpenAIServer(Script(total_s=2.0)) as model, gunicorn(data, OPENAI_BASE_URL=model.url) as running:
        received = []
        reader = threading.Thread(target=lambda: received.append(ask(running.url, "/fast_chat/stream", QUESTION)))
        reader.start()
        time.sleep(0.8)
        running.process.send_signal(signal.SIGTERM)
        reader.join(60)
        assert received[0].terminal.name == "result"
        running.process.wait(60)


def test_a_local_model_and_the_ingestion_end_with_the_master(tmp_path):
    """kill -9 of the master leaves none of its children behind."""
    with gunicorn(tmp_path, JACIE_INGEST="start", JACIE_MODEL_FILE=str(gguf_file())) as running:
        children = _descendants(running.process.pid)
        assert len(children) >= 3, "a worker, the model and the ingestion"
        running.process.kill()
        running.process.wait()
        wait_for(lambda: not any(map(alive, children)))


def _descendants(pid: int) -> list[int]:
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                with open(f"/proc/{entry.name}/stat") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                found += [int(entry.name), *_descendants(int(entry.name))]
    return found
