"""Owns the tables of a report: which rows each statement and note has, and in which words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from companies import Company, Words
from figures import FIRST_YEAR, AssetClass, Books, Loan, Year

Kind = Literal["heading", "line", "subtotal", "total"]
Pick = Callable[[Year], int]


@dataclass(frozen=True)
class Row:
    """One row of a table; a heading has no cells."""

    label: str
    cells: tuple[str, ...] = ()
    kind: Kind = "line"


@dataclass(frozen=True)
class Table:
    """A table: the head names every column, the first of which holds the labels."""

    head: tuple[str, ...]
    rows: tuple[Row, ...]
    noted: bool = False


@dataclass(frozen=True)
class Note:
    """A numbered note to the financial statements."""

    title: str
    parts: tuple[str | Table, ...]


@dataclass(frozen=True)
class Report:
    """The annual report of one company on one year, next to the year before."""

    company: Company
    number: int

    @property
    def books(self) -> Books:
        """The company's books."""
        return self.company.books

    @property
    def words(self) -> Words:
        """The company's words."""
        return self.company.words

    @property
    def now(self) -> Year:
        """The year reported on."""
        return Year(self.books, self.number)

    @property
    def then(self) -> Year:
        """The year before."""
        return self.now.prior

    @property
    def years(self) -> tuple[Year, ...]:
        """Every year from the first modelled one to the one reported on."""
        return tuple(Year(self.books, number) for number in range(FIRST_YEAR, self.number + 1))

    def head(self, *, noted: bool = False) -> tuple[str, ...]:
        """The head of a table with two years."""
        return (self.books.currency.unit, *(("Note",) if noted else ()), str(self.number), str(self.number - 1))

    def row(self, label: str, pick: Pick, kind: Kind = "line", note: str | None = None) -> Row:
        """A row with both years' amounts; `note` fills the column of notes where there is one."""
        amounts = (self.books.currency.table(pick(self.now)), self.books.currency.table(pick(self.then)))
        return Row(label, amounts if note is None else (note, *amounts), kind)

    def table(self, rows: Iterable[Row], *, noted: bool = False) -> Table:
        """A table with two years, without the lines that are empty in both."""
        kept = tuple(row for row in rows if row.kind != "line" or set(row.cells[-2:]) != {"–"})
        return Table(self.head(noted=noted), kept, noted)


def change(now: float, then: float) -> str:
    """The relative change as a table shows it; none where a figure is not positive, as it would mislead."""
    return f"{100 * (now - then) / then:+.1f}%" if now > 0 and then > 0 else "–"


def margin(year: Year, pick: Pick) -> float:
    """A figure as a percentage of revenue, rounded as published."""
    return round(100 * pick(year) / year.revenue, 1)


def highlights(report: Report) -> Table:
    """The main figures of the year with their change."""
    now, then, words, currency = report.now, report.then, report.words, report.books.currency

    def amount(label: str, pick: Pick) -> Row:
        return Row(label, (currency.table(pick(now)), currency.table(pick(then)), change(pick(now), pick(then))))

    def share(label: str, pick: Callable[[Year], float]) -> Row:
        return Row(label, (f"{pick(now):.2f}", f"{pick(then):.2f}", change(pick(now), pick(then))))

    def ratio(label: str, pick: Pick) -> Row:
        points = margin(now, pick) - margin(then, pick)
        return Row(label, (f"{margin(now, pick):.1f}%", f"{margin(then, pick):.1f}%", f"{points:+.1f} pp"))

    gross = (ratio("Gross margin", lambda y: y.subtotal),) if words.subtotal != "EBITDA" else ()
    rows = (
        amount("Revenue", lambda y: y.revenue),
        amount("EBITDA", lambda y: y.ebitda),
        amount(words.operating_profit, lambda y: y.operating_profit),
        *gross,
        ratio("Operating margin", lambda y: y.operating_profit),
        amount(words.net_income, lambda y: y.net_income),
        share(f"Basic earnings per share ({currency.code})", lambda y: y.eps),
        share(f"Dividend per share ({currency.code})", lambda y: y.dividend_per_share),
        amount("Cash flow from operating activities", lambda y: y.operating_cash),
        amount("Capital expenditure", lambda y: y.capex),
        amount("Free cash flow", lambda y: y.free_cash_flow),
        amount("Net debt (net cash)", lambda y: y.net_debt),
    )
    return Table((currency.unit, str(report.number), str(report.number - 1), "Change"), rows)


