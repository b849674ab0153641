"""Proof: where sentences end, and which of them are verified on the page they cite."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jacie_flask.evidence.citations import Evidence, cite, sentences, support, unproved
from tests.support.pages import PAGES, SALES, page


def evidence(*texts):
    """Return pages numbered from 1."""
    return [page(n, text) for n, text in enumerate(texts, 1)]


# ---------------------------------------------------------------------------------------------------------- sentences

CUTS = [
    ("One. Two! Three? Four", ["One. ", "Two! ", "Three? ", "Four"]),
    ("It was 8.7 billion. It fell.", ["It was 8.7 billion. ", "It fell."]),
    ("Contoso Inc. sold 5. It grew.", ["Contoso Inc. sold 5. ", "It grew."]),
    ("The U.S. market grew, e.g. in Texas. Then not.", ["The U.S. market grew, e.g. in Texas. ", "Then not."]),
    ("Sales rose. [1] Costs fell [2]. End", ["Sales rose. [1] ", "Costs fell [2]. ", "End"]),
    ("Sales rose.[1] Costs fell.[2][3] End", ["Sales rose.[1] ", "Costs fell.[2][3] ", "End"]),
    ("He said “it rose.” Then “no?” (It did.) End", ["He said “it rose.” ", "Then “no?” ", "(It did.) ", "End"]),
    ("- a line\n- another line\n\nA paragraph", ["- a line\n", "- another line\n\n", "A paragraph"]),
    ("see www.example.com/a.pdf?b=c. Done", ["see www.example.com/a.pdf?b=c. ", "Done"]),
    ("Wait... what?! Yes", ["Wait... ", "what?! ", "Yes"]),
    ("", []),
]


@pytest.mark.parametrize(("text", "expected"), CUTS, ids=[row[0][:30] for row in CUTS])
def test_where_sentences_end(text, expected):
    """Not inside figures, names and abbreviations; quotes, brackets and markers stay with what they close."""
    assert sentences(text) == expected


@given(st.text(st.sampled_from("aB1 .!?\n[]()”\"'\t\u2028"), max_size=60))
@settings(max_examples=500)
def test_nothing_is_lost_between_sentences(text):
    """Joined, the sentences are the text again, whatever its punctuation."""
    assert "".join(sentences(text)) == text


@pytest.mark.parametrize(
    "text", ["." * 400_000 + "x", ".x" * 200_000, "[1]" * 200_000, ".)" * 200_000 + "x", "a " * 400_000, "\n" * 400_000]
)
def test_no_text_takes_long(text):
    """A model that runs wild does not hold up the others: with time in the square of such a length this would take hours."""
    assert "".join(sentences(text)) == text


# --------------------------------------------------------------------------------------------------------------- cite


def verified(answer, pages=PAGES):
    """Return (source, verified) of each citation."""
    return [(citation.n, citation.verified) for citation in cite(answer, pages)]


CITED = [
    ("Net sales were 32,765 [1].", [(1, True)]),
    ("Net sales were 32,756 [1].", [(1, False)]),
    ("Net sales were $32.8 billion [1].", [(1, True)]),
    ("Net sales were $32.7 billion [1].", [(1, False)]),
    ("It spent $1,577 million on equipment [1].", [(1, True)]),
    ("Sales grew by 3.5% [1].", [(1, True)]),
    ("Sales grew by 5.3% [1].", [(1, False)]),
    ("Sales grew by 3.5% [2].", [(2, False)]),
    ("In 2018 net sales were 32,765 [1].", [(1, True)]),
    ("Sales were 32,765 with 93,516 employees [1][2].", [(1, True), (2, True)]),
    ("There were 93,516 employees.", [(2, True)]),
    ("There were 99,999 employees.", [(2, False)]),
    ("The company had employees at year end [2].", [(2, False)]),
    ("The weather on Mars was lovely throughout [2].", [(2, False)]),
    ("Net sales were 32,765 [7].", [(1, True)]),
    ("It went well.", []),
    ("In 2018 it went well.", []),
    ("Sales were 32,765 [1]. Staff was 93,516 [2]. Fine.", [(1, True), (2, True)]),
    ("Sales were 32,765.[1] Staff was 93,615.[2]", [(1, True), (2, False)]),
    ("", []),
]


@pytest.mark.parametrize(("answer", "expected"), CITED, ids=[row[0][:40] for row in CITED])
def test_each_claim_is_checked_on_the_page_it_cites(answer, expected):
    """Figures have to stand on the cited page, as they are or rounded; without a marker the best page is cited."""
    assert verified(answer) == expected


def test_a_quote_has_to_stand_on_the_page():
    """Line breaks, spaces, case and the kind of quotation marks do not count; another word does."""
    good = "It says “the company had  93,516\nEMPLOYEES” [2]."
    (citation,) = cite(good.replace("\n", " "), PAGES)
    assert (citation.quote, citation.page, citation.document_id, citation.verified) == (
        "the company had  93,516 EMPLOYEES", 20, "d2", True,
    )  # fmt: skip
    assert verified('It says "the company lost 93,516 employees" [2].') == [(2, False)]


def test_without_evidence_there_are_no_citations():
    """Nothing can be proved from nothing."""
    assert cite("Net sales were 32,765 [1].", []) == []


def test_support_puts_figures_first():
    """A page with the figure carries a claim better than one with its words."""
    figure, words = evidence("1,577", "purchases of property, plant and equipment")
    claim = "Purchases of property, plant and equipment were 1,577."
    assert support(claim, figure) > support(claim, words) > support("Nothing.", words)


STATEMENT = evidence(
    "Contoso plc\nConsolidated statement of cash flows\n(in millions, except per share amounts) 2023 2022\nNet sales $ 32,765 $ 31,657\n"
    "Net income (loss) (545) 1,420\nPurchases of property, plant and equipment (1,577) (1,373)\nBasic earnings per share $ 2.41 $ 2.30\n"
    "Operating margin 18.2% 16.1%\nIn 2023 the company paid a dividend of $412 million.\nThe well-\nknown brand grew."
)
CHECKED = [
    ("Net sales were $32,765 million in 2023 [1].", ""),
    ("Net sales were $32.8bn in FY23 [1].", ""),
    ("Net sales were 32 765 million in 2023 [1].", ""),
    ("Net sales were 32'765 million in 2023 [1].", ""),
    ("Net sales were 32.765,0 million in 2023 [1].", ""),
    ("Net sales were over $32 billion in 2023 [1].", ""),
    ("Net sales were $32,765,000,000 in 2023 [1].", ""),
    ("Net sales were 32,765 thousand in 2023 [1].", "another unit"),
    ("Net sales were $32,765 in 2023 [1].", "another unit on the page (millions)"),
    ("Net sales were €32,765 million in 2023 [1].", "another currency"),
    ("Net sales were 31,657 million in 2023 [1].", "another year"),
    ("Net sales were 32,765 million in 2019 [1].", "another year"),
    ("Net sales were 1,577 million in 2023 [1].", "does not name"),
    ("Net sales were -32,765 million in 2023 [1].", "another sign"),
    ("The net loss was 545 million in 2023 [1].", ""),
    ("Net income was 545 million in 2023 [1].", "another sign"),
    ("Net income was (545) million in 2023 [1].", ""),
    ("Purchases of property, plant and equipment took 1.6 billion in 2023 [1].", ""),
    ("Purchases of property, plant and equipment took 1.7 billion in 2023 [1].", "not on the page"),
    ("Basic earnings per share were $2.41 in 2023 [1].", ""),
    ("Basic earnings per share were 2.41 million in 2023 [1].", "another unit"),
    ("The operating margin was 18.2% in 2023, 16.1% in 2022 [1].", ""),
    ("The operating margin was 1,820 bps in 2023 [1].", ""),
    ("The operating margin was 18.2 million in 2023 [1].", "another unit"),
    ("Net sales increased by 3.5% in 2023 [1].", "computed: 32,765 against 31,657"),
    ("Net sales increased by 4.5% in 2023 [1].", "not on the page"),
    ("Net sales decreased by 3.5% in 2023 [1].", "not on the page"),
    ("Net sales rose by 1,108 million to 32,765 million in 2023 [1].", "computed: 32,765 less 31,657"),
    ("On 31 December 2023 the dividend was USD 412m; see page 7, note 12 [1].", ""),
    ("It says “The well-known brand  grew” [1].", ""),
    ("It says “the wellknown brand shrank” [1].", "not on the page"),
]


@pytest.mark.parametrize(("answer", "reason"), CHECKED, ids=[row[0][:50] for row in CHECKED])
def test_a_figure_is_checked_with_its_unit_sign_year_and_row(answer, reason):
    """The reason says what is wrong, or how a figure was computed; a plain proof gives none."""
    found = cite(answer, STATEMENT)
    assert [citation.verified for citation in found] == [not reason or reason.startswith("computed")]
    assert reason in found[0].reason
    assert bool(found[0].reason) == bool(reason)


def test_a_company_that_is_called_by_a_figure_states_none():
    """The name of the source's company is no amount."""
    named = [Evidence(msgspec.structs.replace(PAGES[0].source, company="3M"), SALES)]
    assert verified("In all 3M had sales of 32,765 [1].", named) == [(1, True)]


