"""DOCX by python-docx: what its pages show, with headers, footers, notes, text boxes, charts and tables in their order."""

import re
from collections.abc import Iterator
from typing import Any

import docx
from docx.oxml.ns import qn
from lxml import etree

from jacie_flask.documents.extraction import Job
from jacie_flask.documents.formats.docx_runs import Runs, raised_styles
from jacie_flask.documents.formats.docx_tables import cells_of, shown_rows
from jacie_flask.documents.formats.drawings import chart_lines, diagram_lines
from jacie_flask.documents.formats.table_rows import joined, table_row
from jacie_flask.documents.paging import Block, MoreTime, Reading, laid_out

_HEADING = re.compile(r"heading (\d)", re.IGNORECASE)
_PARAGRAPH, _TABLE, _SECTION, _EMBEDDED = qn("w:p"), qn("w:tbl"), qn("w:sectPr"), qn("w:altChunk")
_WRAPPERS = {qn(f"w:{name}") for name in ("sdt", "sdtContent", "ins", "customXml", "smartTag", "moveTo")}
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_VALUE, _ID = qn("w:val"), qn("r:id")
_PROPERTIES, _STYLE, _OUTLINE = qn("w:pPr"), qn("w:pStyle"), qn("w:outlineLvl")
_MARK_DELETED = f"{qn('w:rPr')}/{qn('w:del')}"
_LETTERS = re.compile(r"[^\W\d_]{2}")
_NOTE_PARTS = {"footnotes": qn("w:footnote"), "endnotes": qn("w:endnote")}
_COMMENT = qn("w:comment")


def read(job: Job, more_time: MoreTime) -> Reading:
    """Return the pages of a DOCX: as Word last printed them where it says so, otherwise by headings and length."""
    del more_time
    with open(job.path, "rb") as file:
        document = docx.Document(file)
    walk = _Walk(document)
    reading = laid_out(list(walk.blocks()), job.max_pages, "docx")
    reading.notes += walk.notes()
    return reading


def _level(style: str) -> int:
    found = _HEADING.match(style)
    return int(found.group(1)) if found else 1 if style.lower() == "title" else 0


