"""A measure together with the tokens that name it."""

from dataclasses import dataclass

from jacie_flask.facts.expressions import AMOUNT, Expression, UnreadExpressionError, dimension_of
from jacie_flask.facts.formulas import dimension
from jacie_flask.question.plan import Measure

_UNITS = {(0, 0): "ratio", (1, 0): "money", (1, -1): "per_share", (0, 1): "shares"}


@dataclass(frozen=True)
class Term:
    """A measure with the tokens that name it, and the names of the question's own definitions that it uses."""

    measure: Measure
    first: int
    last: int
    expression: Expression
    uses: frozenset[str] = frozenset()


def unit_of(expression: Expression) -> str:
    """Return the unit of an expression of the question's own."""
    try:
        return _UNITS.get(dimension_of(expression, dimension) or AMOUNT, "ratio")
    except UnreadExpressionError:
        return "ratio"
