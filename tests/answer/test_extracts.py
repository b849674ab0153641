"""Extractive answers: the statements that carry the question's words, quoted with their source, or nothing."""

import pytest

from jacie_flask.answer.extracts import Page, extractive_answer
from jacie_flask.chat.query import weigh

MARGIN = Page(
    1,
    "Results\nGross profit decreased to 37.6% of net sales in the fourth quarter. As a percentage of net sales, SG&A expenses decreased to "
    "23.5% compared to 23.9% in 2021, primarily due to lower marketing expenses. Store payroll expenses went up.",
)
RISKS = Page(
    2,
    "Principal risks\nOur principal risks are:\n• Drought in the growing regions.\n• Wages of pickers.\nOther\nWe are fine as we are.",
)
PAGES = [MARGIN, RISKS]


def answer(question, pages=PAGES):
    """Return the paragraphs that answer a question."""
    return extractive_answer(question, weigh(question), pages)


def test_the_sentence_with_the_cause_answers_why():
    """It is quoted whole, with its source."""
    (said,) = answer("Why did SG&A expenses decrease as a percentage of net sales?")
    assert said.startswith("“As a percentage of net sales, SG&A expenses decreased to 23.5%")
    assert said.endswith("lower marketing expenses.” [1]")


def test_a_list_is_answered_with_its_lead_and_all_items():
    """Items answer by the heading and the sentence above them."""
    assert answer("What are the principal risks?") == [
        "Our principal risks are:\n- Drought in the growing regions. [2]\n- Wages of pickers. [2]"
    ]


@pytest.mark.parametrize("question", ["Who painted the gallery of Delft?", "What is the depreciation of vessels?", ""])
def test_what_no_statement_carries_is_not_answered(question):
    """A shared word or two is no answer."""
    assert answer(question) == []


def test_a_number_in_the_question_chooses_the_statement():
    """Equal sentences about other numbers do not answer."""
    pages = [Page(n, f"Shops\nThe price of a bowl in shop {n} is {n}12.50.") for n in (1, 2, 3)]
    assert answer("What is the price of a bowl in shop 3?", pages) == ["“The price of a bowl in shop 3 is 312.50.” [3]"]
