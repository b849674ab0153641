"""Sentences about sample inputs that went wrong: the right figure is verified, the wrong one is not."""

import pytest

from jacie_flask.events import Source
from jacie_flask.evidence.citations import Evidence, cite
from tests.support.reading import case, read_here


@pytest.mark.parametrize(
    ("name", "sentence", "verified"),
    [
        ("Corvane annual report 2024.html", "The dividend per share was 96 cents in 2024 [1].", True),
        ("Corvane annual report 2024.html", "The dividend per share was 964 cents in 2024 [1].", False),
        ("Corvane annual report 2024.html", "Corvane employs 5,120 people [1].", True),
        ("Corvane annual report 2024.html", "Corvane employs 51,202 people [1].", False),
        ("Corvane annual report 2024.html", "Total assets rose to R8,400 million [1].", True),
        ("Fenwick results 2024 scaled.xlsx", "Revenue was $42,280 million in 2024 [1].", True),
        ("Fenwick results 2024 scaled.xlsx", "Revenue was $42.28 billion in 2024 [1].", True),
        ("Fenwick results 2024 scaled.xlsx", "Revenue was $42,280,000,000 million in 2024 [1].", False),
        ("Brightwater 10-K 2023.htm", "The credit facility provides for borrowings of up to $750 million [1].", True),
        ("Brightwater 10-K 2023.htm", "Goodwill was 1,905 million in 2023 [1].", True),
        ("Delmora 10-K 2023 short header.txt", "Backlog at year end was $412.6 million [1].", True),
    ],
)
def test_figures_of_the_samples(name, sentence, verified):
    """Each sentence is checked against the page as it was read."""
    suffix = name[name.rindex(".") :]
    page = read_here(case(name), suffix).pages[0]
    source = Source(
        n=1, document_id="d", filename=name, company="", period="", document_type="", page=1, snippet="", score=1.0, url=""
    )
    (citation,) = cite(sentence, [Evidence(source=source, text=page, page=page)])
    assert citation.verified is verified, citation
