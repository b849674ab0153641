"""The pages in a real browser: tests on ``base_url`` hold for any Jacie, those on ``scripted`` play one fault each.

JACIE_BASE_URL points the former at a running server; without it they run against the scripted one.
"""

import contextlib
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask, Response, render_template, request
from PIL import Image

from jacie_flask.config import load
from jacie_flask.web import security_headers
from tests.support.event_server import (
    Comment,
    Cut,
    EventServer,
    Frame,
    Gateway,
    Hangup,
    Pause,
    Refuse,
    Script,
    conversation,
    failure,
    source,
)
from tests.support.hostile_text import payloads

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no page is tested in a browser")
expect = sync_api.expect

ROOT = Path(__file__).parents[2]
PARTS = [
    {"name": "Documents", "value": "sample_documents", "note": ""},
    {"name": "Index", "value": "SQLite, in this process", "note": ""},
    {"name": "Model", "value": "SmolLM2-135M", "note": "Small and built in: check its figures against the sources."},
]
TOKENS = ["Revenue of Nordfjord Seafood rose by 4.2 % to ", "NOK 1,284 million in 2023 [1", "]. ", "Volumes in Europe recovered ",
          "[1, 2], while prices held.\n\n", "The figure in [2022] is not a source, ", "and the third claim stands alone [3]."]  # fmt: skip
TEXT = "".join(TOKENS)
SOURCES = [source(1), source(2), source(3)]
CITATIONS = [
    {"n": 1, "quote": "rose by 4.2 % to NOK 1,284 million", "page": 4, "document_id": "doc-1", "verified": True},
    {"n": 3, "quote": "the third claim", "page": 6, "document_id": "doc-3", "verified": False},
]
HISTORY = [{"role": "user", "content": "What?"}, {"role": "assistant", "content": TEXT}]
DEGRADED = ["The index is not complete: 4 of 6 documents can be searched so far."]
NORMAL = conversation(TOKENS, sources=SOURCES, citations=CITATIONS, degraded=DEGRADED, conversation_history=HISTORY)
EVENTS = sum(isinstance(act, Frame) for act in NORMAL)


def pages_of(app: Flask):
    """Return a function that renders a GET by the Flask app, as EventServer wants it."""

    def render(path: str) -> tuple[int, list[tuple[str, str]], bytes]:
        with app.test_client().get(path) as response:
            return response.status_code, list(response.headers), response.get_data()

    return render


def picture(name: str, number: int):
    """Play a page of nine; doc-2 is no PDF, doc-3 cannot be loaded, and what speaks of a claim stands nowhere."""
    if name == "doc-2":
        return {"code": "document_rejected", "detail": "Only pages of PDF documents have pictures."}, 422
    if name == "doc-3":
        return {"code": "document_unavailable", "detail": "A document could not be loaded from its store."}, 502
    asked = request.args.get("highlight", "")
    out = io.BytesIO()
    Image.new("RGB", (600, 1800), "white").save(out, "PNG")
    response = Response(out.getvalue(), content_type="image/png", headers={"X-Pages": "9", "Cache-Control": "private, no-cache"})
    if asked:
        response.headers["X-Highlight"] = "missing" if "claim" in asked else "found"
    if asked and "claim" not in asked:
        response.headers["X-Highlight-Box"] = "0.1000, 0.8000, 0.5000, 0.8200"
    return response


def text(name: str, number: int):
    """Play the text of a page."""
    words = f"Page {number}.\n" + SOURCES[1]["snippet"].replace(" ", "\n", 3) + "\nThe end."
    return {"document_id": name, "page": number, "pages": 9, "text": words}


@pytest.fixture(scope="session")
def app() -> Flask:
    """Serve the real templates under the policy that they have on a real server."""
    made = Flask("pages", template_folder=ROOT / "templates", static_folder=ROOT / "static")
    context = {"documents_label": "S3", "parts": PARTS}
    made.add_url_rule("/", "chat", lambda: render_template("chat.html", **context))
    made.add_url_rule("/test-client", "test_client", lambda: render_template("test_client.html", **context))
    made.add_url_rule("/documents/<name>", "document", lambda name: f"The document {name}.")
    made.add_url_rule("/documents/<name>/pages/<int:number>.png", "picture", picture)
    made.add_url_rule("/documents/<name>/pages/<int:number>", "text", text)
    security_headers.init_app(made, load())
    return made


@pytest.fixture
def scripted(app) -> Iterator[EventServer]:
    """Play scripts beside the real pages."""
    documents = [{"document_id": f"doc-{n}", "pages": 9, "status": "ready", **source(n)} for n in (1, 2, 3)]
    with EventServer(pages_of(app), documents) as server:
        server.play(Script(NORMAL))
        yield server


@pytest.fixture
def base_url(scripted) -> str:
    """Name the server that the pages are tested on."""
    return os.environ.get("JACIE_BASE_URL", "").rstrip("/") or scripted.url


VIEWPORT = {"width": 1280, "height": 900}


@contextlib.contextmanager
def watched(opened, complaints: list[str], hosts: set[str]):
    """Give a page that must neither log an error, nor break its policy, nor ask a foreign host."""
    complaints.clear()
    hosts.clear()
    yield opened
    network = re.compile("Failed to load resource|favicon")  # what a cut or refused request leaves in the console
    assert [words for words in complaints if not network.search(words)] == []
    assert hosts <= {"127.0.0.1", "localhost"}


def new_page(browser):
    """Return a page in a context of its own, and the lists of what it complains about and of the hosts that it asks."""
    opened = browser.new_context(viewport=VIEWPORT).new_page()
    opened.set_default_timeout(15_000)
    complaints: list[str] = []
    hosts: set[str] = set()
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("request", lambda request: hosts.add(re.sub(r"^\w+://([^/:]+).*", r"\1", request.url)))
    return opened, complaints, hosts


