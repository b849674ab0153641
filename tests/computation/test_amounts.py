"""Amounts are written as an analyst writes them, exactly, in the unit and rounding asked for."""

from decimal import Decimal

import pytest

from jacie_flask.computation.amounts import Amount, code, exact, rounded, shown
from jacie_flask.question.plan import Wishes

FREE = Wishes()


@pytest.mark.parametrize(
    ("value", "unit", "currency", "scale", "decimals", "wishes", "text"),
    [
        (42_280e6, "money", "ZAR", 6, 0, FREE, "ZAR 42,280 million"),
        (10_208_580e3, "money", "$", 3, 0, FREE, "USD 10,208.58 million"),
        (1_577e6, "money", "$", 6, 0, Wishes(scale=9, decimals=2), "USD 1.58 billion"),
        (-473e6, "money", "$", 6, 0, FREE, "USD −473 million"),
        (450e3, "money", "", 3, 0, FREE, "450 thousand"),
        (16_865.2e6, "money", "€", 6, 1, FREE, "EUR 16,865.2 million"),
        (737_877e3, "money", "J$", 3, 0, Wishes(scale=0), "J$ 737,877,000"),
        (2.9, "per_share", "$", 0, 2, FREE, "USD 2.90"),
        (0.6812, "ratio", "", 0, None, FREE, "0.68"),
        (0.6812, "ratio", "", 0, None, Wishes(decimals=3), "0.681"),
        (0.6812, "ratio", "", 0, None, Wishes(percent=True, decimals=1), "68.1 %"),
        (6.249, "percent", "", 0, None, FREE, "6.2 %"),
        (42.685, "days", "", 0, None, FREE, "42.69 days"),
        (50_624e3, "shares", "", 3, 0, FREE, "50.624 million"),
        (0.0, "money", "$", 6, 0, FREE, "USD 0 million"),
    ],
)
def test_amounts_are_written_in_their_unit(value, unit, currency, scale, decimals, wishes, text):
    """The page's own digits where nothing else is asked for."""
    assert shown(exact(value), unit, currency, scale, decimals, wishes).text == text


def test_halves_are_rounded_away_from_zero():
    """As analysts round, not as floats do."""
    assert rounded(Decimal("2.675"), 2) == Decimal("2.68")
    assert rounded(Decimal("-0.5"), 0) == Decimal("-1")


def test_a_change_in_points_says_so():
    """Percentages change by points."""
    assert Amount(Decimal("0.8"), "points", decimals=1).text == "0.8 percentage points"


def test_symbols_with_one_meaning_become_codes():
    """Others stay as printed."""
    assert (code("£"), code("J$"), code("")) == ("GBP", "J$", "")
