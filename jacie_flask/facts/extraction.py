"""Tables of a document, from the texts of its pages."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from jacie_flask.facts import units
from jacie_flask.facts.agreement import confirmed
from jacie_flask.facts.blocks import Block, blocks
from jacie_flask.facts.cell_tables import CellTable
from jacie_flask.facts.cells import style_of
from jacie_flask.facts.column_names import Names, checked_names, named, over_one_period, renamed
from jacie_flask.facts.concepts import tagged, with_concepts
from jacie_flask.facts.grid_statements import tables_of_grids
from jacie_flask.facts.grids import Grid
from jacie_flask.facts.headings import columns_of, is_prose, settled
from jacie_flask.facts.identities import checked
from jacie_flask.facts.key_figures import with_key_figures
from jacie_flask.facts.periods import Calendar, calendar_of
from jacie_flask.facts.placement import in_unit, placed, printed_currency, shares
from jacie_flask.facts.sums import with_sums
from jacie_flask.facts.values import Column, Table
from jacie_flask.text.labels import STATEMENTS, SUMMARIES, titles
from jacie_flask.text.notemarks import removed

PAGE_CHARS = 40_000
"""How much of a page is read: more stands on no page of paper."""

_FEWEST_ROWS = 2
_TOP_LINES = 8
_UNIT_LINES = 10
_MOST_COUNTS = 4
_TITLE_LINES = 4
_LONGEST_TITLE = 120
_MONTHS = 3
_ENDING = frozenset("0123456789)%—–-−*]")
_NO_TITLE = re.compile(r"^[\W\d]*$|^[A-Z]-\d+$|^table of contents$|accompanying notes|\.$", re.IGNORECASE)
_INTERIM = ("10-Q", "6-K", "8-K", "interim report", "earnings", "proxy", "DEF14A", "S-1")
_FLOWS = ("income_statement", "cash_flow", "comprehensive_income")


@dataclass(frozen=True)
class _Page:
    """A page's lines, where it is and which statements it carries."""

    number: int
    lines: list[str]
    labels: frozenset[str]
    style: str


def tables_of(
    pages: Sequence[str], labels: Mapping[int, list[str]], guess: Mapping[str, str], grids: Sequence[Grid] = ()
) -> list[Table]:
    """Return the tables of a document's pages with columns, units, concepts and failed checks.

    ``pages`` are tidied texts, page 1 first; ``labels`` are those of ``label_pages``; ``guess`` that of ``guess_document``. Lines
    that are rows of a grid's tables are not read as text, too.
    """
    of_grids, read = tables_of_grids(grids, pages, labels)
    tables, tags = _ordered(of_grids, _tables_of_text(pages, labels, read))
    fiscal = _calendar(tables, pages, guess)
    tables = [_settled(table, fiscal, guess.get("document_type", "") not in _INTERIM) for table in tables]
    named = tagged(with_concepts(_scaled(tables)), tags)
    return checked(confirmed(with_sums(with_key_figures(named))))


def _ordered(of_grids: Sequence[CellTable], of_text: Sequence[Table]) -> tuple[list[Table], list[Sequence[str | None]]]:
    """Return all tables in the order of their pages, and the concepts that tags give their rows."""
    pairs: list[tuple[Table, Sequence[str | None]]] = [(one.table, one.concepts) for one in of_grids]
    pairs += [(table, ()) for table in of_text]
    pairs.sort(key=lambda pair: (pair[0].page, pair[0].rows[0].line))
    return [table for table, _ in pairs], [concepts for _, concepts in pairs]


def _tables_of_text(pages: Sequence[str], labels: Mapping[int, list[str]], read: Mapping[int, frozenset[int]]) -> list[Table]:
    """Return the tables of page texts; ``read`` has the lines of each page that are read already."""
    found = [(page, list(_blocks(page, read.get(page.number, frozenset())))) for page in _pages(pages, labels)]
    known = Names([row.label for _, page_blocks in found for block in page_blocks for row in block.rows])
    tables: list[Table] = []
    for page, page_blocks in found:
        tables += _tables(page, page_blocks, tables[-1] if tables else None, known)
    return tables


def _blocks(page: _Page, read: frozenset[int]) -> Iterator[Block]:
    """Yield the blocks of a page; none goes on behind lines that are read already."""
    if not read:
        yield from blocks(page.lines, page.style)
        return
    bounds = [-1, *sorted(number for number in read if number < len(page.lines)), len(page.lines)]
    for before, after in pairwise(bounds):
        if after - before > 1:
            yield from blocks([""] * (before + 1) + page.lines[before + 1 : after], page.style)


def _pages(pages: Sequence[str], labels: Mapping[int, list[str]]) -> Iterator[_Page]:
    for number, text in enumerate(pages, start=1):
        page = removed(text[:PAGE_CHARS])
        lines = page.split("\n")
        if sum(1 for line in lines if line and line[-1] in _ENDING) >= _FEWEST_ROWS:
            yield _Page(number, lines, frozenset(labels.get(number, ())), style_of(page))


def _tables(page: _Page, page_blocks: Sequence[Block], last: Table | None, known: Names) -> Iterator[Table]:
    """Yield the tables of a page; ``last`` is the table before it in the document, whose statement may go on here."""
    previous: Table | None = None
    for block in page_blocks:
        table = _table(page, block, previous, known)
        if table and previous is None and not table.statement and last and _goes_on(last, table, block):
            table = msgspec.structs.replace(table, statement=last.statement)
        if table:
            previous = table
            yield table


def _goes_on(last: Table, table: Table, block: Block) -> bool:
    """Say whether a page's first table is the rest of the statement on the page before: the same columns at the top of the page."""
    return (
        last.statement in STATEMENTS
        and last.page + 1 == table.page
        and last.columns == table.columns
        and block.rows[0].line <= _TOP_LINES
    )