def clean(page):
    """Leave nothing of a test in its page."""
    page.unroute_all()
    for other in page.context.pages:
        if other is not page:
            other.close()
    page.evaluate("() => { if (location.protocol === 'http:') { sessionStorage.clear(); localStorage.clear(); } }")
    page.context.clear_cookies()
    page.goto("about:blank")
    page.set_viewport_size(VIEWPORT)
    page.emulate_media(color_scheme="null")


@pytest.fixture(scope="module")
def kept_page(browser):
    """Open one page for all tests that leave the browser as they found it: a new process for each costs more than the tests."""
    made = new_page(browser)
    yield made
    made[0].context.close()


@pytest.fixture
def page(kept_page):
    """Give the page as a new one would be: without storage, routes, other tabs, and in the usual size and colours."""
    try:
        with watched(*kept_page) as opened:
            yield opened
    finally:
        clean(kept_page[0])


@pytest.fixture
def own_page(browser):
    """Give a page that the test changes for good: its clock, or scripts that run before its own."""
    made = new_page(browser)
    with watched(*made) as opened:
        yield opened
    opened.context.close()


def ask(page, question="What was the revenue?"):
    """Type a question and press Enter."""
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")


def ended(page):
    """Wait until the last answer is final, and return its article."""
    turn = page.locator(".turn").last
    expect(turn).to_have_attribute("aria-busy", "false", timeout=60_000)
    return turn


# Any Jacie


def test_a_question_is_answered_with_its_sources(page, base_url):
    """Ask on the chat page: an answer appears, its sources open a document of this host, and its steps are listed."""
    page.goto(base_url)
    ask(page)
    turn = ended(page)
    expect(turn.locator(".text")).not_to_be_empty()
    link = turn.locator(".source a.where").first
    assert link.get_attribute("target") == "_blank"
    assert link.get_attribute("rel") == "noopener"
    assert link.evaluate("node => node.href").startswith(base_url)
    expect(turn.locator(".account summary")).to_contain_text("Answered in")
    steps = turn.locator(".account li").all_text_contents()
    assert "Selecting relevant documents..." in steps[1]
    assert "Response generation complete!" in steps[-1]


def test_a_source_shows_its_page(page, base_url):
    """The first source's page is there as a picture, and Esc closes it."""
    page.goto(base_url)
    ask(page)
    ended(page).locator(".source a.where").first.click()
    view = page.get_by_role("dialog")
    expect(view.get_by_role("img")).to_be_visible()
    assert view.get_by_role("img").evaluate("node => node.complete && node.naturalWidth > 100")
    page.keyboard.press("Escape")
    expect(view).to_be_hidden()


def test_the_fast_mode_asks_the_fast_endpoint(page, base_url):
    """The mode switch decides which endpoint is asked."""
    page.goto(base_url)
    page.get_by_role("radio", name="Fast").check()
    with page.expect_request("**/fast_chat/stream") as asked:
        ask(page)
    assert asked.value.headers["idempotency-key"]
    ended(page)


def test_the_start_page_says_how_much_is_ready_until_all_is(own_page, scripted):
    """While documents are still being read their number is shown and goes on by itself; then the sentence is gone."""
    for document in scripted.documents[1:]:
        document["status"] = "pending"
    scripted.documents[2]["status"] = "rejected"
    own_page.clock.install()
    own_page.goto(scripted.url)
    reading = own_page.locator("#reading")
    expect(reading).to_have_text("Reading the documents: 1 of 2 are ready.")
    scripted.documents[1]["status"] = "ready"
    own_page.clock.run_for(3100)
    expect(reading).to_be_hidden()


def test_examples_ask_themselves(page, base_url):
    """A click on an example asks it."""
    page.goto(base_url)
    page.locator("#examples button").first.click()
    expect(page.locator(".question")).to_have_text("What are the main financial highlights?")
    expect(page.locator("#welcome")).to_be_hidden()
    ended(page)


WIDTHS = (360, 1280)


def overflows(page):
    """Return by how much the page is too wide, for each width of a window."""
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 740})
        found[width] = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return {width: overflow for width, overflow in found.items() if overflow > 0}


@pytest.mark.parametrize("path", ["/", "/test-client"])
def test_nothing_is_wider_than_the_window(page, base_url, path):
    """Neither page scrolls sideways, before or after an answer."""
    page.goto(base_url + path)
    assert overflows(page) == {}
    if path == "/":
        ask(page)
        ended(page)
    else:
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.locator("#checks .badge").first).to_be_visible(timeout=60_000)
    assert overflows(page) == {}


CONTRAST = """() => {
  const channels = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const weak = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!own || !node.checkVisibility() || node.disabled) continue;
    const [a, b] = [light(channels(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) weak.push(`${node.tagName}.${node.className} "${node.textContent.trim().slice(0, 30)}" ${ratio.toFixed(2)}`);
  }
  return weak;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(page, base_url, scheme):
    """Text keeps a contrast of 4.5:1 on its ground in both colour schemes (WCAG AA)."""
    page.emulate_media(color_scheme=scheme)
    page.goto(base_url)
    assert page.evaluate(CONTRAST) == []
    ask(page)
    ended(page)
    page.locator(".account summary").click()
    assert page.evaluate(CONTRAST) == []
    page.locator(".source a.where").first.click()
    expect(page.get_by_role("dialog").get_by_role("img")).to_be_visible()
    assert page.evaluate(CONTRAST) == []
    page.goto(f"{base_url}/test-client")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#checks .badge").first).to_be_visible(timeout=60_000)
    assert page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("path", ["/", "/test-client"])
def test_every_control_has_a_name(page, base_url, path):
    """Every field and button carries a label that assistive technology reads."""
    page.goto(base_url + path)
    for control in page.locator("button, input, select, textarea").all():
        named = control.evaluate("node => node.textContent.trim() || node.ariaLabel || node.labels?.[0]?.textContent.trim()")
        assert named, control.evaluate("node => node.outerHTML")


def test_no_markup_carries_script_or_style(page, base_url):
    """Neither page has inline scripts, handlers or style attributes in its source."""
    for path in ("/", "/test-client"):
        html = page.request.get(base_url + path).text()
        assert re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", html) == []
        assert re.findall(r"""(?:src|href)=["'](?:https?:)?//""", html) == []


