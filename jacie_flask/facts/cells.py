"""Lines of a table as a label and the figures behind it."""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice

import msgspec

_CURRENCY = (
    r"(?:US\$|R\$|HK\$|NT\$|NZ\$|J\$|[ACS]\$|KSh|Ksh|KES|Rs\.?|RMB|CHF|EUR|USD|GBP|ZAR|JPY|INR|NGN|CAD|AUD|SEK|NOK|DKK"
    r"|R(?=[ \d(])|[$€£¥₹₦₩₱₺฿])"
)
_NUMBER = r"(?:\d{1,3}(?:[,'’]\d{2,3})+|\d+)(?:\.\d+)?|\.\d+"
_MARK = r"(?:\((?:[a-z]{1,2}|\d{1,2})\)|\[\w{1,2}\]|[*†‡§#]{1,3})"
_UNIT = r"(?:%|pts?\.?|ppts?|pp|bps|x|[pc](?=[)\s]|$))"
_CELL = re.compile(
    rf"(?P<open>[(\[])?(?P<sign>[-−–—+])?(?P<currency>{_CURRENCY})?(?P<sign2>[-−–—])?(?P<open2>\()?(?P<digits>{_NUMBER})"
    rf"(?P<unit>{_UNIT})?(?P<shut>[)\]])?(?P<unit2>{_UNIT})?(?P<mark>{_MARK}{{0,3}})[,;]?"
)
_PARTS = ("open", "sign", "currency", "sign2", "open2", "digits", "unit", "shut", "unit2")
_NIL = re.compile(rf"{_CURRENCY}?[—–−-]{{1,3}}(?P<unit>%)?{_MARK}?|[Nn]il|NIL|-0-|\([—–-]\)")
_VOID = re.compile(r"N/?M|n/?m|[nN]\.[mM]\.?|N/A|n/a|n\.a\.|\*{1,3}")
_ENDS = frozenset("0123456789)%—–-−*]xlLspc.AaMm†‡")
_DIGIT = re.compile(r"\d|[—–−-]$|[Nn]il$")
_LEADERS = re.compile(r"\s?(?:[.·_…]\s?){3,}")
_APART = re.compile(
    rf"(?<![\w$]){_CURRENCY} (?=[\d(.—–−-])|\( (?=[\d$.])|(?<=[\d%]) \)|(?<=[\d)—–-]) (?=%(?:[\s)(*]|$))"
    r"|(?<=[\d)]) (?=(?:pts?\.?|ppts?|pp|bps)(?:\s|$))|(?<=\d) % ?\)"
)
"""A space inside a cell: "$ 5", "( 5 )", "(6) %", "1.2 pts"."""

_MARK_APART = re.compile(r"(?<=[\d)%]) \([a-z]\)(?= [\d(.$€£—–−-]|$)")
"""The letter of a note behind its figure: "5,645 (a) (45)"."""

_GAP = re.compile(r" (?:(?<=[$€£¥₹₦₩₱₺฿(BDFKNPRSYhs.] )[\d$.(—–−-]|(?<=[\d%)—–-] )[)%pb])")
"""What each match of ``_APART`` has in it, found by its space: most lines have none."""

_DATE_BEFORE = re.compile(
    r"(?:\b(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\.?\s*(?:\d{1,2}(?:st|nd|rd|th)?,?)?|\b(?:in|of|since|during"
    r"|fiscal|fy|through|until|year|ended|ending|and|to|for|from|before|after|by|at|note|notes|item|page|level|tier|phase|series"
    r"|class|section|topic|asc|asu|no\.?|ifrs|ias|form|type|stage|category|schedule)(?:\s(?:19|20)\d\d(?:,|\sand)?)*)$",
    re.IGNORECASE,
)
_PLENTY = 8
_SWAP = str.maketrans(".,", ",.")
_EURO_NUMBER = re.compile(r"\d[\d.,]*\d")
_NIL_GROUP = re.compile(r"(?<![\d.,])\d{1,3} 0\d\d(?!\d)")
_A_YEAR = re.compile(r"(?<![\d.,])(?:19|20)\d\d(?![\d.,]\d)")
_GROUP_WORD = re.compile(r"\(?\d{1,3}\)?")
_GROUP = 3
_GROUPS = re.compile(r"(?<![\d.,])\d{1,3}(?: \d{3})+(?!\d)")
_COMMAS = re.compile(r"\d,\d{3}\b(?!,\d{1,2}\b)")
_DOTS = re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3})+(?:,\d{1,2})?(?![\d.,])")
_SPACES = re.compile(r"(?<![\d.,])\d{1,3} \d{3}(?![\d])")
_IN_DIGITS = str.maketrans("", "", ",'’ ")
_FIGURES_KEPT = 1 << 13


class Figure(msgspec.Struct, frozen=True):
    """One cell as printed; ``value`` is None for "n/m"."""

    value: float | None
    text: str
    decimals: int = 0
    unit: str = ""
    currency: str = ""


