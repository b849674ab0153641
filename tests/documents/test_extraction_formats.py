"""Extraction of each format in real child processes: pages, rows, encodings, text recognition, and what the bytes decide."""

import datetime
import io
import os
import shutil
import signal
import sys
from pathlib import Path

import docx
import openpyxl
import pptx
import pytest
from docx.enum.text import WD_BREAK
from PIL import Image, ImageDraw, ImageFont
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from jacie_flask.documents.extraction import Extractor
from jacie_flask.documents.paging import Block, numbers, paginate, pieces_of
from jacie_flask.errors import DocumentRejected
from tests.support.alive import alive
from tests.support.waiting import wait_for

SCANNED = "it is scanned, and no text recognition (tesseract) is installed"


@pytest.fixture(scope="module")
def extractor(tmp_path_factory):
    """Return an extractor that this module shares."""
    made = Extractor(tmp_path_factory.mktemp("spool"), workers=1)
    yield made
    made.close()


def read(extractor, data, suffix):
    """Return what was read of these bytes under a name that ends so."""
    return extractor.analyse(data, suffix=suffix, content_hash="h")


def reason(extractor, data, suffix):
    """Return why these bytes were rejected."""
    with pytest.raises(DocumentRejected) as caught:
        read(extractor, data, suffix)
    return caught.value.reason


def saved(document):
    """Return the bytes of a document that can save itself."""
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


# ------------------------------------------------------------------------------------------------------------- the formats


