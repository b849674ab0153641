"""Owns the numbers of the three fictional companies and what does not change between their reports."""

from __future__ import annotations

from dataclasses import dataclass, field

from figures import AssetClass, Books, Currency, Detail, Expense, Loan, Segment


@dataclass(frozen=True)
class Look:
    """How a company's reports look; colours are hex, `band` says where the cover's colour stands."""

    main: str
    accent: str
    band: str
    serif: bool = False
    letter_paper: bool = False
    striped: bool = False


@dataclass(frozen=True)
class Words:
    """What a company calls the lines and statements that every company has."""

    subtotal: str = "Gross profit"
    operating_profit: str = "Operating profit"
    net_income: str = "Profit for the year"
    before_tax: str = "Profit before tax"
    income_statement: str = "Consolidated income statement"
    balance_sheet: str = "Consolidated statement of financial position"
    cash_flow: str = "Consolidated statement of cash flows"
    equity_statement: str = "Consolidated statement of changes in equity"
    equity: str = "Total equity"
    tangibles: str = "Property, plant and equipment"
    amortisation: str = "Amortisation"
    inventories: str = "Inventories"
    receivables: str = "Trade and other receivables"
    payables: str = "Trade and other payables"
    deferred_revenue: str = "Contract liabilities"
    finance_income: str = "Finance income"
    finance_costs: str = "Finance costs"
    share_capital: str = "Share capital"
    reserves: str = "Other reserves"
    retained: str = "Retained earnings"
    share_payments: str = "Share-based payments"


@dataclass(frozen=True)
class Company:
    """One fictional company: its books and the words its reports share."""

    name: str
    short: str
    slug: str
    tagline: str
    seat: str
    year_end: str
    fiscal: str
    standards: str
    auditor: str
    chair: str
    chief: str
    finance_chief: str
    shares_unit: str
    about: tuple[str, ...]
    risks: tuple[tuple[str, str], ...]
    board: tuple[tuple[str, str, str], ...]
    governance: tuple[str, ...]
    books: Books
    look: Look
    words: Words = field(default_factory=Words)

    def span(self, number: int) -> str:
        """The financial year in full."""
        return f"{self.fiscal}year ended {self.year_end} {number}"

    def filename(self, number: int) -> str:
        """The file that holds the report of a year."""
        return f"{self.slug}_{number}_annual_report.pdf"


