"""nginx and HAProxy as deploy/ configures them, in front of two Jacies that share a Redis: live, cut, silent, full and misused."""

import gzip
import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import pytest

from jacie_flask.client import Client, Patience
from tests.support import told_model
from tests.support.jacie import Running, ask, gunicorn, ingested_samples, parse
from tests.support.openai_server import OpenAIServer
from tests.support.proxies import DEPLOY, Proxy, proxy
from tests.support.redis_server import MISSING, REDIS, RedisServer
from tests.support.waiting import HANG_S

pytestmark = pytest.mark.skipif(REDIS is None, reason=MISSING)
KINDS = ("nginx", "haproxy")
SILENCE = {"nginx": "proxy_read_timeout       60s;", "haproxy": "timeout server 60s "}
QUICK = Patience(attempts=20, sleep=lambda _: time.sleep(0.1))


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Two servers of one worker each, as on two machines, with three heartbeats a second."""
    data = ingested_samples(tmp_path_factory.getbasetemp())
    with ExitStack() as stack:
        model, redis = stack.enter_context(OpenAIServer(told_model.told)), stack.enter_context(RedisServer())
        settings = {
            "JACIE_RUNS": redis.url, "OPENAI_BASE_URL": model.url, "JACIE_INGEST": "off", "JACIE_HEARTBEAT_S": "0.3", "JACIE_PROXIES": "1", "JACIE_OPEN": "yes",
        }  # fmt: skip
        begun = [stack.enter_context(ThreadPoolExecutor(2)).submit(_serve, data, settings) for _ in range(2)]
        both = [one.result() for one in begun]
        for manager, _ in both:
            stack.push(manager)
        yield [running for _, running in both]


def _serve(data, settings):
    manager = gunicorn(data, **settings)
    return manager, manager.__enter__()


@pytest.fixture(scope="module", params=KINDS)
def before(request, servers, tmp_path_factory):
    """A proxy of each kind with the numbers it is delivered with."""
    with proxy(request.param, tmp_path_factory.mktemp(request.param), urls(servers)) as running:
        yield running


def urls(servers: list[Running]) -> list[str]:
    """Return where the servers are."""
    return [server.url for server in servers]


def told(url: str, number: int, speaks: Callable[[], object] = lambda: None, **pace: float) -> tuple[str, list[str]]:
    """Ask through the client, saying when there are words; return the text of its tokens and why it had to come back."""
    reasons: list[str] = []
    text = ""
    with Client(url, patience=QUICK) as client:
        question = told_model.question(number, **pace)
        for event in client.stream(question.pop("query"), on_reconnect=lambda why: reasons.append(why.reason), **question):
            text = {"reset": "", "token": text + str(event.data.get("text"))}.get(event.name, text)
            if text:
                speaks()
    assert event.name == "result", event
    return text, reasons


def answered(url: str, method: str, path: str, body: bytes | None = None, **headers: str):
    """Return (status, headers, body) of one request."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


# ------------------------------------------------------------------------------------------------------ configurations


@pytest.mark.parametrize("kind", KINDS)
def test_the_proxy_takes_its_configuration(kind, tmp_path):
    """`nginx -t` and `haproxy -c` find nothing to complain about, not even to warn of."""
    said = Proxy(kind, tmp_path, ["http://127.0.0.1:8000", "http://127.0.0.1:8001"]).check()
    assert "warn" not in said.lower().replace("0 warning", ""), said


def test_the_tls_server_answers(servers, tmp_path):
    """With a certificate the TLS part works as delivered: HTTP/2 is offered, and Jacie hears that the request came by https."""
    if shutil.which("openssl") is None or shutil.which("curl") is None:
        pytest.skip("NOT TESTED: TLS in nginx (openssl or curl is not installed)")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
    subprocess.run([*made, "-keyout", "privkey.pem", "-out", "fullchain.pem"], cwd=tmp_path, check=True, capture_output=True)
    behind = Proxy("nginx", tmp_path, urls(servers))
    tls = (DEPLOY / "nginx" / "jacie-tls.conf").read_text()
    tls = tls.replace("443", f"127.0.0.1:{behind.port}").replace("/etc/ssl/jacie", str(tmp_path))
    plain = (tmp_path / "jacie.conf").read_text()
    (tmp_path / "jacie.conf").write_text(plain.replace(f"127.0.0.1:{behind.port}", f"unix:{tmp_path}/plain") + tls)
    behind.start()
    try:
        call = ["curl", "-sk", "--http2", "-w", "\n%{http_version}", f"https://127.0.0.1:{behind.port}/health/request"]
        said, version = subprocess.run(call, capture_output=True, text=True, check=True).stdout.rsplit("\n", 1)
    finally:
        behind.kill()
    assert (json.loads(said)["scheme"], version) == ("https", "2")


