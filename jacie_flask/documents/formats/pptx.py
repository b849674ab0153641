"""PPTX by python-pptx: a slide is a page, with its tables as rows, its charts as figures and its notes."""

from collections.abc import Iterable, Iterator
from typing import Any

import pptx
from pptx.exc import PythonPptxError

from jacie_flask.documents.extraction import Job
from jacie_flask.documents.formats.table_rows import joined
from jacie_flask.documents.paging import MoreTime, Reading, bounded


def read(job: Job, more_time: MoreTime) -> Reading:
    """Return the text of each slide."""
    del more_time
    with open(job.path, "rb") as file:
        slides = pptx.Presentation(file).slides
        return bounded(("\n".join(filter(None, _lines(slide))) for slide in slides), job.max_pages)


def _lines(slide: Any) -> Iterator[str]:
    title = slide.shapes.title
    if title is not None:
        yield _clean(title.text_frame.text)
    yield from _shapes(shape for shape in slide.shapes if title is None or shape.shape_id != title.shape_id)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = _clean(slide.notes_slide.notes_text_frame.text)
        if notes:
            yield f"Notes: {notes}"


def _shapes(shapes: Iterable[Any]) -> Iterator[str]:
    for shape in shapes:
        if hasattr(shape, "shapes"):  # a group
            yield from _shapes(shape.shapes)
        elif shape.has_text_frame:
            yield _clean(shape.text_frame.text)
        elif getattr(shape, "has_table", False):
            for row in shape.table.rows:
                yield joined([" ".join(cell.text.split()) for cell in row.cells if not cell.is_spanned])
        elif getattr(shape, "has_chart", False):
            yield from _chart(shape)


def _chart(shape: Any) -> Iterator[str]:
    """Yield a chart as the table behind it; one that is damaged costs itself only."""
    try:
        for plot in shape.chart.plots:
            yield " ".join(str(category) for category in plot.categories)
            for series in plot.series:
                yield joined([series.name, *("" if value is None else f"{value:.12g}" for value in series.values)])
    except (PythonPptxError, KeyError, ValueError, AttributeError, TypeError):
        return


def _clean(text: str) -> str:
    return text.replace("\v", "\n").strip()
