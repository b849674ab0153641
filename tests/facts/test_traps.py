"""What went wrong with tables of real filings, each with a small table of the same kind."""

import textwrap

import pytest

from jacie_flask.facts.cells import style_of
from jacie_flask.facts.extraction import tables_of
from jacie_flask.facts.groups import parts, parts_of_own_total
from jacie_flask.facts.values import facts_of


def read(text, label="income_statement", kind="10-K"):
    """Return the tables of one page with that label."""
    page = textwrap.dedent(text).strip("\n")
    return tables_of([page], {1: [label]} if label else {}, {"document_type": kind})


def concepts(text, label, year=2023, kind="10-K"):
    """Return the printed values of concepts for a year."""
    facts = [fact for table in read(text, label, kind) for fact in facts_of(table)]
    return {fact.row.concept: fact.cell.value for fact in facts if fact.row.concept and fact.column.year == year}


def row(text, label, start):
    """Return the values of the row whose label starts so."""
    return next(
        [cell.value for cell in one.cells] for table in read(text, label) for one in table.rows if one.label.startswith(start)
    )


PARTS = """
    Consolidated statements of operations
    Years ended December 31,
    (in millions) 2023 2022
    Net revenues
    Product sales $ 1,975 $ 2,255
    Other revenues 4,514 5,245
    Total net revenues 6,489 7,500
    Costs and expenses
    Cost of revenues—product sales:
    Product costs 656 719
    Software royalties 240 371
    Cost of revenues—other:
    Distribution costs 965 1,028
    Product development 998 1,101
    Sales and marketing 926 1,062
    Total costs and expenses 3,785 4,281
    Operating income 2,704 3,219
    """


def test_parts_under_a_heading_are_summed_up_to_the_first_other_line():
    """Cost of sales in parts, over two headings, without a total of its own."""
    found = concepts(PARTS, "income_statement")
    assert (found["cost_of_sales"], found["revenue"], found["research_and_development"]) == (1861, 6489, 998)


GLUED = """
    CONSOLIDATED BALANCE SHEETS
    (In thousands)
    December 31,
    2023 2022 ASSETS Current assets:
    Cash and cash equivalents $ 1,047 $ 583
    Customer funds 676 334
    Operating lease assets 113 — Other current assets 196 74
    Total current assets 2,032 991
    Goodwill 266 261
    Total assets $ 2,298 $ 1,252
    LIABILITIES AND EQUITY Current liabilities:
    Payables 297 215
    Operating lease liabilities, current 27 — Total current liabilities 324 215
    Stockholders’ equity: Common stock, 754.6 shares issued 75 75
    Retained earnings 1,899 962
    Total stockholders’ equity 1,974 1,037
    Total liabilities and stockholders’ equity $ 2,298 $ 1,252
    """


def test_lines_glued_after_a_dash_and_headings_glued_to_rows_are_parted():
    """A row that ends with a nil does not swallow the next; a heading behind the dates is none of the dates."""
    found = concepts(GLUED, "balance_sheet")
    assert (found["current_liabilities"], found["current_assets"], found["equity"]) == (324, 2032, 1974)
    assert row(GLUED, "balance_sheet", "Other current assets") == [196, 74]
    (table,) = read(GLUED, "balance_sheet")
    assert table.rows[0].headings == ["ASSETS", "Current assets:"]


LABELS = """
    Consolidated balance sheets
    At December 31
    (Dollars in millions) 2023 2022
    Current assets
    Cash and cash equivalents $ 2,853 $ 3,053
    Accounts receivable — net of allowances of $95 and $103 5,020 4,911
    Marketable securities (1) 380 1,076
    Inventories, net
    Raw materials 954 901
    Finished goods 2,120 1,915
    Prepaid expenses 382 1,198
    Total current assets 11,709 13,054
    Property, plant and
    equipment, net 8,738 8,866
    Total assets $ 20,447 $ 21,920
    Current liabilities
    Debt $ 211 $ 185
    Accounts payable 2,266 1,945
    Total current liabilities 2,477 2,130
    Debt 13,411 12,096
    Total liabilities 15,888 14,226
    Equity
    Retained earnings 4,507 7,635
    Total equity 4,507 7,635
    Noncontrolling interest 52 59
    Total liabilities and equity $ 20,447 $ 21,920
    """


def test_figures_in_labels_wrapped_labels_and_one_label_twice():
    """The last figures are the cells; a label goes on in the next line; debt is current or not by where it stands."""
    found = concepts(LABELS, "balance_sheet")
    expected = {"receivables": 5020, "inventory": 3074, "ppe_net": 8738, "current_debt": 211, "long_term_debt": 13_411}
    assert {name: found.get(name) for name in expected} == expected
    assert row(LABELS, "balance_sheet", "Accounts receivable — net of allowances of $95 and $103") == [5020, 4911]


