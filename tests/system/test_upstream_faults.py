"""Every upstream in every kind of trouble, through the whole product: what the user sees, how soon, and how often it was asked."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import pytest

from tests.support.jacie import Received, ask
from tests.support.openai_server import Script
from tests.support.pinecone_server import Fault
from tests.support.redis_server import MISSING, REDIS, RedisServer
from tests.support.reliability import record
from tests.support.s3_faults import S3Fault
from tests.support.site import BUCKET, MODEL_TIMEOUT_S, QUESTION, TIMEOUT_S, YEARS, Site, collection, name_of, site
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(240)]

READ_INSTEAD = "The search index was not available; the documents were read instead."
WORDS_ALONE = "Semantic search was not available; the pages were found by their words alone."
NOT_RESUMABLE = "this answer can be read again from one server only."
ONE = "2023"
ANSWER = "Revenue was 2024 million dollars in 2024 [1]."
MODES = {"S3": "chat", "Pinecone": "fast_chat", "embeddings": "fast_chat", "model": "chat", "Redis": "fast_chat"}
UNANSWERED = "Which colour of revenue did Zanobela's painter prefer?"
"""Pages match it, and no answer without a model does: where the model fails, nothing takes its place."""
RETRIES = 6
OPEN_S = 6
LEFT = 4
"""Retries that documents, index and embeddings of a question have together: the last two of six are the model's."""


@dataclass(frozen=True)
class Cell:
    """A fault of an upstream: what makes it, the code or a part of ``degraded`` that the user gets, within seconds, for requests.

    ``requests`` is (fewest, most) that the upstream may have got, None where it cannot count them.
    """

    upstream: str
    fault: str
    make: Callable[[Site], object]
    code: str = ""
    degraded: str = ""
    requests: tuple[int, int] | None = (1, 1)


@dataclass
class Outcome:
    """What came of a cell."""

    received: Received
    seconds: float
    requests: int


def s3(fault: str, *, code: str = "", degraded: str = "", requests: tuple[int, int] | None, **kinds: object):
    """Return a cell of S3; by default one of the four documents is concerned."""
    made = S3Fault(**{"on": ONE, **kinds})
    return Cell("S3", fault, lambda here: setattr(here.store, "fault", made), code, degraded, requests)


def pinecone(fault: str, made: object, degraded: str = READ_INSTEAD, **expected: object):
    """Return a cell of Pinecone."""
    return Cell("Pinecone", fault, lambda here: setattr(here.index, "fault", made), degraded=degraded, **expected)


def embeddings(fault: str, made: object, degraded: str = WORDS_ALONE, **expected: object):
    """Return a cell of the embeddings."""
    return Cell("embeddings", fault, lambda here: setattr(here, "embeddings", made), degraded=degraded, **expected)


def model(fault: str, made: object, code: str = "", **expected: object):
    """Return a cell of the model."""
    return Cell("model", fault, lambda here: setattr(here, "chat", made), code, **expected)


def removed(here: Site) -> None:
    """Delete one document from the bucket."""
    del here.store.objects[f"{BUCKET}/{name_of(2023)}"]


def corrupt(here: Site) -> None:
    """Overwrite one document with what no reader understands."""
    here.store.objects[f"{BUCKET}/{name_of(2023)}"] = bytes(range(256)) * 20


def paused(here: Site, seconds: float) -> None:
    """Stop Redis for a moment, while the question is asked."""
    here.redis.freeze()
    threading.Timer(seconds, here.redis.thaw).start()


@contextmanager
def frozen(here: Site) -> Iterator[None]:
    """Stop Redis in the middle of everything."""
    here.redis.freeze()
    yield
    here.redis.thaw()


@contextmanager
def killed(here: Site) -> Iterator[None]:
    """Kill Redis, and start an empty one afterwards."""
    here.redis.kill()
    yield
    here.redis.start()


