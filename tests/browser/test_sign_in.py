"""Signing in on the real pages of a real Jacie: by keyboard, at a phone's width, in the dark, and out again."""

import pytest
from click.testing import CliRunner

from jacie_flask.cli.keys import keys_commands
from tests.support.jacie import gunicorn, ingested_samples

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no page is tested in a browser")
expect = sync_api.expect


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Serve the samples with a file of keys of its own."""
    data = ingested_samples(tmp_path_factory.getbasetemp())
    keys = tmp_path_factory.mktemp("keys") / "keys.json"
    with gunicorn(data, JACIE_MODEL="scripted", JACIE_KEYS=str(keys)) as running:
        running.keys = keys
        yield running


@pytest.fixture
def keys(server, monkeypatch):
    """Return a function that runs ``keys`` on the server's file."""
    monkeypatch.setenv("JACIE_KEYS", str(server.keys))
    return lambda *arguments: CliRunner().invoke(keys_commands, arguments)


@pytest.fixture(params=[pytest.param("light", marks=pytest.mark.soak), "dark"])
def page(browser, request):
    """Open a page of a phone's width that must not fail."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=request.param)
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == []


def sign_in(page, token):
    """Type a key and press Enter."""
    page.get_by_role("dialog", name="Sign in").get_by_label("Key").fill(token)
    page.keyboard.press("Enter")


def at_work(page):
    """Wait for the page that comes after the key was taken, and for its scripts."""
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.wait_for_load_state("load")


def ask(page, question):
    """Ask, and return the answer when it is final."""
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")
    turn = page.locator(".turn").last
    expect(turn).to_have_attribute("aria-busy", "false", timeout=60_000)
    return turn


def test_a_key_opens_the_page_until_it_is_revoked(page, server, keys):
    """A wrong key is told so; with the right one questions, sources and page pictures work; revoked, the page asks again."""
    token = keys("create", "browser").stdout.strip()
    page.goto(server.url)
    dialog = page.get_by_role("dialog", name="Sign in")
    expect(dialog.get_by_label("Key")).to_be_focused()
    assert dialog.evaluate("node => node.getBoundingClientRect().right <= innerWidth && node.scrollWidth <= node.clientWidth")
    expect(page.get_by_text("Filings from")).to_have_count(0)
    sign_in(page, "jcy_wrong")
    expect(dialog.get_by_role("alert")).to_have_text("This key is not valid.")
    sign_in(page, token)
    at_work(page)
    expect(page.get_by_text("Filings from sample_documents")).to_be_visible()
    assert token not in page.evaluate("document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")
    turn = ask(page, "What was Zanobela's revenue in 2024?")
    turn.locator(".source a.where").first.click()
    expect(page.locator("#page-picture")).to_be_visible()
    page.keyboard.press("Escape")
    assert page.evaluate("fetch('/documents').then((answer) => answer.status)") == 200
    stolen = "fetch('/chat', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{\"query\": \"x\"}'})"
    assert page.evaluate(f"{stolen}.then((answer) => answer.status)") == 403
    keys("revoke", token.split("_")[1])
    ask(page, "And in 2023?")
    expect(dialog).to_be_visible()
    sign_in(page, keys("create", "another").stdout.strip())
    expect(page.locator(".turn").last).to_have_attribute("aria-busy", "false", timeout=60_000)
    expect(page.locator(".turn").last.locator(".source").first).to_be_visible()


def test_an_event_source_works_with_the_session(page, server, keys):
    """The browser's own EventSource replays a run of the session's."""
    page.goto(server.url)
    sign_in(page, keys("create", "browser").stdout.strip())
    expect(page.get_by_text("Filings from sample_documents")).to_be_visible()
    headers = "{'Content-Type': 'application/json', 'X-Jacie-Page': '1', Prefer: 'respond-async'}"
    terminal = page.evaluate(
        f"""async () => {{
          const answer = await fetch('/chat', {{method: 'POST', headers: {headers}, body: '{{"query": "What was the revenue?"}}'}});
          const source = new EventSource((await answer.json()).events_url);
          return new Promise((resolve) => source.addEventListener('result', ({{ data }}) => {{
            source.close();
            resolve(JSON.parse(data).finish_reason);
          }}));
        }}"""
    )
    assert terminal == "stop"


def test_signing_out_asks_for_the_key_again(page, server, keys):
    """The button ends the session, on the test client too."""
    page.goto(f"{server.url}/test-client")
    sign_in(page, keys("create", "browser").stdout.strip())
    at_work(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()
    assert page.evaluate("fetch('/documents').then((answer) => answer.status)") == 401