def test_figures_that_do_not_add_up_are_suspect():
    """Assets that are not liabilities and equity are never computed with."""
    wrong = LABELS.replace("Total assets $ 20,447", "Total assets $ 20,474")
    found = concepts(wrong, "balance_sheet")
    assert not {"total_assets", "total_liabilities"} & found.keys()
    assert found["current_assets"] == 11_709


PERCENT = """
    Consolidated statements of income
    13 Weeks Ended
    July 29, July 30,
    2023 2022
    (Unaudited) (Unaudited)
    Net sales $ 2,529 100.0% $ 2,297 100.0%
    Cost of sales 1,536 60.7% 1,369 59.6%
    Gross profit 993 39.3% 928 40.4%
    Selling, general and administrative expenses 600 23.7% 534 (6) %
    Operating income 393 15.5% 394 n/m
    Net income $ 300 11.9% $ 295 12.9%
    """


def test_shares_between_figures_stay_in_their_place():
    """Percentages of sales are columns of their own; "(6) %" is a percentage, "n/m" is none."""
    (table,) = read(PERCENT, kind="earnings")
    assert [column.role for column in table.columns] == ["value", "share", "value", "share"]
    assert concepts(PERCENT, "income_statement", 2022, "earnings")["sga"] == 534
    assert table.rows[3].cells[3].value == -6
    assert [cell.value for cell in table.rows[4].cells] == [393, 15.5, 394]


CHANGE = """
    Consolidated statements of income
    (in millions) 2023 2022 2021 2023 vs. 2022 2022 vs. 2021
    Net sales 120 110 100 9.1 10.0
    Cost of sales 70 66 60 6.1 10.0
    Gross profit 50 44 40 13.6 10.0
    Operating income 30 28 25 7.1 12.0
    Net income 20 19 18 5.3 5.6
    """


@pytest.mark.parametrize(
    ("heading", "roles"),
    [
        ("2023 2022 2021 2023 vs. 2022 2022 vs. 2021", ["value"] * 3 + ["change"] * 2),
        ("2023 2022 2021 $ Change % Change", ["value"] * 3 + ["change"] * 2),
        ("2023 2022 2021 Change Growth", ["value"] * 3 + ["change"] * 2),
    ],
)
def test_columns_of_changes_are_no_values(heading, roles):
    """Changes are kept in their place and are no facts."""
    (table,) = read(CHANGE.replace("2023 2022 2021 2023 vs. 2022 2022 vs. 2021", heading))
    assert [column.role for column in table.columns] == roles
    assert {fact.column.year for fact in facts_of(table)} == {2023, 2022, 2021}


@pytest.mark.parametrize(
    ("sentence", "name", "quarter"),
    [
        ("Fiscal 2022 ended January 28, 2023 and had 52 weeks.", 2022, 0),
        ("The fiscal year ended January 28, 2023 (“fiscal 2022”) had 52 weeks.", 2022, 0),
        ("Our fiscal year 2023 ended on January 28, 2023.", 2023, 0),
        ("Nothing here says how years are called.", 2023, 0),
    ],
)
def test_a_fiscal_year_has_the_name_that_the_filing_gives_it(sentence, name, quarter):
    """The end of the period stays as it is; the year is what the company calls it."""
    page = """
    Consolidated balance sheets
    (in thousands)
    January 28, January 29,
    2023 2022
    Cash and cash equivalents $ 737 $ 431
    Total current assets 2,709 2,281
    Total assets $ 5,370 $ 4,764
    """
    texts = [sentence, textwrap.dedent(page).strip("\n")]
    (table,) = tables_of(texts, {2: ["balance_sheet"]}, {"document_type": "10-K"})
    assert [(column.end, column.year, column.quarter) for column in table.columns] == [
        ("2023-01-28", name, quarter),
        ("2022-01-29", name - 1, quarter),
    ]


def test_a_balance_in_another_calendar_year_keeps_its_date():
    """The second quarter of fiscal 2023 ends in December 2022."""
    flows = """
    Condensed consolidated statements of cash flows
    Six Months Ended December 31,
    ($ in millions) 2022 2021
    Net income $ 695 $ 432
    Depreciation and amortization 284 332
    Net cash provided by operating activities 145 323
    Purchase of property, plant, and equipment (250) (255)
    Net cash used in investing activities (250) (255)
    """
    balance = """
    Condensed consolidated balance sheets
    ($ in millions) December 31, 2022 June 30, 2022
    Cash and cash equivalents $ 837 $ 775
    Total current assets 5,863 5,853
    Total assets $ 17,475 $ 17,426
    """
    pages = [textwrap.dedent(page).strip("\n") for page in (flows, balance)]
    tables = tables_of(pages, {1: ["cash_flow"], 2: ["balance_sheet"]}, {"document_type": "10-Q"})
    columns = [(column.end, column.months, column.year, column.quarter) for table in tables for column in table.columns]
    assert columns == [
        ("2022-12-31", 6, 2023, 2),
        ("2021-12-31", 6, 2022, 2),
        ("2022-12-31", 0, 2023, 2),
        ("2022-06-30", 0, 2022, 0),
    ]


