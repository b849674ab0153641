"""Thousands of requests made up by machines: none is an error of ours, every stream ends once, every answer is as described.

A few hundred in the suite, JACIE_FUZZ (20,000) in the long run, which writes its counts to docs/reliability.md.
"""

import contextlib
import itertools
import json
import os
import random
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from tests.support.jacie import ask, gunicorn, ingested_samples
from tests.support.raw_http import chunked, get, post, sent
from tests.support.reliability import record

RAW = "raw bytes"  # the only ones whose sender hangs up: to a stream that would be leaving it
ENDINGS = ("result", "error")
LONG = int(os.environ.get("JACIE_FUZZ", "20000"))
ASKING = ("/chat", "/chat/stream", "/fast_chat", "/fast_chat/stream", "/search")
THREADS = 16


class Judge:
    """Looks at answers and counts them."""

    def __init__(self, described):
        """Know what the description promises."""
        self.counts = Counter()
        self.wrong = []
        schemas = {"components": {"schemas": described["components"]["schemas"]}}
        self._check = {
            name: jsonschema_rs.validator_for({"$ref": f"#/components/schemas/{name}", **schemas})
            for name in (
                "Problem",
                "Result",
                "Accepted",
                "Found",
                "Folded",
                "Listing",
                "Readiness",
                "Failure",
                "Progress",
                "Sources",
            )
        }

    def look(self, kind, request, answer):
        """Take one answer; ``kind`` is what the request was made by."""
        self.counts[kind] += 1
        self.counts[f"status {answer.status}"] += 1
        try:
            fault = self._fault(request, answer)
        except ValueError as error:
            fault = f"not what its type says: {error}"
        if fault:
            self.wrong.append((kind, fault, request[:600], answer.body[:300]))

    def _fault(self, request, answer):
        kind = answer.headers.get("content-type", "").partition(";")[0]
        if request.startswith(b"HEAD ") and not answer.body and answer.status < 500:
            return None
        if answer.status >= 500 and not (answer.status == 503 and answer.headers.get("retry-after", "").isdigit()):
            return f"status {answer.status}"
        if kind == "text/event-stream" and answer.status == 200:
            return self._stream_fault(answer)
        if kind == "application/problem+json":
            return None if self._check["Problem"].is_valid(answer.json) else "a problem of another shape"
        if kind == "application/json" and answer.status in (200, 202):
            return self._shape_fault(request, answer)
        return None

    def _stream_fault(self, answer):
        self.counts["streams"] += 1
        frames = answer.frames
        if b"event: probe" in answer.body:
            return None
        ends = [frame.name for frame in frames if frame.name in ENDINGS]
        self.counts["terminal events"] += len(ends)
        if len(ends) != 1 or frames[-1].name not in ENDINGS:
            return f"a stream with {len(ends)} ends"
        shapes = {"result": "Result", "error": "Failure", "progress": "Progress", "sources": "Sources"}
        bad = [
            frame.name for frame in frames if frame.name in shapes and not self._check[shapes[frame.name]].is_valid(frame.data)
        ]
        return f"events of another shape: {bad}" if bad else None

    def _shape_fault(self, request, answer):
        if not request.startswith(b"POST "):
            return None
        path = request.split(b" ")[1].split(b"?")[0]
        name = (
            "Accepted" if answer.status == 202 else {b"/search": "Found", b"/chat": "Result", b"/fast_chat": "Result"}.get(path)
        )
        if name == "Accepted" and path.endswith(b"cancel"):
            return None
        return f"no {name}" if name and not self._check[name].is_valid(answer.json) else None


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Jacie with a model that answers at once, and little patience."""
    data = ingested_samples(tmp_path_factory.getbasetemp())
    known = {
        "JACIE_OPEN": "yes",
        "JACIE_MODEL": "scripted",
        "JACIE_RATE_LIMIT": "off",
        "JACIE_PAGE_RATE_LIMIT": "off",
        "JACIE_POLL_RATE_LIMIT": "off",
        "JACIE_BODY_TIMEOUT_S": "0.5",
        "JACIE_KEEP_RUNS_S": "5",
    }
    with gunicorn(data, "--keep-alive", "1", **known) as running:
        yield running


@pytest.fixture(scope="module")
def described(served):
    """The server's own description."""
    return served.get("/openapi.json")


# ------------------------------------------------------------------------------------------------------ what is made up

