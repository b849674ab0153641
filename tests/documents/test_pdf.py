"""PDFs are read as their pages show them: note marks, turned text, divided words, fields, attached files, and what is not read."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from reportlab.lib.utils import ImageReader

from jacie_flask.documents import ocr
from jacie_flask.documents.page_picture import of
from jacie_flask.evidence.proof.quoting import quoted
from jacie_flask.evidence.proof.readings import read
from jacie_flask.text.lines import tidy
from tests.support.pdfs import drawn, lines, mapped, with_attachments
from tests.support.reading import case, read_here

NO_UNICODE = "text in fonts without a map to Unicode"


def text_of(data):
    """Return the text of all pages as analysis will see it."""
    return "\n".join(tidy(page) for page in read_here(data, ".pdf").pages)


def values(text):
    """Return the figures of each row of a page by its label."""
    return {unit.label: [figure.value for figure in unit.figures] for unit in read(text).units if unit.row}


def marked(canvas, x, y, base, mark, *, size=11.0, small=6.0, rise=4.0):
    """Draw text with a small raised mark after it."""
    canvas.setFont("Helvetica", size)
    canvas.drawString(x, y, base)
    width = canvas.stringWidth(base, "Helvetica", size)
    canvas.setFont("Helvetica", small)
    canvas.drawString(x + width, y + rise, mark)
    canvas.setFont("Helvetica", size)
    return x + width + canvas.stringWidth(mark, "Helvetica", small)


def test_marks_of_the_sample():
    """A figure is apart from its note, and a word that is divided between lines is whole."""
    text = text_of(case("Jorvik annual report 2024.pdf"))
    rows = values(text)
    assert rows["Headline earnings"] == [1284, 1102]
    assert rows["Capital expenditure"] == [2310, 1998]
    assert rows["Free cash flow"] == [975, 860]
    assert quoted("The group employed 5,120 people at year end", text)
    assert not quoted("The group employed 51,204 people", text)
    assert "long-term agreement" in text
    assert "renegotiation" in text


@pytest.mark.parametrize("mark", ["4", "12", "(4)", "1,2", "(1)(2)", "[3]", "a", "(b)"])
@pytest.mark.parametrize(("size", "small", "rise"), [(11, 6, 4), (9, 5.5, 3), (8, 6, 2.5), (14, 7, 6), (20, 11, 8)])
def test_a_raised_mark_is_no_digit(mark, size, small, rise):
    """Whatever the mark and the sizes, the figure is 96."""

    def draw(canvas):
        canvas.setFont("Helvetica", size)
        canvas.drawString(60, 700, "Dividend per share (cents)")
        marked(canvas, 340, 700, "96", mark, size=size, small=small, rise=rise)
        canvas.drawString(440, 700, "88")

    assert values(text_of(drawn(draw))) == {"Dividend per share (cents)": [96, 88]}


def test_marks_by_text_rise_and_by_a_scaled_matrix():
    """Marks are found however a file makes them small and raised."""

    def draw(canvas):
        writer = canvas.beginText(60, 700)
        for word, size, rise in (("Net profit 4,310", 10, 0), ("3", 6, 4), (" 3,990", 10, 0)):
            writer.setFont("Helvetica", size)
            writer.setRise(rise)
            writer.textOut(word)
        canvas.drawText(writer)
        width = canvas.stringWidth("Net loss 96", "Helvetica", 10)
        canvas.setFont("Helvetica", 1)
        for word, scale, x, y in (("Net loss 96", 10, 60, 650), ("7", 6, 60 + width, 654), ("88", 10, 180, 650)):
            canvas.saveState()
            canvas.transform(scale, 0, 0, scale, x, y)
            canvas.drawString(0, 0, word)
            canvas.restoreState()

    assert values(text_of(drawn(draw))) == {"Net profit": [4310, 3990], "Net loss": [96, 88]}


def test_units_ordinals_and_fractions_stay():
    """Square metres, powers, ordinals and fractions are not notes."""

    def draw(canvas):
        x = marked(canvas, 60, 700, "Area let: 5,120 m", "2")
        canvas.drawString(x, 700, " in offices")
        x = marked(canvas, 60, 670, "The 4", "th")
        canvas.drawString(x, 670, " quarter was strong")
        x = marked(canvas, 60, 640, "Shares traded at 6", "7")
        canvas.drawString(x, 640, "/8 dollars")

    text = text_of(drawn(draw))
    assert "5,120 m² in offices" in text
    assert "The 4th quarter" in text
    assert "6 7/8 dollars" in text


def test_figures_that_are_no_marks_stay():
    """Smaller figures beside large ones, on their line or above it, keep their digits."""

    def draw(canvas):
        canvas.setFont("Helvetica", 24)
        canvas.drawString(60, 700, "38%")
        canvas.setFont("Helvetica", 9)
        canvas.drawString(118, 708, "2023: 35%")
        canvas.drawString(60, 650, "Revenue from")
        canvas.drawString(60, 640, "contracts")
        canvas.drawString(300, 645, "15")
        canvas.drawString(360, 645, "12")
        canvas.setFont("Helvetica", 7)
        canvas.drawString(60, 600, "Employees 41 39")

    text = text_of(drawn(draw))
    assert "38%" in text
    assert "2023: 35%" in text
    assert "15 12" in text
    assert "Employees 41 39" in text


def test_the_picture_finds_a_passage_with_its_note_marks():
    """A row is marked as a whole, quoted with or without the marks that its page shows."""

    def draw(canvas):
        canvas.drawString(60, 700, "Free cash flow")
        marked(canvas, 300, 700, "975", "3")
        canvas.drawString(400, 700, "860")

    for passage in ("Free cash flow 975 860", "Free cash flow 975³ 860"):
        assert picture(drawn(draw), passage).highlight == "found"


def picture(data, passage="", page=1):
    """Return the picture of a page of a file with these bytes."""
    return of(saved(data), page, passage, 1.0)


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def saved(data):
    """Return the path of a file with these bytes in the test's folder."""
    path = Path.cwd() / "file.pdf"
    path.write_bytes(data)
    return path


