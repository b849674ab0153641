"""Leaving and draining on real gunicorn: clients that go are noticed at once, servers that stop let answers end."""

import contextlib
import json
import os
import re
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from jacie_flask.errors import ProducerLost
from jacie_flask.interfaces import RunInfo
from jacie_flask.runs import reader
from jacie_flask.runs.memory_log import MemoryLog
from jacie_flask.web.worker import Stream
from tests.support.jacie import Received, Running, ask, gunicorn, ingested_samples, parse, serve
from tests.support.openai_server import OpenAIServer, Script
from tests.support.reliability import record
from tests.support.servers import Request
from tests.support.waiting import HANG_S, wait_for

WORDS = "Revenue rose and costs fell and the margin held."
SLOW_READER_S = 3
LONG = " ".join("-".join(str(200_000 + 170 * n + k) for k in range(170)) for n in range(700))
SCRIPTS = {
    "silent": Script(answer=WORDS, first_token_s=3600),
    "wait": Script(answer=WORDS, first_token_s=1.0),
    "slow": Script(answer=WORDS, total_s=2.0),
    "long": Script(answer=LONG),
}


def scripted(request: Request) -> Script:
    """Choose the timing by the word that the question asks for."""
    asks = (script for word, script in SCRIPTS.items() if f"Please be {word}".encode() in request.body)
    return next(asks, Script(answer=WORDS))


def question(timing: str, on_disconnect: str = "cancel") -> dict:
    """Return a question that needs the model only."""
    return {"query": f"Please be {timing}.", "auto_load_documents": False, "on_disconnect": on_disconnect}


def post(path: str, body: dict) -> bytes:
    """Return a POST as it goes over the wire."""
    data = json.dumps(body).encode()
    return b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        path.encode(), len(data), data,
    )  # fmt: skip


def connect(running: Running, *requests: bytes) -> socket.socket:
    """Open a connection and send requests on it, one behind the other."""
    sock = socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2])), timeout=30)
    sock.sendall(b"".join(requests))
    return sock


def read_until(sock: socket.socket, mark: bytes) -> bytes:
    """Return what arrives up to a mark or the end."""
    seen = b""
    while mark not in seen and (data := sock.recv(1 << 16)):
        seen += data
    return seen


def worker_pid(running: Running) -> int:
    """Return the process id of the one worker."""
    return int(re.findall(r"Booting worker with pid: (\d+)", running.log.read_text())[-1])


@contextlib.contextmanager
def serving(data: Path, *arguments: str, **settings: str):
    """Serve with the scripted model."""
    with OpenAIServer(scripted) as model, gunicorn(data, *arguments, OPENAI_BASE_URL=model.url, **settings) as running:
        yield running, model


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """One Jacie and its model for the tests that do not stop it; readers who take too long are let go."""
    data = ingested_samples(tmp_path_factory.getbasetemp())
    with serving(data, JACIE_DISCONNECT_GRACE_S="5", JACIE_SLOW_READER_S=str(SLOW_READER_S)) as both:
        yield both


def unread(running: Running, body: dict) -> socket.socket:
    """Ask on a connection whose client has room for little."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(30)
    sock.connect(("127.0.0.1", int(running.url.rpartition(":")[2])))
    sock.sendall(post("/chat/stream", body))
    return sock


def whole_frames(raw: bytes) -> list:
    """Return the frames that arrived whole in a response's chunked bytes, and the run's id."""
    head, _, body = raw.partition(b"\r\n\r\n")
    chunks = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        chunks.append(rest[: int(size or b"0", 16)])
        body = rest[int(size or b"0", 16) + 2 :]
    text = b"".join(chunks)
    lines = text[: text.rfind(b"\n\n") + 2].splitlines(keepends=True)
    return [re.search(rb"X-Run-Id: (\S+)", head)[1].decode(), *(frame for frame in parse(lines) if frame.name != ":")]


def leave_while_silent(running: Running, model: OpenAIServer, *, reset: bool = False) -> bool:
    """Ask, leave while the model is silent, and say whether the model's connection was closed."""
    before = len(model.chats)
    sock = connect(running, post("/chat/stream", question("silent")))
    upstream = wait_for(lambda: model.chats[before:])[0]
    if reset:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()
    return upstream.client_closed.wait(HANG_S)


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_leaving_closes_the_models_connection(served, reset):
    """With on_disconnect=cancel the upstream connection is closed with the client's, in the middle of an hour of silence."""
    running, model = served
    assert leave_while_silent(running, model, reset=reset)