def word():
    """Return a DOCX with headings, a table with a merged cell, and a page break."""
    document = docx.Document()
    document.add_heading("Annual report", 0)
    document.add_paragraph("Revenue grew because customers bought more.")
    document.add_heading("Balance sheet", 1)
    table = document.add_table(rows=3, cols=3)
    table.rows[0].cells[0].merge(table.rows[0].cells[2]).text = "In millions"
    for row, texts in zip(table.rows[1:], (("Total assets", "1,234", "1,100"), ("Net loss", "(56)", "(43)")), strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    document.add_paragraph("After the table.")
    return document


def test_docx_keeps_order_and_rows(extractor):
    """Headings, paragraphs and rows come in their order; a row is one line, a merged cell is told once."""
    (page,) = read(extractor, saved(word()), ".docx").pages
    assert page.split("\n") == [
        "Annual report", "Revenue grew because customers bought more.", "Balance sheet", "In millions",
        "Total assets 1,234 1,100", "Net loss (56) (43)", "After the table.",
    ]  # fmt: skip


def test_docx_is_cut_at_headings_and_at_length(extractor):
    """A chapter opens a page once the one before has grown, and no page grows past its size."""
    document = docx.Document()
    for chapter in ("First", "Second"):
        document.add_heading(f"{chapter} chapter", 1)
        for _ in range(30):
            document.add_paragraph("Revenue grew because customers bought more of everything than before.")
    pages = read(extractor, saved(document), ".docx").pages
    assert [page.split("\n")[0] for page in pages if "chapter" in page] == ["First chapter", "Second chapter"]
    assert all(0 < len(page) <= 3_100 for page in pages)


def test_docx_printed_pages_are_kept(extractor):
    """Where the document breaks its pages these are its pages."""
    document = docx.Document()
    for number in range(1, 6):
        document.add_paragraph(f"This is page {number}.").add_run().add_break(WD_BREAK.PAGE if number < 5 else WD_BREAK.LINE)
    pages = read(extractor, saved(document), ".docx").pages
    assert len(pages) == 5


def test_xlsx_shows_figures_as_its_sheet_does(extractor):
    """A row is a line under its sheet's name: separators, percent, decimals and dates as formatted; hidden sheets are noted."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Income"
    for row in (
        ["Item", 2023, "2022"], ["Revenue", 1234567, 1100000.4], ["Margin", 0.1234, None], ["Loss", -3.5], ["Date", datetime.datetime(2023, 12, 31)],
    ):  # fmt: skip
        sheet.append(row)
    sheet["B2"].number_format = sheet["C2"].number_format = "#,##0;(#,##0)"
    sheet["B3"].number_format = "0.0%"
    sheet["B4"].number_format = '"USD" 0.00'
    book.create_sheet("Secret").append(["not shown"])
    book["Secret"].sheet_state = "hidden"
    analysed = read(extractor, saved(book), ".xlsx")
    (page,) = analysed.pages
    assert page.split("\n") == [
        "Income", "Item 2023 2022", "Revenue 1,234,567 1,100,000", "Margin 12.3%", "Loss -USD 3.50", "Date 2023-12-31 0:00:00",
    ]  # fmt: skip
    assert analysed.notes == ["hidden sheets were not read: Secret"]


def test_a_long_sheet_is_several_pages_with_its_header(extractor):
    """Each page says which sheet and which columns its figures belong to."""
    book = openpyxl.Workbook()
    book.active.title = "Plants"
    book.active.append(["Plant", "Capacity"])
    for number in range(400):
        book.active.append([f"Plant number {number}", number])
    book.create_sheet("Other").append(["one", "two"])
    pages = read(extractor, saved(book), ".xlsx").pages
    assert len(pages) > 3
    assert all(page.startswith("Plants\nPlant Capacity\nPlant number") for page in pages[:-1])
    assert pages[-1] == "Other\none two"
    assert sum(page.count("Plant number") for page in pages) == 400


def test_a_slide_is_a_page(extractor):
    """Its title first, then text, tables as rows, charts as figures, groups and notes."""
    deck = pptx.Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[5])
    first.shapes.title.text = "Results"
    table = first.shapes.add_table(2, 2, 0, 0, Inches(4), Inches(1)).table
    for place, text in (((0, 0), "Revenue"), ((0, 1), "12"), ((1, 0), "Costs"), ((1, 1), "(7)")):
        table.cell(*place).text = text
    group = first.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, Inches(1), Inches(1)).text_frame.text = "Inside a group"
    first.notes_slide.notes_text_frame.text = "Say it slowly."
    data = CategoryChartData()
    data.categories = ["2022", "2023"]
    data.add_series("Sales", (10, 12.5))
    second = deck.slides.add_slide(deck.slide_layouts[6])
    second.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(4), Inches(3), data)
    pages = read(extractor, saved(deck), ".pptx").pages
    assert pages == ["Results\nRevenue 12\nCosts (7)\nInside a group\nNotes: Say it slowly.", "2022 2023\nSales 10 12.5"]


def test_html_keeps_rows_and_leaves_out_what_is_hidden(extractor):
    """Signs in cells of their own join their figure; scripts and hidden parts are not text; layout tables are no rows."""
    (page,) = read(
        extractor,
        b"""<!DOCTYPE html><html><head><title>t</title><style>p {}</style></head><body><ix:header><p>machine data</p></ix:header>
        <h1>Annual <i>report</i></h1><p>Revenue &amp; profit<br>grew.</p><p style="display: none">hidden</p><script>x()</script>
        <table><tr><td>Net sales</td><td></td><td>$</td><td>1,234</td><td>(</td><td>56</td><td>)</td><td>12<td>%</td></tr></table>
        <table><tr><td><table><tr><td>Left</td><td>1</td></tr></table></td><td>Right</td></tr></table>tail</body></html>""",
        ".html",
    ).pages
    assert page.split("\n") == [
        "Annual report",
        "Revenue & profit",
        "grew.",
        "Net sales $1,234 (56) 12%",
        "Left 1",
        "Right",
        "tail",
    ]


def test_html_printed_pages_are_kept(extractor):
    """Filings in HTML carry the breaks of their printed pages."""
    body = "".join(f"<div><p>This is page {n}.</p></div><hr style='page-break-after:always'>" for n in range(1, 5))
    pages = read(extractor, f"<html>{body}<p>This is page 5.".encode(), ".htm").pages
    assert pages == [f"This is page {n}." for n in range(1, 6)]


def test_markdown_is_read_as_it_is_meant(extractor):
    """Marks are gone, a table's row is a line, a heading opens a page."""
    long = "Customers bought more of everything than they had before. " * 30
    text = f"# Report *2023*\n\n{long}\n\n## Figures of the year\n\n| Item | 2023 |\n|---|---|\n| Net sales | $ 12 |\n\nA [link](http://x) `code`.\n"
    pages = read(extractor, text.encode(), ".md").pages
    assert pages[0].startswith("Report 2023\nCustomers")
    assert pages[1].split("\n") == ["Figures of the year", "Item 2023", "Net sales $12", "A link code."]


ENCODED = [
    ("Umsatz fünf Milliarden € – „gut“", "cp1252"),
    ("Résultat de l'exercice : 12 millions", "latin-1"),
    ("Выручка составила пять миллиардов рублей в прошлом году", "cp1251"),
    ("売上高は十二億円でした。前年より増えました。利益も増えました。", "shift_jis"),
    ("Umsatz fünf Milliarden", "utf-16"),
    ("Umsatz fuenf Milliarden", "utf-16-le"),
    ("Umsatz fuenf Milliarden", "utf-16-be"),
    ("Umsatz fünf", "utf-32"),
    ("Umsatz fünf", "utf-8-sig"),
]


@pytest.mark.parametrize(("text", "encoding"), ENCODED, ids=[row[1] for row in ENCODED])
def test_text_is_read_in_its_encoding(extractor, text, encoding):
    """Marked or not, in the encodings that files are found in."""
    assert read(extractor, text.encode(encoding), ".txt").pages == [text]


def test_html_is_read_in_the_encoding_that_it_names(extractor):
    """What UTF-8 cannot be is what the file says, or what it looks like when that is nonsense."""
    for charset in ("windows-1252", "nonsense"):
        data = f"<html><meta charset='{charset}'><p>Umsatz fünf Mrd.".encode("cp1252")
        assert read(extractor, data, ".html").pages == ["Umsatz fünf Mrd."]


def test_one_bad_byte_does_not_change_the_encoding(extractor):
    """UTF-8 with a scratch stays UTF-8."""
    data = ("für Müller, größer, schöner " * 20).encode() + b"\xff end"
    assert read(extractor, data, ".txt").pages[0].startswith("für Müller, größer")


# ----------------------------------------------------------------------------------------------------- the bytes decide


def test_a_wrong_ending_does_not_matter_where_the_bytes_are_clear(extractor):
    """A DOCX named .pdf is a DOCX, HTML named .xls or .txt is HTML, a PDF named .docx is a PDF."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    canvas.drawString(72, 700, "Revenue was 12 million")
    canvas.save()
    assert read(extractor, saved(word()), ".pdf").pages[0].startswith("Annual report")
    assert read(extractor, buffer.getvalue(), ".docx").pages == ["Revenue was 12 million"]
    assert read(extractor, b"<html><table><tr><td>Revenue<td>12</table>", ".xls").pages == ["Revenue 12"]
    assert read(extractor, b"<!doctype html><p>Revenue", ".txt").pages == ["Revenue"]
    assert read(extractor, b"BMW grew in 2023, and so did M\xc3\xbcnchen", ".txt").pages[0].startswith("BMW")


@pytest.mark.parametrize(
    ("data", "suffix", "told"),
    [
        (b"<html>Not found", ".pdf", "wrong type: it is named .pdf but holds HTML"),
        (b"Revenue", ".xlsx", "wrong type: it is named .xlsx but holds plain text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), ".pdf", "wrong type: it is a picture"),
        (b"\x1f\x8b\x08" + bytes(99), ".txt", "wrong type: it is an archive"),
        (b"{\\rtf1 Revenue}", ".txt", "files of type .rtf are not read"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), ".xls", "files of type .xls are not read"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99),
            ".docx",
            "wrong type: it is named .docx but is an Office file of before 2007",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), ".docx", "it is protected by a password"),
        (bytes(range(256)) * 9, ".docx", "it is not a readable DOCX"),
        (b"PK\x03\x04" + bytes(99), ".docx", "it is not a readable DOCX"),
    ],
)
def test_what_it_is_not_is_told(extractor, data, suffix, told):
    """The reason says what the file is instead."""
    assert reason(extractor, data, suffix) == told


def test_one_locked_member_locks_the_document(extractor):
    """An Office file of which any part is encrypted is protected, not only one of which all are."""
    buffer = io.BytesIO()
    document = docx.Document()
    document.add_paragraph("Revenue was 4,711 million.")
    document.save(buffer)
    data = bytearray(buffer.getvalue())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1  # the flags of the last member in the directory
    assert reason(extractor, bytes(data), ".docx") == "it is protected by a password"


def test_nothing_to_read_is_told(extractor):
    """Sound files without a word in them."""
    for document, suffix in ((docx.Document(), ".docx"), (openpyxl.Workbook(), ".xlsx"), (pptx.Presentation(), ".pptx")):
        told = reason(extractor, saved(document), suffix) if suffix != ".xlsx" else "it holds no text"
        assert told == "it holds no text"


# ------------------------------------------------------------------------------------------------------ text recognition

SCAN = ("Northwind Paper annual report", "Revenue 1,234 1,100", "Total assets 12,345 11,345")


def scan(*, scanned=1, plain=0):
    """Return a PDF whose first pages are pictures of text, and whose last are text."""
    picture = Image.new("L", (1240, 1754), 255)
    draw = ImageDraw.Draw(picture)
    for row, text in enumerate(SCAN):
        draw.text((100, 150 + 80 * row), text, fill=0, font=ImageFont.load_default(36))
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(595, 842))
    for _ in range(scanned):
        canvas.drawImage(ImageReader(picture), 0, 0, 595, 842)
        canvas.showPage()
    for _ in range(plain):
        canvas.drawString(72, 700, "Words that are text on their page.")
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


@pytest.fixture
def one(tmp_path, monkeypatch):
    """Return a function that makes an extractor whose child finds this program as tesseract, or none."""
    made = []
    programs = tmp_path / "programs"
    programs.mkdir()

    def make(script="", **more):
        monkeypatch.setenv("PATH", str(programs))
        if script:
            program = programs / "tesseract"
            program.write_text(f"#!{sys.executable}\n{script}")
            program.chmod(0o755)
        made.append(Extractor(tmp_path / "spool", workers=1, **more))
        return made[-1]

    yield make
    for extractor in made:
        extractor.close()


def test_without_tesseract_scans_are_named(one):
    """All pages pictures: rejected with that reason. Some of them: the rest is read and they are named."""
    extractor = one()
    assert reason(extractor, scan(), ".pdf") == SCANNED
    analysed = read(extractor, scan(scanned=3, plain=1), ".pdf")
    assert analysed.pages == ["", "", "", "Words that are text on their page."]
    assert analysed.notes == ["pictures that could not be read, tesseract (text recognition) is not installed: pages 1-3"]


def test_pictures_are_given_to_tesseract(one):
    """The program gets the page as a gray picture, its text becomes the page's, and a note says so."""
    extractor = one(
        "import sys\nhead = sys.stdin.buffer.readline().split()\nassert head[0] == b'P5'\n"
        "assert len(sys.stdin.buffer.read()) == int(head[1]) * int(head[2])\nprint('Recognised revenue of 1,234 million')"
    )
    analysed = read(extractor, scan(scanned=1, plain=1), ".pdf")
    assert analysed.pages == ["Recognised revenue of 1,234 million", "Words that are text on their page."]
    assert analysed.notes == ["read by text recognition (OCR), which makes mistakes: page 1"]


@pytest.mark.parametrize(
    "script", ["import sys; sys.exit(1)", "print()", "print('\\xff\\ud800')", "import os; os.kill(os.getpid(), 9)"]
)
def test_recognition_that_fails_costs_its_page_only(one, script):
    """Whatever the program does, the other pages are read."""
    analysed = read(one(script), scan(scanned=1, plain=1), ".pdf")
    assert analysed.pages == ["", "Words that are text on their page."]
    assert analysed.notes == ["pictures in which no text was recognised: page 1"]


def test_recognition_has_its_own_time(one):
    """Longer in all than a document may take, but each page within it; what no time is left for is named."""
    extractor = one("import time\ntime.sleep(0.5)\nprint('Recognised revenue of 1,234 million')", timeout_s=4, ocr_s=4)
    analysed = read(extractor, scan(scanned=30, plain=1), ".pdf")
    assert analysed.notes[0].startswith("read by text recognition (OCR), which makes mistakes: pages 1-")
    assert analysed.notes[1].startswith("pictures that could not be read, no time was left to recognise their text: pages ")


def test_a_program_that_hangs_goes_with_its_child(one, tmp_path):
    """Past its time the child is killed with its group: nothing it started lives on."""
    mark = tmp_path / "pid"
    extractor = one(f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)", timeout_s=2, ocr_s=5)
    assert reason(extractor, scan(), ".pdf") == "reading it took longer than 2 s"
    pid = int(mark.read_text())
    wait_for(lambda: not alive(pid))
    assert read(extractor, b"found", ".txt").pages == ["found"]


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
def test_a_scan_is_read_by_the_real_tesseract(extractor):
    """Words and rows of figures come back from a picture."""
    analysed = read(extractor, scan(), ".pdf")
    found = [line for line in analysed.pages[0].split("\n") if line]
    assert found == list(SCAN)
    assert analysed.notes == ["read by text recognition (OCR), which makes mistakes: page 1"]


# ------------------------------------------------------------------------------------------------------------- the child


PROBE = """
import os, socket, sys
from jacie_flask.documents.confinement import allow_seconds, confine
confine(may_run_programs=False)
def refused(call):
    try:
        call()
    except OSError as error:
        return "refused"
    return "done"
print("Seccomp:\\t2" in open("/proc/self/status").read())
print(refused(lambda: socket.socket()), refused(os.fork), refused(lambda: os.execv("/bin/true", ["true"])), refused(lambda: os.kill(1, 0)))
import threading
thread = threading.Thread(target=lambda: print("threads"))
thread.start(); thread.join()
try:
    bytearray(3_000_000_000)
except MemoryError:
    print("memory")
sys.stdout.flush()
allow_seconds(0.2)
while True:
    pass
"""


def test_a_child_is_confined(tmp_path):
    """No connections, no programs, no more memory and no more processor time than it was given; threads still work."""
    import subprocess

    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=60, check=False, cwd=Path(__file__).parents[2]
    )
    filtered, refused, threads, memory = done.stdout.splitlines()
    if filtered == "True":  # else this kernel takes no filter
        assert refused == "refused refused refused refused"
    assert (threads, memory) == ("threads", "memory")
    assert done.returncode == -signal.SIGXCPU


