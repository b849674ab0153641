"""What pages tell beside their figures: risks, people, what a company does, and that a table is none of it."""

import pytest

from jacie_flask.chat.query import cleaned, weigh
from jacie_flask.chat.telling import best_units
from tests.support.pages import page

RISKS = page(1, """Contoso plc Annual Report 2021
Outlook and perils
Outlook
1. We expect revenue to grow by 5% in 2022.
2. We will open 120 shops.
Risk factors
The board reviews them twice a year.
Weather. Our fields need rain, and in dry
years they bear less. We buy insurance.
Labour and wages. Pickers are scarce.
• Prices of sugar move with the market.
Provision for risks 1,250 1,310
Rates 2022 2021""")  # fmt: skip
BOARD = page(2, """Contoso plc Annual Report 2021
Corporate governance
Name Role Since
Ada Lindqvist Independent chair 2015
Bo Ferreira Chief executive officer and director 2018
Cy Okafor Chief financial officer 2020
The executive board met nine times.
About Contoso
Contoso plc grows apples, pears and quinces and presses them. Shops sell the juice.
About this report
Contoso plc does not exist.
Contents
Corporate governance 7
Total executive pay 2,500 2,100""", company="Contoso plc")  # fmt: skip


def told(question, *pages):
    """Return the lines that answer a prepared question."""
    return [unit.text for unit in best_units(question, weigh(cleaned(question, ("Contoso",))), pages or (RISKS, BOARD))]


def test_a_heading_answers_for_its_points():
    """Points under the heading come first, in their order: name and first sentence; what stands under another does not."""
    found = told("What are the main risks?")
    assert found[:3] == [
        "Weather. Our fields need rain, and in dry years they bear less.",
        "Labour and wages. Pickers are scarce.",
        "Prices of sugar move with the market.",
    ]
    assert not any("1,250" in text or "revenue" in text or "120" in text for text in found)


@pytest.mark.parametrize(("question", "row"), [
    ("Who is the CEO?", "Bo Ferreira Chief executive officer and director 2018"),
    ("Who is the chief financial officer?", "Cy Okafor Chief financial officer 2020"),
    ("Name the CFO", "Cy Okafor Chief financial officer 2020"),
])  # fmt: skip
def test_people_stand_in_rows_that_end_with_a_year(question, row):
    """The row of the role that is asked for comes first, neither the contents nor what people are paid."""
    found = told(question)
    assert found[0] == row
    assert "Total executive pay 2,500 2,100" not in found
    assert "Corporate governance 7" not in found


def test_what_a_company_does_stands_where_it_speaks_of_itself():
    """The sentence about the company comes first, before what its report says of itself."""
    found = told("What does Contoso do?", RISKS, BOARD)
    assert found[0] == "Contoso plc grows apples, pears and quinces and presses them."
    assert "Contoso plc does not exist." not in found[:2]


def test_the_agenda_is_what_the_items_report():
    """A report on an event is for what stands under its numbered items, but for its exhibits."""
    text = "FORM 8-K\nItem 8.01 Other Events.\nContoso sold its mills.\nItem 9.01 Exhibits\nThe deed is attached."
    assert told("What was the agenda of the filing?", page(1, text)) == ["Contoso sold its mills."]


@pytest.mark.parametrize("question", ["Who won the yachting regatta cup in 2018?", "Any lawsuits pending against it?"])
def test_nothing_answers_what_no_page_speaks_of(question):
    """A year that is shared, or a word of many, is no answer."""
    assert told(question) == []


def test_a_figure_is_asked_for_where_its_amount_is():
    """How much is still answered by a row with an amount, also where the subject is one that pages tell of."""
    assert told("How much is the provision for risks?")[0] == "Provision for risks 1,250 1,310"
    assert told("What was executive pay?")[0] == "Total executive pay 2,500 2,100"


def test_sentences_answer_where_no_amount_does():
    """A question that names no sort of answer gets the sentence that speaks of it, if no row with an amount does."""
    assert told("Are pickers scarce?")[0] == "Labour and wages. Pickers are scarce."
