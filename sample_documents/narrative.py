"""Owns the prose of each report: letter, discussion of results and outlook, with every figure taken from the books."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from figures import Year
from statements import Pick, Report, margin

MAIN_PICKS: dict[str, Pick] = {
    "revenue": lambda y: y.revenue,
    "operating": lambda y: y.operating_profit,
    "gross": lambda y: y.subtotal,
    "ebitda": lambda y: y.ebitda,
    "net": lambda y: y.net_income,
    "finance": lambda y: y.finance_costs,
    "tax": lambda y: y.tax,
    "cash flow": lambda y: y.operating_cash,
    "capex": lambda y: y.capex,
    "free": lambda y: y.free_cash_flow,
    "intangibles": lambda y: y.intangible_capex,
    "tangibles": lambda y: y.tangible_capex,
    "net debt": lambda y: y.net_debt,
    "borrowings": lambda y: y.borrowings,
    "cash": lambda y: y.cash,
    "depreciation": lambda y: y.depreciation + y.use_depreciation + y.amortisation,
    "inventories": lambda y: y.stock(y.books.inventories),
    "deferred revenue": lambda y: y.stock(y.books.deferred_revenue),
}


@dataclass(frozen=True)
class Narrative:
    """The prose of one report; `events` tells what happened after the year end."""

    letter: tuple[str, ...]
    revenue: tuple[str, ...]
    margin: tuple[str, ...]
    segments: tuple[str, ...]
    result: tuple[str, ...]
    cash: tuple[str, ...]
    position: tuple[str, ...]
    outlook: tuple[str, str, str, str, str]
    events: str


@dataclass(frozen=True)
class Facts:
    """Phrases about the figures; a phrase that claims a direction refuses figures that moved the other way."""

    report: Report

    def pick(self, key: str) -> Pick:
        """A main figure, cost, expense line or segment revenue by its name."""
        if key in MAIN_PICKS:
            return MAIN_PICKS[key]
        if key in dict(self.report.books.costs):
            return lambda y: y.cost(key)
        if any(part.name == key for part in self.report.books.segments):
            return lambda y: y.segment_revenue(key)
        return lambda y: y.expense(key)

    def now(self, key: str) -> str:
        """This year's amount."""
        return self.text(self.pick(key)(self.report.now))

    def then(self, key: str) -> str:
        """Last year's amount."""
        return self.text(self.pick(key)(self.report.then))

    def text(self, amount: int) -> str:
        """An amount as a sentence shows it."""
        return self.report.books.currency.text(amount)

    def _moved(self, key: str, sign: int) -> tuple[int, str]:
        now, then = self.pick(key)(self.report.now), self.pick(key)(self.report.then)
        assert (now - then) * sign > 0, f"{self.report.company.short} {self.report.number}: {key} went {then} to {now}"
        return abs(now - then), f"{100 * abs(now - then) / abs(then):.1f}%"

    def rose(self, key: str) -> str:
        """That a figure rose, by how much and to what."""
        return f"rose by {self._moved(key, 1)[1]} to {self.now(key)}"

    def fell(self, key: str) -> str:
        """That a figure fell, by how much and to what."""
        return f"fell by {self._moved(key, -1)[1]} to {self.now(key)}"

    def rose_by(self, key: str) -> str:
        """The amount by which a figure rose."""
        return self.text(self._moved(key, 1)[0])

    def fell_by(self, key: str) -> str:
        """The amount by which a figure fell."""
        return self.text(self._moved(key, -1)[0])

    def _points(self, key: str, sign: int) -> str:
        now, then = (margin(year, self.pick(key)) for year in (self.report.now, self.report.then))
        assert (now - then) * sign > 0, f"{self.report.company.short} {self.report.number}: {key} went {then}% to {now}%"
        return f"by {abs(now - then):.1f} percentage points, from {then:.1f}% to {now:.1f}%"

    def margin_rose(self, key: str) -> str:
        """That a share of revenue rose, in points."""
        return f"rose {self._points(key, 1)}"

    def margin_fell(self, key: str) -> str:
        """That a share of revenue fell, in points."""
        return f"fell {self._points(key, -1)}"

    def share(self, key: str) -> str:
        """A figure as a percentage of this year's revenue."""
        return f"{margin(self.report.now, self.pick(key)):.1f}%"

    def tax_rate(self, year: Year) -> str:
        """The effective tax rate of a year."""
        return f"{100 * year.tax / year.profit_before_tax:.1f}%"

    def leverage(self, year: Year) -> str:
        """Net debt as a multiple of EBITDA."""
        return f"{year.net_debt / year.ebitda:.1f} times EBITDA"


