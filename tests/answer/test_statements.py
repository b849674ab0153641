"""Statements of a page: whole sentences and items, no rows, no fragments."""

from jacie_flask.answer.statements import Statement, split_sentences, statements

PAGE = """continued from the page before.
Risk factors
Our business faces these risks, among others:
• Weather. Dry years reduce
the harvest of our growers.
• Wages of pickers rise.
Liquidity
The Company has a revolving facility of U.S. dollars that
matures in 2027. Mr. J. Smith signed it.
(in millions) 2024 2023
Net sales 1,204 1,180
Gross margin was 39.6% compared to 39.0% in long-
term average, primarily due to lower costs.
Total revenue 12 and then the page breaks in the middle of"""


def test_a_page_gives_its_sentences_and_items():
    """Rows and what begins or ends on another page are left out; wrapped lines and hyphens are joined."""
    assert list(statements(PAGE)) == [
        Statement("Our business faces these risks, among others:", "Risk factors"),
        Statement(
            "Weather. Dry years reduce the harvest of our growers.", "Risk factors",
            "Our business faces these risks, among others:", item=True,
        ),
        Statement("Wages of pickers rise.", "Risk factors", "Our business faces these risks, among others:", item=True),
        Statement("The Company has a revolving facility of U.S. dollars that matures in 2027.", "Liquidity"),
        Statement("Mr. J. Smith signed it.", "Liquidity"),
        Statement("Gross margin was 39.6% compared to 39.0% in long-term average, primarily due to lower costs.", "Liquidity"),
    ]  # fmt: skip


def test_abbreviations_do_not_end_a_sentence():
    """Joined, the sentences are the text."""
    text = "Contoso Inc. sold 5.5% of No. 3 to U.S. buyers. It was “fine.” Nobody asked."
    assert split_sentences(text) == ["Contoso Inc. sold 5.5% of No. 3 to U.S. buyers.", "It was “fine.”", "Nobody asked."]


def test_a_page_without_sentences_gives_none():
    """A table alone states nothing in words."""
    assert list(statements("2024 2023\nRevenue 5 4\nCost 3 2")) == []
    assert list(statements("")) == []
