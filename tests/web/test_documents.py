"""Pages of documents over HTTP, on the application under gunicorn: text, pictures, refusals and what browsers may keep."""

import contextlib
import http.client
import io
import json
import os
import select
import shutil
import signal
import subprocess
import threading
import time
from urllib.parse import quote, urlencode

import openpyxl
import pytest
from PIL import Image

from jacie_flask.app import create
from tests.support.exposition import scrape
from tests.support.jacie import ROOT, gunicorn
from tests.support.parts import ingested, over_texts
from tests.support.raw_http import connect, get, received, sent
from tests.support.waiting import wait_for

PASSAGE = "Revenue 42,280 39,265 +7.7%\nEBITDA 14,855 13,045 +13.9%"
REPORT = "zanobela_telecom_2024_annual_report.pdf"


class Served:
    """A running Jacie over a folder of its own."""

    def __init__(self, running, folder):
        """Learn the ids."""
        self.running, self.folder = running, folder
        self.ids = {document["filename"]: document["document_id"] for document in running.get("/documents")["documents"]}

    def ask(self, path, method="GET", **headers):
        """Return (status, headers, body)."""
        connection = http.client.HTTPConnection(self.running.url.removeprefix("http://"), timeout=30)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def page(self, filename, number, picture=True, **asked):
        """Return the path of a page."""
        query = f"?{urlencode(asked)}" if asked else ""
        return f"/documents/{self.ids[filename]}/pages/{number}{'.png' if picture else ''}{query}"


@pytest.fixture(scope="module")
def jacie(tmp_path_factory):
    """Serve one report, one text and one broken file."""
    folder = tmp_path_factory.mktemp("filings")
    shutil.copy(ROOT / "sample_documents" / REPORT, folder)
    (folder / "notes.txt").write_text("First page.\fSecond page.")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    data = tmp_path_factory.mktemp("data")
    with gunicorn(data, JACIE_DOCUMENTS=str(folder), JACIE_MODEL="scripted", JACIE_INGEST="off") as running:
        yield Served(running, folder)


def test_a_page_is_a_picture_with_its_passage_marked(jacie):
    """The PNG, how many pages there are, and where the mark is."""
    status, headers, body = jacie.ask(jacie.page(REPORT, 3, highlight=PASSAGE))
    picture = Image.open(io.BytesIO(body))
    assert (status, headers["Content-Type"], picture.format) == (200, "image/png", "PNG")
    assert (headers["X-Highlight"], headers["X-Pages"]) == ("found", "15")
    left, top, right, bottom = map(float, headers["X-Highlight-Box"].split(","))
    assert 0 < left < right <= 1
    assert 0 < top < bottom < 0.3
    assert picture.width > 1000
    middle = picture.convert("RGB").crop((int(left * picture.width), int(top * picture.height), int(left * picture.width) + 4,
                                          int(top * picture.height) + 4))  # fmt: skip
    red, green, blue = middle.getpixel((2, 2))
    assert red > 200
    assert green > 200
    assert blue < 130


def test_a_passage_that_is_elsewhere_is_missing(jacie):
    """The page comes unmarked, and says so; without a passage it says nothing."""
    _, headers, body = jacie.ask(jacie.page(REPORT, 1, highlight=PASSAGE))
    assert headers["X-Highlight"] == "missing"
    assert "X-Highlight-Box" not in headers
    _, plain, same = jacie.ask(jacie.page(REPORT, 1))
    assert "X-Highlight" not in plain
    assert same == body


def test_the_scale_is_pixels_a_point(jacie):
    """Half the scale is half the width."""
    widths = [Image.open(io.BytesIO(jacie.ask(jacie.page(REPORT, 1, scale=scale))[2])).width for scale in ("0.5", "1", "2")]
    assert widths[1] == pytest.approx(2 * widths[0], abs=2)
    assert widths[2] == pytest.approx(2 * widths[1], abs=2)


