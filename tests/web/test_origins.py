"""Which pages of other origins may call, and what their browsers may send and read."""

import pytest

from jacie_flask.app import create as create_app
from jacie_flask.config import load
from jacie_flask.web import origins
from tests.support.tenants import close

ALLOWED = "https://app.example, https://*.Pages.example:8443, http://[::1]:3000, https://plain.example:443"
LET_IN = [
    "https://app.example", "https://a.pages.example:8443", "https://b.a.pages.example:8443", "http://[::1]:3000", "https://plain.example",
]  # fmt: skip
REFUSED = [
    "https://pages.example:8443", "https://a.pages.example", "https://evilpages.example:8443", "https://a.pages.example:8443.evil.example",
    "https://a.pages.example:84430", "http://a.pages.example:8443", "https://evil.example/.pages.example:8443", "https://appxexample",
    "https://evil.example#.pages.example:8443", "https://x.app.example", "null", "https://.pages.example:8443", "https://app.example\n",
]  # fmt: skip


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """An application that pages of some origins may call."""
    data = tmp_path_factory.mktemp("data")
    places = {"documents": str(data / "filings"), "data": str(data), "index": f"sqlite:{data}/index.db"}
    (data / "filings").mkdir()
    made = create_app(load(**places, model="scripted", ingest="off", cors_origins=ALLOWED))
    yield made
    close(made)


def preflight(app, origin, header="content-type"):
    """Return the headers of the answer to a browser's question before a POST."""
    sent = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": header}
    return app.test_client().options("/chat/stream", headers=sent).headers


@pytest.mark.parametrize("origin", LET_IN)
def test_pages_of_allowed_origins_may_call(app, origin):
    """The preflight names the origin, and its changes are not taken for another site's."""
    assert preflight(app, origin)["Access-Control-Allow-Origin"] == origin
    headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
    assert app.test_client().post("/chat", json={"query": "Hello"}, headers=headers).status_code == 200


@pytest.mark.parametrize("origin", REFUSED)
def test_pages_of_other_origins_may_not(app, origin):
    """An origin that only resembles an allowed one is none."""
    patterns = origins.patterns(app.extensions["jacie"].settings.cors_origins)
    assert not any(pattern.match(origin) for pattern in patterns)
    if "\n" not in origin:
        assert "Access-Control-Allow-Origin" not in preflight(app, origin)


@pytest.mark.parametrize(
    "header",
    [
        "traceparent",
        "tracestate",
        "baggage",
        "sentry-trace",
        "x-requested-with",
        "last-event-id",
        "idempotency-key",
        "authorization",
    ],
)
def test_what_libraries_of_pages_send_is_allowed(app, header):
    """A header that a tracing library adds does not make the browser refuse the request."""
    allowed = preflight(app, LET_IN[0], header)["Access-Control-Allow-Headers"]
    assert header in [name.strip().lower() for name in allowed.split(",")]


@pytest.mark.parametrize("header", ["Accept-Ranges", "Content-Range", "ETag", "X-Run-Id", "Retry-After"])
def test_what_pages_need_to_read_is_exposed(app, header):
    """A page that reads a document in parts sees what it got."""
    answer = app.test_client().get("/documents", headers={"Origin": LET_IN[0]})
    assert header in answer.headers["Access-Control-Expose-Headers"].split(", ")
