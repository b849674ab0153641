"""Hostile text in a real browser: whatever a model repeats or a document holds, no script runs and nobody else is asked."""

import contextlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.event_server import Frame, conversation, failure, source
from tests.support.hostile_text import Payload, payloads
from tests.support.jacie import Running, gunicorn
from tests.support.openai_server import OpenAIServer, Script
from tests.support.reliability import record
from tests.support.servers import Request

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no page is tested in a browser")
expect = sync_api.expect

pytestmark = pytest.mark.reliability

TEXTS = payloads()
BATCHES = [TEXTS[start : start + 65] for start in range(0, len(TEXTS), 65)]
KIND = {text.n: text.kind for text in TEXTS}
EVENTS = "what happened"
WATCH = """
  addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sample }) =>
    violated(`${effectiveDirective} ${blockedURI} ${sample}`), true);
"""
STRANGE = """() => {
  const elements = new Set(("a article blockquote br button code details div dd dl dt em h1 h2 h3 h4 h5 h6 hr li ol p pre progress q s section"
    + " small span strong summary table tbody td th thead tr ul").split(" "));
  const attributes = new Set(("aria-busy aria-haspopup aria-hidden aria-label class dir hidden href id max open rel role start tabindex target"
    + " title type value data-host data-n").split(" "));
  const found = [];
  for (const node of document.querySelectorAll("#conversation *, #examples *, #collection *, #announcer *, #page-text > :not(mark)")) {
    if (!elements.has(node.localName) || node.namespaceURI !== "http://www.w3.org/1999/xhtml") found.push(node.outerHTML.slice(0, 200));
    for (const { name } of node.attributes) if (!attributes.has(name)) found.push(`${name} of ${node.outerHTML.slice(0, 200)}`);
  }
  for (const link of document.querySelectorAll(".text a:not(.marker)")) {
    const honest = link.nextElementSibling?.className === "host" && link.nextElementSibling.textContent === ` (${link.dataset.host})`;
    const leads = link.protocol === "mailto:" || (/^https?:$/.test(link.protocol) && link.host === link.dataset.host && link.host !== location.host);
    if (!honest || !leads || link.rel !== "noopener noreferrer nofollow") found.push(link.outerHTML);
  }
  for (const link of document.querySelectorAll(".evidence a, .source a")) if (link.origin !== location.origin) found.push(link.outerHTML);
  const disguise = /[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\u{e0000}-\\u{e0fff}]/u;
  for (const part of ["#conversation", "#examples", "#page-view", "#announcer"]) {
    const hidden = disguise.exec(document.querySelector(part).textContent);
    if (hidden) found.push(`${part}: U+${hidden[0].codePointAt(0).toString(16)}`);
  }
  return found;
}"""


@dataclass
class Watched:
    """A page and what happened in it that should not."""

    page: Any
    own: str
    ran: list[Any] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def ask(self, question: str) -> Any:
        """Ask, wait for the end and return the turn."""
        turns = self.page.locator(".turn").count()
        self.page.get_by_label("Your question").fill(question)
        self.page.keyboard.press("Enter")
        expect(self.page.locator(".turn")).to_have_count(turns + 1)
        turn = self.page.locator(".turn").last
        expect(turn).to_have_attribute("aria-busy", "false")
        return turn

    def assert_harmless(self) -> None:
        """Nothing ran, nothing was asked for elsewhere, no policy had to step in, and every node is one of ours."""
        self.settle()
        assert self.page.evaluate(STRANGE) == []
        assert self.page.url.startswith(self.own)

    def settle(self) -> None:
        """Give what may still come its time, and assert that nothing did."""
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 20)))")
        assert (self.ran, self.foreign, self.violations) == ([], [], [])


