"""PDFs that tests make: canvases, damaged maps to Unicode, attached files."""

import io
import re
from pathlib import Path

import pypdfium2
import reportlab
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

FONTS = Path(reportlab.__file__).parent / "fonts"


def drawn(*pages, size=(595, 842), compressed=True):
    """Return a PDF; each of ``pages`` draws one on the canvas."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=size, pageCompression=int(compressed))
    for draw in pages:
        canvas.setFont("Helvetica", 11)
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def lines(*texts, top=780, left=60):
    """Return what draws lines of text below each other."""

    def draw(canvas):
        for number, text in enumerate(texts):
            canvas.drawString(left, top - 20 * number, text)

    return draw


def mapped(texts, letter):
    """Return a one-page PDF in an embedded font whose map to Unicode gives ``letter(code)`` for each code."""
    registerFont(TTFont("Vera", str(FONTS / "Vera.ttf")))

    def draw(canvas):
        canvas.setFont("Vera", 12)
        lines(*texts)(canvas)

    data = drawn(draw, compressed=False)
    return re.sub(rb"<([0-9A-Fa-f]{2})> <([0-9A-Fa-f]{4})>", lambda m: b"<%s> <%04X>" % (m[1], letter(int(m[2], 16))), data)


def with_attachments(container, files, portfolio=False):
    """Return a PDF to which files are attached by name, as a portfolio or not."""
    document = pypdfium2.PdfDocument(container)
    for name, data in files.items():
        document.new_attachment(name).set_data(data)
    out = io.BytesIO()
    document.save(out)
    document.close()
    saved = out.getvalue()
    return re.sub(rb"/Type\s*/Catalog", b"/Type /Catalog /Collection <</View /D>>", saved) if portfolio else saved
