"""Owns the layout of the sample reports and writes their PDF files: `python sample_documents/render.py`."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from companies import COMPANIES, Look
from figures import check
from narrative import Narrative, narrative_of
from reportlab.graphics.shapes import Drawing, Line, Rect, String
from reportlab.lib.colors import Color, HexColor, white
from reportlab.lib.enums import TA_JUSTIFY
from reportlab.lib.pagesizes import A4, letter
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    KeepTogether,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
)
from reportlab.platypus import Table as Grid
from statements import (
    Note,
    Pick,
    Report,
    Row,
    Table,
    assets_table,
    balance_sheet,
    cash_flow,
    costs_table,
    debt_moves_table,
    dividends_table,
    earnings_table,
    equity_statement,
    highlights,
    income_statement,
    intangibles_table,
    leases_table,
    loans_table,
    measures,
    regions_table,
    segments,
    tax_table,
)

FOLDER = Path(__file__).resolve().parent
YEARS = (2023, 2024)
MARGIN = 20 * mm
NOTES = "Notes to the financial statements"
"""The only chapter that begins below another."""
FICTIONAL = "This company is fictional and this report is sample data."
INK = HexColor("#222222")
PALE = HexColor("#F1F3F4")
GREY = HexColor("#6B6F73")


@dataclass(frozen=True)
class Type:
    """The fonts, colours and paragraph styles of one company's reports."""

    look: Look

    @property
    def regular(self) -> str:
        """The font of running text."""
        return "Times-Roman" if self.look.serif else "Helvetica"

    @property
    def bold(self) -> str:
        """The font of headings and totals."""
        return "Times-Bold" if self.look.serif else "Helvetica-Bold"

    @property
    def size(self) -> float:
        """The size of running text; Times is smaller at the same size."""
        return 10.6 if self.look.serif else 9.6

    @property
    def paper(self) -> tuple[float, float]:
        """The page size."""
        width, height = letter if self.look.letter_paper else A4
        return float(width), float(height)

    @property
    def width(self) -> float:
        """The width between the margins."""
        return float(self.paper[0] - 2 * MARGIN)

    def style(self, name: str, **changes: object) -> ParagraphStyle:
        """A paragraph style that departs from running text only as told."""
        plain: dict[str, object] = {
            "fontName": self.regular,
            "fontSize": self.size,
            "leading": self.size * 1.45,
            "spaceAfter": 6,
            "textColor": INK,
        }
        return ParagraphStyle(name, **{**plain, **changes})

    def body(self, text: str) -> Paragraph:
        """A paragraph of running text."""
        return Paragraph(text, self.style("body", alignment=TA_JUSTIFY if self.look.serif else 0))

    def small(self, text: str) -> Paragraph:
        """A remark below a table."""
        return Paragraph(text, self.style("small", fontSize=8, leading=11, textColor=GREY))

    def chapter(self, text: str) -> Paragraph:
        """The heading of a page."""
        changes = {"fontName": self.bold, "fontSize": 19, "leading": 24, "spaceAfter": 10}
        return Paragraph(text, self.style("chapter", textColor=HexColor(self.look.main), **changes))

    def section(self, text: str) -> Paragraph:
        """A heading within a page."""
        changes = {"fontName": self.bold, "fontSize": 12, "leading": 15, "spaceBefore": 8, "spaceAfter": 4, "keepWithNext": 1}
        return Paragraph(text, self.style("section", textColor=HexColor(self.look.main), **changes))


def column_widths(table: Table, total: float) -> list[float]:
    """Labels take what the figures leave."""
    figures = len(table.head) - 1 - table.noted
    each = min(30 * mm, total * 0.66 / figures)
    notes = [17 * mm] if table.noted else []
    return [total - sum(notes) - each * figures, *notes, *[each] * figures]


def folded(text: str, font: str, size: float, width: float) -> str:
    """Text broken into lines where it is wider than its column."""
    return "\n".join(simpleSplit(text, font, size, width))