ZANOBELA_BOOKS = Books(
    currency=Currency("ZAR", "million"),
    segments=(
        Segment("Mobile", (24_810, 26_190, 27_845), (4_760, 4_390, 5_220), (3_660, 4_720, 3_790)),
        Segment("Fibre and Fixed", (6_940, 7_715, 8_930), (1_190, 1_420, 1_905), (1_900, 2_160, 2_630)),
        Segment("Enterprise", (5_120, 5_360, 5_505), (870, 860, 930), (560, 580, 585)),
    ),
    regions=(
        ("South Africa", (31_230, 33_140, 35_590)),
        ("Namibia", (3_190, 3_450, 3_730)),
        ("Botswana", (2_450, 2_675, 2_960)),
    ),
    expenses=(
        Expense("Direct expenses", (11_430, 12_050, 12_890), direct=True),
        Expense("Staff expenses", (3_280, 3_465, 3_640), direct=True),
        Expense("Network operating expenses", (6_420, 7_580, 7_655), direct=True),
        Expense("Marketing and administration", (3_010, 3_125, 3_240), direct=True),
        Expense("Depreciation and amortisation", (6_210, 6_705, 7_150)),
    ),
    depreciation_line="Depreciation and amortisation",
    assets=(
        AssetClass("Network equipment", 15_900, (3_050, 3_280, 3_120), (60, 75, 90), (2_890, 3_030, 3_110)),
        AssetClass("Fibre infrastructure", 8_400, (1_720, 1_980, 2_450), (0, 0, 0), (720, 810, 930)),
        AssetClass("Buildings and sites", 3_100, (260, 240, 225), (35, 20, 45), (210, 215, 220)),
        AssetClass("IT and other", 1_350, (480, 510, 530), (10, 15, 10), (410, 440, 460)),
    ),
    loans=(
        Loan("Senior notes 2024", "fixed 8.90%, due June 2024", 3_500, (0, 0, 0), (0, 0, 3_500), (0, 3_500, 0)),
        Loan("Senior notes 2027", "fixed 9.20%, due May 2027", 4_000, (0, 0, 0), (0, 0, 0), (0, 0, 0)),
        Loan("Senior notes 2029", "fixed 9.45%, due June 2029", 0, (0, 0, 4_000), (0, 0, 0), (0, 0, 0)),
        Loan("Export credit facility", "floating, in equal parts to 2027", 3_600, (0, 0, 0), (600, 600, 600), (600, 600, 600)),
        Loan("Revolving credit facility", "floating, committed to 2026", 1_500, (500, 1_000, 0), (0, 0, 1_500), (0, 0, 0)),
    ),
    costs=(
        ("Energy and fuel", (1_480, 2_265, 1_890)),
        ("Site leases and maintenance", (2_940, 3_110, 3_320)),
        ("Handsets and devices sold", (5_870, 6_080, 6_410)),
        ("Interconnection and roaming", (2_760, 2_815, 2_870)),
    ),
    measures=(
        Detail("Mobile subscribers (million)", ("18.4", "19.2", "20.1")),
        Detail("Mobile revenue per user (ZAR per month)", ("111", "114", "115")),
        Detail("Homes passed by fibre (thousand)", ("1,310", "1,540", "1,865")),
        Detail("Homes connected to fibre (thousand)", ("545", "655", "830")),
        Detail("Population covered by 5G (%)", ("28", "36", "47")),
        Detail("Sites with solar and battery backup", ("820", "1,450", "4,350")),
        Detail("Employees at year end", ("6,210", "6,340", "6,295")),
    ),
    finance_income=(210, 285, 330),
    finance_costs=(1_720, 2_060, 2_015),
    tax=(1_370, 1_250, 1_640),
    statutory_rate=27.0,
    intangible_opening=5_200,
    intangible_additions=(610, 1_450, 680),
    amortisation=(820, 930, 1_020),
    use_opening=6_000,
    use_additions=(1_250, 1_380, 1_490),
    use_depreciation=(1_160, 1_280, 1_410),
    lease_opening=6_400,
    lease_repaid=(1_080, 1_190, 1_320),
    lease_due=(1_190, 1_320, 1_410),
    inventories=(780, 845, 910, 870),
    receivables=(5_600, 5_940, 6_310, 6_620),
    cash_opening=3_150,
    payables=(6_900, 7_230, 7_640, 7_980),
    deferred_revenue=(1_240, 1_310, 1_395, 1_520),
    tax_payable=(210, 245, 190, 260),
    deferred_tax=(2_350, 2_480, 2_610, 2_700),
    share_capital=6_500,
    reserves_opening=420,
    retained_opening=15_000,
    share_payments=(60, 65, 70),
    shares=(1_250, 1_250, 1_250),
    diluted_shares=(1_262, 1_263, 1_264),
    goodwill_opening=2_140,
    interim_dividend=(0.56, 0.48, 0.64),
    final_dividend=(0.72, 0.76, 0.72, 0.92),
)