def test_the_test_client_passes_its_checks(page, base_url):
    """A whole stream passes every check, and raw frames, headers and answer are shown."""
    page.goto(f"{base_url}/test-client")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#checks .badge").first).to_be_visible(timeout=60_000)
    marks = page.locator("#checks .badge").all_text_contents()
    assert len(marks) == 6
    assert set(marks) <= {"pass", "n/a"}
    assert marks[0] == marks[1] == marks[3] == "pass"
    expect(page.locator("#headers")).to_contain_text("x-run-id")
    expect(page.locator("#frames tr.result")).to_have_count(1)
    expect(page.locator("#frames tr.comment").first).to_be_visible()
    result = json.loads(page.locator("#result").text_content())
    assert page.locator("#tokens").text_content() == result["response"]


def test_the_test_client_asks_without_stream(page, base_url):
    """The non-streaming endpoints answer one object."""
    page.goto(f"{base_url}/test-client")
    page.get_by_label("Endpoint").select_option("chat")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#checks")).to_contain_text("One JSON object", timeout=60_000)
    assert page.locator("#checks .badge").all_text_contents() == ["pass"]


# One fault each


def test_markers_become_links_to_their_sources(page, scripted):
    """[n] and [n, m] link to sources, a year in brackets does not, and each says whether it was verified."""
    page.goto(scripted.url)
    ask(page)
    turn = ended(page)
    assert turn.locator(".text").text_content() == TEXT.replace("[1, 2]", "[1][2]")
    assert turn.locator(".marker").all_text_contents() == ["[1]", "[1]", "[2]", "[3]"]
    expect(turn.locator(".marker").first).to_have_attribute("aria-label", "Source 1, verified")
    expect(turn.locator(".marker").last).to_have_attribute("aria-label", "Source 3, not verified")
    assert turn.locator(".source .badge").all_text_contents() == ["Verified", "Not verified"]
    assert turn.locator(".source a.where").first.get_attribute("href") == f"{scripted.url}/documents/doc-1#page=4"
    expect(turn.locator(".notes")).to_have_text(DEGRADED[0])


def opened(page):
    """Wait until a page is shown in the dialog, and return the dialog."""
    view = page.get_by_role("dialog")
    expect(view.locator("#page-scroll")).to_have_attribute("aria-busy", "false")
    return view


def test_a_source_opens_its_page(page, scripted):
    """A click shows the page with the passage marked and scrolled to; Esc closes and the focus is back where it was."""
    page.goto(scripted.url)
    ask(page)
    link = ended(page).locator(".source a.where").first
    link.click()
    view = opened(page)
    expect(view.get_by_role("heading")).to_have_text("Nordfjord Seafood plc, 2023, annual report")
    expect(view.locator("#page-number")).to_have_text("Page 4 of 9")
    expect(view.locator("#page-note")).to_have_text("The passage is marked.")
    shown = view.get_by_role("img")
    assert shown.evaluate("node => node.naturalWidth") == 600
    assert shown.get_attribute("alt").startswith(
        "Page 4 of Nordfjord Seafood plc, 2023, annual report, with the passage marked: Revenue"
    )
    assert view.locator("#page-scroll").evaluate("node => node.scrollTop") > 500
    assert view.get_by_role("link").evaluate("node => node.href") == f"{scripted.url}/documents/doc-1#page=4"
    page.keyboard.press("Escape")
    expect(view).to_be_hidden()
    expect(link).to_be_focused()
    assert page.url.rstrip("/") == scripted.url


def test_a_citation_opens_its_page_with_its_own_words(page, scripted):
    """A marker asks for the claim it stands behind, and for the source's passage where the claim is not to be found."""
    claims = [{**CITATIONS[0], "quote": "the third claim"}, CITATIONS[0]]
    scripted.play(Script(conversation(TOKENS, sources=SOURCES, citations=claims)))
    page.goto(scripted.url)
    ask(page)
    turn = ended(page)
    asked = []
    page.on(
        "request", lambda sent: asked.append(parse_qs(urlsplit(sent.url).query).get("highlight")) if ".png" in sent.url else None
    )
    turn.locator(".marker").first.click()
    opened(page)
    assert asked[0] == [CITATIONS[0]["quote"]]
    page.get_by_role("button", name="Close").click()
    asked.clear()
    turn.locator(".quotes a").first.click()
    view = opened(page)
    assert asked[:2] == [["the third claim"], [SOURCES[0]["snippet"]]]
    assert "with the passage marked: Revenue" in view.get_by_role("img").get_attribute("alt")
    expect(view.locator("#page-note")).to_have_text("The passage is marked.")


OPERANDS = [
    {"label": label, "concept": "", "value": value, "unit": "money", "scale": 6, "currency": "NOK", "period": "2023", "document_id": f"doc-{n}", "page": 3 + n, "quote": f"{label} {value}", "n": n}
    for n, label, value in ((1, "Operating profit", -154.5), (2, "Revenue", 1284.0))
]  # fmt: skip
MARGIN = {"text": "−12.0 %", "value": -12.03, "unit": "percent", "scale": 0, "currency": "", "decimals": 1}


def test_a_computed_figure_shows_its_operands_each_with_its_page(page, scripted):
    """Formula and operands unfold by keyboard; an operand opens its page with its row marked, and nothing is wider than the window."""
    calculation = {**MARGIN, "formula": "Operating profit / Revenue", "operands": OPERANDS}
    scripted.play(Script(conversation(TOKENS, sources=SOURCES, citations=CITATIONS, calculations=[calculation])))
    page.goto(scripted.url)
    ask(page)
    computed = ended(page).locator(".calculations")
    summary = computed.get_by_text("How the figure was computed")
    summary.focus()
    summary.press("Enter")
    expect(computed.locator("p")).to_have_text("−12.0 % = Operating profit / Revenue")
    expect(computed.locator(".operand")).to_have_text(["Operating profit, 2023", "Revenue, 2023"])
    expect(computed.locator(".amount")).to_have_text(["NOK −154.5 million", "NOK 1,284 million"])
    assert not overflows(page)
    asked = []
    page.on(
        "request", lambda sent: asked.append(parse_qs(urlsplit(sent.url).query).get("highlight")) if ".png" in sent.url else None
    )
    computed.get_by_role("link").first.click()
    opened(page)
    assert asked[0] == [OPERANDS[0]["quote"]]


