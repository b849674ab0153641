"""Note marks stand apart from figures for whatever reads them; exponents, ordinals, trademarks and fractions stay what they are."""

import pytest

from jacie_flask.evidence.proof import readings
from jacie_flask.evidence.proof.quoting import plain
from jacie_flask.text import figures
from jacie_flask.text.notemarks import blanked, fractions, is_mark, lowered, parted, raised
from jacie_flask.text.terms import tokens


@pytest.mark.parametrize(
    ("before", "text", "shown", "marks"),
    [
        ("96", "4", "96⁴", ["4"]),
        ("96", " 4 ", "96⁴", ["4"]),
        ("Goodwill", "(1)", "Goodwill⁽¹⁾", ["1"]),
        ("1,284", "1,2", "1,284¹,²", ["1", "2"]),
        ("1,284", "1 2", "1,284¹,²", ["1", "2"]),
        ("96", "a", "96ᵃ", ["a"]),
        ("96", "(a)(b)", "96⁽ᵃ⁾⁽ᵇ⁾", ["a", "b"]),
        ("96", "iii", "96ⁱⁱⁱ", ["iii"]),
        ("96", "[1]", "96⁽¹⁾", ["1"]),
        ("96", "[1][2]", "96⁽¹⁾⁽²⁾", ["1", "2"]),
        ("96", "1–3", "96¹⁻³", ["1-3"]),
        ("96", "note 4", "96⁴", ["4"]),
        ("96", "(note 4)", "96⁴", ["4"]),
        ("96", "*", "96*", ["*"]),
        ("96", "#", "96#", ["#"]),
        ("96", "1 and 2", "96¹,²", ["1", "2"]),
        ("5", "1/2", "5 1/2", []),
        ("H", "+", "H⁺", ["+"]),
        ("96%", "†", "96%†", ["†"]),
        ("m", "2", "m²", []),
        ("120 km", "2", "120 km²", []),
        ("s", "-1", "s⁻¹", []),
        ("× 10", "6", "× 10⁶", []),
        ("1", "st", "1st", []),
        ("22", "nd", "22nd", []),
        ("Word", "TM", "Word™", []),
        ("Word", "(R)", "Word®", []),
    ],
)
def test_raised_text_in_its_form(before, text, shown, marks):
    """A mark becomes superscript and is known as one; a unit, an ordinal or a trademark is none."""
    assert before + raised(text, before) == shown
    rest, named = parted(shown)
    assert named == marks
    assert rest == (before if marks else shown)


@pytest.mark.parametrize("text", ["restated", "1,284", "see the accounting policies", "2024"])
def test_raised_text_that_is_no_mark_stands_apart(text):
    """It is text that somebody set small: it stays whole and joins no figure."""
    assert ("96" + raised(text, "96")).split() == ["96", *text.split()]


def test_lowered_digits_and_fractions():
    """Formulas keep their form; a fraction of small digits is one."""
    assert "CO" + lowered("2", "CO") == "CO₂"
    assert "V" + lowered("max", "V") == "Vmax"
    assert fractions("6⁷/₈% notes, ¹⁄₂ and 3/4") == "6 7/8% notes, 1/2 and 3/4"


def test_blanked_text_keeps_its_length():
    """Positions of figures are those of the page."""
    page = "Dividend 96⁴ 88† 120 m² Revenue² 5* x*y 1.2 × 10⁶"
    assert len(blanked(page)) == len(page)
    assert blanked(page).split() == ["Dividend", "96", "88", "120", "m²", "Revenue", "5", "x*y", "1.2", "×", "10⁶"]


@pytest.mark.parametrize(
    ("text", "mark"), [("⁴", True), ("⁽¹⁾", True), ("¹,²", True), ("4", False), ("m²", False), ("", False), ("*", False)]
)
def test_what_is_only_a_mark(text, mark):
    """A cell of marks belongs to the figure before it; a star of its own may say that a figure is too small."""
    assert is_mark(text) is mark


def test_figures_terms_quotes_and_rows_read_96():
    """None of them reads 964."""
    page = "cents 2024 2023\nDividend per share 96⁴ 88\nStaff costs (1,318⁵) (902⁽¹⁾)\n\nCorvane employs 5,120² people."
    assert [figure.value for figure in figures.find("96⁴ 88ᵃ 5,120² people")] == [96, 88, 5120]
    (table,) = readings.read(page).tables
    assert [column.year for column in table.columns] == [2024, 2023]
    assert [(row.label, [cell.value for cell in row.cells]) for row in table.rows] == [
        ("Dividend per share", [96, 88]),
        ("Staff costs", [-1318, -902]),
    ]
    assert tokens("96⁴ 88") == ["96", "88"]
    assert plain("96⁴ cents") == "96 cents"


def test_square_metres_are_no_millions():
    """The m of m² is no unit of an amount."""
    (figure,) = figures.find("120 m² of space")
    assert (figure.value, figure.scale) == (120, 0)
