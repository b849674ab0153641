"""Which line items stand on which page: statements count more than other tables, years are told apart."""

from jacie_flask.facts.page_figures import IN_STATEMENT, IN_TABLE, figure_id, page_figures
from jacie_flask.facts.values import Cell, Column, Row, Table

YEARS = [
    Column(end="2021-06-30", months=12, year=2021),
    Column(months=12, year=2020),
    Column(heading="Change", role="change", year=2019),
]


def row(concept, **more):
    """Return a row of three figures."""
    return Row(label=concept, cells=[Cell(column, 1.0, "1") for column in range(3)], concept=concept, **more)


def test_a_page_has_the_line_items_of_its_rows_and_their_years():
    """A row that stands on the next page counts there; changes of other columns are no figures of a year."""
    table = Table(page=4, columns=YEARS, rows=[row("revenue"), row("net_income", page=5)], statement="income_statement")
    figures = page_figures([table])
    assert set(figures) == {4, 5}
    assert set(figures[4]) == {figure_id("revenue"), figure_id("revenue", 2021), figure_id("revenue", 2020)}
    assert set(figures[5]) == {figure_id("net_income"), figure_id("net_income", 2021), figure_id("net_income", 2020)}


def test_statements_count_more_than_other_tables():
    """A line item that a page has twice counts as its best row does."""
    summary = Table(page=1, columns=YEARS, rows=[row("revenue")], statement="income_statement_summary")
    statement = Table(page=2, columns=YEARS, rows=[row("revenue")], statement="income_statement")
    both = Table(page=2, columns=YEARS, rows=[row("revenue")])
    figures = page_figures([summary, statement, both])
    assert figures[1].count(figure_id("revenue", 2021)) == IN_TABLE
    assert figures[2].count(figure_id("revenue", 2021)) == IN_STATEMENT


def test_rows_of_no_known_line_item_are_left_out():
    """Rows in a document's own words, and rows without figures, say nothing of line items."""
    empty = Row(label="Revenue", cells=[], concept="revenue")
    assert page_figures([Table(page=1, columns=YEARS, rows=[row(""), empty])]) == {}
