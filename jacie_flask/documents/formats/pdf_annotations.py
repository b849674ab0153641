"""What lies on a PDF page apart from its content: the values of form fields, free text, comments and attached files."""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from jacie_flask.documents.formats.pdf_characters import Box

_MOST = 5_000
_LONGEST_VALUE = 20_000
_UNSEEN = pdfium.FPDF_ANNOT_FLAG_HIDDEN | pdfium.FPDF_ANNOT_FLAG_NOVIEW
_PASSWORD = 1 << 13
_BOXES = (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON)
_LISTS = (pdfium.FPDF_FORMFIELD_COMBOBOX, pdfium.FPDF_FORMFIELD_LISTBOX)
_COMMENTS = frozenset({
    pdfium.FPDF_ANNOT_TEXT, pdfium.FPDF_ANNOT_LINE, pdfium.FPDF_ANNOT_SQUARE, pdfium.FPDF_ANNOT_CIRCLE, pdfium.FPDF_ANNOT_POLYGON,
    pdfium.FPDF_ANNOT_POLYLINE, pdfium.FPDF_ANNOT_HIGHLIGHT, pdfium.FPDF_ANNOT_UNDERLINE, pdfium.FPDF_ANNOT_SQUIGGLY,
    pdfium.FPDF_ANNOT_STRIKEOUT, pdfium.FPDF_ANNOT_CARET, pdfium.FPDF_ANNOT_INK,
})  # fmt: skip
_OBJECTS = frozenset({
    pdfium.FPDF_ANNOT_STAMP, pdfium.FPDF_ANNOT_SOUND, pdfium.FPDF_ANNOT_MOVIE, pdfium.FPDF_ANNOT_SCREEN, pdfium.FPDF_ANNOT_THREED,
    pdfium.FPDF_ANNOT_RICHMEDIA,
})  # fmt: skip


@dataclass
class Annotations:
    """The filled fields of a page with their boxes, the texts that are drawn on it, and what of it is not read."""

    fields: list[tuple[str, Box]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    comments: bool = False
    files: bool = False


def annotations(page: pypdfium2.PdfPage, form: pypdfium2.PdfFormEnv | None) -> Annotations:
    """Return what is annotated on a page; fields are read where the document has a form."""
    found = Annotations()
    for index in range(min(pdfium.FPDFPage_GetAnnotCount(page.raw), _MOST)):
        with _annotation(page, index) as annotation:
            if annotation and not pdfium.FPDFAnnot_GetFlags(annotation) & _UNSEEN:
                _add(found, annotation, form)
    return found


@contextmanager
def _annotation(page: pypdfium2.PdfPage, index: int) -> Iterator[Any]:
    annotation = pdfium.FPDFPage_GetAnnot(page.raw, index)
    try:
        yield annotation
    finally:
        if annotation:
            pdfium.FPDFPage_CloseAnnot(annotation)


def _add(found: Annotations, annotation: Any, form: pypdfium2.PdfFormEnv | None) -> None:
    kind = pdfium.FPDFAnnot_GetSubtype(annotation)
    if kind == pdfium.FPDF_ANNOT_WIDGET:
        value = _value(annotation, form.raw) if form else ""
        if value:
            found.fields.append((value, _box(annotation)))
    elif kind == pdfium.FPDF_ANNOT_FREETEXT:
        found.texts += filter(None, [_contents(annotation)])
    elif kind == pdfium.FPDF_ANNOT_FILEATTACHMENT:
        found.files = True
    elif kind in _OBJECTS or (kind in _COMMENTS and _contents(annotation)):
        found.comments = True


def _value(annotation: Any, form: Any) -> str:
    """Return what a field shows; nothing for empty fields, buttons, signatures and passwords."""
    kind = pdfium.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind in _BOXES:
        return "☒" if pdfium.FPDFAnnot_IsChecked(form, annotation) else "☐"
    if kind in _LISTS:
        chosen = [
            index for index in range(_options(form, annotation)) if pdfium.FPDFAnnot_IsOptionSelected(form, annotation, index)
        ]
        labels = [_text(pdfium.FPDFAnnot_GetOptionLabel, form, annotation, index) for index in chosen]
        return ", ".join(filter(None, labels)) or _text(pdfium.FPDFAnnot_GetFormFieldValue, form, annotation)
    if kind != pdfium.FPDF_FORMFIELD_TEXTFIELD or pdfium.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD:
        return ""
    return _text(pdfium.FPDFAnnot_GetFormFieldValue, form, annotation)


def _options(form: Any, annotation: Any) -> int:
    return int(min(pdfium.FPDFAnnot_GetOptionCount(form, annotation), _MOST))


def _contents(annotation: Any) -> str:
    return _text(pdfium.FPDFAnnot_GetStringValue, annotation, b"Contents")


def _text(function: Callable[..., int], *arguments: Any) -> str:
    """Return what a function of pdfium writes as UTF-16 into a buffer of the size that it names."""
    size = min(function(*arguments, None, 0), 2 * _LONGEST_VALUE)
    buffer = (ctypes.c_ushort * (size // 2 + 1))()
    function(*arguments, buffer, size)
    return bytes(buffer)[:size].decode("utf-16-le", "replace").split("\0")[0].strip()


def _box(annotation: Any) -> Box:
    rectangle = pdfium.FS_RECTF()
    pdfium.FPDFAnnot_GetRect(annotation, rectangle)
    return rectangle.left, rectangle.bottom, rectangle.right, rectangle.top