def measures(report: Report) -> Table:
    """Operating measures beside the statements."""
    at = report.number - FIRST_YEAR
    rows = tuple(Row(item.label, (item.values[at], item.values[at - 1])) for item in report.books.measures)
    return Table(("Operating measures", str(report.number), str(report.number - 1)), rows)


def income_statement(report: Report) -> Table:
    """Revenue to profit for the year, with earnings per share."""
    row, words, books = report.row, report.words, report.books

    def expense(label: str) -> Row:
        return row(label, lambda y: -y.expense(label), note="4" if label in NOTED_EXPENSES else "")

    rows = (
        row("Revenue", lambda y: y.revenue, note="2, 3"),
        *(expense(item.label) for item in books.expenses if item.direct),
        row(words.subtotal, lambda y: y.subtotal, "subtotal", ""),
        *(expense(item.label) for item in books.expenses if not item.direct),
        row(words.operating_profit, lambda y: y.operating_profit, "subtotal", "2"),
        row(words.finance_income, lambda y: y.finance_income, note=""),
        row(words.finance_costs, lambda y: -y.finance_costs, note="10, 11"),
        row(words.before_tax, lambda y: y.profit_before_tax, "subtotal", ""),
        row("Income tax expense", lambda y: -y.tax, note="5"),
        row(words.net_income, lambda y: y.net_income, "total", ""),
        Row(f"Earnings per share ({books.currency.code})", kind="heading"),
        Row("Basic", ("6", f"{report.now.eps:.2f}", f"{report.then.eps:.2f}")),
        Row("Diluted", ("6", f"{report.now.diluted_eps:.2f}", f"{report.then.diluted_eps:.2f}")),
    )
    return report.table(rows, noted=True)


NOTED_EXPENSES = {"Network operating expenses", "Direct expenses", "Cost of goods sold", "Cost of revenue"}


def balance_sheet(report: Report) -> Table:
    """Assets, equity and liabilities."""
    return report.table((*_assets(report), *_equity_lines(report), *_liabilities(report)), noted=True)


def _assets(report: Report) -> tuple[Row, ...]:
    row, words, books = report.row, report.words, report.books
    return (
        Row("Assets", kind="heading"),
        row("Goodwill", lambda y: y.goodwill, note="9"),
        row("Other intangible assets", lambda y: y.intangibles, note="9"),
        row(words.tangibles, lambda y: y.tangibles, note="8"),
        row("Right-of-use assets", lambda y: y.use_assets, note="11"),
        row("Total non-current assets", lambda y: y.fixed_assets, "subtotal", ""),
        row(words.inventories, lambda y: y.stock(books.inventories), note=""),
        row(words.receivables, lambda y: y.stock(books.receivables), note=""),
        row("Short-term investments", lambda y: y.stock(books.investments), note=""),
        row("Cash and cash equivalents", lambda y: y.cash, note=""),
        row("Total current assets", lambda y: y.current_assets, "subtotal", ""),
        row("Total assets", lambda y: y.total_assets, "total", ""),
    )


def _equity_lines(report: Report) -> tuple[Row, ...]:
    row, words, books = report.row, report.words, report.books
    return (
        Row("Equity and liabilities", kind="heading"),
        row(words.share_capital, lambda y: books.share_capital, note=""),
        row(words.reserves, lambda y: y.reserves, note=""),
        row("Treasury stock", lambda y: y.treasury, note="7"),
        row(words.retained, lambda y: y.retained, note=""),
        row(words.equity, lambda y: y.equity, "subtotal", ""),
    )


def _liabilities(report: Report) -> tuple[Row, ...]:
    row, words, books = report.row, report.words, report.books
    return (
        row("Non-current borrowings", lambda y: y.borrowings - y.borrowings_due, note="10"),
        row("Non-current lease liabilities", lambda y: y.leases - y.leases_due, note="11"),
        row("Deferred tax liabilities", lambda y: y.stock(books.deferred_tax), note="5"),
        row("Total non-current liabilities", lambda y: y.long_liabilities, "subtotal", ""),
        row(words.payables, lambda y: y.stock(books.payables), note=""),
        row(words.deferred_revenue, lambda y: y.stock(books.deferred_revenue), note=""),
        row("Current tax payable", lambda y: y.stock(books.tax_payable), note=""),
        row("Current borrowings", lambda y: y.borrowings_due, note="10"),
        row("Current lease liabilities", lambda y: y.leases_due, note="11"),
        row("Total current liabilities", lambda y: y.current_liabilities, "subtotal", ""),
        row("Total equity and liabilities", lambda y: y.equity + y.long_liabilities + y.current_liabilities, "total", ""),
    )


