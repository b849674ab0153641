"""Rows by their names: those that are growth themselves, and those that a name in brackets may mean."""

from dataclasses import replace

import pytest

from jacie_flask.answer.exact.answers import compute_answer
from jacie_flask.computation.operands import Missing
from jacie_flask.facts.book import Book, Filing
from jacie_flask.facts.values import Cell, Column, Row, Table
from jacie_flask.question.plan import Item, Measure, Plan, Span

PHRASE = Measure("comparable sales", Item(phrase="comparable sales"), "")


def book(unit):
    """Return a book with one row of comparable sales in a unit."""
    columns = [Column(months=12, year=year) for year in (2022, 2021)]
    cells = [Cell(number, value, f"{value}", 1, unit) for number, value in enumerate((8.0, 14.4))]
    table = Table(1, columns, [Row("Comparable sales", cells, text="Comparable sales $8.0 14.4")], statement="income_statement")
    return {"Averlinde": Book([(Filing("a", "a.pdf", 2022), [table])])}


def plan(operator, *years):
    """Return a plan for the growth of the row."""
    return Plan(("Averlinde",), (PHRASE,), tuple(Span("year", year) for year in years), operator)


@pytest.mark.parametrize("operator", ["growth", "change"])
def test_the_row_states_its_growth(operator):
    """The growth is not the difference to the growth of the year before."""
    assert compute_answer(plan(operator, 2022), book("%")).text == "Averlinde’s comparable sales were 8.0 % in 2022 [1]."


def test_two_periods_are_compared():
    """The change from one year's growth to another's is what is asked for then."""
    assert "6.4 percentage points" in compute_answer(plan("change", 2021, 2022), book("%")).text


def test_amounts_are_no_growth():
    """Sales on a comparable basis of two years are not comparable with each other."""
    with pytest.raises(Missing, match="equal basis"):
        compute_answer(plan("growth", 2022), book(""))


@pytest.mark.parametrize(("alias", "clear"), [("Velmora", True), ("Comparable Sales", False)])
def test_a_name_in_brackets_that_a_row_has_is_a_part(alias, clear):
    """The company's own figure would be the wrong one."""
    asked = replace(plan("value", 2022), aliases=(alias,))
    if clear:
        assert compute_answer(asked, book("%")).text
    else:
        with pytest.raises(Missing, match="part of it"):
            compute_answer(asked, book("%"))


def test_a_row_that_is_not_recognised_is_not_denied():
    """The filings may state it under another name: the reason says what was looked for, and for which years it is there."""
    with pytest.raises(
        Missing, match="no row of the filings here was recognised as “comparable sales” for 2019; 2021 and 2022 are"
    ):
        compute_answer(plan("value", 2019), book("%"))


def revenue_of(value):
    """Return the book of a company with one year of revenue, or of another line."""
    concept = "revenue" if value else "net_income"
    row = Row("Net sales", [Cell(0, value or 5.0, "5")], text="Net sales 5", concept=concept)
    return Book([(Filing("a", "a.pdf", 2022), [Table(1, [Column(months=12, year=2022)], [row], statement="income_statement")])])


def test_of_all_companies_those_without_the_figure_are_left_out():
    """The comparison is made of the others, and says which one is left out and why; two that were asked for by name need both."""
    books = {"Alder": revenue_of(8.0), "Birch": revenue_of(0), "Cedar": revenue_of(3.0)}
    asked = Plan((), (Measure("revenue", Item("revenue"), "money"),), (Span("year", 2022),), "compare", group="companies")
    text = compute_answer(asked, books).text
    assert "| Alder | 8 [1] |" in text
    assert "Birch is left out: revenue for 2022 is in no filing here." in text.lower().replace("birch", "Birch")
    with pytest.raises(Missing, match="Birch"):
        compute_answer(replace(asked, companies=("Alder", "Birch"), group=""), {name: books[name] for name in ("Alder", "Birch")})