def figures_grid(table: Table, style: Type) -> Grid:
    """A table of figures, right-aligned below a ruled head; refuses a label or figure that does not fit."""
    widths, size = column_widths(table, style.width), style.size - 0.8
    head = [folded(text, style.bold, size, width - 4) for text, width in zip(table.head, widths, strict=True)]
    cells = [[row.label, *(row.cells or [""] * (len(widths) - 1))] for row in table.rows]
    for row in cells:
        for text, width in zip(row, widths, strict=True):
            assert stringWidth(text, style.bold, size) <= width - 4, f"too wide for its column: {text}"
    return Grid([head, *cells], colWidths=widths, style=grid_style(table, style, size), repeatRows=1, spaceBefore=4, spaceAfter=8)


def grid_style(table: Table, style: Type, size: float) -> list[tuple[object, ...]]:
    """The rules, fonts and shades of a table of figures."""
    main, accent = HexColor(style.look.main), HexColor(style.look.accent)
    commands: list[tuple[object, ...]] = [
        ("FONT", (0, 0), (-1, 0), style.bold, size),
        ("FONT", (0, 1), (-1, -1), style.regular, size),
        ("TEXTCOLOR", (0, 0), (-1, 0), main),
        ("TEXTCOLOR", (0, 1), (-1, -1), INK),
        ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
        ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
        ("LINEBELOW", (0, 0), (-1, 0), 1.2, accent),
        ("LINEBELOW", (0, -1), (-1, -1), 0.6, main),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 2),
        ("TOPPADDING", (0, 0), (-1, -1), 2.2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3.2),
    ]
    if table.noted:
        commands.append(("ALIGN", (1, 0), (1, -1), "CENTER"))
    for at, row in enumerate(table.rows, start=1):
        commands += row_style(row, at, style, size)
    return commands


def row_style(row: Row, at: int, style: Type, size: float) -> list[tuple[object, ...]]:
    """What sets one row off from the others."""
    span = (0, at), (-1, at)
    main = HexColor(style.look.main)
    shade = [("BACKGROUND", *span, PALE)] if style.look.striped and at % 2 == 0 else []
    if row.kind == "heading":
        return [*shade, ("FONT", *span, style.bold, size), ("TEXTCOLOR", *span, main), ("TOPPADDING", *span, 6)]
    if row.kind == "subtotal":
        return [*shade, ("FONT", *span, style.bold, size), ("LINEABOVE", *span, 0.4, GREY)]
    if row.kind == "total":
        return [("BACKGROUND", *span, PALE), ("FONT", *span, style.bold, size), ("LINEABOVE", *span, 0.8, main)]
    return list(shade)


def words_grid(rows: Iterable[tuple[str, ...]], shares: tuple[float, ...], style: Type) -> Grid:
    """A table of words, whose first row is its head."""
    main, size = HexColor(style.look.main), style.size - 0.6
    commands = [
        ("FONT", (0, 0), (-1, 0), style.bold, size),
        ("FONT", (0, 1), (-1, -1), style.regular, size),
        ("TEXTCOLOR", (0, 0), (-1, 0), main),
        ("TEXTCOLOR", (0, 1), (-1, -1), INK),
        ("LINEBELOW", (0, 0), (-1, 0), 1.2, HexColor(style.look.accent)),
        ("LINEBELOW", (0, 1), (-1, -1), 0.3, GREY),
        ("ALIGN", (-1, 0), (-1, -1), "RIGHT"),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 2),
    ]
    return Grid(list(rows), colWidths=[share * style.width for share in shares], style=commands, spaceBefore=6, spaceAfter=10)


def bars(report: Report, title: str, pick: Pick, style: Type, colour: str) -> Drawing:
    """A bar for each year, with its amount above it."""
    width, height, base = style.width / 2 - 6 * mm, 44 * mm, 14.0
    amounts = [pick(year) for year in report.years]
    drawing = Drawing(width, height)
    drawing.add(String(0, height - 10, title, fontName=style.bold, fontSize=9, fillColor=HexColor(style.look.main)))
    step, tallest = width / len(amounts), height - 40
    for at, (year, amount) in enumerate(zip(report.years, amounts, strict=True)):
        tall, middle = tallest * amount / max(amounts), (at + 0.5) * step
        drawing.add(Rect(middle - 16, base, 32, tall, fillColor=HexColor(colour), strokeColor=None))
        figure = report.books.currency.table(amount)
        drawing.add(String(middle, base + tall + 3, figure, fontName=style.regular, fontSize=8, textAnchor="middle"))
        drawing.add(String(middle, 3, str(year.number), fontName=style.regular, fontSize=8, textAnchor="middle"))
    drawing.add(Line(0, base, width, base, strokeColor=GREY, strokeWidth=0.5))
    return drawing


