"""The model's part on real parts: what the reader is told about it, and what stands in for words it does not have."""

import dataclasses

import pytest

from jacie_flask.answer.context import begin
from jacie_flask.answer.evidence_step import search, select_to_search
from jacie_flask.answer.generation import generate
from jacie_flask.answer.steps import FAST_CHAT
from jacie_flask.events import Token
from jacie_flask.interfaces import Delta, Question
from jacie_flask.models.absent import AbsentModel
from jacie_flask.models.scripted import ScriptedModel
from tests.support.parts import built, over_texts

TEXTS = {
    "shop.txt": "\f".join(f"Prices {n}\nThe price of a bowl in shop {n} is {n}12.50 and of a mug {n}8.00." for n in range(1, 12))
}
BOWL = "What is the price of a bowl in shop 3?"


class Saying(ScriptedModel):
    """A model that says what it was made with, a letter at a time."""

    def __init__(self, text):
        self._text = text

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
    usage, reason, basis = generate(run)
    assert (usage.total_tokens, reason) == (0, "stop")
    run.basis = basis
    said = "".join(event.text for event in events if isinstance(event, Token))
    assert said == "".join(run.said)
    return run, said, run.degraded[before:]


def test_a_capable_models_words_pass_as_they_are(parts):
    """Nothing is added or taken, and which pages were not read is said."""
    run, said, (note,) = generated(parts, Saying("It is 999 [1]."))
    assert said == "It is 999 [1]."
    assert note.startswith(f"{len(run.evidence)} of the 11 pages of 1 document were read for this answer")


@pytest.mark.parametrize(
    ("said", "shown", "note"),
    [
        (
            "A bowl is 999.99 [1]. ",
            "A bowl is 999.99 (not verified) [1]. ",
            "A sentence of the model could not be verified on the pages: marked “(not verified)”.",
        ),
        (
            "Zyxw vutsr 999.99 [1]. Qponm 777.77 [1]. ",
            "Zyxw vutsr 999.99 (not verified) [1]. Qponm 777.77 (not verified) [1]. ",
            "2 sentences of the model could not be verified on the pages: marked “(not verified)”.",
        ),
    ],
)
def test_sentences_that_the_guard_doubts_are_marked_and_counted(parts, said, shown, note):
    """The reader sees which sentences no page proves, and how many."""
    always = dataclasses.replace(parts, limits=dataclasses.replace(parts.limits, guard=True))
    _, text, notes = generated(always, Saying(said))
    assert text == shown
    assert notes[-1] == note


def test_a_model_that_says_nothing_leaves_it_to_the_page(parts):
    """The statement of the pages answers, with its number; where there are no pages, a sentence says so."""
    _, said, _ = generated(parts, Saying(" "))
    assert said.strip() == "“The price of a bowl in shop 3 is 312.50 and of a mug 38.00.” [1]"
    _, said, _ = generated(parts, Saying(""), auto_load_documents=False)
    assert said == "The model gave no answer."


def test_a_question_without_documents_is_told_of(parts):
    """The request asked for it; the reader may not know."""
    _, _, notes = generated(parts, Saying("Hello."), query="Hi", auto_load_documents=False)
    assert notes == ["No documents were loaded for this answer, as the request asked."]


def test_without_a_model_the_pages_answer(parts):
    """The statement that answers is quoted with its source, and no model gets the credit."""
    run, said, notes = generated(parts, AbsentModel())
    assert said == "“The price of a bowl in shop 3 is 312.50 and of a mug 38.00.” [1]"
    assert run.basis == "quoted"
    assert run.writing is None
    assert not any("model" in note for note in notes)


def test_where_no_statement_answers_the_closest_pages_are_named(parts):
    """A year or a number that is shared is no answer; the sources stay."""
    run, said, _ = generated(parts, AbsentModel(), query="Who painted the bowl of Delft in 1650?")
    assert said.startswith("No statement on the pages found answers this question. The closest pages: shop.txt, page ")
    assert run.basis == "none"
    assert run.sources


def test_without_model_and_documents_there_is_nothing_to_answer_from(parts):
    """The reader is told what to change."""
    run, said, _ = generated(parts, AbsentModel(), query="Hi", auto_load_documents=False)
    assert said.startswith("No documents were loaded, and no language model is configured")
    assert run.basis == "none"


def test_a_question_in_another_language_is_noted_where_no_model_reads_it(parts):
    """A model reads what it reads."""
    asked = "Wie viel kostet ein bowl in dem shop?"
    _, _, notes = generated(parts, AbsentModel(), query=asked)
    assert any(note.startswith("The question seems to be in German") for note in notes)
    _, _, notes = generated(parts, Saying("12."), query=asked)
    assert not any("German" in note for note in notes)
