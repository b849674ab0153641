"""Pages as pictures, drawn by real child processes: what is marked is the passage, and what goes wrong costs itself only."""

import contextlib
import io
import json
import os
import signal
import threading
import time

import numpy as np
import pytest
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from jacie_flask.documents.bounded_folder import BoundedFolder
from jacie_flask.documents.extraction import Extractor
from jacie_flask.documents.folder_store import FolderStore
from jacie_flask.documents.pictures import CachedPictures
from jacie_flask.documents.text_cache import TextCache, content_hash
from jacie_flask.errors import DocumentRejected, DocumentUnavailable, NotFound, Overloaded
from jacie_flask.interfaces import CatalogDocument
from tests.support.extractors import Counting
from tests.support.jacie import ROOT

HEIGHT = 842
FONTS = ("Helvetica", "Times-Italic", "Courier-Bold")


class Sheet:
    """A page whose words are put at known places, in points from the top left corner."""

    def __init__(self, *, rotated=False, ground=None, encryption=None):
        """Open an A4 page."""
        self.buffer = io.BytesIO()
        size = (HEIGHT, 595) if rotated else (595, HEIGHT)  # reportlab means the size as it is shown
        self.canvas = Canvas(self.buffer, pagesize=size, encrypt=encryption)
        if rotated:
            self.canvas.setPageRotation(90)
        if ground:
            self.canvas.setFillColorRGB(*ground)
            self.canvas.rect(0, 0, 595, HEIGHT, fill=1, stroke=0)
            self.canvas.setFillColorRGB(1, 1, 1)

    def write(self, left, base, words, font="Helvetica", size=11):
        """Write words and return their box: left, top, right, bottom."""
        self.canvas.setFont(font, size)
        self.canvas.drawString(left, HEIGHT - base, words)
        return left, base - size * 0.7, left + stringWidth(words, font, size), base

    def pdf(self):
        """Return the document."""
        self.canvas.save()
        return self.buffer.getvalue()


def pixels(picture):
    """Return a picture as it is shown, and where it is yellow."""
    shown = np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB")).astype(int)
    assert shown.shape[:2] == (picture.height, picture.width)
    return shown, (shown[..., 0] - shown[..., 2] > 60) & (shown[..., 1] - shown[..., 2] > 40)


def share(yellow, box, scale=2):
    """Return how much of a box, in points, is yellow."""
    left, top, right, bottom = (round(side * scale) for side in box)
    return yellow[top:bottom, left:right].mean()


def outside(yellow, boxes, scale=2, slack=5):
    """Count yellow pixels farther than ``slack`` points from all boxes."""
    rest = yellow.copy()
    for left, top, right, bottom in boxes:
        rest[max(0, round((top - slack) * scale)) : round((bottom + slack) * scale),
             max(0, round((left - slack) * scale)) : round((right + slack) * scale)] = False  # fmt: skip
    return rest.sum()


@pytest.fixture(scope="module")
def extractor(tmp_path_factory):
    """Return children that this module shares."""
    made = Extractor(tmp_path_factory.mktemp("spool"), workers=2, timeout_s=20)
    yield made
    made.close()


def draw(extractor, data, highlight="", page=1, scale=2.0):
    """Draw a page."""
    return extractor.draw(data, page=page, highlight=highlight, scale=scale)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0, 3.5])
@pytest.mark.parametrize("font", FONTS)
def test_the_mark_covers_the_passage_and_nothing_else(extractor, font, scale):
    """In any font and size: the words are yellow from end to end, and the lines around them are not."""
    sheet = Sheet()
    sheet.write(60, 100, "The year before was difficult for all.", font)
    boxes = [sheet.write(60, 160, "Revenue rose to 42,280", font), sheet.write(60, 174, "million rand (2023:", font)]
    boxes.append(sheet.write(60, 188, "39,265).", font))
    sheet.write(60, 260, "Revenue fell elsewhere.", font)
    picture = draw(extractor, sheet.pdf(), "Revenue rose to 42,280 million rand (2023: 39,265)", scale=scale)
    assert (picture.highlight, len(picture.areas)) == ("found", 3)
    _, yellow = pixels(picture)
    for box in boxes:
        assert share(yellow, box, scale) > 0.5  # the rest is ink
    assert outside(yellow, boxes, scale) == 0