TABLE = [("EUR million", "2024", "2023"), ("Spain", "1,204", "1,180"), ("Italy", "987", "955"), ("France", "(412)", "(388)")]
ROWS = ["EUR million 2024 2023", "Spain 1,204 1,180", "Italy 987 955", "France (412) (388)"]


def table_by_columns(canvas, x, y):
    """Draw the table column by column."""
    for column in range(3):
        for row, cells in enumerate(TABLE):
            canvas.drawString(x + 120 * column, y - 22 * row, cells[column])


def test_the_turned_sample_is_read_in_rows():
    """A table on a turned page, drawn by columns, and the same one upright by rows give the same rows."""
    turned, straight = (text_of(case(f"Kestrel {name}.pdf")) for name in (
        "annual report 2024 rotated", "C annual report 2024 straight by row",
    ))  # fmt: skip
    expected = {"Spain": [1204, 1180, 1120], "Italy": [987, 955, 930], "France": [412, 388, 301], "Poland": [655, 640, 612]}
    for text in (turned, straight):
        rows = values(text)
        assert {name: rows[name] for name in expected} == expected
        assert rows["Group"] == [2434, 2387, 2361]
        assert "France (412) (388) (301)" in text


@pytest.mark.parametrize("turn", [90, 180, 270])
@pytest.mark.parametrize("page_turn", [True, False])
def test_a_turned_table_is_read_in_rows(turn, page_turn):
    """Text that runs up, down or upside down is read in rows, whether the page is turned back for it or not."""

    def draw(canvas):
        canvas.setPageRotation(turn if page_turn else 0)
        canvas.translate(297, 421)
        canvas.rotate(turn)
        table_by_columns(canvas, -200, 100)

    data = drawn(draw)
    assert text_of(data).splitlines() == ROWS
    found = picture(data, "Italy 987 955")
    assert found.highlight == "found"
    width, height = (right - left for left, right in zip(found.areas[0][:2], found.areas[0][2:], strict=True))
    sideways = turn in (90, 270) and not page_turn
    assert (height > width) is sideways


