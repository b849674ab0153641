"""PPTX by python-pptx: a slide is a page, with its tables as rows, its charts as figures and its notes."""

from collections.abc import Iterable, Iterator
from typing import Any

import pptx
from lxml import etree
from pptx.exc import PythonPptxError
from pptx.oxml.ns import qn

from jacie_flask.documents.extraction import Job
from jacie_flask.documents.formats.drawings import chart_lines, diagram_lines
from jacie_flask.documents.formats.table_rows import joined, table_row
from jacie_flask.documents.paging import Block, MoreTime, Reading, numbers, reading_of
from jacie_flask.facts.grids import GridCell
from jacie_flask.text.notemarks import fractions, lowered, raised

_RUNS = {qn("a:r"), qn("a:fld")}
_BREAK, _TEXT, _PROPERTIES, _PARAGRAPH = qn("a:br"), qn("a:t"), qn("a:rPr"), qn("a:p")
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"
_DATA = qn("r:dm")
_TEXT_SIZED = (1_371_600, 548_640)
_ON = {"1", "true"}


def read(job: Job, more_time: MoreTime) -> Reading:
    """Return the text of each slide; a hidden one is an empty page, so that the others keep their numbers."""
    del more_time
    with open(job.path, "rb") as file:
        walk = _Walk()
        reading = reading_of(map(walk.page, pptx.Presentation(file).slides), job.max_pages, "pptx")
        reading.notes += walk.notes()
        return reading


class _Walk:
    """The state of one walk: how many slides and tables there were, and what was not read."""

    def __init__(self) -> None:
        self._slides = self._tables = 0
        self._pictures = self._comments = self._objects = 0
        self._hidden: list[int] = []

    def page(self, slide: Any) -> list[Block]:
        """Return the blocks of the next slide."""
        self._slides += 1
        if slide._element.get("show") in ("0", "false"):
            self._hidden.append(self._slides)
            return []
        self._comments += sum(relation.reltype.endswith("/comments") for relation in slide.part.rels.values())
        return [block for block in self._blocks(slide) if block.text]

    def notes(self) -> list[str]:
        """Return what of the presentation was not read."""
        found = {
            f"hidden slides were not read: {numbers(self._hidden)}": self._hidden,
            f"pictures that may hold text were not read: {self._pictures}": self._pictures,
            f"comments were not read, on {self._comments} slides": self._comments,
            f"embedded objects were not read: {self._objects}": self._objects,
        }
        return [note for note, is_so in found.items() if is_so]

    def _blocks(self, slide: Any) -> Iterator[Block]:
        title = slide.shapes.title
        if title is not None:
            yield Block(_text(title.text_frame))
        yield from self._shapes((shape for shape in slide.shapes if title is None or shape.shape_id != title.shape_id), slide)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            notes = _text(slide.notes_slide.notes_text_frame)
            if notes:
                yield Block(f"Notes: {notes}")

    def _shapes(self, shapes: Iterable[Any], slide: Any) -> Iterator[Block]:
        for shape in shapes:
            if _is_hidden(shape):
                continue
            if hasattr(shape, "shapes"):  # a group
                yield from self._shapes(shape.shapes, slide)
            elif shape.has_text_frame:
                yield Block(_text(shape.text_frame))
            elif getattr(shape, "has_table", False):
                yield from self._rows(shape.table)
            elif getattr(shape, "has_chart", False):
                yield from map(Block, _chart(shape))
            else:
                yield from self._drawn(shape, slide)

    def _drawn(self, shape: Any, slide: Any) -> Iterator[Block]:
        """Yield the words of a diagram; count pictures and objects."""
        diagram = next(shape._element.iter(_DIAGRAM), None)
        if diagram is not None:
            yield from map(Block, _diagram(slide.part.rels.get(diagram.get(_DATA))))
        elif any(etree.QName(one).localname == "oleObj" for one in shape._element.iter(etree.Element)):
            self._objects += 1
        elif shape._element.tag == qn("p:pic"):
            self._pictures += all(
                size >= least for size, least in zip((shape.width or 0, shape.height or 0), _TEXT_SIZED, strict=True)
            )

    def _rows(self, table: Any) -> Iterator[Block]:
        number, self._tables = self._tables, self._tables + 1
        for at, row in enumerate(table.rows):
            cells = [
                GridCell(
                    " ".join(_text(cell.text_frame).split()),
                    column,
                    columns=cell.span_width if cell.is_merge_origin else 1,
                    rows=cell.span_height if cell.is_merge_origin else 1,
                    header=at == 0 and bool(table.first_row),
                )
                for column, cell in enumerate(row.cells)
                if not cell.is_spanned
            ]
            yield Block(joined([cell.text for cell in cells]), row=table_row(number, cells))


def _text(frame: Any) -> str:
    """Return the paragraphs of a frame as lines, raised and lowered runs in their form."""
    paragraphs = frame._txBody.iterchildren(_PARAGRAPH)
    return "\n".join(_paragraph(paragraph) for paragraph in paragraphs).replace("\v", "\n").strip()


def _paragraph(paragraph: Any) -> str:
    text, shifted, way = "", "", ""
    for element in paragraph:
        if element.tag != _BREAK and element.tag not in _RUNS:
            continue
        new_way = _way(element.find(_PROPERTIES)) if element.tag in _RUNS else ""
        if new_way != way:
            text, shifted, way = text + _settled(shifted, way, text), "", new_way
        piece = "\n" if element.tag == _BREAK else "".join(one.text or "" for one in element.iterchildren(_TEXT))
        text, shifted = (text, shifted + piece) if way else (text + piece, shifted)
    return fractions(text + _settled(shifted, way, text))


def _settled(shifted: str, way: str, before: str) -> str:
    return raised(shifted, before) if way == "up" else lowered(shifted, before) if way else ""


def _way(properties: Any) -> str:
    """Return whether the properties of a run raise or lower it: "up", "down" or nothing."""
    baseline = "" if properties is None else properties.get("baseline") or ""
    return "down" if baseline.startswith("-") else "up" if baseline.strip("0%") else ""


def _is_hidden(shape: Any) -> bool:
    name = next(shape._element.iter(qn("p:cNvPr")), None)  # the first is the shape's own, those of a group follow
    return name is not None and name.get("hidden") in _ON


def _chart(shape: Any) -> Iterator[str]:
    """Yield a chart as the figures behind it; one that is damaged costs itself only."""
    try:
        yield from chart_lines(shape.chart.part._element)
    except (PythonPptxError, KeyError, ValueError, AttributeError, TypeError):
        return


def _diagram(relation: Any) -> Iterator[str]:
    if relation is None or relation.is_external:
        return
    try:
        yield from diagram_lines(
            etree.fromstring(relation.target_part.blob, etree.XMLParser(resolve_entities=False, no_network=True))
        )
    except etree.XMLSyntaxError:
        return
