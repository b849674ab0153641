"""Whether a page proves a sentence: each figure with its unit, sign, row and year, each quote word for word."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, permutations

from jacie_flask.text import figures, tables
from jacie_flask.text.figures import Figure
from jacie_flask.text.tables import Unit
from jacie_flask.text.terms import STOP_WORDS, stem, tokens, word_set

QUOTE = re.compile(r"“([^“”]{3,2000})”|\"([^\"“”]{3,2000})\"|«([^«»]{3,2000})»|„([^„“”]{3,2000})[“”]")
_QUOTED_WORDS = 3
_NAMED = 0.75
"""How well a row's label and a sentence must agree (F1) for the sentence to speak of that row."""
_WORSE = 0.12
_RECALLED, _FOREIGN = 0.85, 0.5
_SPACES = re.compile(r"\s+")
_BROKEN = re.compile(r"(?<=[a-zà-ÿ])[-\u00ad\u2010]\s*\n\s*(?=[a-zà-ÿ])")
_FOLDED = str.maketrans({
    "’": "'", "‘": "'", "‚": "'", "‛": "'", "“": "'", "”": "'", "„": "'", "«": "'", "»": "'", '"': "'", "–": "-", "—": "-", "‒": "-", "‑": "-",
    "‐": "-", "−": "-", "\u00ad": "", "\u200b": "", "\ufeff": "", "\u00a0": " ", "…": "...",
})  # fmt: skip
_ASIDE = re.compile(r"\([^()\d]*\)")
_DOWN = re.compile(
    r"\b(?:loss(?:es)?|negative|deficit|declin\w+|decreas\w+|fell|fall(?:s|en|ing)?|drop\w*|lower\w*|reduc\w+|down|shr[aiu]nk\w*|contract(?:ed|ion)"
    r"|minus|less|worsen\w*|dilut\w+|dragg?\w*|weaken\w*|outflows?)\b",
    re.IGNORECASE,
)
_UP = re.compile(
    r"\b(?:increas\w+|rose|ris(?:e|es|en|ing)|grew|grow\w*|higher|up|improv\w+|gain\w*|expan\w+|climb\w*)\b", re.IGNORECASE
)
_SPENT = re.compile(
    r"\b(?:purchas\w+|pa(?:id|y|ys|yments?|ying)|repay\w*|repurchas\w*|buy\w*|bought|spen[dt]\w*|invest(?:ed|ments?)|acqui\w+|expend\w+|capex"
    r"|expens\w+|costs?|charges?|tax(?:es)?|dividends?|distribut\w+|used|depreciat\w+|amorti[sz]\w+|provisions?|impair\w+|interest|treasury"
    r"|redem\w+|retire\w+|contributions?|withh\w+|settle\w+|write\w*|accumulated|deduct\w+|allowances?|eliminat\w+|deferred|additions?"
    r"|returns?|repatriat\w+|restructuring)\b",
    re.IGNORECASE,
)
_GENERIC = frozenset(
    stem(word)
    for word in word_set(
        """
        million billion thousand trillion bn mn usd eur gbp zar dollar fiscal year quarter month ended total company amounted
        january february march april may june july august september october november december
        according page respectively compared figure value amount approximately about percent note see table row report reported recorded
        """
    )
)


@dataclass(frozen=True)
class Finding:
    """What was found about one figure or quote: whether it is proved, and if not, or if only by a sum, why."""

    text: str
    proved: bool
    reason: str = ""


@dataclass(frozen=True)
class _Place:
    """Where a figure stands on a page."""

    unit: Unit
    at: int

    @property
    def figure(self) -> Figure:
        return self.unit.figures[self.at]

    @property
    def year(self) -> int:
        return self.unit.years[self.at] if self.unit.row and self.at < len(self.unit.years) else 0


@dataclass(frozen=True)
class _Claim:
    """A sentence without its markers and quotes, the figures it states, and its words."""

    text: str
    amounts: list[Figure]
    years: list[int]
    words: frozenset[str]


def plain(text: str) -> str:
    """Return a text as it is compared: one kind of quotes, dashes, letters and spaces, lines joined, no case."""
    joined = _BROKEN.sub("", text.replace("\r", ""))
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", joined).translate(_FOLDED)).strip().casefold()


def quoted(quote: str, page: str) -> bool:
    """Say whether a quote stands on the page; parts around an ellipsis stand there in their order."""
    held = plain(page)
    tight = held.replace(" ", "").replace("-", "")
    at = 0
    for part in re.split(r"\s*\[?(?:\.\.\.|…)\]?\s*", quote):
        wanted = plain(part).strip(" .,;:")
        if not wanted:
            continue
        at = _after(wanted, held, tight, at)
        if at < 0:
            return False
    return True


