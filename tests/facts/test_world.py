"""Statements as companies of the world print them: banks, insurers, utilities, IFRS reporters, several languages of numbers."""

import textwrap

import pytest

from jacie_flask.facts.extraction import tables_of
from jacie_flask.facts.identities import sign, signed_amount
from jacie_flask.facts.values import facts_of


def read(label, text, kind="annual report"):
    """Return the facts of concepts on a page with that label: {(concept, fiscal year): amount in single units}."""
    page = textwrap.dedent(text).strip("\n")
    tables = tables_of([page], {1: [label]}, {"document_type": kind})
    return {(fact.row.concept, fact.column.year): fact.amount for table in tables for fact in facts_of(table) if fact.row.concept}


GERMAN = """
    Konzern-Gewinn- und Verlustrechnung / Consolidated income statement
    in Mio. € (EUR million) Note 2024 2023
    Revenue 1 12.345,6 11.987,1
    Cost of sales 2 -8.123,4 -7.900,0
    Gross profit 4.222,2 4.087,1
    Administrative expenses 3 -512,0 -498,5
    Operating profit 3.710,2 3.588,6
    Finance costs -210,2 -188,6
    Profit before tax 3.500,0 3.400,0
    Income tax expense -1.000,0 -950,0
    Profit for the year 2.500,0 2.450,0
    """
SOUTH_AFRICAN = """
    Group income statement
    for the year ended 30 June 2024
    R million Notes 2024 2023
    Turnover 2 42 280 39 265
    Cost of sales (30 100) (28 000)
    Gross profit 12 180 11 265
    Operating profit 4 7 705 6 340
    Profit before tax 6 020 4 565
    Income tax expense 5 (1 640) (1 250)
    Profit for the year 4 380 3 315
    Attributable to:
    Headline earnings per share (cents) 6 351,2 265,4
    """
INDIAN = """
    Consolidated Statement of Profit and Loss for the year ended March 31, 2024
    (₹ in crore)
    Particulars Note Year ended March 31, 2024 Year ended March 31, 2023
    Revenue from operations 20 1,53,670.00 1,46,767.00
    Other income, net 2.17 4,711.00 2,701.00
    Total income 1,58,381.00 1,49,468.00
    Employee benefit expenses 2.18 82,620.00 78,359.00
    Finance cost 470.00 284.00
    Total expenses 1,22,393.00 1,16,146.00
    Profit before tax 35,988.00 33,322.00
    Tax expense 9,740.00 9,214.00
    Profit for the year 26,248.00 24,108.00
    """
JAPANESE = """
    Consolidated Statement of Income
    Year ended March 31
    Yen (millions) 2023 2024
    Sales revenue 16,907,725 20,428,802
    Cost of sales (13,576,133) (16,016,659)
    Gross profit 3,331,592 4,412,143
    Operating profit 780,769 1,381,977
    Profit before income taxes 879,565 1,642,384
    Income tax expense (162,256) (459,794)
    Profit for the year 717,309 1,182,590
    """
KENYAN = """
    CONSOLIDATED STATEMENT OF PROFIT OR LOSS
    FOR THE YEAR ENDED 31 MARCH 2024
    2024 2023
    KSh’000 KSh’000
    Revenue 349,446,000 310,904,700
    Direct costs (101,000,000) (95,000,000)
    Operating profit 80,300,000 84,900,000
    Finance income 5,000,000 4,200,000
    Finance costs (17,400,000) (12,300,000)
    Profit before income tax 84,700,000 88,300,000
    Income tax expense (42,000,000) (35,800,000)
    Profit for the year 42,700,000 52,500,000
    """
BANK = """
    Consolidated statements of income
    Year ended December 31, (in millions, except per share data) 2023 2022
    Interest income
    Loans $ 40,000 $ 30,000
    Total interest income 52,000 36,000
    Interest expense
    Deposits 12,000 3,000
    Total interest expense 15,000 5,000
    Net interest income 37,000 31,000
    Total noninterest income 18,000 17,000
    Total net revenue 55,000 48,000
    Provision for credit losses 5,000 1,500
    Total noninterest expense 35,000 33,000
    Income before income taxes 15,000 13,500
    Provision for income taxes 3,000 2,900
    Net income $ 12,000 $ 10,600
    """
INSURER = """
    CONSOLIDATED STATEMENTS OF OPERATIONS
    Years ended December 31,
    (In millions, except per share amounts) 2023 2022 2021
    Revenues:
    Premiums $ 80,000 $ 75,000 $ 70,000
    Net investment income 1,200 900 1,000
    Total revenues 81,200 75,900 71,000
    Benefits and expenses:
    Benefit costs 68,000 64,000 60,000
    Selling, general and administrative expenses 9,000 8,500 8,000
    Total benefits and expenses 77,000 72,500 68,000
    Income before income taxes 4,200 3,400 3,000
    Income tax expense (benefit) 950 (150) 700
    Net income $ 3,250 $ 3,550 $ 2,300
    """
