"""The pages of a PDF file: its own, and those of the PDFs that are attached to it."""

import contextlib
import mmap
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium

from jacie_flask.errors import DocumentRejected

_MOST_ATTACHMENTS = 500
_LARGEST_ATTACHMENT = 300_000_000
_NAMES_SHOWN = 6
_COVER_LETTERS = 400
_IMAGE = re.compile(rb"/Subtype\s*/Image\b")
_MASK = re.compile(rb"/SMask\s+(\d{1,10})\s+\d{1,5}\s+R\b")
_OBJECT_NUMBER = re.compile(rb"(\d{1,10})\s+\d{1,5}\s+$")
_DICTIONARY = 1_000


class PdfPages:
    """The pages of a file in order, numbered from 1, and which attached files are not among them.

    A portfolio shows its attached files in place of its cover sheet, so a short cover sheet is no page.
    """

    def __init__(self, path: Path) -> None:
        """Open the file; raise DocumentRejected for what is not a readable PDF."""
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            self.image_sizes = _image_sizes(data)
            portfolio = data.find(b"/Collection") >= 0
        container = _opened(path)
        self._documents = [container]
        self.unread_attachments: list[str] = []
        self._attach(container)
        attached = len(self._documents) > 1
        covers = attached and (portfolio or _shows_attachments(container)) and _is_cover(container)
        self._places = [
            (number, page)
            for number, document in enumerate(self._documents)
            for page in range(len(document))
            if not (covers and number == 0)
        ]

    def _attach(self, container: pypdfium2.PdfDocument) -> None:
        """Open the attached PDFs, and those attached to them; note the names of attached files that are not read."""
        waiting = [container]
        while waiting:
            document = waiting.pop()
            for attachment in _attachments(document):
                self.image_sizes[0, 0] += 1  # an attached PDF may have images
                name = attachment.get_name() or "without a name"
                inner = _inner(attachment) if len(self._documents) < _MOST_ATTACHMENTS else None
                if inner is None:
                    self.unread_attachments.append(name)
                else:
                    self._documents.append(inner)
                    waiting.append(inner)

    def __len__(self) -> int:
        """Return the number of pages."""
        return len(self._places)

    @contextlib.contextmanager
    def page(self, number: int) -> Iterator[pypdfium2.PdfPage]:
        """Open a page, from 1, with the values of its form."""
        document, index = self._places[number - 1]
        with contextlib.closing(self._documents[document][index]) as page:
            yield page

    def form_of(self, number: int) -> pypdfium2.PdfFormEnv | None:
        """Return the form that the fields of a page belong to, if there is one."""
        return self._documents[self._places[number - 1][0]].formenv

    def has_xfa(self) -> bool:
        """Say whether a form is written in XFA, whose pages are made by a program."""
        return any(
            document.get_formtype() in (pdfium.FORMTYPE_XFA_FULL, pdfium.FORMTYPE_XFA_FOREGROUND) for document in self._documents
        )

    def notes(self) -> list[str]:
        """Return a sentence on the attached files that are not among the pages."""
        names = self.unread_attachments
        if not names:
            return []
        more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        return [f"attached files that were not read: {', '.join(names[:_NAMES_SHOWN])}{more}"]

    def close(self) -> None:
        """Close all documents."""
        for document in reversed(self._documents):
            document.close()


def _image_sizes(data: mmap.mmap) -> Counter[tuple[int, int]]:
    """Return how many images of each size in pixels a file has; (0, 0) counts those of an unknown size.

    The dictionary of a stream is never compressed, so its bytes say which images there are. Images that are the soft mask of
    another one are not counted: no page draws them.
    """
    sizes: Counter[tuple[int, int]] = Counter()
    masks = {mask[1] for mask in _MASK.finditer(data)}
    for match in _IMAGE.finditer(data):
        start = max(data.rfind(b"obj", max(0, match.start() - _DICTIONARY), match.start()), match.start() - _DICTIONARY, 0)
        end = data.find(b"stream", match.end(), match.end() + _DICTIONARY)
        dictionary = data[start : end if end >= 0 else match.end()]
        number = _OBJECT_NUMBER.search(data[max(0, start - 20) : start])
        if number and number[1] in masks:
            continue
        width, height = (re.search(rb"/%s\s+(\d{1,6})\b(?!\s+\d+\s+R)" % name, dictionary) for name in (b"Width", b"Height"))
        sizes[(int(width[1]), int(height[1])) if width and height else (0, 0)] += 1
    return sizes


def _opened(source: Path | bytes) -> pypdfium2.PdfDocument:
    """Return the open document with its form, or raise DocumentRejected."""
    try:
        document = pypdfium2.PdfDocument(source)
    except pypdfium2.PdfiumError as error:
        reason = "it is protected by a password" if "password" in str(error).lower() else "it is not a readable PDF"
        raise DocumentRejected(str(error), reason=reason) from error
    if document.get_formtype() != pdfium.FORMTYPE_NONE:
        with contextlib.suppress(pypdfium2.PdfiumError):
            document.init_forms()
    return document


def _attachments(document: pypdfium2.PdfDocument) -> list[pypdfium2.PdfAttachment]:
    try:
        return [document.get_attachment(index) for index in range(min(document.count_attachments(), _MOST_ATTACHMENTS))]
    except pypdfium2.PdfiumError:
        return []


def _inner(attachment: pypdfium2.PdfAttachment) -> pypdfium2.PdfDocument | None:
    """Return an attached PDF, None where the attachment is something else or cannot be read."""
    try:
        data = bytes(attachment.get_data())
    except (pypdfium2.PdfiumError, ValueError):
        return None
    if b"%PDF-" not in data[:1024] or len(data) > _LARGEST_ATTACHMENT:
        return None
    with contextlib.suppress(DocumentRejected):
        return _opened(data)
    return None


def _shows_attachments(document: pypdfium2.PdfDocument) -> bool:
    return bool(document.get_pagemode() == pdfium.PAGEMODE_USEATTACHMENTS)


def _is_cover(document: pypdfium2.PdfDocument) -> bool:
    """Say whether a document is one page of few words."""
    if len(document) != 1:
        return False
    with contextlib.closing(document[0]) as page, contextlib.closing(page.get_textpage()) as text_page:
        return sum(map(str.isalnum, text_page.get_text_range())) < _COVER_LETTERS