def _after(wanted: str, held: str, tight: str, at: int) -> int:
    """Return the place behind the wanted words in ``tight`` (no spaces, no hyphens), -1 where they are not, as whole words."""
    inside = re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", held)
    short = wanted.replace(" ", "").replace("-", "")
    if inside is None and len(short) < 12:
        return -1
    found = tight.find(short, at)
    if found < 0:
        return -1
    end = found + len(short)
    if inside is None and (tight[end : end + 1].isdigit() or (found and short[0].isdigit() and tight[found - 1].isdigit())):
        return -1
    return end


def quotes(claim: str) -> list[str]:
    """Return the quotes of a sentence that are long enough to be one: terms in inverted commas are not."""
    found = ["".join(match.groups("")) for match in QUOTE.finditer(claim)]
    return [quote for quote in found if len(tokens(quote)) >= _QUOTED_WORDS or any(map(str.isdigit, quote))]


def check(claim: str, pages: Sequence[str], names: str = "", period: str = "") -> list[Finding]:
    """Check each quote and figure of a sentence on the pages that it cites together.

    ``names`` are words that say nothing about a row, such as the company's; ``period`` is the year the document is about.
    """
    findings = []
    for quote in quotes(claim):
        held = any(quoted(quote, page) for page in pages)
        findings.append(Finding(quote, held, "" if held else "these words are not on the page"))
    stated = _read(QUOTE.sub(" ", claim) if findings else claim, names)
    if not stated.amounts:
        return findings
    units = [unit for page in pages for unit in tables.read(page)]
    known = {year for page in pages for year in figures.years(page[: tables.PAGE_CHARS])} | set(figures.years(period))
    places = [[*_places(amount, units)] for amount in stated.amounts]
    for at, (amount, found) in enumerate(zip(stated.amounts, places, strict=True)):
        others = [place.unit for other, held in enumerate(places) if other != at for place in held]
        taken = {id(unit) for unit in others if unit.row and _named(unit, stated.words)}
        findings.append(_weigh(stated, at, amount, found, units, known, taken))
    return findings


def _read(claim: str, names: str) -> _Claim:
    found = figures.find(claim, spoken=True)
    named = frozenset(names.lower().split())
    amounts = [figure for figure in found if not figure.year and _token(claim, figure) not in named]
    words = frozenset(_words(claim)) - frozenset(_words(names))
    return _Claim(claim, amounts, figures.years(claim), words)


def _token(text: str, figure: Figure) -> str:
    """Return all that is written together with a figure: a company may be called by one."""
    return text[: figure.start].rpartition(" ")[2].lower() + re.split(r"[ ,;:.’']", text[figure.start :], maxsplit=1)[0].lower()


def _words(text: str) -> list[str]:
    return [stem(word) for word in tokens(text) if not word[0].isdigit() and word not in STOP_WORDS]


def _places(amount: Figure, units: Sequence[Unit]) -> Iterator[_Place]:
    for unit in units:
        for at, held in enumerate(unit.figures):
            if _equal(amount, held, unit):
                yield _Place(unit, at)


def _equal(amount: Figure, held: Figure, unit: Unit) -> bool:
    if held.year and not amount.currency and not amount.scale:
        return False
    if unit.row and amount.percent and not held.percent and not held.currency and _shares(unit):
        return figures.same(amount, _as_share(held))
    if figures.same(amount, held, unit.scale):
        return True
    return unit.loose and unit.scale not in (None, 0) and figures.same(amount, held, 0)


def _shares(unit: Unit) -> bool:
    """Say whether the plain figures of a row may be shares: another of them is one, or its label says so."""
    return any(held.percent for held in unit.figures) or bool(
        re.search(r"%|percent|\bmargin\b|\brate\b|growth", unit.label, re.I)
    )


def _as_share(held: Figure) -> Figure:
    return Figure(held.text, held.value, held.decimals, 0, True, held.start, held.end, held.negative)


def _weigh(
    claim: _Claim, at: int, amount: Figure, places: list[_Place], units: Sequence[Unit], known: set[int], taken: set[int]
) -> Finding:
    """Say whether one of the places where the figure stands is the one that the sentence means."""
    text = claim.text[max(0, amount.start - 1) : amount.end].strip(" (,;") or amount.text
    if not places:
        how = _computed(claim, at, amount, units)
        return Finding(text, bool(how), how or _why_not(amount, units))
    tests: list[tuple[Callable[[_Place], bool], str]] = [
        (lambda place: _signed_alike(claim, amount, place), "it has another sign or direction on the page"),
        (lambda place: _same_currency(amount, place, units), "it is in another currency on the page"),
        (lambda place: _of_its_year(claim, at, place, known), "it stands under another year on the page"),
        (lambda place: _of_its_row(claim, at, amount, place, units, taken), "it belongs to something else on the page"),
    ]
    for keep, reason in tests:
        places = [place for place in places if keep(place)]
        if not places:
            how = _computed(claim, at, amount, units) if amount.percent else ""
            return Finding(text, bool(how), how or reason)
    return Finding(text, True)


