"""Words that a line end divides are whole again, and hyphens that belong to a word or a figure stay."""

import pytest

from jacie_flask.text.hyphens import joined


@pytest.mark.parametrize("hyphen", ["\x02", "\u00ad", "\ufffe", "\x02\n", "\u00ad\n", "\u2010\n", "-\n", "- \n  "])
def test_a_divided_word_is_whole(hyphen):
    """However the file writes the hyphen, the word is one."""
    page = joined([f"We approved the refurb{hyphen}ishment, at last"])[0]
    assert page.replace("\n", " ") == "We approved the refurbishment, at last"


@pytest.mark.parametrize(
    "text", ["12-\n15 per cent", "2023-\n2027", "1,000-\nfold", "a loss of 47-\nA new line", "- one\n- two", "Smith-\nJones"]
)
def test_other_hyphens_stay(text):
    """Ranges, minus signs, lists and double names are not joined."""
    assert joined([text]) == [text]


@pytest.mark.parametrize(
    ("elsewhere", "whole"), [("", "non-current"), ("noncurrent assets", "noncurrent"), ("non-current assets", "non-current")]
)
def test_the_document_decides_whether_a_hyphen_stays(elsewhere, whole):
    """A compound is written as on other pages; a prefix that takes a hyphen keeps it where no page has the word."""
    assert joined([elsewhere, "and non\x02current liabilities"])[1] == f"and {whole} liabilities"


def test_two_words_of_the_document_keep_their_hyphen():
    """A compound of two words that stand alone elsewhere is no divided word."""
    assert joined(["a market for risk that is making money", "the market\x02making desk"])[1] == "the market-making desk"
    assert joined(["in May it did come", "net in\x02come, with income tax"])[1] == "net income, with income tax"


def test_a_soft_hyphen_before_a_figure_is_a_hyphen():
    """COVID-19 stays one."""
    assert joined(["COVID\x0219 and pre\x02Effective"]) == ["COVID-19 and pre-Effective"]
