"""A key that is revoked under running workers: what it has open ends within seconds, on each of them, and nothing else does."""

import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from jacie_flask import create_app
from jacie_flask.access.keys import KeyFile
from jacie_flask.config import load
from tests.support import told_model
from tests.support.identity import AUDIENCE, ISSUER, Provider
from tests.support.jacie import gunicorn, parse
from tests.support.redis_server import REDIS, RedisServer
from tests.support.scenarios import two_workers
from tests.support.tenants import close
from tests.support.waiting import wait_for

LEEWAY_S = 30  # how long after its exp a token is taken: clocks differ
LONG = told_model.question(7, words=400, total_s=600)
SILENT = told_model.question(8, silent_s=600)
BESIDE = told_model.question(10, silent_s=60)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Where the server keeps its files."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def provider():
    """A provider of tokens."""
    with Provider() as found:
        yield found


@pytest.fixture(scope="module")
def filings(tmp_path_factory):
    """One document that no socket's buffers hold."""
    folder = tmp_path_factory.mktemp("filings")
    (folder / "quarry_2024_annual_report.txt").write_bytes(b"Revenue was 4,711 in 2024.\n" * 600_000)
    return folder


@pytest.fixture(scope="module")
def running(data, model, provider, filings):
    """Jacie with two workers, so that readers are here and there; with one where there is no Redis."""
    values = {"JACIE_OIDC_ISSUER": ISSUER, "JACIE_OIDC_AUDIENCE": AUDIENCE, "JACIE_OIDC_JWKS_URL": provider.url}
    values["JACIE_DOCUMENTS"] = str(filings)
    with ExitStack() as stack:
        if REDIS is None:
            yield stack.enter_context(gunicorn(data, OPENAI_BASE_URL=model.url, JACIE_INGEST="off", **values))
        else:
            shared = stack.enter_context(two_workers(data, stack.enter_context(RedisServer()), model.url, **values))
            shared.wait_for_workers()
            yield shared.running


@pytest.fixture(scope="module")
def keys(data):
    """The keys of that server."""
    return KeyFile(data / "keys.json", clock=time.time)


def made(keys, name, **facts):
    """Make a key; return its id and its header."""
    key, token = keys.create(name, tenant="default", scopes=frozenset({"ask"}), **facts)
    return key.key_id, {"Authorization": f"Bearer {token}"}


class Reader:
    """Somebody who reads a stream until it ends."""

    def __init__(self, url, headers, *, question=None, run_id=""):
        """Ask the question, or follow the run."""
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
        body = json.dumps(question) if question else None
        asked = {"Content-Type": "application/json", **headers}
        self.connection.request(
            "POST" if question else "GET", "/chat/stream" if question else f"/runs/{run_id}/events", body, asked
        )
        self.answer = self.connection.getresponse()
        self.run_id = self.answer.headers["X-Run-Id"]
        self.frames = []
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self):
        self.frames.extend(frame for frame in parse(self.answer) if frame.name != ":")
        self.connection.close()

    def end(self):
        """Return the code of the error event that ended the stream."""
        self._thread.join(60)
        return self.frames[-1].data.get("code", self.frames[-1].name)

    @property
    def reading(self):
        """Whether the stream is open."""
        return self._thread.is_alive()


def upstream(model, question):
    """Return the model's side of a question once it is asked."""
    return wait_for(lambda: next((chat for chat in model.chats if question["query"].encode() in chat.body), None))


def test_a_revoked_keys_runs_and_streams_end_and_no_others(running, model, keys):
    """Its own run ends for all who read it and at the model; of another's run it alone is told; a session ends as its key does."""
    (mine, as_me), (guest, as_guest), (_, as_other) = (made(keys, name) for name in ("me", "guest", "other"))
    asked = Reader(running.url, as_me, question=LONG)
    guests = [Reader(running.url, headers, run_id=asked.run_id) for headers in [as_guest, session(running, as_guest)] * 4]
    others = [Reader(running.url, as_other, run_id=asked.run_id) for _ in range(4)]
    at_model = upstream(model, LONG)
    keys.revoke(guest)
    assert [one.end() for one in guests] == ["unauthorized"] * 8
    assert [one.reading for one in (asked, *others)] == [True] * 5
    assert not at_model.client_closed.is_set()

    keys.revoke(mine)
    assert [one.end() for one in (asked, *others)] == ["unauthorized"] * 5
    assert at_model.client_closed.wait(60)
    said = others[0].frames[-1].data
    assert (said["error"], said["retryable"]) == ("Credentials are missing or not valid.", False)
    assert told_model.answer(7, 400).startswith(said["partial_response"])
    assert "failed" not in running.log.read_text()