def _zanobela_2023(f: Facts) -> Narrative:
    now = f.report.now
    return Narrative(
        letter=(
            "Two thousand and twenty-three was a year of solid demand and expensive electricity. More customers joined our "
            f"networks than in any year since listing, and revenue {f.rose('revenue')}.",
            f"Even so, operating profit {f.fell('operating')}. Power interruptions were longer than ever, our sites ran on "
            f"diesel for weeks, and energy and fuel alone cost {f.rose_by('Energy and fuel')} more than the year before.",
            f"We also bought new spectrum for ZAR 900 million, which our customers will need as data traffic grows. The board "
            f"therefore declares a dividend of ZAR {now.dividend_per_share:.2f} per share, less than the ZAR 1.32 of last year.",
            "Our task for the coming year is plain: to make our sites independent of the grid. We have ordered solar panels "
            "and lithium batteries for almost three thousand sites.",
        ),
        revenue=(
            f"Revenue {f.rose('revenue')}, mainly because the number of mobile subscribers grew from 18.4 million to "
            "19.2 million and because 110 thousand further homes were connected to fibre.",
            f"Mobile revenue {f.rose('Mobile')}. Monthly revenue per user rose from ZAR 111 to ZAR 114, driven by larger data "
            f"bundles. Fibre and Fixed revenue {f.rose('Fibre and Fixed')} as more homes were passed and connected.",
        ),
        margin=(
            f"Operating margin {f.margin_fell('operating')}, mainly because energy and fuel costs "
            f"{f.rose('Energy and fuel')}. Longer interruptions of the public grid forced radio sites to run on diesel "
            "generators.",
            f"Network operating expenses {f.rose('Network operating expenses')}; energy and fuel accounted for "
            f"{f.rose_by('Energy and fuel')} of the increase of {f.rose_by('Network operating expenses')}.",
            f"EBITDA {f.rose('ebitda')}, but the EBITDA margin {f.margin_fell('ebitda')}. Depreciation and amortisation "
            f"{f.rose('depreciation')} because of the larger network and the new spectrum licence.",
        ),
        segments=(
            "Mobile carried almost all of the additional energy costs, so its operating profit fell from ZAR 4,760 million to "
            "ZAR 4,390 million although revenue grew.",
            "Fibre and Fixed raised its operating profit from ZAR 1,190 million to ZAR 1,420 million, because a growing share "
            "of the homes passed became paying customers.",
            "Enterprise held its operating profit at ZAR 860 million; growth in hosting offset lower prices for leased lines.",
        ),
        result=(
            f"Finance costs {f.rose('finance')}, because the revolving credit facility was drawn further to pay for spectrum "
            "and because floating interest rates were higher.",
            f"Profit for the year {f.fell('net')}, as higher energy costs and finance costs outweighed the growth of revenue. "
            f"The effective tax rate was {f.tax_rate(now)}.",
        ),
        cash=(
            f"Net cash from operating activities {f.rose('cash flow')}.",
            f"Capital expenditure {f.rose('capex')}, mainly because spectrum was bought for ZAR 900 million. Capital "
            f"expenditure was {f.share('capex')} of revenue. Free cash flow {f.fell('free')} as a result.",
        ),
        position=(
            f"Net debt was {f.now('net debt')}, or {f.leverage(now)}. Borrowings {f.rose('borrowings')}, because ZAR 1,000 "
            "million was drawn on the revolving credit facility while ZAR 600 million of the export credit was repaid.",
            "Senior notes of ZAR 3,500 million mature in June 2024 and are therefore shown as current borrowings.",
        ),
        outlook=(
            "We expect revenue to grow by 6% to 8% in 2024.",
            "Solar panels and batteries at some 2,900 further sites should lower energy and fuel costs.",
            "We aim for an operating margin of at least 17.5%.",
            "Capital expenditure is planned at about ZAR 7,000 million, with more of it for fibre.",
            "We will refinance the senior notes of ZAR 3,500 million before they mature in June 2024.",
        ),
        events="On 14 February 2024 the board mandated banks to arrange new senior notes of up to ZAR 4,000 million.",
    )