UTILITY = """
    Consolidated Statements of Income
    For the Years Ended December 31,
    (in millions) 2023 2022
    Operating revenues
    Electric $ 9,000 $ 8,500
    Natural gas 2,500 3,000
    Total operating revenues 11,500 11,500
    Operating expenses
    Fuel and purchased power 3,000 3,400
    Total operating expenses 9,000 9,300
    Operating income 2,500 2,200
    Interest charges, net of amounts capitalized 900 800
    Income before income taxes 1,600 1,400
    Income taxes (benefit) (100) 50
    Net income $ 1,700 $ 1,350
    """


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (GERMAN, {("revenue", 2024): 12_345.6e6, ("cost_of_sales", 2023): -7_900e6, ("net_income", 2024): 2_500e6}),
        (SOUTH_AFRICAN, {("revenue", 2024): 42_280e6, ("income_tax", 2023): -1_250e6, ("headline_eps", 2024): 3.512}),
        (INDIAN, {("revenue", 2024): 153_670e7, ("pretax_income", 2023): 33_322e7, ("net_income", 2024): 26_248e7}),
        (JAPANESE, {("revenue", 2024): 20_428_802e6, ("operating_income", 2023): 780_769e6, ("income_tax", 2024): -459_794e6}),
        (
            KENYAN,
            {("revenue", 2024): 349_446_000e3, ("interest_expense", 2023): -12_300_000e3, ("net_income", 2024): 42_700_000e3},
        ),
        (BANK, {("revenue", 2023): 55_000e6, ("interest_expense", 2022): 5_000e6, ("net_interest_income", 2023): 37_000e6}),
        (INSURER, {("revenue", 2023): 81_200e6, ("sga", 2022): 8_500e6, ("income_tax", 2022): -150e6}),
        (UTILITY, {("revenue", 2023): 11_500e6, ("operating_income", 2022): 2_200e6, ("interest_expense", 2023): 900e6}),
    ],
    ids=["german", "south-african", "indian", "japanese", "kenyan", "bank", "insurer", "utility"],
)
def test_income_statements_of_the_world(page, expected):
    """Labels, scales, marks of thousands and years differ; the concepts are the same."""
    facts = read("income_statement", page)
    assert {key: facts.get(key) for key in expected} == pytest.approx(expected)


IFRS_BALANCE = """
    Consolidated statement of financial position
    31 December 31 December
    2024 2023
    Note €m €m
    ASSETS
    Non-current assets
    Goodwill 9 118.5 118.5
    Property, plant and equipment 8 501.0 431.9
    Trade and other receivables 12.0 10.0
    631.5 560.4
    Current assets
    Inventories 126.4 141.9
    Trade and other receivables 168.9 171.4
    Cash and cash equivalents 83.5 92.1
    378.8 405.4
    Total assets 1,010.3 965.8
    EQUITY AND LIABILITIES
    Equity attributable to owners of the parent
    Share capital 84.0 84.0
    Retained earnings 405.7 373.6
    489.7 457.6
    Non-controlling interests 10.0 9.0
    Total equity 499.7 466.6
    Non-current liabilities
    Borrowings 10 250.0 235.0
    250.0 235.0
    Current liabilities
    Trade and other payables 245.6 249.2
    Borrowings 10 15.0 15.0
    260.6 264.2
    Total equity and liabilities 1,010.3 965.8
    """


def test_totals_without_words_are_named_by_the_rows_they_add_up():
    """Subtotals without a label, one label twice, and equity in two parts."""
    facts = read("balance_sheet", IFRS_BALANCE)
    expected = {
        "current_assets": 378.8, "noncurrent_assets": 631.5, "current_liabilities": 260.6, "total_assets": 1010.3, "receivables": 168.9,
        "long_term_debt": 250.0, "current_debt": 15.0, "total_equity": 499.7, "equity": 489.7, "goodwill": 118.5, "payables": 245.6,
    }  # fmt: skip
    assert {concept: facts.get((concept, 2024), 0) / 1e6 for concept in expected} == pytest.approx(expected)


def test_a_tax_benefit_is_negative_and_a_tax_expense_positive():
    """The sign follows from the profits before and after tax, however it is printed."""

    def taxes(text):
        page = textwrap.dedent(text).strip("\n")
        (table,) = tables_of([page], {1: ["income_statement"]}, {"document_type": "10-K"})
        return [signed_amount(fact) / 10**fact.row.scale for fact in facts_of(table) if fact.row.concept == "income_tax"]

    assert taxes(INSURER) == [950, -150, 700]
    assert taxes(UTILITY) == [-100, 50]
    assert taxes(JAPANESE) == [162_256, 459_794]


