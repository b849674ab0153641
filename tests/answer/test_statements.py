"""Statements of a page: whole sentences and items, no rows, no fragments."""

from jacie_flask.answer.extracts.statements import Statement, paragraphs, split_sentences, statements

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
    assert split_sentences("It is in Form 10-K. We have more.") == ["It is in Form 10-K.", "We have more."]
    text = "Contoso Inc. sold 5.5% of No. 3 to U.S. buyers. It was “fine.” Nobody asked."
    assert split_sentences(text) == ["Contoso Inc. sold 5.5% of No. 3 to U.S. buyers.", "It was “fine.”", "Nobody asked."]


def test_a_page_without_sentences_gives_none():
    """A table alone states nothing in words."""
    assert list(statements("2024 2023\nRevenue 5 4\nCost 3 2")) == []
    assert list(statements("")) == []


def test_a_numbered_heading_is_no_item():
    """It heads what follows; a numbered sentence is an item."""
    page = "7. Dividends\nThe final dividend is paid in May.\n1. We expect growth.\n2. We expect more."
    assert [(one.text, one.heading, one.item) for one in statements(page)] == [
        ("The final dividend is paid in May.", "7. Dividends", False),
        ("We expect growth.", "7. Dividends", True),
        ("We expect more.", "7. Dividends", True),
    ]


def test_items_on_one_line_are_apart():
    """A bullet within a line begins an item."""
    assert [one.text for one in statements("• customs duties of states; • rates of exchange.")] == [
        "customs duties of states;",
        "rates of exchange.",
    ]


def test_paragraphs_end_at_short_lines():
    """A sentence that ends well before the margin ends its paragraph; headings are apart."""
    page = "Risks\nDry years hurt.\nThis is a line that goes as far as the margin of the page does, and so\non. It goes on here, with one more line until the end of the page"
    assert paragraphs(page) == [
        "Risks",
        "Dry years hurt.",
        "This is a line that goes as far as the margin of the page does, and so on. It goes on here, with one more line until the end of the page",
    ]
