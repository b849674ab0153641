"""The finance lexicon: which words of a question point to which statement, section and line items."""

import re
from dataclasses import dataclass

from jacie_flask.text.terms import word_set

BALANCE, INCOME, CASH = "balance_sheet", "income_statement", "cash_flow"


BEYOND_STATEMENTS = re.compile(
    r"\b(?:segments?|business units?|divisions?|geograph\w+|countries|regions?|adjusted|non-?\s?gaap|organic\w*|constant currency|drivers?"
    r"|(?:what|which factors?)\b.{0,30}\b(?:dr[oi]ve[sn]?|cause[ds]?|led to|contribut\w*)|why (?:did|has|have|was|were)|exclud\w+)\b",
    re.I,
)
"""What the consolidated statements do not tell: parts of the business, adjustments and reasons."""


@dataclass(frozen=True)
class Pointer:
    """A manner of asking: what it looks like, the page labels it points to, and the words such pages use for it."""

    pattern: re.Pattern[str]
    labels: tuple[str, ...]
    words: str
    strength: float


def _p(pattern: str, labels: str, words: str = "", strength: float = 0.5) -> Pointer:
    return Pointer(re.compile(rf"\b(?:{pattern})\b", re.I), tuple(labels.split()), words, strength)


STATEMENT_POINTERS = (
    _p(r"balance sheets?|statements? of (?:consolidated )?financial (?:position|condition)", BALANCE, "balance sheet", 0.7),
    _p(
        r"income statements?|p\s?&\s?l|profit (?:and|&|or) loss|statements? of (?:consolidated )?(?:income|operations|earnings)",
        INCOME,
        "statement income",
        0.7,
    ),
    _p(r"cash ?flows? statements?|statements? of (?:consolidated )?cash ?flows?", CASH, "statement cash flows", 0.7),
    _p(r"comprehensive (?:income|loss)", "comprehensive_income", "comprehensive income", 0.6),
    _p(r"statements? of (?:changes in )?(?:stockholders|shareholders)['’]? equity", "equity", "stockholders equity", 0.7),
)
"""The statement that a question names."""