SEGMENTS = """
    Segment information
    {names}
    (Millions) 2023 2022 2023 2022
    Industrial $ 12,267 $ 11,866 $ 2,737 $ 2,490
    Health Care 6,021 5,853 1,799 1,764
    Net Sales 18,288 17,719 4,536 4,254
    Operating Income 4,536 4,254 1 1
    """


def test_measures_over_repeated_years_name_their_columns():
    """A heading is cut where each part is a name elsewhere."""
    (table,) = read(SEGMENTS.format(names="Net Sales Operating Income"), "")
    assert [(column.heading, column.year) for column in table.columns] == [
        ("Net Sales", 2023), ("Net Sales", 2022), ("Operating Income", 2023), ("Operating Income", 2022),
    ]  # fmt: skip


REGIONS = """
    Net sales by area
    Year ended December 31, 2023
    {names}
    Industrial $ 60 $ 30 $ 10 $ 100
    Health Care 20 10 5 35
    Consumer 15 4 1 20
    Europe and Africa 1 1 1 3
    Asia 1 1 1 3
    Americas 1 1 1 3
    """


def test_segments_over_one_period_name_their_columns():
    """Names over figures of one year are cut where they occur elsewhere; the total is named as one."""
    (table,) = read(REGIONS.format(names="Europe and\nAfrica Asia Americas Total"), "")
    assert [(column.heading, column.end) for column in table.columns] == [
        (name, "2023-12-31") for name in ("Europe and Africa", "Asia", "Americas", "Total")
    ]
    assert table.rows[0].headings == []


LINES_OF_BUSINESS = """
    Segment results - managed basis
    Year ended December 31, Retail & Community Banking Markets Private Banking
    (in millions) 2022 2021 Change 2022 2021 Change 2022 2021 Change
    Total net revenue $ 12 $ 13 (8) % $ 11 $ 10 10 % $ 3 $ 2 50 %
    Expense 7 7 — 6 5 20 1 1 —
    Net income 3 5 (a) (40) 5 4 (a) 25 2 1 (a) 100
    Year ended December 31, Wealth Corporate Total
    (in millions) 2022 2021 Change 2022 2021 Change 2022 2021 Change
    Total net revenue $ 4 $ 4 — % $ 1 $ (1) NM $ 31 $ 28 11 %
    Expense 2 2 — 1 1 — 17 16 6
    Net income 1 1 — (1) (2) 50 10 9 11
    Private Banking 1 1 1 1 1 1 1 1 1
    Markets 1 1 1 1 1 1 1 1 1
    Wealth 1 1 1 1 1 1 1 1 1
    """


def test_names_behind_a_period_and_marks_between_figures():
    """A line that begins with a duration names the columns behind it; the letter of a note is no cell."""
    left, right = read(LINES_OF_BUSINESS, "")
    names = [column.heading for table in (left, right) for column in table.columns if column.role == "value"]
    assert list(dict.fromkeys(names)) == [
        "Retail & Community Banking",
        "Markets",
        "Private Banking",
        "Wealth",
        "Corporate",
        "Total",
    ]
    income = next(one for one in left.rows if one.label == "Net income")
    assert [cell.value for cell in income.cells] == [3, 5, -40, 5, 4, 25, 2, 1, 100]


def test_tables_side_by_side_add_up_to_a_total_of_their_own():
    """Segments over two tables add up to the total of the second; the company's statement may have another figure."""
    tables = read(LINES_OF_BUSINESS, "")
    statement = read(
        "Year ended December 31,\n(in millions) 2022 2021\nTotal net revenue $ 30 $ 27\nNet income 10 9",
        kind="10-Q",
    )
    by_concept = {fact.row.concept: fact for fact in facts_of(statement[0]) if fact.column.year == 2022}
    income = parts(tables, "segments", by_concept["net_income"])
    assert [(one.name, one.fact.cell.value) for one in income] == [
        ("Retail & Community Banking", 3), ("Markets", 5), ("Private Banking", 2), ("Wealth", 1), ("Corporate", -1),
    ]  # fmt: skip
    assert parts(tables, "segments", by_concept["revenue"]) == []
    revenue, total = parts_of_own_total(tables, "segments", by_concept["revenue"])
    assert sum(one.fact.cell.value for one in revenue) == total.cell.value == 31


