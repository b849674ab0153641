"""Margins that a statement has no line for, and fiscal years that the collection files under another number."""

import pytest

from jacie_flask.answer.exact.answers import compute_answer
from jacie_flask.computation.operands import Missing
from jacie_flask.facts.book import Book, Filing
from jacie_flask.facts.extraction import tables_of
from jacie_flask.facts.values import Cell, Column, Row, Table
from jacie_flask.question.marks import NamedCompany
from jacie_flask.question.reading import plan_of

BANK = """CONSOLIDATED STATEMENTS OF INCOME
Years Ended December 31 (Millions)
2022 2021
Total revenues net of interest expense 50,000 40,000
Total provisions for credit losses 2,000 1,000
Total expenses 40,000 29,000
Pretax income 8,000 10,000
Income tax provision 2,000 2,500
Net income $ 6,000 $ 7,500
"""
SHOP = """CONSOLIDATED STATEMENTS OF INCOME
Fiscal year ended January 28, 2023 and January 29, 2022 (In millions)
January 28, 2023 January 29, 2022
Net sales $ 1,000 $ 800
Cost of sales 600 500
Gross profit 400 300
Income before income taxes 100 80
Income tax expense 20 16
Net income $ 80 $ 64
"""


def books(page, filed):
    """Return the book of a company with one annual report, which is filed under a year."""
    tables = tables_of([page], {1: ["income_statement"]}, {"document_type": "10-K"})
    return {"Alder": Book([(Filing("a", "a.pdf", filed), tables)])}


def plan(question):
    """Return the plan of a question about the company."""
    return plan_of(question, (), lambda text: [NamedCompany("Alder", text.index("Alder"), text.index("Alder") + 5)])


@pytest.mark.parametrize("margin", ["gross", "operating"])
def test_a_margin_without_its_line_is_no_measure_of_the_statement(margin):
    """It is said what the statement lacks, from where to where it goes, and the margin that it has."""
    text = compute_answer(plan(f"Did Alder's {margin} margin improve in 2022?"), books(BANK, 2022)).text
    assert "is not a measure of this income statement" in text
    assert "from Total revenues net of interest expense (USD 50,000 million) to Pretax income (USD 8,000 million) [1]." in text
    assert "Pretax income was 16.0 % of revenue in 2022, against 25.0 % in 2021 [1]." in text


def test_a_margin_with_its_line_is_computed():
    """Where the line is there nothing is said not to apply."""
    text = compute_answer(plan("What was Alder's gross margin in fiscal 2023?"), books(SHOP, 2023)).text
    assert text.startswith("Alder’s gross margin was 40.0 % in FY2023 [1].")


def test_a_row_that_may_be_the_line_is_left_open():
    """A row with the words of the line is not denied, and not computed with."""
    doubtful = BANK.replace("Pretax income 8,000", "Other operating income 9,000 9,500\nPretax income 8,000")
    with pytest.raises(Missing):
        compute_answer(plan("What was Alder's operating margin in 2022?"), books(doubtful, 2022))


def filed(year):
    """Return a book of one report, filed under a year, on the year to 28 January 2023, which the company calls fiscal 2022."""
    columns = [Column(months=12, year=2022, end="2023-01-28"), Column(months=12, year=2021, end="2022-01-29")]
    cells = [Cell(number, value, f"{value}") for number, value in enumerate((1000.0, 800.0))]
    row = Row("Net sales", cells, text="Net sales 1000 800", concept="revenue")
    return {"Alder": Book([(Filing("a", "a.pdf", year), [Table(1, columns, [row], statement="income_statement")])])}


def test_a_year_is_answered_as_the_collection_files_it():
    """The report is filed under 2023, the company calls its year 2022: the answer says which year it is about."""
    text = compute_answer(plan("What were Alder's net sales in FY2023?"), filed(2023)).text
    assert "1,000" in text
    assert "Alder calls the year to 28 January 2023 fiscal 2022" in text


def test_a_year_is_not_answered_where_nothing_is_filed_under_it():
    """Filed under the company's own number, no other year stands for the one asked for."""
    with pytest.raises(Missing, match="2023"):
        compute_answer(plan("What were Alder's net sales in FY2023?"), filed(2022))


def test_a_year_that_nothing_is_filed_under_is_missing():
    """A year without a report is not answered by the year before."""
    with pytest.raises(Missing, match="2024"):
        compute_answer(plan("What were Alder's net sales in FY2024?"), books(SHOP, 2023))


@pytest.mark.parametrize(
    "question", ["How did Alder's gross margin change in fiscal 2023?", "What drove Alder's gross margin in fiscal 2023?"]
)
def test_rates_differ_by_what_they_differ_as_shown(question):
    """26.96 % less 25.54 % is 1.42 points, but 27.0 % and 25.5 % are 1.5 points apart to whoever reads them."""
    page = SHOP.replace("$ 1,000 $ 800", "$ 10,000 $ 10,000").replace("600 500", "7,304 7,446").replace("400 300", "2,696 2,554")
    assert (
        "rose by 1.5 percentage points, from 25.5 % in FY2022 to 27.0 % in FY2023"
        in compute_answer(plan(question), books(page, 2023)).text
    )
