"""Owns the accounting model of the sample reports: what is entered for a company and every figure derived from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

FIRST_YEAR = 2022
Flow = tuple[int, int, int]
"""A figure of the years 2022, 2023 and 2024."""
Stock = tuple[int, int, int, int]
"""A balance at the end of 2021, 2022, 2023 and 2024."""
NEVER: Flow = (0, 0, 0)
NOTHING: Stock = (0, 0, 0, 0)


@dataclass(frozen=True)
class Expense:
    """A line between revenue and operating profit; `direct` lines stand above the subtotal."""

    label: str
    amounts: Flow
    direct: bool = False


@dataclass(frozen=True)
class Segment:
    """An operating segment; `capex` covers tangible and intangible assets."""

    name: str
    revenue: Flow
    profit: Flow
    capex: Flow


@dataclass(frozen=True)
class AssetClass:
    """A class of property, plant and equipment at carrying amount."""

    name: str
    opening: int
    additions: Flow
    disposals: Flow
    depreciation: Flow

    def closing(self, through: int) -> int:
        """The carrying amount after the first `through` years."""
        moves = zip(self.additions, self.disposals, self.depreciation, strict=True)
        return self.opening + sum(add - sold - worn for add, sold, worn in list(moves)[:through])


@dataclass(frozen=True)
class Loan:
    """A borrowing; `due` is what is repayable within twelve months of each year end."""

    name: str
    terms: str
    opening: int
    drawn: Flow
    repaid: Flow
    due: Flow

    def closing(self, through: int) -> int:
        """The amount owed after the first `through` years."""
        return self.opening + sum(self.drawn[:through]) - sum(self.repaid[:through])


@dataclass(frozen=True)
class Detail:
    """A cost or an operating measure told beside the statements, already in the words a reader sees."""

    label: str
    values: tuple[str, str, str]


@dataclass(frozen=True)
class Currency:
    """How amounts are named; the model counts in units of `10 ** -decimals` of the named scale."""

    code: str
    scale: str
    decimals: int = 0

    @property
    def unit(self) -> str:
        """The heading of a table of amounts."""
        return f"{self.code} {self.scale}s"

    def plain(self, amount: int) -> str:
        """An amount without sign, as digits."""
        return f"{abs(amount) / 10**self.decimals:,.{self.decimals}f}"

    def table(self, amount: int) -> str:
        """An amount as a table shows it: negative in brackets, zero as a dash."""
        if amount == 0:
            return "–"
        return f"({self.plain(amount)})" if amount < 0 else self.plain(amount)

    def text(self, amount: int) -> str:
        """An amount as a sentence shows it."""
        return f"{self.code} {self.plain(amount)} {self.scale}"


@dataclass(frozen=True)
class Books:
    """What is entered for one company; everything else follows from it."""

    currency: Currency
    segments: tuple[Segment, ...]
    regions: tuple[tuple[str, Flow], ...]
    expenses: tuple[Expense, ...]
    assets: tuple[AssetClass, ...]
    loans: tuple[Loan, ...]
    costs: tuple[tuple[str, Flow], ...]
    measures: tuple[Detail, ...]
    finance_income: Flow
    finance_costs: Flow
    tax: Flow
    statutory_rate: float
    intangible_opening: int
    intangible_additions: Flow
    amortisation: Flow
    use_opening: int
    use_additions: Flow
    use_depreciation: Flow
    lease_opening: int
    lease_repaid: Flow
    lease_due: Flow
    inventories: Stock
    receivables: Stock
    cash_opening: int
    payables: Stock
    deferred_revenue: Stock
    tax_payable: Stock
    deferred_tax: Stock
    share_capital: int
    reserves_opening: int
    retained_opening: int
    share_payments: Flow
    shares: Flow
    diluted_shares: Flow
    goodwill_opening: int
    interim_dividend: tuple[float, float, float] = (0.0, 0.0, 0.0)
    final_dividend: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    investments: Stock = NOTHING
    goodwill_bought: Flow = NEVER
    intangibles_bought: Flow = NEVER
    buybacks: Flow = NEVER
    share_plans: Flow = NEVER
    depreciation_line: str = ""


@dataclass(frozen=True)
class Year:
    """One company's figures of one year; year 2021 stands only for its closing balances."""

    books: Books
    number: int

    @property
    def _end(self) -> int:
        return self.number - FIRST_YEAR + 1

    def flow(self, series: Flow) -> int:
        """This year's figure of a series of flows."""
        return series[self._end - 1]

    def stock(self, series: Stock) -> int:
        """The closing balance of a series of balances."""
        return series[self._end]

    def increase(self, series: Stock) -> int:
        """How much a balance rose during the year."""
        return series[self._end] - series[self._end - 1]

    def text_of(self, label: str) -> str:
        """An operating measure of this year, as the report shows it."""
        detail = next(item for item in self.books.measures if item.label == label)
        return detail.values[self._end - 1]

    def cost(self, label: str) -> int:
        """One of the selected operating costs."""
        return self.flow(dict(self.books.costs)[label])

    def expense(self, label: str) -> int:
        """One line of the income statement."""
        return self.flow(next(item.amounts for item in self.books.expenses if item.label == label))

    def segment_revenue(self, name: str) -> int:
        """The revenue of one segment."""
        return self.flow(next(item.revenue for item in self.books.segments if item.name == name))

    @cached_property
    def prior(self) -> Year:
        """The year before."""
        return Year(self.books, self.number - 1)

    # income statement

    @property
    def revenue(self) -> int:
        """Revenue of all segments."""
        return sum(self.flow(item.revenue) for item in self.books.segments)

    @property
    def subtotal(self) -> int:
        """Revenue less the direct lines: gross profit, or EBITDA where expenses are shown by nature."""
        return self.revenue - sum(self.flow(item.amounts) for item in self.books.expenses if item.direct)

    @property
    def operating_profit(self) -> int:
        """Revenue less all operating expenses."""
        return self.revenue - sum(self.flow(item.amounts) for item in self.books.expenses)

    @property
    def corporate_costs(self) -> int:
        """Costs that no segment carries, as a negative amount."""
        return self.operating_profit - sum(self.flow(item.profit) for item in self.books.segments)

    @property
    def finance_income(self) -> int:
        """Interest earned."""
        return self.flow(self.books.finance_income)

    @property
    def finance_costs(self) -> int:
        """Interest and similar charges."""
        return self.flow(self.books.finance_costs)

    @property
    def profit_before_tax(self) -> int:
        """Operating profit after finance items."""
        return self.operating_profit + self.finance_income - self.finance_costs

    @property
    def tax(self) -> int:
        """Income tax, current and deferred."""
        return self.flow(self.books.tax)

    @property
    def deferred_tax_charge(self) -> int:
        """The part of the tax that is deferred."""
        return self.increase(self.books.deferred_tax)

    @property
    def expected_tax(self) -> int:
        """Tax at the statutory rate."""
        return round(self.profit_before_tax * self.books.statutory_rate / 100)

    @property
    def net_income(self) -> int:
        """Profit for the year."""
        return self.profit_before_tax - self.tax

    @property
    def eps(self) -> float:
        """Basic earnings per share, rounded as published."""
        return round(self.net_income / self.flow(self.books.shares), 2)

    @property
    def diluted_eps(self) -> float:
        """Diluted earnings per share, rounded as published."""
        return round(self.net_income / self.flow(self.books.diluted_shares), 2)

    @property
    def dividend_per_share(self) -> float:
        """Interim and final dividend declared for the year."""
        return round(self.books.interim_dividend[self._end - 1] + self.books.final_dividend[self._end], 2)

    # depreciation and capital expenditure

    @property
    def depreciation(self) -> int:
        """Depreciation of property, plant and equipment."""
        return sum(self.flow(item.depreciation) for item in self.books.assets)

    @property
    def use_depreciation(self) -> int:
        """Depreciation of right-of-use assets."""
        return self.flow(self.books.use_depreciation)

    @property
    def amortisation(self) -> int:
        """Amortisation of intangible assets."""
        return self.flow(self.books.amortisation)

    @property
    def ebitda(self) -> int:
        """Operating profit before depreciation and amortisation."""
        return self.operating_profit + self.depreciation + self.use_depreciation + self.amortisation

    @property
    def tangible_capex(self) -> int:
        """Additions to property, plant and equipment."""
        return sum(self.flow(item.additions) for item in self.books.assets)

    @property
    def intangible_capex(self) -> int:
        """Additions to intangible assets other than through acquisitions."""
        return self.flow(self.books.intangible_additions)

    @property
    def capex(self) -> int:
        """Capital expenditure on tangible and intangible assets."""
        return self.tangible_capex + self.intangible_capex

    @property
    def disposals(self) -> int:
        """Property, plant and equipment sold, at carrying amount, which is also what it fetched."""
        return sum(self.flow(item.disposals) for item in self.books.assets)

    @property
    def acquisition(self) -> int:
        """The price of businesses bought."""
        return self.flow(self.books.goodwill_bought) + self.flow(self.books.intangibles_bought)

    # cash flow statement

    @property
    def operating_cash(self) -> int:
        """Net cash from operating activities."""
        books = self.books
        charges = self.depreciation + self.use_depreciation + self.amortisation + self.flow(books.share_payments)
        freed = sum(map(self.increase, (books.payables, books.deferred_revenue, books.tax_payable)))
        tied = self.increase(books.inventories) + self.increase(books.receivables)
        return self.net_income + charges + self.deferred_tax_charge + freed - tied

    @property
    def investing_cash(self) -> int:
        """Net cash from investing activities."""
        return self.disposals - self.capex - self.acquisition - self.increase(self.books.investments)

    @property
    def drawn(self) -> int:
        """Borrowings taken up."""
        return sum(self.flow(loan.drawn) for loan in self.books.loans)

    @property
    def repaid(self) -> int:
        """Borrowings paid back."""
        return sum(self.flow(loan.repaid) for loan in self.books.loans)

    @property
    def dividends_paid(self) -> int:
        """Last year's final and this year's interim dividend."""
        per_share = self.books.final_dividend[self._end - 1] + self.books.interim_dividend[self._end - 1]
        return round(per_share * self.flow(self.books.shares))

    @property
    def buybacks(self) -> int:
        """The price of own shares bought."""
        return self.flow(self.books.buybacks)

    @property
    def financing_cash(self) -> int:
        """Net cash from financing activities."""
        paid = self.repaid + self.flow(self.books.lease_repaid) + self.dividends_paid + self.buybacks
        return self.drawn + self.flow(self.books.share_plans) - paid

    @property
    def cash_change(self) -> int:
        """The sum of the three kinds of cash flow."""
        return self.operating_cash + self.investing_cash + self.financing_cash

    @property
    def free_cash_flow(self) -> int:
        """Operating cash flow less capital expenditure."""
        return self.operating_cash - self.capex

    # balance sheet

    @property
    def cash(self) -> int:
        """Cash at the end of the year, rolled forward from the opening balance."""
        return self.books.cash_opening if self._end == 0 else self.prior.cash + self.cash_change

    @property
    def goodwill(self) -> int:
        """Goodwill at the end of the year."""
        return self.books.goodwill_opening + sum(self.books.goodwill_bought[: self._end])

    @property
    def intangibles(self) -> int:
        """Intangible assets at carrying amount."""
        books = self.books
        added = sum(books.intangible_additions[: self._end]) + sum(books.intangibles_bought[: self._end])
        return books.intangible_opening + added - sum(books.amortisation[: self._end])

    @property
    def tangibles(self) -> int:
        """Property, plant and equipment at carrying amount."""
        return sum(item.closing(self._end) for item in self.books.assets)

    @property
    def use_assets(self) -> int:
        """Right-of-use assets at carrying amount."""
        return self.books.use_opening + sum(self.books.use_additions[: self._end]) - sum(self.books.use_depreciation[: self._end])

    @property
    def fixed_assets(self) -> int:
        """Total non-current assets."""
        return self.goodwill + self.intangibles + self.tangibles + self.use_assets

    @property
    def current_assets(self) -> int:
        """Total current assets."""
        books = self.books
        return sum(map(self.stock, (books.inventories, books.receivables, books.investments))) + self.cash

    @property
    def total_assets(self) -> int:
        """Everything owned."""
        return self.fixed_assets + self.current_assets

    @property
    def borrowings(self) -> int:
        """All loans and notes."""
        return sum(loan.closing(self._end) for loan in self.books.loans)

    @property
    def borrowings_due(self) -> int:
        """Borrowings repayable within twelve months."""
        return sum(self.flow(loan.due) for loan in self.books.loans)

    @property
    def leases(self) -> int:
        """Lease liabilities."""
        return self.books.lease_opening + sum(self.books.use_additions[: self._end]) - sum(self.books.lease_repaid[: self._end])

    @property
    def leases_due(self) -> int:
        """Lease liabilities payable within twelve months."""
        return self.flow(self.books.lease_due)

    @property
    def long_liabilities(self) -> int:
        """Total non-current liabilities."""
        debt = self.borrowings - self.borrowings_due + self.leases - self.leases_due
        return debt + self.stock(self.books.deferred_tax)

    @property
    def current_liabilities(self) -> int:
        """Total current liabilities."""
        books = self.books
        trade = sum(map(self.stock, (books.payables, books.deferred_revenue, books.tax_payable)))
        return trade + self.borrowings_due + self.leases_due

    @property
    def reserves(self) -> int:
        """Other reserves: share-based payments and share plans."""
        books = self.books
        return books.reserves_opening + sum(books.share_payments[: self._end]) + sum(books.share_plans[: self._end])

    @property
    def treasury(self) -> int:
        """Own shares, as a negative amount."""
        return -sum(self.books.buybacks[: self._end])

    @property
    def retained(self) -> int:
        """Retained earnings, rolled forward from the opening balance."""
        if self._end == 0:
            return self.books.retained_opening
        return self.prior.retained + self.net_income - self.dividends_paid

    @property
    def equity(self) -> int:
        """What belongs to the shareholders."""
        return self.books.share_capital + self.reserves + self.treasury + self.retained

    @property
    def net_debt(self) -> int:
        """Borrowings and leases less cash and investments; negative when there is more cash than debt."""
        return self.borrowings + self.leases - self.cash - self.stock(self.books.investments)