def _zanobela_2024(f: Facts) -> Narrative:
    now = f.report.now
    return Narrative(
        letter=(
            "A year ago we promised to make our network less dependent on the public grid. We did. Solar panels and batteries "
            "now support 4,350 of our sites, 2,900 more than a year ago.",
            f"The effect is visible in the accounts. Energy and fuel costs {f.fell('Energy and fuel')}, and operating profit "
            f"{f.rose('operating')}. Revenue {f.rose('revenue')}.",
            f"Shareholders take part in the improvement. The board declares a dividend of ZAR {now.dividend_per_share:.2f} per "
            f"share, after ZAR {f.report.then.dividend_per_share:.2f} for 2023.",
            "We also connected our eight hundred thousandth home to fibre. Its owner, a retired teacher, told us that she mainly "
            "wanted to see her grandchildren. That is what our network is for.",
        ),
        revenue=(
            f"Revenue {f.rose('revenue')}, mainly because 175 thousand further homes were connected to fibre and because the "
            "number of mobile subscribers grew from 19.2 million to 20.1 million.",
            f"Mobile revenue {f.rose('Mobile')}; monthly revenue per user rose from ZAR 114 to ZAR 115. Fibre and Fixed "
            f"revenue {f.rose('Fibre and Fixed')}, driven by 325 thousand additional homes passed.",
        ),
        margin=(
            f"Operating margin {f.margin_rose('operating')}, mainly because energy and fuel costs {f.fell('Energy and fuel')}. "
            "Solar panels and batteries at 2,900 further sites replaced diesel, and grid power was more reliable.",
            "The second reason was scale in fibre: most of the cost of the fibre network is fixed, so newly connected homes "
            "added more to revenue than to costs.",
            f"Network operating expenses rose by only 1.0% to {f.now('Network operating expenses')}, because the saving of "
            f"{f.fell_by('Energy and fuel')} on energy offset most of the higher site leases. The EBITDA margin "
            f"{f.margin_rose('ebitda')}.",
        ),
        segments=(
            "Mobile raised its operating profit from ZAR 4,390 million to ZAR 5,220 million, mainly because of lower energy "
            "and fuel costs.",
            "Fibre and Fixed raised its operating profit from ZAR 1,420 million to ZAR 1,905 million, as the share of homes "
            "passed that are connected rose from 42.5% to 44.5%.",
            "Enterprise raised its operating profit to ZAR 930 million with growth in security services.",
        ),
        result=(
            f"Finance costs {f.fell('finance')}, because borrowings were lower on average after the revolving credit facility "
            "was repaid in part.",
            f"Profit for the year {f.rose('net')}, mainly because of the higher operating profit. The effective tax rate was "
            f"{f.tax_rate(now)}.",
        ),
        cash=(
            f"Net cash from operating activities {f.rose('cash flow')}, mainly because of the higher profit and because trade "
            "payables grew by more than receivables.",
            f"Capital expenditure {f.fell('capex')}, because the year before had included spectrum bought for ZAR 900 million. "
            "Additions to fibre infrastructure rose from ZAR 1,980 million to ZAR 2,450 million. "
            f"Free cash flow {f.rose('free')}.",
        ),
        position=(
            f"Net debt {f.fell('net debt')}, or {f.leverage(now)} (2023: {f.leverage(f.report.then)}).",
            "In June 2024 senior notes of ZAR 3,500 million were repaid and new senior notes of ZAR 4,000 million, due in June "
            "2029, were issued at 9.45%. ZAR 1,500 million of the revolving credit facility and ZAR 600 million of the export "
            "credit were repaid.",
        ),
        outlook=(
            "We expect revenue to grow by 5% to 7% in 2025.",
            "We aim for an operating margin between 18% and 19%.",
            "Capital expenditure is planned at about ZAR 7,200 million, almost half of it for fibre and 5G.",
            "At least 1,200 further sites will receive solar panels and batteries.",
            "We intend to pay out between 40% and 50% of profit as dividends.",
        ),
        events="On 20 February 2025 the board approved the final dividend. It is not recognised as a liability at year end.",
    )


