"""Draws a page of a PDF with a passage marked in place; runs in the extraction child."""

import contextlib
import ctypes
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pypdfium2
from numpy.typing import NDArray
from PIL import Image

from jacie_flask.documents.formats.pdf_characters import Box, Characters, turned
from jacie_flask.documents.formats.pdf_pages import PdfPages
from jacie_flask.errors import DocumentRejected
from jacie_flask.interfaces import PagePicture
from jacie_flask.text.quotes import GAP, Text, locate

_PIXELS = 12_000_000
_SIDE = 10_000
_CHARACTERS = 200_000
_YELLOW = np.array([255, 232, 84], dtype=np.uint16)
_DARK = 110


def of(path: Path, number: int, highlight: str, scale: float) -> PagePicture:
    """Return a page of a file as a picture; raise DocumentRejected where that cannot be."""
    with contextlib.closing(PdfPages(path)) as pages:
        try:
            return draw(pages, number, highlight, scale)
        except pypdfium2.PdfiumError as error:
            raise DocumentRejected(str(error), reason="the page is damaged") from error


def draw(pages: PdfPages, number: int, highlight: str, scale: float) -> PagePicture:
    """Return page ``number`` (from 1) as PNG, ``scale`` pixels a point at most, with the passage marked line by line.

    A picture without bytes says that there is no such page.
    """
    if not 1 <= number <= len(pages):
        return PagePicture(png=b"", pages=len(pages))
    with pages.page(number) as page:
        bitmap = page.render(scale=_bounded(page.get_size(), scale), rev_byteorder=True)
        pixels = bitmap.to_numpy().copy()
        boxes, marked, quarter = _passage(page, highlight)
        place = bitmap.get_posconv(page)
        lines = [turned(line, -quarter % 4) for run in boxes for line in _lines(run)]
        areas = [area for line in lines if (area := _area(line, place, pixels.shape))]
        bitmap.close()
    _mark(pixels, areas)
    return PagePicture(
        png=_png(pixels),
        pages=len(pages),
        width=pixels.shape[1],
        height=pixels.shape[0],
        highlight=marked if areas else "missing" if highlight else "",
        areas=areas,
    )


def _bounded(size: tuple[float, float], scale: float) -> float:
    width, height = size
    if not (0 < width < math.inf and 0 < height < math.inf):
        raise DocumentRejected(reason="the page has no size")
    bounded = min(scale, math.sqrt(_PIXELS / (width * height)), _SIDE / max(width, height))
    if min(width, height) * bounded < 1:
        raise DocumentRejected(reason="the page has no shape that could be shown")
    return bounded


def _passage(page: pypdfium2.PdfPage, highlight: str) -> tuple[list[list[Box]], str, int]:
    """Return the boxes of the passage's characters, run by run, how much of it was found, and the direction of its lines.

    The boxes are those of lines that run in this direction.
    """
    if not highlight:
        return [], "", 0
    with contextlib.closing(page.get_textpage()) as text_page:
        text = Characters(text_page)
        quarter = text.quarters().most_common(1)[0][0]
        letters = _letters(text, quarter)
        found = locate(highlight, [Text(letters, range(len(letters)))])
        if found is None or not found.whole:
            by_row = locate(highlight, [Text(letters, _by_row(text, letters, quarter))])
            if by_row and (found is None or by_row.whole):
                found = by_row
        if found is None:
            return [], "missing", 0
        if found.runs and found.runs[0]:
            quarter = text.quarter(found.runs[0][0])
        boxes = [[box for index in run if (box := _box(text, letters, index, quarter))] for run in found.runs]
        return boxes, "found" if found.whole else "partial", quarter


def _letters(text: Characters, quarter: int) -> list[str]:
    """Return the characters of a page, its raised note marks as such: comparing passes over them."""
    marks = text.marks(quarter).written
    return [marks.get(index, letter)[-1:] or " " for index, letter in enumerate(text.text[:_CHARACTERS])]