def test_an_answer_without_computed_figures_has_no_list_of_them(page, scripted):
    """The part is not there, not even empty."""
    scripted.play(Script(NORMAL))
    page.goto(scripted.url)
    ask(page)
    expect(ended(page).locator(".calculations")).to_have_count(0)


def test_pages_are_turned_by_arrows_and_buttons(page, scripted):
    """Left and right show the neighbours without marks, the ends are ends, and one button leads back."""
    page.goto(scripted.url)
    ask(page)
    ended(page).locator(".source a.where").first.click()
    view = opened(page)
    number = view.locator("#page-number")
    page.keyboard.press("ArrowLeft")
    expect(number).to_have_text("Page 3 of 9")
    opened(page)
    expect(view.locator("#page-note")).to_have_text("")
    assert view.get_by_role("img").get_attribute("alt") == "Page 3 of Nordfjord Seafood plc, 2023, annual report"
    assert view.get_by_role("link").evaluate("node => node.href").endswith("#page=3")
    for _ in range(6):
        view.get_by_role("button", name="Next page").click()
    expect(number).to_have_text("Page 9 of 9")
    expect(view.get_by_role("button", name="Next page")).to_have_attribute("aria-disabled", "true")
    opened(page)
    view.get_by_role("button", name="Back to page 4").click()
    expect(number).to_have_text("Page 4 of 9")
    expect(view.locator("#page-note")).to_have_text("The passage is marked.")
    view.get_by_role("button", name="Enlarge").click()
    widths = view.locator("#page-scroll").evaluate("node => [node.scrollWidth, node.clientWidth]")
    assert widths[0] > 1.5 * widths[1]
    page.keyboard.press("ArrowRight")
    expect(number).to_have_text("Page 4 of 9")


def test_pages_without_pictures_are_shown_as_text(page, scripted):
    """Where there is no picture, the text is there with the passage marked; where there is nothing, it is said."""
    page.goto(scripted.url)
    ask(page)
    turn = ended(page)
    turn.locator(".source a.where").nth(1).click()
    view = opened(page)
    expect(view.locator("mark")).to_contain_text("Revenue\nrose\nto\nNOK 2,284")
    expect(view.locator("#page-number")).to_have_text("Page 5 of 9")
    page.keyboard.press("Escape")
    turn.locator(".source a.where").nth(2).click()
    opened(page)
    expect(view.locator("#page-note")).to_have_text("A document could not be loaded from its store.")
    expect(view.get_by_role("img")).to_have_count(0)


def test_the_page_view_keeps_the_focus_and_fits_a_phone(page, scripted):
    """Tab stays inside, nothing is wider than the window, and a click beside the dialog closes it."""
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(scripted.url)
    ask(page)
    ended(page).locator(".source a.where").first.click()
    view = opened(page)
    for _ in range(9):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || document.activeElement.closest('dialog') !== null")
    assert view.evaluate("node => node.scrollWidth <= node.clientWidth")
    assert view.evaluate("node => node.getBoundingClientRect().width") == 390
    page.set_viewport_size({"width": 1280, "height": 800})
    page.mouse.click(5, 400)
    expect(view).to_be_hidden()


def test_a_source_opens_in_a_new_tab(page, scripted):
    """With Ctrl, or from the page's view, the document opens in a tab of its own and the answer stays where it is."""
    page.goto(scripted.url)
    ask(page)
    turn = ended(page)
    with page.context.expect_page() as tab:
        turn.locator(".source a.where").nth(1).click(modifiers=["ControlOrMeta"])
    assert tab.value.url == f"{scripted.url}/documents/doc-2#page=5"
    turn.locator(".source a.where").first.click()
    view = opened(page)
    with page.context.expect_page() as tab:
        view.get_by_role("link").click()
    assert tab.value.url == f"{scripted.url}/documents/doc-1#page=4"
    assert page.url.rstrip("/") == scripted.url


def test_progress_and_words_move(page, scripted):
    """While the run goes on, the bar and its words show the step, and text is there before the end."""
    scripted.play(Script([*NORMAL[:4], Pause(1.0), *NORMAL[4:-4], Pause(1.0), *NORMAL[-4:]]))
    page.goto(scripted.url)
    ask(page)
    expect(page.locator(".work-words")).to_have_text("Loading documents from S3... 1 of 2")
    assert page.get_by_role("progressbar").evaluate("node => node.value") == 40
    expect(page.locator(".text")).to_contain_text("Revenue of Nordfjord")
    expect(page.locator(".source").first).to_be_visible()
    expect(page.locator(".turn")).to_have_attribute("aria-busy", "true")
    ended(page)
    expect(page.get_by_role("progressbar")).to_be_hidden()


def expecting(act, eta_ms):
    """Return a progress frame that says that the result is ``eta_ms`` away."""
    return Frame(act.id, act.event, {**act.data, "details": {"eta_ms": eta_ms}})


@pytest.mark.parametrize("width", [1280, 360])
def test_the_time_that_is_left_counts_down_in_its_place(page, scripted, width):
    """The time stands beside the step's words, counts, goes when it is not known any more, and moves nothing."""
    page.set_viewport_size({"width": width, "height": 740})
    scripted.play(Script([NORMAL[0], Pause(1.0), expecting(NORMAL[1], 4200), Pause(2.0), NORMAL[2], Pause(2.0), *NORMAL[3:]]))
    page.goto(scripted.url)
    ask(page)
    places = []
    for words, left in (("Starting chat", ""), ("Selecting", "about 4 s left"), ("Selecting", "about 3 s left"), ("Loading", "")):
        expect(page.locator(".work-words")).to_contain_text(words)
        expect(page.locator(".time-left")).to_have_text(left)
        at = page.locator("progress").bounding_box()
        places.append((at["y"] - page.locator(".work-line").bounding_box()["y"], page.locator(".percent").bounding_box()["x"]))
    assert len(set(places)) == 1, places
    ended(page)
    expect(page.locator(".time-left")).to_have_text("")


