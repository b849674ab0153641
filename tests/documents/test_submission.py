"""EDGAR full submissions: documents of text are read, whatever surrounds them; what holds content of its own is named."""

import binascii

import pytest

from jacie_flask.errors import DocumentRejected
from tests.support.reading import case, read_here

SHORT = "<SEC-DOCUMENT>0000999002-24-000001.txt : 20240214\n<SEC-HEADER>x.hdr.sgml : 20240214\nACCESSION NUMBER: 0000999002-24-000001\n</SEC-HEADER>\n"
LONG = SHORT.replace(
    "</SEC-HEADER>",
    "\n".join(f"FORMER COMPANY: NAME {n}\nDATE OF NAME CHANGE: 19990101" for n in range(4000)) + "\n</SEC-HEADER>",
)
SIGNED = "-----BEGIN PRIVACY-ENHANCED MESSAGE-----\nProc-Type: 2001,MIC-CLEAR\n" + "x" * 70 + "\n\n" + SHORT
BARE = "0000999002-24-000001.txt : 20240214\n"
HTML = "<html><body><p>{}</p></body></html>"


def part(kind, name, text, description=""):
    """Return a document of a submission."""
    about = f"<DESCRIPTION>{description}\n" if description else ""
    return f"<DOCUMENT>\n<TYPE>{kind}\n<SEQUENCE>1\n<FILENAME>{name}\n{about}<TEXT>\n{text}\n</TEXT>\n</DOCUMENT>\n"


def encoded(name, size=4000):
    """Return bytes in the encoding of attached files."""
    data = bytes(n * 37 % 256 for n in range(size))
    lines = "".join(binascii.b2a_uu(data[at : at + 45]).decode() for at in range(0, size, 45))
    return f"begin 644 {name}\n{lines}`\nend"


def test_the_submission_with_a_short_header():
    """The 10-K alone is read, with its forty rows."""
    reading = read_here(case("Delmora 10-K 2023 short header.txt"), ".txt")
    (text,) = reading.pages
    assert "Backlog at year end was $412.6 million" in text
    assert sum(line.startswith("Segment ") for line in text.split("\n")) == 40
    assert "begin 644" not in text
    assert reading.notes == ["pictures of the submission were not read: 1"]


@pytest.mark.parametrize(
    "header", [SHORT, LONG, SIGNED, BARE, "", "\ufeff" + SHORT, SHORT.replace("\n", "\r\n"), "<SUBMISSION>\n<TYPE>10-K\n"]
)
@pytest.mark.parametrize("suffix", [".txt", ".htm", ""])
def test_main_document_and_exhibits(header, suffix):
    """However long the header is: HTML and text come as pages, XBRL and what EDGAR makes of it are left out."""
    reading = read_here(
        header
        + part("10-K", "a.htm", HTML.format("Backlog was $412.6 million<sup>1</sup>."))
        + part("EX-13", "ex13.txt", "<PAGE>\nAnnual report\n<TABLE>\n<S>      <C>\nRevenue  1,234\n</TABLE>\n<PAGE>\nSecond page")
        + part("GRAPHIC", "logo.jpg", encoded("logo.jpg"))
        + part("EX-101.INS", "a.xml", "<XML>\n<xbrl><v>98765</v></xbrl>\n</XML>")
        + part("EX-101.SCH", "a.xsd", "<XBRL>\n<schema>98765</schema>\n</XBRL>")
        + part("XML", "R1.htm", HTML.format("98765"))
        + part("EXCEL", "Financial_Report.xlsx", encoded("Financial_Report.xlsx"))
        + part("ZIP", "0001-xbrl.zip", encoded("0001-xbrl.zip")),
        suffix,
    )
    assert [" ".join(page.split()) for page in reading.pages] == [
        "Backlog was $412.6 million¹.", "Annual report Revenue 1,234", "Second page",
    ]  # fmt: skip
    assert reading.notes == ["pictures of the submission were not read: 1"]


def test_inline_xbrl_is_the_main_document():
    """EDGAR wraps it like data; it is HTML all the same, and its tables are numbered on."""
    table = "<table><tr><td>Goodwill</td><td><ix:nonFraction name='a:G' scale=6>{}</ix:nonFraction></td></tr></table>"
    document = "<?xml version='1.0'?>\n<!-- made by somebody -->\n<html xmlns:ix='x'><body>{}</body></html>"
    reading = read_here(
        SHORT
        + part("10-K", "a.htm", f"<XBRL>\n{document.format(table.format('1,905'))}\n</XBRL>")
        + part("EX-99.1", "b.htm", document.format(table.format("1,888")))
        + part("EX-101.LAB", "a_lab.xml", "<XBRL>\n<linkbase>98765</linkbase>\n</XBRL>"),
        ".txt",
    )
    assert reading.pages == ["Goodwill 1,905", "Goodwill 1,888"]
    assert [(row.page, row.cells[1].fact.value) for grid in reading.grids for row in grid.rows] == [(1, 1905e6), (2, 1888e6)]
    assert len(reading.grids) == 2
    assert reading.notes == []


def test_attached_files_with_content_of_their_own_are_named():
    """A PDF is no copy that may be passed over in silence."""
    reading = read_here(
        SHORT
        + part("8-K", "a.htm", HTML.format("Text"))
        + part("EX-99.2", "slides.pdf", f"<PDF>\n{encoded('slides.pdf')}\n</PDF>"),
        ".txt",
    )
    assert reading.pages == ["Text"]
    assert reading.notes == ["attached files of the submission were not read: slides.pdf"]


def test_a_submission_without_text_is_rejected():
    """It says so."""
    with pytest.raises(DocumentRejected) as caught:
        read_here(SHORT + part("GRAPHIC", "logo.jpg", encoded("logo.jpg")), ".txt")
    assert caught.value.reason == "it is a submission without a document of text"


def test_a_cut_submission_is_read_to_its_end():
    """Without the closing tags the text goes on to the next document, or to the end."""
    text = (
        SHORT
        + part("10-K", "a.htm", HTML.format("One")).replace("</TEXT>\n</DOCUMENT>\n", "")
        + part("EX-1", "b.txt", "Two").removesuffix("</TEXT>\n</DOCUMENT>\n")
    )
    assert [page.strip() for page in read_here(text, ".txt").pages] == ["One", "Two"]


@pytest.mark.parametrize(
    "text", ["A text that speaks of <DOCUMENT> and <TYPE>.", "<html><body>&lt;DOCUMENT&gt; is a tag</body></html>"]
)
def test_other_texts_are_no_submissions(text):
    """Only its structure makes one."""
    assert "DOCUMENT>" in read_here(text, ".txt").pages[0]
