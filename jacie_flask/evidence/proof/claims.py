"""What a sentence states: its figures, the periods and line items that it names, and where on the pages its figures are."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from jacie_flask.evidence.proof.labels import words_of
from jacie_flask.evidence.proof.measures import Mention, mentions
from jacie_flask.evidence.proof.readings import Unit
from jacie_flask.facts.values import Column
from jacie_flask.text import figures
from jacie_flask.text.figures import Figure

_CODE = re.compile(r"```[^`]{0,4000}```|`[^`\n]{1,400}`")
_LISTED = re.compile(
    r"^[ \t]{0,12}(?:#{1,6}[ \t]{1,4}(?:\d{1,3}(?:\.\d{1,3}){0,4}[.)]?(?=\s))?|(?:[-*•+][ \t]{1,4})?(?:\*\*|__)?\(?\d{1,3}[.)](?:\*\*|__)?(?=\s|$))",
    re.MULTILINE,
)
_MONTHS: Sequence[tuple[int, re.Pattern[str]]] = (
    (3, re.compile(r"\bquarter(?:ly)?\b|\bQ[1-4]\b|\b[1-4]Q|\bthree months\b", re.IGNORECASE)),
    (6, re.compile(r"\bsix months\b|\bhalf[- ]year\b|\b(?:first|second) half\b|\bH[12]\b|\b[12]H", re.IGNORECASE)),
    (9, re.compile(r"\bnine months\b", re.IGNORECASE)),
    (
        12,
        re.compile(
            r"\b(?:full|fiscal|financial|whole) year\b|\bFY\s?\d|\bannual\b|\btwelve months\b|\byear ended\b", re.IGNORECASE
        ),
    ),
)
_QUARTERS = (
    (1, re.compile(r"\bQ1\b|\b1Q|\bfirst quarter\b", re.IGNORECASE)),
    (2, re.compile(r"\bQ2\b|\b2Q|\bsecond quarter\b", re.IGNORECASE)),
    (3, re.compile(r"\bQ3\b|\b3Q|\bthird quarter\b", re.IGNORECASE)),
    (4, re.compile(r"\bQ4\b|\b4Q|\bfourth quarter\b", re.IGNORECASE)),
)


@dataclass(frozen=True)
class Claim:
    """A sentence without its markers and quotes: the figures it states, its years with their places, and its words.

    ``months`` is the duration that it names, ``quarter`` the one quarter, 0 for none. ``concepts`` and ``formulas`` are the line items
    and formulas that it names. ``context`` are the words before it, which name what it leaves out.
    """

    text: str
    amounts: list[Figure]
    dated: list[tuple[int, int]]
    words: frozenset[str]
    months: int = 0
    quarter: int = 0
    concepts: Mapping[str, Mention] = field(default_factory=dict)
    formulas: Mapping[str, Mention] = field(default_factory=dict)
    context: frozenset[str] = frozenset()

    @property
    def years(self) -> list[int]:
        """The years that it names, in order."""
        return [year for year, _ in self.dated]


@dataclass(frozen=True)
class Place:
    """Where a figure is on a page."""

    unit: Unit
    at: int

    @property
    def figure(self) -> Figure:
        """The figure there."""
        return self.unit.figures[self.at]

    @property
    def column(self) -> Column:
        """Its column; an empty one where none is known."""
        return self.unit.columns[self.at] if self.unit.row and self.at < len(self.unit.columns) else Column()

    @property
    def years(self) -> frozenset[int]:
        """The fiscal year of its column and the calendar year in which that ends, nothing where neither is known."""
        column = self.column
        return frozenset(year for year in (column.year, int(column.end[:4] or 0)) if year)


def read_claim(claim: str, names: str, context: str = "") -> Claim:
    """Return what a sentence states; ``names`` are words in it that say nothing about a row, ``context`` the text before it."""
    text = prepared(claim)
    found = figures.find(text, spoken=True)
    named = frozenset(names.lower().split())
    amounts = [figure for figure in found if not figure.year and _token(text, figure) not in named]
    ignored = frozenset(words_of(names))
    concepts, formulas = mentions(text)
    durations = [months for months, pattern in _MONTHS if pattern.search(text)]
    quarters = [number for number, pattern in _QUARTERS if pattern.search(text)]
    return Claim(
        text=text,
        amounts=amounts,
        dated=figures.dated(text),
        words=frozenset(words_of(text)) - ignored,
        months=durations[0] if len(durations) == 1 else 0,
        quarter=quarters[0] if len(quarters) == 1 else 0,
        concepts=concepts,
        formulas=formulas,
        context=frozenset(words_of(context)) - ignored,
    )


def prepared(claim: str) -> str:
    """Return a sentence with spaces in place of code and of the numbers of lists and headings: these are no figures."""
    text = _CODE.sub(lambda match: " " * len(match.group()), claim)
    return _LISTED.sub(lambda match: " " * len(match.group()), text)


def _token(text: str, figure: Figure) -> str:
    """Return all that is written together with a figure: a company may be called by one."""
    return text[: figure.start].rpartition(" ")[2].lower() + re.split(r"[ ,;:.’']", text[figure.start :], maxsplit=1)[0].lower()


def places(amount: Figure, units: Sequence[Unit]) -> Iterator[Place]:
    """Yield every place where an amount is, rounded or not, in whatever row."""
    for unit in units:
        for at, held in enumerate(unit.figures):
            if equal(amount, held, unit):
                yield Place(unit, at)


def equal(amount: Figure, held: Figure, unit: Unit) -> bool:
    """Say whether a figure of a row or sentence is the amount, by its unit there."""
    if held.year and unit.table is None and not amount.currency and not amount.scale:
        return False
    if amount.percent and not held.percent:
        return unit.row and not held.currency and _shares(unit) and figures.same(amount, _as_share(held))
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