def _averlinde_2023(f: Facts) -> Narrative:
    now = f.report.now
    return Narrative(
        letter=(
            "In 2023 milk, sugar and energy were dearer than in any year in our history. We had to ask our customers for "
            "higher prices, and most of them understood why.",
            f"Revenue {f.rose('revenue')}. Operating profit, at {f.now('operating')}, was almost the same as in 2022. We sold "
            "a little less, because some shoppers turned to cheaper products.",
            f"We propose a dividend of EUR {now.dividend_per_share:.2f} per share, after EUR 0.55 for 2022, because our cash "
            "flow is sound and our confidence in the coming years is unbroken.",
            "In Halvermeer the ground has been prepared for a new factory for oat drinks. It will be our largest investment "
            "since the company was founded by eleven farmers in 1921.",
        ),
        revenue=(
            f"Revenue {f.rose('revenue')}, driven by price increases of about 10%, while sales volume fell by 1.6% to 478 "
            "thousand tonnes because some consumers changed to cheaper products.",
            f"Dairy revenue {f.rose('Dairy')}, Bakery revenue {f.rose('Bakery')} and "
            f"Plant-based revenue {f.rose('Plant-based')}.",
        ),
        margin=(
            f"Gross margin {f.margin_fell('gross')}, mainly because the cost of raw milk {f.rose('Raw milk')}. The milk price "
            "paid to farmers rose from EUR 47.80 to EUR 53.60 per 100 kilograms, and selling prices followed only with a delay.",
            f"Energy costs {f.rose('Energy')}, because supply contracts from before 2022 had ended.",
            f"Operating margin {f.margin_fell('operating')}. The fall was smaller than that of the gross margin, because "
            "selling and administrative expenses grew less than revenue.",
        ),
        segments=(
            "Dairy saw its operating profit fall from EUR 48,900 thousand to EUR 42,150 thousand, because higher milk costs "
            "were passed on to retailers only from the second quarter.",
            "Bakery raised its operating profit from EUR 41,350 thousand to EUR 44,280 thousand, helped by new frozen pastry.",
            "Plant-based raised its operating profit from EUR 5,200 thousand to EUR 9,450 thousand, because its existing lines "
            "were better used.",
        ),
        result=(
            f"Finance costs {f.rose('finance')}, because interest on the floating term loan rose and because the revolving "
            "credit facility was used to finance dearer inventories.",
            f"Profit for the year {f.fell('net')}, mainly because of the higher finance costs. The effective tax rate was "
            f"{f.tax_rate(now)}.",
        ),
        cash=(
            f"Net cash from operating activities {f.fell('cash flow')}, because inventories {f.rose('inventories')} with the "
            "price of milk.",
            f"Capital expenditure {f.rose('capex')}, mainly for a cheese store and for preparing the site in Halvermeer.",
        ),
        position=(
            f"Net debt {f.fell('net debt')}, or {f.leverage(now)} (2022: {f.leverage(f.report.then)}).",
            "EUR 20,000 thousand was drawn on the revolving credit facility and EUR 15,000 thousand of the syndicated term "
            "loan was repaid. All covenants were met with ample room.",
        ),
        outlook=(
            "We expect revenue to grow by 1% to 3% in 2024, as prices of dairy products ease.",
            "Gross margin should recover to about 28% if the milk price stays below EUR 50 per 100 kilograms.",
            "Capital expenditure will rise to about EUR 130,000 thousand for the oat drink factory in Halvermeer.",
            "We will review the network of bakeries and decide on it before the summer.",
            "We intend to keep the dividend at least stable.",
        ),
        events="On 8 March 2024 the group signed a sustainability-linked loan of EUR 60,000 thousand that is due in 2030.",
    )


