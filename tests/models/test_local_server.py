"""A local model's real server, on a small GGUF file that a package ships: answers, refuses strangers, comes back when it dies and goes with its parent."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from jacie_flask.errors import ConfigurationError, LLMUnavailable
from jacie_flask.interfaces import Prompt
from jacie_flask.models.local_server import LocalServer
from jacie_flask.models.openai_model import OpenAIModel
from tests.support.gguf import gguf_file
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
CONTEXT_TOKENS = 1024
PROMPT = Prompt(messages=[{"role": "user", "content": "Say hello."}], max_tokens=5)


@contextlib.contextmanager
def connected(url, key):
    """Connect as services/ does, and close the connections."""
    model = OpenAIModel(
        base_url=url, api_key=key, model="local", label="SmolLM2", context_tokens=CONTEXT_TOKENS, read_timeout_s=30
    )
    try:
        yield model
    finally:
        model._client.close()


@pytest.fixture(scope="module")
def server():
    """Run the server as a child of this process."""
    made = LocalServer(gguf_file(), CONTEXT_TOKENS)
    made.start()
    with connected(made.url, made.key) as model:
        wait_for(model.ready)
    yield made
    pid = made.process.pid
    made.stop()
    assert not Path(f"/proc/{pid}").exists()


def test_it_answers(server):
    """A stream of tokens with a finish reason and the server's own counts."""
    with connected(server.url, server.key) as model:
        deltas = list(model.stream(PROMPT))
    assert "".join(delta.text for delta in deltas).strip()
    assert deltas[-1].finish_reason in ("stop", "length")
    assert deltas[-1].usage.completion_tokens


def test_its_port_is_nobody_elses_before_it_listens():
    """From the start of its owner to its own, and again while a dead one is replaced: others are refused and clients find nobody."""
    made = LocalServer(gguf_file(), CONTEXT_TOKENS)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", made.port))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", made.port))


def test_a_wrong_key_is_refused(server):
    """Nobody else on the machine gets an answer, nor the list of models' use."""
    with connected(server.url, "wrong") as model, pytest.raises(LLMUnavailable):
        list(model.stream(PROMPT))
    request = urllib.request.Request(f"{server.url}/chat/completions", json.dumps({"messages": []}).encode())
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=60)
    with caught.value as answer:
        assert answer.code == 401


def test_the_key_is_not_on_the_command_line(server):
    """Other users of the machine can list processes, but not read their environment."""
    assert server.key not in Path(f"/proc/{server.process.pid}/cmdline").read_text()


def test_it_comes_back_at_the_same_address(server):
    """Killed, it is started again by its owner; clients need to know nothing new."""
    first = server.process.pid
    with connected(server.url, server.key) as model:
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: server.process.pid not in (0, first) and model.ready())
        assert list(model.stream(PROMPT))[-1].finish_reason


def test_it_ends_with_its_parent(tmp_path):
    """When the master is killed the server does not stay behind."""
    program = (
        "import sys, time; from pathlib import Path; from jacie_flask.models.local_server import LocalServer; "
        "s = LocalServer(Path(sys.argv[1]), 1024); s.start(); "
        "print(s.process.pid, flush=True); time.sleep(600)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program, str(gguf_file())]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    wait_for(lambda: not Path(f"/proc/{pid}").exists())


@pytest.mark.parametrize(("content", "reason"), [(b"GGUF", ""), (b"PK\x03\x04", "is no GGUF file"), (b"", "is no GGUF file")])
def test_a_file_that_is_no_model_stops_the_boot(tmp_path, content, reason):
    """One line names the variable, what it holds and what is wrong with it."""
    file = tmp_path / "model.gguf"
    file.write_bytes(content)
    if not reason:
        assert LocalServer(file, CONTEXT_TOKENS).port
        return
    with pytest.raises(ConfigurationError, match=f"JACIE_MODEL_FILE holds .*model.gguf', which {reason}"):
        LocalServer(file, CONTEXT_TOKENS)
