"""XLSX as its sheets show it: formats, rich text, hidden parts, formulas without values, wrong dimensions, and cells as values."""

import datetime
import io
import re
import zipfile

import openpyxl
import pytest
import xlsxwriter
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.comments import Comment
from openpyxl.styles import Font

from jacie_flask.errors import DocumentRejected
from jacie_flask.evidence.proof.readings import read
from tests.support.reading import case, read_here

RAISED = InlineFont(vertAlign="superscript")


def saved(book, **changed):
    """Return the bytes of a workbook; ``changed`` are (pattern, replacement) by the name of a part without its ending."""
    buffer = io.BytesIO()
    book.save(buffer)
    if not changed:
        return buffer.getvalue()
    other = io.BytesIO()
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(other, "w") as target:
        for name in source.namelist():
            data = source.read(name).decode("utf-8", "surrogateescape")
            for part, (pattern, replacement) in changed.items():
                if name.endswith(f"/{part}.xml"):
                    data, count = re.subn(pattern, replacement, data)
                    assert count, (name, pattern)
            target.writestr(name, data.encode("utf-8", "surrogateescape"))
    return other.getvalue()


def book_of(*rows):
    """Return a workbook with one sheet, "Results", of these rows."""
    book = openpyxl.Workbook()
    book.active.title = "Results"
    for row in rows:
        book.active.append(row)
    return book


def test_the_workbook_in_scaled_millions():
    """Figures are those of the sheet, and the unit of its heading is right for them."""
    reading = read_here(case("Fenwick results 2024 scaled.xlsx"), ".xlsx")
    (text,) = reading.pages
    assert text.split("\n")[2:] == ["Revenue 42,280 39,265", "Operating loss (1,318) (902)", "Net debt 8,417 7,760"]
    revenue = next(unit for unit in read(text).units if unit.label == "Revenue")
    assert ([figure.value for figure in revenue.figures], revenue.scale) == ([42280, 39265], 6)
    assert reading.grids[0].rows[1].cells[1].value == 42_280_000_000


def test_the_workbook_that_was_never_calculated():
    """The cells are counted and named; no figure is made up."""
    reading = read_here(case("Galtee results 2024 formulas.xlsx"), ".xlsx")
    assert reading.notes == ["2 cells were never calculated, so the file has no value for Segments B5, Segments C5"]
    assert reading.pages[0].endswith("Total segment revenue (not calculated) (not calculated)")


def test_formulas_show_the_values_they_were_saved_with():
    """Numbers, words, errors and empty words; one that was never calculated puts no other cell in its column."""
    book = book_of(
        ["Item", 2024, 2023],
        ["Total", "=SUM(1,2)", 7],
        ["Word", "=T(1)", 8],
        ["Bad", "=1/0", 9],
        ["Empty", '=""', 10],
        ["New", "=2", 11],
    )
    data = saved(book, sheet1=(r'<c r="B2"><f>SUM\(1,2\)</f><v ?/?>(?:</v>)?', '<c r="B2"><f>SUM(1,2)</f><v>3</v>'))
    for found, put in (
        (r'<c r="B3"><f>T\(1\)</f><v ?/?>(?:</v>)?', '<c r="B3" t="str"><f>T(1)</f><v>yes</v>'),
        (r'<c r="B4"><f>1/0</f><v ?/?>(?:</v>)?', '<c r="B4" t="e"><f>1/0</f><v>#DIV/0!</v>'),
        (r'<c r="B5"><f>""</f><v ?/?>(?:</v>)?', '<c r="B5" t="str"><f>""</f><v></v>'),
    ):
        data = saved(_Loaded(data), sheet1=(found, put))
    reading = read_here(data, ".xlsx")
    assert reading.pages[0].split("\n") == [
        "Results", "Item 2024 2023", "Total 3 7", "Word yes 8", "Bad #DIV/0! 9", "Empty 10", "New (not calculated) 11",
    ]  # fmt: skip
    assert reading.notes == ["1 cell was never calculated, so the file has no value for Results B6"]


