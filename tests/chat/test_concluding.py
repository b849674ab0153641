"""The end of an answer on real parts: what is said where nothing was found, and what is learnt."""

import dataclasses

import pytest

from jacie_flask.chat.expectations import RecentAnswers
from jacie_flask.chat.pipeline import PIPELINES
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
