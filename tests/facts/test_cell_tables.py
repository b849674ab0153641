"""Tables from cells: columns by their own header cells, whole figures, stored numbers, and what inline XBRL says."""

import io

import docx
import openpyxl
import pptx
import pytest
from pptx.util import Inches

from jacie_flask.documents.analysis import analyse
from jacie_flask.facts.packing import packed, unpacked
from jacie_flask.text.lines import spaced
from tests.support.reading import case, read_here

INCOME = (
    ("Revenue", 5_510.4, 5_102.2),
    ("Cost of sales", -3_306, -3_061),
    ("Gross profit", 2_204.4, 2_041.2),
    ("Selling and marketing expenses", -401, -385),
    ("Operating profit", 1_803.4, 1_656.2),
    ("Finance costs", -103, -96),
    ("Profit before tax", 1_700.4, 1_560.2),
    ("Income tax expense", -425, -390),
    ("Profit for the year", 1_275.4, 1_170.2),
)


def tables(data, suffix):
    """Return the tables of a file's bytes, as ingestion finds them and indexes keep them."""
    reading = read_here(data, suffix)
    found = analyse(reading.pages, "hash", spaced, reading.grids).tables
    assert unpacked(packed(found)) == found
    return found


def rows(table):
    """Return the values of a table's rows by label."""
    return {row.label: [cell.value for cell in row.cells] for row in table.rows}


def concepts(table):
    """Return the label of each concept of a table."""
    return {row.concept: row.label for row in table.rows if row.concept}


def periods(table):
    """Return what the columns of a table say."""
    return [(column.end, column.months, column.year, column.role) for column in table.columns]


def html(body, *, before=""):
    """Return a page with a table."""
    return f"<html><body>{before}<table>{body}</table></body></html>"


def split(label, *figures):
    """Return a row whose figures are split over three cells, as filers write them."""
    cells = "".join(f"<td>{sign}</td><td>{number}</td><td>{end}</td>" for sign, number, end in figures)
    return f'<tr><td colspan="3">{label}</td>{cells}</tr>'


FILING = html(
    '<tr><td colspan="3"></td><td colspan="6">Year ended December 31,</td></tr>'
    '<tr><td colspan="3">(in millions)</td><td colspan="3">2023</td><td colspan="3">2022</td></tr>'
    '<tr><td colspan="3">Net sales:</td><td colspan="6"></td></tr>'
    + split("Products", ("$", "1,234", ""), ("$", "1,100", ""))
    + split("Services", ("", "766", ""), ("", "800", ""))
    + split("Total net sales", ("", "2,000", ""), ("", "1,900", ""))
    + split("Cost of sales", ("", "(1,200", ")"), ("", "(1,150", ")"))
    + split("Gross profit", ("", "800", ""), ("", "750", ""))
    + split("Operating expenses", ("", "(300", ")"), ("", "(280", ")"))
    + split("Other income", ("", "—", ""), ("", "5", ""))
    + split("Net income<sup>(2)</sup>", ("$", "500", ""), ("$", "475", "")),
    before="<p>FORM 10-K</p><p>Consolidated Statements of Income</p>",
)


def test_figures_split_over_cells():
    """Signs and brackets in cells of their own belong to their figure, and a dash is a figure."""
    (table,) = tables(FILING, ".htm")
    assert (table.source, table.statement, table.scale, table.currency) == ("html", "income_statement", 6, "$")
    assert periods(table) == [("2023-12-31", 12, 2023, "value"), ("2022-12-31", 12, 2022, "value")]
    found = rows(table)
    assert (found["Cost of sales"], found["Other income"], found["Net income"]) == ([-1200, -1150], [0, 5], [500, 475])
    assert concepts(table)["revenue"] == "Total net sales"
    assert table.rows[0].headings == ["Net sales:"]


