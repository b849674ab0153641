"""Answers without a model, on real parts: statements and lists, other languages, companies that are not here, and what is missing."""

import dataclasses

import pytest

from jacie_flask.answer.pipeline import PIPELINES
from jacie_flask.interfaces import Question
from jacie_flask.models.absent import AbsentModel
from tests.support.parts import built, over_texts

RISKS = "Risk factors\nThe board reviews the main risks twice a year.\nWeather. Dry years hurt us.\nWages. They may rise.\nLand. Prices may fall."
TEXTS = {
    "Alder-Toys-2024-annual-report.txt": f"About the business\nAlder Toys makes wooden toys for schools in 30 countries.\n{RISKS}\nBoard\nAnna Bell\nChief executive officer\nBo Lind\nChief financial officer\n",
    "Birch-Mills-2024-annual-report.txt": "Birch Mills grinds flour for bakers.\nTom Harrow\nChief executive officer\n",
}


def result(folder, query, mode="chat"):
    """Return the result of a question without a model."""
    with built(over_texts(folder, TEXTS)) as parts:
        parts = dataclasses.replace(parts, model=AbsentModel())
        return PIPELINES[mode](Question(query=query, mode=mode), parts, lambda _: None)


LIST = "Risk factors:\n- Weather. Dry years hurt us. [1]\n- Wages. They may rise. [1]\n- Land. Prices may fall. [1]"


@pytest.mark.parametrize("mode", sorted(PIPELINES))
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("What are the main risks of Alder Toys?", LIST),
        ("Quels sont les principaux risques d’Alder Toys?", LIST),
        ("Welche Risiken hat Alder Toys?", LIST),
        ("Who is the CFO of Alder Toys?", "Bo Lind is named as chief financial officer [1]."),
        ("Who is the CEO of Alder Toys?", "Anna Bell is named as chief executive officer [1]."),
        ("What does Alder Toys do?", "“Alder Toys makes wooden toys for schools in 30 countries.” [1]"),
    ],
)
def test_words_are_answered_from_the_pages(tmp_path, mode, query, expected):
    """On both ways, and in languages whose basic terms are known."""
    answer = result(tmp_path, query, mode)
    assert (answer.response, answer.basis) == (expected, "quoted")


def test_another_language_is_noted(tmp_path):
    """The answer is in the language of the pages."""
    assert any("French" in note for note in result(tmp_path, "Quels sont les principaux risques d’Alder Toys?").degraded)


def test_nothing_is_cited_for_what_only_says_what_is_missing(tmp_path):
    """The closest pages are named; their names are not checked as statements."""
    answer = result(tmp_path, "Who reviews the land of Alder Toys?")
    assert answer.basis == "none"
    assert answer.response.startswith("No statement on the pages found answers this question. The closest pages: Alder-Toys-2024")
    assert answer.citations == []
    assert not any("could not be verified" in note for note in answer.degraded)


def test_a_company_that_is_not_here_is_said(tmp_path):
    """Those that are here are named."""
    answer = result(tmp_path, "What are MTN's main risks?")
    assert answer.response == "No company in the collection matches “MTN”. It has filings of Alder-Toys, Birch-Mills."