# ----------------------------------------------------------------------------------------------------------------- live


def test_events_arrive_as_they_happen(before: Proxy):
    """Compression asked for: probes come uncompressed, and the model says its second word after a reader has the first."""
    probes = ask(before.url, "/health/stream?events=8&every=0.05", None, headers={"Accept-Encoding": "gzip"})
    assert [frame.name for frame in probes.frames if frame.name == "probe"] == ["probe"] * 8
    assert probes.headers.get("Content-Encoding", "identity") == "identity"
    second_word = threading.Event()
    told_model.GATES[1] = {1: second_word}
    body = json.dumps(told_model.question(1, 20, total_s=0.1))
    connection = http.client.HTTPConnection(urlsplit(before.url).netloc, timeout=HANG_S)
    with closing(connection):
        connection.request("POST", "/chat/stream", body, {"Content-Type": "application/json", "Accept-Encoding": "gzip"})
        frames = parse(connection.getresponse())
        assert any(frame.name == "token" for frame in frames), "the first word came with the end"
        second_word.set()
        assert [frame.name for frame in frames][-1] == "result"


def test_pages_are_compressed_where_streams_are_not(servers, tmp_path):
    """nginx compresses a style sheet for those who ask."""
    with proxy("nginx", tmp_path, urls(servers)) as behind:
        status, headers, body = answered(behind.url, "GET", "/static/css/chat.css", Accept_Encoding="gzip")
    assert (status, headers["Content-Encoding"]) == (200, "gzip")
    assert b"{" in gzip.decompress(body)


# ------------------------------------------------------------------------------------------------------ silence and cuts


def behind_each(servers, folder, limit: str, number: int, **pace: float) -> list[tuple[str, list[str]]]:
    """Ask one question behind a proxy of each kind whose limit on silence is ``limit``, side by side."""
    with ExitStack() as stack, ThreadPoolExecutor(len(KINDS)) as pool:
        changes = {kind: {SILENCE[kind]: SILENCE[kind].replace("60s", limit)} for kind in KINDS}
        behind = [stack.enter_context(proxy(kind, folder / kind, urls(servers), changes[kind])) for kind in KINDS]
        return list(pool.map(lambda one: told(one.url, number, **pace), behind))


def test_heartbeats_outlast_the_limit_on_silence(servers, tmp_path):
    """A model that is silent for more than twice the proxy's limit: heartbeats carry the stream, nobody has to come back."""
    found = behind_each(servers, tmp_path, "3s", 11, silent_s=6.5, total_s=0.2)
    assert found == [(told_model.answer(11), [])] * len(KINDS)


def test_a_cap_below_the_heartbeat_costs_no_character(servers, tmp_path):
    """A limit that cuts every pause, because it is shorter than the heartbeat: the client comes back as often as it takes."""
    for text, reasons in behind_each(servers, tmp_path, "150ms", 12, silent_s=1.0, total_s=0.5):
        assert text == told_model.answer(12)
        assert len(reasons) >= 2