def test_zeros_that_stand_for_formulas_to_be_calculated():
    """A program that calculates nothing writes 0 and asks for it; other values that it was given are believed, and typed zeros too."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        sheet = book.add_worksheet("Results")
        sheet.write_row(0, 0, ["Item", "2024", "2023"])
        sheet.write_row(1, 0, ["Total", 0])
        sheet.write_formula(1, 2, "=1+1")
        sheet.write_formula(2, 1, "=2+2", None, 4)
    reading = read_here(buffer.getvalue(), ".xlsx")
    assert reading.pages[0].split("\n")[1:] == ["Item 2024 2023", "Total 0 (not calculated)", "4"]
    assert reading.notes == ["1 cell was never calculated, so the file has no value for Results C2"]


def test_red_figures_head_no_columns():
    """A letter of a colour makes no date of a number; a date may head a column."""
    book = book_of(["Retail", 5, 6], ["Costs", 3, 4])
    for cell in book.active[1][1:]:
        cell.number_format = "[Red]#,##0"
    book.active.append(["Item"] * 900)
    pages = read_here(saved(book), ".xlsx").pages
    assert not pages[-1].startswith("Results\nRetail")


class _Loaded:
    """Bytes that save themselves."""

    def __init__(self, data):
        self.data = data

    def save(self, buffer):
        """Write the bytes."""
        buffer.write(self.data)


def test_marks_in_rich_text_and_in_raised_cells():
    """A raised run is a mark at its figure; a raised cell is one at the figure before it; units stay."""
    book = book_of(
        ["Item", 2024, 2023],
        [CellRichText("Goodwill", TextBlock(RAISED, "1")), CellRichText("96", TextBlock(RAISED, "4")), 88],
        [CellRichText("Area in m", TextBlock(RAISED, "2")), 1200, 1100],
        ["Dividend", 96, "4", 88],
        [CellRichText("The 1", TextBlock(RAISED, "st"), " of May"), 5, 6],
    )
    book.active["C4"].font = Font(vertAlign="superscript")
    reading = read_here(saved(book), ".xlsx")
    assert reading.pages[0].split("\n")[2:] == [
        "Goodwill¹ 96⁴ 88",
        "Area in m² 1200 1100",
        "Dividend 96⁴ 88",
        "The 1st of May 5 6",
    ]
    goodwill, area, dividend, _ = reading.grids[0].rows[1:]
    assert [(cell.text, cell.marks) for cell in goodwill.cells] == [("Goodwill", ("1",)), ("96", ("4",)), ("88", ())]
    assert area.cells[0].text == "Area in m²"
    assert [(cell.text, cell.marks, cell.column) for cell in dividend.cells] == [
        ("Dividend", (), 0),
        ("96", ("4",), 1),
        ("88", (), 3),
    ]


def test_formats_of_a_sheet():
    """Scaled, conditional, literal, percent, date and accounting formats, and text by its section."""
    book = book_of(
        ["a", 1234567],
        ["b", 0.1234],
        ["c", -1318e6],
        ["d", datetime.date(2023, 12, 31)],
        ["e", 0],
        ["f", "n/a"],
        ["g", 12345],
        ["h", True],
    )
    codes = [
        '0.0,,"M"',
        "0.0%",
        "#,##0,,;(#,##0,,)",
        "d mmm yyyy",
        '#,##0;(#,##0);"–"',
        '0;0;0;"<"@">"',
        '[>=1000]0.0,"k";0',
        "General",
    ]
    for number, code in enumerate(codes, 1):
        book.active.cell(number, 2).number_format = code
    assert read_here(saved(book), ".xlsx").pages[0].split("\n")[1:] == [
        "a 1.2M", "b 12.3%", "c (1,318)", "d 31 Dec 2023", "e –", "f <n/a>", "g 12.3k", "h TRUE",
    ]  # fmt: skip


@pytest.mark.parametrize("dimension", ["A1", "A1:B1", "Z9:AA10", "nonsense", "A1:XFD1048576"])
def test_a_wrong_dimension_costs_no_cell(dimension):
    """What a sheet says of its size is not believed."""
    data = saved(
        book_of(["Item", 2024, 2023], ["Revenue", 5, 6], ["Costs", 3, 4]),
        sheet1=(r'<dimension ref="[^"]*"', f'<dimension ref="{dimension}"'),
    )
    assert read_here(data, ".xlsx").pages[0].split("\n")[1:] == ["Item 2024 2023", "Revenue 5 6", "Costs 3 4"]


def test_what_is_hidden_is_left_out_and_noted():
    """Sheets, rows, columns and cells without a shown form; comments too."""
    book = book_of(
        ["Item", 2024, "key", 2023], ["Revenue", 5, 99, 6], ["Draft", 7, 98, 8], ["Blank", 9, 97, 10], ["Zero", 0, 96, 11]
    )
    sheet = book.active
    sheet.row_dimensions[3].hidden = True
    sheet.column_dimensions["C"].hidden = True
    sheet["B4"].number_format = ";;;"
    sheet["B5"].number_format = "0;-0;;@"
    sheet["B2"].comment = Comment("Check this", "A")
    book.create_sheet("Secret").append(["x", 1])
    book["Secret"].sheet_state = "hidden"
    book.create_sheet("Very").append(["x", 1])
    book["Very"].sheet_state = "veryHidden"
    reading = read_here(saved(book), ".xlsx")
    assert reading.pages[0].split("\n")[1:] == ["Item 2024 2023", "Revenue 5 6", "Blank 10", "Zero 11"]
    assert reading.notes == [
        "hidden sheets were not read: Secret, Very", "hidden rows were not read: 1 of Results",
        "cells that their format hides were not read: 1", "comments were not read: 1",
    ]  # fmt: skip


def test_merged_headings_span_their_columns():
    """A heading over two years says so."""
    book = book_of(["R million", "Year", None], [None, 2024, 2023], ["Revenue", 5, 6])
    book.active.merge_cells("B1:C1")
    book.active.merge_cells("A1:A2")
    rows = read_here(saved(book), ".xlsx").grids[0].rows
    assert [(cell.text, cell.column, cell.columns, cell.rows) for cell in rows[0].cells] == [
        ("R million", 0, 1, 2),
        ("Year", 1, 2, 1),
    ]


def test_rows_know_their_page_and_line():
    """Also where a sheet is cut and its heading is repeated, and on the second sheet."""
    book = book_of(["Plant", "Capacity"], *[[f"Plant number {n}", n * 3] for n in range(500)])
    book.create_sheet("Other").append(["One", 1])
    reading = read_here(saved(book), ".xlsx")
    assert len(reading.pages) > 3
    assert [len(grid.rows) for grid in reading.grids] == [501, 1]
    for grid in reading.grids:
        for row in grid.rows:
            assert reading.pages[row.page - 1].split("\n")[row.line] == " ".join(cell.text for cell in row.cells)


def test_dates_from_1904_and_iso_dates():
    """Both are the day that is shown."""
    book = book_of(["Day", 43829])
    book.active["B1"].number_format = "yyyy-mm-dd"
    data = saved(book, workbook=(r"<workbookPr[^>]*>", '<workbookPr date1904="1"/>'))
    assert read_here(data, ".xlsx").pages[0].endswith("Day 2023-12-31")
    data = saved(book, sheet1=(r'(<c r="B1"[^>]*?)(?: t="n")?><v>43829</v>', r'\1 t="d"><v>2023-12-31T00:00:00</v>'))
    assert read_here(data, ".xlsx").pages[0].endswith("Day 2023-12-31")


def test_prefixes_of_other_programs_and_missing_references():
    """Names of elements may have a prefix, rows and cells may leave out where they are."""
    book = book_of(["Item", "Two"], ["Revenue", 5])
    data = saved(book, sheet1=(r' r="[A-Z]*\d+"', ""))
    data = saved(_Loaded(data), sheet1=(r"<(/?)(?=[a-z])", r"<\1x:"))
    data = saved(_Loaded(data), sheet1=(r"xmlns=", "xmlns:x="))
    assert read_here(data, ".xlsx").pages[0] == "Results\nItem Two\nRevenue 5"


@pytest.mark.parametrize(
    "change",
    [
        {"workbook": ("<sheet ", "<sheet <")}, {"sheet1": ("</row>", "")}, {"styles": ("</cellXfs>", "")}, {"sheet1": ("<c ", "<c <")},
    ],
)  # fmt: skip
def test_damaged_parts_are_named(change):
    """A part that cannot be parsed makes no guess."""
    with pytest.raises(DocumentRejected) as caught:
        read_here(saved(book_of(["Item", 5]), **change), ".xlsx")
    assert caught.value.reason == "it is not a readable XLSX"