def test_header_over_several_columns():
    """A header cell over two years holds for both, and a column of changes has no values."""
    (table,) = tables(
        html(
            "<tr><th></th><th colspan=2>Three Months Ended June 30,</th><th colspan=2>Six Months Ended June 30,</th><th rowspan=2>Change</th></tr>"
            "<tr><th>$ million</th><th>2024</th><th>2023</th><th>2024</th><th>2023</th></tr>"
            "<tr><td>Orders received</td><td>41</td><td>40</td><td>88</td><td>81</td><td>9%</td></tr>"
            "<tr><td>Orders cancelled</td><td>4</td><td>-</td><td>8</td><td>1</td><td>n/m</td></tr>"
        ),
        ".html",
    )
    ends = ["2024-06-30", "2023-06-30"]
    assert periods(table)[:4] == [(end, months, int(end[:4]), "value") for months in (3, 6) for end in ends]
    assert [column.role for column in table.columns] == ["value"] * 4 + ["change"]
    assert rows(table) == {"Orders received": [41, 40, 88, 81, 9], "Orders cancelled": [4, 0, 8, 1]}


def test_parts_beside_the_total():
    """In a statement, columns of segments are no values of the company; the total is."""
    names = "<tr><th></th><th>Retail</th><th>Finance</th><th>Consolidated</th></tr>"
    body = "".join(f"<tr><td>{label}</td><td>{one}</td><td>{two}</td><td>{one + two}</td></tr>" for label, one, two in INCOME)
    before = "<p>Consolidated income statement</p><p>Year ended 31 December 2024</p><p>EUR million</p>"
    (table,) = tables(html(names + body, before=before), ".html")
    assert table.statement == "income_statement"
    assert [column.role for column in table.columns] == ["other", "other", "value"]
    assert {column.end for column in table.columns} == {"2024-12-31"}


def test_notes_are_no_figures():
    """A column of note numbers has no values, and note marks at figures and labels are left out."""
    (table,) = tables(
        html(
            "<tr><th>R million</th><th>Notes</th><th>2024</th><th>2023</th></tr>"
            "<tr><td>Turnover</td><td>3</td><td>1,284<sup>1</sup></td><td>1,102</td></tr>"
            "<tr><td>Headline earnings<sup>3</sup></td><td>4, 5</td><td>96<sup>4</sup></td><td>88</td></tr>"
        ),
        ".html",
    )
    assert [column.role for column in table.columns] == ["note", "value", "value"]
    values = {row.label: [cell.value for cell in row.cells if cell.column] for row in table.rows}
    assert values == {"Turnover": [1284, 1102], "Headline earnings": [96, 88]}


def test_rows_of_a_grid_are_not_read_twice():
    """What a grid's table holds is no table of text, too; a table of text on the same page still is."""
    before = "<pre>\nEUR million 2021 2020\nOrder book 61 58\nOrder intake 71 68\n</pre>"
    found = tables(
        html(
            "<tr><td>EUR million</td><td>2024</td><td>2023</td></tr><tr><td>Order book</td><td>66</td><td>65</td></tr>",
            before=before,
        ),
        ".html",
    )
    assert [(table.source, rows(table)["Order book"]) for table in found] == [("text", [61, 58]), ("html", [66, 65])]


def test_words_beside_numbers_are_no_facts():
    """A table without periods holds no facts: contents, or pairs of words and numbers."""
    assert tables(html("<tr><td>Risk factors</td><td>12</td></tr><tr><td>Properties</td><td>31</td></tr>"), ".html") == []


def workbook(*sheets):
    """Return the bytes of a workbook of (title, rows, number format) sheets."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, lines, shape in sheets:
        sheet = book.create_sheet(title)
        for line in lines:
            sheet.append(line)
        for row in sheet.iter_rows(min_col=2):
            for cell in row:
                if isinstance(cell.value, (int, float)) and not 1950 < cell.value < 2050:
                    cell.number_format = shape
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def test_stored_numbers_win():
    """The stored number has the digits that the sheet rounds away, in the scale that it shows."""
    lines = [("Year ended 31 December, EUR million", 2024, 2023), *((label, one * 1e6, two * 1e6) for label, one, two in INCOME)]
    (table,) = tables(workbook(("Income statement", lines, "#,##0,,;(#,##0,,)")), ".xlsx")
    assert (table.source, table.statement, table.scale, table.currency) == ("xlsx", "income_statement", 6, "EUR")
    revenue = table.rows[0]
    assert [(cell.text, cell.value) for cell in revenue.cells] == [("5,510", 5510.4), ("5,102", 5102.2)]
    assert (revenue.concept, concepts(table)["net_income"]) == ("revenue", "Profit for the year")


def test_a_format_that_divides_states_the_scale():
    """Without words on the unit, a number that is stored whole and shown in millions is in millions."""
    (table,) = tables(
        workbook(("Results", [("Group", 2024, 2023), ("Orders", 42e9, 39e9), ("Backlog", 8e9, 7e9)], '"R"#,##0,,')), ".xlsx"
    )
    assert (table.scale, table.currency, rows(table)["Orders"]) == (6, "ZAR", [42000, 39000])


def test_sheets_are_statements_by_their_names():
    """A workbook's sheets name the statements; one that is cut into pages is one table, and each row knows its page."""
    extra = [(f"Other receivable {number} of a long list of receivables", number, number) for number in range(1, 81)]
    assets = [("Cash and cash equivalents", 100, 90), *extra, ("Total assets", 3_340, 3_330)]
    book = workbook(
        ("P&L", [("$ thousand", 2024, 2023), *INCOME], "#,##0.0"),
        ("Balance sheet", [("$ thousand", 2024, 2023), *assets], "#,##0"),
    )
    income, balance = tables(book, ".xlsx")
    assert (income.statement, balance.statement, balance.page) == ("income_statement", "balance_sheet", 2)
    total = balance.rows[-1]
    assert (total.concept, total.page > balance.page, rows(balance)["Total assets"]) == ("total_assets", True, [3340, 3330])
    assert [column.months for column in balance.columns] == [0, 0]