@contextmanager
def full(here: Site) -> Iterator[None]:
    """Let Redis refuse every write."""
    here.redis.client.config_set("maxmemory", "1")
    yield
    here.redis.client.config_set("maxmemory", "0")


@contextmanager
def cut(here: Site) -> Iterator[None]:
    """Cut every connection to Redis again and again: a worker that is quick to come back meets the next cut."""
    over = threading.Event()

    def cutting() -> None:
        while not over.wait(0.02):
            here.redis.client.client_kill_filter(_type="normal", skipme=True)

    here.redis.client.client_kill_filter(_type="normal", skipme=True)
    cutter = threading.Thread(target=cutting)
    cutter.start()
    try:
        yield
    finally:
        over.set()
        cutter.join()


def cut_once(here: Site) -> None:
    """Cut every connection to Redis once, while the answer comes."""
    here.chat = Script(answer=ANSWER, total_s=1.5)
    threading.Timer(0.3, here.redis.client.client_kill_filter, kwargs={"_type": "normal", "skipme": True}).start()


FOUR, LOST = len(YEARS), f"{name_of(2023)} was left out: "
MID = Script(answer=ANSWER, fault="rst", fault_after=3, token_s=0.02)
CELLS = [
    s3("slow: a document comes in pieces for 2.5 s", kind="slow", seconds=2.5, requests=(FOUR, FOUR)),
    Cell("S3", "port closed", lambda here: here.store.away(), "document_unavailable", requests=None),
    s3("hangs before one document", kind="hang", degraded=f"{LOST}its store did not answer.", requests=(FOUR, FOUR)),
    s3("hangs within one document", kind="stall", degraded=f"{LOST}its store did not answer.", requests=(FOUR, FOUR)),
    s3("cuts one document", kind="truncated", degraded=f"{LOST}its store did not answer.", requests=(FOUR + 2, FOUR + 2)),
    s3("429 once", status=429, times=1, requests=(FOUR + 1, FOUR + 1)),
    s3("429 once, Retry-After 0.3 s", status=429, retry_after="0.3", times=1, requests=(FOUR + 1, FOUR + 1)),
    s3("429 for one document", status=429, degraded=f"{LOST}its store is overloaded.", requests=(FOUR + 2, FOUR + 2)),
    s3("500 for one document", status=500, degraded=f"{LOST}its store failed.", requests=(FOUR + 2, FOUR + 2)),
    s3("500 for all documents", status=500, on="zanobela", code="document_unavailable", requests=(FOUR, FOUR + LEFT)),
    Cell("S3", "one document deleted", removed, degraded=f"{LOST}it is no longer in the store.", requests=(FOUR, FOUR)),
    Cell("S3", "one document overwritten with rubbish", corrupt, degraded=LOST, requests=(FOUR, FOUR)),
    Cell("S3", "all documents changed since they were indexed", Site.republish, requests=(FOUR, FOUR)),
    pinecone("slow: 0.3 s each request", Fault(delay_s=0.3), "", requests=(2, 8)),
    Cell("Pinecone", "port closed", lambda here: here.index.away(), degraded=READ_INSTEAD, requests=None),
    pinecone("hangs", Fault(kind="hang"), requests=(1, 4)),
    pinecone("cuts its answers", Fault(kind="cut"), requests=(1, 4 + LEFT)),
    pinecone("429 once", [Fault(status=429), Fault()], "", requests=(2, 8)),
    pinecone("429 once, Retry-After 0.3 s", [Fault(status=429, retry_after="0.3"), Fault()], "", requests=(2, 8)),
    pinecone("429", Fault(status=429), requests=(1, 4 + LEFT)),
    pinecone("500", Fault(status=500), requests=(1, 4 + LEFT)),
    embeddings("slow: 0.3 s", Script(total_s=0.3), ""),
    Cell("embeddings", "port closed", lambda here: here.model.away(), degraded=WORDS_ALONE, requests=None),
    embeddings("hang", Script(fault="hang_headers")),
    embeddings("cut", Script(fault="fin"), requests=(3, 3)),
    embeddings("not JSON", Script(fault="bad_json")),
    embeddings("429 once", [Script(status=429), Script()], "", requests=(2, 2)),
    embeddings("500", Script(status=500), requests=(3, 3)),
    embeddings("429, Retry-After 60 s", Script(status=429, retry_after="60"), requests=(1, 1)),
    model("slow: first word after 0.4 s, 1 s of words", Script(answer=ANSWER, first_token_s=0.4, total_s=1.0)),
    Cell("model", "port closed", lambda here: here.model.away(), "llm_unavailable", requests=None),
    model("hangs", Script(fault="hang_headers"), "llm_timeout"),
    model("hangs within its answer", Script(answer=ANSWER, fault="hang"), "llm_timeout"),
    model("cuts its answer", MID, "llm_incomplete"),
    model("ends without a finish reason", Script(answer=ANSWER, fault="eof"), degraded="did not confirm the end of the answer"),
    model("429 once", [Script(status=429), Script(answer=ANSWER)], requests=(2, 2)),
    model("429 once, Retry-After 0.3 s", [Script(status=429, retry_after="0.3"), Script(answer=ANSWER)], requests=(2, 2)),
    model("500 twice", [Script(status=500), Script(status=500), Script(answer=ANSWER)], requests=(3, 3)),
    model("500", Script(status=500), "llm_unavailable", requests=(3, 3)),
    model("429", Script(status=429), "llm_unavailable", requests=(3, 3)),
    Cell("Redis", "slow: away for 0.3 s", lambda here: paused(here, 0.3), requests=None),
    Cell("Redis", "port closed", lambda here: killed(here), degraded=NOT_RESUMABLE, requests=None),
    Cell("Redis", "hangs", lambda here: frozen(here), degraded=NOT_RESUMABLE, requests=None),
    Cell(
        "Redis",
        "cuts all connections",
        cut,
        degraded=NOT_RESUMABLE,
        requests=None,
    ),
    Cell("Redis", "cuts all connections once, while the answer comes for 1.5 s", cut_once, requests=None),
    Cell("Redis", "refuses to write: full", lambda here: full(here), degraded=NOT_RESUMABLE, requests=None),
    model("429, Retry-After 3600 s", Script(status=429, retry_after="3600"), "llm_unavailable"),
]


