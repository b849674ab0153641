"""Rows and sentences of pages: how they are told apart, and which of them speak of a question."""

import pytest

from jacie_flask.chat.query import weigh
from jacie_flask.chat.units import rank_units, units, years_in
from jacie_flask.text import figures
from jacie_flask.text.terms import term_counts
from tests.support.pages import PAGES, page


def ranked(question, pages):
    """Return the units of pages, best first."""
    return rank_units(question, dict.fromkeys(term_counts(question), 1.0), pages)


def best(pages, question):
    """Return the row of pages that a prepared question is answered by."""
    return rank_units(question, weigh(question), pages)[0].text


def test_units_are_rows_and_sentences():
    """Rows of a table stay as they stand; prose that lines tear is put together again."""
    text = "USD millions 2018 2017\nNet sales 32,765 31,657\nSales rose because\nprices rose. Costs fell\nby a tenth.\n\nTotal 5"
    assert list(units(text)) == [
        ("Net sales 32,765 31,657", "USD millions 2018 2017"),
        ("Sales rose because prices rose.", ""),
        ("Costs fell by a tenth.", ""),
        ("Total 5", "USD millions 2018 2017"),
    ]
    assert list(units("")) == []


def test_the_number_of_a_page_is_no_part_of_its_last_sentence():
    """Below words a number is the page's, below figures it may be one of them."""
    assert list(units("Some of the matters may purport\nor be determined\n170\n")) == [
        ("Some of the matters may purport or be determined", "")
    ]
    assert list(units("It was\n512\n170")) == [("It was 512 170", "")]


def test_units_that_speak_of_the_question_come_first():
    """What shares most with the question is first, units without an amount do not answer for amounts."""
    found = ranked("What were net sales?", PAGES)
    assert found[0].text == "Net sales $ 32,765 $ 31,657"
    assert all(unit.amounts for unit in found)
    assert ranked("What were net sales?", []) == []


def test_reasons_are_answered_by_reasons():
    """A question for a cause prefers the sentence that names one."""
    pages = [page(1, "Net sales were 32,765.\nNet sales rose because volumes rose in Asia.")]
    assert ranked("What drove net sales?", pages)[0].text.startswith("Net sales rose because")


def test_a_heading_stands_in_brackets_once():
    """What a page has in brackets gets no others."""
    text = "(in millions)\nNet sales 32,765 31,657\n\nAt June 30 (USD millions) 2018 2017\nOther income 118 129"
    quotes = {unit.quote() for unit in ranked("What were net sales and other income?", [page(1, text)])}
    assert quotes == {
        "“Net sales 32,765 31,657” (in millions) [1]",
        "“Other income 118 129” (At June 30; USD millions; 2018 2017) [1]",
    }


def test_a_heading_of_several_lines_is_one():
    """Unit, period and years belong to the rows below them, on however many lines they stand; a lone date ends no heading."""
    text = "(In thousands)\nYears Ended\nDecember 2,\n2016\nNovember 27,\n2015\nRevenue 5,854,430 4,795,511\nIn all 7,000 6,000"
    heading = "(In thousands) Years Ended December 2, 2016 November 27, 2015"
    assert list(units(text)) == [("Revenue 5,854,430 4,795,511", heading), ("In all 7,000 6,000", heading)]
    torn = "Sales rose in the three months ended\nJune 30, 2023, compared with the\nyear before."
    assert [unit for unit, _ in units(torn)] == [" ".join(torn.split())]


@pytest.mark.parametrize(("question", "amount"), [
    ("What was EBITDA in FY 2023?", "2,018"), ("What was EBITDA in 2023?", "2,018"),
    ("What was EBITDA in Q4 of FY2023?", "540"), ("What was EBITDA in the quarter to June 2023?", "540"),
])  # fmt: skip
def test_a_year_is_not_answered_by_its_quarter(question, amount):
    """Of equal rows the one comes first whose table has the span of time that was asked for."""
    months = "Months Ended June 30, 2022 {0} Months Ended June 30, 2023"
    quarter = page(1, f"Three {months.format('Three')}\nEBITDA 609 540")
    year = page(2, f"Twelve {months.format('Twelve')}\nEBITDA 2,117 2,018")
    assert amount in ranked(question, [quarter, year])[0].text
    assert amount in ranked(question, [year, quarter])[0].text


@pytest.mark.parametrize(("years", "row", "claim", "held"), [
    ("2023 2022", "Net sales 14,694 14,544", "14,694", True), ("2023 2022", "Net sales 14,694 14,544", "14,544", False),
    ("2022 2023", "EBITDA, EBIT, net income 609 505 368 540 436 282", "540", True),
    ("2022 2023", "EBITDA, EBIT, net income 609 505 368 540 436 282", "505", False),
])  # fmt: skip
def test_a_fiscal_year_has_its_columns(years, row, claim, held):
    """An amount of another year than the one that was asked for is not held, also where each year has several columns."""
    unit = ranked("net sales EBITDA", [page(1, f"USD millions {years}\n{row}")])[0]
    assert unit.holds(figures.find(claim), years_in("for FY2023")) is held


def test_the_statement_that_is_named_says_where_not_what():
    """The name of a statement chooses no row by itself; a figure of the same words does."""
    text = (
        "(Millions) 2018 2017\nNet cash provided by operating activities 6,439 6,240\n"
        "Cash flows of the cash flow statement 422 284\nPurchases of property, plant and equipment (1,577) (1,373)"
    )
    pages = [page(1, text)]
    assert best(pages, "capital expenditure, relying on the cash flow statement").startswith("Purchases of property")
    assert best(pages, "cash flow from operating activities in the statement of cash flows").startswith("Net cash provided")
    assert best(pages, "the cash flow statement").startswith("Cash flows")


def test_a_year_alone_is_no_answer():
    """A row that shares nothing with the question but its year says nothing of it."""
    pages = [page(1, "USD millions\nAt beginning of 2022 6,500 420\n1,146.7 2022 1,307.1 2023")]
    assert ranked("What did a house in Lisbon cost in 2022?", pages) == []


@pytest.mark.parametrize(("question", "row"), [
    ("What was the net profit in 2018?", "Profit for the year"), ("What was gross profit in 2018?", "Gross profit"),
    ("What was profit before tax in 2018?", "Profit before tax"),
])  # fmt: skip
def test_a_profit_is_the_net_one_unless_it_is_named(question, row):
    """Gross profit and the profit before tax answer only for themselves."""
    pages = [page(1, "USD 2018 2017\nGross profit 900 800\nProfit before tax 500 400\nProfit for the year 300 200")]
    assert best(pages, question).startswith(row)


def test_a_sentence_of_another_year_comes_after_its_equal():
    """Of two sentences that fit as well, the one that names the year that is asked for comes first."""
    pages = [page(1, "Sales were 300 million in 2017. Sales were 400 million in 2018.")]
    assert best(pages, "What were sales in 2018?").endswith("in 2018.")


def test_when_a_row_is_of_counts_nothing_against_it():
    """A row of what was asked for at the end of a year comes before one of something else that it is a part of."""
    pages = [page(1, "USD 2018 2017\nEmployee stock plans 155 170\nEmployees at year end 4,610 4,255")]
    assert best(pages, "How many employees were there?").startswith("Employees at year end")