ZANOBELA = Company(
    name="Zanobela Telecom Holdings Limited",
    short="Zanobela",
    slug="zanobela_telecom",
    tagline="Connecting homes, towns and businesses",
    seat="Midrand, South Africa",
    year_end="31 December",
    fiscal="",
    standards="IFRS Accounting Standards",
    auditor="Harrowgate Linden Incorporated",
    chair="Nomvula Sithebe-Carr",
    chief="Pieter Mahlobane",
    finance_chief="Ayanda Roswell",
    shares_unit="millions of shares",
    look=Look(main="#0B4F58", accent="#E08A1E", band="left", striped=True),
    words=Words(subtotal="EBITDA", income_statement="Consolidated income statement"),
    books=ZANOBELA_BOOKS,
    about=(
        "Zanobela Telecom Holdings Limited builds and runs mobile and fibre networks in South Africa, Namibia and Botswana. "
        "It sells voice, data and device plans to households, and connectivity, hosting and security services to businesses.",
        "The group reports three operating segments. Mobile serves prepaid and contract customers. Fibre and Fixed passes "
        "homes with fibre and sells access both directly and through other internet providers. Enterprise serves companies "
        "and public bodies with managed networks.",
        "The group owns its core network, its fibre and about two thirds of its radio sites; the other sites are leased.",
    ),
    risks=(
        (
            "Power supply",
            "Radio sites need electricity around the clock. When the public grid is interrupted, sites run on batteries and "
            "diesel generators, which cost several times as much per hour. Longer interruptions therefore raise network "
            "operating expenses directly. The group reduces the exposure with solar panels and larger batteries.",
        ),
        (
            "Spectrum and regulation",
            "Mobile services depend on licences for radio spectrum. Regulators may change licence fees, coverage duties or "
            "wholesale prices, and the group may have to pay more than planned for new spectrum.",
        ),
        (
            "Competition and prices",
            "Four mobile operators compete in the group's largest market. A price war for data bundles would lower revenue "
            "per user faster than costs could follow.",
        ),
        (
            "Interest rates and refinancing",
            "Part of the group's debt bears floating interest, as note 10 shows, so finance costs rise with market rates. "
            "Notes that mature must be refinanced in a limited local market.",
        ),
        (
            "Theft, vandalism and cyber attacks",
            "Copper, batteries and fuel are stolen from sites, and networks are targets of cyber attacks. Either may "
            "interrupt service and lead to repair costs, penalties and the loss of customers.",
        ),
        (
            "Currency",
            "Network equipment and devices are bought in foreign currency while almost all revenue is earned in rand. The "
            "group hedges firm orders for up to twelve months.",
        ),
    ),
    board=(
        ("Nomvula Sithebe-Carr", "Independent chair", "2018"),
        ("Pieter Mahlobane", "Chief executive officer", "2019"),
        ("Ayanda Roswell", "Chief financial officer", "2020"),
        ("Lindiwe Okonjo-Vale", "Independent director, audit committee chair", "2017"),
        ("Garth Desembre", "Independent director, remuneration committee chair", "2021"),
        ("Thato Merriweather", "Independent director, risk committee chair", "2022"),
    ),
    governance=(
        "The board has six members, four of whom are independent non-executive directors. It met seven times during the year; "
        "attendance was 97%. The roles of chair and chief executive are separate.",
        "The audit committee met five times. It reviewed the annual financial statements, the work of internal audit, the "
        "useful lives of network equipment and the independence of the external auditor.",
        "Half of the executives' short-term incentive depends on operating profit, a quarter on free cash flow and a quarter "
        "on network availability. Long-term awards vest after three years.",
    ),
)

