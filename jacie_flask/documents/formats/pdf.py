"""PDF by pypdfium2: a page is a page; those that are pictures are recognised where that is possible."""

import contextlib
import ctypes
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium

from jacie_flask.documents import ocr
from jacie_flask.documents.extraction import Job
from jacie_flask.documents.paging import MoreTime, Reading, bounded, numbers
from jacie_flask.errors import DocumentRejected
from jacie_flask.text import rows

_DPI = 200
_LONGEST_SIDE = 3_500
_FEW_LETTERS = 16
_PICTURED = 0.3
_DRAWN = 300


def read(job: Job, more_time: MoreTime) -> Reading:
    """Return the text of each page; raise DocumentRejected for what is not a readable PDF."""
    with contextlib.closing(opened(Path(job.path))) as document:
        if not 0 < len(document) <= job.max_pages:
            raise DocumentRejected(reason=f"it has {len(document)} pages; between 1 and {job.max_pages} are read")
        broken: list[int] = []
        pictures: list[int] = []
        reading = bounded(_texts(document, broken, pictures), job.max_pages)
        if len(broken) == len(document):
            raise DocumentRejected(reason="it is not a readable PDF")
        if broken:
            reading.notes.append(f"damaged, could not be read: {numbers(broken)}")
        if pictures:
            _recognise(document, pictures, reading, more_time)
        return reading


def opened(path: Path) -> pypdfium2.PdfDocument:
    """Return the open document, or raise DocumentRejected."""
    try:
        return pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        reason = "it is protected by a password" if "password" in str(error).lower() else "it is not a readable PDF"
        raise DocumentRejected(str(error), reason=reason) from error


def _texts(document: pypdfium2.PdfDocument, broken: list[int], pictures: list[int]) -> Iterator[str]:
    """Yield the text of each page; note the numbers of those that are damaged and of those that are pictures."""
    for number in range(1, len(document) + 1):
        try:
            with contextlib.closing(document[number - 1]) as page:
                text = page_text(page)
                if _letters(text) < _FEW_LETTERS and _is_picture(page):
                    pictures.append(number)
        except pypdfium2.PdfiumError:
            broken.append(number)
            text = ""
        yield text


def page_text(page: pypdfium2.PdfPage) -> str:
    """Return the text of a page, its torn rows put together again."""
    with contextlib.closing(page.get_textpage()) as text_page:
        return rows.mended(str(text_page.get_text_bounded()), partial(_words, text_page))


def _words(text_page: pypdfium2.PdfTextPage) -> list[rows.Word]:
    """Return what stands between spaces on a page, and where each begins."""
    words: list[rows.Word] = []
    x, y = ctypes.c_double(), ctypes.c_double()
    letters, begun = "", (0.0, 0.0)
    for at in range(text_page.count_chars()):
        letter = chr(pdfium.FPDFText_GetUnicode(text_page.raw, at) or 32)
        pdfium.FPDFText_GetCharOrigin(text_page.raw, at, ctypes.byref(x), ctypes.byref(y))
        if letters and (letter.isspace() or abs(y.value - begun[1]) > rows.APART):
            words.append(rows.Word(letters, *begun))
            letters = ""
        if not letter.isspace():
            begun = begun if letters else (x.value, y.value)
            letters += letter
    return [*words, rows.Word(letters, *begun)] if letters else words


def _letters(text: str) -> int:
    return sum(character.isalnum() for character in text) if len(text) < 20 * _FEW_LETTERS else _FEW_LETTERS


def _is_picture(page: pypdfium2.PdfPage) -> bool:
    """Say whether pictures cover a good part of the page, or it is drawn of many strokes."""
    count = pdfium.FPDFPage_CountObjects(page)
    if count >= _DRAWN:
        return True
    width, height = page.get_size()
    covered: float = 0.0
    for item in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        left, bottom, right, top = item.get_bounds()
        covered += max(0.0, right - left) * max(0.0, top - bottom)
    return bool(covered >= _PICTURED * width * height > 0)


def _recognise(document: pypdfium2.PdfDocument, pictures: list[int], reading: Reading, more_time: MoreTime) -> None:
    """Put recognised text where a page had none, as far as time allows, and note which pages that were."""
    if not ocr.program():
        reading.notes.append(
            f"pictures that could not be read, tesseract (text recognition) is not installed: {numbers(pictures)}"
        )
        return
    read, empty, late = [], [], []
    for number in pictures:
        if not more_time():
            late.append(number)
            continue
        text = _picture_text(document, number)
        if _letters(text) > _letters(reading.pages[number - 1]):
            reading.pages[number - 1] = text
            read.append(number)
        else:
            empty.append(number)
    if read:
        reading.notes.append(f"read by text recognition (OCR), which makes mistakes: {numbers(read)}")
    if empty:
        reading.notes.append(f"pictures in which no text was recognised: {numbers(empty)}")
    if late:
        reading.notes.append(f"pictures that could not be read, no time was left to recognise their text: {numbers(late)}")


def _picture_text(document: pypdfium2.PdfDocument, number: int) -> str:
    try:
        with contextlib.closing(document[number - 1]) as page:
            scale = min(_DPI / 72, _LONGEST_SIDE / max(1.0, *page.get_size()))
            with contextlib.closing(page.render(scale=scale, grayscale=True)) as bitmap:
                gray = bitmap.to_numpy()[: bitmap.height, : bitmap.width].tobytes()
                return ocr.recognise(gray, bitmap.width, bitmap.height, max(70, round(72 * scale)))
    except (pypdfium2.PdfiumError, ValueError):
        return ""