def test_payments_and_expenses_are_positive():
    """Brackets at payments are a matter of style; the printed sign stays in the cell."""
    page = """
    Consolidated statements of cash flows
    For the years ended December 31,
    (in millions) 2023 2022
    Operating activities
    Net income $ 100 $ 90
    Depreciation and amortization 20 18
    Net cash provided by operating activities 120 108
    Investing activities
    Purchases of property and equipment (30) (25)
    Net cash used in investing activities (30) (25)
    Financing activities
    Dividends paid (40) (38)
    Net cash used in financing activities (40) (38)
    Net increase in cash 50 45
    Cash at beginning of year 60 15
    Cash at end of year $ 110 $ 60
    """
    (table,) = tables_of([textwrap.dedent(page).strip("\n")], {1: ["cash_flow"]}, {"document_type": "10-K"})
    facts = {fact.row.concept: fact for fact in facts_of(table) if fact.row.concept and fact.column.year == 2023}
    assert (facts["capex"].cell.value, signed_amount(facts["capex"]), sign(facts["capex"])) == (-30, 30e6, -1)
    assert signed_amount(facts["dividends_paid"]) == 40e6
    assert signed_amount(facts["investing_cash_flow"]) == -30e6
    assert not [row for row in table.rows if row.suspect]


INTERIM = """
    Condensed consolidated income statement
    Six months to 30 June Year to 31 December
    2024 2023 2023
    Unaudited Unaudited Audited
    £’000 £’000 £’000
    Turnover 12,345 11,111 23,000
    Cost of sales (6,000) (5,500) (11,500)
    Gross profit 6,345 5,611 11,500
    Profit before taxation 3,000 2,500 5,100
    Taxation (700) (600) (1,200)
    Profit for the period 2,300 1,900 3,900
    Basic earnings per share 14.0p 13.2p 27.5p
    """


def test_half_years_beside_a_whole_year():
    """Two dates over three years: the second begins where the years start again."""
    page = textwrap.dedent(INTERIM).strip("\n")
    (table,) = tables_of([page], {1: ["income_statement"]}, {"document_type": "interim report"})
    assert [(column.end, column.months, column.year, column.quarter) for column in table.columns] == [
        ("2024-06-30", 6, 2024, 2), ("2023-06-30", 6, 2023, 2), ("2023-12-31", 12, 2023, 0),
    ]  # fmt: skip
    assert (table.scale, table.currency) == (3, "GBP")
    assert [cell.value for cell in table.rows[-1].cells] == [14.0, 13.2, 27.5]


UNITED_KINGDOM = """
    Balance sheet at 31 March 2024
    2024 2023
    Note £ £
    Fixed assets
    Tangible assets 5 1,234,567 1,100,000
    Current assets
    Stocks 100,000 90,000
    Debtors 6 200,000 180,000
    Cash at bank and in hand 50,000 40,000
    350,000 310,000
    Creditors: amounts falling due within one year 7 (150,000) (140,000)
    Net current assets 200,000 170,000
    """


def test_a_balance_sheet_of_the_united_kingdom():
    """Stocks, debtors and creditors; a subtotal without words; liabilities in brackets."""
    facts = read("balance_sheet", UNITED_KINGDOM)
    expected = {"inventory": 100_000, "receivables": 200_000, "cash": 50_000, "current_assets": 350_000, "ppe_net": 1_234_567}
    assert {concept: facts.get((concept, 2024)) for concept in expected} == expected
    assert facts["current_liabilities", 2024] == -150_000


FLOWS = """
    CONSOLIDATED STATEMENTS OF CASH FLOWS
    Fiscal years ended September 28, 2024 September 30, 2023
    (In millions)
    Operating activities:
    Net income $ 93,736 $ 96,995
    Depreciation 8,445 8,519
    Amortization of intangible assets 3,000 3,000
    Cash generated by operating activities 105,181 108,514
    Investing activities:
    Payments for acquisition of property, plant and equipment (9,447) (10,959)
    Payments made in connection with business acquisitions, net — (306)
    Cash used in investing activities (9,447) (11,265)
    Financing activities:
    Payments for dividends and dividend equivalents (15,234) (15,025)
    Dividends paid to non-controlling interests (5) (4)
    Repurchases of common stock (94,949) (77,550)
    Cash used in financing activities (110,188) (92,579)
    """


def test_payments_for_plant_are_no_acquisitions_of_companies():
    """What is bought says which payment it is; depreciation and amortization are added up where they stand apart."""
    facts = read("cash_flow", FLOWS)
    expected = {
        "capex": -9_447, "acquisitions": 0, "dividends_paid": -15_234, "buybacks": -94_949, "depreciation_amortization": 11_445,
        "operating_cash_flow": 105_181,
    }  # fmt: skip
    assert {concept: facts[concept, 2024] / 1e6 for concept in expected} == expected


def test_what_is_earned_before_interest_is_no_income_before_tax():
    """EBIT and EBITDA are measures of their own; revenue in parts without a total is not guessed."""
    page = """
    Consolidated income statement
    Years ended December 31,
    (in millions) 2023 2022
    Sales of products 50 40
    Service revenue 30 20
    Earnings before interest, taxes, depreciation and amortization 20 15
    Earnings before interest and taxes 12 10
    Net profit 8 7
    """
    assert {concept for concept, _ in read("income_statement", page)} == {"net_income"}
