"""The runs of a DOCX paragraph as text: raised and lowered parts, tracked changes, notes, and what is anchored in it."""

from collections.abc import Iterable
from typing import Any

from docx.oxml.ns import qn

from jacie_flask.text.notemarks import fractions, lowered, raised

_PAGE_BREAK, _BREAK, _TYPE, _BREAK_BEFORE = qn("w:lastRenderedPageBreak"), qn("w:br"), qn("w:type"), qn("w:pageBreakBefore")
_TEXT, _MATH_TEXT, _VALUE, _ID = (
    qn("w:t"),
    "{http://schemas.openxmlformats.org/officeDocument/2006/math}t",
    qn("w:val"),
    qn("w:id"),
)
_SPACES = {qn("w:tab"): " ", qn("w:ptab"): " ", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}
_SKIPPED = {
    qn(f"w:{name}")
    for name in ("del", "moveFrom", "instrText", "delInstrText", "rPr", "footnoteRef", "endnoteRef", "annotationRef")
}
_RUN, _PROPERTIES, _BOX, _OBJECT = qn("w:r"), qn("w:rPr"), qn("w:txbxContent"), qn("w:object")
_REFERENCES = {qn("w:footnoteReference"): "footnotes", qn("w:endnoteReference"): "endnotes"}
_CUSTOM = qn("w:customMarkFollows")
_ALIGN, _POSITION, _RUN_STYLE, _VANISH = qn("w:vertAlign"), qn("w:position"), qn("w:rStyle"), qn("w:vanish")
_COUNTING = {_ALIGN, _POSITION, _RUN_STYLE, _VANISH}
_EXTENT = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}extent"
_PICTURES = {"{http://schemas.openxmlformats.org/drawingml/2006/picture}pic", "{urn:schemas-microsoft-com:vml}imagedata"}
_DRAWING = qn("w:drawing")
_CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart"
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"
_RELATION, _DATA = qn("r:id"), "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}dm"
_TEXT_SIZED = (1_371_600, 548_640)
_OFF = {"0", "false", "off"}
_ROMAN = ((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))

Note = tuple[str, str, str]
"""The mark of a note, the kind of part that has it, and its id there."""


def raised_styles(styles: Iterable[Any]) -> set[str]:
    """Return the ids of styles whose text is raised."""
    return {style.style_id for style in styles if _shift(style.element.find(_PROPERTIES)) == "up"}


