"""Who is counted for a request, and documents and pages with a rate of their own, on the application as servers call it."""

import pytest

from jacie_flask import create_app
from jacie_flask.config import load
from tests.support.reliability import record
from tests.support.tenants import close

PROXY = "127.0.0.2"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """Jacie behind one proxy, with two questions and three pages a day."""
    folder, data = tmp_path_factory.mktemp("filings"), tmp_path_factory.mktemp("data")
    (folder / "report_2024.txt").write_text("Quarry annual report 2024\nRevenue 4,711")
    places = {"documents": str(folder), "data": data, "index": f"sqlite:{data}/index.db", "model": "scripted", "ingest": "off"}
    rates = {"rate_limit": "2/day", "page_rate_limit": "3/day"}
    made = create_app(load(**places, **rates, proxies=1, trusted_proxies=PROXY, open="yes"))
    yield made
    close(made)


def search(app, peer, client):
    """Return the answer to a search of a peer that claims to speak for a client."""
    asked = {"headers": {"X-Forwarded-For": client, "X-Forwarded-Proto": "https"}, "environ_base": {"REMOTE_ADDR": peer}}
    return app.test_client().post("/search", json={"query": "revenue"}, **asked)


def test_clients_behind_a_trusted_proxy_are_counted_apart(app):
    """Each has its own rate, also where one made up what stands before the proxy's word."""
    clients = ("203.0.113.1", "203.0.113.1", "203.0.113.2", "198.51.100.7, 203.0.113.1")
    answers = [search(app, PROXY, client) for client in clients]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["1", "0", "1", "0"]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]


def test_a_port_makes_nobody_another_caller(app):
    """Connections of one client are one caller, however its proxy writes the address; what is no address is the proxy itself."""
    clients = (
        "203.0.113.5:1000",
        "203.0.113.5:1001",
        '"203.0.113.5:1002"',
        "[2001:db8:5::1]:1",
        "[2001:db8:5::1]:2",
        "2001:db8:5::1",
    )
    assert [search(app, PROXY, client).status_code for client in clients] == [200, 200, 429, 200, 200, 429]
    assert [search(app, PROXY, client).status_code for client in ("unknown", "_a", "x:1")] == [200, 200, 429]


SPELLINGS = {
    "IPv4": ["203.0.113.6", "203.0.113.6:1", "203.0.113.6:65535", '"203.0.113.6:80"', " 203.0.113.6:80 ", "::ffff:203.0.113.6", "[::ffff:203.0.113.6]:9"],
    "IPv6": ["2001:db8:6::1", "[2001:db8:6::1]", "[2001:db8:6::1]:1", '"[2001:db8:6::1]:65535"', "2001:0DB8:0006:0::1", "[2001:db8:6::1%eth0]:5"],
    "IPv6 of one home": [f"[2001:db8:7::{n:x}]:{n}" for n in (1, 2, 0xABC, 0xFFFF)] + ["2001:db8:7:0:1:2:3:4"],
    "link-local, with a zone": ["fe80::9%eth0", "fe80::9%eth1", "[fe80::9%25eth0]:80", "[fe80::9]:81"],
    "no address: the proxy": ["unknown", "unknown:1", "_hidden", "_SEVKISEK:4711", '"_gazonk"', "-", "x:1", "203.0.113.6:x", "[2001:db8::1", "1.2.3", "0x7f.1", ""],
}  # fmt: skip


@pytest.mark.reliability
def test_however_a_proxy_writes_a_client_it_is_one_caller(app, tmp_path):
    """Ports, brackets, quotes, zones and obfuscated names (RFC 7239) make nobody another caller."""
    rows = []
    places = {
        "documents": str(tmp_path),
        "data": str(tmp_path / "data"),
        "index": f"sqlite:{tmp_path}/index.db",
        "model": "scripted",
    }
    for kind, written in SPELLINGS.items():
        made = create_app(load(**places, ingest="off", rate_limit="2/day", proxies=1, trusted_proxies=PROXY, open="yes"))
        try:
            statuses = [search(made, PROXY, client).status_code for client in written]
        finally:
            close(made)
        assert statuses == [200, 200] + [429] * (len(written) - 2), (kind, statuses)
        rows.append({"client": kind, "spellings": len(written), "requests let through of two allowed": statuses.count(200)})
    record(
        "74-callers",
        "Who is counted behind a proxy",
        "Each spelling of one client in X-Forwarded-For, two requests a day allowed.",
        rows,
    )


def test_nobody_else_can_claim_to_be_somebody(app):
    """A peer that is not trusted is itself, whatever it claims: its third request is refused, and no client's rate is touched."""
    assert [search(app, "203.0.113.9", f"198.51.100.{n}").status_code for n in range(3)] == [200, 200, 429]
    assert search(app, PROXY, "198.51.100.0").headers["RateLimit-Remaining"] == "1"


