"""Every address with every kind of principal: what is another tenant's is the same 404 as what never was, in words and in time."""

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from bench.ranks import chance_of_longer
from jacie_flask.runs.ids import own
from tests.support.redis_server import MISSING, REDIS, RedisServer
from tests.support.reliability import record
from tests.support.tenants import FACTS, Tenants, served

QUESTION = {"query": "What was the revenue?"}
UNKNOWN = {"document_id": "0" * 24, "run_id": "AAAAAAAAAAAAAAAAAAAAAA"}
PAIRS = [(one, other) for one in FACTS for other in FACTS if one != other]
SAMPLES = 400
SAME = 1.05  # times as long counts as the same
ERROR_RATE = 1e-4  # of a wrong alarm, for each route and direction


@dataclass(frozen=True)
class Address:
    """A route: its path, what it asks for, the scope it needs ("" for none) and its body."""

    rule: str
    method: str
    scope: str = "ask"
    body: object = None

    @property
    def object(self) -> bool:
        """Whether it names one document or run."""
        return "<" in self.rule and self.scope != ""

    def path(self, document_id: str, run_id: str) -> str:
        """Return the path for one document or run."""
        path = self.rule.replace("<document_id>", document_id).replace("<run_id>", run_id)
        return path.replace("<int:number>", "1").replace("<path:filename>", "icon.svg")


pytestmark = pytest.mark.reliability  # the matrix is counted while it is walked

ADDRESSES = [
    Address("/", "GET", ""),
    Address("/test-client", "GET", ""),
    Address("/static/<path:filename>", "GET", ""),
    Address("/health", "GET", ""),
    Address("/health/stream", "GET", ""),
    Address("/health/request", "GET", ""),
    Address("/health/request", "POST", ""),
    Address("/ready", "GET", ""),
    Address("/openapi.json", "GET", ""),
    Address("/metrics", "GET", "metrics"),
    Address("/sign-in", "POST", "", {"key": "jcy_"}),
    Address("/sign-out", "POST", ""),
    Address("/chat", "POST", body=QUESTION),
    Address("/fast_chat", "POST", body=QUESTION),
    Address("/chat/stream", "POST", body=QUESTION),
    Address("/fast_chat/stream", "POST", body=QUESTION),
    Address("/search", "POST", "search", QUESTION),
    Address("/documents", "GET"),
    Address("/documents/<document_id>", "GET"),
    Address("/documents/<document_id>/pages/<int:number>", "GET"),
    Address("/documents/<document_id>/pages/<int:number>.png", "GET"),
    Address("/runs/<run_id>", "GET"),
    Address("/runs/<run_id>/events", "GET"),
    Address("/runs/<run_id>/cancel", "POST"),
]
CLOSED = [address for address in ADDRESSES if address.scope]
OBJECTS = [address for address in ADDRESSES if address.object]
HEADS = [replace(address, method="HEAD") for address in OBJECTS if address.method == "GET"]
TALLY: dict[str, int] = {}


@pytest.fixture(scope="module", params=["memory", "redis"])
def jacie(request, tmp_path_factory):
    """Three tenants on either record of runs."""
    folder = tmp_path_factory.mktemp("tenants")
    if request.param == "memory":
        with served(folder, "memory:") as found:
            yield found
        return
    if REDIS is None:
        pytest.skip(MISSING)
    with RedisServer() as redis, served(folder, redis.url) as found:
        yield found


def sent(jacie: Tenants, token: str, address: Address, document_id: str = "", run_id: str = "", **headers: str):
    """Send a request to an address and count it."""
    TALLY[address.rule] = TALLY.get(address.rule, 0) + 1
    return jacie.ask(token, address.method, address.path(document_id, run_id), address.body, **headers)


def of(jacie: Tenants, tenant: str) -> tuple[str, str]:
    """Return a tenant's document and run."""
    return jacie.documents[tenant], jacie.runs[tenant]


def words(answer) -> tuple:
    """Return all of an answer that does not differ between two requests as such."""
    each = ("X-Request-ID", "Content-Length", "RateLimit-Remaining", "RateLimit-Reset")
    headers = sorted((name, value) for name, value in answer.headers if name not in each)
    return answer.status_code, headers, answer.get_data().replace(answer.headers["X-Request-ID"].encode(), b"")