class Runs:
    """Reads paragraphs one after another; counts what was not read, and keeps what they anchor until it is taken."""

    def __init__(self, styles: set[str]) -> None:
        self._styles = styles
        self._parts: list[list[str]] = [[]]
        self._carried: list[Any] = []
        self._shifted: list[str] = []
        self._way = ""
        self._numbers = {"footnotes": 0, "endnotes": 0}
        self.notes: list[Note] = []
        self.late_notes: list[Note] = []
        self.boxes: list[Any] = []
        self.charts: list[str] = []
        self.diagrams: list[str] = []
        self.pictures = self.objects = self.hidden = 0

    @property
    def anchors(self) -> bool:
        """Whether the last paragraphs anchor anything."""
        return bool(self.notes or self.boxes or self.charts or self.diagrams)

    def carry(self, paragraph: Any) -> None:
        """Keep a paragraph that the next one goes on with."""
        self._carried.append(paragraph)

    def left_over(self) -> list[str]:
        """Return the text of the paragraphs that were kept and that none went on with."""
        return self._texts([]) if self._carried else []

    def texts(self, paragraph: Any) -> list[str]:
        """Return the text of a paragraph, cut where a page begins."""
        return self._texts([paragraph])

    def _texts(self, paragraphs: list[Any]) -> list[str]:
        self._parts = [[]]
        for one in (*self._carried, *paragraphs):
            self._read(one)
        self._carried.clear()
        self._settle("")
        return [fractions("".join(part)).strip() for part in self._parts]

    def _read(self, element: Any) -> None:
        for child in element:
            tag = child.tag
            if tag in _SKIPPED:
                continue
            if tag == _RUN:
                self._read_run(child)
            elif tag == _BREAK_BEFORE:
                self._parts.append([])
            elif tag in (_TEXT, _MATH_TEXT):
                self._write(child.text or "")
            else:
                self._read_anchor(child)

    def _read_run(self, run: Any) -> None:
        properties = _telling(run)
        if _is_on(properties, _VANISH):
            self.hidden += any((one.text or "").strip() for one in run.iter(_TEXT))
            return
        style = None if properties is None else properties.find(_RUN_STYLE)
        way = _shift(properties)
        if not way and style is not None and style.get(_VALUE) in self._styles:
            way = "up"
        if way != self._way:
            self._settle(way)
        for child in run:
            tag = child.tag
            if tag == _TEXT:
                self._write(child.text or "")
            elif tag == _PAGE_BREAK or (tag == _BREAK and child.get(_TYPE) == "page"):
                self._settle(way)
                self._parts.append([])
            elif tag in _SPACES:
                self._write(_SPACES[tag])
            elif tag in _REFERENCES:
                self._refer(_REFERENCES[tag], child)
            elif tag not in _SKIPPED:
                self._read_anchor(child)

    def _read_anchor(self, element: Any) -> None:
        """Go on inside an element, and keep what it anchors for later."""
        tag = element.tag
        if tag == _BOX:
            self.boxes.append(element)
        elif tag == _CHART:
            self.charts.append(element.get(_RELATION) or "")
        elif tag == _DIAGRAM:
            self.diagrams.append(element.get(_DATA) or "")
        elif tag == _OBJECT:
            self.objects += 1
        elif tag in _PICTURES:
            self.pictures += _is_text_sized(element)
        else:
            self._read(element)

    def _refer(self, kind: str, reference: Any) -> None:
        mark = ""
        if reference.get(_CUSTOM) in (None, *_OFF):
            self._numbers[kind] += 1
            number = self._numbers[kind]
            mark = str(number) if kind == "footnotes" else _roman(number)
            self._settle("up")
            self._write(mark)
        note = (raised(mark) if mark else "", kind, reference.get(_ID) or "")
        (self.notes if kind == "footnotes" else self.late_notes).append(note)

    def _write(self, text: str) -> None:
        (self._shifted if self._way else self._parts[-1]).append(text)

    def _settle(self, way: str) -> None:
        """Put the raised or lowered text up to here in its form; what follows is shifted another way."""
        text, before = "".join(self._shifted), "".join(self._parts[-1][-4:])
        if text:
            self._parts[-1].append(raised(text, before) if self._way == "up" else lowered(text, before))
        self._shifted.clear()
        self._way = way


def _telling(run: Any) -> Any:
    """Return the properties of a run where they say anything that counts here; they stand first."""
    if len(run) and run[0].tag == _PROPERTIES and any(one.tag in _COUNTING for one in run[0]):
        return run[0]
    return None


def _shift(properties: Any) -> str:
    """Return whether the properties of a run raise or lower its text: "up", "down" or nothing."""
    if properties is None:
        return ""
    align, position = properties.find(_ALIGN), properties.find(_POSITION)
    value = "" if align is None else align.get(_VALUE)
    if value in ("superscript", "subscript"):
        return "up" if value == "superscript" else "down"
    lift = "0" if position is None else position.get(_VALUE) or "0"
    return "" if lift in ("0", "") else "down" if lift.startswith("-") else "up"


def _is_on(properties: Any, name: str) -> bool:
    found = None if properties is None else properties.find(name)
    return found is not None and (found.get(_VALUE) or "1") not in _OFF


def _is_text_sized(picture: Any) -> bool:
    """Say whether a picture is large enough for text that is read; one of unknown size is."""
    parent = picture.getparent()
    while parent is not None and parent.tag != _DRAWING:
        parent = parent.getparent()
    extent = None if parent is None else next(parent.iter(_EXTENT), None)
    if extent is None:
        return True
    sizes = [int(size) if size.isdigit() else 0 for size in (extent.get("cx") or "", extent.get("cy") or "")]
    return all(size >= least for size, least in zip(sizes, _TEXT_SIZED, strict=True))


def _roman(number: int) -> str:
    text = ""
    for value, letters in _ROMAN:
        while number >= value:
            text, number = text + letters, number - value
    return text