def cells_of(upstream: str) -> list[Cell]:
    """Return an upstream's cells in their order."""
    return [cell for cell in CELLS if cell.upstream == upstream]


def requests_to(here: Site, upstream: str) -> int:
    """Return how many requests an upstream has got by now."""
    if upstream == "S3":
        return len(here.store.requests)
    if upstream == "Pinecone":
        return len(here.index.requests)
    path = "/v1/embeddings" if upstream == "embeddings" else "/v1/chat/completions"
    return sum(request.path == path for request in here.model.requests)


def happened(here: Site, cell: Cell) -> Outcome:
    """Make a fault, ask, and let the upstream be well again."""
    here.republish()
    before = requests_to(here, cell.upstream)
    made = cell.make(here)
    with made if hasattr(made, "__enter__") else nullcontext():
        began = time.monotonic()
        received = here.ask(MODES[cell.upstream], UNANSWERED if cell.upstream == "model" else QUESTION)
        seconds = time.monotonic() - began
    here.heal()
    return Outcome(received, seconds, requests_to(here, cell.upstream) - before)


def run_all(made, data, upstreams: tuple[str, ...]) -> dict[str, dict[str, Outcome]]:
    """Serve one site and go through the cells of its upstreams."""
    if "Redis" in upstreams:
        with RedisServer() as redis, site(made, data, JACIE_RUNS=redis.url) as here:
            here.redis = redis
            return {"Redis": {cell.fault: after(here, happened(here, cell)) for cell in cells_of("Redis")}}
    changes = {"JACIE_MODEL": "scripted"} if "embeddings" in upstreams else {}
    with site(made, data, **changes) as here:
        return {upstream: {cell.fault: happened(here, cell) for cell in cells_of(upstream)} for upstream in upstreams}