def test_a_time_that_has_passed_is_not_told(page, scripted):
    """A result that is later than expected leaves no words behind, and neither does a lost connection."""
    acts = [expecting(NORMAL[0], 1300), Pause(9.0), expecting(NORMAL[1], 50_000), *NORMAL[2:]]
    scripted.play(Script(acts, connections=[Cut(3)], retry_ms=9000))
    page.goto(scripted.url)
    ask(page)
    expect(page.locator(".time-left")).to_have_text("about 1 s left")
    expect(page.locator(".time-left")).to_have_text("", timeout=8900)  # before the next step, which would change it
    expect(page.locator(".work-words")).to_contain_text("Connection lost")
    expect(page.locator(".time-left")).to_have_text("")
    ended(page)


def test_the_test_client_tells_the_time_that_is_left(page, scripted):
    """Next to percent, step and message, as it came."""
    scripted.play(Script([expecting(NORMAL[0], 95_000), Pause(1.0), *NORMAL[1:]]))
    page.goto(f"{scripted.url}/test-client")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#step")).to_have_text("5 % · start · Starting chat processing... · about 2 min left")
    expect(page.locator("#state")).to_have_text("Done")
    expect(page.locator("#step")).to_have_text("100 % · complete · Response generation complete!")


@pytest.mark.parametrize("how", ["end", "fin", "rst", "torn", "drain"])
def test_a_cut_stream_goes_on(page, scripted, how):
    """Cut in the middle of the answer: the page says so, resumes by itself, and ends with the same text."""
    scripted.play(Script(NORMAL, connections=[Cut(9, how, 0.3)], retry_ms=2000, bytes_per_write=3))
    page.goto(scripted.url)
    ask(page)
    expect(page.locator(".work.reconnecting .work-words")).to_contain_text("Reconnecting")
    turn = ended(page)
    assert turn.locator(".text").text_content() == TEXT.replace("[1, 2]", "[1][2]")
    resumed = [asked for asked in scripted.asked if asked.path == "/runs/run-1/events"]
    ids = [asked.headers["last-event-id"] for asked in resumed]
    # after a reset the browser may throw away what it had not handed to the page yet
    assert ids == ["1.9"] if how != "rst" else len(ids) == 1 and ids[0] <= "1.9"


def test_many_cuts_lose_and_double_nothing(page, scripted):
    """A connection that lets one frame through at a time still ends with the same text."""
    scripted.play(Script(NORMAL, connections=[Cut(3, "rst"), *[Cut(1, "end")] * (EVENTS - 4)], bytes_per_write=1))
    page.goto(scripted.url)
    ask(page)
    assert ended(page).locator(".text").text_content() == TEXT.replace("[1, 2]", "[1][2]")


def test_a_post_that_breaks_is_repeated_under_its_key(page, scripted):
    """A POST cut before its headers is sent again and joins the same run."""
    scripted.play(Script(NORMAL, connections=[Hangup()]))
    page.goto(scripted.url)
    ask(page)
    expect(ended(page).locator(".account")).to_contain_text("Answered")
    posts = [asked.headers["idempotency-key"] for asked in scripted.asked if asked.path == "/chat/stream"]
    assert len(posts) >= 2
    assert len(set(posts)) == len(scripted.runs) == 1


def test_a_reset_starts_the_text_again(page, scripted):
    """Tokens of a void attempt disappear."""
    void = [act for act in conversation(["Wrong "]) if isinstance(act, Frame) and act.event != "result"]
    scripted.play(Script([*void, Frame("2.0", "reset", {"attempt": 2}), *conversation(["Right."], attempt=2)]))
    page.goto(scripted.url)
    ask(page)
    expect(ended(page).locator(".text")).to_have_text("Right.")


def test_an_error_keeps_the_partial_answer_and_retries(page, scripted):
    """A failed run keeps its text and sources, says what failed, and Retry asks again under a new key."""
    broken = failure("llm_unavailable", "The language model is not available.", partial_response="Half ", retry_after_s=3)
    scripted.play(Script(conversation(["Half "], sources=SOURCES, terminal=broken)), Script(NORMAL))
    page.goto(scripted.url)
    ask(page)
    turn = ended(page)
    expect(turn.locator(".failure")).to_contain_text("The language model is not available.")
    expect(turn.locator(".failure")).to_contain_text("Try again in 3 s. (llm_unavailable, request request-of-run-1)")
    expect(turn.locator(".text")).to_have_text("Half ")
    expect(turn.locator(".source")).to_have_count(3)
    page.get_by_role("button", name="Retry").click()
    expect(turn.locator(".text")).to_contain_text("prices held")
    expect(turn.locator(".failure")).to_be_hidden()
    assert len(scripted.runs) == 2


def test_stop_cancels_the_run(page, scripted):
    """Stop ends the run on the server and keeps what was written."""
    scripted.play(Script([*NORMAL[:-3], Pause(30), *NORMAL[-3:]]))
    page.goto(scripted.url)
    ask(page)
    expect(page.locator(".text")).to_contain_text("stands alone")
    page.get_by_role("button", name="Stop").click()
    turn = ended(page)
    expect(turn.locator(".failure.stopped")).to_contain_text("The answer was stopped.")
    expect(turn.locator(".failure.stopped")).to_contain_text("What was answered until then is kept.")
    expect(turn.locator(".text")).to_contain_text("stands alone")
    assert "/runs/run-1/cancel" in scripted.paths("POST")
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible()