def _averlinde_2024(f: Facts) -> Narrative:
    now = f.report.now
    return Narrative(
        letter=(
            "Milk became cheaper in 2024, our volumes returned, and our own brands grew. We also took a hard decision: the old "
            "bakery in Dorrenbeek, which had lost money for years, baked its last bread in September.",
            f"Revenue {f.rose('revenue')}. Gross margin improved, yet operating profit {f.fell('operating')}, because closing "
            f"Dorrenbeek cost {f.now('Restructuring costs')} and because we spent more on our brands.",
            f"We propose to keep the dividend at EUR {now.dividend_per_share:.2f} per share.",
            "The factory in Halvermeer is under roof and will fill its first cartons of oat drink in the summer of 2025.",
        ),
        revenue=(
            f"Revenue {f.rose('revenue')}, because sales volume rose by 2.7% to 491 thousand tonnes while lower milk prices "
            "were passed on to customers.",
            f"Dairy revenue {f.fell('Dairy')}, because contract prices follow the price of milk. Bakery revenue "
            f"{f.rose('Bakery')}. Plant-based revenue {f.rose('Plant-based')}, driven by the brand Groenveld in Germany.",
        ),
        margin=(
            f"Gross margin {f.margin_rose('gross')}, mainly because the cost of raw milk {f.fell('Raw milk')} and because "
            f"energy costs {f.fell('Energy')}.",
            f"Operating margin {f.margin_fell('operating')}, mainly because of restructuring costs of "
            f"{f.now('Restructuring costs')} for closing the bakery in Dorrenbeek and because selling and marketing expenses "
            f"{f.rose('Selling and marketing expenses')}.",
            f"Without restructuring costs, operating profit would have been {f.text(now.operating_profit + 12_600)}, or 7.1% of "
            "revenue.",
        ),
        segments=(
            "Dairy raised its operating profit from EUR 42,150 thousand to EUR 51,320 thousand, because milk costs fell faster "
            "than selling prices.",
            "Bakery saw its operating profit fall from EUR 44,280 thousand to EUR 28,640 thousand, because the segment bore the "
            "restructuring costs and most of the campaign for the brand Korenrijk.",
            "Plant-based raised its operating profit from EUR 9,450 thousand to EUR 11,180 thousand on higher volumes.",
        ),
        result=(
            f"Finance costs {f.rose('finance')}, because of the sustainability-linked loan drawn in March 2024.",
            f"Profit for the year {f.fell('net')}, mainly because of the restructuring costs. The effective tax rate was "
            f"{f.tax_rate(now)}.",
        ),
        cash=(
            f"Net cash from operating activities {f.rose('cash flow')}, mainly because inventories {f.fell('inventories')}.",
            f"Capital expenditure {f.rose('capex')}, mainly because of the oat drink factory in Halvermeer, on which EUR 62,400 "
            "thousand was spent. Land, buildings and machinery were sold for EUR 9,550 thousand, most of it in Dorrenbeek.",
        ),
        position=(
            f"Net debt {f.rose('net debt')}, or {f.leverage(now)} (2023: {f.leverage(f.report.then)}), because the investment "
            "in Halvermeer was larger than the cash flow left for it.",
            "EUR 60,000 thousand was drawn under the new sustainability-linked loan. EUR 30,000 thousand of the revolving "
            "credit facility and EUR 15,000 thousand of the syndicated term loan were repaid.",
        ),
        outlook=(
            "We expect revenue to grow by 3% to 5% in 2025.",
            "No further restructuring costs are expected; closing Dorrenbeek should save EUR 7,500 thousand a year.",
            "Operating margin should return to at least 7.0%.",
            "The factory in Halvermeer starts in the summer of 2025; capital expenditure falls to about EUR 85,000 thousand.",
            "The syndicated term loan will be refinanced during 2025, a year before it matures.",
        ),
        events="On 31 January 2025 the remaining land in Dorrenbeek was sold at about its carrying amount.",
    )


