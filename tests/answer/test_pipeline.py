"""The pipelines in this process, on real parts: what they learn from one answer shows in the progress of the next."""

import dataclasses
import json

import pytest

from jacie_flask.answer.expectations import RecentAnswers
from jacie_flask.answer.pipeline import PIPELINES
from jacie_flask.config import Settings
from jacie_flask.errors import LLMIncomplete
from jacie_flask.events import Progress
from jacie_flask.interfaces import Question
from jacie_flask.retries import Budget
from tests.support.jacie import ROOT
from tests.support.openai_server import OpenAIServer, Script
from tests.support.parts import built, ingested, over_texts

REVENUE = "What was Zanobela's revenue in 2024?"
LONG, SHORT = (" ".join(f"w{number}rd" for number in range(length)) for length in (500, 40))


@pytest.fixture(scope="module")
def model():
    """Serve a model whose answers a test scripts."""
    with OpenAIServer() as server:
        yield server


@pytest.fixture(scope="module")
def parts(model, tmp_path_factory):
    """Build the real parts over the samples, of which none is indexed: both ways read documents."""
    data = tmp_path_factory.mktemp("data")
    settings = Settings(
        documents=f"file:{ROOT}/sample_documents",
        data=data,
        index=f"sqlite:{data}/index.db",
        openai_base_url=model.url,
        background="parent",
    )
    with built(settings) as parts:
        yield parts


@pytest.fixture
def fresh(parts):
    """Return the parts with nothing learnt."""
    return dataclasses.replace(parts, expectations=RecentAnswers())


def progress(parts, mode="fast_chat", query=REVENUE):
    """Ask and return the progress."""
    events = []
    PIPELINES[mode](Question(query=query, mode=mode), parts, events.append)
    return [event for event in events if isinstance(event, Progress)]


def test_what_a_model_has_to_read_is_noted_before_it_answers(fresh, model):
    """The characters of the prompt are known to whoever charges for them, also when the model fails at once."""
    model.script = Script(fault="rst", fault_after=0, answer="x")
    budget = Budget(0)
    result = PIPELINES["fast_chat"](Question(query=REVENUE, mode="fast_chat"), fresh, lambda _: None, budget)
    assert (result.model, result.basis) == ("", "computed"), "the exact answer takes the place of a model that failed"
    assert any("the computed answer is shown instead" in note for note in result.degraded)
    assert budget.prompt_chars == sum(len(turn["content"]) for turn in json.loads(model.chats[-1].body)["messages"])


def writing(events):
    """Return (tokens, percent) of the model's step."""
    return [(event.details.get("tokens", 0), event.progress) for event in events if event.step == "ai_generation"]


@pytest.mark.parametrize("mode", sorted(PIPELINES))
def test_the_models_step_follows_what_it_learnt(fresh, model, mode):
    """A model of short answers is believed to be a writer of long ones at first, and known from the second answer on."""
    model.script = Script(answer=SHORT)
    first, *later = [writing(progress(fresh, mode)) for _ in range(6)]
    assert first == [(0, 80)]
    for seen in later:
        assert seen[0] == (0, 80)
        assert seen[-1] == (40, 91.2)
        assert 2 <= len(seen) <= 5


def test_an_answer_longer_than_all_before_goes_on(fresh, model):
    """Far beyond the length that was learnt, percent grows with every doubling and stays below the next step."""
    model.script = Script(answer=SHORT)
    progress(fresh)
    model.script = Script(answer=LONG)
    seen = writing(progress(fresh))
    percent = [share for _, share in seen]
    assert percent == sorted(set(percent))
    assert 93.2 < percent[-1] < 94
    assert len(seen) <= 8


@pytest.mark.parametrize("mode", sorted(PIPELINES))
def test_the_time_that_is_left_is_told_from_the_sixth_answer_on(fresh, model, mode):
    """Five answers name no time; the sixth names one with every report, and the one at the model's step is right."""
    model.script = Script(answer=SHORT, first_token_s=0.1, token_s=0.005)
    assert not [event for _ in range(5) for event in progress(fresh, mode) if "eta_ms" in event.details]
    events = progress(fresh, mode)
    assert all("eta_ms" in event.details for event in events if event.details.get("tokens", 0) < 40)
    begun = next(event for event in events if event.step == "ai_generation")
    assert abs(begun.details["eta_ms"] - (events[-1].elapsed_ms - begun.elapsed_ms)) < 150
    left = [event.details["eta_ms"] for event in events if event.step == "ai_generation" and "eta_ms" in event.details]
    assert left == sorted(left, reverse=True)


def test_documents_read_in_place_of_the_index_are_counted(fresh, model):
    """Each document that is read while there is no index moves the step on, and its end is reached after the last."""
    model.script = Script(answer=SHORT)
    steps = [event for event in progress(fresh) if event.step == "vector_search"]
    begun, *counted, done = steps
    total = counted[0].details["total"]
    assert [event.details["loaded"] for event in counted] == list(range(1, total + 1))
    assert counted[0].message == f"Loaded 1 of {total} documents from sample_documents..."
    percent = [event.progress for event in steps]
    assert percent == sorted(set(percent))
    assert (begun.progress, done.progress) == (50, 65)


@pytest.mark.parametrize("here", [True, False], ids=["ingested here", "ingested elsewhere"])
def test_a_total_of_pages_that_is_not_known_is_not_reported(model, tmp_path, here):
    """An index that another machine filled gives pages of documents whose length no ledger here knows."""
    settings = over_texts(tmp_path, {"kiln.txt": "Glazes\nCobalt makes glazes blue.\n\fFiring\nSlowly."})
    settings = settings.model_copy(update={"openai_base_url": model.url, "model": ""})
    ingested(settings)
    if not here:
        for file in settings.data.glob("ledger*"):
            file.unlink()
    model.script = Script(answer=SHORT)
    with built(settings) as parts:
        facts = [event.details for event in progress(parts, query="What makes glazes blue?") if "pages_read" in event.details]
    assert facts[0]["pages_read"] > 0
    assert facts[0].get("pages_total") == (2 if here else None)


def test_only_answers_that_end_are_learnt_from(fresh, model):
    """A model that breaks off, and a question that no document matches, leave nothing behind."""
    model.script = Script(answer=SHORT, fault="fin", fault_after=5)
    with pytest.raises(LLMIncomplete):
        progress(fresh)
    progress(fresh, query="Who wrote the Quixote?")
    assert fresh.expectations.of("fast_chat", fresh.model.label).lengths == ()


@pytest.mark.parametrize("mode", sorted(PIPELINES))
def test_the_model_may_choose_the_documents(fresh, model, mode):
    """With JACIE_SELECTION=model it is asked before it answers, and what it picked is loaded first and said."""
    catalog_asked = []

    def script(request):
        if "You choose which documents" in str(request.json["messages"][0]):
            catalog_asked.append(request.json["messages"][1]["content"])
            return Script(answer="2")
        return Script(answer=SHORT)

    model.script = script
    parts = dataclasses.replace(fresh, limits=dataclasses.replace(fresh.limits, refine_selection=True))
    events = progress(parts, mode, "What does the latest report say about revenue?")
    (listed,) = catalog_asked
    chosen = next(event for event in events if event.step == "doc_selection" and event.details.get("documents"))
    second = chosen.details["documents"][0]
    assert f"\n2. {second['filename']}" in listed
    assert second["reason"].endswith("chosen by the model")
    assert second["filename"] in chosen.message