NASTY = st.sampled_from([
    "", " ", "\x00", "\ud800", "\udfff\ud800", "‮", "\u2028", "\r\nevent: result\r\ndata: {}\r\n\r\n", "A" * 8000, "A" * 8001, "́" * 500,
    "../../etc/passwd", "<script>", "{{7*7}}", "'; DROP TABLE", "%s%n", "revenue", "Zanobela 2024?", "🏦" * 300, "１２３", "-1", "NaN",
])  # fmt: skip
TEXT = st.text(max_size=40) | NASTY
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
QUERY = TEXT | st.just("What was the revenue of Zanobela in 2024?")
TURN = st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "system"]) | JSON, "content": TEXT | JSON})
QUESTION = st.fixed_dictionaries(
    {"query": QUERY},
    optional={
        "auto_load_documents": st.just(False) | JSON,
        "memory_enabled": st.booleans() | JSON,
        "conversation_history": st.lists(TURN, max_size=4) | JSON,
        "filters": st.dictionaries(st.sampled_from(["company", "period", "document_type"]), TEXT | st.integers(), max_size=3)
        | JSON,
        "document_ids": st.lists(TEXT, max_size=3) | JSON,
        "on_disconnect": st.sampled_from(["continue", "cancel"]) | JSON,
        "top_k": st.integers(-1, 101) | JSON,
    },
)
SOUND = st.fixed_dictionaries(
    {"query": QUERY, "auto_load_documents": st.booleans()},
    optional={"filters": st.dictionaries(st.sampled_from(["company", "period"]), TEXT, max_size=2)},
)
HEADER_TEXT = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=60)
NAMES = ["Prefer", "Accept", "Last-Event-ID", "Idempotency-Key", "X-Request-ID", "Range", "If-None-Match", "Authorization", "Cookie",
         "Accept-Encoding", "Content-Encoding", "Expect", "Origin", "Transfer-Encoding", "Content-Length", "Host", "X"]  # fmt: skip
VALUES = [
    "respond-async",
    "identity",
    "gzip",
    "chunked",
    "100-continue",
    "1.1",
    "1.99999",
    "bytes=0-1",
    "*/*",
    "0",
    "text/event-stream",
]
LINES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES) | HEADER_TEXT).map(": ".join), max_size=3)
PATHS = st.sampled_from([
    "/chat", "/chat/stream", "/fast_chat", "/search", "/documents", "/documents/{}", "/documents/{}/pages/{}", "/documents/{}/pages/1.png",
    "/runs/{}", "/runs/{}/events", "/runs/{}/cancel", "/health", "/ready", "/openapi.json", "/static/{}", "/{}", "/",
])  # fmt: skip
SEGMENT = st.text(max_size=20).map(
    lambda text: "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass"))
) | st.sampled_from(["%00", "..%2f..", "%c0%ae", "%", "%zz", "9" * 400, "-1", "a" * 900, "{run}", "{document}"])
QUERIES = st.lists(
    st.tuples(st.sampled_from(["limit", "cursor", "after", "highlight", "scale", "x"]), SEGMENT).map("=".join), max_size=3
)
METHODS = st.sampled_from(["GET", "GET", "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"])


def as_json(value):
    """Return JSON as a careless program writes it: NaN, lone surrogates and all."""
    return json.dumps(value).encode()


def questions(path, value, lines):
    """Return a question of any shape as bytes."""
    return post(as_json(value), *lines, path=path)


def addresses(path, segments, query, method, lines):
    """Return any address by any method as bytes."""
    target = re.sub(r"\{\}", lambda _: segments.pop() if segments else "x", path)
    return get(target + ("?" + "&".join(query) if query else ""), *lines, method=method)


def damaged(whole, seed):
    """Return a request with some of its bytes changed, doubled, dropped or cut off."""
    chance = random.Random(seed)
    data = bytearray(whole)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data) + 1)
        choice = chance.randrange(5)
        if choice == 0:
            data[at : at + 1] = bytes([chance.randrange(256)])
        elif choice == 1:
            del data[at : at + chance.randint(1, 12)]
        elif choice == 2:
            data[at:at] = data[at : at + chance.randint(1, 40)]
        elif choice == 3:
            data[at:at] = chance.choice([b"\r\n", b"\x00", b"\n", b"\r", b"[" * 300, b"\xff\xfe", b'"', b"9" * 30])
        elif chance.random() < 0.3:
            del data[at:]
    return bytes(data)


def in_chunks(value, sizes):
    """Return a question in chunks of these sizes."""
    data, body = as_json(value), b""
    for size in sizes:
        piece, data = data[:size], data[size:]
        body += b"%x\r\n%s\r\n" % (len(piece), piece) if piece else b""
    return chunked(body + (b"%x\r\n%s\r\n" % (len(data), data) if data else b"") + b"0\r\n\r\n", path="/chat/stream")