AVERLINDE_BOOKS = Books(
    currency=Currency("EUR", "thousand"),
    segments=(
        Segment("Dairy", (642_300, 698_150, 671_820), (48_900, 42_150, 51_320), (27_400, 29_350, 31_250)),
        Segment("Bakery", (418_750, 452_900, 469_340), (41_350, 44_280, 28_640), (22_150, 23_480, 26_400)),
        Segment("Plant-based", (121_400, 133_650, 158_260), (5_200, 9_450, 11_180), (11_120, 15_750, 76_650)),
    ),
    regions=(
        ("Netherlands", (402_100, 431_250, 428_900)),
        ("Germany", (356_900, 389_400, 398_170)),
        ("Other Europe", (423_450, 464_050, 472_350)),
    ),
    expenses=(
        Expense("Cost of goods sold", (856_100, 946_830, 931_690), direct=True),
        Expense("Distribution expenses", (71_480, 76_920, 78_310)),
        Expense("Selling and marketing expenses", (98_640, 101_370, 118_450)),
        Expense("Administrative expenses", (61_230, 63_780, 65_940)),
        Expense("Research and development", (9_350, 10_120, 12_480)),
        Expense("Restructuring costs", (0, 0, 12_600)),
    ),
    assets=(
        AssetClass("Land and buildings", 148_600, (9_850, 12_400, 21_650), (0, 0, 5_200), (7_420, 7_760, 8_130)),
        AssetClass("Plant and machinery", 231_450, (41_300, 46_750, 102_300), (1_240, 1_510, 3_840), (33_850, 35_240, 37_480)),
        AssetClass("Vehicles and other", 28_300, (6_420, 5_980, 6_150), (380, 420, 510), (5_610, 5_730, 5_820)),
    ),
    loans=(
        Loan("Syndicated term loan", "floating, in parts to 2026", 140_000, (0, 0, 0), (15_000,) * 3, (15_000,) * 3),
        Loan("Private placement notes", "fixed 3.15%, due 2028", 90_000, (0, 0, 0), (0, 0, 0), (0, 0, 0)),
        Loan("Sustainability-linked loan", "floating, due 2030", 0, (0, 0, 60_000), (0, 0, 0), (0, 0, 0)),
        Loan("Revolving credit facility", "floating, committed to 2027", 20_000, (10_000, 20_000, 0), (0, 0, 30_000), (0, 0, 0)),
    ),
    costs=(
        ("Raw milk", (312_400, 361_900, 338_200)),
        ("Grain, sugar and other ingredients", (187_650, 196_480, 191_320)),
        ("Packaging", (84_300, 90_150, 91_760)),
        ("Energy", (41_200, 52_700, 44_300)),
    ),
    measures=(
        Detail("Sales volume (thousand tonnes)", ("486", "478", "491")),
        Detail("Milk price paid to farmers (EUR per 100 kg)", ("47.80", "53.60", "48.90")),
        Detail("Production sites", ("11", "11", "10")),
        Detail("Share of revenue under own brands (%)", ("58", "59", "62")),
        Detail("Greenhouse gas, scope 1 and 2 (kilotonnes)", ("148", "141", "127")),
        Detail("Lost-time injuries per million hours", ("4.1", "3.6", "3.2")),
        Detail("Employees at year end", ("4,870", "4,905", "4,690")),
    ),
    finance_income=(640, 1_280, 1_560),
    finance_costs=(9_870, 13_640, 14_920),
    tax=(19_560, 18_840, 17_310),
    statutory_rate=25.8,
    intangible_opening=64_200,
    intangible_additions=(3_100, 3_450, 4_200),
    amortisation=(7_300, 7_150, 6_980),
    use_opening=31_400,
    use_additions=(8_200, 7_650, 9_100),
    use_depreciation=(8_450, 8_380, 8_720),
    lease_opening=32_600,
    lease_repaid=(8_100, 8_020, 8_350),
    lease_due=(8_020, 8_350, 8_610),
    inventories=(112_300, 128_450, 141_900, 126_350),
    receivables=(148_600, 159_240, 171_380, 168_900),
    cash_opening=58_900,
    payables=(161_200, 176_450, 188_320, 184_760),
    deferred_revenue=(0, 0, 0, 0),
    tax_payable=(6_400, 7_150, 6_820, 6_350),
    deferred_tax=(28_400, 29_250, 30_180, 31_420),
    share_capital=84_000,
    reserves_opening=9_650,
    retained_opening=370_000,
    share_payments=(1_900, 2_050, 2_200),
    shares=(42_000, 42_000, 42_000),
    diluted_shares=(42_350, 42_380, 42_410),
    goodwill_opening=118_500,
    final_dividend=(0.50, 0.55, 0.58, 0.58),
)

