"""The book of a company: figures by concept, words, period and filing."""

import pytest

from jacie_flask.facts.book import Book, Filing, equal
from jacie_flask.facts.values import Cell, Column, Row, Table

OLD, NEW = Filing("a", "a.pdf", 2022), Filing("b", "b.pdf", 2023)
QUARTER = Filing("q", "q.pdf", 2023, 2)


def income(years, revenue, *, months=12, quarter=0, statement="income_statement", **row):
    """Return an income statement with one row of revenue."""
    columns = [Column(year=year, months=months, quarter=quarter) for year in years]
    cells = [Cell(number, float(value), str(value)) for number, value in enumerate(revenue)]
    return Table(1, columns, [Row("Net sales", cells, concept="revenue", scale=6, **row)], statement=statement)


def balance(ends, values, quarter=0):
    """Return a balance sheet with total assets."""
    columns = [Column(year=year, months=0, quarter=quarter) for year in ends]
    cells = [Cell(number, float(value), str(value)) for number, value in enumerate(values)]
    return Table(2, columns, [Row("Total assets", cells, concept="total_assets", scale=6)], statement="balance_sheet")


BOOK = Book(
    [
        (NEW, [income([2023, 2022], [120, 101]), balance([2023, 2022], [900, 800])]),
        (OLD, [income([2022, 2021], [100, 90]), income([2022], [777], statement="income_statement_summary")]),
        (
            QUARTER,
            [income([2023], [55], months=6, quarter=2), income([2023], [30], months=3, quarter=2), balance([2023], [850], 2)],
        ),
    ]
)


def values(found):
    """Return the values and filings that were found."""
    return [(one.fact.cell.value, one.filing.document_id) for one in found]


def test_every_version_is_found_statements_and_newest_filings_first():
    """A restated figure comes before the one that it replaces, and a summary's last."""
    assert values(BOOK.find("revenue", 2022)) == [(101.0, "b"), (100.0, "a"), (777.0, "a")]


@pytest.mark.parametrize(
    ("quarter", "months", "value"), [(0, 12, 120.0), (2, 3, 30.0), (2, 6, 55.0)], ids=["year", "quarter", "half"]
)
def test_durations_are_kept_apart(quarter, months, value):
    """A quarter never answers for a year, nor a half for a quarter."""
    assert values(BOOK.find("revenue", 2023, quarter, months))[0][0] == value


def test_a_balance_belongs_to_the_end_of_its_period():
    """The year's end and a quarter's end are two dates."""
    assert values(BOOK.find("total_assets", 2023)) == [(900.0, "b")]
    assert values(BOOK.find("total_assets", 2023, 2, 3)) == [(850.0, "q")]
    assert values(BOOK.find("total_assets", 2023, 2, 6)) == [(850.0, "q")]


def test_periods_are_listed_by_duration():
    """Whole years have quarter 0."""
    assert BOOK.periods("revenue") == [(2021, 0), (2022, 0), (2023, 0)]
    assert BOOK.periods("revenue", 3) == [(2023, 2)]
    assert BOOK.periods("goodwill") == []


def test_a_suspect_row_is_not_found():
    """A row that failed a check is never computed with, nor found by its words."""
    book = Book([(NEW, [income([2023], [120], suspect="parts do not add up")])])
    assert book.find("revenue", 2023) == []
    assert book.rows("net sales") == []


def test_rows_are_found_by_all_their_words_statements_first():
    """Words may stand in headings, but one of them in the label; fewer other words are closer."""
    note = Table(
        9,
        [Column(year=2023, months=12)],
        [
            Row("Europe", [Cell(0, 5.0, "5")], headings=["Net sales"]),
            Row("Net sales Europe and Africa", [Cell(0, 9.0, "9")]),
            Row("Europe", [Cell(0, 1.0, "1")], headings=["Operating profit"]),
        ],
    )
    book = Book([(NEW, [note])])
    assert [one.row.cells[0].value for one in book.rows("net sales in Europe")] == [5.0, 9.0]
    assert book.rows("net sales in Asia") == []
    assert book.rows("of the") == []


@pytest.mark.parametrize(
    ("one", "scale", "other", "other_scale", "same"),
    [(42.3, 9, 42_280, 6, True), (42_280, 6, 42_281, 6, False), (10_208_580, 3, 10_208.6, 6, True)],
)
def test_figures_are_equal_within_their_rounding(one, scale, other, other_scale, same):
    """Scales differ between filings, figures need not."""

    def fact(value, power):
        text = str(value)
        row = Row("x", [Cell(0, float(value), text, len(text.partition(".")[2]))], scale=power)
        return next(
            iter(
                Book([(NEW, [Table(1, [Column(year=2023, months=12)], [Row("x", row.cells, scale=power, concept="c")])])]).find(
                    "c", 2023
                )
            )
        ).fact

    assert equal(fact(one, scale), fact(other, other_scale)) is same


def test_equity_is_attributable_where_nobody_else_has_a_share():
    """Without minority interests one row is total and attributable equity; with them it is not."""
    year = [Column(year=2023, months=0)]
    rows = [Row("Total equity", [Cell(0, 7.0, "7")], concept="total_equity")]
    alone = Table(3, year, rows, statement="balance_sheet")
    shared = Table(3, year, [*rows, Row("Non-controlling interests", [Cell(0, 1.0, "1")])], statement="balance_sheet")
    assert values(Book([(NEW, [alone])]).find("equity", 2023)) == [(7.0, "b")]
    assert Book([(NEW, [shared])]).find("equity", 2023) == []


def test_a_report_comes_before_the_release_for_the_same_period():
    """A release of earnings sums lines up that the report keeps apart."""
    report = Filing("r", "r.pdf", 2023, 0, "annual report")
    release = Filing("e", "e.pdf", 2023, 4, "earnings release")
    book = Book([(release, [income([2023], [93])]), (report, [income([2023], [80])])])
    assert values(book.find("revenue", 2023)) == [(80.0, "r"), (93.0, "e")]
    assert values(Book(book.filings[::-1]).find("revenue", 2023)) == [(80.0, "r"), (93.0, "e")]


def test_a_total_of_the_name_comes_before_the_parts_under_it():
    """ "Noninterest expense" is the total of that heading, not its line "Other expense"."""
    rows = [
        Row("Other expense", [Cell(0, 5.0, "5")], headings=["Noninterest expense"]),
        Row("Compensation expense", [Cell(0, 40.0, "40")], headings=["Noninterest expense"]),
        Row("Total noninterest expense", [Cell(0, 45.0, "45")], headings=["Noninterest expense"]),
    ]
    book = Book([(NEW, [Table(1, [Column(year=2023, months=12)], rows, statement="income_statement")])])
    assert book.rows("noninterest expense")[0].row.cells[0].value == 45.0