def test_starting_and_leaving_leaves_nothing_behind(served):
    """After 200 clients that came and left there are no more descriptors and no more runs than before."""
    running, model = served
    descriptors = Path(f"/proc/{worker_pid(running)}/fd")
    assert leave_while_silent(running, model)
    wait_for(lambda: running.get("/ready")["parts"]["runs"]["active"] == 0)
    before = len(list(descriptors.iterdir()))
    assert all(leave_while_silent(running, model) for _ in range(200))
    assert wait_for(lambda: running.get("/ready")["parts"]["runs"]["active"] == 0)
    assert wait_for(lambda: len(list(descriptors.iterdir())) <= before + 2)


def test_a_reader_who_leaves_can_come_back(served):
    """With on_disconnect=continue the run goes on without readers, and Last-Event-ID gives the rest of its text."""
    running, _ = served
    sock = connect(running, post("/chat/stream", question("slow", "continue")))
    first = read_until(sock, b"event: token").decode()
    sock.close()
    run_id = re.search(r"X-Run-Id: (\S+)", first)[1]
    lines = [line.encode() + b"\n" for line in first.split("\n")]
    frames = [frame for frame in parse(lines) if frame.name != ":"]
    time.sleep(0.3)
    rest = ask(running.url, f"/runs/{run_id}/events", None, headers={"Last-Event-ID": frames[-1].id})
    tokens = [frame.data["text"] for frame in [*frames, *rest.frames] if frame.name == "token"]
    assert rest.terminal.name == "result"
    assert "".join(tokens) == rest.terminal.data["response"] == WORDS