METRIC_POINTERS = (
    _p(
        r"cap(?:ital )?[- ]?ex(?:penditures?|penses?)?|capital spending|capital[- ]intensi\w+",
        CASH,
        "capital expenditures purchases additions property plant equipment",
    ),
    _p(
        r"capital[- ]intensi\w+|return on (?:total )?assets|roa|asset turnover",
        f"{BALANCE} {INCOME}",
        "total assets net income revenue",
    ),
    _p(
        r"(?:net |gross )?pp\s?(?:&|n|and)?\s?n?e|property,? plant|fixed assets?",
        BALANCE,
        "property plant equipment net total assets",
    ),
    _p(r"asset turnover", f"{INCOME} {BALANCE}", "revenue net sales property equipment net"),
    _p(
        r"working capital|current ratio|quick ratio|acid[- ]test|liquidity (?:ratio|profile|position)",
        BALANCE,
        "total current assets total current liabilities cash receivables inventories",
    ),
    _p(
        r"operating cash ?flows?|cash ?flows? from operat\w+|cash from operat\w+|cash generated|ocf",
        CASH,
        "net cash provided by operating activities",
    ),
    _p(
        r"free cash ?flows?|fcf|cash ?flow conversion|cash conversion rate",
        CASH,
        "net cash provided operating activities purchases property equipment",
    ),
    _p(
        r"(?:largest|biggest|total|highest|current|main) (?:liabilit(?:y|ies)|assets?)|liabilities|assets",
        BALANCE,
        "total assets total liabilities",
        0.4,
    ),
    _p(
        r"inventory turnover|dio|dpo|days payables?|cash conversion cycle|ccc|payables? turnover",
        f"{BALANCE} {INCOME}",
        "cost of sales inventories accounts payable",
    ),
    _p(r"dso|days sales|receivables? turnover", f"{BALANCE} {INCOME}", "accounts receivable net sales revenue"),
    _p(r"inventor(?:y|ies)", BALANCE, "inventories", 0.3),
    _p(r"accounts? payables?|trade payables?", BALANCE, "accounts payable", 0.35),
    _p(r"accounts? receivables?|trade receivables?", BALANCE, "accounts receivable net", 0.35),
    _p(r"goodwill|intangible assets?", BALANCE, "goodwill intangible", 0.25),
    _p(
        r"(?:long|short)[- ]term debt|total debt|net debt|leverage|debt[- ]to[- ]\w+|borrowings",
        BALANCE,
        "long-term debt short-term borrowings",
        0.3,
    ),
    _p(
        r"retained earnings|(?:share|stock)holders['’]? equity|book value|net assets|return on (?:\w+ )?equity|roe|liquidat\w+",
        BALANCE,
        "total equity book value per share",
        0.35,
    ),
    _p(r"cash and cash equivalents|cash (?:balance|position|on hand)", BALANCE, "cash and cash equivalents", 0.35),
    _p(r"cogs|costs? of (?:goods sold|sales|revenues?|products)", INCOME, "cost of goods sold cost of sales cost of revenue"),
    _p(r"gross (?:profit|margins?)", INCOME, "gross profit cost of sales net sales revenue"),
    _p(r"operating (?:income|profit|margins?|earnings)|ebit", INCOME, "operating income total revenue net sales"),
    _p(r"ebitda", f"{INCOME} {CASH}", "operating income depreciation amortization", 0.4),
    _p(
        r"net (?:income|earnings|profit|loss)|bottom line|net (?:profit )?margin|profitab\w+",
        INCOME,
        "net income net earnings",
        0.4,
    ),
    _p(r"(?:total |net )?(?:revenues?|sales|turnover|top[- ]?line)", INCOME, "total revenue net sales", 0.3),
    _p(r"earnings per share|eps|diluted", INCOME, "earnings per share diluted basic", 0.4),
    _p(r"interest (?:expense|income|coverage)", INCOME, "interest expense", 0.35),
    _p(r"effective (?:income )?tax rate|etr", "highlights notes mda", "effective tax rate income taxes", 0.2),
    _p(r"sg\s?&\s?a|selling,? general", INCOME, "selling general administrative expenses", 0.2),
    _p(r"r\s?&\s?d\b|research and development", INCOME, "research development expense", 0.25),
    _p(r"depreciation|amorti[sz]ation|d\s?&\s?a", CASH, "depreciation amortization", 0.35),
    _p(r"dividends? paid|cash dividends?|retention ratio|pay-?out ratio|dividend payments?", CASH, "dividends paid", 0.4),
    _p(r"retention ratio|pay-?out ratio", INCOME, "net income attributable", 0.4),
    _p(r"(?:share|stock) (?:repurchases?|buy-?backs?)|buy-?backs?", CASH, "repurchase common stock treasury shares", 0.2),
    _p(r"(?:operating|financing|investing)(?: and \w+)? activities", CASH, "net cash operating investing financing activities"),
)
"""The figure that a question asks for, where a statement holds it."""

