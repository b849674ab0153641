"""Columns of a grid: which cells stand above one another, and what the header cells of each column say."""

from collections import Counter
from collections.abc import Sequence

from jacie_flask.facts import units
from jacie_flask.facts.column_names import is_total_name
from jacie_flask.facts.grids import GridCell, InlineFact
from jacie_flask.facts.headings import columns_of
from jacie_flask.facts.periods import PERIODS, atoms
from jacie_flask.facts.tags import member_names, period_of
from jacie_flask.facts.values import Column

_CHANGES = frozenset(("change", "versus"))
_WORDS_OF_PERIODS = frozenset((*PERIODS, "duration", "monthday", "daymonth", "instant"))
_LONGEST_NAME = 80


class Positions:
    """Where the columns of figures are: cells that overlap stand in one column, however their rows split them."""

    def __init__(self, rows: Sequence[Sequence[GridCell]]) -> None:
        """Take the cells of figures of each row; rows with the most figures decide."""
        self._spans: list[tuple[int, int]] = []
        spans = dict.fromkeys(
            (cell.column, cell.column + cell.columns) for cells in sorted(rows, key=len, reverse=True) for cell in cells
        )
        for start, end in spans:
            self._add(start, end)
        self._spans.sort()

    def _add(self, start: int, end: int) -> None:
        touched = [at for at, span in enumerate(self._spans) if _overlap(span, (start, end))]
        if not touched:
            self._spans.append((start, end))
        elif len(touched) == 1:
            span = self._spans[touched[0]]
            wider = (min(start, span[0]), max(end, span[1]))
            if not any(_overlap(wider, other) for at, other in enumerate(self._spans) if at != touched[0]):
                self._spans[touched[0]] = wider

    def __len__(self) -> int:
        return len(self._spans)

    @property
    def first(self) -> int:
        """The first position in the grid that belongs to a column of figures."""
        return self._spans[0][0] if self._spans else 0

    def of(self, cell: GridCell) -> list[int]:
        """Return the columns that a cell stands in or spans, the one that it overlaps most first."""
        span = (cell.column, cell.column + cell.columns)
        overlaps = [(-_overlap(span, one), at) for at, one in enumerate(self._spans) if _overlap(span, one)]
        return [at for _, at in sorted(overlaps)]

    def of_row(self, cells: Sequence[GridCell]) -> list[int | None]:
        """Return the column of each of a row's figures, None for one beside all; as many as there are columns stand in their order."""
        if len(cells) == len(self):
            return list(range(len(cells)))
        return [next(iter(self.of(cell)), None) for cell in cells]

    def headers(self, cells: Sequence[GridCell]) -> list[list[int]]:
        """Return the columns that each of a row's header cells is above; in order where they are as many and some stand beside."""
        found = [self.of(cell) for cell in cells]
        firsts = Counter(one[0] for one in found if one)
        if len(cells) == len(self) and (not all(found) or max(firsts.values(), default=0) > 1):
            return [[at] for at in range(len(cells))]
        return found


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> int:
    return max(0, min(one[1], other[1]) - max(one[0], other[0]))


def column_of(headers: Sequence[str], above: Sequence[str], facts: Sequence[InlineFact], balance: bool) -> Column:
    """Return the column that header cells name, outermost first; ``above`` are the lines over the table, ``facts`` its tags.

    Tags state the period; a period that the column's own cells do not name is the one that the lines above name.
    """
    found = [atoms(text) for text in headers]
    kinds = {atom.kind for one in found for atom in one}
    role = _role(kinds)
    if role != "value":
        return Column(role=role)
    names = [
        text for text, one in zip(headers, found, strict=True)
        if not _WORDS_OF_PERIODS.intersection(atom.kind for atom in one) and not units.is_unit_line(text) and units.scale_of([text]) is None
    ]  # fmt: skip
    name = " ".join(names)[:_LONGEST_NAME].strip(" :")
    own = columns_of(_one_period(headers), [False], balance)
    if not own and not kinds & PERIODS:
        own = columns_of([*above, " ".join(headers)], [False], balance) or columns_of(list(above), [False], balance)
    elif own and not own[0].end:
        own = columns_of([*above, *_one_period(headers)], [False], balance) or own
    column = own[0] if own else Column()
    column = _tagged(column, facts)
    members = member_names(facts)
    heading = name or members or column.heading
    return Column(column.end, column.months, column.year, column.quarter, heading, "part" if members else "value")


def _one_period(headers: Sequence[str]) -> list[str]:
    """Return header texts without those that others repeat: "2023" below "Year ended December 31, 2023"."""
    whole = [text for text in headers if any(atom.year and atom.month for atom in atoms(text))]
    if len(whole) != 1:
        return list(headers)
    year = next(atom.year for atom in atoms(whole[0]) if atom.year)
    return [text for text in headers if text == whole[0] or not any(atom.year == year for atom in atoms(text))]


def _role(kinds: set[str]) -> str:
    if kinds & _CHANGES or ("percent" in kinds and not kinds & PERIODS):
        return "change"
    if "share" in kinds or "percent" in kinds:
        return "share"
    return "note" if "note" in kinds and not kinds & PERIODS else "value"


def _tagged(column: Column, facts: Sequence[InlineFact]) -> Column:
    """Return a column with the period that most of its tags state."""
    period = period_of(facts)
    if period is None:
        return column
    end, months = period
    return Column(end, months, column.year or int(end[:4]), column.quarter, column.heading)


def apart(columns: Sequence[Column], *, statement: bool) -> list[Column]:
    """Return columns with final roles: in a ``statement`` parts are no values, nor are columns of one period of which none is the total."""
    runs = Counter(_period(column) for column in columns if column.role in ("value", "part"))
    return [_final(column, runs[_period(column)] > 1, columns, statement) for column in columns]


def _final(column: Column, repeated: bool, columns: Sequence[Column], statement: bool) -> Column:
    if column.role not in ("value", "part"):
        return column
    part = column.role == "part"
    if statement and (part or (repeated and not _is_the_total(column, columns))):
        return _with_role(column, "other")
    return _with_role(column, "value")


def _is_the_total(column: Column, columns: Sequence[Column]) -> bool:
    rivals = [one for one in columns if one.role == "value" and _period(one) == _period(column)]
    totals = [one for one in rivals if is_total_name(one.heading)]
    return len(rivals) == 1 or totals == [column]


def _with_role(column: Column, role: str) -> Column:
    return Column(column.end, column.months, column.year, column.quarter, column.heading, role)


def _period(column: Column) -> tuple[str, int, int, int]:
    return column.end, column.months, column.year, column.quarter