def test_abbreviations_name_columns():
    """Regions in capitals are names, and none is glued to the name beside it."""
    (table, *_) = read(
        "Geographic operations\n(Millions) United States EMEA APAC LACC Other Unallocated Consolidated\n2022\n"
        "Revenue $ 41 $ 5 $ 4 $ 3 $ (1) $ 52\nPretax income 10 1 1 1 (2) 11\nUnited States 1 1 1 1 1 5\nUnallocated 1 1 1 1 1 5", ""
    )  # fmt: skip
    assert [column.heading for column in table.columns] == [
        "United States", "EMEA", "APAC", "LACC", "Other Unallocated", "Consolidated",
    ]  # fmt: skip


def test_two_small_figures_side_by_side_are_two():
    """Spaces part thousands only where the rows then fit the years of the heading, or a group begins with a nil."""
    small = "Employees 2024 2023\n" + "\n".join(
        f"Site {name} 12 {at}" for name, at in zip("ABCDEFG", range(101, 108), strict=True)
    )
    large = "Turnover 2024 2023\n" + "\n".join(
        f"Shop {name} 1 {at} 1 110" for name, at in zip("ABCDEFG", range(234, 241), strict=True)
    )
    assert style_of(small) == "us"
    assert style_of(large) == "space"
    assert style_of(small.replace("12 101", "12 001")) == "space"


def test_names_that_would_call_the_sum_a_part_are_not_taken():
    """A name too many at the left moves all others; the column that adds up the others shows it."""
    (table,) = read(REGIONS.format(names="Industrial Europe and Africa Asia Americas"), "")
    assert {column.role for column in table.columns} == {"other"}


def test_columns_that_cannot_be_told_apart_are_no_values_of_a_statement():
    """Two columns of one year without names: neither is the company's figure."""
    (table,) = read(SEGMENTS.format(names="Something else altogether here"), "income_statement")
    assert {column.role for column in table.columns} == {"other"}
    assert not list(facts_of(table))


SEGMENT_RESULTS = """
    Results of the Northern segment
    Years ended December 31,
    (in millions) 2023 2022
    Net sales $ 12 $ 11
    Cost of sales 7 6
    Gross profit 5 5
    Operating income 3 3
    Net income $ 2 $ 2
    """
COMPANY = """
    Consolidated statements of income
    Years ended December 31,
    (in millions) 2023 2022
    Net sales $ 120 $ 110
    Cost of sales 70 66
    Gross profit 50 44
    Operating income 30 28
    Net income $ 20 $ 19
    """


@pytest.mark.parametrize(("page", "kept"), [(SEGMENT_RESULTS, False), (COMPANY.replace("2022", "2021", 0), True)])
def test_a_lesser_table_counts_only_where_it_agrees_with_the_statement(page, kept):
    """A segment's results look like an income statement; no figure of theirs is the company's."""
    pages = [textwrap.dedent(one).strip("\n") for one in (page, COMPANY)]
    tables = tables_of(pages, {1: ["income_statement_summary"], 2: ["income_statement"]}, {"document_type": "10-K"})
    assert any(row.concept for row in tables[0].rows) is kept
    assert any(row.concept for row in tables[1].rows)


def test_prose_with_figures_and_years_is_no_table():
    """Reports of accidents and trials have sentences with years and numbers, and no financial facts."""
    page = """
    On November 22, 2019 the airplane departed at 1530 with 2 persons
    In 2018 the pilot had 1,204 hours, of which 350 were flown in 2017
    Revenue flights were not affected in 2019 and 2018
    The trial enrolled 120 participants between 2019 and 2021
    """
    assert read(page, "") == []
    assert not [row for table in read(page, "income_statement") for row in table.rows if row.concept]


@pytest.mark.parametrize(
    "footer", ["F-4", "2023 Form 10-K Page 39", "The accompanying notes are an integral part of these statements.\nF-4"]
)
def test_a_page_number_between_the_unit_and_the_columns_hides_neither(footer):
    """Text order may put a page's foot below its title; the unit still holds."""
    page = COMPANY.replace(
        "Years ended December 31,\n    (in millions) 2023 2022",
        f"(Amounts in millions)\n{footer}\nYears ended December 31,\n2023 2022",
    )
    (table,) = read(page)
    assert table.scale == 6
    assert {row.scale for row in table.rows} == {6}


def test_what_moves_cash_is_money_whatever_it_buys():
    """Shares that are bought back are no number of shares in a cash-flow statement."""
    page = """Consolidated Statements of Cash Flows
(In thousands)
Fiscal 2023 2022
Financing activities
Repurchase of common shares (559,011) (434,448)
Purchase of treasury shares (21,759) (6,325)
Net cash used in financing activities (580,770) (440,773)"""
    (table,) = tables_of([page], {1: ["cash_flow"]}, {})
    rows = {row.label: row for row in table.rows}
    assert (rows["Repurchase of common shares"].unit, rows["Repurchase of common shares"].concept) == ("money", "buybacks")
    assert rows["Purchase of treasury shares"].concept == ""