def _tarnwhistle_2023(f: Facts) -> Narrative:
    now = f.report.now
    return Narrative(
        letter=(
            "Fiscal 2023 showed that we can grow and become more profitable at the same time. Annual recurring revenue rose "
            "from USD 1,038.4 million to USD 1,213.9 million, and not one of our twenty largest customers left.",
            f"Revenue {f.rose('revenue')}, and operating income {f.rose('operating')}. We reorganized our sales force by "
            "industry instead of by region, and it now sells more with fewer people.",
            "We do not pay a dividend. We invest in our products first, keep a strong balance sheet and buy back shares: "
            f"{f.text(now.buybacks)} in fiscal 2023.",
            "Thank you to our customers, who move everything from insulin to grand pianos with our software.",
        ),
        revenue=(
            f"Revenue {f.rose('revenue')}, driven by larger subscriptions of existing customers, as net revenue retention rose "
            "from 109% to 111%, and by 37 more customers who pay above USD 1 million a year.",
            f"Supply Chain Cloud revenue {f.rose('Supply Chain Cloud')}, Data Platform revenue {f.rose('Data Platform')} and "
            f"Professional Services revenue {f.rose('Professional Services')}.",
        ),
        margin=(
            f"Operating margin {f.margin_rose('operating')}, mainly because sales and marketing expense grew by only 5.1%, much "
            f"less than revenue. It was {f.share('Sales and marketing')} of revenue, after 29.4% in fiscal 2022, because the "
            "sales force was reorganized by industry.",
            f"Research and development expense {f.rose('Research and development')}, less than revenue, because hiring was "
            "paused in the first half of the year.",
            f"Gross margin {f.margin_fell('gross')}, because customer support was extended to nights and weekends.",
        ),
        segments=(
            "Supply Chain Cloud raised its operating income from USD 137.8 million to USD 190.4 million, because revenue grew "
            "faster than the cost of selling it.",
            "Data Platform raised its operating income from USD 51.2 million to USD 73.1 million.",
            "Professional Services lost USD 7.2 million, because some fixed-price projects took longer than planned.",
        ),
        result=(
            f"Interest income rose to {f.text(now.finance_income)}, because short-term interest rates were higher. Interest "
            f"expense {f.rose('finance')}.",
            f"Net income {f.rose('net')}, mainly because of the higher operating margin. The effective tax rate was "
            f"{f.tax_rate(now)}.",
        ),
        cash=(
            f"Net cash from operating activities {f.rose('cash flow')}, mainly because of the higher net income and because "
            f"deferred revenue {f.rose('deferred revenue')}.",
            f"Capital expenditure {f.rose('capex')}, or {f.share('capex')} of revenue. Free cash flow {f.rose('free')}.",
        ),
        position=(
            f"Cash and cash equivalents rose to {f.now('cash')}, and short-term investments to USD 380.0 million. Together they "
            f"exceed borrowings and leases by {f.text(now.net_debt)}.",
            "USD 15.0 million of term loan A was repaid, and shares were repurchased for USD 90.0 million.",
        ),
        outlook=(
            "We expect revenue between USD 1,490 million and USD 1,520 million in fiscal 2024.",
            "Operating margin should be between 13.5% and 14.5%.",
            "Gross margin will fall, because we move customers to a second cloud provider and run both for some time.",
            "Capital expenditure is expected to be about USD 60 million.",
            "We remain interested in acquisitions that add to Data Platform.",
        ),
        events="On August 21, 2023 the board authorized share repurchases of up to USD 300.0 million.",
    )