def test_every_route_is_known_here(jacie):
    """A new route does not go in without its line in this matrix."""
    served_here = {
        (rule.rule, method) for rule in jacie.app.url_map.iter_rules() for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert served_here == {(address.rule, address.method) for address in ADDRESSES}


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda a: f"{a.method} {a.rule}")
def test_without_a_key_only_the_open_addresses_answer(jacie, address):
    """No key, a made-up, a revoked and an expired one get one and the same 401, with the scheme that is asked for."""
    key_id, revoked = jacie.key("revoked", "acme", "ask", "search")
    jacie.app.extensions["jacie.gate"].keys.revoke(key_id)
    _, expired = jacie.key("expired", "acme", "ask", "search", expires_at=time.time() - 1)
    answers = [sent(jacie, token, address, *of(jacie, "acme")) for token in ("", "jcy_made_up", revoked, expired)]
    if address.scope:
        assert {answer.status_code for answer in answers} == {401}
        assert len({words(answer)[2] for answer in answers}) == 1
        assert answers[0].headers["WWW-Authenticate"].startswith("Bearer")
    else:
        assert 401 not in {answer.status_code for answer in answers}


@pytest.mark.parametrize("address", CLOSED, ids=lambda a: f"{a.method} {a.rule}")
def test_another_scope_is_forbidden(jacie, address):
    """A key that may do everything but this gets 403."""
    others = {"ask", "search", "ingest", "metrics"} - {address.scope, "ask"}
    _, token = jacie.key("other scopes", "acme", *others)
    answer = sent(jacie, token, address, *of(jacie, "acme"))
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")
    assert jacie.runs["acme"] not in answer.text


@pytest.mark.parametrize("tenant", FACTS)
@pytest.mark.parametrize("address", OBJECTS + HEADS, ids=lambda a: f"{a.method} {a.rule}")
def test_what_is_ones_own_is_there(jacie, address, tenant):
    """Each tenant reaches its own document and run: the refusals below are no accident."""
    answer = sent(jacie, jacie.tokens[tenant], address, *of(jacie, tenant))
    assert answer.status_code in (200, 202, 307), answer.text


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: "-".join(pair))
@pytest.mark.parametrize("address", OBJECTS + HEADS, ids=lambda a: f"{a.method} {a.rule}")
def test_what_is_anothers_is_what_never_was(jacie, address, pair):
    """Another tenant's document, page, picture, run, events and cancel are the 404 of a name that nobody has, byte for byte."""
    mine, theirs = pair
    other = sent(jacie, jacie.tokens[mine], address, *of(jacie, theirs))
    never = sent(jacie, jacie.tokens[mine], address, **UNKNOWN)
    assert other.status_code == 404
    assert words(other) == words(never)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: "-".join(pair))
def test_answers_know_only_the_own_documents(jacie, pair):
    """Catalog, search and both ways to answer name no file of another tenant, even when the question does."""
    mine, theirs = pair
    token, name = jacie.tokens[mine], FACTS[theirs]
    asked = {"query": f"What was the revenue of {name}?"}
    told = [jacie.ask(token, "GET", "/documents"), jacie.ask(token, "POST", "/search", asked)]
    told += [jacie.ask(token, "POST", path, asked) for path in ("/chat", "/fast_chat", "/chat/stream", "/fast_chat/stream")]
    for answer in told:
        assert answer.status_code == 200
        assert f"{name.lower()}_2024.pdf" not in answer.text
        assert jacie.documents[theirs] not in answer.text
    assert f"{FACTS[mine].lower()}_2024.pdf" in told[0].text


@pytest.mark.parametrize("path", ["/chat", "/fast_chat", "/chat/stream", "/search"])
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: "-".join(pair))
def test_a_question_cannot_name_anothers_document(jacie, pair, path):
    """``document_ids`` with another tenant's document are answered as with one that never was."""
    mine, theirs = pair
    told = [
        jacie.ask(jacie.tokens[mine], "POST", path, {**QUESTION, "document_ids": [document_id]})
        for document_id in (jacie.documents[theirs], UNKNOWN["document_id"])
    ]
    assert told[0].status_code == told[1].status_code
    if path == "/search":
        assert [answer.json["results"] for answer in told] == [[], []]
    else:
        assert told[0].status_code == 400
        assert words(told[0]) == words(told[1])


