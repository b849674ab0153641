"""The integrator's guide: its examples run against a real Jacie, and it names everything that the code has."""

import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from jacie_flask import create_app, errors, events
from jacie_flask.answer import steps
from jacie_flask.config import Settings
from jacie_flask.runs.reader import Folded
from jacie_flask.web.bodies import QuestionBody
from tests.support.jacie import ROOT, Received, Running, ask, gunicorn, ingested_samples
from tests.support.ports import free_port
from tests.support.servers import Connection, LocalServer, OwnProcess, Request
from tests.support.waiting import wait_for

GUIDE = (ROOT / "docs" / "streaming-api-guide.md").read_text()
BASE = "http://localhost:8000"
EXAMPLES = {
    name: (language, source)
    for name, language, source in re.findall(r"^<!-- example: ([\w-]+) -->\n```(\w+)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
}
EXECUTABLE = ("bash", "python", "javascript", "nginx", "haproxy")
NODE = shutil.which("node")
NGINX, HAPROXY = shutil.which("nginx"), shutil.which("haproxy")
SLOW = json.dumps({"answer": "Revenue was 42,280 million rand in 2024 [1].", "first_token_s": 1.5, "total_s": 1.5})
QUESTION = {"query": "What was the revenue of Zanobela in 2024?"}
REPORT = "zanobela_telecom_2024_annual_report.pdf"


class Site(LocalServer):
    """Another web site: it serves one page, whatever is asked."""

    page = ""

    def answer(self, request: Request, connection: Connection) -> None:
        """Send the page."""
        connection.respond(200, self.page.encode(), "text/html; charset=utf-8")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A site whose pages may call Jacie."""
    with Site() as server:
        yield server


@pytest.fixture(scope="module")
def jacie(tmp_path_factory, site: Site) -> Iterator[Running]:
    """Jacie with the sample documents and a model that answers at once."""
    settings = {"JACIE_MODEL": "scripted", "JACIE_CORS_ORIGINS": site.origin}
    with gunicorn(ingested_samples(tmp_path_factory.getbasetemp()), **settings) as running:
        running.wait_until_indexed()
        yield running


@pytest.fixture(scope="module")
def slow(tmp_path_factory) -> Iterator[Running]:
    """Jacie with a model that takes 1.5 s to its first token and 1.5 s for the rest, and two heartbeats a second."""
    with OwnProcess("openai_server.py", "--script", SLOW) as model:
        settings = {"OPENAI_BASE_URL": model.url, "JACIE_HEARTBEAT_S": "0.5", "JACIE_OPEN": "yes"}  # a proxy is put in front
        with gunicorn(tmp_path_factory.mktemp("slow"), **settings) as running:
            yield running


def run(name: str, url: str) -> str:
    """Execute an example against ``url`` and return what it printed."""
    language, source = EXAMPLES[name]
    assert BASE in source, "an example names the server that the guide assumes"
    source = source.replace(BASE, url)
    if language == "javascript" and NODE is None:
        pytest.skip("NOT TESTED: the guide's JavaScript (node is not installed)")
    commands = {
        "bash": ["bash", "-euo", "pipefail", "-c", source],
        "python": [sys.executable, "-W", "error", "-c", source],
        "javascript": [str(NODE), "--input-type=module", "-e", source],
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    known = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(commands[language], env=known, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# ------------------------------------------------------------------------------------------------- the examples run


def test_quick_start_shows_every_step_and_the_result(jacie: Running):
    """The first command of the guide prints the whole event sequence of /chat/stream."""
    said = run("quick-start", jacie.url)
    shown = re.findall(r'"step":"(\w+)"', said)
    assert list(dict.fromkeys(shown)) == list(steps.CHAT)
    assert re.findall(r"^event: (\w+)", said, re.MULTILINE)[-1] == "result"


def test_the_client_command_prints_an_answer_and_its_sources(jacie: Running):
    """The command answers and names the page."""
    said = run("client-command", jacie.url)
    assert "Sources:" in said
    assert REPORT in said


def test_the_client_library_shows_progress_and_sources(jacie: Running):
    """The library example prints percent, answer and sources, of the period it filters for."""
    said = run("client-library", jacie.url)
    assert "100 %  Response generation complete!" in said
    assert REPORT in said
    assert "2023_annual_report" not in said


def test_an_idempotency_key_gives_one_run(jacie: Running):
    """Two requests under one key print the same run's id."""
    first, second = run("idempotency", jacie.url).split()
    assert first == second


def test_a_conversation_goes_on(jacie: Running):
    """The second question is understood by the first one's company, and the history has grown."""
    said = run("conversation", jacie.url)
    assert "zanobela_telecom_2023_annual_report.pdf" in said
    assert "4 turns" in said


def test_a_refusal_is_the_problem_that_the_guide_shows(jacie: Running):
    """The problem document has the members and values that stand in the guide, apart from the request's id."""
    said = json.loads(run("problem", jacie.url))
    shown = json.loads(re.search(r'```json\n(\{"type".*?)```', GUIDE, re.DOTALL)[1])
    assert {**said, "request_id": ""} == {**shown, "request_id": ""}


def test_resuming_starts_after_the_last_id(jacie: Running):
    """The resumed stream begins with the event after the one that was named and goes to the end."""
    ids = re.findall(r"^id: (.+)$", run("resume", jacie.url), re.MULTILINE)
    offsets = [int(found.removeprefix("1.")) for found in ids]
    assert offsets[0] == 4
    assert offsets == sorted(set(offsets))
    assert offsets[-1] > 8


def test_polling_ends_with_the_answer(slow: Running):
    """The polling example sees percentages while the model thinks and then the answer."""
    said = run("poll", slow.url)
    assert " 80 %" in said
    assert "succeeded Revenue was 42,280 million rand" in said


def test_cancelling_ends_the_run(slow: Running):
    """The cancelled run's stream ends with the error event and its code."""
    said = run("cancel", slow.url)
    assert re.findall(r"^event: (\w+)", said, re.MULTILINE)[-1] == "error"
    assert '"code":"cancelled"' in said


@pytest.mark.parametrize("name", ["python-stdlib", "fetch"])
def test_a_plain_reader_shows_progress_and_sources(jacie: Running, name: str):
    """The readers that use no library of ours print steps and sources."""
    said = run(name, jacie.url)
    assert re.search(r"100 % +Response generation complete!", said)
    assert REPORT in said.rpartition("sources:")[2]


@pytest.mark.parametrize("name", ["client-library", "fetch"])
def test_a_client_survives_a_cut(slow: Running, name: str):
    """With the first connection cut after the sources, the example resumes and still shows the whole answer, once."""
    with cut_once(slow.url, after_bytes=3500) as (url, connections):
        said = run(name, url)
    assert len(connections) > 1, "the connection was not cut"
    assert re.sub(r"\s+", " ", said).count("42,280 million") == 1, said
    assert said.count("Starting chat processing") == 1


def test_a_failed_run_gives_its_twin_the_status_of_the_table(slow: Running):
    """POST /fast_chat answers a cancelled run as a problem: the status of its code, and the fields of the error event."""
    once = {"Idempotency-Key": "cancelled-twin"}
    answers = []
    asking = threading.Thread(target=lambda: answers.append(slow.post("/fast_chat", QUESTION, headers=once)))
    asking.start()
    time.sleep(0.5)
    _, joined = slow.post("/fast_chat", QUESTION, headers={**once, "Prefer": "respond-async"})
    slow.post(joined["cancel_url"], {})
    asking.join(60)
    [(status, problem)] = answers
    assert (status, problem["code"], problem["run_id"]) == (499, "cancelled", joined["run_id"])
    assert set(events.Failure.__struct_fields__) <= set(problem)


def test_the_twin_answers_as_json(jacie: Running):
    """The non-streaming twin returns exactly the fields that the guide lists."""
    said = json.loads(run("twin", jacie.url))
    assert set(said) == set(events.Result.__struct_fields__)
    assert said["conversation_history"] is None


def test_documents_and_search_answer(jacie: Running):
    """The catalog comes in pages, and the search finds the table that was asked for."""
    catalog, found = decoded(run("documents", jacie.url))
    assert len(catalog["documents"]) == 2
    assert catalog["next_cursor"]
    assert found["results"][0]["filename"] == REPORT
    assert "region" in found["results"][0]["snippet"]


def test_a_page_is_shown_with_its_passage(jacie: Running):
    """The example asks for the first source's page, and its passage is marked."""
    said = run("picture", jacie.url).lower()
    assert "content-type: image/png" in said
    assert "x-highlight: found" in said
    assert "x-highlight-box: 0." in said


def test_operations_answer(jacie: Running):
    """Liveness, readiness and the five probes come as the guide says."""
    said = run("health", jacie.url)
    assert '"status":"ok"' in said
    assert '"status":"ready"' in said
    assert said.count("event: probe") == 5


def test_a_key_opens_a_server_that_asks_for_one(tmp_path_factory, monkeypatch):
    """The key that the example makes lists the documents and asks with the client."""
    monkeypatch.setenv("JACIE_KEYS", str(tmp_path_factory.mktemp("keys") / "keys.json"))
    monkeypatch.setenv("JACIE_DATA", str(tmp_path_factory.mktemp("data")))
    settings = {"JACIE_MODEL": "scripted", "JACIE_KEYS": os.environ["JACIE_KEYS"]}
    with gunicorn(ingested_samples(tmp_path_factory.getbasetemp()), **settings) as locked:
        said = run("keys", locked.url)
    assert '"document_id"' in said
    assert "Sources:" in said


def test_the_cors_example_is_a_setting(monkeypatch):
    """The value of the example is accepted."""
    name, value = EXAMPLES["cors"][1].split()[0].split("=")
    monkeypatch.setenv(name, value)
    assert Settings().cors_origins == tuple(value.split(","))


def test_event_source_in_a_browser_of_another_origin(jacie: Running, site: Site, browser):
    """A page of an allowed origin starts a run and follows it with the browser's own EventSource."""
    sync_api = pytest.importorskip("playwright.sync_api")  # it is there where the browser is
    script = EXAMPLES["event-source"][1].replace(BASE, jacie.url)
    site.page = f"<!doctype html><title>Example</title><link rel=icon href=data:,><script type=module>{script}</script>"
    heard: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: heard.append(message.text))
    try:
        with page.expect_console_message(lambda message: message.text.startswith("result"), timeout=60_000):
            page.goto(site.origin)
    except sync_api.TimeoutError:
        pytest.fail(f"no result: {heard}")
    finally:
        page.close()
    assert heard[0] == "progress Starting chat processing..."
    assert any(line.startswith("token ") for line in heard)
    assert not [line for line in heard if line.startswith(("error", "connection lost"))]


