"""Charts and diagrams that office files draw: the figures and words behind them (ECMA-376 part 1, 21.2 and 21.4)."""

from collections.abc import Iterator
from typing import Any

from jacie_flask.documents.formats.table_rows import joined
from jacie_flask.text.number_formats import shown

_CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_MOST_POINTS = 2_000


def chart_lines(chart: Any) -> Iterator[str]:  # an element of lxml
    """Yield the title of a chart, the names of its points and a line for each series with its values."""
    title = chart.find(f".//{_CHART}title")
    if title is not None and (text := _drawn_text(title)):
        yield text
    names: list[str] = []
    for series in chart.iter(f"{_CHART}ser"):
        points = _points(series, ("cat", "xVal"))
        if points and points != names:
            names = points
            yield joined(points)
        name = series.find(f"{_CHART}tx")
        label = "" if name is None else " ".join(one.text or "" for one in name.iter(f"{_CHART}v"))
        if line := joined([label, *_points(series, ("val", "yVal"))]):
            yield line


def diagram_lines(diagram: Any) -> Iterator[str]:  # an element of lxml
    """Yield the words of each box of a diagram, in the order in which the file has them."""
    for paragraph in diagram.iter(f"{_DRAWING}p"):
        if text := "".join(one.text or "" for one in paragraph.iter(f"{_DRAWING}t")).strip():
            yield text


def _points(series: Any, places: tuple[str, ...]) -> list[str]:
    holder = next((one for place in places if (one := series.find(f"{_CHART}{place}")) is not None), None)
    if holder is None:
        return []
    code = next((one.text for one in holder.iter(f"{_CHART}formatCode") if one.text), "General")
    numeric = holder.find(f".//{_CHART}numCache") is not None or holder.find(f".//{_CHART}numLit") is not None
    texts = ["".join(value.text or "" for value in point.iter(f"{_CHART}v")) for point in holder.iter(f"{_CHART}pt")]
    return [_value(text, code) if numeric else text for text in texts[:_MOST_POINTS]]


def _value(text: str, code: str) -> str:
    try:
        return shown(float(text), code)
    except (ValueError, OverflowError):
        return text


def _drawn_text(element: Any) -> str:
    return " ".join("".join(one.text or "" for one in element.iter(f"{_DRAWING}t")).split())