def cash_flow(report: Report) -> Table:
    """Operating, investing and financing cash flows, down to the closing balance of cash."""
    row = report.row
    closing = (
        row("Net change in cash and cash equivalents", lambda y: y.cash_change, "subtotal"),
        row("Cash and cash equivalents at beginning of year", lambda y: y.prior.cash),
        row("Cash and cash equivalents at end of year", lambda y: y.cash, "total"),
    )
    return report.table((*_operating(report), *_investing(report), *_financing(report), *closing))


def _operating(report: Report) -> tuple[Row, ...]:
    row, words, books = report.row, report.words, report.books
    return (
        Row("Operating activities", kind="heading"),
        row(words.net_income, lambda y: y.net_income),
        row("Depreciation of property, plant and equipment", lambda y: y.depreciation),
        row("Depreciation of right-of-use assets", lambda y: y.use_depreciation),
        row(f"{words.amortisation} of intangible assets", lambda y: y.amortisation),
        row(words.share_payments, lambda y: y.flow(books.share_payments)),
        row("Deferred tax", lambda y: y.deferred_tax_charge),
        row(f"Change in {words.inventories.lower()}", lambda y: -y.increase(books.inventories)),
        row(f"Change in {words.receivables.lower()}", lambda y: -y.increase(books.receivables)),
        row(f"Change in {words.payables.lower()}", lambda y: y.increase(books.payables)),
        row(f"Change in {words.deferred_revenue.lower()}", lambda y: y.increase(books.deferred_revenue)),
        row("Change in current tax payable", lambda y: y.increase(books.tax_payable)),
        row("Net cash from operating activities", lambda y: y.operating_cash, "subtotal"),
    )


def _investing(report: Report) -> tuple[Row, ...]:
    row, books = report.row, report.books
    return (
        Row("Investing activities", kind="heading"),
        row("Purchases of property, plant and equipment", lambda y: -y.tangible_capex),
        row("Purchases of intangible assets", lambda y: -y.intangible_capex),
        row("Acquisition of businesses, net of cash acquired", lambda y: -y.acquisition),
        row("Proceeds from disposals", lambda y: y.disposals),
        row("Net (purchases) sales of short-term investments", lambda y: -y.increase(books.investments)),
        row("Net cash used in investing activities", lambda y: y.investing_cash, "subtotal"),
    )


def _financing(report: Report) -> tuple[Row, ...]:
    row, books = report.row, report.books
    return (
        Row("Financing activities", kind="heading"),
        row("Proceeds from borrowings", lambda y: y.drawn),
        row("Repayment of borrowings", lambda y: -y.repaid),
        row("Repayment of lease liabilities", lambda y: -y.flow(books.lease_repaid)),
        row("Dividends paid", lambda y: -y.dividends_paid),
        row("Repurchase of common stock", lambda y: -y.buybacks),
        row("Proceeds from employee stock plans", lambda y: y.flow(books.share_plans)),
        row("Net cash used in financing activities", lambda y: y.financing_cash, "subtotal"),
    )


def equity_statement(report: Report) -> Table:
    """The movements of equity in both years, by component."""
    words, currency = report.words, report.books.currency
    heads = [words.share_capital, words.reserves, "Treasury stock", words.retained]
    rows = [row for year in (report.then, report.now) for row in _equity_moves(report, year)]
    used = [at for at in range(4) if any(amounts[at] for _, amounts, _ in rows)]
    shown = tuple(
        Row(label, (*(currency.table(amounts[at]) for at in used), currency.table(sum(amounts))), kind)
        for label, amounts, kind in rows
    )
    return Table((currency.unit, *(heads[at] for at in used), words.equity), shown)


