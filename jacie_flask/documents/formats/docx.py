"""DOCX by python-docx: paragraphs, headings and table rows in their order, also those in content controls and insertions."""

import re
from collections.abc import Iterator
from typing import Any

import docx
from docx.oxml.ns import qn

from jacie_flask.documents.extraction import Job
from jacie_flask.documents.formats.table_rows import joined
from jacie_flask.documents.paging import Block, MoreTime, Reading, bounded, paginate

_HEADING = re.compile(r"heading (\d)", re.IGNORECASE)
_PARAGRAPH, _TABLE, _ROW, _CELL = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc")
_WRAPPERS = {qn(f"w:{name}") for name in ("sdt", "sdtContent", "ins", "customXml", "smartTag", "moveTo")}
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_TEXT, _VALUE = qn("w:t"), qn("w:val")
_SPACES = {qn("w:tab"): " ", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}
_RENDERED_BREAK, _BREAK, _TYPE, _BREAK_BEFORE = qn("w:lastRenderedPageBreak"), qn("w:br"), qn("w:type"), qn("w:pageBreakBefore")
_STYLE = f"{qn('w:pPr')}/{qn('w:pStyle')}"
_OUTLINE = f"{qn('w:pPr')}/{qn('w:outlineLvl')}"


def read(job: Job, more_time: MoreTime) -> Reading:
    """Return the pages of a DOCX: as Word last printed them where it says so, otherwise by headings and length."""
    del more_time
    with open(job.path, "rb") as file:
        document = docx.Document(file)
    body = document.element.body
    for fallback in list(body.iter(_FALLBACK)):  # the same text once more, for older programs
        fallback.getparent().remove(fallback)
    levels = {style.style_id: _level(style.name or "") for style in document.styles}
    return bounded(paginate(list(_blocks(body, levels))), job.max_pages)


def _level(style: str) -> int:
    found = _HEADING.match(style)
    return int(found.group(1)) if found else 1 if style.lower() == "title" else 0


def _blocks(parent: Any, levels: dict[str, int]) -> Iterator[Block]:
    for element in parent.iterchildren():
        if element.tag == _PARAGRAPH:
            yield from _paragraph(element, levels)
        elif element.tag == _TABLE:
            yield from _rows(element)
        elif element.tag in _WRAPPERS:
            yield from _blocks(element, levels)


def _paragraph(element: Any, levels: dict[str, int]) -> Iterator[Block]:
    """Yield a paragraph, in parts where a page ends in it."""
    style, outline = element.find(_STYLE), element.find(_OUTLINE)
    level = levels.get(style.get(_VALUE), 0) if style is not None else 0
    if outline is not None and not level:
        value = outline.get(_VALUE) or ""
        level = int(value) + 1 if value in ("0", "1", "2", "3", "4", "5") else 0
    for number, text in enumerate(_texts(element)):
        yield Block(text, level, new_page=number > 0)


def _texts(element: Any) -> list[str]:
    """Return the text of a paragraph, cut where a page begins."""
    texts: list[list[str]] = [[]]
    for part in element.iter():
        if part.tag == _TEXT:
            texts[-1].append(part.text or "")
        elif part.tag in (_RENDERED_BREAK, _BREAK_BEFORE) or (part.tag == _BREAK and part.get(_TYPE) == "page"):
            texts.append([])
        elif part.tag in _SPACES:
            texts[-1].append(_SPACES[part.tag])
        elif part.tag == _PARAGRAPH and texts[-1]:
            texts[-1].append("\n")  # a text box inside
    return ["".join(parts).strip() for parts in texts]


def _rows(table: Any) -> Iterator[Block]:
    """Yield a table's rows as lines; a table inside a cell becomes part of the cell's text."""
    for row in _inside(table, _ROW):
        cells = [
            " ".join(text for paragraph in cell.iter(_PARAGRAPH) for text in _texts(paragraph)) for cell in _inside(row, _CELL)
        ]
        text = joined([" ".join(cell.split()) for cell in cells])
        if text:
            yield Block(text)


def _inside(parent: Any, tag: str) -> Iterator[Any]:
    for element in parent.iterchildren():
        if element.tag == tag:
            yield element
        elif element.tag in _WRAPPERS:
            yield from _inside(element, tag)