AVERLINDE = Company(
    name="Averlinde Foods N.V.",
    short="Averlinde",
    slug="averlinde_foods",
    tagline="Good food from close by",
    seat="Zutphen, the Netherlands",
    year_end="31 December",
    fiscal="",
    standards="IFRS Accounting Standards as adopted by the European Union",
    auditor="Pellworth & Voss Accountants B.V.",
    chair="Marijke ter Hulsbeek",
    chief="Joost van Eckelrade",
    finance_chief="Clara Wendelstrom",
    shares_unit="thousands of shares",
    look=Look(main="#2F5D3A", accent="#B8860B", band="top", serif=True),
    words=Words(income_statement="Consolidated statement of profit or loss", balance_sheet="Consolidated balance sheet"),
    books=AVERLINDE_BOOKS,
    about=(
        "Averlinde Foods N.V. makes dairy products, bread and pastry, and plant-based alternatives for retailers, bakeries and "
        "caterers in Europe. It sells under its own brands Lindehof, Korenrijk and Groenveld and under retailers' labels.",
        "The group has three segments. Dairy buys raw milk from about 1,400 farms and makes cheese, yoghurt and cream. Bakery "
        "makes fresh and frozen bread and pastry. Plant-based makes drinks, desserts and spreads from oats and peas.",
        "Contracts with retailers are usually agreed for six to twelve months, while the price of raw milk changes every "
        "month. Changes in the milk price therefore reach selling prices with a delay.",
    ),
    risks=(
        (
            "Prices of raw materials",
            "Raw milk is the largest single cost of the group. When its price rises quickly, margins fall until contracts with "
            "retailers are renewed. A change of one euro per 100 kilograms changes annual costs by about EUR 6,800 thousand.",
        ),
        (
            "Concentration of customers",
            "The five largest retailers account for 41% of revenue. The loss of one of them, or a delisting during price talks, "
            "would hurt volumes at several sites at once.",
        ),
        (
            "Food safety",
            "Contamination could lead to recalls, claims and lasting damage to the brands. Every site is audited twice a year "
            "and batches can be traced within four hours.",
        ),
        (
            "Energy",
            "Drying, baking and cooling need much gas and electricity. About 70% of the coming year's need is bought forward; "
            "the remainder is exposed to market prices.",
        ),
        (
            "Construction and start-up of new plants",
            "Large projects may cost more or start later than planned. Until a new line is fully used, its depreciation and "
            "staff weigh on the margin of the segment.",
        ),
        (
            "Animal disease and climate",
            "Disease among cattle, drought and new rules on nitrogen may reduce the supply of milk in the regions where the "
            "group buys it.",
        ),
    ),
    board=(
        ("Marijke ter Hulsbeek", "Chair of the supervisory board", "2016"),
        ("Anselm Brokdorff", "Supervisory director, audit committee chair", "2019"),
        ("Femke Oudewater-Lisse", "Supervisory director, remuneration committee", "2021"),
        ("Joost van Eckelrade", "Chief executive officer, executive board", "2017"),
        ("Clara Wendelstrom", "Chief financial officer, executive board", "2020"),
        ("Ruben Castellijn", "Chief operating officer, executive board", "2022"),
    ),
    governance=(
        "The company has two tiers: an executive board, which runs the business, and a supervisory board, which advises and "
        "oversees it. The supervisory board met eight times during the year, twice at a production site.",
        "The audit committee discussed hedging of energy, the valuation of inventories, the impairment test of goodwill and "
        "the report of the external auditor.",
        "The annual bonus of the executive board depends for 60% on operating profit and cash flow, for 20% on safety and for "
        "20% on the reduction of greenhouse gas emissions.",
    ),
)