@contextlib.contextmanager
def watching(browser: Any, own: str, tally: Counter[tuple[str, str]] | None = None, **options: Any) -> Iterator[Watched]:
    """Open a page that counts scripts, foreign requests and violations; ``bypass_csp=True`` takes the policy away."""
    context = browser.new_context(**options)
    watched = Watched(context.new_page(), own)
    context.expose_binding("canary", lambda _, n=None: watched.ran.append(n))
    context.expose_binding("violated", lambda _, words: watched.violations.append(words))
    context.add_init_script(WATCH)
    context.on("dialog", lambda dialog: (watched.ran.append("dialog"), dialog.dismiss()))
    elsewhere = re.compile(f"^(?!{re.escape(own)}/|data:|blob:|about:)")
    context.route(elsewhere, lambda route: (watched.foreign.append(route.request.url), route.abort()))
    watched.page.set_default_timeout(20_000)
    try:
        yield watched
    finally:
        context.close()
        if tally is not None:
            tally[EVENTS, "Scripts run"] += len(watched.ran)
            tally[EVENTS, "requests to other hosts"] += len(watched.foreign)
            tally[EVENTS, "violations of the policy"] += len(watched.violations)


def told(request: Request) -> Script:
    """Repeat the batch that a question names."""
    asked = re.findall(r"Question: What were net sales\? repeat batch (\d+)", request.body.decode())
    answer = "\n\n".join(text.text for text in BATCHES[int(asked[-1])]) if asked else "Net sales were 12 million [1]."
    return Script(answer=answer, tokens_per_write=4, chunks_per_write=8)


def named(text: str) -> str:
    """Return a text as the name of a file: all but slashes and what is too long."""
    return text.replace("/", "").replace("\0", "").encode()[:150].decode(errors="ignore")


def collection(folder: Path) -> Path:
    """Write filings whose companies, periods, names and pages are hostile."""
    catalog: dict[str, list[dict[str, str]]] = {}
    for place, text in enumerate(TEXTS[::9]):
        suffix = (".txt", ".md", ".html", ".svg")[place % 4]
        name = f"{named(text.text)} {place}{suffix}"
        said = "\n".join(f"# {one.text}\nNet sales were {one.n} million. {one.text}" for one in TEXTS[place * 9 : place * 9 + 9])
        shell = {".svg": "<svg xmlns='http://www.w3.org/2000/svg' onload='canary({n})'><script>canary({n})</script>{said}</svg>"}
        (folder / name).write_text(shell.get(suffix, "<script>canary({n})</script>{said}").format(n=text.n, said=said))
        catalog[f"{text.text} plc"] = [{"filename": name, "document_link": name, "document_type": text.text, "period": text.text}]
    for text in TEXTS[4::110]:
        (folder / f"{named(text.text)}.pdf").write_bytes(b"%PDF-1.7 broken")
        catalog[f"{text.text} Broken"] = [{"filename": f"{named(text.text)}.pdf", "document_type": "10-K", "period": "2023"}]
    (folder / "metadata.json").write_text(json.dumps(catalog))
    return folder


@pytest.fixture(scope="module")
def model() -> Iterator[OpenAIServer]:
    """Obey."""
    with OpenAIServer(told) as server:
        yield server


@pytest.fixture(scope="module")
def jacie(tmp_path_factory, model) -> Iterator[Running]:
    """Serve the hostile collection with the obedient model."""
    folder = collection(tmp_path_factory.mktemp("hostile"))
    settings = {"JACIE_DOCUMENTS": str(folder), "OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": "x"}
    with gunicorn(tmp_path_factory.mktemp("data"), JACIE_EMBEDDINGS="embedded", **settings) as running:
        yield running


@pytest.fixture(scope="module")
def tally() -> Iterator[Counter[tuple[str, str]]]:
    """Count what was delivered where, and record it: nothing is counted that was not asserted to be harmless."""
    counted: Counter[tuple[str, str]] = Counter()
    yield counted
    channels = list(dict.fromkeys(channel for channel, _ in counted if channel != EVENTS))
    rows = [
        {"kind": kind, "texts": texts, **{channel: counted[channel, kind] for channel in channels}}
        for kind, texts in Counter(KIND.values()).items()
    ]
    text = (
        f"{len(TEXTS)} hostile texts were repeated word for word by an obedient model, and put into every field of a run's events and of "
        "a collection, in a real browser: half of the times with the pages' policy, where a violation would count, half with the policy "
        "taken away, so that the page alone has to hold. The columns count how often texts of a kind were shown in each place. "
        + ", ".join(
            f"{what}: {counted[EVENTS, what]}" for what in ("Scripts run", "requests to other hosts", "violations of the policy")
        )
        + ". The same detector counts dozens of scripts and requests on a page that trusts these texts."
    )
    record("30-payloads", "Hostile text", text, rows)


