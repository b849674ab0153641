"""One parser reads formulas and definitions: precedence as written and as spoken, units that must agree, and what it refuses."""

import pytest

from jacie_flask.facts.expressions import Call, Item, Number, UnreadExpressionError, dimension_of, items
from jacie_flask.facts.formulas import dimension, formulas, read

A, B, C = (Item(concept=name) for name in ("alpha", "beta", "gamma"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alpha - beta / gamma", Call("/", (Call("-", (A, B)), C))),
        ("alpha / beta - gamma", Call("/", (A, Call("-", (B, C))))),
        ("alpha / beta - beta / gamma", Call("-", (Call("/", (A, B)), Call("/", (B, C))))),
        ("alpha + beta * 2", Call("+", (A, Call("*", (B, Number(2)))))),
        ("1 - alpha / beta", Call("-", (Number(1), Call("/", (A, B))))),
        ("365 * average(alpha) / beta", Call("/", (Call("*", (Number(365), Call("average", (A,)))), B))),
        ("365 * alpha / beta + gamma", Call("/", (Call("*", (Number(365), A)), Call("+", (B, C))))),
        ("-alpha", Call("neg", (A,))),
        ("max(alpha, beta)", Call("max", (A, B))),
    ],
)
def test_it_adds_like_to_like(text, expected):
    """A sum of amounts and ratios is read the other way round, if that agrees."""
    assert read(text, {}) == expected


@pytest.mark.parametrize(
    "text", ["", "alpha +", "(alpha", "alpha beta", "alpha ? beta", "1 + alpha", "alpha + 2 * beta / gamma", ")"]
)
def test_what_has_no_meaning_is_refused(text):
    """Nothing is guessed."""
    with pytest.raises(UnreadExpressionError):
        read(text, {})


@pytest.mark.parametrize("formula", formulas().values(), ids=lambda formula: formula.id)
def test_a_formula_has_the_dimension_of_its_unit(formula):
    """Money is money, per share is per share, and everything else is a plain number."""
    expected = {"money": (1, 0), "per_share": (1, -1)}.get(formula.unit, (0, 0))
    assert dimension_of(formula.expression, dimension) == expected
    assert all(item.concept and not item.span for item in items(formula.expression))
    assert formula.better in {"", "higher", "lower"}


def test_there_are_all_formulas():
    """More than the 37 that analysts ask for most."""
    assert len(formulas()) >= 37
    assert len({formula.name for formula in formulas().values()}) == len(formulas())


def test_known_values():
    """Two formulas of several steps, computed by hand for one set of figures."""
    figures = {"operating_income": 120, "depreciation_amortization": 30, "short_term_debt": 50, "current_debt": 25}
    figures |= {"long_term_debt": 300, "cash": 75, "revenue": 1000}
    assert _value(formulas()["net_debt_to_ebitda"].expression, figures) == 2.0
    assert _value(formulas()["ebitda_margin"].expression, figures) == 0.15


def _value(expression, figures):
    """Compute an expression of one period."""
    if isinstance(expression, Item):
        return figures[expression.concept]
    if isinstance(expression, Number):
        return expression.value
    one, other = (_value(argument, figures) for argument in expression.arguments)
    return {"+": one + other, "-": one - other, "*": one * other, "/": one / other if other else 0.0}[expression.operator]
