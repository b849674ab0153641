"""Periods in a company's own calendar: the newest, years before it, and those that end on a day."""

from dataclasses import replace

import pytest

from jacie_flask.answer.exact.figures import Company, Request, periods
from jacie_flask.answer.exact.operators import improving
from jacie_flask.computation.lookup import BookLookup
from jacie_flask.computation.operands import Missing, Period
from jacie_flask.facts.book import Book, Filing
from jacie_flask.facts.values import Cell, Column, Row, Table
from jacie_flask.question.plan import Item, Measure, Plan, Span

REVENUE = Measure("revenue", Item(concept="revenue"))


def company(columns):
    """Return a company with one row of revenue under these columns."""
    cells = [Cell(number, 100.0 + number, str(100 + number)) for number in range(len(columns))]
    table = Table(1, columns, [Row("Net sales", cells, concept="revenue", scale=6)], statement="income_statement")
    newest = max(column.year for column in columns)
    return Company("Averlinde", BookLookup(Book([(Filing("a", "a.pdf", newest), [table])])))


JUNE = company([Column(end=f"{year}-06-30", months=12, year=year) for year in (2023, 2022, 2021)])
QUARTERS = company(
    [Column(end="2022-12-31", months=3, year=2023, quarter=2), Column(end="2022-09-30", months=3, year=2023, quarter=1)]
)
UNDATED = company([Column(months=12, year=year) for year in (2022, 2021)])


def resolved(one, *spans):
    """Return the periods of spans for a company."""
    return periods(Request(Plan(measures=(REVENUE,), spans=spans), [one], {}), one, REVENUE)


def test_the_last_years_are_counted_from_the_newest():
    """Three years are three years, oldest first."""
    spans = [Span("latest", number=back) for back in (2, 1, 0)]
    assert [period.year for period in resolved(JUNE, *spans)] == [2021, 2022, 2023]


def test_the_latest_quarter_is_a_quarter():
    """Its duration is three months."""
    assert resolved(QUARTERS, Span("latest", months=3)) == [Period(2023, 2, 3)]


def test_a_day_names_the_period_that_ends_on_it():
    """The fiscal year follows from the company's columns, not from the day's calendar year."""
    assert resolved(JUNE, Span("months", 2022, 0, 12, "2022-06-30")) == [Period(2022)]
    assert resolved(QUARTERS, Span("months", 2022, 0, 3, "2022-12-31")) == [Period(2023, 2, 3)]
    assert resolved(JUNE, Span("date", 2022, end="2022-07-02")) == [Period(2022)]
    assert resolved(UNDATED, Span("date", 2021, end="2021-12-31")) == [Period(2021)]


@pytest.mark.parametrize(
    ("one", "span"),
    [
        (JUNE, Span("date", 2022, end="2022-12-31")),
        (JUNE, Span("months", 2022, 0, 3, "2022-06-30")),
        (UNDATED, Span("date", 2022, end="2022-09-30")),
        (JUNE, Span("latest", number=-1)),
        (JUNE, Span("trailing")),
    ],
)
def test_a_period_that_is_not_known_is_missing(one, span):
    """No other period is taken for it."""
    with pytest.raises(Missing):
        resolved(one, span)


def test_the_last_day_that_a_question_names_is_shown_and_checked():
    """The balance at a quarter's end is not called the year's, and a figure of another last day is not taken."""
    (period,) = resolved(QUARTERS, Span("months", 2022, 0, 3, "2022-12-31"))
    assert period.text == "Q2 2023 (to 31 December 2022)"
    assert QUARTERS.lookup.operand(Item(concept="revenue"), period).amount == 100_000_000
    with pytest.raises(Missing):
        QUARTERS.lookup.operand(Item(concept="revenue"), replace(period, end="2022-09-30"))


def test_a_balance_at_the_end_of_a_quarter_is_named_by_it():
    """A year end has the name of its year alone."""
    assert Period(2022, 1).text == "Q1 2022"
    assert [Period(2022).text, Period(2022, 4).text] == ["2022", "2022"]
    assert Period(2022, 4, 3).text == "Q4 2022"


@pytest.mark.parametrize(("direction", "verdict"), [("either", "It improved:"), ("", "Yes."), ("down", "No.")])
def test_which_way_it_went_is_said_where_both_are_offered(direction, verdict):
    """A question for a direction has no yes or no."""
    rising = company([Column(months=12, year=2021), Column(months=12, year=2022)])
    plan = Plan(("Averlinde",), (REVENUE,), (Span("year", 2022),), "improving", direction=direction)
    draft = improving(Request(plan, [rising], {}))
    assert draft.text.startswith(verdict)


def test_a_year_without_a_date_ends_on_the_day_that_another_table_names():
    """The income statement is headed by years, the balance sheet by dates."""
    sales = Table(
        1, [Column(months=12, year=2021)], [Row("Sales", [Cell(0, 9.0, "9")], concept="revenue")], statement="income_statement"
    )
    cash = Table(
        2, [Column(end="2022-01-29", year=2021)], [Row("Cash", [Cell(0, 1.0, "1")], concept="cash")], statement="balance_sheet"
    )
    one = Company("Averlinde", BookLookup(Book([(Filing("a", "a.pdf", 2021), [sales, cash])])))
    (period,) = resolved(one, Span("months", 2022, 0, 12, "2022-01-29"))
    assert (period, period.end) == (Period(2021), "2022-01-29")
    with pytest.raises(Missing, match="12 months that ends on 31 December 2021"):
        resolved(one, Span("months", 2021, 0, 12, "2021-12-31"))