def delivered(tally: Counter[tuple[str, str]], channel: str, texts: list[Payload], times: int = 1) -> None:
    """Count texts as shown in a channel."""
    for text in texts:
        tally[channel, text.kind] += times


POLICY = pytest.mark.parametrize(
    "bypass_csp", [pytest.param(False, id="with the policy", marks=pytest.mark.soak), pytest.param(True, id="without it")]
)


@POLICY
def test_an_obedient_model_runs_nothing(browser, jacie, tally, bypass_csp):
    """Every text as an answer, as the history of the next question, and again after the page was loaded anew."""
    with watching(browser, jacie.url, tally, bypass_csp=bypass_csp) as watched:
        watched.page.goto(jacie.url)
        for number, batch in enumerate(BATCHES):
            turn = watched.ask(f"What were net sales? repeat batch {number}")
            assert len(turn.locator(".text").text_content()) > 20 * len(batch)
        watched.assert_harmless()
        delivered(tally, "answers", TEXTS)
        watched.page.reload()
        expect(watched.page.locator(".turn")).to_have_count(len(BATCHES))
        expect(watched.page.locator(".text").last).to_contain_text("canary")
        watched.assert_harmless()
        delivered(tally, "reloaded", TEXTS)


def fields(batch: list[Payload]) -> list[Any]:
    """Return a run whose every field holds one of the texts after the other."""
    given = itertools.cycle(batch)
    some = lambda: next(given).text  # noqa: E731 - what a field gets is the next text
    names = ("company", "filename", "period", "document_type", "snippet", "url", "document_id")
    sources = [source(n, **{name: some() for name in names}) for n in range(1, 25)]
    citations = [
        {"n": n, "quote": some(), "page": 4, "document_id": some(), "verified": n % 2 == 0, "reason": some()}
        for n in range(1, 25)
    ]
    result = {
        "citations": citations,
        "degraded": [some() for _ in range(9)],
        "document_selection_message": some(),
        "model": some(),
    }
    said = conversation([some(), " [1] ", some(), "[2, 3]"], sources=sources, **result)
    said[1] = Frame("1.2", "progress", {**said[1].data, "message": some(), "step": some()})
    return said


@POLICY
def test_no_field_of_an_event_runs_anything(browser, jacie, tally, bypass_csp):
    """Names, snippets, addresses, quotes, notes, steps and failures, on the chat page and the test client."""
    with watching(browser, jacie.url, tally, bypass_csp=bypass_csp) as watched:
        runs = iter([fields(batch) for batch in BATCHES] * 2)
        bad = [
            {"document_id": str(text.n), "company": text.text, "period": text.text, "filename": text.text} for text in TEXTS[::16]
        ]
        watched.page.route("**/documents?*", lambda route: route.fulfill(json={"documents": bad, "next_cursor": None}))
        watched.page.route("**/*chat/stream", lambda route: route.fulfill(
            content_type="text/event-stream", body=b"".join(frame.encode() for frame in next(runs))))  # fmt: skip
        watched.page.goto(jacie.url)
        for batch in BATCHES:
            watched.ask(batch[0].text)
        watched.assert_harmless()
        delivered(tally, "fields", TEXTS)
        watched.page.goto(f"{jacie.url}/test-client")
        for _ in BATCHES:
            watched.page.get_by_role("button", name="Run", exact=True).click()
            expect(watched.page.locator("#state")).to_have_text("Done")
        watched.settle()
        delivered(tally, "test client", TEXTS)
        broken = [conversation([text.text], terminal=failure(text.text, text.text, request_id=text.text)) for text in TEXTS[::40]]
        runs = iter(broken)
        watched.page.goto(jacie.url)
        for _ in broken:
            watched.ask("and this?")
        watched.assert_harmless()


