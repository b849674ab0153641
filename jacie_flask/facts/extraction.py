"""Tables of a document, from the texts of its pages."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from jacie_flask.facts import units
from jacie_flask.facts.agreement import confirmed
from jacie_flask.facts.blocks import Block, RawRow, blocks
from jacie_flask.facts.cells import Figure, style_of
from jacie_flask.facts.concepts import with_concepts
from jacie_flask.facts.headings import columns_of, settled
from jacie_flask.facts.identities import checked
from jacie_flask.facts.periods import Calendar, atoms, calendar_of
from jacie_flask.facts.sums import with_sums
from jacie_flask.facts.values import Cell, Column, Row, Table
from jacie_flask.text.labels import STATEMENTS, SUMMARIES, titles
from jacie_flask.text.notemarks import removed

PAGE_CHARS = 40_000
"""How much of a page is read: more stands on no page of paper."""

_FEWEST_ROWS = 2
_TOP_LINES = 8
_ENDING = frozenset("0123456789)%—–-−*]")
_NOTE_NUMBERS = re.compile(r"(?:[ ,&]+(?:and )?\(?\d{1,2}(?:\.\d{1,2})?(?:\(?[a-z]\))?[a-z]?\)?,?)+$")
_NO_TITLE = re.compile(r"^[\W\d]*$|^[A-Z]-\d+$|^table of contents$|accompanying notes|\.$", re.IGNORECASE)
_ANNUAL = ("10-K", "20-F", "40-F", "annual report")
_FLOWS = ("income_statement", "cash_flow", "comprehensive_income")


@dataclass(frozen=True)
class _Page:
    """A page's lines, where it is and which statements it carries."""

    number: int
    lines: list[str]
    labels: frozenset[str]
    style: str


def tables_of(pages: Sequence[str], labels: Mapping[int, list[str]], guess: Mapping[str, str]) -> list[Table]:
    """Return the tables of a document's pages with columns, units, concepts and failed checks.

    ``pages`` are tidied texts, page 1 first; ``labels`` are those of ``label_pages``; ``guess`` that of ``guess_document``.
    """
    tables: list[Table] = []
    for page in _pages(pages, labels):
        tables += _tables(page, tables[-1] if tables else None)
    fiscal = _calendar(tables, pages)
    tables = [_settled(table, fiscal, guess.get("document_type", "") in _ANNUAL) for table in tables]
    return confirmed(checked(with_sums(with_concepts(_scaled(tables)))))


def _pages(pages: Sequence[str], labels: Mapping[int, list[str]]) -> Iterator[_Page]:
    for number, text in enumerate(pages, start=1):
        page = removed(text[:PAGE_CHARS])
        lines = page.split("\n")
        if sum(1 for line in lines if line and line[-1] in _ENDING) >= _FEWEST_ROWS:
            yield _Page(number, lines, frozenset(labels.get(number, ())), style_of(page))


def _tables(page: _Page, last: Table | None) -> Iterator[Table]:
    """Yield the tables of a page; ``last`` is the table before it in the document, whose statement may go on here."""
    previous: Table | None = None
    for block in blocks(page.lines, page.style):
        table = _table(page, block, previous)
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


def _table(page: _Page, block: Block, previous: Table | None) -> Table | None:
    statement = _statement(page, block, previous)
    counts = Counter(len(row.figures) for row in block.rows)
    for count, _ in sorted(counts.items(), key=lambda pair: (-pair[1], -pair[0]))[:4]:
        columns = columns_of(block.head, _shares(block.rows, count), statement.startswith("balance_sheet"))
        if columns:
            noted = any(atom.kind == "note" for atom in atoms(" ".join(block.head)))
            rows = [row for raw in _rejoined(block.rows, columns) if (row := _row(raw, columns, noted))]
            if len(rows) < _FEWEST_ROWS:
                return None
            scale = units.scale_of(reversed(block.head))
            currency = units.currency_of(reversed(block.head)) or _printed(block.rows)
            if scale is None and previous:
                scale = previous.scale
            rows = [_in_unit(row, scale, currency, units.excepts_shares(block.head)) for row in rows]
            return Table(page.number, columns, rows, _title(block.head), statement, scale, currency)
    return None


def _shares(rows: Sequence[RawRow], count: int) -> list[bool]:
    """Say which of ``count`` figures are percentages in most rows."""
    fitting = [row.figures for row in rows if len(row.figures) == count]
    return [
        2 * sum(1 for figures in fitting if figures[at].unit in ("%", "pts")) > sum(1 for figures in fitting if figures[at].value)
        for at in range(count)
    ]


