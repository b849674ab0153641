"""Figures of cells: as printed, with the number that a workbook stores or a tag states in place of the printed one."""

import re
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from jacie_flask.facts.cells import Figure, parsed, style_of
from jacie_flask.facts.grids import GridCell
from jacie_flask.facts.units import scale_named

_SPACED = re.compile(r"[^\d]{0,6}\d{1,3}(?: \d{3})+(?:[.,]\d+)?[^\d]{0,3}")
_EURO = re.compile(r"[^\d]{0,6}(?:\d{1,3}(?:\.\d{3}){2,}|\d{1,3}(?:\.\d{3})+,\d{1,2}|\d{1,15},\d{1,2})[^\d,.]{0,3}")
_US = re.compile(r"[^\d]{0,6}(?:\d{1,3}(?:,\d{3}){2,}|\d{1,3}(?:,\d{3})+\.\d{1,15}|\d{1,15}\.\d{1,2})[^\d,.]{0,3}")
_SCALED = re.compile(
    r"(?P<number>.*\d\)?)\s?(?P<scale>k|m|mn|mm|bn|b|tn|thousand|million|billion|trillion|lakh|crore|cr)(?P<shut>\)?)", re.I
)
_MAY_BE_FIGURE = re.compile(r"[^\W\d_]{0,4}[^A-Za-z]*\d[^A-Za-z]*[A-Za-z]{0,8}\W?|[^A-Za-z\d]{1,9}|[A-Za-z/.]{1,4}").fullmatch
_PERCENT = -2
_POWERS = (0, 3, 6, 9, 12, _PERCENT, 5, 7, 2)
_HALF = 0.51


def style_of_cells(texts: Iterable[str], page: str) -> str:
    """Return how cells write thousands: "us", "euro" or "space"; where they do not show it, as their page does."""
    kept = list(texts)
    euro, us = (sum(1 for text in kept if pattern.fullmatch(text)) for pattern in (_EURO, _US))
    if euro != us:
        return "euro" if euro > us else "us"
    return style_of(page)


def figure_in(cell: GridCell, style: str) -> tuple[Figure, int | None] | None:
    """Return the figure of a cell and the power of ten that the cell itself states, None for words.

    A stored number takes the place of the printed one, in the power of ten in which it is printed.
    """
    if not _MAY_BE_FIGURE(cell.text):
        return None
    text, stated = " ".join(cell.text.split()), None
    figure = _printed(text, style)
    if figure is None and (match := _SCALED.fullmatch(text)):
        figure, stated = _printed(match["number"] + match["shut"], style), scale_named(match["scale"])
    if figure is None:
        return None
    if figure.value is None:
        return figure, None
    if cell.fact is not None and cell.fact.value is not None:
        return msgspec.structs.replace(figure, value=_like(figure.value, cell.fact.value, cell.fact.scale)), stated
    if cell.value is None:
        return figure, stated
    return _stored(figure, figure.value, cell.value, stated)


@lru_cache(maxsize=1 << 16)
def _printed(text: str, style: str) -> Figure | None:
    line = parsed(text, "space" if _SPACED.fullmatch(text) else style)
    return line.figures[0] if len(line.figures) == 1 and not line.label else None


def _like(printed: float, value: float, scale: int) -> float:
    """Return a tagged value in its scale with the sign as printed."""
    size = abs(round(value / 10.0**scale, 9))
    return -size if printed < 0 else size


def _stored(figure: Figure, printed: float, stored: float, stated: int | None) -> tuple[Figure, int | None]:
    """Return a figure with its stored number, and the power of ten by which its format divides; as printed where they differ."""
    if stored == printed:
        return figure, stated
    for power in _POWERS:
        value = round(abs(stored) / 10.0**power, 9)
        if abs(value - abs(printed)) <= _HALF * 10.0**-figure.decimals and (power != _PERCENT or figure.unit == "%"):
            divided = power if power > 0 and stored else stated
            return msgspec.structs.replace(figure, value=-value if printed < 0 else value), divided
    return figure, stated
