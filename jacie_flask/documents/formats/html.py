"""HTML by lxml, in one walk without recursion: headings, paragraphs, table rows on one line each, printed page breaks."""

import re
from pathlib import Path

from lxml import etree

from jacie_flask.documents.extraction import Job
from jacie_flask.documents.formats.html_elements import Kind, could_hold_text, kind_of_element
from jacie_flask.documents.formats.html_tables import OpenTables
from jacie_flask.documents.formats.inline_xbrl import Tags
from jacie_flask.documents.formats.stylesheets import sheet_styles
from jacie_flask.documents.formats.table_rows import joined
from jacie_flask.documents.formats.text import decode
from jacie_flask.documents.paging import Block, MoreTime, Reading, TableRow, laid_out
from jacie_flask.errors import DocumentRejected
from jacie_flask.text.notemarks import fractions, lowered, raised

_UNSEEN = re.compile("[\u00ad\u200b\u2060\ufeff]")
_FLEXIBLE = {"flex", "inline-flex", "grid", "inline-grid"}
_LEVELS = {f"h{level}": level for level in range(1, 7)}
_UNREAD = {"img", "svg", "iframe", "object", "embed", "frame"}
_STRUCK = {"del", "s", "strike"}
_RAISED, _LOWERED = {"sup"}, {"sub"}
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
_LONG_CELL = 400
_LINE = "\0"
_REMEMBERED = 4


def read(job: Job, more_time: MoreTime) -> Reading:
    """Return the pages of an HTML file."""
    del more_time
    notes: list[str] = []
    blocks = html_blocks(text_of(Path(job.path).read_bytes()), notes)
    reading = laid_out(blocks, job.max_pages, "html")
    reading.notes += notes
    return reading


def text_of(data: bytes) -> str:
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


def html_blocks(text: str, notes: list[str], first_table: int = 0) -> list[Block]:
    """Return the blocks of an HTML text and add notes; raise DocumentRejected for one that is nested too deeply.

    Tables are numbered from ``first_table``.
    """
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=True)
    root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    last = parser.error_log.last_error
    if last is not None and last.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT:
        raise DocumentRejected(str(last.message), reason="it is nested too deeply")
    return [] if root is None else _Walk(root, notes, first_table).blocks()


