"""Selection with a model's word: its pick comes first, its failure changes nothing."""

import threading

import pytest

from jacie_flask.evidence.refinement import SHORTLIST, refine
from jacie_flask.evidence.selection import select
from jacie_flask.interfaces import CatalogDocument
from jacie_flask.models.absent import AbsentModel
from jacie_flask.models.openai_model import OpenAIModel
from jacie_flask.retries import Budget
from tests.support.openai_server import OpenAIServer, Script

QUESTION = "How did revenue develop?"
CATALOG = [
    CatalogDocument(
        document_id=f"d{year}",
        filename=f"orlen_{year}.pdf",
        key=f"orlen_{year}.pdf",
        company="Orlen",
        period=str(year),
        document_type="annual_report",
    )
    for year in range(1980, 2024)
]


@pytest.fixture
def server():
    """Serve a model whose answers a test scripts."""
    with OpenAIServer() as running:
        yield running


def refined(server, script, *, model=None, most=2, budget=None):
    """Return (selection by rules, selection with the model's word)."""
    server.script = script
    model = model or OpenAIModel(base_url=server.url, api_key="x", model="m", context_tokens=9000)
    before = select(QUESTION, CATALOG, limit=50)
    return before, refine(before, model, most, budget or Budget(0))


def names(selection):
    """Return the file names in order."""
    return [item.document.filename for item in selection.documents]


def test_the_models_pick_comes_first(server):
    """In its order, with a reason that says so and no document lost; the search stays near the pick."""
    before, after = refined(server, Script(answer="3, 1"))
    assert names(after)[:2] == [names(before)[2], names(before)[0]]
    assert sorted(names(after)) == sorted(names(before))
    assert after.documents[0].reason.endswith("chosen by the model")
    assert after.scores[after.documents[0].document.document_id] == max(before.scores.values())
    assert names(before)[2] in after.message


def test_the_model_sees_a_short_list_and_the_question(server):
    """Names, types and periods of the thirty best, and no more."""
    refined(server, Script(answer="1"))
    told = server.requests[-1].json["messages"][-1]["content"]
    assert QUESTION in told
    assert "1. orlen_2023.pdf (Orlen, annual report, 2023)" in told
    assert f"\n{SHORTLIST}. " in told
    assert f"\n{SHORTLIST + 1}. " not in told


def test_what_the_model_reads_and_writes_is_noted(server):
    """The question's budget knows it, so that its caller can be charged; where there is none, nothing is asked."""
    asked, unasked = Budget(0), Budget(0)
    refined(server, Script(answer="3, 1"), budget=asked)
    read = sum(len(turn["content"]) for turn in server.requests[-1].json["messages"])
    assert asked.aside_chars == read + len("3, 1")
    refined(server, Script(answer="3, 1"), model=AbsentModel(), budget=unasked)
    assert unasked.aside_chars == 0


@pytest.mark.parametrize(
    "said",
    ["", "0", "77", "none of them", "1, because the 2 others are older", "I choose 3", "word " * 500, "-1", "1e9", "3; DROP"],
)
def test_anything_but_a_list_changes_nothing(server, said):
    """Prose has numbers that mean other things."""
    before, after = refined(server, Script(answer=said))
    assert after == before


@pytest.mark.parametrize("said", ["[2]", "2.", " 2 ", "2 and 3", "2\n3", "2, 2, 99", "2, 3, 4, 5"])
def test_lists_come_in_many_shapes(server, said):
    """Brackets, line ends, repetitions and numbers too many are taken for what they are."""
    before, after = refined(server, Script(answer=said))
    assert names(after)[0] == names(before)[1]
    assert sum(item.reason.endswith("chosen by the model") for item in after.documents) <= 2


@pytest.mark.parametrize(
    "script", [Script(status=500), Script(fault="rst"), Script(fault="eof", answer="1, 2, 3, 4"), Script(status=401)]
)
def test_a_model_that_fails_changes_nothing(server, script):
    """The rules stand."""
    before, after = refined(server, script)
    assert after == before


def test_a_silent_model_is_not_waited_for_long(server, monkeypatch):
    """The wait is bounded by the request's own patience, not by the model's minutes."""
    monkeypatch.setattr("jacie_flask.evidence.refinement.PATIENCE_S", 0.3)
    done = threading.Event()
    result = []

    def ask():
        result.append(refined(server, Script(fault="hang_headers")))
        done.set()

    threading.Thread(target=ask, daemon=True).start()
    assert done.wait(60)
    assert result[0][0] == result[0][1]


def test_without_a_model_the_rules_decide(server):
    """The built-in model chooses nothing."""
    before, after = refined(server, Script(answer="2"), model=AbsentModel())
    assert after == before
    assert not server.requests