def _box(text: Characters, letters: Sequence[str], index: int, quarter: int) -> Box | None:
    """Return a visible character's box, as high as its line is."""
    if letters[index].isspace():
        return None
    for box in (text.box(index, quarter), text.tight_box(index, quarter)):
        left, bottom, right, top = box
        if right > left and top > bottom:
            return box
    return None


def _by_row(text: Characters, letters: Sequence[str], quarter: int) -> list[int]:
    """Return the characters as the eye meets them: row by row across columns, with a GAP wherever there is room between."""
    pieces: list[tuple[Box, list[int]]] = []
    apart = True
    for index in range(len(letters)):
        box = _box(text, letters, index, quarter)
        if box and not apart and _follows(pieces[-1][0], box, room=0.25):
            around, indexes = pieces[-1]
            indexes.append(index)
            pieces[-1] = (_union(around, box), indexes)
        elif box:
            pieces.append((box, [index]))
        apart = box is None
    rows: list[list[tuple[Box, list[int]]]] = []
    for piece in sorted(pieces, key=lambda piece: -(piece[0][1] + piece[0][3])):
        if rows and _level(rows[-1][0][0], piece[0]):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    order: list[int] = []
    for row in rows:
        for _, indexes in sorted(row, key=lambda piece: piece[0][0]):
            order += [*indexes, GAP]
    return order


def _lines(boxes: Iterable[Box]) -> Iterator[Box]:
    """Join boxes that follow each other on one line."""
    line: Box | None = None
    for box in boxes:
        if line is not None and _follows(line, box, room=2.5):
            line = _union(line, box)
            continue
        if line is not None:
            yield line
        line = box
    if line is not None:
        yield line


def _level(one: Box, other: Box) -> bool:
    overlap = min(one[3], other[3]) - max(one[1], other[1])
    return overlap > 0.5 * min(one[3] - one[1], other[3] - other[1])


def _follows(line: Box, box: Box, room: float) -> bool:
    """Say whether the box goes on on the line, with at most ``room`` line heights between."""
    height = max(line[3] - line[1], box[3] - box[1])
    return _level(line, box) and -height < box[0] - line[2] < room * height


def _union(one: Box, other: Box) -> Box:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _area(box: Box, place: pypdfium2.PdfPosConv, shape: Sequence[int]) -> tuple[int, int, int, int] | None:
    """Return a box in pixels, as (left, top, right, bottom) inside the picture."""
    limit = 1_000_000.0
    if not all(-limit < side < limit for side in box):
        return None
    with contextlib.suppress(pypdfium2.PdfiumError, ctypes.ArgumentError):
        (one_x, one_y), (other_x, other_y) = place.to_bitmap(box[0], box[1]), place.to_bitmap(box[2], box[3])
        left, right = max(0, min(one_x, other_x) - 2), min(shape[1], max(one_x, other_x) + 2)
        top, bottom = max(0, min(one_y, other_y) - 1), min(shape[0], max(one_y, other_y) + 1)
        if left < right and top < bottom:
            return left, top, right, bottom
    return None


def _mark(pixels: NDArray[np.uint8], areas: Sequence[tuple[int, int, int, int]]) -> None:
    """Lay translucent yellow over the areas: like a marker pen on light ground, like a light on dark ground."""
    marked = np.zeros(pixels.shape[:2], dtype=bool)
    for left, top, right, bottom in areas:
        ground = np.median(pixels[top:bottom, left:right])
        fresh = ~marked[top:bottom, left:right]
        part = pixels[top:bottom, left:right].astype(np.uint16)
        toned = part * _YELLOW // 255 if ground >= _DARK else (part * 3 + _YELLOW * 2) // 5
        pixels[top:bottom, left:right][fresh] = toned[fresh]
        marked[top:bottom, left:right] = True


def _png(pixels: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=3)  # fewer colours would be smaller, and lose pale grounds
    return out.getvalue()
