"""The model's part on real parts: what the reader is told about it, and what stands in for words it does not have."""

import dataclasses

import pytest

from jacie_flask.chat.answering import begin
from jacie_flask.chat.gathering import search, select_to_search
from jacie_flask.chat.generating import generate
from jacie_flask.chat.steps import FAST_CHAT
from jacie_flask.events import Token
from jacie_flask.interfaces import Delta, Question
from jacie_flask.models.scripted import ScriptedModel
from tests.support.parts import built, over_texts

TEXTS = {"shop.txt": "\f".join(f"Page {n}\nIn shop {n} a bowl is {n}12.50 and a mug is {n}8.00." for n in range(1, 12))}
BOWL = "What is a bowl in shop 3?"


class Saying(ScriptedModel):
    """A model that says what it was made with, a letter at a time."""

    def __init__(self, text, *, small=False):
        self._text, self.small = text, small

    def stream(self, prompt, budget=None):
        """Yield the text."""
        yield from (Delta(text=letter, tokens=1) for letter in self._text)
        yield Delta(finish_reason="stop")


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Build the real parts over one text of many pages, which is not indexed: it is read."""
    with built(over_texts(tmp_path_factory.mktemp("shop"), TEXTS)) as parts:
        yield parts


def generated(parts, model, query=BOWL, **more):
    """Return the run of a question after the model's part, what was said, and what the reader is told of it."""
    events = []
    run = begin(
        Question(query=query, mode="fast_chat", **more), dataclasses.replace(parts, model=model), events.append, None, FAST_CHAT
    )
    if run.question.auto_load_documents:
        select_to_search(run)
        search(run)
    before = len(run.degraded)
    usage, reason = generate(run)
    assert (usage.total_tokens, reason) == (0, "stop")
    said = "".join(event.text for event in events if isinstance(event, Token))
    assert said == "".join(run.said)
    return run, said, run.degraded[before:]


def test_a_capable_models_words_pass_as_they_are(parts):
    """Nothing is added or taken, and which pages were not read is said."""
    run, said, (note,) = generated(parts, Saying("It is 999 [1]."))
    assert said == "It is 999 [1]."
    assert note.startswith(f"{len(run.evidence)} of the 11 pages of 1 document were read for this answer")


def test_what_a_small_model_made_up_is_replaced_and_told(parts):
    """Who answered comes first in the notes, what was replaced last; the answer is the page's own words."""
    _, said, notes = generated(parts, Saying("The bowl in shop 3 costs 999.99 in all.", small=True))
    assert "999.99" not in said
    assert "312.50" in said
    assert notes[0].startswith("Answered by the small built-in model scripted")
    assert notes[-1] == "A sentence of the model had no support on the pages and gave way to the pages' own words."


def test_a_guarded_capable_model_is_told_of_too(parts):
    """With the guard over every model, what was replaced is counted."""
    always = dataclasses.replace(parts, limits=dataclasses.replace(parts.limits, guard_all=True))
    _, said, notes = generated(always, Saying("A bowl is 999.99 [1]. A mug is 777.77 [1]. "))
    assert not {"999.99", "777.77"} & set(said.split())
    assert notes[-1].startswith("2 sentences of the model had no support on the pages")


@pytest.mark.parametrize(
    ("said", "note"),
    [
        ("Zyxw vutsr 999.99 [1]. ", "A sentence of the model had no support on the pages and was left out."),
        ("Zyxw vutsr 999.99 [1]. Qponm 777.77 [1]. ", "2 sentences of the model had no support on the pages and were left out."),
    ],
)
def test_sentences_that_nothing_stands_in_for_are_left_out(parts, said, note):
    """Where the pages have no words for it either, one or several are said to be missing."""
    always = dataclasses.replace(parts, limits=dataclasses.replace(parts.limits, guard_all=True))
    assert generated(always, Saying(said))[2][-1] == note


def test_a_model_that_says_nothing_leaves_it_to_the_page(parts):
    """The best line of the pages answers, with its number; where there are no pages, a sentence says so."""
    _, said, _ = generated(parts, Saying(" "))
    assert "312.50" in said
    assert said.rstrip().endswith("]")
    _, said, _ = generated(parts, Saying(""), auto_load_documents=False)
    assert said.startswith("The model gave no answer.")


def test_a_question_without_documents_is_told_of(parts):
    """The request asked for it; the reader may not know."""
    _, _, notes = generated(parts, Saying("Hello."), query="Hi", auto_load_documents=False)
    assert notes == ["No documents were loaded for this answer, as the request asked."]


def test_where_no_line_speaks_of_the_question_that_is_said(parts):
    """A year or a number that is shared is no answer; the sources stay."""
    run, said, _ = generated(parts, Saying("It was 4.", small=True), query="Who painted the bowl of Delft in 1650?")
    assert said == "The pages found hold no line that speaks of this."
    assert run.sources


def test_a_question_in_another_language_is_told_of_where_the_built_in_parts_answer(parts):
    """They read English; a capable model reads what it reads."""
    asked = "Wie viel kostet ein bowl in dem shop?"
    _, _, notes = generated(parts, Saying("12.", small=True), query=asked)
    assert any(note.startswith("The question seems to be in German, and the built-in parts read English") for note in notes)
    _, _, notes = generated(parts, Saying("12."), query=asked)
    assert not any("German" in note for note in notes)


COMPANIES = {
    "CONTOSO_2023_10K.txt": "Contoso\nUSD millions 2023 2022\nRevenue 512.5 400.0",
    "FABRIKAM_2023_10K.txt": "Fabrikam\nUSD millions 2023 2022\nRevenue 75.5 70.0",
    "NORTHWIND_2023_10K.txt": "Northwind\nThe wind was good in 2023 and the staff was glad of it.",
}


@pytest.fixture(scope="module")
def companies(tmp_path_factory):
    """Build the real parts over a page of each of three companies."""
    with built(over_texts(tmp_path_factory.mktemp("companies"), COMPANIES)) as parts:
        yield parts


def test_each_company_that_is_named_answers_for_itself(companies):
    """Their lines stand in the order of the names, and who has none is named."""
    asked = "Compare the 2023 revenue of Fabrikam, Northwind and Contoso"
    run, said, notes = generated(companies, Saying("Fabrikam had the most revenue.", small=True), query=asked)
    assert [line[: line.index(":")] for line in said.splitlines()] == ["FABRIKAM 2023", "CONTOSO 2023"]
    assert "“Revenue 75.5 70.0”" in said
    assert "No line that speaks of this was found for NORTHWIND." in notes
    assert run.writing is None, "the model was asked for nothing"
    assert not any("had no support" in note or "Answered by" in note for note in notes)


def test_which_company_is_answered_by_those_whose_pages_match(companies):
    """No company is named: those that have a line are shown, and that others were not compared is said."""
    _, said, notes = generated(companies, Saying("Contoso.", small=True), query="Which company had the highest revenue in 2023?")
    assert {line[: line.index(":")] for line in said.splitlines()} == {"CONTOSO 2023", "FABRIKAM 2023"}
    assert "Only 2 of the 3 companies were compared: those whose pages match best." in notes