def test_inverted_commas_inside_a_quote_may_be_others():
    """A quote within a quote is written with other marks than on the page."""
    page = evidence("The officers’ (“NEOs”) pay was approved by 57,172,731 votes.")
    assert verified("It says “The officers’ ('NEOs') pay was approved by 57,172,731 votes” [1].", page) == [(1, True)]


def test_the_whole_page_proves_not_only_what_was_shown():
    """A figure of the page that did not fit the prompt is proved by it all the same."""
    shown = Evidence(PAGES[0].source, "3M Company", page=SALES)
    assert [citation.verified for citation in cite("Net sales were 32,765 [1].", [shown])] == [True]


def test_what_is_not_proved_is_named():
    """A person reads which figure is not on the page, a few of them at most."""
    found = cite("".join(f"Net sales were {n},111 [1]. " for n in range(1, 9)), PAGES)
    (said,) = unproved(found)
    assert said.startswith("8 of 8 cited statements could not be verified on the page they cite (1,111: it is not on the page; ")
    assert said.endswith("; and 3 more).")
    assert unproved(cite("Net sales were 32,765 [1].", PAGES)) == []


def test_a_sentence_with_hundreds_of_figures_is_not_checked_and_says_so():
    """To prove each of them would take seconds in which nobody else is answered: it is not verified, and why is told."""
    endless = "".join(f"{n}@{12_345_678_901 + n};" for n in range(450))
    assert cite(endless, []) == []
    (found,) = cite(f"{endless} [2]", PAGES)
    assert (found.n, found.verified) == (2, False)
    assert "not checked" in found.reason