KINDS = {
    "questions of any shape": st.builds(questions, st.sampled_from(ASKING), QUESTION | JSON, LINES),
    "sound questions": st.builds(questions, st.sampled_from(ASKING), SOUND, st.just([])),
    "questions in chunks": st.builds(in_chunks, SOUND | QUESTION, st.lists(st.integers(1, 60), max_size=12)),
    "addresses, methods and headers": st.builds(addresses, PATHS, st.lists(SEGMENT, max_size=2), QUERIES, METHODS, LINES),
    "damaged requests": st.builds(damaged, st.builds(questions, st.sampled_from(ASKING), SOUND, LINES), st.integers(0, 2**32)),
    RAW: st.binary(min_size=1, max_size=300).map(lambda raw: raw + b"\r\n\r\n"),
}


def made(kind, count, seed):
    """Return so many requests of a kind."""
    found = []

    @given(KINDS[kind])
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    def collect(request):
        found.append(request)

    seeded(seed)(collect)()
    return found


def fuzz(served, described, wanted, seed):
    """Send requests of all kinds, several at once, while a stream goes on; return the judge and the seconds it took."""
    judge = Judge(described)
    run_id = ask(served.url, "/chat/stream", {"query": "q", "auto_load_documents": False}).headers["X-Run-Id"]
    document = served.get("/documents")["documents"][0]["document_id"]
    began, step = time.monotonic(), 0
    stop, beats = threading.Event(), []
    watch = threading.Thread(target=_watch, args=(served.url, stop, beats))
    watch.start()
    with ThreadPoolExecutor(THREADS) as pool, _ended(stop, watch):
        while judge.counts.total() == 0 or sum(judge.counts[kind] for kind in KINDS) < wanted:
            for kind in KINDS:
                batch = [
                    request.replace(b"{run}", run_id.encode()).replace(b"{document}", document.encode())
                    for request in made(kind, min(200, wanted // len(KINDS) + 1), seed + step)
                ]
                for request, answer in zip(batch, pool.map(partial(sent, served.url, finish=kind == RAW), batch), strict=True):
                    judge.look(kind, request, answer)
                step += 1
        took = time.monotonic() - began
    judge.counts["beats of other streams"] = len(beats)
    assert beats, "other streams stood still"
    return judge, took


@contextlib.contextmanager
def _ended(stop, watch):
    """Let the watch end with what it watches over."""
    try:
        yield
    finally:
        stop.set()
        watch.join()


def _watch(url, stop, beats):
    """Follow streams beside the others; note the time between their beats."""
    while not stop.is_set():
        times = [frame.at for frame in ask(url, "/health/stream", None).frames if frame.name == "probe"]
        beats.extend(itertools.pairwise(times))


def complaints(served, judge):
    """Return what was wrong, the first things of it: answers, errors in the log, a worker that was started again."""
    log = served.log.read_text()
    error = [log[max(0, log.index("Traceback") - 300) :][:3000]] if "Traceback" in log else []
    lost = ["a worker was lost"] if log.count("Booting worker") != 1 else []
    return judge.wrong[:5] + error + lost


def test_a_few_hundred(served, described):
    """Made-up requests of every kind: no error of ours, one end a stream, answers as described, no worker lost."""
    judge, _ = fuzz(served, described, 400, seed=random.randrange(2**32))
    assert complaints(served, judge) == []
    assert judge.counts["terminal events"] == judge.counts["streams"] > 10


@pytest.mark.soak
@pytest.mark.reliability
@pytest.mark.timeout(3600)
def test_many_thousands(served, described):
    """The same for as long as it takes to meet rare things; counts are recorded."""
    judge, took = fuzz(served, described, LONG, seed=random.randrange(2**32))
    statuses = sorted(name for name in judge.counts if name.startswith("status"))
    rows = [{"what": kind, "requests": judge.counts[kind]} for kind in KINDS]
    sent_all = sum(judge.counts[kind] for kind in KINDS)
    told = ", ".join(f"{judge.counts[name]:,} × {name.removeprefix('status ')}" for name in statuses)
    record(
        "20-fuzz",
        "Hostile requests",
        f"{sent_all:,} made-up requests over {THREADS} connections at once in {took:.0f} s, on one worker, with a stream beside them all the "
        f"time. Answers by status: {told} (0: hung up on). {judge.counts['streams']:,} streams had {judge.counts['terminal events']:,} terminal events; "
        f"answers that were wrong: {len(judge.wrong)} (a 5xx other than a 503 with Retry-After, a stream without one end, or of another shape "
        "than the description says); no worker was lost.",
        rows,
    )
    assert complaints(served, judge) == []
