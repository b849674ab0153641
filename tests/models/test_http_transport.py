"""The model's transport against real sockets: framing, keep-alive, every way to break, TLS, and all of it once more under gevent."""

import gzip
import os
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest

from jacie_flask.interfaces import Prompt
from jacie_flask.models import http_transport
from jacie_flask.models.http_transport import Transport, payload
from jacie_flask.models.openai_model import OpenAIModel
from tests.support.openai_server import OpenAIServer, Script
from tests.support.ports import free_port
from tests.support.servers import ClientGoneError, Connection, LocalServer, Request

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ABC = OK + b"Content-Length: 3\r\n\r\nabc"
Answer = Callable[[Request, Connection], None]


class RawServer(LocalServer):
    """Answers with whatever bytes the test says; bytes instead of a function are written as they are."""

    def __init__(self, answer: Answer | bytes) -> None:
        self.script: Answer | bytes = answer
        self.peers: list[int] = []
        super().__init__()

    def answer(self, request: Request, connection: Connection) -> None:
        """Do what the test says; remember the client's port."""
        self.peers.append(connection.sock.getpeername()[1])
        if isinstance(self.script, bytes):
            connection.write(self.script)
        else:
            self.script(request, connection)


@pytest.fixture
def client() -> Iterator[httpx2.Client]:
    """Connect with more patience than any of these servers needs."""
    with httpx2.Client(transport=Transport(), timeout=httpx2.Timeout(60)) as connected:
        yield connected


@pytest.fixture
def hasty() -> Iterator[httpx2.Client]:
    """Connect with timeouts that a test can wait for."""
    with httpx2.Client(transport=Transport(), timeout=httpx2.Timeout(0.4)) as connected:
        yield connected


def closing(data: bytes) -> Answer:
    """Write and hang up."""

    def answer(_: Request, connection: Connection) -> None:
        connection.write(data)
        raise ClientGoneError

    return answer


def connections(server: RawServer) -> int:
    """Count the connections that brought a request."""
    return len(set(server.peers))


BODIES = {
    "sized": ABC,
    "chunked": CHUNKED + b"1\r\na\r\n2;x=y\r\nbc\r\n0\r\nA: b\r\n\r\n",
    "after informational": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + ABC,
}