class _Walk:
    """The state of one walk: the line that is being written, the raised text in it, and the tables that are open around it."""

    def __init__(self, root: etree._Element, notes: list[str], first_table: int) -> None:
        self._root = root
        self._notes = notes
        self._sheet = sheet_styles(root)
        self._tables = OpenTables(Tags(root), first_table)
        self._blocks: list[Block] = []
        self._line: list[str] = []
        self._shifted: list[tuple[etree._Element, int, bool]] = []
        self._as_written = 0
        self._flexible: set[etree._Element] = set()
        self._levels: list[int] = []
        self._break = False
        self._struck = self._pictures = self._frames = 0

    def blocks(self) -> list[Block]:
        walk = etree.iterwalk(self._root, events=("start", "end"))
        kinds: list[Kind | None] = []
        for event, element in walk:
            if event == "start":
                kind = self._kind(element)
                if not (kind.plain and not self._flexible):
                    if self._left_out(element, kind):
                        walk.skip_subtree()
                        kinds.append(None)
                        continue
                    self._opened(element, kind)
                kinds.append(kind)
                text = element.text
            else:
                opened = kinds.pop()
                if opened is not None and not (opened.plain and not self._flexible):
                    self._closed(element, opened)
                text = element.tail
            if text:
                self._line.append(text.replace("\n", _LINE) if self._as_written else text)
        self._flush()
        self._note()
        return self._blocks

    def _kind(self, element: etree._Element) -> Kind:
        own = element.get("style") or ""
        if element.get("hidden") is not None:
            own = f"display:none;{own}"
        if self._sheet and element in self._sheet:
            own = f"{self._sheet[element]};{own}"
        return kind_of_element(element.tag, own)

    def _left_out(self, element: etree._Element, kind: Kind) -> bool:
        """Say whether nothing of an element is read, and count what that leaves out."""
        if kind.tag in _UNREAD:
            self._count(element, kind.tag)
        if kind.hidden:
            return True
        if kind.tag in _STRUCK or kind.style.struck:
            self._struck += bool("".join(element.itertext()).strip())
            return True
        return False

    def _count(self, element: etree._Element, tag: str) -> None:
        if tag in ("img", "svg"):
            self._pictures += could_hold_text(element, tag)
        else:
            self._frames += 1

    def _opened(self, element: etree._Element, kind: Kind) -> None:
        tag, style = kind.tag, kind.style
        self._as_written += kind.as_written
        if style.display in _FLEXIBLE:
            self._flexible.add(element)
        if kind.inline:
            self._pad(element, kind)
            if tag in _RAISED or style.raised or (style.shifted and tag not in _LOWERED):
                self._shifted.append((element, len(self._line), True))
            elif tag in _LOWERED or style.lowered:
                self._shifted.append((element, len(self._line), False))
            self._tables.tag_opened(tag, element)
            return
        if kind.role == "table":
            for cell in self._tables.lay_out():  # a table that holds tables only lays things out: its cells are no row
                self._add(cell)
        self._flush()
        if style.page_before and not self._tables.row_is_open:
            self._break = True
        if kind.role:
            self._tables.opened(kind.role, element)
        elif tag in _LEVELS:
            self._levels.append(_LEVELS[tag])

    def _closed(self, element: etree._Element, kind: Kind) -> None:
        self._as_written -= kind.as_written
        if kind.inline:
            if self._shifted and self._shifted[-1][0] is element:
                self._settle(*self._shifted.pop()[1:])
            self._pad(element, kind)
            return
        if kind.role == "cell" and self._tables.takes_cells:
            self._tables.add_cell(self._taken(), element)
            return
        if kind.tag == "caption":
            self._tables.titled(" ".join("".join(element.itertext()).split()))
        self._flush()
        if kind.role == "row":
            self._add_row()
        elif kind.role == "table":
            self._tables.closed()
        elif kind.tag in _LEVELS and self._levels:
            self._levels.pop()
        if kind.style.page_after and not self._tables.row_is_open:
            self._break = True

    def _pad(self, element: etree._Element, kind: Kind) -> None:
        """Part an inline element from its neighbours where it is a box of its own."""
        if kind.apart or (self._flexible and element.getparent() in self._flexible):
            self._line.append(" ")

    def _settle(self, start: int, up: bool) -> None:
        """Put raised or lowered text in its form, if its line still goes on."""
        if start > len(self._line):
            return
        text = "".join(self._line[start:])
        del self._line[start:]
        before = "".join(self._line[-_REMEMBERED:])
        self._line.append(raised(text, before) if up else lowered(text, before))

    def _flush(self) -> None:
        """End the line, where it is not part of a row."""
        if self._tables.takes_cells:
            self._line.append(" ")
        elif self._line:
            written = "".join(self._line)
            self._line.clear()
            for line in written.split(_LINE):
                if text := _tidied(line):
                    self._add(text)

    def _add_row(self) -> None:
        cells, row = self._tables.row()
        if any(len(cell) > _LONG_CELL for cell in cells):
            for cell in cells:
                self._add(cell)
        elif cells:
            self._add(joined(cells), row)

    def _taken(self) -> str:
        text = "".join(self._line).replace(_LINE, " ")
        self._line.clear()
        return _tidied(text)

    def _add(self, text: str, row: TableRow | None = None) -> None:
        self._blocks.append(Block(text, self._levels[-1] if self._levels else 0, self._break, row))
        self._break = False

    def _note(self) -> None:
        if self._pictures:
            self._notes.append(f"pictures that may hold text were not read: {self._pictures}")
        if self._frames:
            self._notes.append(f"embedded pages and objects were not read: {self._frames}")
        if self._struck:
            self._notes.append(f"text that is struck out was not read, in {self._struck} places")


def _tidied(line: str) -> str:
    text = " ".join(line.split())
    return text if text.isascii() else fractions(_UNSEEN.sub("", text))