# ------------------------------------------------------------------------------------------------------- sign, unit


def _signed_alike(claim: _Claim, amount: Figure, place: _Place) -> bool:
    held = place.figure
    label = _ASIDE.sub(" ", place.unit.label)
    said = _ASIDE.sub(" ", claim.text)
    if amount.negative:
        return held.negative is not False or bool(_DOWN.search(label))
    if amount.negative is None:
        return True
    if held.negative:
        return bool(_DOWN.search(said)) or (not amount.percent and bool(_SPENT.search(label) or _SPENT.search(said)))
    if not place.unit.row and len(claim.amounts) == 1 and amount.percent and len(place.unit.figures) < 4:
        return not _opposed(said, place.unit.text)
    return True


def _opposed(said: str, page: str) -> bool:
    """Say whether one text only goes up and the other only down."""
    ways = [(bool(_UP.search(text)), bool(_DOWN.search(text))) for text in (said, page)]
    return sorted(ways) == [(False, True), (True, False)]


def _same_currency(amount: Figure, place: _Place, units: Sequence[Unit]) -> bool:
    if not amount.currency:
        return True
    if place.figure.currency:
        return amount.currency == place.figure.currency or {amount.currency, place.figure.currency} <= {
            "$",
            "A$",
            "C$",
            "HK$",
            "S$",
        }
    on_page = {held.currency for unit in units for held in unit.figures if held.currency}
    return not on_page or amount.currency in on_page or amount.currency.endswith("$")


# -------------------------------------------------------------------------------------------------------------- year


def _of_its_year(claim: _Claim, at: int, place: _Place, known: set[int]) -> bool:
    if not claim.years:
        return True
    wanted = _wanted_years(claim, at)
    if place.unit.row:
        if not place.year:
            named = set(figures.years(place.unit.text))
            return not named or bool(named & set(claim.years)) or bool(set(claim.years) & known)
        return place.year in wanted
    spoken = figures.years(place.unit.text)
    if not spoken:
        return bool(set(claim.years) & known) or not known
    amounts = [figure for figure in place.unit.figures if not figure.year]
    if len(spoken) == len(amounts) == len(set(spoken)) and place.figure in amounts:
        return spoken[amounts.index(place.figure)] in wanted or len(claim.amounts) > 1
    return bool(set(spoken) & set(claim.years)) or (bool(wanted & known) and len(spoken) > 1)


def _wanted_years(claim: _Claim, at: int) -> set[int]:
    """Return the years a figure of the sentence may be of: its own where each has one, otherwise all that are named."""
    moneys = [place for place, amount in enumerate(claim.amounts) if not amount.percent]
    group = moneys if at in moneys else list(range(len(claim.amounts)))
    if len(claim.years) == len(group) and len(group) > 1:
        return {claim.years[group.index(at)]}
    if len(claim.years) == 1 and len(group) > 1:
        year = claim.years[0]
        return {year, *range(year - 5, year)} if at != group[0] else {year, year - 1}
    return set(claim.years)


# --------------------------------------------------------------------------------------------------------------- row


def _of_its_row(claim: _Claim, at: int, amount: Figure, place: _Place, units: Sequence[Unit], taken: set[int]) -> bool:
    """Say whether no other row, or sentence, is what the words of the claim speak of."""
    common = claim.words & {word for unit in units if unit.row for word in _label(unit)}
    near = _near(claim, at) if len(claim.amounts) > 1 else claim.words
    fit = _fit(place.unit, claim.words, common)
    if not place.unit.row and _recall(place.unit, claim.words) >= _RECALLED:
        return True
    for unit in units:
        if unit is place.unit or not unit.figures:
            continue
        if unit.row:
            if id(unit) in taken and id(place.unit) not in taken:
                continue
            rival = _fit(unit, near, common & near)
            if _named(unit, near) and rival >= _NAMED and rival > fit + _WORSE and not _holds(unit, amount, claim, at):
                return False
        elif (
            not place.unit.row
            and len(claim.amounts) == 1
            and len(claim.words) >= 3
            and _recall(unit, claim.words) >= _RECALLED
            and _recall(place.unit, claim.words) < _FOREIGN
        ):
            return False
    return True


def _holds(unit: Unit, amount: Figure, claim: _Claim, at: int) -> bool:
    """Say whether the row has the amount too, in a year that the sentence may mean."""
    wanted = _wanted_years(claim, at) | {0}
    places = [_Place(unit, place) for place, held in enumerate(unit.figures) if _equal(amount, held, unit)]
    return any(not claim.years or place.year in wanted for place in places)


def _label(unit: Unit) -> frozenset[str]:
    return _words_of_label(unit.label)


