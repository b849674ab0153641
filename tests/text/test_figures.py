"""Figures: what counts as one, and which spellings are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jacie_flask.text.figures import find, stands_in


def values(text):
    """Return (value, power of ten, share) of a text's figures."""
    return [(figure.value, figure.scale, figure.percent) for figure in find(text)]


FOUND = [
    ("Revenue was 32,765.", [(32765, 0, False)]),
    ("$32,765 million", [(32765, 6, False)]),
    ("USD 8.7 billion", [(8.7, 9, False)]),
    ("R1.2bn", [(1.2, 9, False)]),
    ("R 4m and £3M", [(4, 6, False), (3, 6, False)]),
    ("(1,234)", [(1234, 0, False)]),
    ("a loss of -5.5 thousand", [(5.5, 3, False)]),
    ("12% to 13.5 %", [(12, 0, True), (13.5, 0, True)]),
    ("12 percent, 3 per cent, 2 percentage points", [(12, 0, True), (3, 0, True), (2, 0, True)]),
    ("1,234,567.89", [(1234567.89, 0, False)]),
    ("207\u00a0003 and 207\u202f003", [(207003, 0, False)] * 2),
    ("in 2018 and 2,018", [(2018, 0, False), (2018, 0, False)]),
    ("1 trillion", [(1, 12, False)]),
    ("0.5", [(0.5, 0, False)]),
    ("see note 12, page 60, Item 7, Part 2, Q3, FY2018, [4], No. 5, table 9", []),
    ("COVID19 H2O B2B 5th", []),
    ("a ratio of 4x", [(4, 0, False)]),
    ("its 10-K, 10-Q and 8-K, Form 20-F", []),
    ("no figures at all", []),
    ("on 31 December 2018, December 31, 2018, 2018-12-31 or 31/12/2018", [(2018, 0, False)] * 2),
    ("for the 12 months and the 52 weeks of a 5-year plan", []),
    ("US$ 5bn, EUR 4.5m, 3 mn, 2k, 7 crore", [(5, 9, False), (4.5, 6, False), (3, 6, False), (2, 3, False), (7, 7, False)]),
    ("3M Company, 3M's and $3M", [(3, 6, False)]),
    ("50 bps and 25 basis points", [(0.5, 0, True), (0.25, 0, True)]),
    ("1'234'567 and 1.234.567,89 and 12,5 %", [(1234567, 0, False), (1234567.89, 0, False), (12.5, 0, True)]),
    ("", []),
]


@pytest.mark.parametrize(("text", "expected"), FOUND, ids=[row[0][:40] for row in FOUND])
def test_what_is_a_figure(text, expected):
    """Amounts and shares are; numbers of notes, pages, forms and parts of words are not."""
    assert values(text) == expected


def test_a_year_is_told_from_an_amount():
    """A plain number between 1900 and 2100 is a year; with a separator, unit, share or decimals it is not."""
    assert [figure.year for figure in find("2018 1900 2100 1899 2,018 2018% 2018 million 2018.5")] == [True] * 3 + [False] * 5


SAME = [
    ("32,765", "32765"),
    ("32,765", "Net sales $ 32,765 $ 31,657"),
    ("32,765 million", "32,765"),
    ("(1,234)", "1,234"),
    ("1,234", "(1,234)"),
    ("$1,577 million", "Purchases of property (1,577) (1,373)"),
    ("8.7 billion", "8,738"),
    ("8.7 billion", "8,738,000"),
    ("8.7 billion", "8,738 million"),
    ("8.74 billion", "8,738 million"),
    ("8,738 million", "8.738 billion"),
    ("8.7 billion", "8.74 billion"),
    ("0.87 billion", "873 million"),
    ("2 billion", "1,998 million"),
    ("12.5%", "12.5 %"),
    ("12.5%", "12.5"),
    ("12%", "12 percent"),
    ("12.5%", "12.48%"),
    ("207,003", "207\u00a0003"),
    ("5.0", "5"),
    ("3.14", "3.1416"),
]


@pytest.mark.parametrize(("claim", "page"), SAME, ids=[" ~ ".join(row) for row in SAME])
def test_the_same_figure_in_another_spelling(claim, page):
    """Separators, brackets, units that the page's header holds, and rounding do not make a figure wrong."""
    assert all(stands_in(figure, find(page)) for figure in find(claim))


DIFFERENT = [
    ("32,756", "32,765"),
    ("32,765", "2,765 765 32"),
    ("8.8 billion", "8,738"),
    ("8.7 billion", "8.7 million"),
    ("8.7 billion", "8.74 million"),
    ("8.7 billion", "8,738 thousand"),
    ("8,738 billion", "8,738 million"),
    ("8,738 million", "8.7 billion"),
    ("2 billion", "1.6 billion"),
    ("12%", "12"),
    ("12", "12%"),
    ("12 million", "12%"),
    ("13%", "12.4%"),
    ("12.6%", "12.48%"),
    ("1,577", "1,577.6"),
    ("1577", "15,77"),
    ("5", "5.4"),
    ("100", ""),
]


@pytest.mark.parametrize(("claim", "page"), DIFFERENT, ids=[" ≠ ".join(row) for row in DIFFERENT])
def test_a_different_figure_is_not_the_same(claim, page):
    """Swapped digits, other units, a share for an amount and rounding the wrong way are caught."""
    assert not any(stands_in(figure, find(page)) for figure in find(claim))


@given(st.integers(0, 10**12))
def test_an_amount_is_found_with_and_without_separators(value):
    """Every whole amount stands in itself, however it is written."""
    plain, separated = find(f"was {value} in"), find(f"was {value:,} in")
    assert [figure.value for figure in plain] == [figure.value for figure in separated] == [value]
    assert stands_in(plain[0], separated)
    assert stands_in(separated[0], plain)


@given(st.integers(10_000, 10**9), st.integers(1, 2))
def test_a_rounded_figure_stands_in_what_it_was_rounded_from(millions, decimals):
    """Billions rounded from millions are the same, the next step of the same rounding is not."""
    page = find(f"total {millions:,} million")
    rounded = round(millions / 1000, decimals)
    assert stands_in(find(f"{rounded:.{decimals}f} billion")[0], page)
    off = rounded + 2 * 10**-decimals
    assert not stands_in(find(f"{off:.{decimals}f} billion")[0], page)


@given(st.text(max_size=300))
def test_no_text_breaks_the_search(text):
    """Whatever a page holds, its figures are found in order and stand in it."""
    found = find(text)
    assert [figure.start for figure in found] == sorted(figure.start for figure in found)
    assert all(stands_in(figure, found) for figure in found)
