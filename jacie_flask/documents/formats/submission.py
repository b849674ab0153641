"""EDGAR full submissions: the main document and its exhibits, each as its own format is read; pictures and data are left out."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from jacie_flask.documents.extraction import Job
from jacie_flask.documents.formats.html import html_blocks, text_of
from jacie_flask.documents.formats.text import text_pages
from jacie_flask.documents.paging import Block, MoreTime, Reading, pages_of, reading_of
from jacie_flask.documents.sniffing import HTML, SUBMISSION_DOCUMENT
from jacie_flask.errors import DocumentRejected

_FIELD = re.compile(rb"^<(TYPE|SEQUENCE|FILENAME|DESCRIPTION)>[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_TEXT = re.compile(rb"<TEXT>[ \t]*\r?\n?", re.IGNORECASE)
_TEXT_END = re.compile(rb"\r?\n?</TEXT>", re.IGNORECASE)
_END = re.compile(rb"^[ \t]*</DOCUMENT>", re.IGNORECASE | re.MULTILINE)
_WRAPPER = re.compile(rb"\s*<(XBRL|XML|PDF|JSON|ZIP|EXCEL)>", re.IGNORECASE)
_UUENCODED = re.compile(rb"^begin \d{3,4} \S", re.MULTILINE)
_DATA = re.compile(r"EX-10[0-4](?:\..*)?|XML|XBRL.*|JSON|.*\.(?:INS|SCH|CAL|DEF|LAB|PRE)", re.IGNORECASE)
_DATA_NAMES = (".xsd", ".xml", ".json", ".xbrl", ".css", ".js", ".zip", ".xlsx", ".xls")
_MARKUP = re.compile(r"</?(?:TABLE|CAPTION|S|C|FN|F\d+|R|PAGE)>", re.IGNORECASE)
_PAGE = re.compile(r"^[ \t]*<PAGE>[^\n]*$", re.IGNORECASE | re.MULTILINE)
_HEAD = 65_536


class _Part(NamedTuple):
    """A document of a submission: its type, its file's name, and its bytes."""

    kind: str
    name: str
    data: bytes


def read(job: Job, more_time: MoreTime) -> Reading:
    """Return the pages of a submission's documents that are text, one after another; raise DocumentRejected where none is."""
    del more_time
    notes: list[str] = []
    readable, pictures, files = _sorted_out(_parts(Path(job.path).read_bytes()))
    if not readable:
        raise DocumentRejected(reason="it is a submission without a document of text")
    reading = reading_of(_pages(readable, notes), job.max_pages, "html")
    if pictures:
        notes.append(f"pictures of the submission were not read: {len(pictures)}")
    if files:
        notes.append(f"attached files of the submission were not read: {', '.join(one.name or one.kind for one in files)}")
    reading.notes += notes
    return reading


def _parts(data: bytes) -> Iterator[_Part]:
    starts = [match.start() for match in SUBMISSION_DOCUMENT.finditer(data)]
    for start, following in zip(starts, [*starts[1:], len(data)], strict=True):
        body = _TEXT.search(data, start, following)
        if body is None:
            continue
        fields = {name.decode().upper(): value for name, value in _FIELD.findall(data[start : body.start()])}
        ends = [*_TEXT_END.finditer(data, body.end(), following)] or [*_END.finditer(data, body.end(), following)]
        kind, name = (fields.get(key, b"").decode("utf-8", "replace").strip() for key in ("TYPE", "FILENAME"))
        yield _Part(kind, name, data[body.end() : ends[-1].start() if ends else following])


def _sorted_out(parts: Iterator[_Part]) -> tuple[list[_Part], list[_Part], list[_Part]]:
    """Return the documents that are text, the pictures, and the other files that hold content of their own.

    Data files of XBRL, and the pages that EDGAR makes of them, repeat what the documents say.
    """
    readable: list[_Part] = []
    pictures: list[_Part] = []
    files: list[_Part] = []
    for part in parts:
        wrapper = _WRAPPER.match(part.data)
        if _DATA.fullmatch(part.kind):
            continue
        if wrapper and wrapper.group(1).upper() == b"XBRL":  # around inline XBRL, which is HTML, and around data
            readable += [part._replace(data=part.data[wrapper.end() :])] if HTML.search(part.data[:_HEAD]) else []
        elif part.kind.upper() == "GRAPHIC" or part.name.lower().endswith((".jpg", ".jpeg", ".gif", ".png", ".bmp")):
            pictures.append(part)
        elif wrapper or part.kind.upper() in ("ZIP", "EXCEL", "PDF") or _UUENCODED.search(part.data[:_HEAD]):
            files += [] if part.name.lower().endswith(_DATA_NAMES) and not wrapper else [part]
        else:
            readable.append(part)
    return readable, pictures, files


def _pages(parts: list[_Part], notes: list[str]) -> Iterator[list[Block]]:
    """Yield the pages of each document; none shares a page with another."""
    table = 0
    for part in parts:
        if HTML.search(part.data[:_HEAD]) or part.name.lower().endswith((".htm", ".html")):
            blocks = html_blocks(text_of(part.data), notes, table)
            table = max((block.row.table + 1 for block in blocks if block.row), default=table)
            yield from pages_of(blocks)
        else:
            text = _MARKUP.sub("", _PAGE.sub("\f", text_of(part.data)))
            yield from ([Block(page)] for page in text_pages(text) if page.strip())