def test_a_run_that_nobody_reads_and_one_that_is_waited_for_end_with_their_key(running, model, keys):
    """An expiry ends a run that was left to itself and a POST /chat; the poll and the answer say unauthorized."""
    _, as_brief = made(keys, "brief", expires_at=time.time() + 1.0)
    _, as_other = made(keys, "other")
    _, told = running.post("/chat/stream", SILENT, headers={**as_brief, "Prefer": "respond-async"})
    status, problem = running.post("/chat", SILENT, headers=as_brief)
    assert (status, problem["code"]) == (401, "unauthorized")
    polled = wait_for(lambda: (seen := _polled(running, told["run_id"], as_other))["error"] and seen)
    assert (polled["status"], polled["error"]["code"]) == ("failed", "unauthorized")
    assert upstream(model, SILENT).client_closed.wait(60)


def test_a_download_is_cut_with_its_key(running, keys, filings):
    """What is under way, whole or a range, breaks off, so that nobody takes it for the whole; another's comes to its end."""
    (mine, as_me), (_, as_other) = made(keys, "me"), made(keys, "other")
    document = json.loads(downloading(running, as_other, "/documents").read())["documents"][0]["document_id"]
    path = f"/documents/{document}"
    mine_open = [downloading(running, headers, path) for headers in (as_me, {**as_me, "Range": "bytes=1000-"})]
    other_open = downloading(running, as_other, path)
    keys.revoke(mine)
    wait_for(lambda: running.log.read_text().count(f"ended what {mine} had open") == len(mine_open))
    for answer in mine_open:
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            answer.read()
    assert other_open.read() == next(filings.iterdir()).read_bytes()
    assert "Traceback" not in running.log.read_text()


def downloading(running, headers, path):
    """Ask for something and return the answer, of which nothing but the head is read."""
    connection = http.client.HTTPConnection(running.url.removeprefix("http://"), timeout=60)
    connection.request("GET", path, headers={"Connection": "close", **headers})
    return connection.getresponse()


def test_a_token_that_expires_ends_nothing_and_begins_nothing(running, provider):
    """The answer that it began comes whole; reading it again takes another token, of whomever of the tenant."""
    bearer = lambda **claims: {"Authorization": f"Bearer {provider.token(**claims)}"}  # noqa: E731
    brief = bearer(exp=int(time.time()) - LEEWAY_S + 2)  # for a second at least: an exp counts in whole ones
    asked = Reader(running.url, brief, question=told_model.question(9, total_s=2.2))
    assert asked.end() == "result"
    assert asked.frames[-1].data["response"] == told_model.answer(9)
    assert Reader(running.url, brief, run_id=asked.run_id).answer.status == 401
    assert Reader(running.url, bearer(), run_id=asked.run_id).end() == "result"


def session(running, headers):
    """Return the cookie of a page that signed in with a key."""
    connection = http.client.HTTPConnection(running.url.removeprefix("http://"), timeout=60)
    page = {"Origin": running.url, "X-Jacie-Page": "1", "Content-Type": "application/json"}
    connection.request("POST", "/sign-in", json.dumps({"key": headers["Authorization"].split()[1]}), page)
    cookie = connection.getresponse().headers["Set-Cookie"].partition(";")[0]
    connection.close()
    return {"Cookie": cookie}


def _polled(running, run_id, headers):
    connection = http.client.HTTPConnection(running.url.removeprefix("http://"), timeout=60)
    connection.request("GET", f"/runs/{run_id}", headers=headers)
    seen = json.load(connection.getresponse())
    connection.close()
    return seen


@contextmanager
def threaded(app):
    """Serve an application on threads, in this process; yields its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


class _Quiet(WSGIRequestHandler):
    def log(self, type, message, *args):
        """Write nothing."""


@pytest.mark.soak
def test_on_threads_it_is_the_same(tmp_path, model):
    """Where threads cannot be interrupted a reader is told as soon, be the run silent or not; the run ends with its next words."""
    settings = {"data": tmp_path, "index": f"sqlite:{tmp_path}/index.db", "ingest": "off", "heartbeat_s": 60}
    app = create_app(load(openai_base_url=model.url, **settings))
    keys = app.extensions["jacie.gate"].keys
    (mine, as_me), (guest, as_guest) = made(keys, "me"), made(keys, "guest")
    with threaded(app) as url, ThreadPoolExecutor() as pool:
        long, silent = (Reader(url, as_me, question=question) for question in (LONG, SILENT))
        guests = [Reader(url, as_guest, run_id=asked.run_id) for asked in (long, silent)]
        for told, readers, others in ((guest, guests, [long, silent]), (mine, [long, silent], [])):
            waiting = pool.submit(_answer, url, as_me if told == mine else as_guest)
            upstream(model, BESIDE)
            keys.revoke(told)
            assert [one.end() for one in readers] == ["unauthorized"] * 2
            assert waiting.result() == 401
            assert [one.reading for one in others] == [True] * len(others)
        assert upstream(model, LONG).client_closed.wait(60)
    close(app)


def _answer(url, headers):
    """Return the status of a question that is answered as one object."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    connection.request("POST", "/chat", json.dumps(BESIDE), {"Content-Type": "application/json", **headers})
    status = connection.getresponse().status
    connection.close()
    return status