# ------------------------------------------------------------------------------------------------------ the proxy


@pytest.mark.soak
def test_events_arrive_one_by_one_through_nginx(slow: Running, tmp_path):
    """Through the guide's nginx, compression asked for, events arrive as they happen, heartbeats and tokens too."""
    with nginx(slow.url, tmp_path) as url:
        received = ask(url, "/fast_chat/stream", QUESTION, headers={"Accept-Encoding": "gzip"})
        probes = ask(url, "/health/stream", None)
    assert received.terminal.name == "result"
    late = [
        frame.at - datetime.fromisoformat(frame.data["timestamp"]).timestamp()
        for frame in received.frames
        if frame.name == "progress"
    ]
    assert max(late) < 0.25, late
    assert len(received.comments) > 2, "no heartbeat came while the model was silent"
    tokens = [frame.at for frame in received.frames if frame.name == "token"]
    assert tokens[-1] - tokens[0] > 0.8
    assert spread(probes) > 1.8


def test_the_probe_shows_a_proxy_that_buffers(slow: Running, tmp_path):
    """The troubleshooting advice holds: through a proxy that buffers, the first probe arrives after the last was sent."""
    with nginx(slow.url, tmp_path, location="proxy_pass http://jacie; proxy_ignore_headers X-Accel-Buffering;") as url:
        probes = [frame for frame in ask(url, "/health/stream", None).frames if frame.name == "probe"]
    moments = {"the last was sent": probes[-1].data["timestamp"], "the first arrived": probes[0].at}
    assert sorted(moments, key=lambda moment: moments[moment]) == ["the last was sent", "the first arrived"]