def test_a_refusal_says_what_is_wrong(page, scripted):
    """A problem document shows its sentence, fields, code and request id."""
    errors = ({"field": "query", "message": "is too long"},)
    scripted.play(Script(NORMAL, connections=[Refuse(400, "invalid_request", "The request is not valid.", errors)]))
    page.goto(scripted.url)
    ask(page)
    box = ended(page).locator(".failure")
    expect(box).to_contain_text("The request is not valid. (query: is too long)")
    expect(box).to_contain_text("(invalid_request, request request-refused)")


def test_a_proxy_that_lost_the_server_is_asked_again(page, scripted):
    """A page of a proxy's instead of an answer costs the reader a moment, not the answer."""
    scripted.play(Script(NORMAL, connections=[Gateway(504), Cut(9, "rst", 0.3), Gateway(502)]))
    page.goto(scripted.url)
    ask(page)
    turn = ended(page)
    expect(turn.locator(".failure")).to_have_count(0)
    expect(turn.locator(".text")).to_contain_text("Revenue of Nordfjord")


def test_a_stranger_is_recognised(page, scripted):
    """A success that is no event stream is not taken for an answer."""
    scripted.play(Script(NORMAL, connections=[Refuse(200, "hello")]))
    page.goto(scripted.url)
    ask(page)
    expect(ended(page).locator(".failure")).to_contain_text("What answered is not a Jacie server.")


def test_a_lost_run_is_told(page, scripted):
    """A resume that meets 404 says that the rest is lost, and keeps the text."""
    scripted.play(Script(NORMAL, connections=[Cut(9, "rst", 0.3), Refuse(404, "not_found")]))
    page.goto(scripted.url)
    ask(page)
    turn = ended(page)
    expect(turn.locator(".failure")).to_contain_text("no longer has the rest of this answer")
    expect(turn.locator(".failure")).to_contain_text("state_lost")
    expect(turn.locator(".text")).to_contain_text("Revenue of Nordfjord")


def test_no_server_is_told(page, scripted):
    """When nothing answers, the page says so and offers to try again."""
    page.goto(scripted.url)
    page.route("**/chat/stream", lambda route: route.abort())
    ask(page)
    turn = page.locator(".turn")
    expect(turn.locator(".failure")).to_contain_text("The server cannot be reached.")
    expect(page.get_by_role("button", name="Retry")).to_be_visible()


def test_the_conversation_is_remembered_and_forgotten(page, scripted):
    """The next question carries the returned history; a new conversation starts without it."""
    page.goto(scripted.url)
    ask(page)
    ended(page)
    ask(page, "And the year before?")
    expect(page.locator(".turn")).to_have_count(2)
    ended(page)
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator("#welcome")).to_be_visible()
    ask(page, "Something else")
    ended(page)
    sent = [asked.body["conversation_history"] for asked in scripted.asked if asked.path == "/chat/stream"]
    assert sent == [[], HISTORY, []]


def test_without_streams_the_page_asks_for_the_whole(own_page, scripted):
    """A browser that cannot read a stream falls back to the non-streaming endpoint."""
    own_page.add_init_script("delete globalThis.ReadableStream")
    own_page.goto(scripted.url)
    ask(own_page)
    assert ended(own_page).locator(".text").text_content() == TEXT.replace("[1, 2]", "[1][2]")
    assert scripted.paths("POST") == ["/chat"]


def test_hostile_text_stays_text(page, scripted):
    """Markup in tokens, sources and errors is shown as it is, and a script address is no link."""
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    bad = source(1, company=evil, snippet=evil, filename=evil, url="javascript:alert(3)")
    scripted.play(Script(conversation([evil, "[1]"], sources=[bad], degraded=[evil])))
    page.goto(scripted.url)
    ask(page, evil)
    turn = ended(page)
    expect(turn.locator(".text")).to_have_text(f"{evil}[1]")
    assert turn.locator("img, script").count() == 0
    assert turn.locator(".source a").count() == 0


def test_keys_ask_and_break_lines(page, scripted):
    """Shift+Enter starts a new line, Enter asks, an empty box asks nothing."""
    page.goto(scripted.url)
    box = page.get_by_label("Your question")
    box.press("Enter")
    assert page.locator(".turn").count() == 0
    box.type("One")
    box.press("Shift+Enter")
    box.type("Two")
    box.press("Enter")
    ended(page)
    assert page.locator(".question").text_content() == "One\nTwo"


def test_the_end_is_announced(page, scripted):
    """A screen reader hears the whole answer once, when it is final."""
    page.goto(scripted.url)
    ask(page)
    ended(page)
    expect(page.get_by_role("status").first).to_have_text(f"Answer: {TEXT.replace('[1, 2]', '[1][2]')} 3 sources.")


def test_the_test_client_aborts_and_resumes(page, scripted):
    """Abort drops the connection; Resume goes on after the last id, and the joined stream passes the checks."""
    scripted.play(Script([*NORMAL[:9], Comment("keep-alive"), Pause(2.0), *NORMAL[9:]]))
    page.goto(f"{scripted.url}/test-client")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#frames tr.comment")).to_have_count(2)
    page.get_by_role("button", name="Abort connection").click()
    expect(page.locator("#state")).to_have_text("Aborted")
    assert page.locator("#checks .badge").first.text_content() == "FAIL"
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#state")).to_have_text("Done")
    assert set(page.locator("#checks .badge").all_text_contents()) == {"pass"}
    assert page.locator("#tokens").text_content() == TEXT


def test_the_checks_find_a_broken_stream(page, scripted):
    """Ids and progress that go back, a second terminal event and a wrong text all fail."""
    frames = [act for act in NORMAL if isinstance(act, Frame)]
    swapped = [frames[0], frames[4], frames[2], *frames[5:-3], frames[-1], frames[-1]]
    swapped[7] = Frame(swapped[7].id, "token", {"text": "?"})
    scripted.play(Script(swapped))
    page.goto(f"{scripted.url}/test-client")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#checks .badge").first).to_be_visible()
    assert page.locator("#checks .badge").all_text_contents() == ["FAIL", "FAIL", "FAIL", "FAIL", "pass", "pass"]


