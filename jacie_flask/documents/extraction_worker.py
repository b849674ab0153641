"""The child's side of extraction: reads one document after another, limited in memory, and answers on stdout."""

import contextlib
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pypdfium2

from jacie_flask.documents import page_picture
from jacie_flask.documents.analysis import analyse
from jacie_flask.documents.extraction import _LENGTH, Job, Outcome, PictureJob
from jacie_flask.errors import DocumentRejected
from jacie_flask.processes import end_with_parent

_MEMORY = 3_000_000_000
_PAGE_CHARS = 200_000
_DOCUMENT_CHARS = 60_000_000
_LINES_A_PAGE = 60


def pdf_pages(path: Path, max_pages: int) -> list[str]:
    """Return the text of each page; raise DocumentRejected for what is not a readable PDF."""
    with contextlib.closing(_open_pdf(path)) as document:
        if not 0 < len(document) <= max_pages:
            raise DocumentRejected(reason=f"it has {len(document)} pages; between 1 and {max_pages} are read")
        return _bounded(_page_text(document, number) for number in range(len(document)))


def _open_pdf(path: Path) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        reason = "it is protected by a password" if "password" in str(error).lower() else "it is not a readable PDF"
        raise DocumentRejected(str(error), reason=reason) from error


def _page_text(document: pypdfium2.PdfDocument, number: int) -> str:
    page = document[number]
    try:
        text_page = page.get_textpage()
        try:
            return str(text_page.get_text_bounded())
        finally:
            text_page.close()
    finally:
        page.close()


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


def picture(job: PictureJob) -> Outcome:
    """Return a page as a picture, or why there is none."""
    try:
        with contextlib.closing(_open_pdf(Path(job.path))) as document:
            return Outcome(picture=page_picture.draw(document, job.page, job.highlight, job.scale))
    except DocumentRejected as error:
        return Outcome(reason=error.reason, detail=str(error))
    except pypdfium2.PdfiumError as error:
        return Outcome(reason="the page is damaged", detail=str(error))
    except MemoryError:
        return Outcome(reason="drawing it needs more memory than this server gives", detail="MemoryError")


def main() -> None:
    """Answer jobs, one JSON line in, one length-prefixed msgpack message out, until the parent closes the pipe."""
    end_with_parent()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing a library prints may get between two answers
    for line in sys.stdin.buffer:
        job = msgspec.json.decode(line, type=Job | PictureJob)
        payload = msgspec.msgpack.encode(picture(job) if isinstance(job, PictureJob) else read(job))
        answers.write(_LENGTH.pack(len(payload)) + payload)
        answers.flush()


if __name__ == "__main__":
    main()
