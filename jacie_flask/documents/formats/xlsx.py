"""XLSX by openpyxl: a sheet is a page, a long one several; rows are lines with figures as the sheet shows them."""

import datetime
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import openpyxl

from jacie_flask.documents.extraction import Job
from jacie_flask.documents.formats.table_rows import joined
from jacie_flask.documents.paging import PAGE_CHARS, MoreTime, Reading, bounded

_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]{0,99}\]|_.|\*.')
_DECIMALS = re.compile(r"[0#]\.([0#?]+)")


def read(job: Job, more_time: MoreTime) -> Reading:
    """Return the visible sheets of a workbook, formulas as the values they were saved with."""
    del more_time
    with open(job.path, "rb") as file:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        hidden = [sheet.title for sheet in book.worksheets if sheet.sheet_state != "visible"]
        reading = bounded((page for sheet in sheets for page in _pages(sheet)), job.max_pages)
    if hidden:
        reading.notes.append(f"hidden sheets were left out: {', '.join(hidden)[:200]}")
    return reading


def _pages(sheet: Any) -> Iterator[str]:
    """Yield a sheet's pages; each begins with its name and the row that heads its columns."""
    head: list[str] = [str(sheet.title)]
    lines: list[str] = []
    used = 0
    for line, is_header in _lines(sheet.iter_rows()):
        if lines and used + len(line) > PAGE_CHARS:
            yield "\n".join([*head, *lines])
            lines, used = [], 0
        if is_header and len(head) == 1 and not used:
            head.append(line)
            continue
        lines.append(line)
        used += len(line) + 1
    if lines or len(head) > 1:
        yield "\n".join([*head, *lines])


def _lines(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[str, bool]]:
    """Yield each row that says anything, and whether it can head columns: several cells, none of them a number."""
    for row in rows:
        filled = [cell for cell in row if cell.value is not None]
        line = joined([_shown(cell) for cell in filled]) if filled else ""
        if line:
            header = len(filled) > 1 and not any(isinstance(cell.value, float) for cell in filled)
            yield line, header and not any(isinstance(c.value, int) and not 1900 <= c.value <= 2100 for c in filled)


def _shown(cell: Any) -> str:
    """Return a cell as the sheet shows it, near enough to be found by what a reader sees."""
    value = cell.value
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return _number(value, str(cell.number_format or ""))
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%d" if value.time() == datetime.time() else "%Y-%m-%d %H:%M")
    return " ".join(str(value).split())


def _number(value: float, number_format: str) -> str:
    pattern = _QUOTED.sub("", number_format.split(";")[0])
    found = _DECIMALS.search(pattern)
    decimals = len(found.group(1)) if found else 0
    if abs(value) < 1e18 and "%" in pattern:
        return f"{value * 100:.{min(decimals, 9)}f}%"
    if abs(value) < 1e18 and ("0" in pattern or "#" in pattern) and "E" not in pattern.upper():
        return f"{value:{',' if ',' in pattern else ''}.{min(decimals, 9)}f}"
    return str(value) if isinstance(value, int) and abs(value) < 10**18 else f"{value:.12g}"