@lru_cache(maxsize=10_000)
def _words_of_label(label: str) -> frozenset[str]:
    """Return what names a row; the rows of a page are looked at for each figure of an answer."""
    words = frozenset(_words(label))
    return words - _GENERIC | (words & {"total"})


def _named(unit: Unit, words: frozenset[str]) -> bool:
    label = _label(unit) - {"total"}
    return bool(label) and _label(unit) <= words


def _fit(unit: Unit, words: frozenset[str], common: frozenset[str]) -> float:
    """Return how well a row's label and a sentence agree: F1 over the label's words and those the page's labels share with it."""
    common = frozenset(word for word in common if word not in _GENERIC or word == "total")
    if not unit.row:
        return len(common & frozenset(_words(unit.text))) / max(1, len(common))
    label = _label(unit)
    shared = len(label & words)
    if not label or not shared or not common:
        return 0.0
    precision, recall = shared / len(label), len(label & common) / len(common)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _recall(unit: Unit, words: frozenset[str]) -> float:
    held = words - _GENERIC
    return len(held & frozenset(_words(unit.text))) / max(1, len(held))


def _near(claim: _Claim, at: int) -> frozenset[str]:
    """Return the words between the figure before and this one: what this one is said to be."""
    start = claim.amounts[at - 1].end if at else 0
    return frozenset(_words(claim.text[start : claim.amounts[at].start])) & claim.words


# --------------------------------------------------------------------------------------------------------- arithmetic


def _computed(claim: _Claim, at: int, amount: Figure, units: Sequence[Unit]) -> str:
    """Return how a figure follows from two that the sentence or the row it names holds, or nothing."""
    if amount.value == 0:
        return ""
    stated = [figures.in_unit(other, 0) for place, other in enumerate(claim.amounts) if place != at and not other.year]
    proved = [other for other in stated if any(True for _ in _places(other, units))]
    pairs = list(permutations(proved, 2))
    common = claim.words & {word for unit in units if unit.row for word in _label(unit)}
    rows = [u for u in units if u.row and _named(u, claim.words)]
    best = max((_fit(unit, claim.words, common) for unit in rows), default=0.0)
    lead = [unit for unit in rows if _fit(unit, claim.words, common) >= max(best - 0.01, 0.6)]
    for unit in lead[:3]:
        cells = [
            figures.in_unit(cell, unit.scale or 0) for cell, year in zip(unit.figures, unit.years, strict=False) if not cell.year
        ]
        pairs += list(pairwise(cells))
    falls = bool(_DOWN.search(claim.text)) and not _UP.search(claim.text)
    rises = bool(_UP.search(claim.text)) and not _DOWN.search(claim.text)
    for one, two in pairs:
        if how := _follows(amount, one, two, rises=rises, falls=falls):
            return how
    for first, second in permutations(rows[:6], 2):
        if amount.percent or not amount.scale:
            for cell, year in zip(first.figures, first.years, strict=False):
                for other, same_year in zip(second.figures, second.years, strict=False):
                    if year and year == same_year and (not claim.years or year in claim.years) and other.value:
                        ratio = cell.value / other.value * (100 if amount.percent else 1)
                        if amount.decimals and _near_to(amount, ratio):
                            return f"computed: {cell.text} / {other.text}"
    return ""


def _follows(amount: Figure, new: Figure, old: Figure, *, rises: bool, falls: bool) -> str:
    """Return the sum by which an amount follows from two figures: a change in percent, or a difference."""
    if not old.value or new.percent != old.percent:
        return ""
    a, b = (figure.value * 10.0**figure.scale * (-1 if figure.negative else 1) for figure in (new, old))
    if (rises and a < b) or (falls and a > b):
        return ""
    if amount.percent and not new.percent:
        return f"computed: {new.text} against {old.text}" if b and _near_to(amount, abs(a / b - 1) * 100) else ""
    if amount.percent != new.percent or amount.scale != max(new.scale, old.scale):
        return ""
    exact = (abs(a) + abs(b) if (a < 0) != (b < 0) else abs(a - b)) / 10.0**amount.scale
    return f"computed: {new.text} less {old.text}" if exact and _near_to(amount, exact) else ""


def _near_to(amount: Figure, value: float) -> bool:
    return abs(amount.value - abs(value)) <= 0.5001 * 10.0**-amount.decimals


def _why_not(amount: Figure, units: Sequence[Unit]) -> str:
    """Say what is wrong with a figure that stands nowhere: its unit only, or all of it."""
    bare = Figure(amount.text, amount.value, amount.decimals, 0, amount.percent, 0)
    for unit in units:
        for held in unit.figures:
            if held.value == bare.value and held.decimals == bare.decimals and not held.year:
                return "it has another unit on the page"
    return "it is not on the page"