def test_documents_and_pages_have_a_rate_of_their_own(app):
    """A file, a text and a picture count together, questions apart; the refusal has the headers of all others."""
    client = app.test_client()
    one = client.get("/documents").json["documents"][0]["document_id"]
    answers = [client.get(f"/documents/{one}{path}") for path in ("", "/pages/1", "/pages/1.png", "/pages/1")]
    assert [answer.status_code for answer in answers] == [200, 200, 422, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert answers[3].json["detail"].startswith("Too many requests: at most 3 documents and pages a day.")
    assert int(answers[3].headers["Retry-After"]) <= 86_400
    assert client.post("/search", json={"query": "revenue"}).status_code == 200
    for answer in answers:
        answer.close()


@pytest.mark.reliability
def test_every_route_that_a_caller_may_repeat_is_counted(tmp_path):
    """Beyond its rate each is refused with the time to wait; what only says that the server lives is not, and costs next to nothing."""
    (tmp_path / "filings").mkdir()
    (tmp_path / "filings" / "report_2024.txt").write_text("Quarry annual report 2024\nRevenue 4,711")
    places = {"documents": str(tmp_path / "filings"), "data": str(tmp_path / "data"), "index": f"sqlite:{tmp_path}/index.db"}
    rates = {"rate_limit": "2/day", "page_rate_limit": "2/day", "poll_rate_limit": "2/day"}
    rows = []
    for route, ask in REPEATED.items():
        app = create_app(load(**places, model="scripted", ingest="off", **rates, deadline_s=30))
        try:
            client = app.test_client()
            document = app.extensions["jacie"].services.catalog.documents()[0].document_id
            statuses = []
            for _ in range(4):
                with ask(client, document) as answer:
                    statuses.append(answer.status_code)
                    answer.get_data()
        finally:
            close(app)
        assert 429 not in statuses[:2], route
        assert statuses[2:] == [429, 429], (route, statuses)
        rows.append({"route": route, "allowed": 2, "asked": 4, "refused with Retry-After": statuses.count(429)})
    record(
        "74-rates", "Rates of a caller", "Two requests a day allowed of each kind: questions, pages, polls and listings.", rows
    )


REPEATED = {
    "POST /chat": lambda client, _: client.post("/chat", json={"query": "Hello"}),
    "POST /fast_chat/stream": lambda client, _: client.post("/fast_chat/stream", json={"query": "Hello"}),
    "POST /search": lambda client, _: client.post("/search", json={"query": "revenue"}),
    "GET /documents": lambda client, _: client.get("/documents"),
    "GET /documents?cursor=": lambda client, _: client.get("/documents?limit=1&cursor="),
    "HEAD /documents": lambda client, _: client.head("/documents"),
    "GET /documents/<id>": lambda client, document: client.get(f"/documents/{document}"),
    "GET /documents/<id>/pages/<n>": lambda client, document: client.get(f"/documents/{document}/pages/1"),
    "GET /documents/<id>/pages/<n>.png": lambda client, document: client.get(f"/documents/{document}/pages/1.png"),
    "GET /runs/<id>": lambda client, _: client.get("/runs/x"),
    "HEAD /runs/<id>/events": lambda client, _: client.head("/runs/x/events"),
    "GET /runs/<id>/events": lambda client, _: client.get("/runs/x/events"),
    "POST /runs/<id>/cancel": lambda client, _: client.post("/runs/x/cancel"),
}


@pytest.mark.parametrize("path", ["/runs/unknown", "/runs/unknown/events", "/documents"])
def test_polls_and_listings_have_a_rate_of_their_own(tmp_path, path):
    """Beyond it they are refused with the time to wait, and questions are asked all the same."""
    (tmp_path / "filings").mkdir()
    places = {"documents": str(tmp_path / "filings"), "data": str(tmp_path / "data"), "index": f"sqlite:{tmp_path}/index.db"}
    app = create_app(load(**places, model="scripted", ingest="off", poll_rate_limit="2/day"))
    try:
        client = app.test_client()
        answers = [client.get(path) for _ in range(3)]
        assert [answer.status_code for answer in answers][:2] == [client_status(path)] * 2
        assert (answers[2].status_code, answers[2].json["code"]) == (429, "rate_limited")
        assert int(answers[2].headers["Retry-After"]) > 0
        assert client.post("/chat", json={"query": "Hello"}).status_code == 200
    finally:
        close(app)


def client_status(path):
    """Return what a poll within the rate gets."""
    return 200 if path == "/documents" else 404