class Line(msgspec.Struct, frozen=True):
    """A line of a page: the words before its last figures, and these figures; without figures it is all label."""

    label: str
    figures: tuple[Figure, ...]

    def last(self, count: int) -> "Line":
        """Return the line with its last ``count`` figures; the ones before them belong to the label."""
        extra = len(self.figures) - count
        if extra <= 0:
            return self
        words = " ".join((self.label, *(figure.text for figure in self.figures[:extra]))).strip()
        return Line(words, self.figures[extra:])


def style_of(page: str) -> str:
    """Return how a page writes thousands: "us" (1,234.5), "euro" (1.234,5) or "space" (1 234,5)."""
    commas = sum(1 for _ in islice(_COMMAS.finditer(page), _PLENTY))
    if commas == _PLENTY:
        return "us"
    dots = len(_DOTS.findall(page))
    if dots >= 4 and dots > 3 * commas:
        return "euro"
    if commas == 0 and len(_SPACES.findall(page)) >= 6 and _spaces_group(page):
        return "space"
    return "us"


def _groups_behind(line: str) -> list[str]:
    """Return the words of up to three digits with which a line ends, behind its first word."""
    words = line.split()[1:]
    first = next((at for at in range(len(words), 0, -1) if not _GROUP_WORD.fullmatch(words[at - 1])), 0)
    return words[first:]


def _spaces_group(page: str) -> bool:
    """Say whether spaces part thousands rather than columns: a group begins with a nil, or more rows fit the years of headings so."""
    if _NIL_GROUP.search(page):
        return True
    lines = page.split("\n")
    columns = {len(_A_YEAR.findall(line)) for line in lines if _A_YEAR.search(line)}
    together = apart = 0
    for line in lines:
        groups = _groups_behind(line)
        if len(groups) > 1:
            whole = sum(len(group) == _GROUP for group in groups[1:])
            together += len(groups) not in columns and any(0 < len(groups) - count <= whole for count in columns)
            apart += len(groups) in columns
    return not columns or together > apart


def parsed(line: str, style: str = "us", count: int = 0) -> Line:
    """Return a line's label and trailing figures; ``count`` is the number of its table's columns, 0 where it is not known."""
    if not line or line[-1] not in _ENDS or not _DIGIT.search(line):
        return Line(line, ())
    text = _LEADERS.sub(" ", line) if ".." in line or "__" in line or ". ." in line or "·" in line or "…" in line else line
    if style != "us":
        text = _EURO_NUMBER.sub(lambda match: match.group().translate(_SWAP), text)
    if style != "space":
        return _tail(text)
    whole = _tail(_GROUPS.sub(lambda match: match.group().replace(" ", ""), text))
    if len(whole.figures) >= count:
        return whole
    cut = _tail(_GROUPS.sub(lambda match: _evenly(match.group().split(" "), count), text))
    return cut if len(cut.figures) == count else whole


def _tail(text: str) -> Line:
    text = _MARK_APART.sub("", text) if text.count("(") else text
    if _GAP.search(text):
        text = _APART.sub(lambda match: match.group().replace(" ", ""), text)
    tokens = text.split()
    figures: list[Figure] = []
    while tokens:
        figure = figure_of(tokens[-1])
        if figure is None or _of_the_words(tokens):
            break
        figures.append(figure)
        tokens.pop()
    return Line(" ".join(tokens), tuple(reversed(figures)))


@lru_cache(maxsize=_FIGURES_KEPT)
def figure_of(token: str) -> Figure | None:
    """Return the figure that a printed cell is, None for words."""
    match = _CELL.fullmatch(token)
    if match:
        return _number(match, token)
    nil = _NIL.fullmatch(token)
    if nil:
        return Figure(0.0, token, unit=nil["unit"] or "")
    return Figure(None, token) if _VOID.fullmatch(token) else None


def _number(match: re.Match[str], token: str) -> Figure | None:
    bracket, sign, currency, sign2, bracket2, digits, unit, shut, unit2 = match.group(*_PARTS)
    opened = bool(bracket or bracket2)
    if opened != bool(shut) and (shut or bracket == "["):
        return None
    digits = digits.translate(_IN_DIGITS)
    unit = unit or unit2 or ""
    negative = (opened and bool(shut)) or (sign or sign2 or "+") != "+"
    if token[-1] in ",;" and not unit:
        return None
    value = float(digits)
    return Figure(
        -value if negative else value,
        token,
        len(digits.partition(".")[2]),
        "pts" if unit.startswith("p") and unit != "p" else unit.strip("pc"),
        (currency or "").strip(),
    )


def _of_the_words(tokens: Sequence[str]) -> bool:
    """Say whether the last token is a year or a number that belongs to the words before it: "December 31, 2018"."""
    last = tokens[-1]
    if not last.isdigit() or len(tokens) < 2 or len(last) not in (1, 2, 4):
        return False
    return bool(_DATE_BEFORE.search(" ".join(tokens[-4:-1])))


def _evenly(groups: Sequence[str], count: int) -> str:
    """Cut groups of digits into ``count`` figures of the same number of groups; otherwise where a group is shorter than three."""
    size = len(groups) // count if len(groups) % count == 0 else len(groups)
    return " ".join("".join(groups[at : at + size]) for at in range(0, len(groups), size))