def _equity_moves(report: Report, year: Year) -> list[tuple[str, tuple[int, ...], Kind]]:
    books, words, before = report.books, report.words, year.prior
    moves: list[tuple[str, tuple[int, ...], Kind]] = [
        (words.net_income, (0, 0, 0, year.net_income), "line"),
        (words.share_payments, (0, year.flow(books.share_payments), 0, 0), "line"),
        ("Employee stock plans", (0, year.flow(books.share_plans), 0, 0), "line"),
        ("Repurchase of common stock", (0, 0, -year.buybacks, 0), "line"),
        ("Dividends paid", (0, 0, 0, -year.dividends_paid), "line"),
    ]
    opening = (books.share_capital, before.reserves, before.treasury, before.retained)
    closing = (books.share_capital, year.reserves, year.treasury, year.retained)
    kept = [move for move in moves if any(move[1])]
    if year.number < report.number:
        return [(f"At beginning of {year.number}", opening, "subtotal"), *kept, (f"At end of {year.number}", closing, "subtotal")]
    return [*kept, (f"At end of {year.number}", closing, "total")]


def segments(report: Report, year: Year) -> Table:
    """The segments of one year and how they sum to the group."""
    parts, currency = report.books.segments, report.books.currency
    revenue, profit, capex = ([year.flow(flow) for flow in flows] for flows in zip(*_segment_flows(report), strict=True))
    margins = tuple(f"{100 * earned / sold:.1f}%" for earned, sold in zip(profit, revenue, strict=True))

    def cells(amounts: list[int], corporate: int) -> tuple[str, ...]:
        return tuple(map(currency.table, (*amounts, corporate, sum(amounts) + corporate)))

    rows = (
        Row("Revenue", cells(revenue, 0)),
        Row(report.words.operating_profit, cells(profit, year.corporate_costs)),
        Row("Operating margin", (*margins, "", f"{margin(year, lambda y: y.operating_profit):.1f}%")),
        Row("Capital expenditure", cells(capex, 0)),
    )
    return Table((str(year.number), *(part.name for part in parts), "Corporate", "Group"), rows)


def _segment_flows(report: Report) -> list[tuple[tuple[int, int, int], ...]]:
    return [(part.revenue, part.profit, part.capex) for part in report.books.segments]


def assets_table(report: Report, year: Year) -> Table:
    """The movements of property, plant and equipment in one year, by class."""
    classes, currency, at = report.books.assets, report.books.currency, year.number - FIRST_YEAR

    def cells(pick: Callable[[AssetClass], int]) -> tuple[str, ...]:
        amounts = [pick(item) for item in classes]
        return tuple(map(currency.table, (*amounts, sum(amounts))))

    rows = (
        Row(f"At beginning of {year.number}", cells(lambda item: item.closing(at)), "subtotal"),
        Row("Additions", cells(lambda item: item.additions[at])),
        Row("Disposals", cells(lambda item: -item.disposals[at])),
        Row("Depreciation", cells(lambda item: -item.depreciation[at])),
        Row(f"At end of {year.number}", cells(lambda item: item.closing(at + 1)), "total"),
    )
    return Table((currency.unit, *(item.name for item in classes), "Total"), rows)


def intangibles_table(report: Report) -> Table:
    """The movements of goodwill and other intangible assets."""
    row, books, words = report.row, report.books, report.words
    return report.table(
        (
            Row("Goodwill", kind="heading"),
            row("Goodwill at beginning of year", lambda y: y.prior.goodwill),
            row("Goodwill acquired", lambda y: y.flow(books.goodwill_bought)),
            row("Goodwill at end of year", lambda y: y.goodwill, "subtotal"),
            Row("Other intangible assets", kind="heading"),
            row("Intangible assets at beginning of year", lambda y: y.prior.intangibles),
            row("Additions", lambda y: y.intangible_capex),
            row("Acquired with businesses", lambda y: y.flow(books.intangibles_bought)),
            row(words.amortisation, lambda y: -y.amortisation),
            row("Intangible assets at end of year", lambda y: y.intangibles, "subtotal"),
        )
    )


def loans_table(report: Report) -> Table:
    """Every loan with its terms and balances."""
    currency, at = report.books.currency, report.number - FIRST_YEAR

    def balances(loan: Loan) -> Row:
        amounts = (currency.table(loan.closing(at + 1)), currency.table(loan.closing(at)))
        return Row(f"{loan.name} ({loan.terms})", amounts)

    return report.table(
        (
            *(balances(loan) for loan in report.books.loans),
            report.row("Total borrowings", lambda y: y.borrowings, "total"),
            report.row("of which due within one year", lambda y: y.borrowings_due),
            report.row("of which due after one year", lambda y: y.borrowings - y.borrowings_due),
        )
    )