@pytest.mark.parametrize("picture", [True, False])
def test_browsers_may_keep_a_page_and_ask_whether_it_stands(jacie, picture):
    """ETag and 304, privately; HEAD has the same headers without the body."""
    path = jacie.page(REPORT, 3, picture, **({"highlight": PASSAGE} if picture else {}))
    status, headers, body = jacie.ask(path)
    assert headers["Cache-Control"] == "private, no-cache"
    known = jacie.ask(path, **{"If-None-Match": headers["ETag"]})
    assert (known[0], known[2], known[1]["ETag"]) == (304, b"", headers["ETag"])
    assert jacie.ask(path, **{"If-None-Match": '"another"'})[0] == status == 200
    head = jacie.ask(path, "HEAD")
    assert (head[0], head[2], head[1]["ETag"]) == (200, b"", headers["ETag"])
    assert head[1]["Content-Length"] == str(len(body))
    assert jacie.ask(path, "POST")[0] == 405


def test_each_picture_has_a_tag_of_its_own(jacie):
    """Page, passage and scale are part of it, and a rewritten passage of the same words is not another."""
    asked = [{}, {"highlight": "Revenue"}, {"highlight": "EBITDA"}, {"scale": "1"}, {"highlight": "Revenue", "scale": "1"}]
    tags = [jacie.ask(jacie.page(REPORT, number, **query))[1]["ETag"] for number in (1, 3) for query in asked]
    assert len(set(tags)) == len(tags)
    assert jacie.ask(jacie.page(REPORT, 3, highlight=" Revenue\n"))[1]["ETag"] == tags[6]


def test_unknown_documents_and_pages_are_one_answer(jacie):
    """The same 404, whichever is unknown."""
    answers = set()
    document = jacie.ids[REPORT]
    for path in (f"{document}/pages/16", f"{document}/pages/0", f"{document}/pages/99999999999999999999", "0" * 24 + "/pages/1"):
        for ending in ("", ".png"):
            status, headers, body = jacie.ask(f"/documents/{path}{ending}")
            problem = json.loads(body)
            assert headers["Content-Type"] == "application/problem+json"
            answers.add((status, problem["code"], problem["detail"]))
    assert answers == {(404, "not_found", "There is nothing here under that name.")}


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"highlight": "x" * 1001}, "highlight"),
        *(({"scale": scale}, "scale") for scale in ("0", "5", "nan", "1e0", "", "-1", "٣")),
    ],
)
def test_what_cannot_be_asked_is_named(jacie, asked, field):
    """A passage that is too long and scales that are none are refused."""
    status, _, body = jacie.ask(jacie.page(REPORT, 1, **asked))
    assert (status, json.loads(body)["errors"][0]["field"]) == (400, field)


def test_documents_without_pictures_say_so(jacie):
    """Text has pages but no pictures; a broken file has neither, and says why."""
    status, _, body = jacie.ask(jacie.page("notes.txt", 1))
    problem = json.loads(body)
    assert (status, problem["code"]) == (422, "document_rejected")
    assert "only pages of PDF documents have pictures" in problem["detail"]
    assert json.loads(jacie.ask(jacie.page("notes.txt", 2, False))[2])["text"] == "Second page."
    status, _, body = jacie.ask(jacie.page("broken.pdf", 1))
    assert (status, json.loads(body)["code"]) == (422, "document_rejected")
    assert "it is not a readable PDF" in json.loads(body)["detail"]


def test_odd_passages_do_no_harm(jacie):
    """Signs, zeros, other scripts and lone halves of characters are passages like any other."""
    for words in ("\0", "%00%", "🦊" * 50, "{}\\'\"<script>", "収益は増加した", " " * 900):
        assert jacie.ask(jacie.page(REPORT, 1, highlight=words))[0] == 200
    assert jacie.ask(f"/documents/{jacie.ids[REPORT]}/pages/1.png?highlight=%ff%ed%a0%80")[0] == 200
    assert jacie.ask(f"/documents/{quote(REPORT)}/pages/1.png")[0] == 404


def misses(jacie):
    """Return how many pictures were asked for and had to be drawn."""
    return scrape(jacie.running.url).of("jacie_cache_requests_total", cache="pictures", outcome="miss")


