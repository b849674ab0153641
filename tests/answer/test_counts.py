"""A number of things is never an amount of money."""

import pytest

from jacie_flask.answer.exact.figures import Company, figure
from jacie_flask.computation.lookup import BookLookup
from jacie_flask.computation.operands import Missing, Period
from jacie_flask.facts.book import Book, Filing
from jacie_flask.facts.values import Cell, Column, Row, Table
from jacie_flask.question.plan import Item, Measure, Wishes

EMPLOYEES = Measure("employees", Item(phrase="employees"), "count")


def company(unit, printed):
    """Return a company with one row about employees in that unit."""
    table = Table(
        1, [Column(months=12, year=2022)], [Row("Employees", [Cell(0, 386.0, "386")], text=printed, unit=unit, currency="USD")]
    )
    return Company("Averlinde", BookLookup(Book([(Filing("a", "a.pdf", 2022), [table])])))


def test_a_number_of_things_is_counted():
    """The row states a number."""
    assert figure(EMPLOYEES, company("count", "Employees 386"), Period(2022), Wishes()).value == 386


def test_an_amount_is_no_number_of_things():
    """The row states what employees cost."""
    with pytest.raises(Missing, match="amounts"):
        figure(EMPLOYEES, company("money", "Employees $ 386"), Period(2022), Wishes())


def test_a_row_of_just_that_name_without_a_currency_counts():
    """The unit of a table without currencies is only assumed."""
    one = figure(EMPLOYEES, company("money", "Employees 386"), Period(2022), Wishes())
    assert (one.value, one.amount.unit, one.amount.text) == (386, "count", "386")


def test_another_currency_than_the_filings_is_refused():
    """There are no exchange rates."""
    costs = Measure("employees", Item(phrase="employees"), "")
    with pytest.raises(Missing, match="exchange rate"):
        figure(costs, company("money", "Employees $ 386"), Period(2022), Wishes(currency="EUR"))
