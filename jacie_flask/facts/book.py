"""The facts of one company's filings, looked up by concept, by a row's words, by period and by filing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from jacie_flask.facts.agreement import equal as equal
from jacie_flask.facts.concepts import has_minorities
from jacie_flask.facts.values import Column, Fact, Row, Table, facts_of
from jacie_flask.text.terms import term_ids

STATEMENTS = ("income_statement", "balance_sheet", "cash_flow", "comprehensive_income", "equity")
_SAME = {"net_income_attributable": "net_income", "equity": "total_equity", "total_equity": "equity"}
"""Concepts that are the same figure as another one where a statement has no minority interests."""
_TOTAL = frozenset(term_ids("total"))


@dataclass(frozen=True)
class Filing:
    """A document with tables. ``year`` and ``quarter`` (0 for a whole year) are the newest period that it reports on."""

    document_id: str
    filename: str
    year: int
    quarter: int = 0
    kind: str = ""

    @property
    def order(self) -> tuple[int, int]:
        """Where the filing is in time: a later one may restate what an earlier one says."""
        return self.year, self.quarter or 4


@dataclass(frozen=True)
class Found:
    """A fact and the filing that states it."""

    fact: Fact
    filing: Filing

    @property
    def page(self) -> int:
        """The page, from 1."""
        return self.fact.row.page or self.fact.table.page


@dataclass(frozen=True)
class RowMatch:
    """A row that has all words of a phrase: where it is, how many its label lacks and its headings have, and how many it has beyond."""

    table: Table
    row: Row
    filing: Filing
    missing: int
    extra: int
    primary: bool


@dataclass
class _Words:
    """A row's terms: of its own label, and with its headings."""

    own: frozenset[int]
    whole: frozenset[int]


@dataclass
class Book:
    """The tables of some filings of one company, newest filing last."""

    filings: list[tuple[Filing, Sequence[Table]]]
    _concepts: dict[str, list[Found]] = field(default_factory=dict, repr=False)
    _words: dict[int, list[tuple[Table, Row, _Words]]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Put the filings in order and index the facts of known concepts."""
        self.filings = sorted(self.filings, key=lambda pair: pair[0].order)
        for filing, tables in self.filings:
            shared = has_minorities(tables)
            for table in tables:
                for concept, fact in _of_concepts(table, shared):
                    self._concepts.setdefault(concept, []).append(Found(fact, filing))

    def find(self, concept: str, year: int, quarter: int = 0, months: int = 12) -> list[Found]:
        """Return every version of a concept's figure for a period, the statement's before a summary's, newest filing first.

        Of two filings for the same period the report comes before the release, which sums lines up. ``months`` is the duration for flows; a balance is taken at the period's end whatever it is.
        """
        fitting = [found for found in self._concepts.get(concept, ()) if fits(found.fact.column, year, quarter, months)]
        return sorted(fitting, key=_precedence, reverse=True)

    def periods(self, concept: str, months: int = 12) -> list[tuple[int, int]]:
        """Return the (year, quarter) for which a concept is known, oldest first; quarter 0 for whole years and year ends."""
        return sorted({period for found in self._concepts.get(concept, ()) for period in places(found.fact.column, months)})

    def last_days(self, year: int, quarter: int) -> list[str]:
        """Return the days (ISO) on which columns of statements end that are of a year (quarter 0 or 4) or of a quarter, in order."""
        wanted = quarter % 4
        columns = (column for _, tables in self.filings for table in tables if table.statement for column in table.columns)
        return sorted(
            {one.end for one in columns if one.end and one.year == year and one.role == "value" and one.quarter % 4 == wanted}
        )

    def names_part(self, name: str) -> bool:
        """Say whether a row, a heading or a column has just this name: it is a part of the company, then."""
        wanted = set(term_ids(name))
        labels = {
            text
            for _, tables in self.filings
            for table in tables
            for text in (
                *(column.heading for column in table.columns),
                *(text for row in table.rows for text in (row.label, *row.headings)),
            )
        }
        return bool(wanted) and any(set(term_ids(label)) == wanted for label in labels)

    def concepts(self) -> frozenset[str]:
        """Return the concepts that any filing has."""
        return frozenset(self._concepts)

    def rows(self, phrase: str) -> list[RowMatch]:
        """Return the rows that have all words of a phrase in label and headings, some of them in the label; closest first."""
        wanted = frozenset(term_ids(phrase))
        if not wanted:
            return []
        matches = list(self._matching(wanted))
        return sorted(matches, key=lambda one: (not one.primary, one.extra, one.missing, [-part for part in one.filing.order]))

    def _matching(self, wanted: frozenset[int]) -> Iterator[RowMatch]:
        for number, (filing, tables) in enumerate(self.filings):
            if number not in self._words:
                self._words[number] = [(table, row, _words_of(row)) for table in tables for row in table.rows if not row.suspect]
            for table, row, words in self._words[number]:
                if wanted <= words.whole and wanted & words.own:
                    missing, extra = len(wanted - words.own), len(words.own - wanted - _TOTAL)
                    yield RowMatch(table, row, filing, missing, extra, table.statement in STATEMENTS)


def fits(column: Column, year: int, quarter: int, months: int) -> bool:
    """Say whether a column is of the period: a flow of that duration that ends with it, or the balance at its end."""
    if column.role != "value" or column.year != year:
        return False
    if column.months == 0:
        return column.quarter in ((0, 4) if quarter in (0, 4) else (quarter,))
    if column.months != months:
        return False
    return months == 12 or column.quarter == quarter


def places(column: Column, months: int) -> Iterator[tuple[int, int]]:
    """Yield the (year, quarter) of a column of that duration, or of balances; quarter 0 for whole years and year ends."""
    if not column.year:
        return
    if column.months == 0:
        yield column.year, 0 if column.quarter in (0, 4) else column.quarter
    elif column.months == months:
        yield column.year, 0 if months == 12 else column.quarter


def _precedence(found: Found) -> tuple[bool, tuple[int, int], bool]:
    return found.fact.table.statement in STATEMENTS, found.filing.order, found.filing.kind.endswith("report")


def _of_concepts(table: Table, shared: bool) -> Iterator[tuple[str, Fact]]:
    """Yield the facts of known concepts; one that stands for two, because nothing is ``shared`` with others, under both."""
    stated = {row.concept for row in table.rows if row.concept}
    if not stated:
        return
    doubles = {} if shared else {one: other for other, one in _SAME.items() if other not in stated}
    for fact in facts_of(table):
        if fact.row.concept:
            yield fact.row.concept, fact
        if fact.row.concept in doubles:
            yield doubles[fact.row.concept], fact


def _words_of(row: Row) -> _Words:
    own = frozenset(term_ids(row.label))
    return _Words(own, own | frozenset(term_ids(" ".join(row.headings))))