# chapters


def year_word(report: Report) -> str:
    """The year as the company names it."""
    return f"{report.company.fiscal}{report.number}"


def overview(report: Report, style: Type, pages: dict[str, int]) -> list[Flowable]:
    """Contents and a description of the company."""
    contents = [("Contents", "Page"), *((title, str(page)) for title, page in pages.items())]
    return [
        words_grid(contents, (0.85, 0.15), style),
        style.section(f"About {report.company.short}"),
        *map(style.body, report.company.about),
        style.section("About this report"),
        style.body(
            f"{FICTIONAL} {report.company.name} does not exist, and its people, places, brands and figures are invented. "
            f"Amounts are in {report.books.currency.unit} unless stated otherwise. The report covers the "
            f"{report.company.span(report.number)}."
        ),
    ]


def highlights_page(report: Report, style: Type) -> list[Flowable]:
    """The main figures in a table, operating measures and two charts."""
    unit, words = report.books.currency.unit, report.words
    charts = [
        bars(report, f"Revenue ({unit})", lambda y: y.revenue, style, style.look.main),
        bars(report, f"{words.operating_profit} ({unit})", lambda y: y.operating_profit, style, style.look.accent),
    ]
    return [
        figures_grid(highlights(report), style),
        style.small(
            f"EBITDA is {words.operating_profit.lower()} before depreciation and {words.amortisation.lower()}. Capital "
            "expenditure is purchases of property, plant and equipment and of intangible assets. Free cash flow is cash flow "
            "from operating activities less capital expenditure. Net debt is borrowings and lease liabilities less cash and "
            "short-term investments. pp means percentage points."
        ),
        figures_grid(measures(report), style),
        Spacer(1, 8),
        Grid([charts], colWidths=[style.width / 2] * 2, style=[("LEFTPADDING", (0, 0), (-1, -1), 2)]),
    ]


def letter_page(report: Report, style: Type, prose: Narrative) -> list[Flowable]:
    """The letter to shareholders, signed."""
    company = report.company
    large = style.style("letter", fontSize=style.size + 1.6, leading=style.size * 1.9, spaceAfter=11)

    def write(text: str) -> Paragraph:
        return Paragraph(text, large)

    return [
        write("Dear shareholders,"),
        *map(write, prose.letter),
        write(
            "On behalf of the board we thank our employees for their work, our customers for their trust and you for your "
            "patience and support."
        ),
        Spacer(1, 14),
        Paragraph(company.chief, style.style("signed", fontName=style.bold, spaceAfter=0)),
        style.body("Chief executive officer"),
        Paragraph(company.chair, style.style("signed", fontName=style.bold, spaceAfter=0, spaceBefore=8)),
        style.body("Chair"),
    ]


def discussion(report: Report, style: Type, prose: Narrative) -> list[Flowable]:
    """Management's discussion: results, their causes, cash flow and financial position."""
    words = report.words
    sections = (
        ("Revenue", prose.revenue),
        (f"{words.operating_profit} and margin", prose.margin),
        ("Segments", prose.segments),
        (f"Finance costs, tax and {words.net_income.lower()}", prose.result),
        ("Cash flow and capital expenditure", prose.cash),
        ("Financial position", prose.position),
    )
    return [flowable for title, texts in sections for flowable in (style.section(title), *map(style.body, texts))]


def prospects_page(report: Report, style: Type, prose: Narrative) -> list[Flowable]:
    """What management expects, and the main risks to it."""
    lines = [style.body(f"{at}. {text}") for at, text in enumerate(prose.outlook, start=1)]
    intro = "The board reviews the main risks twice a year. Those below could affect results most; their order is no ranking."
    told = [style.body(f"<b>{title}.</b> {text}") for title, text in report.company.risks]
    return [style.section("Outlook"), *lines, style.section("Risk factors"), style.body(intro), *told]