def test_the_body_and_its_options_edit_each_other(page, scripted):
    """Options change the JSON, the JSON changes the options, and broken JSON is named and not sent."""
    page.goto(f"{scripted.url}/test-client")
    page.get_by_label("auto_load_documents").uncheck()
    page.get_by_label("on_disconnect").select_option("cancel")
    page.get_by_label("company").fill("Nordfjord")
    body = json.loads(page.get_by_label("Body (JSON)").input_value())
    assert body["auto_load_documents"] is False
    assert (body["on_disconnect"], body["filters"]) == ("cancel", {"company": "Nordfjord"})
    page.get_by_label("Body (JSON)").fill('{"query": "It\'s?", "memory_enabled": false, "filters": {"period": "2023"}}')
    expect(page.get_by_label("memory_enabled")).not_to_be_checked()
    expect(page.get_by_label("period")).to_have_value("2023")
    assert r"""-d '{"query":"It'\''s?","memory_enabled":false""" in page.get_by_label("The same with curl").input_value()
    page.get_by_label("Body (JSON)").fill("{")
    expect(page.locator("#body-problem")).not_to_be_empty()
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_disabled()


def test_the_test_client_sends_its_headers(page, scripted):
    """Idempotency-Key and Prefer reach the server, and a 202 is shown."""
    page.goto(f"{scripted.url}/test-client")
    page.get_by_role("button", name="New key").click()
    key = page.get_by_label("Idempotency-Key").input_value()
    page.get_by_label("Prefer: respond-async").check()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#state")).to_have_text("Accepted")
    asked = scripted.asked[-1]
    assert (asked.headers["idempotency-key"], asked.headers["prefer"]) == (key, "respond-async")


def test_the_test_client_shows_a_refusal(page, scripted):
    """A problem document is shown as it came."""
    scripted.play(Script(NORMAL, connections=[Refuse(422, "conflict", "Used before.")]))
    page.goto(f"{scripted.url}/test-client")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#state")).to_have_text("Refused")
    expect(page.locator("#state-words")).to_have_text("conflict: Used before.")
    assert json.loads(page.locator("#result").text_content())["code"] == "conflict"


def test_the_browser_parses_split_streams(page, scripted):
    """The parser of the page agrees with the table of the Python parser, in the browser itself."""
    from tests.client.test_sse_parser import CASES

    page.goto(scripted.url)
    run = """async ([url, chunks]) => {
      const { SseParser } = await import(url);
      const parser = new SseParser();
      return chunks.flatMap((bytes) => parser.feed(new Uint8Array(bytes))).map((item) => item.data ?? item.text ?? item.milliseconds);
    }"""
    for name, (chunks, expected) in CASES.items():
        wanted = [getattr(item, "data", getattr(item, "text", getattr(item, "milliseconds", None))) for item in expected]
        found = page.evaluate(run, [f"{scripted.url}/static/js/sse.js", [list(chunk) for chunk in chunks]])
        assert found == wanted, name


# Markdown


MARKDOWN = """# Results of 2023

Revenue rose by **4.2 %** to *NOK 1,284 million* [1], see [the release](https://example.com/a?b=c) and `note_7`.
A second line, with <b>no</b> markup & a ![chart](https://example.com/chart.png).

| Segment | Revenue | Share |
|:--------|--------:|:-----:|
| Europe [2] | 1,000 | 78 % |
| Asia | 284 | 22 % |

3. Third
4. Fourth
   - nested **one**
   - nested two

> Quoted words [3]

```
a <- b | c
```

---

[1]: https://example.com/reference

The end * of 5 * 3, a_b_c and $x$ [2022]."""


def test_markdown_is_rendered(page, scripted):
    """Headings, emphasis, lists, tables, code and links are elements; pictures are named and not loaded; markup is text."""
    scripted.play(Script(conversation([MARKDOWN[start : start + 7] for start in range(0, len(MARKDOWN), 7)], sources=SOURCES)))
    page.goto(scripted.url)
    ask(page)
    text = ended(page).locator(".text")
    assert text.locator("h3, strong, em, code, blockquote, hr").all_text_contents() == [
        "Results of 2023", "4.2 %", "NOK 1,284 million", "note_7", "one", "Quoted words [3]", "a <- b | c", "",
    ]  # fmt: skip
    assert text.locator("th, td").all_text_contents() == [
        "Segment",
        "Revenue",
        "Share",
        "Europe [2]",
        "1,000",
        "78 %",
        "Asia",
        "284",
        "22 %",
    ]
    assert text.locator("td.right").count() == text.locator("td.center").count() == 2
    assert text.locator("ol").get_attribute("start") == "3"
    assert text.locator("ol > li > ul > li").count() == 2
    link = text.locator("a:not(.marker)")
    assert link.evaluate("node => [node.href, node.rel, node.target, node.nextSibling.textContent]") == [
        "https://example.com/a?b=c", "noopener noreferrer nofollow", "_blank", " (example.com)",
    ]  # fmt: skip
    assert text.locator(".marker").all_text_contents() == ["[1]", "[2]", "[3]", "[1]"]
    expect(text).to_contain_text("with <b>no</b> markup & a chart (not shown).")
    expect(text).to_contain_text("The end * of 5 * 3, a_b_c and $x$ [2022].")


GROWN = """async ([url, text, size]) => {
  const { AnswerText } = await import(url);
  const shown = (pieces) => {
    const answer = new AnswerText(document.createElement("div"), (n) => (n < 4 ? `source-${n}` : null), (change) => change());
    for (const piece of pieces) {
      answer.append(piece);
      answer.flush();
    }
    return [answer.element.innerHTML, answer.value];
  };
  const pieces = [];
  for (let at = 0; at < text.length; at += size) pieces.push(text.slice(at, at + size));
  return [shown(pieces), shown([text])];
}"""


