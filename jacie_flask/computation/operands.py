"""What a computation takes from the filings: operands with their amount, unit, period and page; and what is missing."""

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Protocol

from jacie_flask.question.plan import Item

NEAR_DAYS = 10
"""A fiscal period may end on a weekday near a month's end."""


@dataclass(frozen=True)
class Period:
    """A period to compute for: a fiscal ``year``, a ``quarter`` of it (1-4) or 0, and its duration in ``months``.

    ``end`` is the last day (ISO) where the question names one, "" otherwise; figures of other last days are not of the period.
    """

    year: int
    quarter: int = 0
    months: int = 12
    calendar: bool = True
    end: str = field(default="", compare=False)

    def earlier(self, years: int = 1) -> "Period":
        """Return the same period of an earlier year."""
        return replace(self, year=self.year - years, end="")

    @property
    def text(self) -> str:
        """The period as a person writes it: "2018", "FY2018" where the year is not the calendar's, "Q2 2023", "9M 2023"."""
        if not self.end:
            return self._name
        day = date.fromisoformat(self.end)
        return f"{self._name} (to {day.day} {day:%B %Y})"

    @property
    def _name(self) -> str:
        year = str(self.year) if self.calendar else f"FY{self.year}"
        if self.quarter and (self.months == 3 or (self.months == 12 and self.quarter != 4)):
            return f"Q{self.quarter} {year}"
        if self.months == 6:
            return f"H{(self.quarter + 1) // 2 or 1} {year}"
        if self.months == 9:
            return f"the first nine months of {year}"
        return year


@dataclass(frozen=True)
class Operand:
    """A figure of a filing as a computation takes it.

    ``amount`` is in single units with the sign that formulas expect, ``label`` the row's own label, ``scale`` and ``decimals`` as
    printed. ``quote`` is the row as printed. ``differs`` names a later filing that states another figure, "" for none.
    """

    label: str
    amount: Decimal
    unit: str
    period: Period
    document_id: str
    page: int
    quote: str
    concept: str = ""
    currency: str = ""
    scale: int = 0
    decimals: int = 0
    end: str = ""
    differs: str = ""


class Missing(Exception):
    """A figure that no filing here states; ``reason`` says which and what there is, in words for the reader."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Lookup(Protocol):
    """Finds the operands of one company."""

    def operand(self, item: Item, period: Period) -> Operand:
        """Return the figure of an item for a period; raise Missing."""

    def stated(self, name: str, period: Period) -> Operand | None:
        """Return the figure of the row whose label is just this name, None where no filing has one or several differ."""

    def periods(self, item: Item, period: Period) -> list[Period]:
        """Return the periods of that duration for which the item is known, oldest first."""

    def last_day(self, period: Period) -> str:
        """Return the day (ISO) on which a period ends, as any table of the filings says; "" where none does or they differ."""
