"""What a question is turned into: measures, periods, companies, an operator, wishes, and what is left unexplained."""

from dataclasses import dataclass, field

from jacie_flask.facts.expressions import Call, Expression, Item, Number, Span

__all__ = ["Call", "Expression", "Item", "Measure", "Number", "Plan", "Span", "Wishes"]


@dataclass(frozen=True)
class Measure:
    """What is asked for: a name for the answer's sentence, and how it is computed.

    ``unit``: "money", "per_share", "shares", "percent", "ratio", "days", "times", "count". ``formula`` is the definition in words, ""
    for a line item as printed. ``formula_id`` is an id of formulas.toml, "" for line items and for definitions of the question's own.
    ``defined`` says that the question spelt the definition out.
    """

    name: str
    expression: Expression
    unit: str = "money"
    formula: str = ""
    formula_id: str = ""
    defined: bool = False


@dataclass(frozen=True)
class Wishes:
    """How the answer is wanted: ``scale`` a power of ten, ``decimals`` digits behind the mark, ``percent``, ``currency``; None or "" is free."""

    scale: int | None = None
    decimals: int | None = None
    percent: bool | None = None
    currency: str = ""
    table: bool = False
    brief: bool = False


@dataclass(frozen=True)
class Plan:
    """A question that is understood.

    ``operator``: "value", "change" (amount), "growth" (percent), "yearly" (growth of each year over the one before), "cagr",
    "average" and "sum" (over ``spans``), "share" (of ``measures[0]`` in ``measures[1]``), "compare" (companies or periods), "largest" or
    "smallest" (row or column of a group), "which_year" (largest or smallest over ``spans``; over all years where there is one),
    "improving" (yes or no; which way it went where ``direction`` is "either"), "positive" (yes or no; below zero where ``direction`` is "down"), "consistent" (within ``threshold``),
    "exists" (yes or no), "members" (the parts of revenue by a group, by name), "drivers" (what moved it), "highlights". ``group`` are the question's words for rows or columns that are
    compared ("segments", "liabilities", "geographies"). ``direction`` is "up", "down" or "": what is asked about, or the extreme.
    ``aliases`` are names in brackets behind companies, taken for other names of these. ``statement`` is the statement that the question points to, "" for any.
    ``unexplained`` are the content words that no part of the plan explains: while there are any, nothing may be computed.
    """

    companies: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()
    spans: tuple[Span, ...] = ()
    operator: str = "value"
    group: str = ""
    direction: str = ""
    threshold: float | None = None
    statement: str = ""
    wishes: Wishes = field(default_factory=Wishes)
    unexplained: tuple[str, ...] = ()
    reason: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every content word is explained and something can be computed."""
        return not self.unexplained and not self.reason and bool(self.measures or self.group or self.operator == "highlights")