def test_text_under_the_mark_can_be_read(extractor):
    """The letters stay dark on light ground and light on dark ground, and the mark shows on both."""
    for ground, darkest, lightest in ((None, 60, 200), ((0.05, 0.15, 0.3), 140, 180)):
        sheet = Sheet(ground=ground)
        left, top, right, bottom = sheet.write(60, 160, "HIGHLIGHTED", "Helvetica-Bold", 18)
        picture = draw(extractor, sheet.pdf(), "highlighted")
        shown, yellow = pixels(picture)
        grey = shown[round(top * 2) : round(bottom * 2), round(left * 2) : round(right * 2), :2].mean(axis=2)
        assert grey.min() < darkest
        assert grey.max() > lightest
        assert share(yellow, (left, top, right, bottom)) > 0.2
        assert outside(yellow, [(left, top, right, bottom)], slack=8) == 0


def test_columns_and_hyphens_are_followed(extractor):
    """A sentence that is hyphenated and set beside another column is marked in its own column only."""
    sheet = Sheet()
    lines = ["Senior notes ma-", "ture in June 2024 and are", "shown as current."]
    boxes = [sheet.write(60, 100 + 14 * at, line) for at, line in enumerate(lines)]
    others = [sheet.write(320, 100 + 14 * at, "Another column altogether.") for at in range(3)]
    picture = draw(extractor, sheet.pdf(), "“senior notes mature in June 2024 and are shown as current”")
    _, yellow = pixels(picture)
    assert picture.highlight == "found"
    assert all(share(yellow, box) > 0.5 for box in boxes)
    assert all(share(yellow, box) == 0 for box in others)


def test_a_row_is_found_in_a_table_written_column_by_column(extractor):
    """Label and figures of a row are marked though the file has the columns one after the other."""
    sheet = Sheet()
    cells = {}
    for left, column in (
        (60, ["Revenue", "Profit", "Assets"]),
        (300, ["42,280", "7,705", "9,114"]),
        (420, ["39,265", "6,340", "8,001"]),
    ):
        for at, words in enumerate(column):
            cells[words] = sheet.write(left, 100 + 16 * at, words)
    picture = draw(extractor, sheet.pdf(), "Profit 7,705 6,340")
    _, yellow = pixels(picture)
    row = [cells.pop(words) for words in ("Profit", "7,705", "6,340")]
    assert picture.highlight == "found"
    assert all(share(yellow, box) > 0.5 for box in row)
    assert all(share(yellow, box) == 0 for box in cells.values())


def test_a_rotated_page_is_marked_where_the_words_are(extractor):
    """The picture is turned as readers turn the page, and so is the mark."""
    sheet = Sheet(rotated=True)
    left, top, right, bottom = sheet.write(60, 160, "Revenue rose to 42,280 million", size=14)
    picture = draw(extractor, sheet.pdf(), "Revenue rose to 42,280 million")
    assert picture.width > picture.height
    _, yellow = pixels(picture)
    turned = (HEIGHT - bottom, left, HEIGHT - top, right)
    assert share(yellow, turned) > 0.5
    assert outside(yellow, [turned], slack=8) == 0


@pytest.mark.parametrize(
    ("highlight", "told"),
    [("", ""), ("Nothing of this stands on the page at all", "missing"), ("Revenue rose to 52,280 million rand at last", "partial"),
     ("…", "missing")],
)  # fmt: skip
def test_what_is_not_found_is_said(extractor, highlight, told):
    """Without a passage, or without finding it, the page comes as it is."""
    sheet = Sheet()
    sheet.write(60, 160, "Revenue rose to 42,280 million rand at last")
    picture = draw(extractor, sheet.pdf(), highlight)
    assert picture.highlight == told
    assert bool(picture.areas) == (told == "partial")
    assert pixels(picture)[1].any() == (told == "partial")