def identities(year: Year) -> dict[str, tuple[int, int]]:
    """Pairs of figures that must be equal, by what they say."""
    books = year.books
    depreciation = year.depreciation + year.use_depreciation + year.amortisation
    shown = year.expense(books.depreciation_line) if books.depreciation_line else depreciation
    liabilities = year.long_liabilities + year.current_liabilities
    return {
        "the balance sheet balances": (year.total_assets, year.equity + liabilities),
        "the cash flow explains the change in cash": (year.cash - year.prior.cash, year.cash_change),
        "regions sum to revenue": (sum(year.flow(flow) for _, flow in books.regions), year.revenue),
        "segment capital expenditure sums": (sum(year.flow(item.capex) for item in books.segments), year.capex),
        "depreciation in the statement equals the notes": (shown, depreciation),
        "fixed assets roll forward": (
            year.fixed_assets - year.prior.fixed_assets,
            year.capex + year.acquisition + year.flow(books.use_additions) - year.disposals - depreciation,
        ),
        "equity rolls forward": (
            year.equity - year.prior.equity,
            year.net_income
            - year.dividends_paid
            - year.buybacks
            + year.flow(books.share_payments)
            + year.flow(books.share_plans),
        ),
        "borrowings roll forward": (year.borrowings - year.prior.borrowings, year.drawn - year.repaid),
    }


def check(books: Books) -> None:
    """Refuse a set of books in which any identity fails in any year."""
    for number in (2022, 2023, 2024):
        year = Year(books, number)
        for claim, (left, right) in identities(year).items():
            assert left == right, f"{number}: {claim}: {left} against {right}"
        assert year.cash > 0, f"{number}: the cash is spent"
        assert year.corporate_costs < 0, f"{number}: segments must earn more than the whole"
        for loan in books.loans:
            assert 0 <= year.flow(loan.due) <= loan.closing(number - FIRST_YEAR + 1), f"{number}: {loan.name}"
            due_before = loan.due[number - FIRST_YEAR - 1] if number > FIRST_YEAR else 0
            assert year.flow(loan.repaid) >= due_before, f"{number}: {loan.name} was due and not repaid"