def after(here: Site, outcome: Outcome) -> Outcome:
    """Wait until Redis is in use again."""
    wait_for(lambda: here.running.get("/ready")["parts"]["runs"]["resumable"])
    return outcome


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The sample bucket, ingested."""
    return collection(tmp_path_factory.mktemp("ingested"))


@pytest.fixture(scope="module")
def outcomes(made, tmp_path_factory):
    """What came of each cell; embeddings have a site without a model, which would be away with them."""
    sites = [("S3", "embeddings"), ("Pinecone", "model"), *([("Redis",)] if REDIS else [])]
    with ThreadPoolExecutor(len(sites)) as pool:
        runs = [pool.submit(run_all, made, tmp_path_factory.mktemp(names[0]), names) for names in sites]
        found = {upstream: cells for run in runs for upstream, cells in run.result().items()}
    rows = [row(cell, found[cell.upstream][cell.fault]) for upstream in found for cell in cells_of(upstream)]
    record("40-faults", "Faults of upstreams", _TEXT.format(timeout=TIMEOUT_S, model=MODEL_TIMEOUT_S, retries=RETRIES), rows)
    return found


_TEXT = """
Real SDKs against servers on sockets that misbehave, through the whole product. For the test each upstream may be silent for
{timeout} s, the model for {model} s (settings; by default 10 to 60 s) and a question has its usual {retries} retries in all. In every cell there was exactly one
terminal event, and the tokens that were sent, joined, were the response, or the partial response where the answer ended early.
"""


def row(cell: Cell, outcome: Outcome) -> dict[str, object]:
    """Return a cell as a row of the document."""
    return {
        "upstream": cell.upstream,
        "fault": cell.fault,
        "what the user sees": seen(outcome.received),
        "within": f"{outcome.seconds:.1f} s",
        "upstream requests": "" if cell.requests is None else outcome.requests,
    }


def seen(received: Received) -> str:
    """Say in words what a user got."""
    end = received.terminal
    if end.name == "result":
        return "the answer" + "".join(f"; “{note}”" for note in end.data["degraded"])
    kept = len(end.data["partial_response"].split())
    again = f", retry_after_s {end.data['retry_after_s']:g}" if end.data["retry_after_s"] is not None else ""
    return f"{end.data['code']}{again}; {kept} words and {len(end.data['sources'])} sources kept"


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{cell.upstream}-{cell.fault}")
def test_trouble_is_bounded_and_said(outcomes, cell: Cell):
    """One terminal event with its code or its sentence, nothing lost, and no more requests than the budget has."""
    if cell.upstream not in outcomes:
        pytest.skip(MISSING)
    outcome = outcomes[cell.upstream][cell.fault]
    end, said = outcome.received.terminal, "".join(token["text"] for token in outcome.received.named("token"))
    assert end.data.get("code", "") == cell.code, end.data
    assert said == end.data["partial_response" if cell.code else "response"]
    degraded = end.data.get("degraded", [])
    assert len(degraded) == bool(cell.degraded), degraded
    assert cell.degraded in "".join(degraded)
    if cell.requests:
        assert cell.requests[0] <= outcome.requests <= cell.requests[1]
    if not cell.code:
        assert end.data["sources"]
        assert "20" in said


@pytest.mark.parametrize("upstream", ["S3", "Pinecone", "embeddings", "model"])
def test_heartbeats_go_on_while_an_upstream_is_slow(outcomes, upstream):
    """A reader hears a heartbeat, beside the padding of the beginning, whoever is waited for."""
    slow = next(cell for cell in cells_of(upstream) if cell.fault.startswith("slow"))
    received = outcomes[upstream][slow.fault].received
    assert len(received.comments) >= 2


def test_an_answer_that_is_cut_keeps_its_words_and_is_not_begun_again(outcomes):
    """What had been said stays, with the sources, and the model was asked once."""
    end = outcomes["model"]["cuts its answer"].received.terminal.data
    assert end["partial_response"] == " ".join(ANSWER.split()[:3])
    assert end["sources"]
    assert end["retryable"]


def test_a_long_retry_after_reaches_the_user(outcomes):
    """Longer than the question has time for: told at once, with the seconds."""
    assert outcomes["model"]["429, Retry-After 3600 s"].received.terminal.data["retry_after_s"] == 3600


def test_an_open_breaker_answers_at_once_and_closes_again(patient):
    """Three failures in a row: the next question is refused without a request; after the pause one tries, and all is well."""
    here, before = patient, requests_to(patient, "model")
    here.chat = Script(status=500)
    first = here.ask(query=UNANSWERED).terminal.data
    assert (first["code"], requests_to(here, "model")) == ("llm_unavailable", before + 3)
    refused = here.ask(query=UNANSWERED).terminal.data
    assert (refused["code"], requests_to(here, "model")) == ("llm_unavailable", before + 3)
    assert 0 < refused["retry_after_s"] <= OPEN_S
    assert breaker(here, "model")["state"] == "open"
    assert breaker(here, "documents")["state"] == "closed"
    here.heal()
    wait_for(lambda: breaker(here, "model")["state"] == "half-open")
    assert here.ask().terminal.name == "result"
    assert breaker(here, "model") == {"state": "closed", "failures_in_a_row": 0, "retry_after_s": 0}


def breaker(here: Site, part: str) -> dict[str, object]:
    """Return what /ready says of a part's breaker."""
    return dict(here.running.get("/ready")["parts"][part]["breaker"])