def _tarnwhistle_2024(f: Facts) -> Narrative:
    now = f.report.now
    return Narrative(
        letter=(
            "In fiscal 2024 we completed two large projects. We moved 1,900 customers to a second cloud provider without an "
            "hour of planned downtime, and we acquired Tessolane Analytics, whose forecasts now run inside Data Platform.",
            f"Revenue {f.rose('revenue')}. Operating income {f.rose('operating')}, although hosting was expensive while we ran "
            "two environments side by side.",
            "We returned money to our shareholders by buying back shares for "
            f"{f.text(now.buybacks)}. As before, we do not pay a dividend.",
            "We end the year with annual recurring revenue of USD 1,441.6 million and 303 customers who trust us with more "
            "than a million dollars a year.",
        ),
        revenue=(
            f"Revenue {f.rose('revenue')}, driven by larger subscriptions of existing customers, as net revenue retention rose "
            "from 111% to 112%, and by Tessolane Analytics, which added USD 31.4 million from November 2023.",
            f"Supply Chain Cloud revenue {f.rose('Supply Chain Cloud')} and Data Platform revenue {f.rose('Data Platform')}. "
            f"Professional Services revenue {f.fell('Professional Services')}, because more implementations were handed to "
            "partners.",
        ),
        margin=(
            f"Gross margin {f.margin_fell('gross')}, mainly because cloud hosting costs {f.rose('Cloud hosting')} while "
            "customers were moved to a second provider and both environments had to be paid for.",
            f"Operating margin nevertheless {f.margin_rose('operating')}, because sales and marketing expense was "
            f"{f.share('Sales and marketing')} of revenue, after 27.1% in fiscal 2023, and general and administrative expense "
            "grew more slowly than revenue.",
            f"Amortization of acquired intangibles {f.rose('Amortization of acquired intangibles')}, because of the "
            "acquisition of Tessolane Analytics.",
        ),
        segments=(
            "Supply Chain Cloud raised its operating income from USD 190.4 million to USD 229.8 million in spite of the double "
            "hosting costs.",
            "Data Platform raised its operating income from USD 73.1 million to USD 88.6 million.",
            "Professional Services lost USD 14.1 million, after USD 7.2 million in fiscal 2023, because consultants were less "
            "busy while work moved to partners.",
        ),
        result=(
            f"Interest expense {f.rose('finance')}, because of the delayed-draw term loan of USD 100.0 million taken up for the "
            "acquisition.",
            f"Net income {f.rose('net')}, mainly because of the higher operating income. The effective tax rate was "
            f"{f.tax_rate(now)}.",
        ),
        cash=(
            f"Net cash from operating activities {f.rose('cash flow')}, mainly because deferred revenue "
            f"{f.rose('deferred revenue')} and net income was higher.",
            f"Capital expenditure {f.rose('capex')}, mainly for computer equipment, or {f.share('capex')} of revenue. Tessolane "
            f"Analytics was acquired for {f.text(now.acquisition)} in cash.",
        ),
        position=(
            f"Cash and cash equivalents rose to {f.now('cash')}, because short-term investments of USD 120.0 million were sold. "
            f"Cash and investments exceed borrowings and leases by {f.text(now.net_debt)}.",
            f"Shares were repurchased for {f.text(now.buybacks)}. USD 15.0 million of term loan A was repaid.",
        ),
        outlook=(
            "We expect revenue between USD 1,690 million and USD 1,730 million in fiscal 2025.",
            "Gross margin should recover to about 71%, because the old hosting environment was closed in June 2024.",
            "Operating margin should be between 15.5% and 16.5%.",
            "Capital expenditure is expected to be about USD 65 million.",
            "We plan to repurchase shares for about USD 200 million and do not plan to pay a dividend.",
        ),
        events="On July 30, 2024 the company repaid USD 5.0 million of the delayed-draw term loan as scheduled.",
    )


WRITERS: dict[tuple[str, int], Callable[[Facts], Narrative]] = {
    ("Zanobela", 2023): _zanobela_2023,
    ("Zanobela", 2024): _zanobela_2024,
    ("Averlinde", 2023): _averlinde_2023,
    ("Averlinde", 2024): _averlinde_2024,
    ("Tarnwhistle", 2023): _tarnwhistle_2023,
    ("Tarnwhistle", 2024): _tarnwhistle_2024,
}


def narrative_of(report: Report) -> Narrative:
    """The prose of a report."""
    return WRITERS[report.company.short, report.number](Facts(report))
