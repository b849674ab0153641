"""HTML by lxml, in one walk without recursion: headings, paragraphs, table rows on one line each, printed page breaks."""

import re
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from jacie_flask.documents.extraction import Job
from jacie_flask.documents.formats.text import decode
from jacie_flask.documents.paging import Block, MoreTime, Reading, bounded, paginate
from jacie_flask.errors import DocumentRejected

_HIDDEN = {"script", "style", "head", "template", "noscript", "svg", "math", "iframe", "object", "ix:header", "title", "select"}
_INLINE = {
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd", "label",
    "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr", "nobr", "img",
}  # fmt: skip
_CELLS = {"td", "th"}
_LEVELS = {f"h{level}": level for level in range(1, 7)}
_NONE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_BREAK = re.compile(r"(page-)?break-(before|after)\s*:\s*(always|page)", re.IGNORECASE)
_SPACES = re.compile(r"\s+")
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
_OPENS = re.compile(r"([($€£¥]) (?=[\d(.$€£¥])")
_CLOSES = re.compile(r"(?<=[\d)]) ([)%]+)")
_LONG_CELL = 400


def read(job: Job, more_time: MoreTime) -> Reading:
    """Return the pages of an HTML file."""
    del more_time
    return bounded(paginate(list(html_blocks(_text(Path(job.path).read_bytes())))), job.max_pages)


def _text(data: bytes) -> str:
    """Return the text as UTF-8, as the file declares itself, or as it looks."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        declared = _CHARSET.search(data[:4_096])
    if declared:
        try:
            return data.decode(declared.group(1).decode())
        except (LookupError, UnicodeDecodeError):
            pass
    return decode(data)


def html_blocks(text: str) -> Iterator[Block]:
    """Return the blocks of an HTML text; raise DocumentRejected for one that is nested too deeply."""
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=True)
    root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    last = parser.error_log.last_error
    if last is not None and last.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT:
        raise DocumentRejected(str(last.message), reason="it is nested too deeply")
    return iter(()) if root is None else _Walk().blocks(root)


class _Walk:
    """The state of one walk: the line that is being written, and the rows that are open around it."""

    def __init__(self) -> None:
        self._line: list[str] = []
        self._rows: list[list[str] | None] = []
        self._levels: list[int] = []
        self._break = False

    def blocks(self, root: etree._Element) -> Iterator[Block]:
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            tag = str(element.tag)
            if event == "start":
                style = element.get("style") or ""
                if tag in _HIDDEN or (style and _NONE.search(style)) or element.get("hidden") is not None:
                    walk.skip_subtree()
                    continue
                yield from self._opened(tag, style)
                self._line.append(element.text or "")
            else:
                yield from self._closed(tag, element.get("style") or "")
                self._line.append(element.tail or "")
        yield from self._flush()

    def _opened(self, tag: str, style: str) -> Iterator[Block]:
        if tag in _INLINE:
            return
        if tag == "table" and self._rows and self._rows[-1] is not None:
            for cell in self._rows[-1]:  # a table that holds tables only lays things out: its cells are no row
                yield self._block(cell)
            self._rows[-1] = None
        yield from self._flush()
        if style and not self._rows and (found := _BREAK.search(style)) and found.group(2).lower() == "before":
            self._break = True
        if tag == "tr":
            self._rows.append([])
        elif tag in _LEVELS:
            self._levels.append(_LEVELS[tag])

    def _closed(self, tag: str, style: str) -> Iterator[Block]:
        if tag in _INLINE or tag in _HIDDEN:
            return
        if tag in _CELLS and self._rows and (row := self._rows[-1]) is not None:
            row.append(self._taken())
            return
        yield from self._flush()
        if tag == "tr" and self._rows:
            yield from self._row(self._rows.pop())
        elif tag in _LEVELS and self._levels:
            self._levels.pop()
        if style and not self._rows and (found := _BREAK.search(style)) and found.group(2).lower() == "after":
            self._break = True

    def _flush(self) -> Iterator[Block]:
        """End the line, where it is not part of a row."""
        if self._rows and self._rows[-1] is not None:
            self._line.append(" ")
            return
        text = self._taken()
        if text:
            yield self._block(text)

    def _row(self, cells: list[str] | None) -> Iterator[Block]:
        cells = [cell for cell in cells or () if cell]
        if any(len(cell) > _LONG_CELL for cell in cells):
            for cell in cells:
                yield self._block(cell)
        elif cells:
            yield self._block(joined(cells))

    def _taken(self) -> str:
        text = _SPACES.sub(" ", "".join(self._line)).strip()
        self._line.clear()
        return text

    def _block(self, text: str) -> Block:
        block = Block(text, self._levels[-1] if self._levels else 0, self._break)
        self._break = False
        return block


def joined(cells: list[str]) -> str:
    """Return a row as one line: its label, then its figures; signs that stand in cells of their own go to their figure."""
    return _CLOSES.sub(r"\1", _OPENS.sub(r"\1", " ".join(filter(None, cells))))
