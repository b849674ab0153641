"""Plain text in whatever encoding: pages at form feeds, or about every 60 lines or 3,000 characters where it has none."""

import codecs
from collections.abc import Iterator
from pathlib import Path

import charset_normalizer

from jacie_flask.documents.extraction import Job
from jacie_flask.documents.paging import PAGE_CHARS, MoreTime, Reading, bounded, pieces_of
from jacie_flask.documents.sniffing import utf16_without_mark
from jacie_flask.errors import DocumentRejected

_LINES_A_PAGE = 60
_SAMPLE = 32_000
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WESTERN = frozenset("€‚„…†‡‰‹›‘’“”•–—™ŠŒŽšœžŸ £¥§©«»®°±²³µ¶·¹º¼½¾¿×÷¡¢¬ª\u00a0\u00ad") | frozenset(map(chr, range(0xC0, 0x100)))


def read(job: Job, more_time: MoreTime) -> Reading:
    """Return the pages of a text."""
    del more_time
    return bounded(text_pages(decode(Path(job.path).read_bytes())), job.max_pages)


def text_pages(text: str) -> Iterator[str]:
    """Yield the pages of a text: at form feeds, or where it has none about every 60 lines or 3,000 characters."""
    if "\f" in text:
        yield from text.split("\f")
        return
    page: list[str] = []
    used = 0
    for line in (piece for whole in text.split("\n") for piece in pieces_of(whole, PAGE_CHARS)):
        if page and (len(page) >= _LINES_A_PAGE or used + len(line) > PAGE_CHARS * 3 // 2):
            yield "\n".join(page)
            page, used = [], 0
        page.append(line)
        used += len(line) + 1
    if page:
        yield "\n".join(page)


def decode(data: bytes) -> str:
    """Return the text of bytes in any common encoding; raise DocumentRejected when they are no text."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _told(data, encoding)
    unmarked = utf16_without_mark(data[:_SAMPLE])
    if unmarked:  # before UTF-8, which takes zeros for characters
        return _told(data, unmarked)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    patched = data.decode("utf-8", "replace")
    damage = patched.count("\ufffd")
    if damage * 10 < sum(character > "\x7f" for character in patched) - damage:
        return patched
    western = data.decode("cp1252", "replace")
    foreign = {character for character in western if character > "\x7f"}
    if foreign <= _WESTERN and sum(character > "\x7f" for character in western) < len(western) * 0.2:
        return western
    best = charset_normalizer.from_bytes(data[:_SAMPLE]).best()
    return _told(data, best.encoding) if best else _told(data, "cp1252")


def _told(data: bytes, encoding: str) -> str:
    text = data.decode(encoding, "replace")
    if text.count("\ufffd") > len(text) // 20:
        raise DocumentRejected(f"not {encoding}", reason="wrong type: it is not text")
    return text