@pytest.mark.parametrize("size", [1, 5, 17])
def test_an_answer_looks_the_same_however_it_came(page, scripted, size):
    """Drawn piece by piece or at once, Markdown gives the same nodes; so do texts that try to confuse it."""
    page.goto(scripted.url)
    hard = [
        "a\n|b|\n|-|\n|c|\n\nd",
        "- a\n\n  b\n- c\n\nd\n# e\n#f\n",
        "```\nx\n\n# y\n```\nz\n> a\nb\n\n> c",
        "1. a\n\n\n2. b\n   > c\n\nd\n---\n***\ne",
        "\n\n a",
    ]
    for text in [MARKDOWN, TEXT, *hard, "\n\n".join(text.text for text in payloads()[:120])]:
        grown, whole = page.evaluate(GROWN, [f"{scripted.url}/static/js/answer-text.js", text, size])
        assert grown == whole


def test_long_and_nested_markdown_does_not_hold_up_the_page(page, scripted):
    """Texts made to be slow to read are drawn: in the square of their lengths this test would not come to its end."""
    page.goto(scripted.url)
    for text in (
        "[" * 90_000,
        "*a_ " * 27_000,
        "> " * 45_000 + "x",
        "`" * 60_001 + "a",
        "- " * 27_000,
        "|a" * 45_000 + "\n" + "|-" * 45_000,
        "x" * 300_000,
        "[a](" * 24_000,
    ):
        drawn = page.evaluate("""async ([url, text]) => {
          const { AnswerText } = await import(url);
          const box = document.createElement("div");
          const answer = new AnswerText(box, () => null, (change) => change());
          answer.append(text);
          answer.flush();
          return box.textContent.length;
        }""", [f"{scripted.url}/static/js/answer-text.js", text])  # fmt: skip
        assert drawn > 0, text[:10]


# The page loaded anew


def test_the_conversation_survives_a_reload(page, scripted):
    """Questions, answers, sources and verdicts are there again, the next question carries the history, and nothing is asked twice."""
    broken = failure("llm_unavailable", "The language model is not available.", partial_response="Half ")
    scripted.play(Script(NORMAL), Script(conversation(["Half "], sources=SOURCES, terminal=broken)), Script(NORMAL))
    page.goto(scripted.url)
    ask(page)
    ended(page)
    ask(page, "And then?")
    expect(page.locator(".turn")).to_have_count(2)
    ended(page)
    look = "() => document.getElementById('conversation').innerText"
    before = page.evaluate(look)
    page.reload()
    expect(page.locator(".turn")).to_have_count(2)
    assert page.evaluate(look) == before
    assert page.locator(".turn").first.locator(".marker").first.get_attribute("aria-label") == "Source 1, verified"
    expect(page.locator("#welcome")).to_be_hidden()
    expect(page.locator("#announcer")).to_have_text("")
    assert len(scripted.paths("POST")) == 2
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(".turn").last.locator(".text")).to_contain_text("prices held")
    assert scripted.asked[-1].body["conversation_history"] == HISTORY
    page.get_by_role("button", name="New conversation").click()
    page.reload()
    expect(page.locator("#welcome")).to_be_visible()
    expect(page.locator(".turn")).to_have_count(0)


def test_an_answer_that_is_being_written_goes_on_after_a_reload(page, scripted):
    """The same run is read again from its beginning, to the same text, without a second question."""
    scripted.play(Script([*NORMAL[:9], Pause(1.5), *NORMAL[9:]]))
    page.goto(scripted.url)
    ask(page)
    expect(page.locator(".text")).to_contain_text("Revenue of Nordfjord")
    page.reload()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    turn = ended(page)
    assert turn.locator(".text").text_content() == TEXT.replace("[1, 2]", "[1][2]")
    assert (scripted.paths("POST"), scripted.paths("GET").count("/runs/run-1/events")) == (["/chat/stream"], 1)
    expect(turn.locator(".account li").first).to_contain_text("Starting chat processing...")


def test_a_question_that_was_just_sent_is_not_asked_twice(page, scripted):
    """Loaded anew before the server named the run, the page asks under the same key and joins it."""
    page.goto(scripted.url)
    held = []
    page.route("**/chat/stream", lambda route: held.append(route.request.headers["idempotency-key"]), times=1)
    ask(page)
    expect(page.locator(".turn")).to_have_count(1)
    page.reload()
    expect(ended(page).locator(".account")).to_contain_text("Answered")
    sent = [asked.headers["idempotency-key"] for asked in scripted.asked if asked.path == "/chat/stream"]
    assert sent == held


def test_what_cannot_be_read_again_is_left(page, scripted):
    """Something else in the tab's storage does no harm."""
    page.goto(scripted.url)
    for kept in ("{", "[]", '{"turns": 1}', '{"turns": [{"question": 1}, null], "history": []}', "null"):
        page.evaluate("kept => sessionStorage.setItem('jacie.conversation:/', kept)", kept)
        page.reload()
        expect(page.locator("#welcome")).to_be_visible()
        assert page.evaluate("() => sessionStorage.getItem('jacie.conversation:/')") == kept
        ask(page)
        ended(page)


def test_only_the_last_turns_are_kept(page, scripted):
    """What is kept is bounded in turns and characters; the newest stays."""
    page.goto(scripted.url)
    kept = page.evaluate("""async (url) => {
      const { Memory } = await import(url);
      const memory = new Memory("/test");
      for (let n = 0; n < 30; n += 1) {
        const turn = memory.begin({ question: `${n}`, endpoint: "chat", key: "k" });
        memory.note(turn, { event: "result", data: { response: "x".repeat(90_000) } });
      }
      const again = new Memory("/test");
      return [memory.turns.length, again.turns.map(({ question }) => question), sessionStorage.getItem("jacie.conversation:/test").length];
    }""", f"{scripted.url}/static/js/memory.js")  # fmt: skip
    assert kept[0] == 20
    assert kept[1] == [str(n) for n in range(30 - len(kept[1]), 30)]
    assert 5 <= len(kept[1]) <= 11
    assert kept[2] <= 1_000_000