def _table(page: _Page, block: Block, previous: Table | None, known: Names) -> Table | None:
    statement = _statement(page, block, previous)
    counts = Counter(len(row.figures) for row in block.rows)
    for rank, (count, _) in enumerate(sorted(counts.items(), key=lambda pair: (-pair[1], -pair[0]))[:_MOST_COUNTS]):
        columns, names = _columns(block, count, statement, previous, known if rank == 0 else None)
        if columns:
            rows = placed(block, columns, names)
            near = block.head[-_UNIT_LINES:][::-1]
            scale = units.scale_of(near)
            currency = units.currency_of(near) or printed_currency(block.rows)
            alone = len(columns) == 1 and not statement and scale is None and not currency
            if len(rows) < _FEWEST_ROWS or alone:
                return None
            if scale is None and previous:
                scale = previous.scale
            rows = in_unit(rows, scale, currency, excepted=units.excepts_shares(block.head), statement=statement)
            return Table(page.number, checked_names(columns, rows), rows, _title(block.head), statement, scale, currency)
    return None


def _columns(
    block: Block, count: int, statement: str, previous: Table | None, known: Names | None
) -> tuple[list[Column], Sequence[str]]:
    """Return the columns of rows of ``count`` figures, and the lines of their names where these stand below the periods.

    Names over one period hold for the tables below, too, until others come.
    """
    balance = statement.startswith("balance_sheet")
    columns = columns_of(block.head, shares(block.rows, count), balance)
    if columns:
        return named(columns, block.head, known or Names(), statement=statement in STATEMENTS), ()
    period = columns_of(block.head, [False], balance) if known and count > 1 else []
    if not known or not period:
        return [], ()
    columns, names = over_one_period(period[0], count, [*block.head, *block.rows[0].headings], known)
    if not columns and previous and len(previous.columns) == count:
        columns = renamed(previous.columns, period[0])
    return columns, names


def _statement(page: _Page, block: Block, previous: Table | None) -> str:
    """Return which statement a table is: the page's, or the one of several that its heading names."""
    own = [name for name in (*STATEMENTS, *SUMMARIES) if name in page.labels]
    if not own:
        return ""
    named = titles([line.lower() for line in block.head])
    for name in own:
        if name.removesuffix("_summary") in named:
            return name
    if previous is None or (previous.statement and _repeats(previous, block)):
        return own[0] if len(own) == 1 or previous is None else previous.statement
    return ""


def _repeats(previous: Table, block: Block) -> bool:
    """Say whether a table goes on with the one before it: its heading is repeated, without words of its own."""
    return len(block.head) <= 2 and not block.ended


def _title(head: Sequence[str]) -> str:
    """Return the lines above a table's columns that name it."""
    lines = [line for line in head if line and len(line) <= _LONGEST_TITLE and not _NO_TITLE.search(line)]
    lines = [line for line in lines if line.endswith(":") or not is_prose(line)]
    return " | ".join(lines[-_TITLE_LINES - 1 : -1] or lines[-1:])


def _calendar(tables: Sequence[Table], pages: Sequence[str], guess: Mapping[str, str]) -> Calendar:
    """Return the filing's calendar: its statements' whole years, or its year to date, and what its text calls them.

    A quarter alone is the first one where it is the year to date: in cash flows and quarterly reports. Otherwise the filing's guess says.
    """
    ends: list[str] = []
    dates: list[tuple[int, str]] = []
    balances: list[str] = []
    bare, flows = 0, False
    for table in tables:
        columns = [column for column in table.columns if column.year and column.role == "value"]
        if table.statement in _FLOWS or table.source == "xbrl":
            ends += [column.end for column in columns if column.end and column.months == 12]
            dates += [(column.months, column.end) for column in columns if column.end and column.months in (3, 6, 9)]
            flows = flows or table.statement == "cash_flow"
            if not any(column.end for column in columns):
                bare = max([bare, *(column.year for column in columns if column.months in (12, -1))])
        elif table.statement == "balance_sheet":
            balances += [column.end for column in columns if column.end]
    latest = max([*ends, *balances, *(end for _, end in dates)], default="")
    if not ends and dates:
        longest = max(months for months, _ in dates)
        to_date = longest
        if longest == _MONTHS and guess.get("document_type") != "10-Q" and not flows:
            to_date = _MONTHS * int(guess.get("period", "").partition(" Q")[2] or 0)
        ends = [_later(end, 12 - to_date) for months, end in dates if months == longest] if to_date else []
    return calendar_of(ends or balances, latest, bare, pages)


def _later(end: str, months: int) -> str:
    year, month, day = (int(part) for part in end.split("-"))
    total = month - 1 + months
    return f"{year + total // 12:04d}-{total % 12 + 1:02d}-{min(day, 28):02d}"


def _settled(table: Table, fiscal: Calendar, annual: bool) -> Table:
    flow = table.statement.removesuffix("_summary") in _FLOWS
    return msgspec.structs.replace(table, columns=[settled(column, fiscal, flow=flow, annual=annual) for column in table.columns])


def _scaled(tables: Sequence[Table]) -> list[Table]:
    """Give tables that state no scale the one of the document's statements."""
    stated = Counter(table.scale for table in tables if table.scale is not None and table.statement in STATEMENTS)
    usual = stated.most_common(1)[0][0] if stated else None
    if usual is None:
        return list(tables)
    return [table if table.scale is not None else _rescaled(table, usual) for table in tables]


def _rescaled(table: Table, scale: int) -> Table:
    rows = [
        msgspec.structs.replace(row, scale=scale) if row.unit in ("money", "shares") and not row.scale else row
        for row in table.rows
    ]
    return msgspec.structs.replace(table, rows=rows, scale=scale)