class _Walk:
    """The state of one walk: the styles and notes of the document, the table that comes next, and what was not read."""

    def __init__(self, document: Any) -> None:
        self._part = document.part
        self._body = _without_fallbacks(document.element.body)
        self._levels = {style.style_id: _level(style.name or "") for style in document.styles}
        self._runs = Runs(raised_styles(document.styles))
        self._notes = {kind: self._note_texts(kind) for kind in _NOTE_PARTS}
        self._table = 0
        self._embedded = 0

    def blocks(self) -> Iterator[Block]:
        sections = list(self._body.iter(_SECTION))
        first, *others = sections or [None]
        yield from self._margin(first, "header")
        for child in self._body:
            yield from self._child(child)
            if others and any(True for _ in child.iter(_SECTION)):
                yield from self._margin(others.pop(0), "header")
        yield from self._left_over()
        for mark, kind, number in self._runs.late_notes:
            yield from self._note(mark, kind, number)
        shown: set[str] = set()
        for section in sections:
            for block in self._margin(section, "footer"):
                if block.text not in shown:
                    shown.add(block.text)
                    yield block

    def notes(self) -> list[str]:
        """Return what of the document was not read."""
        runs = self._runs
        found = {
            f"pictures that may hold text were not read: {runs.pictures}": runs.pictures,
            f"comments were not read: {(comments := self._comments())}": comments,
            f"embedded documents and objects were not read: {(objects := runs.objects + self._embedded)}": objects,
            f"hidden text was not read, in {runs.hidden} places": runs.hidden,
        }
        return [note for note, count in found.items() if count]

    def _comments(self) -> int:
        return sum(1 for root in self._roots("comments") for _ in root.iter(_COMMENT))

    def _child(self, element: Any) -> Iterator[Block]:
        if element.tag == _PARAGRAPH:
            yield from self._paragraph(element)
        elif element.tag == _TABLE:
            yield from self._rows(element)
        elif element.tag == _EMBEDDED:
            self._embedded += 1
        elif element.tag in _WRAPPERS:
            yield from self._children(element)

    def _children(self, parent: Any) -> Iterator[Block]:
        for element in parent.iterchildren():
            yield from self._child(element)

    def _paragraph(self, element: Any) -> Iterator[Block]:
        """Yield a paragraph, in parts where a page ends in it, then what it anchors: notes, text boxes, charts."""
        properties = element.find(_PROPERTIES)
        level = 0
        if properties is not None:
            if properties.find(_MARK_DELETED) is not None:
                self._runs.carry(element)  # its end was deleted: the next paragraph goes on with it
                return
            level = self._heading(properties)
        for number, text in enumerate(self._runs.texts(element)):
            yield Block(text, level, new_page=number > 0)
        if self._runs.anchors:
            yield from self._anchored()

    def _heading(self, properties: Any) -> int:
        """Return how high a paragraph stands as a heading, 0 for text."""
        style, outline = properties.find(_STYLE), properties.find(_OUTLINE)
        level = self._levels.get(style.get(_VALUE), 0) if style is not None else 0
        value = "" if outline is None or level else outline.get(_VALUE) or ""
        return int(value) + 1 if value in ("0", "1", "2", "3", "4", "5") else level

    def _left_over(self) -> Iterator[Block]:
        """Yield a paragraph whose end was deleted and that no other goes on with."""
        if text := "".join(self._runs.left_over()).strip():
            yield Block(text)

    def _anchored(self) -> Iterator[Block]:
        """Yield what the last paragraphs anchor."""
        runs = self._runs
        notes, boxes, charts, diagrams = runs.notes, runs.boxes, runs.charts, runs.diagrams
        runs.notes, runs.boxes, runs.charts, runs.diagrams = [], [], [], []
        for box in boxes:
            yield from self._children(box)
        for id_ in charts:
            yield from (Block(line) for root in self._related(id_) for line in chart_lines(root))
        for id_ in diagrams:
            yield from (Block(line) for root in self._related(id_) for line in diagram_lines(root))
        for mark, kind, number in notes:
            yield from self._note(mark, kind, number)

    def _note(self, mark: str, kind: str, number: str) -> Iterator[Block]:
        element = self._notes[kind].get(number)
        if element is None:
            return
        text = " ".join(part for paragraph in element.iter(_PARAGRAPH) for part in self._runs.texts(paragraph) if part)
        if text:
            yield Block(f"{mark} {text}" if not text.startswith(mark) else text)

    def _rows(self, table: Any) -> Iterator[Block]:
        """Yield a table's rows as lines; a table inside a cell becomes part of the cell's text."""
        yield from self._left_over()
        number, self._table = self._table, self._table + 1
        for cells in cells_of(shown_rows(table), self._cell_text):
            if text := joined([cell.text for cell in cells]):
                yield Block(text, row=table_row(number, cells))
        yield from self._anchored()

    def _cell_text(self, cell: Any) -> str:
        texts = (
            text for paragraph in cell.iter(_PARAGRAPH) if not _in_a_box(paragraph, cell) for text in self._runs.texts(paragraph)
        )
        return " ".join(" ".join(texts).split())

    def _margin(self, section: Any, place: str) -> Iterator[Block]:
        """Yield the lines of a section's headers or footers that say more than a page number."""
        if section is None:
            return
        for reference in section.iterchildren(qn(f"w:{place}Reference")):
            for root in self._related(reference.get(_ID)):
                for block in self._children(root):
                    if _LETTERS.search(block.text):
                        yield block._replace(level=0, new_page=False)

    def _note_texts(self, kind: str) -> dict[str, Any]:
        return {
            note.get(qn("w:id")): note
            for root in self._roots(kind)
            for note in root.iter(_NOTE_PARTS[kind])
            if note.get(qn("w:type"), "normal") == "normal"
        }

    def _roots(self, kind: str) -> Iterator[Any]:
        for relation in self._part.rels.values():
            if relation.reltype.endswith(f"/{kind}") and not relation.is_external:
                yield from _root(relation.target_part)

    def _related(self, id_: str | None) -> Iterator[Any]:
        relation = self._part.rels.get(id_)
        if relation is not None and not relation.is_external:
            yield from _root(relation.target_part)


def _root(part: Any) -> Iterator[Any]:
    """Yield the tree of a part, nothing where it is damaged: that costs the part only."""
    try:
        yield _without_fallbacks(etree.fromstring(part.blob, etree.XMLParser(resolve_entities=False, no_network=True)))
    except etree.XMLSyntaxError:
        return


def _without_fallbacks(root: Any) -> Any:
    for fallback in list(root.iter(_FALLBACK)):  # the same text once more, for older programs
        fallback.getparent().remove(fallback)
    return root


def _in_a_box(paragraph: Any, cell: Any) -> bool:
    """Say whether a paragraph of a cell is inside a text box, which is read behind the table."""
    parent = paragraph.getparent()
    while parent is not None and parent is not cell:
        if parent.tag == qn("w:txbxContent"):
            return True
        parent = parent.getparent()
    return False