def test_a_run_is_cancelled_by_its_last_reader_only(served):
    """With on_disconnect=cancel one of two readers may leave: a reader is counted out once."""
    running, _ = served
    sock = connect(running, post("/chat/stream", question("wait")))
    run_id = re.search(rb"X-Run-Id: (\S+)", read_until(sock, b"ai_generation"))[1].decode()
    with connect(running, f"GET /runs/{run_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()) as second:
        read_until(second, b"ai_generation")
        sock.close()
        assert b"event: result" in read_until(second, b"0\r\n\r\n")


def test_leaving_a_question_without_a_stream_is_noticed_as_well(served):
    """POST /chat with on_disconnect=cancel: the model's connection is closed when its client goes."""
    running, model = served
    before = len(model.chats)
    sock = connect(running, post("/chat", question("silent")))
    upstream = wait_for(lambda: model.chats[before:])[0]
    sock.close()
    assert upstream.client_closed.wait(60)


def test_a_reader_who_does_not_read_is_let_go_and_can_resume(served):
    """Its connection ends after its time, its run does not; the last id it got gives exactly the rest, in few frames."""
    running, _ = served
    with unread(running, question("long", "continue")) as sock:
        raw = read_until(sock, b"event: token")
        ports = sock.getpeername()[1], sock.getsockname()[1]
        wait_for(lambda: not server_has(*ports))
        with contextlib.suppress(ConnectionError):
            while data := sock.recv(1 << 16):
                raw += data
    run_id, *frames = whole_frames(raw)
    assert "result" not in [frame.name for frame in frames]
    wait_for(lambda: running.get(f"/runs/{run_id}")["status"] == "succeeded")
    rest = ask(running.url, f"/runs/{run_id}/events", None, headers={"Last-Event-ID": frames[-1].id})
    texts = [frame.data["text"] for frame in [*frames, *rest.frames] if frame.name == "token"]
    assert "".join(texts) == rest.terminal.data["response"] == LONG
    assert len(rest.named("token")) < 20


def test_a_reader_who_is_let_go_has_no_connection_any_more(served):
    """It is closed at once, and what the client had sent behind its question is not answered inside the unfinished answer."""
    running, _ = served
    with unread(running, question("long", "continue")) as sock:
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        ports = sock.getpeername()[1], sock.getsockname()[1]  # a reset takes the peer's name from the socket
        assert server_has(*ports)
        wait_for(lambda: not server_has(*ports))
        raw = b""
        with contextlib.suppress(ConnectionError):
            while data := sock.recv(1 << 16):
                raw += data
    assert raw.count(b"HTTP/1.1 200 OK") == 1
    assert b'"status":"ok"' not in raw


def server_has(server_port: int, client_port: int) -> bool:
    """Say whether the server has the connection established."""
    server, client = f":{server_port:04X}", f":{client_port:04X}"
    known = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(facts[1].endswith(server) and facts[2].endswith(client) and facts[3] == "01" for facts in known)


@pytest.fixture(scope="module")
def breaking(tmp_path_factory):
    """Serve answers that break in the middle."""
    command = [sys.executable, "-m", "gunicorn", "tests.support.breaking_app:app", "--keep-alive", "60"]
    with serve(command, tmp_path_factory.mktemp("breaking"), JACIE_MODEL="scripted") as running:
        yield running


@pytest.mark.reliability
def test_whatever_breaks_an_answer_closes_its_connection(breaking):
    """The client sees that the answer has no end, and a request behind it gets no answer that could be taken for the rest."""
    kinds = [
        "ValueError",
        "MemoryError",
        "OSError",
        "StopIteration",
        "GreenletExit",
        "Timeout",
        "KeyboardInterrupt",
        "SystemExit",
    ]
    rows = []
    for kind in kinds:
        asked = f"GET /static/break/{kind} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        with connect(breaking, asked, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n") as sock:
            raw = b""
            with contextlib.suppress(ConnectionError):
                while data := sock.recv(1 << 16):
                    raw += data
        rows.append({"broken by": kind, "answers on the connection": raw.count(b"HTTP/1.1 "), "ended": b"\r\n0\r\n\r\n" in raw})
        assert breaking.get("/health") == {"status": "ok"}
    record("37-broken-answers", "Answers that break", "A request behind each waits on the same connection.", rows)
    assert [(row["answers on the connection"], row["ended"]) for row in rows] == [(1, False)] * len(kinds)


def test_a_slow_reader_gets_joined_deltas(served):
    """Who reads in sips gets the same text in far fewer events, and the server holds nothing for him but the log."""
    running, _ = served
    raw = bytearray()
    with unread(running, question("long")) as sock:
        while data := sock.recv(1 << 16):
            raw += data
            if raw.endswith(b"0\r\n\r\n"):
                break
            time.sleep(0.0005)
    _, *frames = whole_frames(bytes(raw))
    texts = [frame.data["text"] for frame in frames if frame.name == "token"]
    assert "".join(texts) == LONG
    assert len(texts) < 350, "half as many events as there were tokens, or more"