@pytest.mark.parametrize(
    ("mode", "upstream", "make"),
    [
        ("chat", "model", lambda here: setattr(here, "chat", Script(status=429, retry_after="90"))),
        ("chat", "S3", lambda here: setattr(here.store, "fault", S3Fault(kind="stall", on="zanobela"))),
        ("fast_chat", "Pinecone", lambda here: setattr(here.index, "fault", Fault(delay_s=3600))),
        ("fast_chat", "embeddings", lambda here: setattr(here, "embeddings", Script(fault="hang_headers"))),
    ],
    ids=["waiting for a model's Retry-After", "within a document", "index", "embeddings"],
)
def test_cancel_ends_the_wait_for_an_upstream_at_once(patient, mode, upstream, make):
    """Whatever a question waits for, a cancel ends it long before its time."""
    patient.republish()
    before = requests_to(patient, upstream)
    make(patient)
    found: list[Received] = []
    body = {"query": QUESTION}
    _, accepted = patient.running.post(f"/{mode}", body, headers={"Prefer": "respond-async"})
    reader = threading.Thread(target=lambda: found.append(ask(patient.running.url, accepted["events_url"], None)))
    reader.start()
    wait_for(lambda: requests_to(patient, upstream) > before)
    patient.running.post(accepted["cancel_url"], {})
    reader.join()
    assert found[0].terminal.data["code"] == "cancelled"
    patient.heal()


@pytest.fixture(scope="module")
def patient(made, tmp_path_factory):
    """A site whose upstreams may be silent for 100 s, and whose breakers open after three failures."""
    waits = {f"JACIE_{name}_TIMEOUT_S": "100" for name in ("DOCUMENTS", "INDEX", "EMBEDDINGS", "MODEL")}
    breakers = {"JACIE_BREAKER_FAILURES": "3", "JACIE_BREAKER_OPEN_S": str(OPEN_S)}
    with site(made, tmp_path_factory.mktemp("patient"), **waits, **breakers) as here:
        yield here
