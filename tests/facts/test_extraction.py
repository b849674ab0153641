"""Tables from the text of pages: columns, labels, headings, units, periods and concepts."""

import pytest

from jacie_flask.facts.extraction import tables_of
from jacie_flask.text.labels import label_pages


def tables(*pages, kind="10-K"):
    """Return the tables of pages, labelled as ingestion labels them."""
    texts = [page.strip("\n") for page in pages]
    return tables_of(texts, label_pages(texts), {"document_type": kind})


def rows(table):
    """Return the values of a table's rows by label."""
    return {row.label: [cell.value for cell in row.cells] for row in table.rows}


def periods(table):
    """Return what the columns of a table say."""
    return [(column.end, column.months, column.year, column.quarter, column.role) for column in table.columns]


INCOME = """
Harbour Tools Company
Consolidated Statements of Income
{heading}
Net sales $ 3,642 $ 3,507
Cost of sales (2,980) (2,862)
Gross profit 662 645
Selling, general, and administrative expenses (298) (303)
Research and development expenses (24) (23)
Operating income 340 319
Interest expense (79) (39)
Income before income taxes 261 280
Income tax expense (33) (61)
Net income $ 228 $ 219
Basic earnings per share $ 0.309 $ 0.148
Diluted earnings per share $ 0.307 $ 0.148
"""


@pytest.mark.parametrize(
    ("heading", "ends", "months"),
    [
        ("Years ended December 31,\n(in millions) 2018 2017", ["2018-12-31", "2017-12-31"], 12),
        ("(in millions)\nMay 26,\n2019\nMay 27,\n2018\nRevenues", ["2019-05-26", "2018-05-27"], 12),
        ("13 Weeks Ended\nJuly 29, July 30,\n2023 2022\n(Unaudited) (Unaudited)", ["2023-07-29", "2022-07-30"], 3),
        ("Three Months Ended December 31,\n($ in millions, except per share data) 2022 2021", ["2022-12-31", "2021-12-31"], 3),
        ("Year ended 30 June 2023 30 June 2022", ["2023-06-30", "2022-06-30"], 12),
        ("Fiscal year ended\nFebruary 3, 2024 January 28, 2023", ["2024-02-03", "2023-01-28"], 12),
    ],
)
def test_dates_of_columns(heading, ends, months):
    """Dates are read in one line, in two, or in fragments of one a line."""
    (table,) = tables(INCOME.format(heading=heading))
    assert [column.end for column in table.columns] == ends
    assert {column.months for column in table.columns} == {months}
    assert rows(table)["Net sales"] == [3642, 3507]


def test_durations_are_spread_over_the_years_below():
    """Two durations over four years: the first two are quarters, the others halves."""
    page = """
    Condensed Consolidated Statements of Income
    Three Months Ended December 31, Six Months Ended December 31,
    ($ in millions, except per share data) 2022 2021 2022 2021
    Net sales $ 3,642 $ 3,507 $ 7,354 $ 6,927
    Cost of sales (2,980) (2,862) (6,024) (5,632)
    Gross profit 662 645 1,330 1,295
    Operating income 559 322 901 618
    Income before income taxes 494 290 786 556
    Income tax expense (33) (61) (91) (124)
    Net income $ 461 $ 229 $ 695 $ 432
    """.replace("    ", "")
    (table,) = tables(page, kind="10-Q")
    assert [(column.months, column.year, column.quarter) for column in table.columns] == [
        (3, 2023, 2), (3, 2022, 2), (6, 2023, 2), (6, 2022, 2),
    ]  # fmt: skip
    assert {row.scale for row in table.rows} == {6}
    assert {row.concept for row in table.rows} == {
        "revenue", "cost_of_sales", "gross_profit", "operating_income", "pretax_income", "income_tax", "net_income",
    }  # fmt: skip