@POLICY
def test_a_hostile_collection_runs_nothing(browser, jacie, model, tally, bypass_csp):
    """Its names, snippets, notes and pages on the chat page, and its documents opened in tabs of their own."""
    with watching(browser, jacie.url, tally, bypass_csp=bypass_csp) as watched:
        watched.page.goto(jacie.url)
        documents = jacie.get("/documents?limit=500")["documents"]
        ids = {Path(document["filename"]).suffix: document["document_id"] for document in documents}
        turn = watched.ask("What were net sales?")
        assert turn.locator(".source").count() >= 2
        for link in turn.locator(".source a.where").all():
            link.click()
            expect(watched.page.locator("#page-scroll")).to_have_attribute("aria-busy", "false")
            watched.assert_harmless()
            watched.page.keyboard.press("Escape")
        for name in turn.locator(".source .file").all_text_contents():
            place = int(re.findall(r" (\d+)\.\w+$", name)[0])
            delivered(tally, "documents", TEXTS[place * 9 : place * 9 + 9])
        for document in ids.values():
            opened = watched.page.context.new_page()
            with contextlib.suppress(sync_api.Error):  # what is saved and not shown ends the navigation
                opened.goto(f"{jacie.url}/documents/{document}")
            opened.close()
        watched.assert_harmless()


def test_the_prompt_keeps_strangers_inside_the_fence(jacie, model):
    """One fence with a code of its own, the question behind it, no special token and no numbered line but our own."""
    status, result = jacie.post("/chat", {"query": "What were net sales?"})
    assert status == 200
    asked = model.chats[-1].json["messages"][-1]["content"]
    (code,) = re.findall(r"^<excerpts (\w{16})>$", asked, re.MULTILINE)
    assert asked.endswith(f"\n</excerpts {code}>\n\nQuestion: What were net sales?")
    assert re.findall(r"</?\s*excerpts", asked) == ["<excerpts", "</excerpts"]
    assert re.findall(r"<\s?\|(?<! \|)|\[/?INST|<s>|<<SYS", asked) == []
    assert [int(n) for n in re.findall(r"^\[(\d+)\]", asked, re.MULTILINE)] == list(range(1, len(result["sources"]) + 1))


def test_documents_are_never_pages_of_ours(jacie):
    """HTML and SVG are saved, text is text, nothing may be framed, and each answer says so itself."""
    import urllib.request

    seen = set()
    for document in jacie.get("/documents?limit=500")["documents"]:
        with urllib.request.urlopen(f"{jacie.url}/documents/{document['document_id']}") as answer:
            kind, placed = answer.headers["Content-Type"], answer.headers["Content-Disposition"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["X-Frame-Options"] == "DENY"
            if not kind.startswith("application/pdf"):
                assert "sandbox" in answer.headers["Content-Security-Policy"]
            suffix = Path(document["filename"]).suffix
            assert (kind.split(";")[0], placed.split(";")[0]) == {
                ".txt": ("text/plain", "inline"), ".md": ("text/plain", "inline"), ".pdf": ("application/pdf", "inline"),
            }.get(suffix, ("application/octet-stream", "attachment"))  # fmt: skip
            seen.add(suffix)
    assert seen == {".txt", ".md", ".html", ".svg", ".pdf"}


@pytest.mark.parametrize("policy", ["", "default-src 'none'; script-src 'unsafe-inline'"], ids=["no policy", "a policy"])
def test_the_detector_detects(browser, jacie, policy):
    """A page that trusts the same texts runs many of them and asks the other host; where there is a policy, it steps in."""
    texts = json.dumps([text.text for text in TEXTS if "refresh" not in text.text]).replace("<", "\\u003c")
    script = (
        f"for (const text of {texts}) document.body.append(Object.assign(document.createElement('div'), {{ innerHTML: text }}))"
    )
    headers = {"Content-Security-Policy": policy} if policy else {}
    with watching(browser, jacie.url) as watched:
        unsafe = f"<!doctype html><meta charset=utf-8><body><script>{script}</script>"
        watched.page.route("**/unsafe", lambda route: route.fulfill(content_type="text/html", headers=headers, body=unsafe))
        watched.page.goto(f"{jacie.url}/unsafe", wait_until="commit")
        enough = 10 if policy else 30
        for _ in range(100):
            watched.page.wait_for_timeout(50)
            if len(set(watched.ran)) >= enough:
                break
        assert len(set(watched.ran)) >= enough
        assert bool(watched.foreign) == (not policy)
        assert bool(watched.violations) == bool(policy)