def test_a_cancel_by_another_tenant_changes_nothing(jacie):
    """The run of one tenant goes on to its end when another asks to stop it."""
    accepted = jacie.ask(jacie.tokens["beta"], "POST", "/chat", QUESTION, Prefer="respond-async")
    run_id = accepted.json["run_id"]
    assert jacie.ask(jacie.tokens["acme"], "POST", f"/runs/{run_id}/cancel").status_code == 404
    assert jacie.ask(jacie.tokens["beta"], "GET", f"/runs/{run_id}/events").status_code in (200, 204)
    assert jacie.ask(jacie.tokens["beta"], "GET", f"/runs/{run_id}").json["status"] == "succeeded"


def test_one_idempotency_key_is_another_run_for_each_principal(jacie):
    """The same Idempotency-Key of two tenants, and of two keys of one tenant, joins nobody else's run."""
    _, second = jacie.key("second of acme", "acme", "ask")
    tokens = [jacie.tokens["acme"], jacie.tokens["acme"], second, jacie.tokens["beta"]]
    runs = [
        jacie.ask(token, "POST", "/chat", QUESTION, **{"Idempotency-Key": "the same"}).headers["X-Run-Id"] for token in tokens
    ]
    assert runs[0] == runs[1]
    assert len(set(runs)) == 3


def test_the_tenant_travels_with_the_run(jacie):
    """The id of a run names its tenant, also when the question is no longer kept: no other tenant's look-up finds it."""
    log = jacie.app.extensions["jacie"].services.runs
    for name, run_id in jacie.runs.items():
        assert log.info(run_id).run_id == run_id
        assert [tenant for tenant in FACTS if own(tenant, run_id) == run_id] == [name]


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda a: f"{a.method} {a.rule}")
def test_no_shared_cache_may_keep_an_answer(jacie, address):
    """What depends on who asks is private, and says what it depends on."""
    answer = sent(jacie, jacie.tokens["acme"], address, *of(jacie, "acme"))
    if address.rule in ("/static/<path:filename>", "/health", "/health/stream"):
        return
    kept = answer.headers["Cache-Control"]
    assert "private" in kept or "no-store" in kept or answer.mimetype == "text/event-stream", kept
    assert "public" not in kept
    assert {"Authorization", "Cookie"} <= {name.strip() for name in answer.headers["Vary"].split(",")}


@pytest.mark.soak
@pytest.mark.reliability
def test_refusals_take_the_same_time(jacie):
    """Over many requests in random order, neither another tenant's id nor one that never was takes measurably longer."""
    took = [_timed(jacie, address) for address in OBJECTS]
    rows = [_row(one, statistics.median) for one in took]
    log = jacie.app.extensions["jacie"].services.runs.label
    record(
        f"10-tenants-{log}",
        f"Tenants: what is another's ({log} run log)",
        f"{len(ADDRESSES)} routes were asked {sum(TALLY.values())} times by {len(FACTS)} tenants (folders and S3), without a key, and with "
        "made-up, revoked, expired and insufficient ones. Another tenant's document, page, picture, run, events and cancel were the "
        f"404 of a name that nobody has, byte for byte. Medians of {SAMPLES} requests each, in random order:",
        rows,
    )
    for one in took:
        chances = chance_of_longer(one.theirs, one.never, SAME), chance_of_longer(one.never, one.theirs, SAME)
        assert min(chances) > ERROR_RATE, (_row(one, statistics.median), chances)


@dataclass
class Took:
    """How many milliseconds each request of a route took."""

    route: str
    never: list[float]
    theirs: list[float]


def _row(took: Took, middle: Callable[[list[float]], float]) -> dict:
    never, theirs = middle(took.never), middle(took.theirs)
    return {
        "route": took.route,
        "never was, ms": round(never, 3),
        "another's, ms": round(theirs, 3),
        "difference, ms": round(theirs - never, 3),
    }


def _timed(jacie: Tenants, address: Address) -> Took:
    never = address.path(**UNKNOWN)
    theirs = address.path(*of(jacie, "beta"))
    took: dict[str, list[float]] = {never: [], theirs: []}
    order = [never, theirs] * SAMPLES
    random.Random(1).shuffle(order)
    for path in order:
        began = time.perf_counter()
        jacie.ask(jacie.tokens["acme"], address.method, path)
        took[path].append((time.perf_counter() - began) * 1000)
    return Took(f"{address.method} {address.rule}", took[never], took[theirs])