def test_a_pipelined_request_waits_for_the_stream_to_end(served):
    """A second request on a stream's connection is answered after it, and costs no processor time until then."""
    running, _ = served
    stat = Path(f"/proc/{worker_pid(running)}/stat")
    with connect(running, post("/chat/stream", question("wait")), b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n") as sock:
        first = read_until(sock, b"ai_generation")
        ticks = sum(map(int, stat.read_text().rsplit(")", 1)[1].split()[11:13]))
        rest = read_until(sock, b'"status":"ok"')
        spent = sum(map(int, stat.read_text().rsplit(")", 1)[1].split()[11:13])) - ticks
    assert b"event: result" in first + rest
    assert rest.endswith(b'{"status":"ok"}\n')
    assert spent < 0.5 * os.sysconf("SC_CLK_TCK"), "the watcher spins on the unread request"


@dataclass
class Drained:
    """What clients saw of a server that was stopped."""

    answers: list[Received]
    pipelined: bytes
    kept: bytes


@pytest.fixture(scope="module")
def drained(tmp_path_factory):
    """Stop a server twice over under 30 live answers, one with a question behind it, beside a client between two requests."""
    with serving(tmp_path_factory.mktemp("drained")) as (running, _), ThreadPoolExecutor(30) as pool:
        kept = connect(running, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        read_until(kept, b'"ok"')
        asked = [pool.submit(ask, running.url, "/chat/stream", question("slow")) for _ in range(29)]
        behind = connect(running, post("/chat/stream", question("slow")), post("/chat/stream", question("quick")))
        wait_for(lambda: running.get("/ready")["parts"]["runs"]["active"] == 30)
        for _ in range(2):  # systemd sends SIGTERM to the worker and to its master, which sends it to the worker
            os.kill(worker_pid(running), signal.SIGTERM)
            running.process.send_signal(signal.SIGTERM)
        pipelined, answers = read_until(behind, b"never sent"), [one.result() for one in asked]
        running.process.wait(HANG_S)
        with behind, kept:
            yield Drained(answers, pipelined, kept.recv(1000))


def test_sigterm_under_live_streams_loses_none(drained):
    """30 live answers end with their results after SIGTERM, and the server goes after the last."""
    assert [answer.terminal.name for answer in drained.answers] == ["result"] * 29
    assert b"event: result" in drained.pipelined


def test_a_draining_worker_takes_no_new_run(drained):
    """During the drain a question behind a live stream on its connection gets 503."""
    assert re.search(rb'HTTP/1.1 503 .*Retry-After: \d.*"code": ?"overloaded"', drained.pipelined, re.DOTALL)


def test_an_open_connection_does_not_hold_up_the_exit(drained):
    """A client that keeps its connection open between two requests sees it close."""
    assert drained.kept == b""


def test_an_answer_that_outlasts_the_drain_ends_with_an_error(tmp_path):
    """Before the master kills, a stream that is still open gets a last frame that says that the server stopped."""
    with serving(tmp_path, "--graceful-timeout", "4") as (running, _):
        with connect(running, post("/chat/stream", question("silent"))) as sock:
            read_until(sock, b"ai_generation")
            running.process.send_signal(signal.SIGTERM)
            rest = read_until(sock, b"never sent")
        running.process.wait(HANG_S)
        log = running.log.read_text()
    assert b'"code":"producer_lost"' in rest
    assert rest.endswith(b"0\r\n\r\n")
    assert "SIGKILL" not in log
    assert "Traceback" not in log


@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM, then SIGINT"])
def test_interrupts_end_at_once_without_a_traceback(tmp_path, how):
    """Ctrl-C, which reaches master and worker, and an interrupt of the master during the drain end live streams and all."""
    with (
        serving(tmp_path, "--graceful-timeout", "3600") as (running, _),
        connect(running, post("/chat/stream", question("silent"))) as sock,
    ):
        read_until(sock, b"ai_generation")
        if how == "Ctrl-C":
            os.kill(worker_pid(running), signal.SIGINT)
        else:
            running.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
        running.process.send_signal(signal.SIGINT)
        running.process.wait(HANG_S)
        log = running.log.read_text()
    assert "Traceback" not in log, log


def test_a_stream_is_told_once():
    """A second reason, while the last frame is sent, is not thrown in behind it."""
    here, there = socket.socketpair()
    with here, there:
        stream = Stream(here, None)
        stream.tell(reader.Moved(700))
        told, stream.told = stream.told, None
        stream.tell(ProducerLost())
        stream.close()
    assert isinstance(told, reader.Moved)
    assert stream.told is None


@pytest.mark.parametrize(
    ("reason", "event", "data"),
    [(reader.Moved(700), b"reconnect", b'"retry_ms":700'), (ProducerLost(), b"error", b'"code":"producer_lost"')],
)
def test_a_stream_that_is_told_to_end_says_why(reason, event, data):
    """What a drain throws into a stream becomes its last frame."""
    log = MemoryLog(keep_s=60)
    log.create(RunInfo(run_id="a", request_id="r", mode="chat", created_at=time.time(), updated_at=time.time()))
    pieces = reader.stream(log, "a", reader.START, 0.01, "r")
    assert next(pieces).startswith(b":  ")
    assert next(pieces) == b": keep-alive\n"
    last = pieces.throw(reason)
    assert b"event: " + event + b"\n" in last
    assert data in last
    assert next(pieces, None) is None