def governance_page(report: Report, style: Type) -> list[Flowable]:
    """The board and how it works."""
    company = report.company
    rows = [("Name", "Role", "Since"), *company.board]
    return [
        words_grid(rows, (0.32, 0.56, 0.12), style),
        *map(style.body, company.governance),
        style.section("Internal control"),
        style.body(
            f"Management, led by {company.chief} and {company.finance_chief}, is responsible for internal control over "
            f"financial reporting. It assessed that control at the end of {year_word(report)} and found no material weakness."
        ),
        style.section("Shares"),
        style.body(
            f"The company has one class of shares, each with one vote. The average number of shares in {year_word(report)} was "
            f"{report.books.currency.plain(report.now.flow(report.books.shares))} ({company.shares_unit})."
        ),
    ]


def auditor_page(report: Report, style: Type) -> list[Flowable]:
    """The statement of the invented auditor."""
    company, text = report.company, report.books.currency.text
    materiality = round(report.now.profit_before_tax * 0.05)
    return [
        style.small("The auditor named here is fictional and no audit took place. The statement shows where one would stand."),
        style.section("Opinion"),
        style.body(
            f"In our opinion, the consolidated financial statements of {company.name} give a true and fair view of its financial "
            f"position at {company.year_end} {report.number} and of its performance and cash flows for the "
            f"{company.span(report.number)}, in accordance with {company.standards}."
        ),
        style.section("Materiality"),
        style.body(f"We set materiality at {text(materiality)}, which is 5% of {report.words.before_tax.lower()}."),
        style.section("Key audit matters"),
        style.body(
            f"Revenue. Revenue of {text(report.now.revenue)} arises from very many transactions. We tested the systems that "
            "record it, and compared a sample of transactions with contracts and payments."
        ),
        style.body(
            f"Goodwill. The balance sheet shows goodwill of {text(report.now.goodwill)}. We challenged the growth and discount "
            "rates in the impairment test and found that they lie within a reasonable range."
        ),
        style.body(
            f"Capital expenditure. Additions of {text(report.now.capex)} were recorded as assets. We tested whether the "
            "costs met the conditions for doing so and whether useful lives were appropriate."
        ),
        style.section("Responsibilities"),
        style.body(
            "The board is responsible for preparing the financial statements. Our task is to obtain reasonable assurance about "
            "whether they are free from material misstatement, and to report on it."
        ),
        Spacer(1, 14),
        Paragraph(company.auditor, style.style("signed", fontName=style.bold)),
    ]


def statement_page(report: Report, style: Type, table: Table, *, at_date: bool = False) -> list[Flowable]:
    """A statement that fills a page."""
    company = report.company
    when = f"At {company.year_end} {report.number}" if at_date else f"For the {company.span(report.number)}"
    remark = "The notes are an integral part of these consolidated financial statements. Amounts in brackets are negative."
    return [style.small(f"{when}, in {report.books.currency.unit}"), figures_grid(table, style), style.small(remark)]


def notes_of(report: Report, prose: Narrative) -> list[Note]:
    """The notes, in the order of the numbers by which the statements refer to them."""
    now, then, company = report.now, report.then, report.company
    basis = (
        f"The consolidated financial statements follow {company.standards}. They are prepared on the historical cost basis and "
        f"presented in {report.books.currency.unit}. {FICTIONAL}"
    )
    corporate = (
        "Segments are reported as the chief executive sees them. The column Corporate holds costs that no segment carries."
    )
    dividends = (
        "The final dividend is proposed to the annual meeting and paid in the following year."
        if now.dividend_per_share
        else f"No dividend was declared or paid for {year_word(report)} or for the year before."
    )
    useful = (
        "Assets are depreciated in equal parts over their useful lives: 20 to 40 years for buildings, 3 to 25 years otherwise."
    )
    impairment = "Goodwill is tested for impairment every year. No impairment was recorded in either year."
    covenant = "Net debt may not exceed 3.0 times EBITDA under the loan agreements. The limit was kept at all times."
    return [
        Note("Basis of preparation", (basis,)),
        Note("Segment information", (corporate, segments(report, now), segments(report, then))),
        Note("Revenue by region", (regions_table(report),)),
        Note("Selected operating costs", ("The expenses in the income statement contain these costs:", costs_table(report))),
        Note("Income tax", (tax_table(report),)),
        Note("Earnings per share", (earnings_table(report),)),
        Note("Dividends" if now.dividend_per_share else "Dividends and share repurchases", (dividends, dividends_table(report))),
        Note(report.words.tangibles, (useful, assets_table(report, now), assets_table(report, then))),
        Note("Goodwill and other intangible assets", (impairment, intangibles_table(report))),
        Note("Borrowings", (loans_table(report), debt_moves_table(report), covenant)),
        Note("Leases", (leases_table(report),)),
        Note("Events after the reporting period", (prose.events,)),
    ]


