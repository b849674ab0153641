"""`doctor URL` through real proxies with one mistake each: it names the mistake and the line, and nothing else."""

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from jacie_flask import create_app
from jacie_flask.config import Settings
from jacie_flask.doctor import way
from jacie_flask.doctor.findings import Finding
from jacie_flask.doctor.wire import Server
from tests.support.jacie import ROOT, environment, gunicorn
from tests.support.ports import free_port
from tests.support.proxies import proxy
from tests.support.servers import Connection, LocalServer, Request

LONG_S = 2.0
PASS_ON = "proxy_set_header         X-Request-ID $jacie_request_id;"
# What is changed in which proxy, and for each part what is said of it: (state, words of the change).
MISTAKES: dict[str, tuple[str, dict[str, str], dict[str, tuple[str, str]]]] = {
    "nginx as delivered": ("nginx", {}, {}),
    "HAProxy as delivered": ("haproxy", {}, {}),
    "nginx buffers": (
        "nginx",
        {"proxy_http_version       1.1;": "", "proxy_buffering          off;": "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;"},
        {"streaming": ("fail", "nginx: proxy_buffering off")},
    ),
    "nginx compresses": (
        "nginx",
        {"gzip_types ": "gzip_min_length 0; proxy_hide_header Content-Encoding; gzip_types text/event-stream "},
        {"streaming": ("fail", "nginx: gzip off")},
    ),
    "nginx is impatient": ("nginx", {"proxy_read_timeout       60s": "proxy_read_timeout 1s"}, {"silence": ("fail", "nginx: proxy_read_timeout")}),
    "HAProxy is impatient": ("haproxy", {"timeout server 60s": "timeout server 1s"}, {"silence": ("fail", "HAProxy: timeout server")}),
    "nginx takes small bodies": ("nginx", {"client_max_body_size     1m": "client_max_body_size 64k"}, {"body": ("fail", "client_max_body_size 1m")}),
    "HAProxy takes small bodies": ("haproxy", {"gt 1048576": "gt 65536"}, {"body": ("fail", "req.body_size")}),
    "nginx drops a header": ("nginx", {PASS_ON: f'{PASS_ON} proxy_set_header Last-Event-ID "";'}, {"headers": ("fail", 'proxy_set_header Last-Event-ID ""')}),
    "nginx drops the key": ("nginx", {PASS_ON: f'{PASS_ON} proxy_set_header Authorization "";'}, {"headers": ("fail", "Authorization"), "access": ("fail", "Authorization on the way")}),
    "HAProxy replaces the id": ("haproxy", {" unless { req.hdr(X-Request-ID) -m found }": ""}, {"headers": ("warn", "keep the caller's")}),
    "nginx believes clients": (
        "nginx", {"X-Forwarded-For $remote_addr": "X-Forwarded-For $http_x_forwarded_for"}, {"forwarded": ("fail", "X-Forwarded-For $remote_addr")}),
    "nginx is not trusted": ("nginx", {PASS_ON: f"{PASS_ON} proxy_bind 127.0.0.2;"}, {"forwarded": ("warn", "JACIE_TRUSTED_PROXIES=127.0.0.2")}),
    "nginx hides the host": ("nginx", {"Host $http_host": "Host inside"}, {"forwarded": ("warn", "Host $http_host")}),
    "nginx speaks HTTP/1.0": ("nginx", {"proxy_http_version       1.1": "proxy_http_version 1.0"}, {"streaming": ("warn", "proxy_http_version 1.1")}),
    "nginx allows every page": ("nginx", {"\nsend_timeout ": "\nadd_header Access-Control-Allow-Origin *; send_timeout "}, {"cors": ("fail", "JACIE_CORS_ORIGINS")}),
    "nginx asks nobody": ("nginx", {"server 127.0.0.1:8000": "server 127.0.0.2:9", "server 127.0.0.1:8001": "server 127.0.0.2:9"}, {"reach": ("fail", "upstream")}),
}  # fmt: skip


@pytest.fixture(scope="module")
def jacie(tmp_path_factory):
    """A Jacie that trusts one proxy, at one address."""
    trusted = {"JACIE_PROXIES": "1", "JACIE_TRUSTED_PROXIES": "127.0.0.1"}
    with gunicorn(
        tmp_path_factory.mktemp("jacie"), JACIE_MODEL="scripted", JACIE_INGEST="off", JACIE_OPEN="yes", **trusted
    ) as running:
        yield running


