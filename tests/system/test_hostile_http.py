"""Requests that mean harm, as bytes on real gunicorn: each is answered or hung up on in time, and nobody else feels it."""

import contextlib
import gzip
import itertools
import json
import socket
import struct
import sys
import threading

import pytest

from tests.support.exposition import scrape
from tests.support.jacie import ask, gunicorn, ingested_samples, serve
from tests.support.raw_http import ASK, chunked, connect, get, post, received, sent

BODY = json.dumps(ASK).encode()
CHUNK = b"%x\r\n%s\r\n" % (len(BODY), BODY)
TIMEOUT_S = 1.0


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Jacie that gives a body one second, a head two."""
    data = ingested_samples(tmp_path_factory.getbasetemp())
    settings = {"JACIE_MODEL": "scripted", "JACIE_BODY_TIMEOUT_S": str(TIMEOUT_S), "JACIE_MAX_BODY_BYTES": "20000"}
    with gunicorn(data, "--keep-alive", "2", **settings) as running:
        yield running
        assert "Traceback" not in running.log.read_text()
        assert running.log.read_text().count("Booting worker") == 1


def problem(answer):
    """Return the problem document of a refusal."""
    assert answer.headers["content-type"] == "application/problem+json", answer
    assert answer.json["status"] == answer.status
    return answer.json


# ---------------------------------------------------------------------------------------------------- what a body holds

TEXTS = {
    "invalid UTF-8": b'{"query": "\xff\xfe"}',
    "an overlong NUL": b'{"query": "\xc0\x80"}',
    "a lone surrogate": b'{"query": "\\ud800"}',
    "a surrogate as bytes": b'{"query": "\xed\xa0\x80"}',
    "a raw NUL": b'{"query": "a\x00b"}',
    "NaN": b'{"query": "q", "x": NaN}',
    "Infinity": b'{"query": "q", "x": -Infinity}',
    "a name twice": b'{"query": "q", "query": "r"}',
    "50,000 brackets": b"[" * 15_000,
    "50,000 nested": b'{"query": "q", "x": ' + b"[" * 9_000 + b"]" * 9_000 + b"}",
    "a byte order mark": b'\xef\xbb\xbf{"query": "q"}',
    "UTF-16": '{"query": "q"}'.encode("utf-16"),
    "a number of 5,000 digits": b'{"query": "q", "top_k": ' + b"9" * 5000 + b"}",
    "nothing": b"",
}


@pytest.mark.parametrize("path", ["/chat", "/fast_chat/stream", "/search"])
@pytest.mark.parametrize("text", TEXTS)
def test_a_body_that_is_no_good_json_is_refused(served, path, text):
    """Whatever parser a body aims at, it is a 400 that says so."""
    told = problem(sent(served.url, post(TEXTS[text], path=path)))
    assert (told["status"], told["code"]) == (400, "invalid_request")
    assert told["errors"][0]["message"]


def test_escaped_control_characters_go_through(served):
    """NUL, line ends and direction marks inside a question reach the stream as JSON, and never a raw line of it."""
    body = json.dumps({**ASK, "query": "a\x00b\r\nevent: result\u2028\u202e\x1b[2J?"}).encode()
    frames = sent(served.url, post(body, path="/chat/stream")).frames
    assert [frame.name for frame in frames if frame.name in ("result", "error")] == ["result"]
    assert frames[-1].name == "result"


# ------------------------------------------------------------------------------------------------------------- framing

FRAMING = {
    "a length and chunks": post(CHUNK + b"0\r\n\r\n", "Transfer-Encoding: chunked"),
    "two lengths": post(None, f"Content-Length: {len(BODY) + 1}"),
    "two equal lengths": post(None, f"Content-Length: {len(BODY)}"),
    "a list of lengths": post(b"", length=0).replace(b"Content-Length: 0", b"Content-Length: 5, 5") + b"hello",
    "a negative length": post(BODY, length=-5),
    "a length with a sign": post(BODY).replace(b"Content-Length: ", b"Content-Length: +"),
    "a length in other digits": post(BODY).replace(b"Content-Length: ", b"Content-Length: \xb2"),
    "a bad chunk size": chunked(b"zz\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a negative chunk size": chunked(b"-5\r\nhello\r\n0\r\n\r\n"),
    "a chunk size with 0x": chunked(b"0x%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)),
    "a huge chunk size": chunked(b"F" * 30 + b"\r\nx\r\n0\r\n\r\n"),
    "a chunk that is longer than it says": chunked(b"5\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunked twice": chunked(CHUNK + b"0\r\n\r\n", "Transfer-Encoding: chunked"),
    "chunked hidden": chunked(CHUNK + b"0\r\n\r\n").replace(b"g: chunked", b"g: xchunked"),
    "chunked with a tab before its colon": chunked(CHUNK + b"0\r\n\r\n").replace(b"Encoding:", b"Encoding\t:"),
    "gzip as a transfer coding": chunked(CHUNK + b"0\r\n\r\n").replace(b"g: chunked", b"g: gzip"),
    "an unknown transfer coding": chunked(CHUNK + b"0\r\n\r\n").replace(b"g: chunked", b"g: br"),
    "chunks in HTTP/1.0": chunked(CHUNK + b"0\r\n\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"),
    "a folded header": post(None, "X-Folded: a\r\n b"),
    "a header without a name": post(None, ": empty"),
    "a header without a colon": post(None, "nonsense"),
    "a NUL in a header": post(None, "X-Nul: a\x00b"),
    "a lone CR in a header": post(None, "X-Cr: a\rb: c"),
    "a header of 9,000 bytes": post(None, "X-Long: " + "x" * 9000),
    "200 headers": post(None, *(f"X-{n}: y" for n in range(200))),
    "two hosts": post(None, "Host: y"),
    "two content types": post(None, "Content-Type: text/plain"),
    "a trailer that is no header": chunked(CHUNK + b"0\r\nbad trailer\r\n\r\n"),
    "an endless chunk extension": chunked(b"5;" + b"x" * 20_000 + b"\r\n"),
    "an address of 9,000 bytes": get("/" + "a" * 9000),
    "an address with spaces": get("/chat /x"),
    "a raw byte in the address": get("/\xff"),
    "HTTP/2 without asking": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9.9": get("/health").replace(b"HTTP/1.1", b"HTTP/9.9"),
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n",
    "an expectation": post(None, "Expect: the-unexpected"),
}


@pytest.mark.parametrize("trick", FRAMING)
def test_a_trick_of_framing_is_refused(served, trick):
    """Whatever two parsers could read differently is read by none: a 4xx with a problem document, and the connection ends."""
    answer = sent(served.url, FRAMING[trick], finish=True)
    assert 400 <= answer.status < 500, answer
    told = problem(answer)
    assert (told["code"], told["retryable"]) == ("invalid_request", False)
    assert told["detail"]
    assert answer.headers["x-request-id"] == told["request_id"]
    assert answer.headers["connection"] == "close"


UNREAD = {
    "an address of 9,000 bytes": (414, "The request line is too long."),
    "a header of 9,000 bytes": (431, "There are too many headers, or too long ones."),
    "200 headers": (431, "There are too many headers, or too long ones."),
    "an expectation": (417, "What the Expect header asks for is not done here."),
    "HTTP/9.9": (400, "This version of HTTP is not spoken here."),
    "a list of lengths": (400, "A header is not valid."),
    "an unknown transfer coding": (400, "The framing of the body is not valid."),
    "no HTTP": (400, "The request line is not valid."),
}


def test_a_key_in_what_cannot_be_read_stays_out_of_the_log(served):
    """Neither a header nor an address that is refused is written down or sent back; what was wrong with it is."""
    secret = "jcy_hunter2hunter2"
    answers = [sent(served.url, post(None, f"Authorization: Bearer {secret}\x00")), sent(served.url, get(f"/{secret} /x"))]
    assert [answer.status for answer in answers] == [400, 400]
    assert secret.encode() not in b"".join(answer.body for answer in answers)
    text = served.log.read_text()
    assert secret not in text
    assert "sent: InvalidHeader" in text


def test_what_cannot_be_read_is_refused_like_everything_else(served):
    """The status and a fixed sentence say why; it is counted, and the log has its id and its reason."""
    counts = (
        ("jacie_http_requests_total", {"route": "unmatched"}),
        ("jacie_errors_total", {"where": "request", "code": "invalid_request"}),
    )
    before = scrape(served.url)
    for trick, (status, detail) in UNREAD.items():
        told = problem(sent(served.url, FRAMING[trick], finish=True))
        assert (told["status"], told["detail"]) == (status, detail), trick
        assert told["request_id"] in served.log.read_text()
    after = scrape(served.url)
    assert [after.of(name, **labels) - before.of(name, **labels) for name, labels in counts] == [len(UNREAD)] * 2


SOUND = {
    "chunks": chunked(CHUNK + b"0\r\n\r\n"),
    "a byte a chunk": chunked(b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"),
    "chunk extensions": chunked(b'%x;a=b;c="d"\r\n%s\r\n0;e\r\n\r\n' % (len(BODY), BODY)),
    "trailers": chunked(CHUNK + b"0\r\nX-Sum: 1\r\n\r\n"),
    "100-continue": post(None, "Expect: 100-continue"),
}


@pytest.mark.parametrize("framing", SOUND)
def test_unusual_but_sound_framing_is_answered(served, framing):
    """What the standard allows works."""
    answer = sent(served.url, SOUND[framing])
    assert answer.status == 200
    assert answer.json["response"]


def test_a_body_is_counted_after_its_framing(served):
    """A chunked body of more than the limit is 413 whatever its chunks look like, and exactly the limit is taken."""
    room = 20_000 - len(BODY)
    for spare, status in ((room, 200), (room + 1, 413)):
        padded = BODY + b" " * spare
        pieces = [padded[at : at + 7000] for at in range(0, len(padded), 7000)]
        answer = sent(served.url, chunked(b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"))
        assert answer.status == status
    assert problem(sent(served.url, post(b"{}", length=20_001)))["code"] == "payload_too_large"


def test_a_compressed_body_is_not_unpacked(served):
    """A bomb of gzip is refused as 415 by its header."""
    bomb = gzip.compress(b" " * 10_000_000)
    told = problem(sent(served.url, post(bomb[:15_000], "Content-Encoding: gzip")))
    assert (told["status"], told["errors"][0]["field"]) == (415, "Content-Encoding")


TYPES = [
    "text/plain",
    "application/json; charset=utf-16",
    "multipart/form-data; boundary=x",
    ";;",
]


@pytest.mark.parametrize("kind", TYPES)
def test_a_body_of_another_type_is_415(served, kind):
    """Only JSON in UTF-8 is taken."""
    assert sent(served.url, post(None).replace(b"application/json", kind.encode("latin-1"))).status == 415


# ---------------------------------------------------------------------------------------------------------------- time


def test_a_slow_body_is_ended_in_time(served):
    """A byte now and then does not keep a request open: 408 after the bound, and the connection ends."""
    with connect(served.url) as sock:
        sock.sendall(post(b"", length=1000))
        answer = _trickled(sock)
    assert (answer.status, problem(answer)["retryable"]) == (408, True)
    assert answer.headers["connection"] == "close"


def test_slow_chunks_are_ended_in_time(served):
    """The same for a body without a length."""
    with connect(served.url) as sock:
        sock.sendall(chunked(b"1000\r\n"))
        assert _trickled(sock).status == 408


def test_a_slow_head_is_ended_in_time(served):
    """A head that takes longer than an idle connection may is hung up on."""
    with connect(served.url) as sock:
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert _trickled(sock).status == 0


def _trickled(sock):
    """Send a space every tenth of a second until something comes back or the connection ends; fail where neither happens."""
    sock.settimeout(0.1)
    for _ in range(600):  # a minute: only a broken server needs it
        with contextlib.suppress(TimeoutError):
            if sock.recv(1, socket.MSG_PEEK) == b"":
                break
            sock.settimeout(60)
            return received(sock)
        try:
            sock.sendall(b" ")
        except OSError:
            break
    else:
        raise AssertionError("the trickle was listened to for a minute")
    return received(sock)


@pytest.mark.parametrize("request_", [post(BODY[:20], length=len(BODY)), chunked(CHUNK[:30]), chunked(CHUNK)])
def test_a_body_that_is_cut_is_no_whole_one(served, request_):
    """A sender that stops in the middle is told so, and its half question is not asked."""
    assert problem(sent(served.url, request_, finish=True))["code"] == "invalid_request"


def test_bytes_one_by_one_are_put_together(served):
    """A sender that sends byte by byte, in time, is answered like any other."""
    assert sent(served.url, post(b'{"query": "q", "auto_load_documents": false}'), pause_s=0.001).status == 200


def test_vanished_peers_leave_nothing(served):
    """Connections that are reset at every point of a request do no harm to those that stay."""
    whole = post(None, path="/chat/stream")
    for at in range(0, len(whole), 9):
        sock = connect(served.url)
        sock.sendall(whole[:at])
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    assert ask(served.url, "/chat/stream", ASK).terminal.name == "result"


# ----------------------------------------------------------------------------------------------------- heads and targets

TARGETS = [
    "/%00", "/documents/%00", "/documents/..%2f..%2fetc%2fpasswd", "/documents/%2e%2e/%2e%2e/etc/passwd", "/documents/%c0%ae",
    "/documents/%ff%fe", "/runs/%00/events", "/runs/%0d%0aSet-Cookie:x", "/runs/" + "a" * 3000, "/runs/%F0%9F%98%80",
    "/documents?limit=-1", "/documents?limit=" + "9" * 3000, "/documents?limit=%D9%A3", "/documents?cursor=%00&cursor=%ff",
    "/documents?" + "&".join(f"a{n}=b" for n in range(800)), "/documents/x/pages/" + "9" * 3500, "/documents/x/pages/-1",
    "/documents/x/pages/1.png?scale=nan", "/documents/x/pages/1.png?scale=1e9&highlight=%ff%00", "/static/..%2f..%2fwsgi.py",
    "/static/%00", "//evil.example/", "/\\evil.example", "http://evil.example/health", "/chat/stream/", "/?%", "/%", "/%zz", "*",
    "/runs/x?after=1.", "/runs/x/events?after=9999999999999999999999.1",
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target[:40])
def test_absurd_addresses_are_answered(served, target):
    """No address is an error of ours, and none leads out of the catalog."""
    for method in ("GET", "POST", "HEAD"):
        answer = sent(served.url, get(target, method=method))
        assert 200 <= answer.status < 500, answer
        assert b"root:" not in answer.body
        assert "set-cookie" not in answer.headers


def test_wrong_methods_are_405_with_what_is_allowed(served):
    """A problem document says which methods there are."""
    for method in ("GET", "PUT", "DELETE", "PATCH", "TRACE", "BREW", "M-SEARCH"):
        answer = sent(served.url, get("/chat", method=method))
        assert (answer.status, set(answer.headers["allow"].split(", "))) == (405, {"POST", "OPTIONS"})
        assert method == "HEAD" or problem(answer)["code"] == "invalid_request"


GARBAGE = [
    "Last-Event-ID: " + "9" * 400, "Last-Event-ID: -1.5", "Last-Event-ID: 1.1; drop", "Last-Event-ID: \xb2.\xb9", "Last-Event-ID: 1.1.1",
]  # fmt: skip


@pytest.mark.parametrize("line", GARBAGE)
def test_a_garbled_last_event_id_is_refused(served, line):
    """A position that this server never gave is a 400 before any stream opens."""
    run_id = ask(served.url, "/chat/stream", ASK).headers["X-Run-Id"]
    assert sent(served.url, get(f"/runs/{run_id}/events", line)).status == 400


def test_a_position_ahead_of_the_run_ends_with_state_lost(served):
    """A position that could be, but is not, opens a stream that says so."""
    run_id = ask(served.url, "/chat/stream", ASK).headers["X-Run-Id"]
    (frame,) = sent(served.url, get(f"/runs/{run_id}/events", "Last-Event-ID: 1.99999999")).frames
    assert (frame.name, frame.data["code"]) == ("error", "state_lost")


HEADERS = [
    "Prefer: \xff\xfe;;;=,respond-asyn", "Prefer: wait=99999999999999999999", "Accept: text/html;q=\xff", "Accept: */*;q=9" + "9" * 999,
    "X-Request-ID: ../../etc", "X-Request-ID: " + "a" * 5000, "X-Forwarded-For: 1.2.3.4, \xff", "Cookie: \xff=\xff",
    "Authorization: Bearer \xff", "If-None-Match: \xff", "Range: bytes=99-1", "Accept-Encoding: br;q=nan", "Upgrade: h2c",
    "Idempotency-Key: \xe9\xff", "Host:", "Origin: null", "Content-Disposition: \xff", "Origin: http://[", "Origin: //[::",
]  # fmt: skip


@pytest.mark.parametrize("line", HEADERS, ids=lambda line: line[:30])
def test_garbage_in_other_headers_does_no_harm(served, line):
    """A header that cannot be understood is as good as none, and its bytes do not come back."""
    answer = sent(served.url, post(None, line, path="/fast_chat/stream"))
    assert answer.status in (200, 400, 403), answer
    if answer.status == 200:
        assert [frame.name for frame in answer.frames][-1] == "result"
    assert "\xff" not in "".join(answer.headers.values())


ZONES = (
    "+9999",
    "-9999",
    "+99999999",
    "+" + "9" * 13,
    "-" + "9" * 13,
    "+" + "9" * 300,
    "+2400",
    "XYZ",
    "--9",
    "+\u0663".encode().decode("latin-1"),
)
DATES = [*(f"Mon, 01 Jan 2024 00:00:00 {zone}" for zone in ZONES), "9" * 400, "Mon, 01 Jan 99999 00:00:00 GMT", "Mon, 31 Dec 9999 23:59:59 -2359",
         "Mon, 01 Jan 0001 00:00:00 +2359"]  # fmt: skip


@pytest.mark.parametrize("name", ["If-Modified-Since", "If-Unmodified-Since", "If-Range", "Date"])
def test_an_absurd_date_is_no_date(served, name):
    """A file, a picture's page and a script are sent whole, as if the header were not there."""
    document = served.get("/documents")["documents"][0]["document_id"]
    for date in DATES:
        for path in (f"/documents/{document}", f"/documents/{document}/pages/1", "/static/css/chat.css"):
            answer = sent(served.url, get(path, f"{name}: {date}", "Range: bytes=0-3"))
            assert answer.status in (200, 206, 304, 412), (path, date, answer.status)
            assert answer.status == 200 or name != "If-Range" or date in DATES[-3:], (path, date, answer.status)


