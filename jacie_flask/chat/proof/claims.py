"""What a sentence states, and where on the pages its figures stand."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jacie_flask.chat.proof.labels import words_of
from jacie_flask.text import figures
from jacie_flask.text.figures import Figure
from jacie_flask.text.tables import Unit


@dataclass(frozen=True)
class Claim:
    """A sentence without its markers and quotes, the figures it states, and its words."""

    text: str
    amounts: list[Figure]
    years: list[int]
    words: frozenset[str]


@dataclass(frozen=True)
class Place:
    """Where a figure stands on a page."""

    unit: Unit
    at: int

    @property
    def figure(self) -> Figure:
        """The figure that stands there."""
        return self.unit.figures[self.at]

    @property
    def year(self) -> int:
        """The year of its column, 0 where none is known."""
        return self.unit.years[self.at] if self.unit.row and self.at < len(self.unit.years) else 0


def read_claim(claim: str, names: str) -> Claim:
    """Return what a sentence states; ``names`` are words in it that say nothing about a row."""
    found = figures.find(claim, spoken=True)
    named = frozenset(names.lower().split())
    amounts = [figure for figure in found if not figure.year and _token(claim, figure) not in named]
    words = frozenset(words_of(claim)) - frozenset(words_of(names))
    return Claim(claim, amounts, figures.years(claim), words)


def _token(text: str, figure: Figure) -> str:
    """Return all that is written together with a figure: a company may be called by one."""
    return text[: figure.start].rpartition(" ")[2].lower() + re.split(r"[ ,;:.’']", text[figure.start :], maxsplit=1)[0].lower()


def places(amount: Figure, units: Sequence[Unit]) -> Iterator[Place]:
    """Yield every place where an amount stands, rounded or not, in whatever row."""
    for unit in units:
        for at, held in enumerate(unit.figures):
            if equal(amount, held, unit):
                yield Place(unit, at)


def equal(amount: Figure, held: Figure, unit: Unit) -> bool:
    """Say whether a figure of a row or sentence is the amount, by its unit there."""
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
