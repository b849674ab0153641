"""Labels: statements and sections are recognised by how such pages are written."""

from jacie_flask.text.labels import LABELS, label_bits, label_pages

BALANCE = """Northwind Paper Inc.
Consolidated Balance Sheets
(in millions) 2021 2020
Cash and cash equivalents $ 120 $ 100
Accounts receivable, net 300 280
Inventories 210 190
Total current assets 630 570
Property, plant and equipment, net 900 880
Goodwill 50 50
Total assets $ 1,580 $ 1,500
Accounts payable 140 120
Accrued liabilities 60 55
Total current liabilities 200 175
Long-term debt 400 420
Total liabilities 600 595
Common stock 10 10
Retained earnings 970 895
Total shareholders’ equity 980 905
Total liabilities and equity $ 1,580 $ 1,500"""
INCOME = """Northwind Paper Inc.
Consolidated Statements of Operations
Years ended June 30, 2021 2020
Net sales $ 2,000 $ 1,900
Cost of sales (1,400) (1,350)
Gross profit 600 550
Selling, general and administrative expenses (300) (290)
Operating income 300 260
Interest expense (20) (22)
Income before income taxes 280 238
Provision for income taxes (60) (50)
Net income $ 220 $ 188
Basic earnings per share 1.10 0.94
Diluted earnings per share 1.09 0.93"""
CASH = """Northwind Paper Inc.
Consolidated Statements of Cash Flows
Years ended June 30, 2021 2020
Net income $ 220 $ 188
Depreciation and amortization 90 85
Changes in inventories (20) 5
Net cash provided by operating activities 290 278
Purchases of property, plant and equipment (110) (95)
Net cash used in investing activities (110) (95)
Dividends paid (60) (55)
Repayments of long-term debt (20) (20)
Net cash used in financing activities (80) (75)
Net increase in cash and cash equivalents 100 108"""
PROSE = "We make paper in two mills. See the consolidated balance sheets and the statements of cash flows below.\n" * 10


def test_the_three_statements_are_found():
    """Each statement's page carries its label, prose that speaks of them does not."""
    labels = label_pages([PROSE, BALANCE, INCOME, CASH, PROSE])
    assert "balance_sheet" in labels[2]
    assert "income_statement" in labels[3]
    assert "cash_flow" in labels[4]
    assert not {"balance_sheet", "income_statement", "cash_flow"} & set(labels.get(1, []) + labels.get(5, []))


def test_statements_on_one_page_share_it():
    """A short release that prints two statements on one page gets both labels there."""
    labels = label_pages([f"{BALANCE}\n{CASH.split(chr(10), 1)[1]}"])
    assert "balance_sheet" in labels[1]


def test_a_contents_page_is_told_from_what_it_lists():
    """Lines that end in rising page numbers are a table of contents."""
    contents = "Contents\n" + "\n".join(f"Item {n}. Something about the business {n * 4}" for n in range(1, 13))
    assert label_pages(["ANNUAL REPORT\nForm 10-K\nregistrant", contents])[2] == ["contents"]


def test_sections_reach_to_the_next_heading():
    """A page inside the discussion belongs to it though only the page before has the heading."""
    pages = ["cover text", "Item 7. Management’s Discussion and Analysis\ntext.", "more text.", "Item 9. Changes\ntext."]
    labels = label_pages(pages)
    assert "mda" in labels[2]
    assert "mda" in labels[3]
    assert 4 not in labels or labels[4] == ["mda"]


def test_a_line_that_speaks_of_a_section_does_not_begin_or_end_one():
    """Running text may break before "Item 8 of this report"; a heading is a line of its own."""
    pages = [
        "Annual report\nForm 10-K",
        "Sent to shareholders.",
        "Item 7. Management's Discussion and Analysis of Financial Condition\nRead this with the financial statements in\n"
        "Item 8 of this Annual Report on Form 10-K.",
        "Risk factors of our Annual Report describe what may differ.\nSales grew.",
        "Item 7A. Quantitative and Qualitative Disclosures About Market Risk\nRates may rise.",
        "Item 9. Changes in and Disagreements with Accountants\nNone.",
        "Nothing else.",
    ]
    labels = label_pages(pages)
    assert labels[3] == labels[4] == ["mda"]
    assert "market_risk" in labels[5]
    assert 7 not in labels


def test_a_collection_without_figures_has_no_statement_labels():
    """A poem is no balance sheet."""
    assert label_pages(["roses are red", "violets are blue"]) == {}


def test_every_label_has_its_own_bit():
    """All labels together fit 32 bits; an unknown one counts nothing."""
    assert label_bits(LABELS) == 2 ** len(LABELS) - 1 < 2**32
    assert label_bits(["unheard of"]) == 0