def test_a_turned_table_beside_upright_text():
    """Both are read, each in its own direction."""

    def draw(canvas):
        lines("The segments are shown at the side of the page.", "All figures are audited.")(canvas)
        canvas.translate(300, 200)
        canvas.rotate(90)
        table_by_columns(canvas, 0, 0)

    text = text_of(drawn(draw)).splitlines()
    assert [line for line in text if line in ROWS] == ROWS
    assert "The segments are shown at the side of the page." in text


def test_divided_words_of_the_sample():
    """Whole words, and a quotation of them verifies; hyphens between figures stay."""
    text = text_of(case("Lyndhurst annual report 2024 hyphens.pdf"))
    assert "refurbishment programme" in text
    assert "non-current borrowings" in text
    assert "12-\n15 per cent" in text
    assert quoted("reviewed the refurbishment programme and non-current borrowings", text)


def test_a_divided_word_is_whole_in_text_quote_and_picture():
    """The text has the word, a quotation of it verifies, and the picture marks it on both lines."""
    data = drawn(
        lines("The directors approved the recapital-", "isation of the subsidiary and its long-", "term incentive plan.")
    )
    text = text_of(data)
    assert "recapitalisation of the subsidiary" in text
    assert "long-term incentive plan" in text
    assert quoted("approved the recapitalisation of the subsidiary", text)
    found = picture(data, "recapitalisation of the subsidiary")
    assert found.highlight == "found"
    assert len(found.areas) == 2


LETTER = ["The company reports revenue of 5,510 million for the year 2024,", "against 5,102 million in the year before that one.",
          "The board proposes a dividend of 42 cents for each share held."]  # fmt: skip
MAPS = {
    "private use": lambda code: 0xE000 + code,
    "control": lambda code: code - 29 if code > 60 else 1 + code % 8,
    "shifted": lambda code: 97 + (code - 97 + 7) % 26 if 97 <= code <= 122 else code,
}


@pytest.mark.parametrize("name", MAPS)
def test_a_font_without_a_map_is_recognised_or_reported(name, monkeypatch, tmp_path):
    """What its characters give is never text: the page is recognised from its picture, or named as unreadable."""
    data = mapped(LETTER, MAPS[name])
    if ocr.program():
        reading = read_here(data, ".pdf")
        assert "revenue of 5,510 million" in reading.pages[0]
        assert any("OCR" in note and "page 1" in note for note in reading.notes)
    monkeypatch.setenv("PATH", str(tmp_path))
    reading = read_here(data, ".pdf")
    assert reading.pages == [""]
    assert any(note.startswith(NO_UNICODE) and "page 1" in note for note in reading.notes)


def test_a_font_with_a_right_map_is_read():
    """The same page with a right map is text."""
    reading = read_here(mapped(LETTER, lambda code: code), ".pdf")
    assert "revenue of 5,510 million" in reading.pages[0]
    assert reading.notes == []


def test_the_sample_without_a_map_is_not_text():
    """Its first page is recognised, or named as unreadable; its second is read."""
    reading = read_here(case("Lumora annual report 2024 cid.pdf"), ".pdf")
    assert "XPRUD" not in reading.pages[0]
    assert "5,510" in reading.pages[0] or any(note.startswith(NO_UNICODE) and "page 1" in note for note in reading.notes)
    assert reading.pages[1].strip() == "Lumora Holdings appendix: list of subsidiaries"


def form(value="18,442", *, checked=True):
    """Return what draws a form of a page."""

    def draw(canvas):
        lines("Annual return, thousands of dollars", "Total revenue", "Net loss", "State")(canvas)
        fields = canvas.acroForm
        fields.textfield(name="revenue", value=value, x=250, y=755, width=120, height=18, fontSize=10)
        fields.textfield(name="loss", value="(1,207)", x=250, y=735, width=120, height=18, fontSize=10)
        fields.choice(name="state", value="Ohio", options=["Ohio", "Texas"], x=250, y=715, width=120, height=18, fontSize=10)
        fields.checkbox(name="filer", checked=checked, x=60, y=690, size=12)
        canvas.drawString(80, 692, "Large accelerated filer")

    return draw


