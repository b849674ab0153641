"""How a page is read for checking: its rows with their label, unit and years of their columns, and its sentences."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from jacie_flask.text import figures
from jacie_flask.text.figures import Figure
from jacie_flask.text.notemarks import removed

PAGE_CHARS = 40_000
"""How much of a page is read: more stands on no page of paper."""

_CELL = re.compile(
    r"[($€£¥+\-–−]*\d[\d,.']*(?:%|x|pp|bps)?\)?,?%?|\(?[A-Z]{0,3}\$|[($€£¥)%—–−-]+|\)?%|pp|bps|x|R|N/A|n/?[am]|nm|\*+"
)
_BLANK = re.compile(r"(?<![^\s$€£(])[—–-](?![\d\w])")
_LEADERS = re.compile(r"(?:\s?[.·_]){3,}")
_SPACES = re.compile(r"\s+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_SCALE_NAMES = {"thousand": 3, "000": 3, "million": 6, "m": 6, "mn": 6, "mio": 6, "billion": 9, "bn": 9}
_DECLARED = re.compile(
    r"\b(?:in|of)\s(?:[A-Za-z$€£.]+\s){0,3}?(?P<a>thousand|million|billion)s\b"
    r"|(?:^|\()(?:[A-Za-z$€£ .]{0,24}\s)?(?P<b>thousand|million|billion)s?\b(?=[^.]{0,90}(?:\)|$))"
    r"|(?:[$€£¥]|(?-i:\bR))\s?[’']?(?P<c>000|million|thousand|billion|mn|bn|m)s?\b"
    r"|\b(?:USD|EUR|GBP|ZAR|CHF|JPY|INR)\s(?P<d>thousand|million|billion|000|mn|bn|m)s?\b|\((?P<e>000)[’']?s?\)",
    re.IGNORECASE,
)
_AMOUNT_WITH_SCALE = re.compile(r"\d\s?(?:thousand|million|billion)", re.IGNORECASE)
_NOT_DECLARED = re.compile(r"\b(?:tens|hundreds|thousands|millions) of (?:thousands|millions|billions)", re.IGNORECASE)
_PER_UNIT = re.compile(
    r"\bper\b|\bshares?\b|%|\bpercent|\brat(?:io|e)s?\b|\bmargin\b|\bemployees\b|\bheadcount\b|\bdays\b|\bnumber of\b|\breturn on\b|\btimes\b",
    re.IGNORECASE,
)
_PER_SHARE = re.compile(r"\bper\s(?:[\w-]+\s){0,3}(?:share|unit|ADS|employee|user)s?\b", re.IGNORECASE)
_ROW_UNIT = re.compile(r"\((?:[A-Za-z$€£]{1,6}\s)?(?:in )?(?P<scale>thousand|million|billion|m|mn|bn|000)s?\)\s*$", re.IGNORECASE)
_CHANGE = re.compile(r"change|variance|increase|growth|%|\bvs\b|versus", re.IGNORECASE)
_NOTES = re.compile(r"\bnotes?\b", re.IGNORECASE)
_DAY = re.compile(
    r"(?:(?:as )?(?:of|at) )?(?:(?:January|February|March|April|May|June|July|August|September|October|November|December)\s\d{1,2},?\s?)+",
    re.IGNORECASE,
)
_ENDS = re.compile(r"[.!?:;][\"”’)]*$")


@dataclass(frozen=True)
class Unit:
    """A row of a table or a sentence of prose: its figures, what they are of, and what is known of their unit.

    ``years`` has one entry for each figure of a row: the year of its column, or 0. ``scale`` is the power of ten that the
    table states for its amounts, None where none is stated; ``loose`` rows (per share, ratios, counts) may do without.
    """

    text: str
    label: str
    figures: tuple[Figure, ...]
    row: bool
    years: tuple[int, ...] = ()
    scale: int | None = None
    loose: bool = False


@dataclass
class _Table:
    """What the lines above a row say about it."""

    scale: int | None = None
    block: list[str] = field(default_factory=list)
    open: bool = True
    above: list[str] = field(default_factory=list)

    def headed(self, line: str) -> None:
        """Take a line that names columns; the first after rows begins another table."""
        if not self.open:
            self.block = []
        self.open = True
        self.block.append(line)

    def columns(self, cells: int) -> tuple[int, ...]:
        """Return the year of each of so many cells, 0 where the heading does not say."""
        named = [figures.years(line) for line in self.block]
        options = [one for one in reversed(named) if len(one) > 1]
        singles = [one[0] for one in named if len(one) == 1]
        options += [singles, singles[1:]]
        for years in options:
            if len(years) == cells and (cells > 1 or len(self.block) == 1):
                return tuple(years)
        heading = " ".join(self.block)
        for years in options:
            if 1 < len(years) < cells and _NOTES.search(heading) and cells == len(years) + 1:
                return (0, *years)
            if 1 < len(years) < cells and _CHANGE.search(heading) and cells <= 2 * len(years) and _leads(self.block, years):
                return (*years, *[0] * (cells - len(years)))
        last = self.block[-1] if self.block else ""
        if named and len(named[-1]) == 1 and re.match(r"(?:19|20)\d\d\b", last):
            return (named[-1][0],) * cells
        return (0,) * cells


def _leads(block: Sequence[str], years: Sequence[int]) -> bool:
    """Say whether the years stand side by side, before what is said of their change."""
    for line in block:
        if figures.years(line) == list(years):
            rest = line[line.rfind(str(years[-1])) :]
            return len(years) < 4 and (bool(_CHANGE.search(rest)) or not _CHANGE.search(line))
    return True


@lru_cache(maxsize=64)
def read(page: str) -> tuple[Unit, ...]:
    """Return the units of a page in order."""
    return tuple(_units(page[:PAGE_CHARS]))


def _units(page: str) -> Iterator[Unit]:
    page = removed(page)
    lines = [_SPACES.sub(" ", _LEADERS.sub(" ", line)).strip() for line in page.splitlines()]
    spaced = _parted_by_spaces(page)
    table, prose = _Table(), ""
    for at, line in enumerate([*lines, ""]):
        following = lines[at + 1] if at + 1 < len(lines) else ""
        cut = _label_end(line)
        if cut is not None and not _runs_on(prose, line, cut, following):
            yield from _prose(prose, table.scale)
            prose = ""
            yield _row(line, cut, table, spaced)
            table.open = False
            table.above = []
            continue
        declared = _declares(line)
        if declared is not None:
            table.scale = declared or None
        if _heads(line):
            table.headed(line)
            yield from _prose(prose, table.scale)
            prose = ""
        elif not line:
            yield from _prose(prose, table.scale)
            prose = ""
        else:
            prose = f"{prose[:-1]}{line}" if prose.endswith("-") and line[0].islower() else f"{prose} {line}".strip()
            if len(prose) > 4000:
                yield from _prose(prose, table.scale)
                prose = ""
        table.above = [*table.above, line][-3:]


def _row(line: str, cut: int, table: _Table, spaced: bool) -> Unit:
    label = line[:cut].strip()
    area = line[cut:]
    orphan = not _WORD.search(label)
    context = " ".join([*table.above[-1:], label]).strip() if orphan or label[0].islower() else label
    blanks = [match.start() + cut for match in _BLANK.finditer(area)]
    cells: list[Figure | None] = [*_cells(line, cut), *([None] * len(blanks))]
    places = [*(cell.start for cell in cells if cell), *blanks]
    ordered = [cell for _, cell in sorted(zip(places, cells, strict=True), key=lambda pair: pair[0])]
    years = (0,) * len(ordered) if orphan and len(ordered) == 1 else table.columns(len(ordered))
    held = [cell for cell in ordered if cell]
    columns = [at for at, cell in enumerate(ordered) if cell]
    known = [years[at] for at in columns]
    if spaced and not any("," in cell.text for cell in held):
        cuts = figures.spread(area)
        fitting = [one for one in cuts if any(table.columns(len(one)))] or cuts
        if len(fitting) == 1:
            held, known = fitting[0], list(table.columns(len(fitting[0])))
        else:
            held = [figure for one in cuts for figure in one] or held
            known = [0] * len(held)
    said = [figure for figure in figures.find(line, row=True) if figure.start < cut and not figure.year]
    held, known = [*held, *said], [*known, *[0] * len(said)]
    unit = _ROW_UNIT.search(label)
    broken = any(cell.decimals and not cell.percent for cell in held)
    return Unit(
        text=line,
        label=context,
        figures=tuple(held),
        row=True,
        years=tuple(known),
        scale=_SCALE_NAMES[unit["scale"].lower()] if unit else 0 if _PER_SHARE.search(context) else table.scale,
        loose=broken or bool(_PER_UNIT.search(context) or re.search(r"\([A-Z$€£]", label)),
    )


def _cells(line: str, cut: int) -> list[Figure]:
    return [figure for figure in figures.find(line, row=True) if figure.start >= cut]


def _prose(text: str, scale: int | None = None) -> Iterator[Unit]:
    """Yield the sentences of a run of lines; what they say without a unit may be meant as it stands."""
    if not text:
        return
    for part in re.split(r"(?<=[.!?;])\s+(?=[A-Z“\"•])", text):
        found = figures.find(part)
        yield Unit(text=part, label=part, figures=tuple(found), row=False, scale=scale or 0, loose=True)


def _label_end(line: str) -> int | None:
    """Return where the cells of a row begin, or None for a line that is no row."""
    if not any(map(str.isdigit, line)) or len(line) > 400:
        return None
    tokens = line.split(" ")
    first = len(tokens)
    while first and _CELL.fullmatch(tokens[first - 1]):
        first -= 1
    cells = tokens[first:]
    if not any(any(map(str.isdigit, cell)) for cell in cells):
        return None
    held = _cells(line, len(" ".join(tokens[:first])))
    if not held or all(figure.year for figure in held):
        return None
    if first > 14 and len(held) < 2:
        return None
    if first and tokens[first - 1][-1] in ".;,":
        return None
    return len(" ".join(tokens[:first])) + bool(first)


def _runs_on(prose: str, line: str, cut: int, following: str) -> bool:
    """Say whether a line that ends in a figure is the middle of a sentence."""
    words = len(_WORD.findall(line[:cut]))
    alone = len(figures.find(line[cut:], row=True)) == 1 and not re.search(r"[$€£—–]", line[cut:])
    goes_on = bool(following) and (following[0].islower() or following[0] == ",") and _label_end(following) is None
    return words >= 6 and ((goes_on and words >= 8) or (alone and len(line) > 75 and bool(prose) and not _ENDS.search(prose)))


def _heads(line: str) -> bool:
    """Say whether a line names the columns of a table by their years."""
    named = figures.years(line)
    if _DAY.fullmatch(line):
        return True
    if not named or len(line) > 120 or re.search(r"[.;]$", line):
        return False
    amounts = [figure for figure in figures.find(line) if not figure.year]
    rest = re.sub(r"(?:19|20)\d\d|[^A-Za-z]", " ", line).split()
    at_the_end = bool(
        re.search(
            r"(?:(?:19|20)\d\d[A-Z*]?|\d\d)\)?(?:\s(?:%|change|variance|vs\.?|increase|\(?decrease\)?|\$)){0,5}$", line, re.I
        )
    )
    return not amounts and len(rest) <= 12 and (at_the_end or bool(re.match(r"(?:19|20)\d\d\b", line)) or len(named) > 1)


def _declares(line: str) -> int | None:
    """Return the power of ten that a line states for the amounts below it, 0 where it states several, None where none."""
    if len(line) > 300 or _NOT_DECLARED.search(line) or _AMOUNT_WITH_SCALE.search(line):
        return None
    found = set()
    for match in _DECLARED.finditer(line):
        name = next(value for value in match.groups() if value).lower()
        if match["a"] or match["b"] is None or len(line) < 110:
            found.add(_SCALE_NAMES[name])
    return found.pop() if len(found) == 1 else 0 if found else None


def _parted_by_spaces(page: str) -> bool:
    """Say whether the page parts thousands by spaces: it has many such groups and no comma between any."""
    return not re.search(r"\d,\d{3}\b", page) and len(re.findall(r"(?<![\d.])\d{1,3} \d{3}(?!\d)", page)) >= 6