def test_several_statements_in_one_sheet():
    """A title row and new header rows begin another table of the same sheet."""
    lines = [
        ("Income statement",), ("EUR million", "FY2024", "FY2023"), *INCOME, (),
        ("Balance sheet",), ("EUR million", "31 Dec 2024", "31 Dec 2023"), ("Goodwill", 19, 18), ("Total assets", 190, 180),
    ]  # fmt: skip
    income, balance = tables(workbook(("Accounts", lines, "#,##0.0")), ".xlsx")
    assert (income.statement, balance.statement) == ("income_statement", "balance_sheet")
    assert periods(balance) == [("2024-12-31", 0, 2024, "value"), ("2023-12-31", 0, 2023, "value")]
    assert (income.scale, balance.scale, rows(balance)["Goodwill"]) == (6, 6, [19, 18])


@pytest.mark.parametrize(
    ("one", "two", "value"), [("1.234,5", "12,75", 1234.5), ("1 234,5", "12,75", 1234.5), ("1,234.5", "12.75", 1234.5)]
)
def test_number_formats(one, two, value):
    """Cells show by themselves how a document writes its numbers."""
    document = docx.Document()
    table = document.add_table(rows=3, cols=3)
    for row, texts in enumerate((("EUR million", "2024", "2023"), ("Order intake", one, two), ("Order book", one, f"({two})"))):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    buffer = io.BytesIO()
    document.save(buffer)
    (found,) = tables(buffer.getvalue(), ".docx")
    assert (found.source, rows(found)["Order book"]) == ("docx", [value, -12.75])


def test_scales_in_cells():
    """A slide's "$4.2bn" is 4.2 in billions, whatever the table says."""
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    table = slide.shapes.add_table(3, 3, 0, 0, Inches(4), Inches(1)).table
    for row, texts in enumerate((("", "2024", "2023"), ("Revenue", "$4.2bn", "$3.9bn"), ("EBITDA margin", "21.5%", "20.1%"))):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    buffer = io.BytesIO()
    deck.save(buffer)
    (found,) = tables(buffer.getvalue(), ".pptx")
    revenue, margin = found.rows
    assert (found.source, revenue.scale, revenue.currency, rows(found)["Revenue"]) == ("pptx", 9, "$", [4.2, 3.9])
    assert (margin.unit, margin.scale, rows(found)["EBITDA margin"]) == ("percent", 0, [21.5, 20.1])


CONTEXT = (
    '<xbrli:context id="{id}"><xbrli:entity>{segment}</xbrli:entity><xbrli:period><xbrli:startDate>{start}</xbrli:startDate>'
    "<xbrli:endDate>{end}</xbrli:endDate></xbrli:period></xbrli:context>"
)
MEMBER = '<xbrli:segment><xbrldi:explicitMember dimension="us-gaap:StatementBusinessSegmentsAxis">x:ClubStoresMember</xbrldi:explicitMember></xbrli:segment>'
UNITS = (
    '<xbrli:unit id="usd"><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unit><xbrli:unit id="eps"><xbrli:divide><xbrli:unitNumerator>'
    "<xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unitNumerator><xbrli:unitDenominator><xbrli:measure>xbrli:shares</xbrli:measure>"
    "</xbrli:unitDenominator></xbrli:divide></xbrli:unit>"
)
YEARS = {"24": ("2024-02-04", "2025-02-01"), "23": ("2023-01-29", "2024-02-03")}


