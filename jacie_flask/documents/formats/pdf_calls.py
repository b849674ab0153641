"""Calls of pdfium for each character or object of a page, of which there are thousands: with addresses in place of pointers."""

import ctypes
from collections import deque
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

_DOUBLE = ctypes.sizeof(ctypes.c_double)


def _direct(function: Any) -> Callable[..., Any]:
    """Return a function of pdfium that takes and returns addresses; a call takes about half the time of one with pointers."""
    kinds = [ctypes.c_void_p if hasattr(kind, "contents") else kind for kind in (function.restype, *function.argtypes)]
    return ctypes.PYFUNCTYPE(*kinds)(ctypes.cast(function, ctypes.c_void_p).value or 0)


def address_of(handle: Any) -> int:
    """Return the address of what a pointer of pdfium points to."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


char_origin = _direct(pdfium.FPDFText_GetCharOrigin)
char_angle = _direct(pdfium.FPDFText_GetCharAngle)
loose_char_box = _direct(pdfium.FPDFText_GetLooseCharBox)
has_unicode_map_error = _direct(pdfium.FPDFText_HasUnicodeMapError)
page_object = _direct(pdfium.FPDFPage_GetObject)
object_type = _direct(pdfium.FPDFPageObj_GetType)


def origins(text_page: int, indexes: Sequence[int]) -> tuple[list[float], list[float]]:
    """Return where characters begin: all x and all y, in points."""
    places = (ctypes.c_double * (2 * len(indexes)))()
    first, end = ctypes.addressof(places), ctypes.addressof(places) + ctypes.sizeof(places)
    columns, rows = range(first, end, 2 * _DOUBLE), range(first + _DOUBLE, end, 2 * _DOUBLE)
    deque(map(char_origin, repeat(text_page), indexes, columns, rows), maxlen=0)
    return places[::2], places[1::2]


def object_types(page: int, indexes: Sequence[int]) -> list[int]:
    """Return the kinds of a page's objects."""
    return list(map(object_type, map(page_object, repeat(page), indexes)))


def whole_text(text_page: pypdfium2.PdfTextPage, count: int) -> str:
    """Return the characters of a page, of which there are ``count``, in the order of the file."""
    units = (ctypes.c_ushort * (2 * count + 2))()  # a character can be two units of UTF-16
    return _decoded(units, pdfium.FPDFText_GetText(text_page.raw, 0, count, units))


def bounded_text(text_page: pypdfium2.PdfTextPage, count: int, edges: tuple[float, float, float, float]) -> str:
    """Return the characters within the edges of a page (left, bottom, right, top), of which there are at most ``count``."""
    left, bottom, right, top = edges
    size = 4 * count + 2  # before each character there can be the end of a line
    units = (ctypes.c_ushort * size)()
    return _decoded(units, pdfium.FPDFText_GetBoundedText(text_page.raw, left, top, right, bottom, units, size))


def _decoded(units: Any, written: int) -> str:
    """Return the text of UTF-16 units, the last of which that was written is a zero."""
    return memoryview(units).cast("B")[: 2 * max(0, written - 1)].tobytes().decode("utf-16-le", "ignore")