TOPIC_POINTERS = (
    _p(
        r"(?:what|which factors?|why|how)\b.{0,40}\b(?:dr[oi]ve[sn]?|cause[ds]?|led|lead|explain\w*|contribut\w*)|drivers?|"
        r"why (?:did|has|have|was|were)|reasons? (?:for|behind)",
        "mda",
        "results of operations increase decrease due to primarily driven",
        0.2,
    ),
    _p(r"(?:operating|gross|profit) margins?", "mda", "margin percent of net sales", 0.1),
    _p(
        r"(?:exclud\w+|without|strip\w* out|ignor\w+)\b.{0,40}\b(?:m\s?&\s?a|acqui\w+|divest\w+|currenc\w+|fx|foreign exchange|pass)|organic\w*|real "
        r"(?:change|growth)|constant currency|comparable",
        "mda reconciliation",
        "organic constant currency comparable growth acquisitions divestitures translation",
        0.15,
    ),
    _p(r"outlook|guidance|forecast\w*|expects?|expected", "mda", "outlook guidance expect", 0.12),
    _p(r"segments?|business units?|divisions?|lines? of business", "segments", "segment results", 0.35),
    _p(r"geograph\w+|countries|regions?", "geography segments", "geographic regions", 0.3),
    _p(
        r"legal|lawsuits?|litigations?|(?:court|legal) (?:cases?|battles?)",
        "legal notes",
        "legal proceedings litigation matters",
        0.15,
    ),
    _p(r"strateg\w+", "mda business", "strategy strategic priorities objectives plan aim outlook", 0.15),
    _p(r"risk factors?|(?:key|main|principal|biggest) risks?", "risk_factors", "risk factors", 0.25),
    _p(r"market risk|value at risk|var\b", "market_risk mda", "market risk value-at-risk VaR average", 0.12),
    _p(
        r"registered (?:to trade|on|securit\w+)|securities exchange|traded on|ticker|trading symbol",
        "cover",
        "title of each class trading symbol name of exchange on which registered",
        0.5,
    ),
    _p(
        r"(?:what|which) (?:industry|industries|sectors?|business)\b(?! (?:segment|unit))|what does (?:.{2,40} )?do|what (?:is|are) (?:the |its )?business(?:es)?|(?:products?|services)(?: and \w+)?\b.{0,30}"
        r"\b(?:sells?|sold|offers?|provides?|makes?)|(?:main|major|core|key|primary|principal) (?:products?|services|business(?:es)?|brands?)",
        "business_opening business",
        "business overview company products services",
        0.3,
    ),
    _p(
        r"customers?\b.{0,40}\b(?:concentrat\w*|percent|%|10|single|largest|major)|(?:largest|major|single|primary|main|key|principal|biggest) customers?",
        "notes business risk_factors",
        "customer accounted for percent of net sales concentration",
        0.12,
    ),
    _p(r"employees|headcount|workforce|human capital", "business", "employees", 0.15),
    _p(r"competitors?|competition|compet\w*", "business risk_factors", "competition competitors", 0.15),
    _p(r"properties|facilities|square feet|headquarters|stores", "properties business", "properties facilities", 0.12),
    _p(
        r"acquisitions?|acquired|mergers?|divestitures?|divested|m\s?&\s?a",
        "notes",
        "acquisitions acquired business combination purchase price",
        0.15,
    ),
    _p(r"restructuring", "notes", "restructuring charges liability employee", 0.1),
    _p(r"non-?\s?gaap|adjusted|reconcil\w+|exclud\w+", "reconciliation", "reconciliation adjusted non-GAAP", 0.2),
    _p(r"dividends?", "notes stock", "dividends declared per share", 0.08),
    _p(
        r"(?:share|stock) (?:repurchases?|buy-?backs?)|buy-?backs?|repurchased?",
        "stock mda",
        "repurchase program shares repurchased",
        0.1,
    ),
    _p(r"auditors?|audit (?:fees|report|opinion)", "governance", "independent registered public accounting firm", 0.08),
    _p(r"debt maturit\w+|notes due|credit facilit\w+|covenants?", "notes", "debt notes credit facility maturities", 0.12),
    _p(r"leases?|lease (?:liabilit\w+|obligations?)", "notes", "lease", 0.1),
    _p(r"pensions?|retirees?|retirement|post-?retirement", "notes", "pension benefit plan", 0.1),
    _p(
        r"headquarter\w*|head offices?|principal (?:executive )?offices?",
        "cover properties",
        "principal executive offices headquarters address located",
        0.3,
    ),
    _p(
        r"who (?:is|are|was|runs|leads|heads|chairs)\b.{0,60}",
        "signatures governance",
        "executive officers name position signature",
        0.25,
    ),
    _p(
        r"8-?k|nominees?|vot(?:es?|ed|ing)|agenda|appoint\w*|resign\w*|new (?:ceo|cfo|director|president)",
        "report_items",
        "",
        0.25,
    ),
    _p(r"nominees?|vot(?:es?|ed|ing)", "", "votes for against abstentions broker non-votes election directors"),
    _p(r"ceos?", "", "chief executive officer"),
    _p(r"cfos?", "", "chief financial officer"),
    _p(r"board", "", "board of directors"),
    _p(r"fx|foreign exchange", "", "foreign currency exchange"),
    _p(
        r"(?:financial |business )?(?:highlights?|overview|summary|performance)",
        "highlights mda",
        "highlights summary results",
        0.15,
    ),
)
"""The section where such things are told."""