def inline(*body, header="<th>Fiscal 2024</th><th>Fiscal 2023</th>"):
    """Return a filing whose rows are tagged."""
    contexts = "".join(
        CONTEXT.format(id=f"{name}{year}", segment=segment, start=start, end=end)
        for year, (start, end) in YEARS.items()
        for name, segment in (("whole", ""), ("part", MEMBER))
    )
    hidden = f'<div style="display:none"><ix:header><ix:resources>{contexts}{UNITS}</ix:resources></ix:header></div>'
    spaces = 'xmlns:ix="http://www.xbrl.org/2013/inlineXBRL" xmlns:xbrli="http://www.xbrl.org/2003/instance" xmlns:xbrldi="http://xbrl.org/2006/xbrldi"'
    return f"<html {spaces}><body>{hidden}<p>FORM 10-K</p><table><tr><th></th>{header}</tr>{''.join(body)}</table></body></html>"


def tagged(label, element, *figures, contexts=("whole24", "whole23"), unit="usd", scale=6):
    """Return a row of tagged figures; one that begins with a minus has the sign in its tag alone."""
    cells = "".join(
        f'<td><ix:nonFraction name="{element}" contextRef="{context}" unitRef="{unit}" scale="{scale}"{" sign=" + chr(34) + "-" + chr(34) if figure[0] == "-" else ""}>'
        f"{figure.lstrip('-')}</ix:nonFraction></td>"
        for figure, context in zip(figures, contexts, strict=True)
    )
    return f"<tr><td>{label}</td>{cells}</tr>"


def test_tags_say_what_a_row_is():
    """Concept, period, unit, scale and sign are the tags', whatever words the filing uses."""
    (table,) = tables(
        inline(
            tagged("Takings of the club", "us-gaap:Revenues", "1,200", "1,100", contexts=("part24", "part23")),
            tagged("Takings", "us-gaap:Revenues", "4,200", "3,900"),
            tagged("What was lost", "us-gaap:NetIncomeLoss", "-35", "12"),
            tagged("A share", "us-gaap:EarningsPerShareDiluted", "-0.35", "0.12", unit="eps", scale=0),
        ),
        ".htm",
    )
    assert (table.source, table.scale) == ("xbrl", 6)
    assert periods(table) == [("2025-02-01", 12, 2024, "value"), ("2024-02-03", 12, 2023, "value")]
    assert concepts(table) == {"revenue": "Takings", "net_income": "What was lost", "eps_diluted": "A share"}
    assert (rows(table)["What was lost"], rows(table)["A share"]) == ([-35, 12], [-0.35, 0.12])
    assert [(row.unit, row.currency, row.scale) for row in table.rows[2:]] == [("money", "USD", 6), ("per_share", "USD", 0)]


def test_members_are_parts():
    """A column of a member is a part: in a statement it has no values, and its rows are not the company's concepts."""
    statement = inline(
        *(tagged(label, f"x:Own{at}", "10", "9", contexts=("whole24", "part24")) for at, (label, *_) in enumerate(INCOME)),
        header="<th>2024</th><th>2024</th>",
    ).replace("FORM 10-K", "Consolidated income statement")
    (table,) = tables(statement, ".htm")
    assert [(column.role, column.heading) for column in table.columns] == [("value", ""), ("other", "Club Stores")]
    (table,) = tables(inline(tagged("Sales", "us-gaap:Revenues", "10", "9", contexts=("part24", "part23"))), ".htm")
    assert concepts(table) == {}


def test_figures_of_another_period_are_left_out():
    """A figure that its tag dates otherwise than its column is not one of the column's."""
    (table,) = tables(
        inline(
            tagged("Sales", "us-gaap:Revenues", "10", "9"),
            tagged("Costs", "us-gaap:CostOfRevenue", "8", "7"),
            tagged("Orders", "x:Orders", "3", "2", contexts=("whole23", "whole23")),
        ),
        ".htm",
    )
    assert rows(table) == {"Sales": [10, 9], "Costs": [8, 7], "Orders": [2]}