TARNWHISTLE_BOOKS = Books(
    currency=Currency("USD", "million", decimals=1),
    segments=(
        Segment("Supply Chain Cloud", (6_124, 7_038, 8_231), (1_378, 1_904, 2_298), (236, 250, 318)),
        Segment("Data Platform", (3_881, 4_512, 5_479), (512, 731, 886), (171, 184, 289)),
        Segment("Professional Services", (1_462, 1_521, 1_408), (-53, -72, -141), (14, 13, 16)),
    ),
    regions=(
        ("Americas", (6_708, 7_594, 8_662)),
        ("Europe, Middle East and Africa", (3_257, 3_752, 4_431)),
        ("Asia Pacific", (1_502, 1_725, 2_025)),
    ),
    expenses=(
        Expense("Cost of revenue", (3_268, 3_764, 4_626), direct=True),
        Expense("Research and development", (2_385, 2_614, 2_986)),
        Expense("Sales and marketing", (3_371, 3_542, 3_795)),
        Expense("General and administrative", (1_094, 1_176, 1_270)),
        Expense("Amortization of acquired intangibles", (212, 212, 318)),
    ),
    assets=(
        AssetClass("Leasehold improvements", 412, (45, 38, 72), (0, 0, 0), (58, 60, 63)),
        AssetClass("Computer equipment", 655, (268, 295, 402), (0, 6, 9), (231, 246, 281)),
        AssetClass("Furniture and other", 98, (12, 10, 21), (0, 0, 2), (19, 18, 19)),
    ),
    loans=(
        Loan("Senior notes", "fixed 4.25%, due March 2027", 4_000, (0, 0, 0), (0, 0, 0), (0, 0, 0)),
        Loan("Term loan A", "floating, in parts to 2026", 1_500, (0, 0, 0), (150, 150, 150), (150, 150, 150)),
        Loan("Delayed-draw term loan", "floating, due October 2028", 0, (0, 0, 1_000), (0, 0, 0), (0, 0, 50)),
    ),
    costs=(
        ("Cloud hosting", (982, 1_129, 1_631)),
        ("Stock-based compensation", (1_046, 1_132, 1_245)),
        ("Sales commissions", (884, 846, 871)),
        ("Customer support", (941, 1_068, 1_192)),
    ),
    measures=(
        Detail("Annual recurring revenue (USD million)", ("1,038.4", "1,213.9", "1,441.6")),
        Detail("Net revenue retention (%)", ("109", "111", "112")),
        Detail("Gross revenue retention (%)", ("93", "94", "94")),
        Detail("Customers above USD 1 million a year", ("214", "251", "303")),
        Detail("Remaining performance obligations (USD million)", ("1,652.0", "1,918.5", "2,263.7")),
        Detail("Service availability (%)", ("99.95", "99.96", "99.93")),
        Detail("Employees at year end", ("4,310", "4,255", "4,610")),
    ),
    finance_income=(61, 178, 232),
    finance_costs=(214, 226, 241),
    tax=(226, 386, 465),
    statutory_rate=21.0,
    intangible_opening=1_180,
    intangible_additions=(96, 104, 128),
    amortisation=(282, 290, 408),
    use_opening=740,
    use_additions=(90, 60, 140),
    use_depreciation=(152, 148, 155),
    lease_opening=810,
    lease_repaid=(145, 142, 150),
    lease_due=(142, 150, 152),
    inventories=(0, 0, 0, 0),
    receivables=(2_310, 2_596, 2_941, 3_382),
    cash_opening=2_310,
    payables=(1_842, 2_015, 2_198, 2_467),
    deferred_revenue=(4_120, 4_688, 5_382, 6_297),
    tax_payable=(62, 85, 118, 131),
    deferred_tax=(210, 198, 185, 240),
    share_capital=12,
    reserves_opening=6_469,
    retained_opening=-4_800,
    share_payments=(1_046, 1_132, 1_245),
    shares=(1_182, 1_176, 1_165),
    diluted_shares=(1_214, 1_206, 1_198),
    goodwill_opening=4_120,
    investments=(2_400, 2_900, 3_800, 2_600),
    goodwill_bought=(0, 0, 1_430),
    intangibles_bought=(0, 0, 620),
    buybacks=(600, 900, 2_800),
    share_plans=(140, 155, 170),
)

