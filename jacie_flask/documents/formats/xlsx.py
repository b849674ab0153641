"""XLSX: a sheet is a page, a long one several; rows are lines with figures as the sheet shows them."""

import datetime
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from jacie_flask.documents.extraction import Job
from jacie_flask.documents.formats.table_rows import joined, table_row
from jacie_flask.documents.formats.workbook import Cell, Sheet, SheetRow, Workbook
from jacie_flask.documents.paging import PAGE_CHARS, Block, MoreTime, Reading, reading_of
from jacie_flask.errors import DocumentRejected
from jacie_flask.facts.grids import GridCell
from jacie_flask.text.format_sections import sections_of
from jacie_flask.text.notemarks import raised
from jacie_flask.text.number_formats import shown

_NOT_CALCULATED = "(not calculated)"
_YEARS = range(1900, 2101)
_EPOCH = datetime.datetime(1899, 12, 30)
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_NAMED = 5


@dataclass
class _Unread:
    """What of a workbook was not read."""

    uncalculated: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    formatted_away: int = 0


def read(job: Job, more_time: MoreTime) -> Reading:
    """Return the visible sheets of a workbook, formulas as the values they were saved with."""
    del more_time
    unread = _Unread()
    try:
        with zipfile.ZipFile(job.path) as archive:
            book = Workbook(archive)
            sheets = [sheet for sheet in book.sheets if sheet.visible and sheet.has_cells]
            pages = (page for table, sheet in enumerate(sheets) for page in _pages(book, sheet, table, unread))
            reading = reading_of(pages, job.max_pages, "xlsx")
            reading.notes += _notes(book, unread)
    except (zipfile.BadZipFile, EOFError) as error:
        raise DocumentRejected(str(error), reason="it is not a readable XLSX") from error
    return reading


def _notes(book: Workbook, unread: _Unread) -> list[str]:
    hidden = [sheet.title for sheet in book.sheets if not sheet.visible]
    charts = [sheet.title for sheet in book.sheets if sheet.visible and not sheet.has_cells]
    comments = book.elements(r"^xl/(?:comments/)?comments?[^/]*\.xml$", "comment") + book.elements(
        r"^xl/threadedComments/", "threadedComment"
    )
    pictures, objects = book.count(r"^xl/media/.*\.(?:png|jpe?g|gif|tiff?|bmp|emf|wmf)$"), book.count(r"^xl/embeddings/")
    cells = len(unread.uncalculated)
    first = ", ".join(unread.uncalculated[:_NAMED]) + (" and others" if cells > _NAMED else "")
    rows = ", ".join(f"{count} of {title}" for title, count in unread.rows.items())
    found = {
        f"{cells} cell{'s were' if cells > 1 else ' was'} never calculated, so the file has no value for {first}": cells,
        f"hidden sheets were not read: {', '.join(hidden)}": hidden,
        f"sheets that are missing in the file were not read: {', '.join(book.missing)}": book.missing,
        f"hidden rows were not read: {rows}": rows,
        f"cells that their format hides were not read: {unread.formatted_away}": unread.formatted_away,
        f"sheets that are charts were not read: {', '.join(charts)}": charts,
        f"comments were not read: {comments}": comments,
        f"pictures that may hold text were not read: {pictures}": pictures,
        f"embedded objects were not read: {objects}": objects,
    }
    return [note for note, is_so in found.items() if is_so]


def _pages(book: Workbook, sheet: Sheet, table: int, unread: _Unread) -> Iterator[list[Block]]:
    """Yield a sheet's pages; each begins with its name and the row that heads its columns."""
    head: list[Block] = [Block(sheet.title)]
    lines: list[Block] = []
    used = 0
    for block, is_header in _blocks(book, sheet, table, unread):
        if lines and used + len(block.text) > PAGE_CHARS:
            yield [*head, *lines]
            head = [block._replace(row=None) for block in head]
            lines, used = [], 0
        if is_header and len(head) == 1 and not used:
            head.append(block)
            continue
        lines.append(block)
        used += len(block.text) + 1
    if lines or len(head) > 1:
        yield [*head, *lines]


def _blocks(book: Workbook, sheet: Sheet, table: int, unread: _Unread) -> Iterator[tuple[Block, bool]]:
    """Yield each row that shows anything, and whether it can head columns; then the text boxes of the sheet."""
    spans = book.merged(sheet)
    for row in book.rows(sheet):
        if row.hidden and row.cells:
            unread.rows[sheet.title] = unread.rows.get(sheet.title, 0) + 1
        if row.hidden or not row.cells:
            continue
        cells = [_grid_cell(cell, row, spans, book.epoch_1904) for cell in row.cells]
        unread.uncalculated += [f"{sheet.title} {_reference(cell, row)}" for cell in row.cells if cell.uncalculated]
        unread.formatted_away += sum(not cell.text and cell.value != 0 for cell in cells)
        if line := joined([cell.text for cell in cells]):
            yield Block(line, row=table_row(table, cells, sheet.title)), _heads(row)
    for text in book.texts_of_shapes(sheet):
        if line := " ".join(text.split()):
            yield Block(line), False


def _heads(row: SheetRow) -> bool:
    """Say whether a row can head columns: several cells, none of them a number that is not a year or a date."""
    return len(row.cells) > 1 and not any(_is_amount(cell) for cell in row.cells)


def _is_amount(cell: Cell) -> bool:
    if cell.uncalculated or cell.number is None:
        return cell.uncalculated
    return cell.number not in _YEARS and sections_of(cell.style.code)[0].form != "date"


def _grid_cell(cell: Cell, row: SheetRow, spans: dict[tuple[int, int], tuple[int, int]], epoch_1904: bool) -> GridCell:
    text = _shown(cell, epoch_1904)
    columns, rows = spans.get((row.number, cell.column), (1, 1))
    text = raised(text).strip() if cell.style.raised else text
    return GridCell(text, cell.column, columns=columns, rows=rows, value=cell.number)


def _shown(cell: Cell, epoch_1904: bool) -> str:
    """Return a cell as the sheet shows it."""
    if cell.uncalculated:
        return _NOT_CALCULATED
    if cell.kind == "b":
        return "TRUE" if cell.text == "1" else "FALSE"
    if cell.kind == "e":
        return cell.text
    if cell.kind == "d":
        try:
            moment = datetime.datetime.fromisoformat(cell.text).replace(tzinfo=None)
        except ValueError:
            return cell.text
        return shown((moment - _EPOCH) / datetime.timedelta(days=1), cell.style.code)
    if cell.number is not None:
        return shown(cell.number, cell.style.code, epoch_1904=epoch_1904)
    return shown(_ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), cell.text), cell.style.code)


def _reference(cell: Cell, row: SheetRow) -> str:
    letters, column = "", cell.column + 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row.number}"