def test_key_figures_without_statements():
    """Where a document has no statement, the one row that names a concept is it; not in tables of parts or of plans."""
    lines = [("Results, $ million", 2024, 2023), ("Revenue", 42, 39), ("Operating loss", -3, -2)]
    (table,) = tables(workbook(("Results", lines, "#,##0")), ".xlsx")
    assert concepts(table) == {"revenue": "Revenue", "operating_income": "Operating loss"}
    for title in ("Budget", "Segments", "Retail division"):
        (table,) = tables(workbook((title, lines, "#,##0")), ".xlsx")
        assert concepts(table) == {}, title
    first, second = tables(workbook(("Results", lines, "#,##0"), ("More", [lines[0], ("Revenue", 4, 3)], "#,##0")), ".xlsx")
    assert ("revenue" in concepts(first), "revenue" in concepts(second)) == (False, False)


@pytest.mark.parametrize(
    ("name", "source", "label", "values"),
    [
        ("Fenwick results 2024 scaled.xlsx", "xlsx", "Operating loss", [-1318, -902]),
        ("Galtee results 2024 formulas.xlsx", "xlsx", "Wholesale", [208, 195]),
        ("Brightwater 10-K 2023.htm", "xbrl", "Goodwill", [1905, 1888]),
        ("Corvane annual report 2024.html", "html", "Headline earnings", [1284, 1102]),
    ],
)
def test_samples(name, source, label, values):
    """The sample inputs have one table each, in millions."""
    (table,) = tables(case(name), name[name.rindex(".") :])
    assert (table.source, table.scale, rows(table)[label]) == (source, 6, values)


def test_a_dash_is_nothing_or_a_minus():
    """A dash in a column of figures is nothing; one beside them, in a column without a header, is the sign of its figure."""
    head = "<tr><td>EUR million</td><td>2024</td><td>2023</td></tr>"
    (table,) = tables(
        html(f"{head}<tr><td>Orders</td><td>-</td><td>8</td></tr><tr><td>Returns</td><td>4</td><td>-</td></tr>"), ".html"
    )
    assert rows(table) == {"Orders": [0, 8], "Returns": [4, 0]}
    head = '<tr><td>EUR million</td><td colspan="2">2024</td><td colspan="2">2023</td></tr>'
    body = "<tr><td>Result</td><td>-</td><td>12</td><td></td><td>8</td></tr><tr><td>Orders</td><td></td><td>40</td><td>-</td><td>3</td></tr>"
    (table,) = tables(html(head + body), ".html")
    assert rows(table) == {"Result": [-12, 8], "Orders": [40, -3]}


def test_a_period_in_a_row_of_its_own():
    """A period between the rows begins a table over that period; the columns keep their names."""
    found = tables(
        html(
            "<tr><td></td><td colspan=2>Frozen</td><td colspan=2>Fresh</td></tr>"
            "<tr><td colspan=5>Six months ended June 30, 2024</td></tr><tr><td>Orders</td><td>$</td><td>10</td><td>$</td><td>7</td></tr>"
            "<tr><td colspan=5>Six months ended June 30, 2023</td></tr><tr><td>Orders</td><td></td><td>9</td><td></td><td>6</td></tr>"
        ),
        ".html",
    )
    assert [rows(table)["Orders"] for table in found] == [[10, 7], [9, 6]]
    assert [[(column.end, column.months, column.heading) for column in table.columns] for table in found] == [
        [(end, 6, name) for name in ("Frozen", "Fresh")] for end in ("2024-06-30", "2023-06-30")
    ]


@pytest.mark.parametrize("end", ["2024-99-99", "soon", ""])
def test_dates_that_are_none(end):
    """A tag whose period is no date says nothing of its column."""
    broken = inline(tagged("Sales", "us-gaap:Revenues", "10", "9"), tagged("Costs", "us-gaap:CostOfRevenue", "8", "7"))
    (table,) = tables(broken.replace("2025-02-01", end).replace("2024-02-03", end), ".htm")
    assert ([column.year for column in table.columns], rows(table)["Sales"]) == ([2024, 2023], [10, 9])


def test_wide_tables_are_not_read_as_cells():
    """A table of more columns than any statement has is left to its text."""
    assert tables(html("<tr><td>Year 2024</td></tr>" + ("<tr>" + "<td>7</td>" * 300 + "</tr>") * 20), ".html") == []