def notes_pages(report: Report, style: Type, prose: Narrative) -> list[Flowable]:
    """The notes, none of which is broken between pages."""
    blocks: list[Flowable] = []
    for number, note in enumerate(notes_of(report, prose), start=1):
        parts = [style.body(part) if isinstance(part, str) else figures_grid(part, style) for part in note.parts]
        blocks += [CondPageBreak(40 * mm), KeepTogether([style.section(f"{number}. {note.title}"), *parts])]
    return blocks


def chapters(report: Report, style: Type, pages: dict[str, int]) -> dict[str, list[Flowable]]:
    """Every chapter after the cover, by title."""
    prose, words = narrative_of(report), report.words
    return {
        "Contents and overview": overview(report, style, pages),
        "Financial highlights": highlights_page(report, style),
        "Letter to shareholders": letter_page(report, style, prose),
        "Management discussion and analysis": discussion(report, style, prose),
        "Outlook and risk factors": prospects_page(report, style, prose),
        "Corporate governance": governance_page(report, style),
        "Independent auditor's statement": auditor_page(report, style),
        words.income_statement: statement_page(report, style, income_statement(report)),
        words.balance_sheet: statement_page(report, style, balance_sheet(report), at_date=True),
        words.cash_flow: statement_page(report, style, cash_flow(report)),
        words.equity_statement: statement_page(report, style, equity_statement(report)),
        NOTES: notes_pages(report, style, prose),
    }


# pages


def band(look: Look, width: float, height: float) -> tuple[float, float, float, float]:
    """Where the colour stands on the cover: x, y, width, height."""
    return {
        "left": (0, 0, width * 0.3, height),
        "top": (0, height * 0.58, width, height * 0.42),
        "bottom": (0, 0, width, height * 0.4),
    }[look.band]


def draw_cover(report: Report, style: Type, canvas: Canvas, _doc: BaseDocTemplate) -> None:
    """The cover: a band of colour, the title, and what the report is."""
    width, height = style.paper
    look, company = style.look, report.company
    canvas.setFillColor(HexColor(look.main))
    x, y, wide, tall = band(look, width, height)
    canvas.rect(x, y, wide, tall, stroke=0, fill=1)
    canvas.setFillColor(HexColor(look.accent))
    if look.band == "left":
        canvas.rect(wide, 0, 5, height, stroke=0, fill=1)
    else:
        canvas.rect(0, y - 5 if look.band == "top" else tall, width, 5, stroke=0, fill=1)
    left = wide + 14 * mm if look.band == "left" else MARGIN
    room = width - left - MARGIN / 2
    top = {"left": 0.74, "top": 0.80, "bottom": 0.74}[look.band] * height
    ink = white if look.band == "top" else HexColor(look.main)
    top = draw_lines(canvas, company.name, (style.bold, 27), (left, top), room, ink)
    draw_lines(canvas, company.tagline, (style.regular, 13), (left, top - 4), room, ink)
    low = {"left": 0.42, "top": 0.46, "bottom": 0.33}[look.band] * height
    ink = white if look.band == "bottom" else INK
    low = draw_lines(canvas, f"Annual Report {report.number}", (style.bold, 21), (left, low), room, ink)
    low = draw_lines(canvas, f"for the {company.span(report.number)}", (style.regular, 12), (left, low - 2), room, ink)
    low = draw_lines(canvas, company.seat, (style.regular, 12), (left, low - 2), room, ink)
    notice = f"{FICTIONAL} Names, people and figures are invented. It is no offer and no advice."
    draw_lines(canvas, notice, (style.bold, 10), (left, low - 22), room, ink)