@pytest.mark.parametrize("location", ["", "proxy_pass http://jacie; gzip off;"], ids=["of the guide", "plain proxy_pass"])
def test_without_keys_nobody_gets_through_nginx(jacie: Running, tmp_path, location):
    """A request through the guide's proxy, and through the shortest one, is refused, though it names this machine."""
    with nginx(jacie.url, tmp_path, location=location) as url:
        assert [status_of(url, host) for host in ("localhost", "jacie.example")] == [403, 403]


def test_without_keys_nobody_gets_through_haproxy(jacie: Running, tmp_path):
    """The guide's HAProxy adds the header that shows it."""
    if HAPROXY is None:
        pytest.skip("NOT TESTED: the guide's HAProxy configuration (haproxy is not installed)")
    port = free_port()
    site = (
        EXAMPLES["haproxy"][1]
        .replace("bind :80", f"bind 127.0.0.1:{port}")
        .replace("127.0.0.1:8000", jacie.url.removeprefix("http://"))
    )
    (tmp_path / "haproxy.cfg").write_text(site)
    process = subprocess.Popen([HAPROXY, "-q", "-f", str(tmp_path / "haproxy.cfg")])
    try:
        wait_for_listener(port)
        assert [status_of(f"http://127.0.0.1:{port}", host) for host in ("localhost", "jacie.example")] == [403, 403]
    finally:
        process.terminate()
        process.wait(60)


