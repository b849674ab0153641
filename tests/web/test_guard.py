"""Who may ask, over HTTP: open on its own machine without keys, by key or session or token with them."""

import logging

import pytest
from flask import Flask

from jacie_flask import create_app
from jacie_flask.config import load
from jacie_flask.interfaces import Principal
from tests.support.identity import AUDIENCE, ISSUER, Provider
from tests.support.reliability import record
from tests.support.tenants import close

QUESTION = {"query": "What was the revenue?"}
FORWARDING = (
    "Via", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded", "CF-Connecting-IP", "CF-Ray",
    "CDN-Loop", "True-Client-IP", "X-Client-IP", "Fastly-Client-IP", "X-Azure-ClientIP", "X-Amzn-Trace-Id", "X-Envoy-External-Address",
    "X-Original-Forwarded-For", "Fly-Client-IP", "X-Cluster-Client-IP", "X-Original-Host", "Tailscale-User-Login", "X-Varnish",
)  # fmt: skip
PAGE = {"Origin": "http://localhost", "X-Jacie-Page": "1"}
HTTPS = {"Origin": "https://jacie.example", "Host": "jacie.example", "X-Jacie-Page": "1"}


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """Return a function that makes applications over one text, and ends them all."""
    made: list[Flask] = []
    folder = tmp_path_factory.mktemp("filings")
    (folder / "report_2024.txt").write_text("Quarry annual report 2024\nRevenue 4,711")

    def one(**settings):
        data = tmp_path_factory.mktemp("data")
        places = {"documents": str(folder), "data": str(data), "index": f"sqlite:{data}/index.db"}
        places |= {"model": "scripted", "ingest": "off"}
        made.append(create_app(load(**{**places, **settings})))
        return made[-1]

    yield one
    for app in made:
        close(app)


@pytest.fixture(scope="module")
def unlocked(make):
    """An application without keys."""
    return make(cors_origins="https://app.example")


@pytest.fixture(scope="module")
def provider():
    """An identity provider."""
    with Provider() as found:
        yield found


@pytest.fixture(scope="module")
def locked(make, provider):
    """An application with keys and a provider of tokens."""
    return make(oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_jwks_url=provider.url)


def key(app, *scopes, **facts):
    """Make a key; return its id and the token."""
    made, token = app.extensions["jacie.gate"].keys.create(
        "test", tenant=facts.get("tenant", "default"), scopes=frozenset(scopes)
    )
    return made.key_id, token


def signed_in(app, *scopes):
    """Return a browser with a session, the key's id and the token."""
    key_id, token = key(app, *(scopes or ("ask",)))
    browser = app.test_client()
    assert browser.post("/sign-in", json={"key": token}, headers=PAGE).status_code == 204
    return browser, key_id, token