def test_processor_time_is_told_as_time(tmp_path):
    """A child that the kernel ends for its processor time took too long; it is not called damaged."""
    extractor = Extractor(tmp_path, workers=1, timeout_s=60)
    try:
        with extractor._child() as child:
            pid = child._process.pid
        os.kill(pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGXCPU)
        import threading

        threading.Timer(0.2, os.kill, (pid, signal.SIGCONT)).start()
        assert reason(extractor, b"found", ".txt") == "reading it took longer than 60 s"
        assert read(extractor, b"found", ".txt").pages == ["found"]
    finally:
        extractor.close()


# -------------------------------------------------------------------------------------------------------------- paging


def test_headings_go_with_what_follows():
    """A heading at the end of a full page opens the next one."""
    blocks = [Block("a" * 2_900), Block("Title", level=3), Block("b" * 500)]
    assert list(paginate(blocks)) == ["a" * 2_900, "Title\n" + "b" * 500]


def test_a_long_block_is_cut_where_it_reads_best():
    """After a sentence, between words, or anywhere when there is neither."""
    assert list(pieces_of("One sentence. Another one.", 16)) == ["One sentence.", "Another one."]
    assert list(pieces_of("some words without end", 12)) == ["some words", "without end"]
    assert list(pieces_of("x" * 25, 10)) == ["x" * 10, "x" * 10, "x" * 5]


def test_page_numbers_read_well():
    """Runs are joined, and a long list has an end."""
    assert numbers(range(1, 61, 2)) == "pages 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23 and 18 more"
    assert numbers([4]) == "page 4"
    assert numbers([1, 3, 4, 5, 9]) == "pages 1, 3-5, 9"