def debt_moves_table(report: Report) -> Table:
    """How borrowings moved and what net debt they lead to."""
    row, books = report.row, report.books
    return report.table(
        (
            row("Borrowings at beginning of year", lambda y: y.prior.borrowings),
            row("Proceeds", lambda y: y.drawn),
            row("Repayments", lambda y: -y.repaid),
            row("Borrowings at end of year", lambda y: y.borrowings, "subtotal"),
            row("Lease liabilities", lambda y: y.leases),
            row("Cash and cash equivalents", lambda y: -y.cash),
            row("Short-term investments", lambda y: -y.stock(books.investments)),
            row("Net debt (net cash)", lambda y: y.net_debt, "total"),
        )
    )


def leases_table(report: Report) -> Table:
    """Right-of-use assets and the liabilities against them."""
    row, books = report.row, report.books
    return report.table(
        (
            row("Right-of-use assets at beginning of year", lambda y: y.prior.use_assets),
            row("Additions", lambda y: y.flow(books.use_additions)),
            row("Depreciation", lambda y: -y.use_depreciation),
            row("Right-of-use assets at end of year", lambda y: y.use_assets, "subtotal"),
            row("Lease liabilities at end of year", lambda y: y.leases, "total"),
            row("of which due within one year", lambda y: y.leases_due),
        )
    )


def tax_table(report: Report) -> Table:
    """Current and deferred tax, and why it differs from the statutory rate."""
    rate = report.books.statutory_rate
    row = report.row
    effective = tuple(f"{100 * year.tax / year.profit_before_tax:.1f}%" for year in (report.now, report.then))
    return report.table(
        (
            row("Current tax", lambda y: y.tax - y.deferred_tax_charge),
            row("Deferred tax", lambda y: y.deferred_tax_charge),
            row("Income tax expense", lambda y: y.tax, "total"),
            row(f"Tax at the statutory rate of {rate:.1f}%", lambda y: y.expected_tax),
            row("Expenses not deductible and other items", lambda y: y.tax - y.expected_tax),
            row("Income tax expense", lambda y: y.tax, "subtotal"),
            Row("Effective tax rate", effective),
        )
    )


def earnings_table(report: Report) -> Table:
    """Earnings per share from profit and numbers of shares."""
    books, currency = report.books, report.books.currency
    unit, code = report.company.shares_unit, currency.code

    def shares(label: str, series: tuple[int, int, int]) -> Row:
        return Row(f"{label} ({unit})", tuple(currency.plain(y.flow(series)) for y in (report.now, report.then)))

    return report.table(
        (
            report.row(f"{report.words.net_income} ({currency.unit})", lambda y: y.net_income),
            shares("Weighted average shares, basic", books.shares),
            shares("Weighted average shares, diluted", books.diluted_shares),
            Row(f"Basic earnings per share ({code})", (f"{report.now.eps:.2f}", f"{report.then.eps:.2f}"), "subtotal"),
            Row(f"Diluted earnings per share ({code})", (f"{report.now.diluted_eps:.2f}", f"{report.then.diluted_eps:.2f}")),
        )
    )


def dividends_table(report: Report) -> Table:
    """Dividends declared and paid."""
    books, at, code = report.books, report.number - FIRST_YEAR, report.books.currency.code

    def per_share(label: str, values: tuple[float, float], kind: Kind = "line") -> Row:
        return Row(f"{label} ({code} per share)", (f"{values[0]:.2f}", f"{values[1]:.2f}"), kind)

    interim = (books.interim_dividend[at], books.interim_dividend[at - 1])
    final = (books.final_dividend[at + 1], books.final_dividend[at])
    return report.table(
        (
            *((per_share("Interim dividend", interim),) if any(interim) else ()),
            per_share("Final dividend", final),
            per_share("Dividend for the year", (report.now.dividend_per_share, report.then.dividend_per_share), "subtotal"),
            report.row(f"Dividends paid in cash ({books.currency.unit})", lambda y: y.dividends_paid),
            report.row(f"Repurchase of common stock ({books.currency.unit})", lambda y: y.buybacks),
        )
    )


def regions_table(report: Report) -> Table:
    """Revenue by region."""
    rows = [_series_row(report, label, flow) for label, flow in report.books.regions]
    return report.table((*rows, report.row("Revenue", lambda y: y.revenue, "total")))


def costs_table(report: Report) -> Table:
    """Selected costs that are contained in the lines of the income statement."""
    return report.table(_series_row(report, label, flow) for label, flow in report.books.costs)


def _series_row(report: Report, label: str, flow: tuple[int, int, int]) -> Row:
    return report.row(label, lambda y: y.flow(flow))