# Without keys


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "127.8.9.1", "a.localhost"])
def test_without_keys_this_machine_may_ask(unlocked, host):
    """Whoever comes by a loopback name needs nothing."""
    assert unlocked.test_client().get("/documents", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("sent", [
    {"environ_base": {"REMOTE_ADDR": "10.0.0.7"}}, {"environ_base": {"REMOTE_ADDR": "fe80::1"}},
    {"environ_base": {"REMOTE_ADDR": "::ffff:10.0.0.7"}}, {"headers": {"X-Forwarded-For": "127.0.0.1"}},
    {"headers": {"Forwarded": "for=10.0.0.7"}}, {"headers": {"X-Real-IP": "10.0.0.7"}}, {"headers": {"Host": "evil.example"}},
    {"headers": {"Host": "localhost.evil.example"}}, {"headers": {"Host": "127.0.0.1.nip.io:8000"}}, {"headers": {"Host": "[::1"}},
    {"headers": {"Host": "10.0.0.7"}}, {"headers": {"Host": ""}}, {"environ_overrides": {"SERVER_PROTOCOL": "HTTP/1.0"}},
    *({"headers": {name: "10.0.0.7"}} for name in FORWARDING),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/documents", "/ready", "/runs/x", "/nothing"])
def test_without_keys_nobody_else_may(unlocked, sent, path):
    """Another address, a proxy between, or a name that was bent to this machine: 403, and a sentence that says what to do."""
    answer = unlocked.test_client().get(path, **sent)
    assert answer.status_code == 403
    assert "keys create" in answer.json["detail"]


def test_the_process_is_alive_for_everybody(unlocked, locked):
    """/health answers a probe from anywhere, and so does the one that shows whether a proxy buffers."""
    for app in (unlocked, locked):
        for path in ("/health", "/health/stream"):
            with app.test_client().get(path, environ_base={"REMOTE_ADDR": "10.0.0.7"}) as answer:
                assert answer.status_code == 200


@pytest.mark.parametrize("headers", [
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost:3000"},
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
], ids=str)  # fmt: skip
def test_without_keys_a_page_elsewhere_cannot_ask(unlocked, headers):
    """A browser's request for another site's page is refused where it would change something."""
    answer = unlocked.test_client().post("/runs/x/cancel", headers=headers)
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")


@pytest.mark.parametrize("headers", [
    {}, {"Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"},
], ids=str)  # fmt: skip
def test_without_keys_programs_own_pages_and_listed_origins_can(unlocked, headers):
    """A program sends no origin; our page's is our own; JACIE_CORS_ORIGINS lists others."""
    assert unlocked.test_client().post("/chat", json=QUESTION, headers=headers).status_code == 200


def test_said_to_be_open_it_is_open(make):
    """JACIE_OPEN=yes lets everybody ask."""
    app = make(open="yes")
    sent = {"environ_base": {"REMOTE_ADDR": "10.0.0.7"}, "headers": {"Host": "jacie.example"}}
    assert app.test_client().get("/documents", **sent).status_code == 200


@pytest.mark.parametrize("content", ["{}", '{"version": 1, "keys": []}'], ids=str)
def test_a_file_of_keys_without_a_key_opens_nothing(make, tmp_path, content):
    """Whoever emptied the file may not have meant to let everybody in: the boot says so, and every request is refused."""
    (tmp_path / "keys.json").write_text(content)
    app = make(data=str(tmp_path))
    assert app.test_client().get("/documents").status_code == 401


@pytest.mark.parametrize("harm", [lambda path: path.write_text(""), lambda path: path.write_text("{"), lambda path: path.mkdir()])
def test_a_file_of_keys_that_comes_unreadable_closes_an_open_server(make, harm):
    """A file that appears, and that this process cannot read, is a file of keys all the same."""
    app = make()
    assert app.test_client().get("/documents").status_code == 200
    harm(app.extensions["jacie.gate"].keys.path)
    assert app.test_client().get("/documents").status_code == 401


def test_the_first_key_closes_it(make):
    """From the moment that there is a key, everybody needs one."""
    app = make()
    assert app.test_client().get("/documents").status_code == 200
    _, token = key(app, "ask")
    assert app.test_client().get("/documents").status_code == 401
    assert app.test_client().get("/documents", headers={"Authorization": f"bearer {token}"}).status_code == 200


def test_a_file_of_keys_that_is_asked_for_closes_it_before_it_is_there(make, tmp_path):
    """With JACIE_KEYS set, no file is no open door."""
    app = make(keys=str(tmp_path / "later.json"))
    assert app.test_client().get("/documents").status_code == 401


# Keys


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic amFjaWU6eA==", "Bearer jcy_x", "Bearer a.b.c", "jcy_x"])
def test_what_is_no_key_is_401(locked, header):
    """The answer says which scheme is asked for and not what was wrong."""
    answer = locked.test_client().get("/documents", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.mimetype == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="jacie"'
    assert answer.json["detail"] == "Credentials are missing or not valid."


def test_a_key_without_the_scope_is_403(locked):
    """It says that the scope is what is missing."""
    _, token = key(locked, "search")
    answer = locked.test_client().post("/chat", json=QUESTION, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(("scopes", "status"), [(("search",), 200), (("ask",), 200), (("metrics", "ingest"), 403)])
def test_who_may_ask_may_search(locked, scopes, status):
    """/search takes either of two scopes."""
    _, token = key(locked, *scopes)
    answer = locked.test_client().post("/search", json=QUESTION, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == status


def test_a_key_of_a_tenant_that_is_gone_is_forbidden(locked):
    """It does not fall back to the default tenant."""
    _, token = key(locked, "ask", tenant="gone")
    assert locked.test_client().get("/documents", headers={"Authorization": f"Bearer {token}"}).status_code == 403
    assert locked.test_client().post("/sign-in", json={"key": token}, headers=PAGE).status_code == 403


def test_only_operators_see_how_the_parts_are(locked):
    """/ready tells everybody whether, and those with the scope metrics what."""
    _, token = key(locked, "metrics")
    assert locked.test_client().get("/ready").json == {"status": "ready"}
    assert "parts" in locked.test_client().get("/ready", headers={"Authorization": f"Bearer {token}"}).json


def test_refusals_are_logged_without_secrets(locked, caplog):
    """The key's id and the reason are there, the key is not; a failed sign-in is a warning."""
    key_id, token = key(locked, "ask")
    spoilt = token[:-1] + ("A" if token[-1] != "A" else "B")
    with caplog.at_level(logging.INFO):
        locked.test_client().get("/documents", headers={"Authorization": f"Bearer {spoilt}"})
        locked.test_client().post("/sign-in", json={"key": spoilt}, headers=PAGE)
    told = [record for record in caplog.records if key_id in record.getMessage()]
    assert [record.levelname for record in told] == ["WARNING", "WARNING"]
    assert token.split("_", 2)[2][:-1] not in caplog.text


# Tokens


def test_a_token_asks_and_a_bad_one_does_not(locked, provider):
    """A provider's token works as a key does."""
    for token, status in ((provider.token(), 200), (provider.token(exp=1), 401), (provider.token(scope="openid"), 403)):
        assert locked.test_client().get("/documents", headers={"Authorization": f"Bearer {token}"}).status_code == status


def test_a_provider_that_cannot_be_reached_is_503(make):
    """Nobody is told that good credentials are bad."""
    app = make(oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_jwks_url="http://127.0.0.1:9/jwks.json")
    with Provider() as provider:
        answer = app.test_client().get("/documents", headers={"Authorization": f"Bearer {provider.token()}"})
    assert (answer.status_code, answer.json["code"], answer.json["retryable"]) == (503, "overloaded", True)
    assert int(answer.headers["Retry-After"]) > 0


# Sessions


def test_a_session_asks_until_its_key_is_revoked(locked):
    """The cookie stands for the key, does not hold it, and ends with it."""
    browser, key_id, token = signed_in(locked)
    cookie = browser.get_cookie("jacie_session")
    assert token not in cookie.value
    assert token.split("_", 2)[2] not in cookie.decoded_value  # a secret may hold _ itself
    assert browser.get("/documents").status_code == 200
    assert browser.post("/chat", json=QUESTION, headers=PAGE).status_code == 200
    locked.extensions["jacie.gate"].keys.revoke(key_id)
    assert browser.get("/documents").status_code == 401


def test_the_cookie_is_for_this_site_and_no_script(locked):
    """It is HttpOnly and SameSite, and Secure where the page came by https, be it through a proxy."""
    _, token = key(locked, "ask")
    plain = locked.test_client().post("/sign-in", json={"key": token}, headers=PAGE).headers["Set-Cookie"]
    tls = locked.test_client().post("/sign-in", json={"key": token}, headers=HTTPS).headers["Set-Cookie"]
    for cookie in (plain, tls):
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
    assert "Secure" not in plain
    assert "Secure" in tls


@pytest.mark.parametrize("headers", [
    {}, {"X-Jacie-Page": "1"}, {"Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-origin"},
    {"Origin": "https://evil.example", "X-Jacie-Page": "1"}, {"Origin": "null", "X-Jacie-Page": "1"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost", "X-Jacie-Page": "1"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost", "X-Jacie-Page": "1"},
    {"Sec-Fetch-Site": "none", "X-Jacie-Page": "1"},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("path", ["/chat", "/search", "/runs/x/cancel", "/sign-in", "/sign-out"])
def test_a_session_changes_nothing_without_proof_of_the_page(locked, headers, path):
    """Each request that a browser may have been made to send is refused before anything happens."""
    browser, _, token = signed_in(locked)
    answer = browser.post(path, json={**QUESTION, "key": token}, headers=headers)
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("spoil", [lambda c: c[:-2] + "xx", lambda c: "A" + c, lambda c: c.split(".")[0], lambda c: "x"])
def test_a_session_that_was_tampered_with_is_none(locked, spoil):
    """What the server did not sign is refused."""
    browser, _, _ = signed_in(locked)
    browser.set_cookie("jacie_session", spoil(browser.get_cookie("jacie_session").value))
    assert browser.get("/documents").status_code == 401
    assert browser.get("/").status_code == 200


def test_another_servers_session_is_none(make, locked):
    """Another secret signs otherwise."""
    other = make(keys=locked.extensions["jacie.gate"].keys.path.as_posix())
    browser, _, _ = signed_in(locked)
    stranger = other.test_client()
    stranger.set_cookie("jacie_session", browser.get_cookie("jacie_session").value)
    assert stranger.get("/documents").status_code == 401


def test_signing_out_ends_the_session_here(locked):
    """The browser forgets its cookie."""
    browser, _, _ = signed_in(locked)
    assert browser.post("/sign-out", headers=PAGE).status_code == 204
    assert browser.get_cookie("jacie_session") is None
    assert browser.get("/documents").status_code == 401


def test_a_copied_cookie_ends_with_the_sign_out(make):
    """In each worker of the data folder and after a restart; another browser's session of the same key goes on."""
    app = make()
    browser, _, token = signed_in(app)
    other = app.test_client()
    assert other.post("/sign-in", json={"key": token}, headers=PAGE).status_code == 204
    worker = create_app(app.extensions["jacie"].settings)
    thief, again = worker.test_client(), worker.test_client()
    thief.set_cookie("jacie_session", browser.get_cookie("jacie_session").value)
    again.set_cookie("jacie_session", other.get_cookie("jacie_session").value)
    assert thief.get("/documents").status_code == 200
    assert browser.post("/sign-out", headers=PAGE).status_code == 204
    assert thief.get("/documents").status_code == 401
    assert again.get("/documents").status_code == other.get("/documents").status_code == 200
    close(worker)


def test_a_cookie_of_an_older_form_is_none(locked):
    """A value that this server signed for something else opens no session."""
    sessions = locked.extensions["jacie.sessions"]
    for value in ("0123456789ab", ["0123456789ab"], {"key": "0123456789ab"}, None):
        browser = locked.test_client()
        browser.set_cookie("jacie_session", sessions._serializer.dumps(value))
        assert browser.get("/documents").status_code == 401


def test_a_key_counts_before_a_session(locked):
    """Who sends both is the key's; a bad key is not mended by a session."""
    browser, _, _ = signed_in(locked)
    assert browser.get("/documents", headers={"Authorization": "Bearer jcy_x"}).status_code == 401


def test_the_page_tells_nothing_of_the_collection_before_the_sign_in(locked):
    """The folder's name and the parts are shown to those who may ask."""
    name = locked.extensions["jacie"].services.documents.label
    assert name not in locked.test_client().get("/").text
    browser, _, _ = signed_in(locked)
    assert name in browser.get("/").text
    assert "Sign out" in browser.get("/").text


def test_a_principal_is_given_its_scopes_by_whoever_makes_it():
    """Nobody who forgets to say what a caller may do allows everything."""
    with pytest.raises(TypeError, match="scopes"):
        Principal(key_id="x", name="x")


@pytest.mark.reliability
def test_faults_of_access_are_refused(make, provider, tmp_path):
    """What was let in once, or failed, is refused now; the counts go to docs/reliability.md."""
    open_app, locked_app = make(), make(oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_jwks_url=provider.url)
    ask_open = open_app.test_client().get
    proxies = [ask_open("/documents", headers={name: "10.0.0.7"}).status_code for name in FORWARDING]
    proxies += [ask_open("/documents", headers={"Host": ""}).status_code]
    browser, _, _ = signed_in(locked_app)
    cookie = browser.get_cookie("jacie_session").value
    browser.post("/sign-out", headers=PAGE)
    copied = locked_app.test_client()
    copied.set_cookie("jacie_session", cookie)
    dates = [
        ask_open("/static/css/chat.css", headers={"If-Modified-Since": f"Mon, 01 Jan 2024 00:00:00 +{'9' * n}"})
        for n in (4, 13, 300)
    ]
    (tmp_path / "keys.json").write_text("{}")
    emptied = make(data=str(tmp_path)).test_client().get("/documents").status_code
    rows = [
        {
            "fault": "without keys, a request with a sign of a proxy or without a Host",
            "tried": len(proxies),
            "status": set(proxies),
        },
        {"fault": "a copied cookie after the sign-out", "tried": 1, "status": {copied.get("/documents").status_code}},
        {"fault": "an absurd time zone in If-Modified-Since", "tried": len(dates), "status": {one.status_code for one in dates}},
        {"fault": "a file of keys that became empty", "tried": 1, "status": {emptied}},
    ]
    for one in dates:
        one.close()
    assert [row["status"] for row in rows] == [{403}, {401}, {200}, {401}]
    told = [{**row, "status": ", ".join(map(str, sorted(row["status"])))} for row in rows]
    record("74-access", "Faults of access", "Requests that were let in, or failed with 500, before.", told)