def test_fields_are_read_in_their_places():
    """The values of text fields, lists and boxes are on the rows of their labels."""
    text = text_of(drawn(form()))
    for row in ("Total revenue 18,442", "Net loss (1,207)", "State Ohio", "☒ Large accelerated filer"):
        assert row in text.splitlines()
    assert "☐ Large accelerated filer" in text_of(drawn(form(checked=False))).splitlines()


def test_fields_are_in_the_picture():
    """The picture of a filled page has ink where an empty form has none."""
    filled, empty = (np.asarray(Image.open(io.BytesIO(picture(drawn(form(value))).png)).convert("L")) for value in ("18,442", ""))
    field = np.s_[842 - 772 : 842 - 756, 252:368]
    assert (filled[field] < 100).sum() > (empty[field] < 100).sum() + 20


def test_the_filled_sample():
    """The values of the form are read beside their labels, and drawn."""
    data = case("Morvane annual return 2024 form.pdf")
    rows = values(text_of(data))
    assert rows["Total revenue"] == [18442]
    assert rows["Net income (loss)"] == [1207]
    assert rows["Number of employees"] == [3318]
    shown = np.asarray(Image.open(io.BytesIO(picture(data).png)).convert("L"))
    assert (shown[842 - 734 : 842 - 716, 251:399] < 100).sum() > 20


def test_a_portfolio_is_read_as_its_files():
    """Attached PDFs are pages, in the picture too; the short cover sheet of a portfolio is none; other files are named."""
    inner = {"b.pdf": drawn(lines("Revenue 4,310 3,990"), lines("Second page of it")), "c.xlsx": b"PK no pdf"}
    data = with_attachments(drawn(lines("Open this portfolio in another program")), inner, portfolio=True)
    reading = read_here(data, ".pdf")
    assert [page.strip() for page in reading.pages] == ["Revenue 4,310 3,990", "Second page of it"]
    assert reading.notes == ["attached files that were not read: c.xlsx"]
    found = picture(data, "Second page", page=2)
    assert (found.pages, found.highlight) == (2, "found")


def test_attached_pdfs_follow_the_pages_of_a_document():
    """A document that is no portfolio keeps its own pages."""
    data = with_attachments(drawn(lines("The report itself")), {"annex.pdf": drawn(lines("The annex"))})
    assert [page.strip() for page in read_here(data, ".pdf").pages] == ["The report itself", "The annex"]


def test_the_sample_portfolio():
    """The attached report is read as its pages, without the sheet that asks for another program."""
    reading = read_here(case("Osprey annual report 2024 portfolio.pdf"), ".pdf")
    assert "Acrobat" not in reading.pages[0]
    assert values(tidy(reading.pages[0]))["Free cash flow"] == [975, 860]


def test_annotations_are_read_or_reported():
    """Free text is part of the page; comments are named."""

    def draw(canvas):
        lines("The audited report")(canvas)
        canvas.freeTextAnnotation("Restated in 2025: 4,280", "/Helv 10 Tf 0 g", Rect=(60, 600, 300, 640))
        canvas.textAnnotation("Please check this figure", Rect=(400, 600, 420, 620))

    reading = read_here(drawn(draw), ".pdf")
    assert "Restated in 2025: 4,280" in reading.pages[0]
    assert "Please check" not in reading.pages[0]
    assert reading.notes == ["comments and stamps that were not read: page 1"]


def pictured(image):
    """Return a PDF with text and a picture beside it."""

    def draw(canvas):
        lines("Sales by region are shown in the table below.")(canvas)
        canvas.drawImage(ImageReader(image), 60, 600, 200, 70)

    return drawn(draw)


def test_a_picture_of_text_is_reported_and_a_photograph_is_not():
    """A picture that can contain text is named with its page."""
    table = Image.new("RGB", (800, 280), "white")
    for row in range(6):
        ImageDraw.Draw(table).text(
            (20, 20 + 40 * row), f"Region {row} sales 1,{row}20 million and 9{row}0 before", fill="black", font_size=28
        )
    noise = np.random.default_rng(11).integers(0, 255, (280, 800, 3), dtype=np.uint8)
    assert read_here(pictured(table), ".pdf").notes == ["pictures beside text, in which text was not looked for: page 1"]
    assert read_here(pictured(Image.fromarray(noise)), ".pdf").notes == []
