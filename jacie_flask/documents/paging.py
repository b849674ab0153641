"""What has no pages is cut into pages: at breaks, at headings, and before a page grows too long."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from jacie_flask.errors import DocumentRejected
from jacie_flask.facts.grids import Grid, GridCell, GridRow

PAGE_CHARS = 3_000
PRINTED_PAGE_CHARS = 9_000
_PRINTED_BREAKS = 3
_SPLITTING_LEVEL = 2
_RUNS_TOLD = 12
_LONGEST_PAGE = 200_000
_LONGEST_DOCUMENT = 12_000_000
_MOST_ROWS = 60_000

MoreTime = Callable[[], bool]
"""Called before a long piece of work that is wanted; False when there is no time left for it."""


@dataclass
class Reading:
    """The page texts of a document, the first is page 1, and sentences on its content that was not read or not read exactly.

    ``grids`` are its tables where the file has cells; formats without cells have none.
    """

    pages: list[str]
    notes: list[str] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)


class TableRow(NamedTuple):
    """The cells of a row that is one line of text, and the number and title of its table within the document."""

    table: int
    cells: list[GridCell]
    title: str = ""


class Block(NamedTuple):
    """A paragraph, a table row or a heading (``level`` 1 to 6); ``new_page`` where the document itself breaks the page."""

    text: str
    level: int = 0
    new_page: bool = False
    row: TableRow | None = None


def laid_out(blocks: Sequence[Block], max_pages: int, source: str) -> Reading:
    """Return blocks as pages, with the grids that their rows make; raise DocumentRejected when there are too many."""
    return reading_of(pages_of(blocks), max_pages, source)


def reading_of(pages: Iterable[Sequence[Block]], max_pages: int, source: str) -> Reading:
    """Return pages of blocks as texts, with the grids that their rows make; raise DocumentRejected when there are too many."""
    rows: dict[int, list[GridRow]] = {}
    titles: dict[int, str] = {}

    def texts() -> Iterator[str]:
        for number, page in enumerate(pages, 1):
            for line, row in _numbered_rows(page):
                rows.setdefault(row.table, []).append(GridRow(number, line, row.cells))
                titles[row.table] = row.title
            yield _text_of(page)

    reading = bounded(texts(), max_pages)
    if sum(map(len, rows.values())) <= _MOST_ROWS:
        reading.grids += [Grid(rows=kept, source=source, title=titles[table]) for table, kept in rows.items()]
    return reading


def _text_of(page: Sequence[Block]) -> str:
    return "\n".join(block.text for block in page).lstrip("\n")


def _numbered_rows(page: Sequence[Block]) -> Iterator[tuple[int, TableRow]]:
    """Yield each row with the number of its line in the page's text, from 0."""
    line = 0
    for block in page:
        if not block.text.strip() and line == 0:
            continue  # a page's text begins with its first line that is not empty
        if block.row is not None:
            yield line, block.row
        line += block.text.count("\n") + 1


def paginate(blocks: Sequence[Block]) -> Iterator[str]:
    """Yield the texts of the pages that ``pages_of`` makes."""
    yield from map(_text_of, pages_of(blocks))


def pages_of(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Yield pages of whole blocks; where the document breaks its own pages these are kept while they are of a usual length."""
    printed = sum(block.new_page for block in blocks) >= _PRINTED_BREAKS
    size = PRINTED_PAGE_CHARS if printed else PAGE_CHARS
    page: list[Block] = []
    used = 0
    for block in _cut(blocks, size):
        full = used + len(block.text) > size
        opens = not printed and 0 < block.level <= _SPLITTING_LEVEL and used > size // 3
        if any(one.text for one in page) and (full or opens or block.new_page):
            orphans = [] if block.new_page else _headings_at_the_end(page)
            yield page[: len(page) - len(orphans)]
            page = orphans
            used = sum(len(one.text) for one in page)
        page.append(block)
        used += len(block.text) + 1
    if page:
        yield page


def _headings_at_the_end(page: list[Block]) -> list[Block]:
    """Return the headings that close a page and belong to the next one; none when there is nothing before them."""
    count = 0
    while count < len(page) and page[-1 - count].level:
        count += 1
    return page[len(page) - count :] if 0 < count < len(page) else []


def _cut(blocks: Iterable[Block], size: int) -> Iterator[Block]:
    for block in blocks:
        for text in pieces_of(block.text, size):
            yield block._replace(text=text)
            block = block._replace(new_page=False, row=None)


def pieces_of(text: str, size: int) -> Iterator[str]:
    """Yield a text in pieces of at most ``size`` characters, cut after a line, a sentence or a word where there is one."""
    at = 0
    while len(text) - at > size:
        ends = (text.rfind(mark, at + size // 2, at + size) + len(mark) for mark in ("\n", ". ", " "))
        end = next((end for end in ends if end > at + size // 2), at + size)
        yield text[at:end].rstrip()
        at = end
    yield text[at:]


def bounded(pages: Iterable[str], max_pages: int) -> Reading:
    """Collect page texts that can be sent on; raise DocumentRejected when there are too many or they are too long."""
    kept, notes, total = [], [], 0
    for number, page in enumerate(pages, 1):
        if number > max_pages:
            raise DocumentRejected(reason=f"it has more than {max_pages} pages")
        if len(page) > _LONGEST_PAGE:
            notes.append(f"page {number} is longer than {_LONGEST_PAGE} characters and was cut there")
        text = page[:_LONGEST_PAGE].replace("\r\n", "\n").replace("\r", "\n").replace("\0", " ")
        text = text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")  # parsers hand over lone surrogates
        total += len(text)
        if total > _LONGEST_DOCUMENT:
            raise DocumentRejected(reason="its text is larger than this server reads")
        kept.append(text)
    return Reading(kept, notes)


def numbers(pages: Sequence[int]) -> str:
    """Return page numbers for people: ``page 4`` or ``pages 1, 3-7``; of many scattered ones the first, and how many more."""
    runs: list[list[int]] = []
    for page in pages:
        if runs and page == runs[-1][1] + 1:
            runs[-1][1] = page
        else:
            runs.append([page, page])
    more = sum(last - first + 1 for first, last in runs[_RUNS_TOLD:])
    told = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs[:_RUNS_TOLD])
    told += f" and {more} more" if more else ""
    return f"page{'s' if len(pages) > 1 else ''} {told}"