ACRONYMS = word_set(
    """
    usd eur gbp jpy fy ytd yoy qoq ceo cfo coo cto eps ebit ebitda ebitdar capex opex cogs sga rd ppe ppne ppande ppe roa roe
    roi roic roce rotce ccc dio dso dpo fcf ocf var us uk eu ipo esg gaap ifrs non m&a fx gdp cagr nim npl cet cet1 rwa aum
    nav kpi ttm ltm bps ppt pnl p&l sg&a r&d pp&e d&a m&a q1 q2 q3 q4 h1 h2 sec irs it hr ai apr eur etr wacc dcf mda md&a
    capm nii nie arr mau dau arpu gmv gpv tam cre abs rsu psu i ok vs am pm ii iii iv
    """
)
"""Capital letters that are no company's name."""

INSTRUCTION_WORDS = word_set(
    """
    main give given giving response respond question questions answer answers answering rely relying relied details detail shown
    show shows assume assuming assumption public equities equity-analyst analyst analysts using use used utilize utilizing
    primarily information provided please base basing based judgment judgments judgement judgements round rounded rounding
    decimal decimals place places unit units percent percents usd million millions billion billions thousand thousands dollar
    dollars define defined definition calculate calculated calculating compute computed extract extracted clearly line lines
    item items state stating stated explain explaining say metric metrics useful company companies firm like something ask
    asked asks would financial investment banker banking only resource resources following here approach approaching
    standpoint perspective access according drawing conclusions conclude considering data help best abilities ability want
    wanted let know tell find look looking solution amount much many what's whats year years fiscal fy quarter quarters q end
    ended ending annual quarterly report reports reported filing filings document documents 10-k 10-q 8-k k formerly known
    within terms time period as-of s t d m ll re ve does did has have having is are was were any there
    """
)
"""Words that say how to answer, or when, rather than what is asked."""

_DEVELOPED = re.compile(
    r"\b((?:did|do|does|has|have|had|will)\b[^.?!,;]{0,60}?)\b(?<!the )(?<!a )(?<!any )(?<!net )(?:changed?|compared?|develop(?:ed)?|evolved?|moved?|var(?:y|ied))"
    r"(?:\s+(?:against|versus|vs\.?))?(?!\w)",
    re.I,
)
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+")
_OTHERWISE = re.compile(
    r"[,;]? ?(?:\b(?:and|or|but|please)\b ?)?\b(?:explain|say|state|tell (?:us|me)) (?:why|so|which|how)\b[^.?!,;]{0,40}\bif (?:not|so|none|it)\b[^.?!,;]{0,40}"
    r"|\bif (?:not|so|none|yes|no), ?[^.?!]{0,80}",
    re.I,
)
_IF = re.compile(r"\bif\b", re.I)
_MAKES_SENSE = re.compile(r"\b(?:metric|ratio|measure|relevant|useful|applicable|meaningful|ask about)\b", re.I)
_THEN_SAY = re.compile(r"\b(?:state|say|explain|mention|note|tell)\b", re.I)


def without_development(question: str) -> str:
    """Return a question without the verb that asks how something developed: pages speak of changes in other things."""
    return _DEVELOPED.sub(r"\1", question)


def without_statements(question: str) -> tuple[str, str]:
    """Return a question without the names of statements, and the words of those: they say where to look, not for what."""
    rest, named = question, []
    for pointer in STATEMENT_POINTERS:
        rest, found = pointer.pattern.subn(" ", rest)
        named += [pointer.words, *pointer.pattern.findall(question)] if found else []
    return rest, " ".join(named)


def without_instructions(question: str) -> str:
    """Return a question without the clauses that say what to do should it make no sense."""
    kept: list[str] = []
    for sentence in _SENTENCE_END.split(question):
        start = _IF.search(sentence)
        dropped = start and _MAKES_SENSE.search(sentence, start.end()) and _THEN_SAY.search(sentence, start.end())
        kept.append(sentence[: start.start()] if start and dropped else sentence)
    shorter = _OTHERWISE.sub("", " ".join(filter(None, map(str.strip, kept)))).strip()
    return shorter if len(shorter) >= 12 else question