@pytest.mark.parametrize("response", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_body_is_read_to_its_end_and_its_connection_kept(client, response, method):
    """Three requests, whole and streamed, share one connection."""
    with RawServer(response) as server:
        for _ in range(2):
            answer = client.request(method, server.origin, content=b"x" if method == "POST" else None)
            assert (answer.status_code, answer.content, answer.http_version) == (200, b"abc", "HTTP/1.1")
        with client.stream(method, server.origin) as streamed:
            assert b"".join(payload(streamed).pieces) == b"abc"
        assert connections(server) == 1


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n"])
def test_a_body_may_end_with_its_connection(client, head):
    """Without a length the close is the end, and nothing is kept."""
    with RawServer(closing(head + b"abc")) as server:
        assert [client.get(server.origin).content for _ in range(2)] == [b"abc"] * 2
        assert connections(server) == 2


@pytest.mark.parametrize(("method", "status"), [("HEAD", b"200 OK"), ("GET", b"204 No Content"), ("GET", b"304 Not Modified")])
def test_some_responses_have_no_body(client, method, status):
    """Whatever length their heads announce."""
    with RawServer(b"HTTP/1.1 " + status + b"\r\nContent-Length: 3\r\n\r\n") as server:
        for _ in range(2):
            assert client.request(method, server.origin).content == b""
        assert connections(server) == 1


@pytest.mark.parametrize("header", [b"Connection: close\r\n", b"Connection: keep-alive, Close\r\n"])
def test_a_server_may_refuse_another_request(client, header):
    """Then the connection is closed after its response."""
    with RawServer(OK + header + b"Content-Length: 3\r\n\r\nabc") as server:
        assert [client.get(server.origin).content for _ in range(2)] == [b"abc"] * 2
        assert connections(server) == 2


@pytest.mark.parametrize("response", [ABC + b"d", CHUNKED + b"3\r\nabc\r\n0\r\n\r\nmore"])
def test_a_connection_with_bytes_of_nobody_is_not_used_again(client, response):
    """They would be taken for the next response."""
    with RawServer(response) as server:
        assert [client.get(server.origin).content for _ in range(2)] == [b"abc"] * 2
        assert connections(server) == 2


def test_all_chunks_of_one_read_come_as_one_piece(client):
    """However small the server cuts them."""
    with RawServer(CHUNKED + b"1\r\na\r\n" * 500 + b"0\r\n\r\n") as server, client.stream("GET", server.origin) as response:
        pieces = list(payload(response).pieces)
    assert b"".join(pieces) == b"a" * 500
    assert len(pieces) <= 2


def test_a_large_body_arrives_whole(client):
    """Eight megabytes in one chunk, and as many going up."""
    data = os.urandom(8 << 20)

    def answer(request: Request, connection: Connection) -> None:
        connection.write(CHUNKED + connection.chunk(request.body) + connection.chunk(b""))

    with RawServer(answer) as server:
        assert client.post(server.origin, content=data, timeout=60).content == data


def test_a_compressed_body_is_decompressed(client):
    """Nobody asked for it, but it is legal."""
    body = gzip.compress(b"abc" * 100)
    with RawServer(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body) as server:
        with client.stream("GET", server.origin) as response:
            assert b"".join(payload(response).pieces) == b"abc" * 100
        assert client.get(server.origin).content == b"abc" * 100


def test_redirects_and_cookies_are_the_clients(client):
    """The layers above work as with any transport."""

    def answer(request: Request, connection: Connection) -> None:
        if request.path == "/":
            connection.write(b"HTTP/1.1 302 Found\r\nLocation: /there\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")
        else:
            connection.respond(200, request.headers["cookie"].encode())

    with RawServer(answer) as server:
        assert client.get(server.origin, follow_redirects=True).text == "a=b"
        assert connections(server) == 1


def test_a_connection_closed_while_idle_is_noticed_before_use(client):
    """The next request goes out once, on a new connection."""

    def answer(_: Request, connection: Connection) -> None:
        connection.write(ABC)
        connection.close()

    with RawServer(answer) as server:
        for _ in range(3):
            assert client.post(server.origin, content=b"x").content == b"abc"
            time.sleep(0.05)
        assert len(server.requests) == 3


def test_what_a_server_says_to_an_idle_connection_answers_no_request(client):
    """Some say 408 before they close; the next request must not take it for its answer."""

    def answer(_: Request, connection: Connection) -> None:
        connection.write(ABC)
        time.sleep(0.05)
        connection.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")

    with RawServer(answer) as server:
        for _ in range(3):
            assert client.get(server.origin).content == b"abc"
            time.sleep(0.1)
        assert connections(server) == 3


def dying_second(last_words: bytes) -> Answer:
    """Answer the first request of each connection, die over the second."""
    used = set()

    def answer(_: Request, connection: Connection) -> None:
        if (peer := connection.sock.getpeername()) in used:
            connection.write(last_words)
            raise ClientGoneError
        used.add(peer)
        connection.write(ABC)

    return answer


def test_a_kept_connection_that_dies_silently_is_replaced_once(client):
    """It was closing while the request was on its way: the request is asked again on a fresh one."""
    with RawServer(dying_second(b"")) as server:
        assert [client.post(server.origin, content=b"x").content for _ in range(2)] == [b"abc"] * 2
        assert [request.body for request in server.requests] == [b"x"] * 3


def test_a_kept_connection_that_dies_after_its_first_byte_is_not_replaced(client):
    """The server has begun to answer: asking again is not ours to decide."""
    with RawServer(dying_second(b"HTTP")) as server:
        client.get(server.origin)
        with pytest.raises(httpx2.RemoteProtocolError):
            client.get(server.origin)
        assert len(server.requests) == 2


def test_a_fresh_connection_that_dies_is_an_error(client):
    """And nothing is asked twice."""
    with RawServer(closing(b"")) as server:
        with pytest.raises(httpx2.RemoteProtocolError):
            client.get(server.origin)
        assert len(server.requests) == 1


def test_the_idle_ones_are_few_and_not_old():
    """One of two is kept, and not for longer than said."""
    both = threading.Barrier(2, timeout=60)

    def answer(request: Request, connection: Connection) -> None:
        if request.path == "/both":
            both.wait()
        connection.write(ABC)

    with RawServer(answer) as server, httpx2.Client(transport=Transport(idle=1, idle_s=0.2)) as client:
        threads = [threading.Thread(target=client.get, args=(server.origin + "/both",)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert connections(server) == 2
        for pause in (0, 0.3):
            time.sleep(pause)
            with client.stream("GET", server.origin), client.stream("GET", server.origin) as response:
                response.read()
        assert connections(server) == 5  # of the first pause one was kept, of the second none


@pytest.mark.parametrize("read", [False, True])
def test_leaving_early_closes_the_connection_at_once(client, read):
    """Before the first byte of the body and after it."""

    def answer(_: Request, connection: Connection) -> None:
        connection.write(CHUNKED + connection.chunk(b"a"))
        connection.wait(3600)

    with RawServer(answer) as server:
        with client.stream("GET", server.origin) as response:
            if read:
                next(payload(response).pieces)
        assert server.requests[0].client_closed.wait(60), "while the server would wait on"


BROKEN = {
    "no http": b"hello\r\n\r\n",
    "half a head": OK,
    "two lengths": OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "unknown coding": OK + b"Transfer-Encoding: gzip\r\n\r\nabc",
    "switching protocols": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "an endless head": OK + b"A: b\r\n" * 50_000,
    "short of its length": OK + b"Content-Length: 4\r\n\r\nabc",
    "short of a chunk": CHUNKED + b"4\r\nabc",
    "without last chunk": CHUNKED + b"3\r\nabc\r\n",
    "bad size": CHUNKED + b"1\r\na\r\nxyz\r\n",
    "bad chunk": CHUNKED + b"1\r\nab\r\n",
    "bad trailer": CHUNKED + b"1\r\na\r\n0\r\nhello\r\n\r\n",
}


@pytest.mark.parametrize("response", BROKEN.values(), ids=BROKEN.keys())
def test_a_malformed_response_is_an_error(client, response):
    """Whole or streamed it is RemoteProtocolError, and the connection is gone."""
    with RawServer(closing(response)) as server:
        with pytest.raises(httpx2.RemoteProtocolError):
            client.get(server.origin)
        with pytest.raises(httpx2.RemoteProtocolError), client.stream("GET", server.origin) as streamed:
            list(payload(streamed).pieces)
        assert connections(server) == 2


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1", CHUNKED, CHUNKED + b"3\r\nabc\r\n"])
def test_a_reset_is_an_error_of_the_network(client, words):
    """At every place of a response."""

    def answer(_: Request, connection: Connection) -> None:
        connection.write(words)
        time.sleep(0.05)
        connection.reset()

    with RawServer(answer) as server, pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
        client.get(server.origin)


@pytest.mark.parametrize("words", [b"", OK, CHUNKED, CHUNKED + b"3\r\nabc\r\n", CHUNKED + b"5\r\nabc"])
def test_silence_is_a_read_timeout(hasty, words):
    """At every place of a response, and the connection is closed."""

    def answer(_: Request, connection: Connection) -> None:
        connection.write(words)
        connection.wait(3600)

    with RawServer(answer) as server:
        with pytest.raises(httpx2.ReadTimeout):
            hasty.get(server.origin)
        assert server.requests[0].client_closed.wait(60)


def test_a_read_timeout_counts_from_the_last_byte(client):
    """A slow server that keeps speaking is not cut off."""

    def answer(_: Request, connection: Connection) -> None:
        connection.write(CHUNKED)
        for _ in range(12):
            connection.wait(0.3)
            connection.write(connection.chunk(b"a"))
        connection.write(connection.chunk(b""))

    with RawServer(answer) as server:
        assert client.get(server.origin, timeout=3).content == b"a" * 12


def test_a_server_that_does_not_read_is_a_write_timeout(hasty):
    """Once the buffers between are full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        with pytest.raises(httpx2.WriteTimeout):
            hasty.post(f"http://127.0.0.1:{listener.getsockname()[1]}", content=bytes(32 << 20))


def test_a_server_that_answers_before_it_has_read_is_heard(client):
    """Too large, it says, and hangs up: the answer counts, not the broken pipe."""
    refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.recv(1000)
                sock.sendall(refusal)
                sock.shutdown(socket.SHUT_RD)
                time.sleep(0.2)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            response = client.post(f"http://127.0.0.1:{listener.getsockname()[1]}", content=bytes(100_000), timeout=60)
            assert (response.status_code, response.text) == (413, "big")
        finally:
            thread.join()


def test_nobody_listening_is_a_connect_error(client):
    """At once."""
    with pytest.raises(httpx2.ConnectError):
        client.get(f"http://127.0.0.1:{free_port()}")


def test_nobody_accepting_is_a_connect_timeout(hasty):
    """A listener whose backlog is full lets nobody in."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        stack.enter_context(socket.create_connection(listener.getsockname()))
        with pytest.raises(httpx2.ConnectTimeout):
            hasty.get(f"http://127.0.0.1:{listener.getsockname()[1]}")


def test_ipv6_is_served(client):
    """Brackets and all."""
    with socket.socket(socket.AF_INET6) as listener:
        try:
            listener.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 here")
        listener.listen()

        def serve() -> None:
            with listener.accept()[0] as sock:
                sock.recv(1000)
                sock.sendall(ABC)

        thread = threading.Thread(target=serve)
        thread.start()
        assert client.get(f"http://[::1]:{listener.getsockname()[1]}").content == b"abc"
        thread.join()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make a self-signed certificate for 127.0.0.1: (certificate, key)."""
    folder = tmp_path_factory.mktemp("tls")
    files = (folder / "cert.pem", folder / "key.pem")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", *subject]
    subprocess.run([*command, "-out", str(files[0]), "-keyout", str(files[1])], check=True, capture_output=True)
    return files


@contextmanager
def tls_server(certificate: tuple[Path, Path], *replies: bytes, pause_s: float = 0.0) -> Iterator[tuple[str, list[int]]]:
    """Serve TLS, each request of a connection with all replies, a pause between; yield the origin and the requests seen."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    seen: list[int] = []

    def serve(sock: socket.socket) -> None:
        try:
            with context.wrap_socket(sock, server_side=True) as tls:
                while tls.recv(65_536):
                    seen.append(tls.getpeername()[1])
                    for reply in replies:
                        tls.sendall(reply)
                        time.sleep(pause_s)
        except OSError:
            return

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(sock,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", seen
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def trusting(certificate: tuple[Path, Path], read_s: float = 30.0) -> httpx2.Client:
    """Connect with trust in this certificate only."""
    transport = Transport(ssl.create_default_context(cafile=str(certificate[0])))
    return httpx2.Client(transport=transport, timeout=httpx2.Timeout(read_s, connect=60))


def test_tls_is_served_and_kept(certificate):
    """Three streams over one connection, in records of all sizes."""
    chunks = [b"%x\r\n%s\r\n" % (size, b"x" * size) for size in (1, 100, 20_000, 70_000)]
    with tls_server(certificate, CHUNKED, *chunks, b"0\r\n\r\n") as (origin, seen), trusting(certificate) as client:
        for _ in range(3):
            with client.stream("GET", origin) as response:
                assert sum(map(len, payload(response).pieces)) == 90_101
        assert len(seen) == 3
        assert len(set(seen)) == 1


def test_tls_of_strangers_is_refused(certificate, client):
    """A certificate that nobody vouches for is no connection."""
    with tls_server(certificate, ABC) as (origin, _), pytest.raises(httpx2.ConnectError):
        client.get(origin)


def test_tls_keeps_time(certificate):
    """Slow records are waited for, silence is not."""
    slow = [CHUNKED, *[b"1\r\na\r\n"] * 5]
    with tls_server(certificate, *slow, b"0\r\n\r\n", pause_s=0.5) as (origin, _), trusting(certificate, read_s=2.5) as client:
        assert client.get(origin).content == b"a" * 5
    with (
        tls_server(certificate, *slow) as (origin, _),
        trusting(certificate, read_s=0.4) as client,
        pytest.raises(httpx2.ReadTimeout),
    ):
        client.get(origin)


@pytest.mark.parametrize(
    ("environment", "direct"),
    [
        ({}, True),
        ({"HTTP_PROXY": "http://127.0.0.1:9"}, False),
        ({"all_proxy": "http://127.0.0.1:9"}, False),
        ({"HTTPS_PROXY": "http://127.0.0.1:9"}, True),
        ({"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "other.test,model.test"}, True),
        ({"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "other.test"}, False),
    ],
)
def test_a_proxy_is_left_to_httpx2(monkeypatch, environment, direct):
    """Only what the environment lets go directly goes this way."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert http_transport.serves(httpx2.URL("http://model.test/v1")) is direct


def test_a_model_behind_a_proxy_is_asked_through_it(monkeypatch):
    """The SDK's own client is used where ours cannot."""
    with OpenAIServer(Script(answer="a b c")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.origin)
        monkeypatch.setenv("NO_PROXY", "")
        model = OpenAIModel(base_url="http://model.test/v1", api_key="k", model="m")
        assert "".join(delta.text for delta in model.stream(Prompt(messages=[], max_tokens=9))) == "a b c"
        assert proxy.chats[0].target == "http://model.test/v1/chat/completions"
        model._client.close()


def run_patched(program: str) -> str:
    """Run a program in a gevent-patched process of its own; return what it printed."""
    patched = "from gevent import monkey; monkey.patch_all()\n" + textwrap.dedent(program)
    done = subprocess.run([sys.executable, "-c", patched], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.soak
def test_all_of_this_holds_in_a_patched_process():
    """The same tests once more, with greenlets for threads."""
    run_patched(
        f"""
        import sys, pytest
        sys.exit(pytest.main([{__file__!r}, "-q", "-k", "not patched_process", "-p", "no:cacheprovider"]))
        """
    )


def test_a_kill_in_a_patched_process_closes_the_connection():
    """Killed before the head, before a body and within it: the server sees it at once, and nothing is kept or watched."""
    run_patched(
        """
        import gevent, httpx2, socket, time
        from gevent.event import Event
        from jacie_flask import concurrency
        from jacie_flask.models.http_transport import Transport, payload

        listener = socket.create_server(("127.0.0.1", 0))
        head = b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n"
        transport = Transport()
        client = httpx2.Client(transport=transport, timeout=3600)

        def ask():
            with client.stream("GET", "http://127.0.0.1:%d" % listener.getsockname()[1]) as response:
                list(payload(response).pieces)

        for words in (b"", head, head + b"1\\r\\na\\r\\n", head + b"5\\r\\na"):
            task = gevent.spawn(ask)
            sock, _ = listener.accept()
            sock.settimeout(60)
            sock.recv(65536)
            sock.sendall(words)
            gevent.sleep(0.05)
            task.kill()
            assert sock.recv(1) == b""
            assert not concurrency.ticker
            sock.close()
        """
    )


def test_a_busy_reader_in_a_patched_process_does_not_spin_the_loop():
    """Data that arrives while the reader is elsewhere waits quietly and is all there afterwards."""
    printed = run_patched(
        """
        import gevent, socket, time
        from jacie_flask.concurrency import receiver
        ours, theirs = socket.socketpair()
        reader = receiver(ours, 60)
        theirs.sendall(b"a")
        assert reader.recv(10) == b"a"
        theirs.sendall(b"b")
        rounds = []
        check = gevent.get_hub().loop.check()
        check.start(lambda: rounds.append(1))
        gevent.sleep(0.5)
        check.stop()
        print(len(rounds))
        assert reader.recv(10) == b"b"
        reader.close()
        reader.close()
        ours.settimeout(60)
        theirs.sendall(b"c")
        assert ours.recv(10) == b"c"
        """
    )
    assert int(printed) < 100, "rounds of the loop; it would make thousands"
