"""What a page is: financial statements and report sections, recognised by how such pages are written."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

STATEMENTS = ("balance_sheet", "income_statement", "cash_flow", "comprehensive_income", "equity")
SUMMARIES = tuple(f"{name}_summary" for name in STATEMENTS[:3])
SECTIONS = (
    "cover", "contents", "business", "risk_factors", "properties", "legal", "stock", "mda", "market_risk", "notes", "governance",
)  # fmt: skip
TOPICS = ("segments", "geography", "reconciliation", "highlights", "business_opening", "report_items", "signatures")
LABELS = (*STATEMENTS, *SUMMARIES, *SECTIONS, *TOPICS)
_BIT = {name: 1 << position for position, name in enumerate(LABELS)}


def label_bits(labels: Iterable[str]) -> int:
    """Return the labels as bits of a 32-bit integer; unknown names count nothing."""
    bits = 0
    for label in labels:
        bits |= _BIT.get(label, 0)
    return bits


def label_names(bits: int) -> frozenset[str]:
    """Return the labels whose bits are set."""
    return frozenset(label for label, bit in _BIT.items() if bits & bit)


_TITLES = {
    "balance_sheet": r"balance sheets?\b|statements? of (?:consolidated )?(?:financial (?:position|condition)|condition\b)",
    "income_statement": r"statements? of (?:consolidated )?(?:net )?(?:income|operations|earnings|profit)\b|income statements?"
    r"|profit (?:and|or|&) loss|results of operations \(unaudited",
    "cash_flow": r"statements? of (?:consolidated )?cash ?flows?|cash ?flow statements?|cash flows? statements?",
    "comprehensive_income": r"statements? of (?:consolidated )?(?:other )?comprehensive (?:income|loss|earnings)",
    "equity": r"statements? of (?:consolidated )?(?:changes in )?(?:(?:share|stock)(?:holders|owners)['’]? ?)?(?:total )?equity"
    r"|statements? of (?:consolidated )?(?:changes in )?(?:share|stock)(?:holders|owners)",
}
_ITEMS = {
    "balance_sheet": r"""cash and cash equivalents|cash and due from|receivables?\b|accounts receivable|trade receivables|
        (?:merchandise )?inventor(?:y|ies)\b|prepaid|total current assets|property,? plant|property and equipment|premises and|
        goodwill|(?:other )?intangible|total assets|accounts payable|trade payables|accrued|deferred (?:revenue|income tax)|
        total current liabilities|long-term debt|borrowings|deposits|operating lease|total liabilities|common stock|share capital|
        preferred stock|additional paid-in|retained earnings|accumulated (?:other|deficit)|treasury stock|non-?controlling interest|
        total (?:share|stock)holders|total equity|total liabilities and|commitments and contingencies|loans\b|allowance for""",
    "income_statement": r"""revenues?\b|net (?:sales|revenues?)|sales\b|total (?:net )?revenues?|costs? of (?:goods|sales|revenue|products)|
        gross (?:profit|margin)|selling,? general|research and development|(?:sales and )?marketing|general and administrative|
        total (?:operating |costs and )?expenses|operating (?:income|profit|earnings)|income from operations|
        (?:income|loss) from operations|interest (?:expense|income)|income (?:\(loss\) )?before|(?:loss|earnings) before|pre-?tax|
        (?:provision|benefit) for|income tax|net (?:income|earnings|loss)|(?:basic|diluted)|earnings per|weighted.average|
        depreciation and amort|total non-?interest|net interest|provision for credit|premiums|benefit costs|dividends declared per""",
    "cash_flow": r"""net (?:income|earnings|loss)|depreciation|amorti[sz]ation|stock-based|share-based|deferred|changes? in|
        accounts receivable|inventor|accounts payable|(?:net )?cash (?:flows? )?(?:provided|generated|used|from|\(used)|
        (?:total )?cash flows? (?:from|provided)|purchases? of|additions to|capital expenditures|proceeds|acquisitions?|
        repayments?|payments? (?:of|for|to)|(?:cash )?dividends|repurchases?|effect of (?:foreign )?exchange|
        (?:net )?(?:increase|decrease|change)|cash(?:,| and) cash equivalents|cash paid|supplemental|issuance|maturities|sales of""",
}
_KEY = {
    "balance_sheet": re.compile(r"^[^\w\n]*total (?:assets|liabilities|(?:share|stock)holders|equity|current)", re.M),
    "income_statement": re.compile(
        r"^[^\w\n]*(?:(?:consolidated )?net (?:income|earnings|\(?loss)|(?:basic|diluted)|(?:income|earnings|\(?loss\)?)[^\n]{0,20} before|"
        r"operating (?:income|profit)|(?:provision|benefit) for|income tax|profit for)",
        re.M,
    ),
    "cash_flow": re.compile(r"(?:operating|investing|financing) activities", re.M),
}
_TITLE = {name: re.compile(pattern) for name, pattern in _TITLES.items()}
_ITEM = {
    name: re.compile(rf"^[^\w\n]*(?:{''.join(map(str.strip, pattern.splitlines()))})", re.M) for name, pattern in _ITEMS.items()
}
_NEAR = 5
_HEAD = 8
_ROW = re.compile(r"(?:\d|—|–|-)[)\s%]*$")
_NOT_A_TITLE = re.compile(r"\b(?:see|refer|accompanying|index|following|these|notes? to|as of the|in our|our|we|item 8)\b|\.\s*$")
_CONTENTS = re.compile(r"^(?:item|part|note)?\s{0,9}.{3,90}?[\s.]{1,99}+\d{1,3}\s*$", re.I)
_HIGHLIGHTS = re.compile(
    r"^.{0,30}(?:selected (?:\w+ ){0,3}(?:data|information|metrics)|(?:financial|performance|business) (?:highlights|summary)"
    r"|summary of (?:\w+ ){0,2}(?:performance|results)|key (?:\w+ )?(?:figures|metrics|indicators)|(?:five|ten)[- ]year)",
    re.M,
)
_BUSINESS = re.compile(r"^item\s*1\W+business", re.M)
_REPORT_ITEM = re.compile(r"^item\s*\d\.\d\d\b", re.M)
_SIGNATURES = re.compile(r"^signatures?$[^$]{0,400}(?:duly caused|undersigned)", re.M)
_SECTION_HEADS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("market_risk", re.compile(r"(?:item\s*\d+a?\W+)?quantitative and qualitative disclosures? about market risk")),
    ("mda", re.compile(r"(?:item\s*\d+\W+)?management['’]?s?['’]? discussion (?:and|&) analysis")),
    ("mda", re.compile(r"(?:operating and financial review|financial review|review of operations|directors['’]? report)\b")),
    ("risk_factors", re.compile(r"(?:item\s*\d+a?\W+)?(?:principal )?risk factors\b")),
    ("legal", re.compile(r"(?:item\s*\d+\W+)legal proceedings\b")),
    ("properties", re.compile(r"(?:item\s*\d+\W+)properties\b")),
    ("business", re.compile(r"(?:item\s*1\W+)business\b")),
    ("stock", re.compile(r"(?:item\s*\d+\W+)market for (?:the )?(?:registrant|company|our)|issuer purchases of equity")),
    ("governance", re.compile(r"(?:item\s*1[0-4]\W+)(?:directors|executive comp|security own|certain rel|principal acc)")),
    (
        "notes",
        re.compile(
            r"(?:\(?\b\w+\)? )?notes to (?:the )?(?:condensed |interim )?(?:consolidated |combined )?financial statements"
        ),
    ),
    ("", re.compile(r"item\s*\d+[a-c]?\W+(?!\W|(?:of|in|to|and|or|above|below|herein|hereof|for|which)\b)")),
)
_CITED = re.compile(r"\bof (?:our|this|the|its) (?:\w+ )?(?:annual|quarterly|current)? ?(?:report|form|filing)\b")
"""A line of running text that speaks of a section of a report: \"Item 7 of our Annual Report\"."""
_ANY_SECTION_HEAD = re.compile("|".join(f"(?:{pattern.pattern})" for _, pattern in _SECTION_HEADS))


@dataclass(frozen=True)
class _Form:
    """How a page is built: its lines, how many are rows of figures, and how strongly it looks like each statement."""

    lines: list[str]
    rows: int
    strength: dict[str, float]


def label_pages(pages: Sequence[str]) -> dict[int, list[str]]:
    """Return the labels of each page that has any, by page number from 1."""
    forms = [_form(page) for page in pages]
    found: list[set[str]] = [set() for _ in pages]
    for name in STATEMENTS:
        _mark_statement(name, forms, found)
    _mark_sections(forms, found)
    for position, form in enumerate(forms):
        found[position].update(tuple(_topics(form, found[position])))
    return {number: sorted(labels) for number, labels in enumerate(found, start=1) if labels}


def _form(page: str) -> _Form:
    """Measure one page."""
    text = page.lower()
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    rows = sum(1 for line in lines if not line[-1].isalpha() and _ROW.search(line))
    strength: dict[str, float] = {}
    for name, title in titles(lines).items():
        strength[name] = title
    for name, pattern in _ITEM.items() if rows >= 6 else ():
        items = len(set(pattern.findall(text)))
        key = len(set(_KEY[name].findall(text)))
        if (key >= 2 or name in strength) and items >= 5 and rows >= len(lines) * 0.25:
            strength[name] = strength.get(name, 0.0) + min(items, 16) / 16 + min(key, 4) / 8
        else:
            strength.pop(name, None)
    if rows < 6:
        strength.clear()
    return _Form(lines, rows, strength)


def titles(lines: Sequence[str]) -> dict[str, float]:
    """Return which statements a page names in lines that can be titles, as a strength between 0 and 1."""
    found: dict[str, float] = {}
    for position, line in enumerate(lines):
        if not ("statement" in line or "sheet" in line or "cash" in line or "profit" in line):
            continue
        if len(line) > (110 if position < _HEAD else 80) or _NOT_A_TITLE.search(line) or _ROW.search(line):
            continue
        for name, pattern in _TITLE.items():
            if name not in found and pattern.search(line):
                found[name] = 1.0 if position < _HEAD else 0.7
    return found


def _mark_statement(name: str, forms: list[_Form], found: list[set[str]]) -> None:
    """Label the page that is the statement, the page it continues on, and the lesser ones like it."""
    ranked = sorted(
        ((form.strength.get(name, 0.0) + _company(name, forms, position), -position) for position, form in enumerate(forms)),
        reverse=True,
    )
    if not ranked or ranked[0][0] < 0.8:
        return
    best = -ranked[0][1]
    found[best].add(name)
    for other in (best + 1, best - 1):
        if 0 <= other < len(forms) and _continues(name, forms[other], best < other):
            found[other].add(name)
    if f"{name}_summary" in SUMMARIES:
        for strength, position in ranked[1:]:
            if strength >= 0.7 and name not in found[-position]:
                found[-position].add(f"{name}_summary")


def _company(name: str, forms: list[_Form], position: int) -> float:
    """Return what a page gains by standing with the other statements: they are printed one after the other."""
    if name not in forms[position].strength:
        return 0.0
    near = forms[max(0, position - _NEAR) : position] + forms[position + 1 : position + 1 + _NEAR]
    return 0.2 * len({other for form in near for other, strength in form.strength.items() if other != name and strength >= 1.0})


def _continues(name: str, form: _Form, after: bool) -> bool:
    """Say whether a neighbouring page carries more of the same statement."""
    strength = form.strength.get(name, 0.0)
    other = max((value for key, value in form.strength.items() if key != name), default=0.0)
    return strength >= (0.6 if after else 1.3) and strength > other


def _mark_sections(forms: Sequence[_Form], found: list[set[str]]) -> None:
    """Carry each section from its heading to the next one's."""
    current = "cover" if forms and _is_cover(forms[0]) else ""
    for position, form in enumerate(forms):
        if position and _is_contents(form):
            found[position].add("contents")
            continue
        if current == "cover" and position > 1:
            current = ""
        if current:
            found[position].add(current)
        for line in form.lines:
            if len(line) < 120:
                current = _section(line, current)
        if current:
            found[position].add(current)


def _section(line: str, current: str) -> str:
    """Return the section that is open after a line."""
    if line[0] not in "itnmorqpf(fd" or _CITED.search(line) or (line.endswith((".", ",")) and not line.startswith("item")):
        return current
    for name, pattern in _SECTION_HEADS if _ANY_SECTION_HEAD.match(line) else ():
        if pattern.match(line):
            return name
    return current


def _is_cover(form: _Form) -> bool:
    """Say whether the first page is a filing's cover."""
    text = " ".join(form.lines[:25])
    return "form " in text or "registrant" in text or "annual report" in text


def _is_contents(form: _Form) -> bool:
    """Say whether a page lists others: most lines end with a rising page number."""
    entries = [line for line in form.lines if line[-1].isdigit() and _CONTENTS.match(line)]
    if len(entries) < 8 or len(entries) < len(form.lines) * 0.5:
        return False
    numbers = [int(re.split(r"[\s.]+", entry.rstrip())[-1]) for entry in entries]
    rising = sum(1 for one, two in pairwise(numbers) if 0 <= two - one <= 30)
    return rising >= (len(numbers) - 1) * 0.75


def _topics(form: _Form, found: set[str]) -> Iterable[str]:
    """Yield what else a page is about, where its words leave no doubt."""
    text = "\n".join(form.lines)
    if form.rows >= 5:
        if text.count("segment") >= 4:
            yield "segments"
        if text.count("geograph") >= 2:
            yield "geography"
        if "reconciliation" in text and ("non-gaap" in text or "adjusted" in text):
            yield "reconciliation"
        if _HIGHLIGHTS.search("\n".join(form.lines[:15])):
            yield "highlights"
    if "business" in found and _BUSINESS.search(text):
        yield "business_opening"
    if _REPORT_ITEM.search(text):
        yield "report_items"
    if _SIGNATURES.search(text):
        yield "signatures"