def draw_lines(canvas: Canvas, text: str, font: tuple[str, float], at: tuple[float, float], room: float, ink: Color) -> float:
    """Text in as many lines as it needs; the height at which the next text may stand."""
    (name, size), (x, y) = font, at
    canvas.setFillColor(ink)
    canvas.setFont(name, size)
    for line in simpleSplit(text, name, size, room):
        canvas.drawString(x, y, line)
        y -= size * 1.3
    return float(y)


def draw_frame(report: Report, style: Type, canvas: Canvas, doc: BaseDocTemplate) -> None:
    """Header and footer of a page."""
    width, height = style.paper
    canvas.setFont(style.regular, 8)
    canvas.setFillColor(GREY)
    canvas.drawString(MARGIN, height - 12 * mm, report.company.name)
    canvas.drawRightString(width - MARGIN, height - 12 * mm, f"Annual Report {report.number}")
    canvas.setStrokeColor(HexColor(style.look.accent))
    canvas.setLineWidth(0.8)
    canvas.line(MARGIN, height - 14 * mm, width - MARGIN, height - 14 * mm)
    canvas.drawString(MARGIN, 10 * mm, "Fictional company, sample data")
    canvas.drawRightString(width - MARGIN, 10 * mm, f"Page {doc.page}")


def build(report: Report, pages: dict[str, int]) -> tuple[bytes, dict[str, int]]:
    """The PDF, and the page on which each chapter begins."""
    style, file, found = Type(report.company.look), io.BytesIO(), dict[str, int]()
    doc = BaseDocTemplate(
        file,
        pagesize=style.paper,
        title=f"{report.company.name} Annual Report {report.number}",
        author=report.company.name,
        subject=FICTIONAL,
        invariant=1,
        # Compressed bytes differ between builds of zlib; plain ones are the same everywhere.
        pageCompression=0,
    )
    frame = Frame(MARGIN, 17 * mm, style.width, style.paper[1] - 35 * mm, 0, 0, 0, 0)
    cover = PageTemplate("cover", [frame], onPage=partial(draw_cover, report, style))
    inner = PageTemplate("inner", [frame], onPage=partial(draw_frame, report, style))
    doc.addPageTemplates([cover, inner])
    doc.afterFlowable = partial(mark_chapter, doc, found)
    story: list[Flowable] = [NextPageTemplate("inner"), Spacer(1, 1)]
    for title, parts in chapters(report, style, pages).items():
        story += [Spacer(1, 18) if title == NOTES else PageBreak(), style.chapter(title), *parts]
    doc.build(story)
    return file.getvalue(), found


def mark_chapter(doc: BaseDocTemplate, found: dict[str, int], flowable: Flowable) -> None:
    """Note the page of a chapter, and offer it in the reader's outline."""
    if isinstance(flowable, Paragraph) and flowable.style.name == "chapter":
        title = flowable.getPlainText()
        found[title] = doc.page
        doc.canv.bookmarkPage(title)
        doc.canv.addOutlineEntry(title, title)


def render(report: Report) -> bytes:
    """The PDF of a report; the first pass only finds the pages that the contents name."""
    _, first = build(report, dict.fromkeys(chapters(report, Type(report.company.look), {}), 0))
    content, second = build(report, first)
    assert first == second, f"the contents moved the pages of {report.company.short} {report.number}"
    return content


def write_all(folder: Path, say: Callable[[str], object] = lambda _: None) -> None:
    """Check every company's books and write its reports into a folder."""
    for company in COMPANIES:
        check(company.books)
        for number in YEARS:
            content = render(Report(company, number))
            (folder / company.filename(number)).write_bytes(content)
            say(f"{company.filename(number)} {len(content):,} bytes\n")


if __name__ == "__main__":
    write_all(FOLDER, sys.stdout.write)
