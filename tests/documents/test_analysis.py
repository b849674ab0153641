"""Analysis: chunks, labels and counts agree, and the guess reads what a cover says."""

import numpy as np

from jacie_flask.documents.analysis import analyse, postings
from jacie_flask.text.terms import term_counts

COVER = """UNITED STATES
SECURITIES AND EXCHANGE COMMISSION
FORM 10-K
ANNUAL REPORT PURSUANT TO SECTION 13 OR 15(d)
For the fiscal year ended June 30, 2021
NORTHWIND PAPER, INC.
(Exact name of registrant as specified in its charter)"""


def test_postings_count_each_term_once_a_row():
    """Arrays are sorted by row and add up to the texts' counts."""
    made = postings([[7, 7, 3], [], [7]])
    assert np.frombuffer(made.rows, "<u4").tolist() == [0, 0, 2]
    assert np.frombuffer(made.terms, "<u4").tolist() == [3, 7, 7]
    assert np.frombuffer(made.counts, "<u2").tolist() == [1, 2, 1]


def test_body_counts_are_those_of_the_chunks():
    """What is indexed is what the chunks say."""
    analysed = analyse([COVER, "We sell paper. Paper sells."], "hash")
    rows, terms, counts = (
        np.frombuffer(part, kind).tolist()
        for part, kind in ((analysed.body.rows, "<u4"), (analysed.body.terms, "<u4"), (analysed.body.counts, "<u2"))
    )
    for row, chunk in enumerate(analysed.chunks):
        assert {t: c for r, t, c in zip(rows, terms, counts, strict=True) if r == row} == term_counts(chunk.text)


def test_guess_reads_a_form_cover():
    """Company, year and type stand on the first page of a form."""
    assert analyse([COVER], "hash").guess == {"company": "Northwind Paper", "document_type": "10-K", "period": "2021"}


def test_guess_reads_an_earnings_release():
    """A release names itself by what it announces, and its quarter."""
    release = "Contoso Foods Inc. Announces Second Quarter Fiscal 2022 Results\nSeattle, May 3, 2022 - Contoso Foods Inc. today"
    assert analyse([release], "hash").guess == {"company": "Contoso Foods", "document_type": "earnings", "period": "2022 Q2"}


def test_guess_says_nothing_where_nothing_is_said():
    """No key is better than a wrong one."""
    assert analyse(["just some words"], "hash").guess == {}


def test_a_document_without_text_is_analysed_all_the_same():
    """Zero pages and empty pages give empty columns."""
    for pages in ([], [""], ["\x00\n"]):
        analysed = analyse(pages, "hash")
        assert analysed.chunks == []
        assert analysed.body.rows == b""


def test_words_that_stand_one_a_line_are_joined():
    """Text that a layout tore into single words reads as lines again, so titles are seen."""
    torn = "\n".join(("CONSOLIDATED BALANCE SHEETS " + "we have made some paper and sold it all over the world ").split() * 3)
    assert "CONSOLIDATED BALANCE SHEETS" in analyse([torn], "hash").pages[0]


def test_note_marks_change_no_label_and_no_guess():
    """A page with raised marks is what it is without them."""
    page = "CONSOLIDATED BALANCE SHEETS{0}\nDecember 31{0}, 2023 2022\nTotal current assets{0} 5,000 4,000\nInventories{0} 10 9\nTotal assets{0} 9,000 8,000\n"
    page += "Accounts payable{0} 100 90\nTotal current liabilities{0} 700 600\nTotal liabilities{0} 800 700\nRetained earnings{0} 1,000 900\n"
    page += "Total stockholders' equity{0} 8,200 7,300\nTotal liabilities and stockholders' equity{0} 9,000 8,000"
    marked, plain = (analyse([COVER, page.format(mark)], "hash") for mark in ("⁽¹⁾", ""))
    assert plain.labels[2]
    assert (marked.labels, marked.guess, marked.body) == (plain.labels, plain.guess, plain.body)
