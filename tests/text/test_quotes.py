"""Where quotes stand: whatever differs between a quote and a page's characters, and what must not be taken for it."""

import pytest

from jacie_flask.text.quotes import GAP, Text, fold, locate

PAGE = (
    "Total revenue¹ rose by 7.7% to R42 280 million\nas data traf\ufb01c – and fibre – grew. The inte\x02\nrest cover was "
    "4,2 times.\nRevenue 142,280\nDividend 3.50 Caf\u00e9 society\nAre there 12 ships? No."
)


def marked(quote, page=PAGE):
    """Return what is marked of a page, and whether it is all of the quote."""
    found = locate(quote, [Text(page, range(len(page)))])
    return found and (["".join(page[index] for index in run) for run in found.runs], found.whole)


@pytest.mark.parametrize(
    ("quote", "runs"),
    [
        ("rose by 7.7% to R42 280 million", ["rose by 7.7% to R42 280 million"]),
        ("ROSE  by\n7.7 % to R42,280 million", ["rose by 7.7% to R42 280 million"]),
        ("data traffic - and fibre - grew.", ["data traf\ufb01c – and fibre – grew."]),
        ("“data traffic—and fibre—grew”", ["data traf\ufb01c – and fibre – grew."]),
        ("interest cover", ["inte\x02\nrest cover"]),
        ("Cafe\u0301 society", ["Caf\u00e9 society"]),
        ("7.7%", ["7.7%"]),
        ("42,280", ["42 280"]),
        ("4.2 times", ["4,2 times."]),
    ],
    ids=["same", "spaces and case", "ligature and dashes", "quotes", "hyphen", "accent", "figure", "figure after a letter",
         "decimal"],
)  # fmt: skip
def test_differences_of_setting_do_not_matter(quote, runs):
    """Spaces, line breaks, hyphens, dashes, quotes, accents, ligatures and case do not hide a quote."""
    assert marked(quote) == (runs, True)


@pytest.mark.parametrize(
    "quote", ["42,280 Dividend", "2 280", "12 sheep", "profit fell", "", "…", "— —", "4.20", "42 times", "350"]
)
def test_what_does_not_stand_there_is_not_found(quote):
    """Neither a figure inside another one, nor other words, nor signs alone."""
    found = locate(quote, [Text(PAGE, range(len(PAGE)))])
    assert found is None or not found.whole


@pytest.mark.parametrize("number", ["¹", "1"])
def test_a_footnotes_number_hides_no_sentence(number):
    """Whether it is raised by its character or by its size."""
    runs, whole = marked("Total revenue rose by 7.7% to R42 280 million", PAGE.replace("¹", number))
    assert whole
    assert runs[0].startswith("Total revenue")
    assert runs[-1].endswith("rose by 7.7% to R42 280 million")


def test_a_quote_with_another_figure_is_found_in_part_only():
    """All words but the figure: that is no proof, and it is said."""
    runs, whole = marked("Total revenue rose by 8.8% to R42 280 million as data traffic and fibre grew.")
    assert not whole
    assert "7.7" not in "".join(runs)


def test_gaps_and_pieces_are_bridged():
    """A snippet that leaves something out is marked on both sides of what it leaves out."""
    runs, whole = marked("Total revenue rose by 7.7%\n…\nDividend 3.50")
    assert whole
    assert runs[-1] == "Dividend 3.50"


def test_rows_are_found_across_columns():
    """Columns that are written one after the other are read row by row in another order of the same characters."""
    page = "Revenue\nProfit\n42,280\n7,705\n39,265\n6,340"
    rows = []
    for words in (("Revenue", "42,280", "39,265"), ("Profit", "7,705", "6,340")):
        for word in words:
            rows += [*range(page.index(word), page.index(word) + len(word)), GAP]
    found = locate("Revenue 42,280 39,265", [Text(page, range(len(page))), Text(page, rows)])
    assert found.whole
    assert ["".join(page[index] for index in run) for run in found.runs] == ["Revenue42,28039,265"]


def test_folding_keeps_letters_and_digits():
    """What is compared holds neither signs nor case nor accents."""
    assert fold("Größe: (1,284)\u00a0% \ufb02") == "grosse1284fl"
    assert fold("4.2, 4,25 and 1,284.5") == "4.24.25and1284.5"