TARNWHISTLE = Company(
    name="Tarnwhistle Software, Inc.",
    short="Tarnwhistle",
    slug="tarnwhistle_software",
    tagline="Software for goods that move",
    seat="Duluth, Minnesota, United States",
    year_end="June 30,",
    fiscal="fiscal ",
    standards="accounting principles generally accepted in the United States",
    auditor="Castellow Brandt LLP",
    chair="Margaret Ilvesdotter",
    chief="Devon Achterberg",
    finance_chief="Priscilla Nakamoor",
    shares_unit="millions of shares",
    look=Look(main="#2B2F77", accent="#12A594", band="bottom", letter_paper=True),
    words=Words(
        operating_profit="Operating income",
        net_income="Net income",
        before_tax="Income before income taxes",
        income_statement="Consolidated statements of income",
        balance_sheet="Consolidated balance sheets",
        cash_flow="Consolidated statements of cash flows",
        equity_statement="Consolidated statements of stockholders' equity",
        equity="Total stockholders' equity",
        tangibles="Property and equipment, net",
        amortisation="Amortization",
        receivables="Accounts receivable and other",
        payables="Accounts payable and accrued liabilities",
        deferred_revenue="Deferred revenue",
        finance_income="Interest income",
        finance_costs="Interest expense",
        share_capital="Common stock",
        reserves="Additional paid-in capital",
        retained="Accumulated deficit",
        share_payments="Stock-based compensation",
    ),
    books=TARNWHISTLE_BOOKS,
    about=(
        "Tarnwhistle Software, Inc. sells cloud software with which manufacturers, retailers and carriers plan and follow the "
        "movement of goods. Customers subscribe for one to three years and usually pay a year in advance.",
        "The company reports three segments. Supply Chain Cloud offers planning, transport and warehouse applications. Data "
        "Platform connects partners and sells analytics. Professional Services implements the products and trains users.",
        "The fiscal year runs from July 1 to June 30 and is named after the calendar year in which it ends.",
    ),
    risks=(
        (
            "Renewal of subscriptions",
            "Most revenue comes from subscriptions that customers may choose not to renew. A fall in gross retention of one "
            "percentage point would lower annual recurring revenue by about one percent within a year.",
        ),
        (
            "Dependence on cloud providers",
            "The products run in data centers of two outside providers. Higher prices or an outage at either would raise the "
            "cost of revenue or oblige the company to grant service credits.",
        ),
        (
            "Security of customer data",
            "The company stores shipment and pricing data of its customers. Unauthorized access could lead to claims, to the "
            "loss of customers and to regulatory action.",
        ),
        (
            "Integration of acquisitions",
            "Acquired businesses may not reach the expected revenue, key people may leave and goodwill may become impaired.",
        ),
        (
            "Hiring and retaining engineers",
            "Development depends on experienced engineers. Stock-based compensation is a large part of their pay, so a lower "
            "share price makes it harder to keep them.",
        ),
        (
            "Foreign exchange",
            "About two fifths of revenue is earned outside the Americas. A stronger dollar lowers reported revenue.",
        ),
    ),
    board=(
        ("Margaret Ilvesdotter", "Independent chair", "2015"),
        ("Devon Achterberg", "Chief executive officer and director", "2018"),
        ("Hollis Quartermaine", "Independent director, audit committee chair", "2016"),
        ("Renata Bielenberg", "Independent director, compensation committee chair", "2019"),
        ("Samuel Osei-Thornbury", "Independent director", "2021"),
        ("Linh Vanterpool", "Independent director, nominating committee chair", "2022"),
    ),
    governance=(
        "Five of the six directors are independent. The board met six times during the fiscal year, and every director "
        "attended at least 90% of the meetings of the board and of the committees on which he or she served.",
        "The audit committee oversees financial reporting, internal control, cybersecurity and the independent auditor. It "
        "met nine times and held private sessions with the auditor at each regular meeting.",
        "Executive pay consists of a salary, a cash bonus tied to annual recurring revenue and operating margin, and stock "
        "units that vest over four years. Executives must hold shares worth at least three times their salary.",
    ),
)

COMPANIES = (ZANOBELA, AVERLINDE, TARNWHISTLE)
