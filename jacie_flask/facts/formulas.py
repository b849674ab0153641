"""The formulas of formulas.toml: their expressions over concepts, units, names and usual decimals."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jacie_flask.facts.expressions import (
    AMOUNT,
    FUNCTIONS,
    Dimension,
    Expression,
    Item,
    Lexeme,
    Number,
    UnreadExpressionError,
    parse,
)

_PATH = Path(__file__).with_name("formulas.toml")
_SYMBOL = re.compile(r"\s*(?:(?P<name>[a-z_]+)|(?P<number>\d+(?:\.\d+)?)|(?P<operator>[-+*/(),]))")
_PER_SHARE = frozenset({"eps_basic", "eps_diluted", "headline_eps", "dividends_per_share"})
_SHARES = frozenset({"shares_basic", "shares_diluted"})


@dataclass(frozen=True)
class Formula:
    """A measure that is computed: its ``text`` over concepts and other formulas, and the expression over concepts alone.

    ``unit`` is that of a Measure; ``better`` is "higher", "lower" or ""; ``decimals`` is how many digits are usual.
    """

    id: str
    name: str
    text: str
    expression: Expression
    unit: str
    better: str = ""
    decimals: int | None = None
    phrases: tuple[str, ...] = ()


@cache
def formulas() -> dict[str, Formula]:
    """Return all formulas by id."""
    entries = tomllib.loads(_PATH.read_text(encoding="utf-8"))
    known: dict[str, Formula] = {}
    for name, entry in entries.items():
        known[name] = Formula(
            id=name,
            name=entry["name"],
            text=entry["expression"],
            expression=read(entry["expression"], known),
            unit=entry["unit"],
            better=entry.get("better", ""),
            decimals=entry.get("decimals"),
            phrases=tuple(entry["phrases"]),
        )
    return known


def read(text: str, known: dict[str, Formula]) -> Expression:
    """Read an expression of the formula language; names of ``known`` formulas stand for their expressions."""
    lexemes: list[Lexeme] = []
    position = 0
    while position < len(text.rstrip()):
        match = _SYMBOL.match(text, position)
        if match is None:
            raise UnreadExpressionError(f"{text[position:]!r} is no part of a formula")
        position = match.end()
        lexemes.append(_lexeme(match, known))
    return parse(lexemes, dimension)


def _lexeme(match: re.Match[str], known: dict[str, Formula]) -> Lexeme:
    if name := match["name"]:
        if name in FUNCTIONS:
            return Lexeme("function", name)
        return Lexeme("item", name, known[name].expression if name in known else Item(concept=name))
    if number := match["number"]:
        return Lexeme("item", number, Number(float(number)))
    return Lexeme("operator", match["operator"])


def dimension(item: Item) -> Dimension | None:
    """Return the dimension of a line item; None for one that the question names in its own words."""
    if item.phrase:
        return None
    if item.concept in _PER_SHARE:
        return (1, -1)
    return (0, 1) if item.concept in _SHARES else AMOUNT
