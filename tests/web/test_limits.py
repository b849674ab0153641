"""Who is counted for a request, and documents and pages with a rate of their own, on the application as servers call it."""

import pytest

from jacie_flask import create_app
from jacie_flask.config import load
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
