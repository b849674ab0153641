"""The end of an answer on real parts: what is said where nothing was found, and what is learnt."""

import dataclasses

import pytest

from jacie_flask.answer.expectations import RecentAnswers
from jacie_flask.answer.pipeline import PIPELINES
from jacie_flask.events import Sources
from jacie_flask.interfaces import Question
from tests.support.parts import built, over_texts

ACME = {f"Acme-Robotics-{year}-annual-report.txt": f"Revenue in {year} was {year - 1900}.5 million." for year in (2022, 2023)}


def concluded(folder, texts, query, mode="chat"):
    """Return the result of a question about texts, the sources told before it, and how many answers were learnt from."""
    events = []
    with built(over_texts(folder, texts)) as parts:
        parts = dataclasses.replace(parts, expectations=RecentAnswers())
        result = PIPELINES[mode](Question(query=query, mode=mode), parts, events.append)
        learnt = len(parts.expectations.of(mode, parts.model.label).lengths)
    (told,) = (event for event in events if isinstance(event, Sources))
    return result, told.sources, learnt


@pytest.mark.parametrize("mode", sorted(PIPELINES))
def test_an_empty_collection_says_so(tmp_path, mode):
    """No model is asked, and nothing is learnt from its silence."""
    result, told, learnt = concluded(tmp_path, {}, "What was revenue?", mode)
    assert result.response == "There are no documents in the collection yet, so this question cannot be answered."
    assert (result.model, result.finish_reason, result.usage.total_tokens) == ("", "stop", 0)
    assert told == result.sources == result.citations == []
    assert learnt == 0


def test_a_question_that_nothing_matches_hears_what_there_is(tmp_path):
    """The documents are counted; where they have companies, those are named."""
    result, _, learnt = concluded(tmp_path, {"kiln.txt": "Raise the temperature."}, "Who wrote the Quixote?")
    assert result.response == "No document in the collection matches this question. It holds 1 documents."
    assert (result.model, learnt) == ("", 0)


@pytest.mark.parametrize("mode", sorted(PIPELINES))
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("Zither strings", "No page of the 2 documents matches the question."),
        ("What did Globex bake?", "No company in the catalog matches “Globex”. No page of the 2 documents matches the question."),
    ],
)
def test_an_answer_without_a_page_rests_on_no_document(tmp_path, mode, query, message):
    """Nothing is named as read where no page matches, neither in the list nor in the sentence on the selection."""
    texts = {
        "Kiln-Works-2022-annual-report.txt": "Raise the temperature.",
        "Loom-Mills-2022-annual-report.txt": "Weave the cloth.",
    }
    result, told, _ = concluded(tmp_path, texts, query, mode)
    assert (result.documents_loaded, told, result.document_selection_message) == ([], [], message)


def test_a_choice_by_the_index_says_that_it_is_still_being_built(tmp_path):
    """A question without a company, whose documents the index chooses, hears how much the index holds so far."""
    result, _, _ = concluded(tmp_path, ACME | {"kiln.txt": "Raise the temperature."}, "What was revenue?")
    assert "The index is not complete: 0 of 3 documents can be searched so far." in result.degraded


def test_an_answer_is_cited_remembered_and_learnt_from(tmp_path):
    """The sources told before the first word are the result's, its figures are checked, and its length is known for the next."""
    result, told, learnt = concluded(tmp_path, ACME, "What was the revenue of Acme Robotics in 2023?")
    assert told == result.sources
    assert result.sources[0].filename == "Acme-Robotics-2023-annual-report.txt"
    assert "123.5" in result.response
    assert [(one.n, one.verified) for one in result.citations] == [(1, True)]
    assert [turn.content for turn in result.conversation_history] == [
        "What was the revenue of Acme Robotics in 2023?",
        result.response,
    ]
    assert learnt == 1
