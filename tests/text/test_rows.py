"""Rows: figures that a PDF draws apart from their labels come back to them, and pages that are in order stay as they are."""

import io

import pypdfium2
import pytest
from reportlab.pdfgen.canvas import Canvas

from jacie_flask.documents.formats.pdf import page_text
from jacie_flask.text.rows import torn

LABELS = ["Net sales", "Cost of sales", "Gross profit", "Operating expenses", "Operating income", "Interest", "Net income"]
CELLS = [[f"{1000 * (row + 2) + 37 * column:,}" for column in range(2)] for row in range(len(LABELS))]
ROWS = [f"{label} {' '.join(cells)}" for label, cells in zip(LABELS, CELLS, strict=True)]


def text_of(draw):
    """Return the text of a page that ``draw`` puts on a canvas, and what pdfium alone makes of it."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(595, 842))
    canvas.setFont("Helvetica", 9)
    draw(canvas)
    canvas.save()
    document = pypdfium2.PdfDocument(out.getvalue())
    page = document[0].get_textpage()
    found = page_text(document[0]).replace("\r", ""), page.get_text_bounded().replace("\r", "")
    page.close()
    document.close()
    return found


def by_column(canvas, jitter=0.0):
    """Draw the labels, then each column of figures, from the top."""
    for row, label in enumerate(LABELS):
        canvas.drawString(60, 700 - 14 * row, label)
    for column in range(2):
        for row in range(len(LABELS)):
            canvas.drawRightString(400 + 80 * column, 700 - 14 * row + jitter, CELLS[row][column])


@pytest.mark.parametrize("jitter", [0.0, 1.5, -1.5])
def test_columns_become_rows(jitter):
    """A label and its figures stand on one line, in the order of the columns, whatever the order they were drawn in."""
    found, plain = text_of(lambda canvas: by_column(canvas, jitter))
    assert torn(plain) >= len(LABELS)
    assert [line.strip() for line in found.splitlines()] == ROWS


def test_a_page_in_order_stays_as_it_is():
    """Prose, and tables drawn row by row, are left to pdfium: two columns of prose are not mixed."""

    def prose(canvas):
        for column in range(2):
            for line in range(30):
                canvas.drawString(60 + 260 * column, 760 - 14 * line, f"Column {column} line {line} says nothing of note")

    def table(canvas):
        for row, line in enumerate(ROWS):
            canvas.drawString(60, 700 - 14 * row, line)

    for draw in (prose, table):
        found, plain = text_of(draw)
        assert found == plain


def test_rows_that_run_together_are_torn():
    """A row that begins in the line of another counts, a sentence with figures does not."""
    assert torn("Receivables 1,692.1 1,638.5 Inventories 1,867.3 1,820.5") == 2
    assert torn("It sold 1,692 units and bought 1,638 of them back in 2019.\nIn March 2020 it sold 5 more.") == 0
    assert torn("") == 0


@pytest.mark.parametrize(
    "text", ["1 Aa" * 80_000, "1,000 " * 60_000, "Aa a " * 80_000, "((((" * 100_000, "1 Aa a a a a a a a a " * 18_000]
)
def test_no_page_takes_long(text):
    """Looking for torn rows takes no time in the square of a page's length, with which this test would not come to its end."""
    assert torn(text) >= 0