@pytest.mark.soak
def test_every_quote_of_the_samples_is_found_on_its_page(extractor):
    """Each page that the sample questions name is drawn with its lines marked, as snippets are made of them."""
    questions = [json.loads(line) for line in (ROOT / "sample_documents" / "questions.jsonl").read_text().splitlines()]
    pages = sorted({(question["filename"], page) for question in questions for page in question["pages"]})
    texts = {}
    for filename, page in pages:
        data = (ROOT / "sample_documents" / filename).read_bytes()
        texts[filename] = texts.get(filename) or extractor.analyse(data, suffix=".pdf", content_hash="h").pages
        lines = [line.strip() for line in texts[filename][page - 1].splitlines() if line.strip()]
        for start in (0, len(lines) // 2):
            quote = "\n".join(lines[start : start + 4])[:300]
            picture = draw(extractor, data, quote, page, scale=0.5)
            assert (picture.highlight, bool(picture.areas)) == ("found", True), (filename, page, quote)


@pytest.mark.parametrize("size", [(20_000, 20_000), (14_000, 3), (72, 72)])
def test_pictures_are_bounded(extractor, size):
    """A poster is drawn smaller than it was asked for."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=size)
    canvas.drawString(1, 1, "x")
    canvas.save()
    picture = draw(extractor, buffer.getvalue(), scale=4)
    assert picture.width * picture.height <= 12_100_000
    assert max(picture.width, picture.height) <= 10_001


@pytest.mark.parametrize("page", [0, 2, 10**9, -1])
def test_a_page_that_is_not_there(extractor, page):
    """Pages are counted from 1 to the last."""
    sheet = Sheet()
    sheet.write(60, 100, "x")
    with pytest.raises(NotFound):
        draw(extractor, sheet.pdf(), page=page)


@pytest.mark.parametrize(
    ("data", "told"),
    [(b"no PDF", "it is not a readable PDF"), (Sheet(encryption=StandardEncryption("user", "owner")).pdf(), "it is protected by a password")],
    ids=["garbage", "encrypted"],
)  # fmt: skip
def test_what_cannot_be_drawn_says_why(extractor, data, told):
    """The reason is a phrase for people, and the child goes on."""
    with pytest.raises(DocumentRejected) as caught:
        draw(extractor, data)
    assert caught.value.reason == told


# ------------------------------------------------------------------------------------------------ faults of children


def frozen_child(extractor):
    """Freeze an extractor's only child as a page that never ends would, and return its process id."""
    with extractor._child() as child:
        os.kill(child._process.pid, signal.SIGSTOP)
        return child._process.pid


@pytest.mark.parametrize("how", ["hangs", "crashes"])
def test_a_page_that_kills_its_child_costs_that_request_only(tmp_path, how):
    """A child that hangs or dies is replaced, and the next page is drawn."""
    sheet = Sheet()
    sheet.write(60, 100, "x")
    data = sheet.pdf()
    made = Extractor(tmp_path, workers=1, timeout_s=1.5)
    try:
        process = frozen_child(made)
        if how == "crashes":
            threading.Timer(0.3, os.kill, (process, signal.SIGKILL)).start()
        with pytest.raises(DocumentRejected) as caught:
            draw(made, data)
        assert ("longer than 1.5 s" in caught.value.reason) == (how == "hangs")
        made._timeout_s = 20
        assert draw(made, data).png
    finally:
        made.close()


def test_who_waits_too_long_is_told_to_come_again(tmp_path):
    """When all children are busy for longer than a reader should wait, the request is refused."""
    made = Extractor(tmp_path, workers=1, timeout_s=20, patience_s=0.2)
    try:
        with made._child(), pytest.raises(Overloaded):
            draw(made, b"x")
    finally:
        made.close()


# ------------------------------------------------------------------------------------------------------- the cache


class Shelf:
    """A folder of documents and what draws them."""

    def __init__(self, folder, max_bytes=10_000_000):
        """Make them."""
        self.folder, self.max_bytes = folder, max_bytes
        self.documents = folder / "documents"
        self.documents.mkdir(parents=True)
        self.extractor = Counting(folder / "spool", workers=1, timeout_s=20)
        self.pictures = self.another()

    def another(self):
        """Return the pictures as another process would have them."""
        cache = BoundedFolder(self.folder / "pictures", max_bytes=self.max_bytes)
        store = FolderStore(self.documents, max_bytes=10_000_000)
        return CachedPictures(store, self.extractor, cache, TextCache(self.folder / "cache"))

    def put(self, name, words, pages=1):
        """Write a document at once, as stores do, and return its entry."""
        buffer = io.BytesIO()
        canvas = Canvas(buffer)
        for number in range(pages):
            canvas.drawString(72, 700, f"{words} {number}")
            canvas.showPage()
        canvas.save()
        (self.documents / ".new").write_bytes(buffer.getvalue())
        os.replace(self.documents / ".new", self.documents / name)
        return CatalogDocument(document_id=name.partition(".")[0], filename=name, key=name)


@pytest.fixture
def shelf(tmp_path):
    """Return an empty shelf."""
    made = Shelf(tmp_path)
    yield made
    made.extractor.close()


def test_a_picture_is_drawn_once(shelf):
    """Asked again, here or in another process, it comes from the cache; page, passage and scale make another one."""
    document = shelf.put("a.pdf", "one", pages=2)
    first = shelf.pictures.draw(document, 1, "one", 1.0)
    assert shelf.pictures.draw(document, 1, "one", 1.0) == shelf.another().draw(document, 1, "one", 1.0) == first
    assert shelf.extractor.drawn == 1
    names = {first[0], *(shelf.pictures.draw(document, *asked)[0] for asked in ((2, "one", 1.0), (1, "", 1.0), (1, "one", 1.5)))}
    assert len(names) == shelf.extractor.drawn == 4
    same = shelf.pictures.draw(shelf.put("b.pdf", "one", pages=2), 1, "one", 1.0)
    assert same[1].highlight == "found"


def test_a_changed_document_is_drawn_again(shelf):
    """New bytes give a new name and a new picture; a deleted document has none, though its picture is kept."""
    document = shelf.put("a.pdf", "one")
    name, picture = shelf.pictures.draw(document, 1, "two", 1.0)
    shelf.put("a.pdf", "two and more")
    changed, again = shelf.pictures.draw(document, 1, "two", 1.0)
    assert changed != name
    assert (picture.highlight, again.highlight) == ("missing", "found")
    (shelf.documents / "a.pdf").unlink()
    with pytest.raises(DocumentUnavailable):
        shelf.pictures.draw(document, 1, "two", 1.0)


def test_a_picture_is_never_of_two_versions(shelf):
    """While the document is replaced again and again, each picture shows what its name says."""
    document = shelf.put("a.pdf", "even 0")
    held, stop = {}, threading.Event()

    def replace():
        at = 0
        while not stop.is_set():
            at += 1
            shelf.put("a.pdf", "odd" if at % 2 else "even")
            with contextlib.suppress(FileNotFoundError):
                held[content_hash((shelf.documents / "a.pdf").read_bytes())] = "odd" if at % 2 else "even"
            time.sleep(0.01)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        seen: list[tuple[str, str]] = []
        for at in range(300):
            if at >= 30 and len({highlight for digest, highlight in seen if digest in held}) == 2:
                break
            with contextlib.suppress(DocumentUnavailable):  # it kept changing while it was read
                name, picture = (shelf.pictures if at % 2 else shelf.another()).draw(document, 1, "odd 0", 0.5)
                seen.append((name.partition("-")[0], picture.highlight))
    finally:
        stop.set()
        writer.join()
    told = {(held.get(digest), highlight) for digest, highlight in seen if digest in held}
    assert told <= {("odd", "found"), ("even", "missing")}, told
    assert len(told) == 2


def test_the_cache_may_be_deleted_or_damaged(shelf):
    """Everything in it can be drawn again."""
    document = shelf.put("a.pdf", "one")
    kept = shelf.pictures.draw(document, 1, "one", 1.0)
    (file,) = (shelf.folder / "pictures").iterdir()
    for damage in (b"", b"\xc1", b"x" * 100):
        file.write_bytes(damage)
        assert shelf.pictures.draw(document, 1, "one", 1.0) == kept
    file.unlink()
    file.parent.rmdir()
    assert shelf.pictures.draw(document, 1, "one", 1.0) == kept


def test_other_documents_have_no_pictures(shelf):
    """A text file is refused with a reason, without being read."""
    document = CatalogDocument(document_id="t", filename="t.TXT", key="t.txt")
    with pytest.raises(DocumentRejected) as caught:
        shelf.pictures.draw(document, 1, "", 1.0)
    assert caught.value.reason == "only pages of PDF documents have pictures, this one has text alone"
