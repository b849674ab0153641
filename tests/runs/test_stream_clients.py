"""The bytes of a real stream, read by the libraries that people read event streams with: each event once, and nothing else."""

import http.client
import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import openai
import pytest

from jacie_flask.client.sse_parser import Comment, Frame, Retry, SseParser
from tests.support import told_model
from tests.support.jacie import gunicorn
from tests.support.openai_server import OpenAIServer
from tests.support.reliability import record

pytestmark = pytest.mark.reliability

NODE, NPM = shutil.which("node"), shutil.which("npm")
PACKAGES = Path(__file__).parents[1] / "support/stream_clients"
JAVASCRIPT_READERS = ("eventsource-parser", "eventsource", "fetch-event-source")
PAGE = b"""<!doctype html><script>
const messages = [];
const source = new EventSource("/events");
const names = ["progress", "sources", "token", "reset", "reconnect", "result", "error", "message"];
for (const name of names) {
  source.addEventListener(name, (message) => {
    messages.push([message.type, message.lastEventId ?? "", message.data ?? ""]);
    if (name === "result" || name === "error") { source.close(); document.title = "read"; }
  });
}
</script>"""


@pytest.fixture(scope="module")
def stream(tmp_path_factory) -> bytes:
    """Return the body of one real answer whose model is silent for some heartbeats, before its first token and between others."""
    with (
        OpenAIServer(told_model.told) as model,
        gunicorn(tmp_path_factory.mktemp("stream"), OPENAI_BASE_URL=model.url, JACIE_HEARTBEAT_S="0.1") as running,
    ):
        connection = http.client.HTTPConnection(running.url.removeprefix("http://"), timeout=60)
        question = told_model.question(11, words=4, silent_s=1.0, total_s=3.0)
        connection.request("POST", "/chat/stream", json.dumps(question), {"Content-Type": "application/json"})
        body = connection.getresponse().read()
        connection.close()
    return body


@pytest.fixture(scope="module")
def events(stream) -> list[list[str]]:
    """Return what there is to read in the stream: [event, id, data] of each frame."""
    return [[item.event, item.id, item.data] for item in SseParser().feed(stream) if isinstance(item, Frame)]


@pytest.fixture(scope="module")
def read_by(events) -> Iterator[Callable[[str, list[list[str]]], list[list[str]]]]:
    """Return what counts the messages that a reader dispatched and gives them back; the counts become a section of docs/reliability.md."""
    rows: list[dict[str, object]] = []

    def count(reader: str, messages: list[list[str]]) -> list[list[str]]:
        empty = sum(not data for _, _, data in messages)
        rows.append({"reader": reader, "events": len(events), "messages": len(messages), "of them empty": empty})
        return messages

    yield count
    record("35-stream-readers", "Readers of streams", "The same bytes, with heartbeats between the frames, read by each.", rows)


@pytest.fixture(scope="module")
def url(stream) -> Iterator[str]:
    """Serve the same bytes to whoever asks, in pieces that end anywhere, and a page that reads them."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            is_page = self.path == "/"
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if is_page else "text/event-stream; charset=utf-8")
            self.send_header("Connection", "close")
            self.end_headers()
            body = PAGE if is_page else stream
            for start in range(0, len(body), 700):
                self.wfile.write(body[start : start + 700])

        do_POST = do_GET  # noqa: N815  # the base class names it so

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> Path:
    """Install the locked JavaScript readers into a folder of their own."""
    if NODE is None or NPM is None:
        pytest.skip("NOT TESTED: the JavaScript readers of streams (node or npm is not installed)")
    folder = tmp_path_factory.mktemp("stream_clients")
    for name in ("package.json", "package-lock.json", "read.mjs"):
        shutil.copy(PACKAGES / name, folder)
    command = [NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=110, check=False)
    if done.returncode:
        pytest.skip(f"NOT TESTED: the JavaScript readers of streams (npm cannot install them: {done.stderr[-300:]})")
    return folder


def test_the_stream_has_all_that_readers_stumble_over(stream, events):
    """It holds comments before, between and after frames with ids, and no block without data."""
    items = SseParser().feed(stream)
    kinds = [type(item) for item in items]
    heartbeats = [place for place, item in enumerate(items) if item == Comment("keep-alive")]
    first_token = next(place for place, item in enumerate(items) if isinstance(item, Frame) and item.event == "token")
    assert kinds[:3] == [Comment, Retry, Frame]
    assert heartbeats[0] < first_token < heartbeats[-1]
    blocks = stream.removesuffix(b"\n\n").split(b"\n\n")
    assert len(blocks) == len(events)
    assert all(b"\ndata: " in block for block in blocks)


def test_httpx_sse_reads_each_event_once(url, events, read_by):
    """No empty message is dispatched for a comment or a retry time."""
    httpx_sse = pytest.importorskip("httpx_sse", reason="NOT TESTED: httpx-sse is not installed")
    with httpx.Client() as client, httpx_sse.connect_sse(client, "GET", f"{url}/events") as source:
        messages = [[message.event, message.id, message.data] for message in source.iter_sse()]
    assert read_by("httpx-sse", messages) == events


def test_the_openai_sdk_reads_each_event_once(url, events, read_by):
    """It decodes every message as JSON, so an empty one would be an error."""
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        decoded = list(client.get("/events", cast_to=object, stream=True, stream_cls=openai.Stream[object]))
    assert decoded == [json.loads(data) for _, _, data in events]
    read_by("openai (Python)", events[: len(decoded)])  # it gives the data alone


@pytest.mark.parametrize("reader", JAVASCRIPT_READERS)
def test_javascript_readers_read_each_event_once(packages, url, events, read_by, reader):
    """Whatever a page or a Node server uses dispatches the events, in order, with their ids."""
    command = [str(NODE), "read.mjs", reader, f"{url}/events"]
    done = subprocess.run(command, cwd=packages, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert read_by(reader, [json.loads(line) for line in done.stdout.splitlines()]) == events


def test_chromium_reads_each_event_once(browser, url, events, read_by):
    """The browser's own EventSource dispatches the same."""
    page = browser.new_page()
    page.goto(url)
    page.wait_for_function("document.title === 'read'")
    messages = page.evaluate("messages")
    page.close()
    assert read_by("Chromium's EventSource", messages) == events