def test_a_page_that_hangs_costs_its_request_only(jacie):
    """While children hang, health and texts answer at once; killed children are replaced."""
    assert jacie.ask(jacie.page(REPORT, 5, scale="1"))[0] == 200
    listed = subprocess.run(["ps", "-ww", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [(int(pid), int(parent), words) for pid, parent, words in (line.split(None, 2) for line in listed.splitlines())]
    workers = {pid for pid, parent, _ in rows if parent == jacie.running.process.pid}
    children = [pid for pid, parent, words in rows if parent in workers and "extraction_worker" in words]
    for child in children:
        os.kill(child, signal.SIGSTOP)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(jacie.ask(jacie.page(REPORT, 6, scale="1"))))
    missed = misses(jacie)
    asking.start()
    wait_for(lambda: misses(jacie) > missed)
    assert jacie.ask("/health")[0] == 200
    assert jacie.ask(jacie.page(REPORT, 5, scale="1"))[0] == 200  # from the cache
    assert not answers, "the page that hangs was waited for"
    for child in children:
        os.kill(child, signal.SIGKILL)
    asking.join(60)
    status, _, body = answers[0]
    assert (status, json.loads(body)["code"]) == (422, "document_rejected")
    assert jacie.ask(jacie.page(REPORT, 6, scale="1"))[0] == 200


def refusals(asked):
    """Wait for the first refusal, whichever of the connections has it, and return all that have come with it."""
    refused, end = [], time.monotonic() + 60
    while not refused:
        ready, _, _ = select.select(asked, [], [], max(0.0, end - time.monotonic()))
        assert ready, "nobody was refused"
        refused = [answer for answer in map(received, ready) if answer.status != 200]
        asked = [sock for sock in asked if sock not in ready]
    return refused


def test_many_pages_of_one_caller_hold_up_nobody_else(jacie):
    """Of 140 pictures wanted at once some are refused; another caller has its own soon; when their clients leave, none of them is drawn."""
    before = misses(jacie)
    with contextlib.ExitStack() as stack:
        asked = [stack.enter_context(connect(jacie.running.url)) for _ in range(140)]
        for number, sock in enumerate(asked):
            sock.sendall(get(jacie.page(REPORT, 7, highlight=f"Passage {number}")))
        refused = refusals(asked)
        assert {(answer.status, answer.headers["retry-after"]) for answer in refused} == {(429, "1")}
        assert refused[0].json["detail"] == "Too many requests: at most 128 pages at the same time. Try again in 1 s."
        other = sent(jacie.running.url, get(jacie.page(REPORT, 8)), source="127.0.0.2")
        assert other.status == 200
        assert len(select.select(asked, [], [], 0)[0]) < len(asked), "all pages of the first caller were drawn before it"
    assert jacie.ask(jacie.page(REPORT, 9))[0] == 200
    assert misses(jacie) - before < 70


def test_a_replaced_document_shows_its_new_page(jacie):
    """What a browser kept is no longer good when the file was replaced."""
    (jacie.folder / "new.part").write_bytes((ROOT / "sample_documents" / "averlinde_foods_2024_annual_report.pdf").read_bytes())
    path = jacie.page(REPORT, 3, highlight=PASSAGE)
    _, before, _ = jacie.ask(path)
    os.replace(jacie.folder / "new.part", jacie.folder / REPORT)
    status, after, _ = jacie.ask(path, **{"If-None-Match": before["ETag"]})
    assert status == 200
    assert after["ETag"] != before["ETag"]
    assert (before["X-Highlight"], after["X-Highlight"]) == ("found", "missing")


def test_the_catalog_says_what_was_not_read(tmp_path):
    """Each document has its notes, an empty list where all of it was read."""
    settings = over_texts(tmp_path, {"whole.txt": "All of it."})
    book = openpyxl.Workbook()
    book.active.append(["Revenue", "1,234"])
    book.create_sheet("Secret").sheet_state = "hidden"
    book.save(tmp_path / "documents" / "book.xlsx")
    ingested(settings)
    app = create(settings.model_copy(update={"ingest": "off"}))
    app.extensions["jacie"].ensure_warm = lambda: None
    listed = app.test_client().get("/documents", headers={"Host": "localhost"}).json["documents"]
    notes = {"book.xlsx": ["hidden sheets were not read: Secret"], "whole.txt": []}
    assert {document["filename"]: document["notes"] for document in listed} == notes