def test_without_a_host_nothing_is_answered(served):
    """HTTP/1.0 knows no Host, and a name that is missing is no name of this machine."""
    for head in (b"GET /documents HTTP/1.0\r\n\r\n", b"GET /documents HTTP/1.0\r\nHost: localhost\r\n\r\n",
                 b"GET /documents HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n",
                 b"GET /documents HTTP/1.1\r\nConnection: close\r\n\r\n"):  # fmt: skip
        assert sent(served.url, head).status in (400, 403), head


def test_nobody_is_believed_whom_the_settings_do_not_name(served):
    """Without proxies in the settings a peer on this machine cannot claim another scheme, address or path of the application."""
    claims = [
        "X-Forwarded-Proto: https",
        "X-Forwarded-For: 203.0.113.9",
        "SCRIPT_NAME: /health",
        "Forwarded: for=203.0.113.9;proto=https",
    ]
    answer = sent(served.url, get("/health/request", *claims))
    told = answer.json
    assert (told["scheme"], told["client"], told["forwarder_trusted"]) == ("http", "127.0.0.1", False)


def test_an_endless_idempotency_key_is_refused(served):
    """The bound that the guide names is kept."""
    assert sent(served.url, post(None, "Idempotency-Key: " + "k" * 256)).status == 200
    told = problem(sent(served.url, post(None, "Idempotency-Key: " + "k" * 257)))
    assert told["errors"][0]["field"] == "Idempotency-Key"


