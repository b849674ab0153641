"""The child's side of extraction: reads one document after another, limited in memory, and answers on stdout."""

import contextlib
import ctypes
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pypdfium2
import pypdfium2.raw as pdfium

from jacie_flask.documents.analysis import analyse
from jacie_flask.documents.extraction import _LENGTH, Job, Outcome
from jacie_flask.errors import DocumentRejected
from jacie_flask.processes import end_with_parent
from jacie_flask.text import rows

_MEMORY = 3_000_000_000
_PAGE_CHARS = 200_000
_DOCUMENT_CHARS = 60_000_000
_LINES_A_PAGE = 60


def pdf_pages(path: Path, max_pages: int) -> list[str]:
    """Return the text of each page; raise DocumentRejected for what is not a readable PDF."""
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        reason = "it is protected by a password" if "password" in str(error).lower() else "it is not a readable PDF"
        raise DocumentRejected(str(error), reason=reason) from error
    with contextlib.closing(document):
        if not 0 < len(document) <= max_pages:
            raise DocumentRejected(reason=f"it has {len(document)} pages; between 1 and {max_pages} are read")
        return _bounded(_page_text(document, number) for number in range(len(document)))


def _page_text(document: pypdfium2.PdfDocument, number: int) -> str:
    page = document[number]
    try:
        text_page = page.get_textpage()
        try:
            return rows.mended(str(text_page.get_text_bounded()), lambda: _words(text_page))
        finally:
            text_page.close()
    finally:
        page.close()


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


def text_pages(path: Path, max_pages: int) -> list[str]:
    """Return plain text cut into pages at form feeds, or every 60 lines where it has none."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentRejected(str(error), reason="it is not UTF-8 text") from error
    if "\f" in text:
        pages = text.split("\f")
    else:
        lines = text.split("\n")
        pages = ["\n".join(lines[at : at + _LINES_A_PAGE]) for at in range(0, len(lines), _LINES_A_PAGE)]
    if len(pages) > max_pages:
        raise DocumentRejected(reason=f"it has {len(pages)} pages; at most {max_pages} are read")
    return _bounded(pages)


READERS: dict[str, Callable[[Path, int], list[str]]] = {".pdf": pdf_pages, ".txt": text_pages, ".md": text_pages}


def _bounded(pages: object) -> list[str]:
    kept, total = [], 0
    for page in pages:  # type: ignore[attr-defined]  # any iterable of texts
        text = page.replace("\r\n", "\n").replace("\r", "\n").replace("\0", " ")[:_PAGE_CHARS]
        text = text.encode("utf-8", "replace").decode("utf-8")  # pdfium hands over lone surrogates
        total += len(text)
        if total > _DOCUMENT_CHARS:
            raise DocumentRejected(reason="its text is larger than this server reads")
        kept.append(text)
    return kept


def read(job: Job) -> Outcome:
    """Return the analysed document, or why there is none."""
    try:
        if not Path(job.path).stat().st_size:
            raise DocumentRejected(reason="it is empty")
        reader = READERS.get(job.suffix)
        if reader is None:
            raise DocumentRejected(reason=f"files of type {job.suffix or '(none)'} are not read")
        pages = reader(Path(job.path), job.max_pages)
        if not any(page.strip() for page in pages):
            raise DocumentRejected(reason="it holds no text (a scan without text recognition?)")
        return Outcome(document=analyse(pages, job.content_hash))
    except DocumentRejected as error:
        return Outcome(reason=error.reason, detail=str(error))
    except MemoryError:
        return Outcome(reason="reading it needs more memory than this server gives", detail="MemoryError")


def main() -> None:
    """Answer jobs, one JSON line in, one length-prefixed msgpack message out, until the parent closes the pipe."""
    end_with_parent()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing a library prints may get between two answers
    for line in sys.stdin.buffer:
        payload = msgspec.msgpack.encode(read(msgspec.json.decode(line, type=Job)))
        answers.write(_LENGTH.pack(len(payload)) + payload)
        answers.flush()


if __name__ == "__main__":
    main()
