"""Pictures on PDF pages: pages that are one, and pictures beside text that are large enough to contain text of their own."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium

from jacie_flask.documents.formats import pdf_calls

_PICTURED = 0.3
_DRAWN = 300
_MOST_OBJECTS = 4_000
_AT_ENDS = 1_000
_LEAST_WIDTH, _LEAST_HEIGHT = 140.0, 45.0
_LEAST_PIXELS = 120
_MOST_PIXELS = 800
_LEVELS = 16
_GROUND = 0.45
_LEAST_INK, _MOST_INK = 0.01, 0.5
_FEWEST_CHANGES = 6.0
_PICTURES = frozenset({pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM})


def is_picture(page: pypdfium2.PdfPage) -> bool:
    """Say whether pictures cover a good part of the page, or it is drawn of many strokes."""
    count = pdfium.FPDFPage_CountObjects(page)
    if count >= _DRAWN:
        return True
    width, height = page.get_size()
    covered: float = 0.0
    for item in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        left, bottom, right, top = item.get_bounds()
        covered += max(0.0, right - left) * max(0.0, top - bottom)
    return bool(covered >= _PICTURED * width * height > 0)


class PicturedText:
    """The search of a file for pictures that can contain text: it ends when each image that the file has was met."""

    def __init__(self, image_sizes: Counter[tuple[int, int]]) -> None:
        """Take how many images of each size in pixels the file has; (0, 0) counts those of unknown size."""
        self._left = Counter({size: count for size, count in image_sizes.items() if size == (0, 0) or _has_text_pixels(size)})

    def is_on(self, page: pypdfium2.PdfPage) -> bool:
        """Say whether a picture on the page is as large and as contrasted as one of text."""
        found = False
        for item in _images(page) if self._left else ():
            size = item.get_px_size()
            if self._left[size] > 1:
                self._left[size] -= 1
            else:
                self._left.pop(size, None)
            found = found or (_has_text_pixels(size) and _is_text_sized(item) and _is_like_text(item))
        return found


def _has_text_pixels(size: tuple[int, int]) -> bool:
    return min(size) >= _LEAST_PIXELS // 4 and max(size) >= _LEAST_PIXELS


def _images(page: pypdfium2.PdfPage) -> Iterator[pypdfium2.PdfImage]:
    """Yield the images of a page; of a page of very many objects those among its first and its last."""
    count = pdfium.FPDFPage_CountObjects(page)
    indexes = range(count) if count <= _MOST_OBJECTS else [*range(_AT_ENDS), *range(count - _AT_ENDS, count)]
    kinds = pdf_calls.object_types(pdf_calls.address_of(page.raw), indexes)
    for index, kind in zip(indexes, kinds, strict=True) if _PICTURES.intersection(kinds) else ():
        if kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            yield pypdfium2.PdfImage(pdfium.FPDFPage_GetObject(page.raw, index), page=page, pdf=page.pdf)
        elif kind == pdfium.FPDF_PAGEOBJ_FORM:
            form = pdfium.FPDFPage_GetObject(page.raw, index)
            yield from page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3, form=form, level=1)


def _is_text_sized(item: pypdfium2.PdfImage) -> bool:
    left, bottom, right, top = item.get_bounds()
    return bool(right - left >= _LEAST_WIDTH and top - bottom >= _LEAST_HEIGHT)


def _is_like_text(item: pypdfium2.PdfImage) -> bool:
    """Say whether a picture has one ground with some ink on it that changes often along its rows, unlike a photograph."""
    try:
        bitmap = item.get_bitmap()
        step = max(1, max(bitmap.width, bitmap.height) // _MOST_PIXELS)
        pixels = bitmap.to_numpy()[::step, ::step].copy()
    except (pypdfium2.PdfiumError, ValueError):
        return True  # what it shows is unknown
    levels = _levels(pixels)
    counts = np.bincount(levels.ravel())
    if counts.max() < _GROUND * levels.size:
        return False
    ink = np.abs(levels - counts.argmax()) > 256 // _LEVELS // 4
    changes = np.count_nonzero(ink[:, 1:] != ink[:, :-1], axis=1)
    busy = changes[changes > 0]
    return bool(_LEAST_INK <= ink.mean() <= _MOST_INK and busy.size and busy.mean() >= _FEWEST_CHANGES)


def _levels(pixels: np.ndarray) -> np.ndarray:
    """Return the lightness of each pixel, gray or of three colours and more, in steps of ``_LEVELS``."""
    if pixels.ndim == 2:
        return pixels.astype(np.int16) // _LEVELS
    red, green, blue = (pixels[..., colour].astype(np.int16) for colour in range(3))
    return (red + green + blue) // (3 * _LEVELS)
