"""Calls of pdfium for each character or object of a page, of which there are thousands: with addresses in place of pointers."""

import ctypes
from collections.abc import Callable
from typing import Any

import pypdfium2.raw as pdfium


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
