"""PDF by pypdfium2: the text of each page as it is drawn; pages without readable text are recognised where that is possible."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pypdfium2

from jacie_flask.documents.extraction import Job
from jacie_flask.documents.formats import pdf_calls
from jacie_flask.documents.formats.pdf_annotations import Annotations, annotations
from jacie_flask.documents.formats.pdf_characters import Box, Characters, turned
from jacie_flask.documents.formats.pdf_images import PicturedText, is_picture
from jacie_flask.documents.formats.pdf_pages import PdfPages
from jacie_flask.documents.formats.pdf_recognition import recognise
from jacie_flask.documents.paging import MoreTime, Reading, bounded, numbers
from jacie_flask.errors import DocumentRejected
from jacie_flask.text import hyphens, rows
from jacie_flask.text.legibility import is_legible
from jacie_flask.text.notemarks import fractions

_FEW_LETTERS = 16
_SAMPLE = 24
_LINE_HEIGHT = 14.0


@dataclass
class _Findings:
    """The numbers of pages of which something was not read, and why."""

    broken: list[int] = field(default_factory=list)
    pictures: list[int] = field(default_factory=list)
    unmapped: list[int] = field(default_factory=list)
    pictured: list[int] = field(default_factory=list)
    comments: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    def notes(self) -> list[str]:
        """Return a sentence for each kind of content that is never read."""
        kinds = (
            ("damaged, could not be read", self.broken),
            ("pictures beside text, in which text was not looked for", self.pictured),
            ("comments and stamps that were not read", self.comments),
            ("files attached to a page that were not read", self.files),
        )
        return [f"{kind}: {numbers(pages)}" for kind, pages in kinds if pages]


def read(job: Job, more_time: MoreTime) -> Reading:
    """Return the text of each page; raise DocumentRejected for what is not a readable PDF."""
    with contextlib.closing(PdfPages(Path(job.path))) as pages:
        if not 0 < len(pages) <= job.max_pages:
            raise DocumentRejected(reason=f"it has {len(pages)} pages; between 1 and {job.max_pages} are read")
        findings = _Findings()
        reading = bounded(_texts(pages, findings), job.max_pages)
        if len(findings.broken) == len(pages):
            raise DocumentRejected(reason="it is not a readable PDF")
        reading.pages = hyphens.joined(reading.pages)
        reading.notes += [*findings.notes(), *pages.notes()]
        recognise(pages, findings.pictures, findings.unmapped, reading, more_time)
        return reading


def _texts(pages: PdfPages, findings: _Findings) -> Iterator[str]:
    """Yield the text of each page; note the numbers of those of which something was not read."""
    pictured = PicturedText(pages.image_sizes)
    for number in range(1, len(pages) + 1):
        try:
            with pages.page(number) as page:
                text = _page(page, number, annotations(page, pages.form_of(number)), findings)
                if text and number not in findings.pictures[-1:] and pictured.is_on(page):
                    findings.pictured.append(number)
        except pypdfium2.PdfiumError:
            findings.broken.append(number)
            text = ""
        yield text


def _page(page: pypdfium2.PdfPage, number: int, annotated: Annotations, findings: _Findings) -> str:
    """Return the text of a page without the lines that cannot be read, and note what of the page was not read."""
    with contextlib.closing(page.get_textpage()) as text_page:
        characters = Characters(text_page)
        text = _text(page, text_page, characters, annotated)
        if _letters(text) < _FEW_LETTERS and is_picture(page):
            findings.pictures.append(number)
        elif _is_unmapped(characters) or not is_legible(text):
            findings.unmapped.append(number)
            text = _mapped_lines(characters)
    if annotated.comments:
        findings.comments.append(number)
    if annotated.files:
        findings.files.append(number)
    return text


def page_text(page: pypdfium2.PdfPage) -> str:
    """Return the text of a page: note marks raised, turned and torn lines in rows."""
    with contextlib.closing(page.get_textpage()) as text_page:
        return _text(page, text_page, Characters(text_page), Annotations())


def _text(page: pypdfium2.PdfPage, text_page: pypdfium2.PdfTextPage, characters: Characters, annotated: Annotations) -> str:
    """Return the text of a page with the values of its fields in their places and its free texts at its end."""
    quarters = characters.quarters()
    if annotated.fields or any(quarters):
        text = _rows_text(characters, quarters, annotated.fields)
    else:
        text = _plain_text(page, text_page, characters)
    return "\n".join([text, *annotated.texts])


def _plain_text(page: pypdfium2.PdfPage, text_page: pypdfium2.PdfTextPage, characters: Characters) -> str:
    """Return the text in the order of the file, or by rows where that order tears them."""
    marks = characters.marks()
    text = pdf_calls.bounded_text(text_page, characters.count, page.get_bbox())
    if marks.written:
        indexes = characters.aligned(text, page.get_bbox())
        if indexes is None:
            text, indexes = characters.text, [index for index, letter in enumerate(characters.text) if not letter.isspace()]
        text = fractions(characters.rewritten(text, indexes, marks))
    return rows.mended(text, partial(characters.words, marks))


def _rows_text(characters: Characters, quarters: Counter[int], fields: Sequence[tuple[str, Box]]) -> str:
    """Return the lines of each direction as rows, the most frequent direction first and with the fields."""
    texts: list[str] = []
    for quarter, _ in quarters.most_common():
        words = list(characters.words(characters.marks(quarter), quarter))
        if not texts:
            words += [word for value, box in fields for word in _placed(value, turned(box, quarter), words)]
        texts.append(fractions(rows.by_rows(words)))
    return "\n".join(texts)


def _placed(value: str, box: Box, words: Sequence[rows.Word]) -> Iterator[rows.Word]:
    """Yield the lines of a field's value as words on the row that its box is in."""
    left, bottom, _, top = box
    middle = (bottom + top) / 2
    levels = [word.y for word in words if bottom - rows.APART / 2 <= word.y <= top]
    lines = value.splitlines()
    level = min(levels, key=lambda y: abs(y + rows.APART - middle), default=middle - rows.APART)
    for count, line in enumerate(lines):
        yield rows.Word(line.strip(), left, level if len(lines) == 1 else top - _LINE_HEIGHT * (count + 0.8))


def _letters(text: str) -> int:
    return sum(character.isalnum() for character in text) if len(text) < 20 * _FEW_LETTERS else _FEW_LETTERS


def _is_unmapped(characters: Characters) -> bool:
    """Say whether the fonts of a page give no Unicode characters for some of it, by a sample."""
    step = max(1, len(characters.text) // _SAMPLE)
    return any(characters.unmapped(index) for index in range(0, len(characters.text), step))


def _mapped_lines(characters: Characters) -> str:
    """Return the lines of a page all of whose characters have a Unicode character; nothing where most have none."""
    kept: list[str] = []
    start = lost = 0
    for line in characters.text.splitlines(keepends=True):
        end = start + len(line)
        if is_legible(line) and not any(characters.unmapped(index) for index in range(start, end)):
            kept.append(line)
        else:
            lost += 1
        start = end
    text = "".join(kept)
    return text if is_legible(text) and lost <= len(kept) else ""