@pytest.fixture(scope="module")
def key(jacie):
    """A key of that Jacie."""
    call = [sys.executable, "-m", "flask", "--app", "wsgi", "keys", "create", "doctor"]
    known = environment(jacie.log.parent, JACIE_MODEL="scripted")
    return subprocess.run(call, cwd=ROOT, env=known, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


@pytest.fixture(scope="module")
def looked(jacie, key, tmp_path_factory):
    """What the doctor finds behind each of the proxies, all looked at side by side."""
    with ExitStack() as stack, ThreadPoolExecutor(5) as pool:
        jobs = {}
        for name, (kind, changes, _) in MISTAKES.items():
            if shutil.which(kind):
                behind = stack.enter_context(proxy(kind, tmp_path_factory.mktemp(kind), [jacie.url], changes))
                jobs[name] = pool.submit(way.look, Server(behind.url, key), long_s=LONG_S)
        yield {name: job.result() for name, job in jobs.items()}


def worst(findings: list[Finding]) -> dict[str, Finding]:
    """Return for each part that is not right the worst that was found."""
    wrong = sorted((one for one in findings if one.state != "ok"), key=lambda one: one.state, reverse=True)
    return {one.part: one for one in wrong}


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_named_with_its_line(name, looked):
    """The part that the mistake touches is not ok and its line is named; everything else is ok."""
    kind, _, expected = MISTAKES[name]
    if name not in looked:
        pytest.skip(f"NOT TESTED: doctor behind {kind} ({kind} is not installed)")
    found = worst(looked[name])
    assert {part: one.state for part, one in found.items()} == {part: state for part, (state, _) in expected.items()}, found
    for part, (_, words) in expected.items():
        assert words in found[part].change, found[part]


class Impatient:
    """A relay of TCP connections that ends each after ``seconds``, however busy it is: a platform's longest request."""

    def __init__(self, port: int, seconds: float) -> None:
        """Listen on a free port."""
        self._to, self._seconds = port, seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        end = time.monotonic() + self._seconds
        with suppress(OSError):
            while (left := end - time.monotonic()) > 0:
                one.settimeout(left)
                data = one.recv(65536)
                if not data:
                    break
                other.sendall(data)
        for sock in (one, other):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def test_a_limit_on_duration_is_found(jacie, key):
    """Something that ends every connection after 2.5 s is told from a limit on silence: events were coming."""
    relay = Impatient(int(jacie.url.rpartition(":")[2]), 2.5)
    try:
        found = {one.part: one for one in way.look(Server(relay.url, key), long_s=4.0)}
    finally:
        relay.close()
    assert found["duration"].state == "fail"
    assert "although events were coming" in found["duration"].said
    assert found["streaming"].state == "ok"


def test_trust_without_a_proxy_is_found(jacie, key):
    """Asked directly, a Jacie that trusts one proxy believes what clients claim, and the doctor says so."""
    found = worst(way.look(Server(jacie.url, key), long_s=0.5))
    assert list(found) == ["forwarded"]
    assert "can claim any address" in found["forwarded"].said


def looks(*servers: Server) -> list[dict[str, Finding]]:
    """Return what is found of each server, by part, all looked at side by side."""
    with ThreadPoolExecutor(len(servers)) as pool:
        found = pool.map(lambda server: way.look(server, long_s=0.5), servers)
        return [{one.part: one for one in findings} for findings in found]


def test_keys_are_tried(jacie, key):
    """A good, a wrong and no key are told apart, and no key is shown."""
    good, wrong, none = looks(Server(jacie.url, key), Server(jacie.url, "jcy_wrong"), Server(jacie.url))
    assert (good["access"].state, wrong["access"].state, none["access"].state) == ("ok", "fail", "ok")
    assert "JACIE_KEY" in wrong["access"].change
    assert "a key is needed" in none["access"].said
    assert "jcy_" not in str([*good.values(), *wrong.values()])


def test_a_server_without_keys_behind_a_proxy_is_found(tmp_path):
    """Nobody made a key: asked directly on its machine it answers, through a proxy it refuses, and the doctor says what to do."""
    with (
        gunicorn(tmp_path / "data", JACIE_MODEL="scripted", JACIE_INGEST="off") as open_here,
        proxy("nginx", tmp_path, [open_here.url]) as behind,
    ):
        direct, through = looks(Server(open_here.url), Server(behind.url))
    assert direct["access"].state == "ok"
    assert (through["access"].state, through["access"].change) == ("fail", "keys create NAME")
    assert (through["forwarded"].state, through["forwarded"].change) == ("warn", "JACIE_PROXIES=1")


class Other(LocalServer):
    """Another web server."""

    def answer(self, request: Request, connection: Connection) -> None:
        """Send a page, whatever is asked."""
        connection.respond(200, b"<h1>It works!</h1>", "text/html")


def test_the_command_exits_with_one_and_speaks_json(tmp_path):
    """What answers is no Jacie: exit code 1, one finding, as JSON; the same as a table; an address that is none is refused."""
    with Other() as other:
        done = command(tmp_path, other.origin, "--json")
        table = command(tmp_path, other.origin)
    said = json.loads(done.stdout)
    assert (done.exit_code, said["ok"], [one["part"] for one in said["findings"]]) == (1, False, ["reach"])
    assert table.exit_code == 1
    assert "1 fail" in table.stdout
    assert command(tmp_path, f"ftp://127.0.0.1:{free_port()}").exit_code == 2


def command(data, *arguments):
    """Run ``flask doctor`` and return how it ended."""
    app = create_app(Settings(data=data, index=f"sqlite:{data}/index.db", model="scripted", ingest="off"))
    return app.test_cli_runner().invoke(args=["doctor", *arguments])