def _rejoined(rows: Sequence[RawRow], columns: Sequence[Column]) -> Iterator[RawRow]:
    """Yield rows; one whose figures fit no columns is the beginning of the next label where that goes on in small letters."""
    torn = ""
    for row in rows:
        if torn and row.label[:1].islower():
            row = replace(row, label=f"{torn} {row.label}", text=f"{torn} {row.text}")
        torn = "" if _positions(row.figures, columns) else row.text
        yield row


def _row(raw: RawRow, columns: Sequence[Column], noted: bool) -> Row | None:
    """Return a row with its figures in their columns, None where they cannot be placed.

    ``noted`` says that the table has a column of note numbers: those at the end of a label are not part of it.
    """
    positions = _positions(raw.figures, columns)
    if not positions:
        return None
    figures = raw.figures[len(raw.figures) - len(positions) :]
    words = [raw.label, *(figure.text for figure in raw.figures[: len(raw.figures) - len(positions)])]
    cells = [
        Cell(at, figure.value, figure.text, figure.decimals, "%" if figure.unit == "%" else "")
        for at, figure in zip(positions, figures, strict=True)
        if figure.value is not None
    ]
    values = [figure for at, figure in zip(positions, figures, strict=True) if columns[at].role == "value"]
    label = " ".join(word for word in words if word).strip(" :.")
    if noted:
        label = _NOTE_NUMBERS.sub("", label) or label
    if not cells:
        return None
    unit = units.unit_of(label, raw.headings, values)
    return Row(label, cells, raw.text, raw.line, raw.headings, unit, total=label.lower().startswith("total"))


def _positions(figures: Sequence[Figure], columns: Sequence[Column]) -> list[int]:
    """Return the columns of a row's last figures: all columns, or only those of values."""
    count = len(figures)
    if count >= len(columns):
        return list(range(len(columns)))
    values = [at for at, column in enumerate(columns) if column.role == "value"]
    if count == len(values):
        return values
    if count > len(values) and [column.role for column in columns[: len(values)]] == ["value"] * len(values):
        return list(range(count))
    if count > len(values) and columns[0].role == "note" and len(values) + 1 < len(columns):
        return list(range(len(columns) - count, len(columns)))
    return []


def _in_unit(row: Row, scale: int | None, currency: str, excepted: bool) -> Row:
    own = units.own_scale(row.label)
    power = scale or 0
    if row.unit in ("per_share", "percent", "ratio", "count"):
        power = 0
    if row.unit == "shares" and excepted and all(cell.value >= 1_000_000 and not cell.decimals for cell in row.cells):
        power = 0
    money = row.unit in ("money", "per_share")
    return msgspec.structs.replace(row, scale=power if own is None else own, currency=currency if money else "")


def _printed(rows: Sequence[RawRow]) -> str:
    """Return the currency whose sign stands at figures."""
    for row in rows:
        for figure in row.figures:
            if figure.currency:
                return units.sign_currency(figure.currency)
    return ""


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
    lines = [line for line in head if line and len(line) <= 140 and not _NO_TITLE.search(line)]
    return " | ".join(lines[-6:-1] or lines[-1:])


def _calendar(tables: Sequence[Table], pages: Sequence[str]) -> Calendar:
    """Return the filing's calendar: its statements' whole years, or its year to date, and what its text calls them."""
    ends: list[str] = []
    dates: list[tuple[int, str]] = []
    balances: list[str] = []
    bare = 0
    for table in tables:
        columns = [column for column in table.columns if column.year and column.role == "value"]
        if table.statement in _FLOWS:
            ends += [column.end for column in columns if column.end and column.months == 12]
            dates += [(column.months, column.end) for column in columns if column.end and column.months in (3, 6, 9)]
            bare = max([bare, *(column.year for column in columns if not column.end and column.months in (12, -1))])
        elif table.statement == "balance_sheet":
            balances += [column.end for column in columns if column.end]
    latest = max([*ends, *balances, *(end for _, end in dates)], default="")
    if not ends and dates:
        longest = max(months for months, _ in dates)
        ends = [_later(end, 12 - months) for months, end in dates if months == longest]
    return calendar_of(ends or balances, latest, bare, pages)


def _later(end: str, months: int) -> str:
    year, month, day = (int(part) for part in end.split("-"))
    total = month - 1 + months
    return f"{year + total // 12:04d}-{total % 12 + 1:02d}-{min(day, 28):02d}"


def _settled(table: Table, fiscal: Calendar, annual: bool) -> Table:
    default = 12 if annual and table.statement.removesuffix("_summary") in _FLOWS else -1
    return msgspec.structs.replace(table, columns=[settled(column, fiscal, default) for column in table.columns])


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