def test_a_killed_proxy_costs_no_character(before: Proxy):
    """kill -9 of the proxy in the middle of ten answers, and a new one in its place: each text is the model's own."""
    speaking = [threading.Event() for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        last_words = threading.Event()
        told_model.GATES.update({20 + number: {59: last_words} for number in range(10)})
        jobs = [pool.submit(told, before.url, 20 + at, one.set, words=60, total_s=0.3) for at, one in enumerate(speaking)]
        assert all(one.wait(HANG_S) for one in speaking)
        before.kill()
        before.start()
        last_words.set()
        found = [job.result() for job in jobs]
    assert [text for text, _ in found] == [told_model.answer(20 + number) for number in range(10)]
    assert all(reasons for _, reasons in found)


def test_a_reload_cuts_nothing(before: Proxy):
    """A reload in the middle of an answer: the old process finishes it, new requests are served meanwhile."""
    reloaded = threading.Timer(0.4, before.reload)
    reloaded.start()
    text, reasons = told(before.url, 31, total_s=1.5)
    reloaded.join()
    assert (text, reasons) == (told_model.answer(31), [])
    assert told(before.url, 32, total_s=0.1)[0] == told_model.answer(32)


# --------------------------------------------------------------------------------------------------------------- misuse


def test_claims_of_the_client_end_at_the_proxy(before: Proxy):
    """A made-up address, scheme and host are replaced by what the proxy sees; the request's id and keys pass."""
    claims = {
        "X_Forwarded_For": "203.0.113.9",
        "X_Forwarded_Proto": "https",
        "X_Forwarded_Host": "evil.example",
        "Forwarded": "for=203.0.113.9",
    }
    keys = {"X_Request_ID": "mine-1", "Idempotency_Key": "k", "Last_Event_ID": "1.4"}
    _, headers, body = answered(before.url, "GET", "/health/request", **claims, **keys)
    arrived = json.loads(body)
    assert (arrived["client"], arrived["scheme"], arrived["forwarded_for"]) == ("127.0.0.1", "http", 1)
    assert arrived["host"] == urlsplit(before.url).netloc
    assert arrived["protocol"] == "HTTP/1.1"
    assert all(arrived["headers"][name] for name in ("X-Request-ID", "Idempotency-Key", "Last-Event-ID"))
    assert headers["X-Request-ID"] == "mine-1"
    own = json.loads(answered(before.url, "GET", "/health/request")[2])
    assert own["headers"]["X-Request-ID"], "the proxy gives a request an id"


def test_bodies_have_one_limit(before: Proxy):
    """A body as large as Jacie takes passes, one byte more is 413 at the proxy."""
    status, _, body = answered(before.url, "POST", "/health/request", b" " * 1_048_576)
    assert (status, json.loads(body)["body_bytes"]) == (200, 1_048_576)
    assert answered(before.url, "POST", "/health/request", b" " * 1_048_577)[0] == 413


@pytest.mark.parametrize("kind", KINDS)
def test_a_slow_sender_reaches_no_worker(kind, servers, tmp_path):
    """A body that never comes is refused by the proxy in its time, and Jacie does not hear of it."""
    changes = {
        "nginx": {"client_body_timeout      15s": "client_body_timeout 1s"},
        "haproxy": {"timeout http-request 15s": "timeout http-request 1s"},
    }
    with (
        proxy(kind, tmp_path, urls(servers), changes[kind]) as behind,
        socket.create_connection(("127.0.0.1", behind.port)) as sock,
    ):
        sock.settimeout(60)
        sock.sendall(b"POST /chat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        answer = sock.recv(65536)
    assert answer == b"" or b" 408 " in answer.split(b"\r\n")[0], answer[:200]


@pytest.mark.parametrize("kind", KINDS)
def test_one_address_has_a_rate_and_operators_have_their_own_paths(kind, servers, tmp_path):
    """Past its rate a client's address gets 429; figures for operators are refused to others."""
    changes = {
        "nginx": {"rate=20r/s": "rate=1r/m", "burst=100": "burst=4", "allow 127.0.0.1;": "allow 203.0.113.9;"},
        "haproxy": {"sc_http_req_rate(0) gt 300": "sc_http_req_rate(0) gt 5", "127.0.0.0/8": "203.0.113.0/24"},
    }
    with proxy(kind, tmp_path, urls(servers), changes[kind]) as behind:
        assert answered(behind.url, "GET", "/ready")[0] in (403, 404)
        statuses = [answered(behind.url, "GET", "/health")[0] for _ in range(8)]
    assert statuses[0] == 200
    assert statuses[-1] == 429


# ---------------------------------------------------------------------------------------------------------- rolling over


def test_a_server_that_drains_is_not_noticed(servers, tmp_path):
    """SIGTERM to one of two servers under both proxies: its readers go on at the other, new questions are not refused once."""
    with ExitStack() as stack, ThreadPoolExecutor(20) as pool:
        behind = [stack.enter_context(proxy(kind, tmp_path / kind, urls(servers))) for kind in KINDS]
        jobs = [pool.submit(told, one.url, 50 + number, words=60, total_s=2.5) for number in range(4) for one in behind]
        time.sleep(0.8)
        servers[0].process.send_signal(signal.SIGTERM)
        for number in range(10):
            for one in behind:
                assert told(one.url, 70 + number, words=5, total_s=0.05)[0] == told_model.answer(70 + number, 5)
        texts = [job.result()[0] for job in jobs]
    assert texts == [told_model.answer(50 + number) for number in range(4) for _ in KINDS]
    servers[0].process.wait(30)


def test_the_configurations_say_the_same_as_jacie():
    """Limits in the proxies are the ones Jacie has: body, deadline, heartbeat."""
    from jacie_flask.config import Settings

    settings = Settings(_env_file=None)
    nginx = "".join(path.read_text() for path in sorted((DEPLOY / "nginx").iterdir()))
    haproxy = (DEPLOY / "haproxy" / "haproxy.cfg").read_text()
    assert f"client_max_body_size     {settings.max_body // 2**20}m;" in nginx
    assert f"req.body_size gt {settings.max_body}" in haproxy
    for limits in (re.findall(r"proxy_read_timeout\s+(\d+)s", nginx), re.findall(r"timeout server (\d+)s", haproxy)):
        short, long = sorted(int(limit) for limit in limits)
        assert short > 2 * settings.heartbeat_s
        assert long > settings.deadline_s
    assert "event-stream" not in re.sub(r"#.*", "", nginx + haproxy)