def test_requests_behind_a_refused_one_are_not_smuggled(served):
    """What follows a request whose end is in doubt is never read as another one."""
    hidden = get("/documents")
    with connect(served.url) as sock:
        sock.sendall(post(BODY + hidden, "Transfer-Encoding: chunked").replace(b"Connection: close\r\n", b""))
        sock.shutdown(socket.SHUT_WR)
        seen = b""
        with contextlib.suppress(ConnectionResetError):
            while data := sock.recv(1 << 16):
                seen += data
    assert seen.count(b"HTTP/1.1 ") == 1
    assert seen.startswith(b"HTTP/1.1 400 ")


# -------------------------------------------------------------------------------------------------------------- others


def test_other_streams_go_on_meanwhile(served):
    """While hundreds of hostile requests come, a live stream keeps its beat."""
    stop = threading.Event()
    tricks = [*FRAMING.values(), *(post(text) for text in TEXTS.values())]
    counted = []

    def harass():
        while not stop.is_set():
            for trick in tricks:
                counted.append(sent(served.url, trick, finish=True).status)

    threads = [threading.Thread(target=harass) for _ in range(4)]
    for thread in threads:
        thread.start()
    frames = ask(served.url, "/health/stream", None).frames
    stop.set()
    for thread in threads:
        thread.join()
    beats = [frame.at for frame in frames if frame.name == "probe"]
    assert len(beats) == 5
    assert max(after - before for before, after in itertools.pairwise(beats)) < 0.9
    assert len(counted) > 100
    assert max(counted) < 500