def status_of(url: str, host: str) -> int:
    """Return the status of /documents asked for under a name."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    try:
        connection.request("GET", "/documents", headers={"Host": host})
        return connection.getresponse().status
    finally:
        connection.close()


def spread(received: Received) -> float:
    """Return the seconds between the first and the last probe."""
    at = [frame.at for frame in received.frames if frame.name == "probe"]
    assert len(at) == 5
    return at[-1] - at[0]


@contextlib.contextmanager
def nginx(url: str, folder: Path, location: str = "") -> Iterator[str]:
    """Run the guide's nginx configuration in front of ``url``, or another location, in a server that compresses whatever it may."""
    if NGINX is None:
        pytest.skip("NOT TESTED: the guide's nginx configuration (nginx is not installed)")
    port = free_port()
    site = EXAMPLES["nginx"][1].replace("listen 80;", f"listen 127.0.0.1:{port};")
    site = site.replace("127.0.0.1:8000", url.removeprefix("http://"))
    site = re.sub(r"proxy_pass .*?gzip off;", location, site, flags=re.DOTALL) if location else site
    paths = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""
    http = f"access_log off; gzip on; gzip_types *; gzip_min_length 1; {paths}\n{site}"
    (folder / "nginx.conf").write_text(
        f"daemon off; {user} pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}} http {{ {http} }}"
    )
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=60)
    assert tested.returncode == 0, tested.stderr
    process = subprocess.Popen(command)
    try:
        wait_for_listener(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


# ----------------------------------------------------------------------------------------- the guide is complete


def test_every_example_is_named_and_so_executed():
    """Each fenced block in a language that can be run has a name, and each name is used by a test of this file."""
    fences = re.findall(r"^```(\w+)$", GUIDE, re.MULTILINE)
    assert sum(fence in EXECUTABLE for fence in fences) == len(EXAMPLES)
    tests = Path(__file__).read_text()
    assert [name for name in EXAMPLES if f'"{name}"' not in tests] == []


def test_the_error_table_is_that_of_the_code():
    """Code, status and retryable of every error stand in the table as errors.py has them, and no other code does."""
    rows = re.findall(r"^\| `(\w+)`(?: †)? \| (\d{3}) \| (yes|no) \|", GUIDE, re.MULTILINE)
    known = {(kind.code, str(kind.status), "yes" if kind.retryable else "no") for kind in descendants(errors.JacieError)}
    assert set(rows) == known


def test_every_step_is_in_the_table():
    """The table holds the steps, percentages and messages of chat/steps.py, in order."""
    rows = re.findall(r"^\| `(\w+)` \| ([\d-]*) ?\| ([\d-]*) ?\| (.+) \|$", section("## Steps"), re.MULTILINE)
    for column, table in ((1, steps.CHAT), (2, steps.FAST_CHAT)):
        told = [(row[0], row[column], row[3]) for row in rows if row[column]]
        assert told == [(name, percent(low, high), words) for name, (low, high, words) in table.items()]


@pytest.mark.parametrize("kind", list(events.Event.__subclasses__()), ids=lambda kind: kind.name)
def test_every_event_has_an_example_frame(kind: type[events.Event]):
    """Each event has a section with a frame that holds exactly its fields, down to sources and citations."""
    frame = re.search(r"```sse\n(.*?)```", section(f"### {kind.name}"), re.DOTALL)[1]
    assert f"event: {kind.name}\n" in frame
    data = re.search(r"^data: (.*)$", frame, re.MULTILINE)[1]
    assert set(json.loads(data)) == set(kind.__struct_fields__)
    msgspec.json.decode(data, type=kind)


@pytest.mark.parametrize("kind", [events.Result, events.Failure, events.Citation, events.Source, events.Usage, Folded])
def test_every_field_is_named(kind: type):
    """Each field that a client reads is in the guide."""
    missing = [name for name in kind.__struct_fields__ if not re.search(rf"[`\"{{ ]{name}[`\"}},: ]", GUIDE)]
    assert missing == []


def test_every_field_of_a_question_is_named():
    """Each field of the body has its row; top_k belongs to the search."""
    rows = set(re.findall(r"^\| `(\w+)` \|", section("## The request"), re.MULTILINE))
    assert rows == set(QuestionBody.model_fields) - {"top_k"}
    assert "`top_k`" in GUIDE
    filters = QuestionBody.model_fields["filters"].annotation.__args__[0]
    assert [name for name in filters.model_fields if f"`{name}`" not in GUIDE] == []


def test_every_route_is_named(tmp_path):
    """Each method and path of the application is in the guide; the pages for people are told elsewhere."""
    settings = Settings(data=tmp_path, index=f"sqlite:{tmp_path}/index.db", model="scripted", ingest="off")
    rules = create_app(settings).url_map.iter_rules()
    told = re.sub(r"<[^>]*>", "<>", GUIDE)
    missing = []
    for rule in rules:
        path = re.sub(r"<[^>]*>", "<>", rule.rule)
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            if rule.endpoint != "static" and path not in ("/", "/test-client") and not re.search(rf"{method} {path}[`? ]", told):
                missing.append(f"{method} {rule.rule}")
    assert missing == []


def test_every_setting_of_the_guide_exists():
    """The variables that the guide names are settings."""
    known = {field.alias for field in Settings.model_fields.values()}
    named = set(re.findall(r"\b(?:JACIE|OPENAI)_[A-Z_0-9]+\b", GUIDE))
    assert named - known == {"JACIE_KEY"}  # the command-line client's
    assert {"JACIE_HEARTBEAT_S", "JACIE_DISCONNECT_GRACE_S"} <= named


# --------------------------------------------------------------------------------------------------------- support


def section(heading: str) -> str:
    """Return what stands under a heading, up to the next of its level."""
    level = heading.partition(" ")[0]
    return GUIDE.partition(f"\n{heading}\n")[2].partition(f"\n{level} ")[0]


def percent(low: float, high: float) -> str:
    """Return a step's share as the guide writes it."""
    return f"{low:.0f}" if low == high else f"{low:.0f}-{high:.0f}"


def descendants(kind: type[errors.JacieError]) -> set[type[errors.JacieError]]:
    """Return an error class and all below it."""
    return {kind}.union(*(descendants(child) for child in kind.__subclasses__()))


def decoded(text: str) -> list[dict]:
    """Return the JSON objects that stand one after the other in a text."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(text.rstrip()):
        value, at = decoder.raw_decode(text, at + len(text[at:]) - len(text[at:].lstrip()))
        found.append(value)
    return found


def wait_for_listener(port: int) -> None:
    """Wait until something listens."""

    def listens() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=60):
            return True
        return False

    wait_for(listens)


@dataclass
class Relay:
    """Passes bytes between a client and ``target``; closes the first connection once it carried enough to the client."""

    target: tuple[str, int]
    after_bytes: int

    def serve(self, listener: socket.socket, connections: list[int]) -> None:
        """Accept until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                connections.append(len(connections) + 1)
                limit = self.after_bytes if len(connections) == 1 else sys.maxsize
                server = socket.create_connection(self.target)
                threading.Thread(target=self._pass, args=(client, server, sys.maxsize), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, limit), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, limit: int) -> None:
        with contextlib.suppress(OSError):
            while limit > 0 and (data := source.recv(min(limit, 65536))):
                sink.sendall(data)
                limit -= len(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextlib.contextmanager
def cut_once(url: str, *, after_bytes: int) -> Iterator[tuple[str, list[int]]]:
    """Serve ``url`` through a relay that cuts the first connection; yield its own URL and the list of connections."""
    host, _, port = url.removeprefix("http://").partition(":")
    connections: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = Relay((host, int(port)), after_bytes)
        thread = threading.Thread(target=relay.serve, args=(listener, connections), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", connections
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(60)