THREADS = {
    "waitress": [sys.executable, "-m", "waitress", "--listen=127.0.0.1:{port}", "--threads=4", "wsgi:app"],
    "gthread": [sys.executable, "-m", "gunicorn", "-c", "/dev/null", "-k", "gthread", "--threads", "4", "-b", "127.0.0.1:{port}",
                "--no-control-socket", "wsgi:app"],
}  # fmt: skip


@pytest.mark.soak
@pytest.mark.parametrize("server", THREADS)
def test_threads_stand_it_too(server, tmp_path_factory):
    """On servers with threads more slow senders than threads do not keep others out, and tricks are refused there as well."""
    data = ingested_samples(tmp_path_factory.getbasetemp())
    with serve(THREADS[server], data, JACIE_MODEL="scripted", JACIE_BODY_TIMEOUT_S="0.5", JACIE_INGEST="off") as running:
        slow = [connect(running.url) for _ in range(8)]
        for sock in slow:
            sock.sendall(post(b"{", length=1000))
        assert ask(running.url, "/chat/stream", ASK, timeout=60).terminal.name == "result"
        for sock in slow:
            sock.close()
        assert [sent(running.url, post(text)).status for text in TEXTS.values()] == [400] * len(TEXTS)
        for trick in ("two lengths", "a bad chunk size", "a NUL in a header"):
            assert sent(running.url, FRAMING[trick], finish=True).status in (0, 400, 413, 501), trick
        for target in ("/documents/x/pages/" + "9" * 5000, "/documents?limit=" + "9" * 5000, "/documents/%ff"):
            assert 400 <= sent(running.url, get(target)).status < 500, target
        assert ask(running.url, "/chat/stream", ASK).terminal.name == "result"
