"""Evidence on real parts: which documents are read where the question names none, and what counts as found."""

import openpyxl
import pytest

from jacie_flask.answer.conclusion import conclude
from jacie_flask.answer.context import begin
from jacie_flask.answer.evidence_step import load, read, search, select_to_read, select_to_search
from jacie_flask.answer.steps import CHAT, FAST_CHAT
from jacie_flask.interfaces import Question
from tests.support.parts import built, index, ingested, over_texts

TEXTS = {
    "kiln.txt": "Firing the kiln\nRaise the temperature by 100 degrees an hour.\n\fGlazes\nCobalt makes them blue.",
    "wheel.txt": "The wheel\nCentre the clay before you open it.",
    "shop.txt": "The shop\nA bowl is 12.50 and a mug is 8.00.",
}


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Build the real parts over a few texts, indexed by their words."""
    with built(over_texts(tmp_path_factory.mktemp("pottery"), TEXTS)) as parts:
        index(parts, TEXTS)
        yield parts


def begun(parts, query, table, **more):
    """Return the run of a question, and the events that it reports."""
    events = []
    return begin(Question(query=query, mode="chat", **more), parts, events.append, None, table), events


def test_without_a_hint_those_documents_are_read_whose_pages_match(parts):
    """The catalog knows no company here: the index says which documents to load, and the message names them."""
    run, events = begun(parts, "How fast may the kiln get hot?", CHAT)
    select_to_read(run)
    read(run, load(run))
    assert run.selection.documents[0].document.filename == "kiln.txt"
    chosen = next(event for event in events if "selected" in event.details)
    assert "Reading those whose pages match best: kiln.txt" in chosen.message
    assert run.evidence[0].source.filename == "kiln.txt"
    assert run.loaded[0] == "kiln.txt"
    assert run.pages == sum(len(TEXTS[name].split("\f")) for name in run.loaded)


def test_the_index_gives_the_evidence(parts):
    """A search brings the page that has the words, and the documents of the evidence are the loaded ones."""
    run, events = begun(parts, "What makes glazes blue?", FAST_CHAT)
    select_to_search(run)
    search(run)
    first = run.sources[0]
    assert (first.n, first.filename, first.page) == (1, "kiln.txt", 2)
    assert run.loaded == list(dict.fromkeys(source.filename for source in run.sources))
    assert events[-1].details == {"passages": len(run.evidence), "documents": len(run.loaded)}


@pytest.mark.parametrize("table", [CHAT, FAST_CHAT])
def test_pages_without_a_word_of_the_question_are_no_evidence(parts, table):
    """A ranking always has a first; it is kept only where it shares a word with what was asked."""
    run, _ = begun(parts, "Quixote?", table)
    if table is CHAT:
        select_to_read(run)
        read(run, load(run))
    else:
        select_to_search(run)
        search(run)
    assert run.evidence == []


def test_nothing_is_loaded_where_nothing_was_selected(parts):
    """A filter that no document passes ends in no evidence and no step of loading."""
    run, events = begun(parts, "kiln", CHAT, filters={"company": "Nobody"})
    select_to_read(run)
    read(run, load(run))
    assert {event.step for event in events} == {"start", "doc_selection"}
    assert run.evidence == []


@pytest.mark.parametrize("table", [CHAT, FAST_CHAT])
def test_that_no_page_is_like_the_question_is_told_either_way(tmp_path, table):
    """Documents that the index chose for reading are doubted like pages that it found."""
    with built(over_texts(tmp_path, TEXTS)) as parts:
        index(parts, TEXTS, vectors=True)
        run, _ = begun(parts, "Who won the football cup with a wheel?", table)
        (select_to_read if table is CHAT else select_to_search)(run)
        if table is FAST_CHAT:
            search(run)
        assert run.doubts == ["No page is much like the question: the collection may not hold the answer."]
        assert run.doubts[0] in conclude(run).degraded


@pytest.mark.parametrize("here", [True, False], ids=["ingested here", "ingested elsewhere"])
@pytest.mark.parametrize("table", [CHAT, FAST_CHAT])
def test_what_was_not_read_of_a_document_is_told_with_the_answer(tmp_path, table, here):
    """The sentence names the document that the question uses, once, and only that one; the index knows what the ledger does not."""
    settings = over_texts(tmp_path, TEXTS)
    book = openpyxl.Workbook()
    book.active.append(["Glaze", "Celadon is green and crackles."])
    book.create_sheet("Recipes").sheet_state = "hidden"
    book.save(tmp_path / "documents" / "celadon.xlsx")
    ingested(settings)
    if not here:
        for file in settings.data.glob("ledger*"):
            file.unlink()
    with built(settings) as parts:
        run, _ = begun(parts, "Which colour is celadon?", table)
        if table is CHAT:
            select_to_read(run)
            read(run, load(run))
        else:
            select_to_search(run)
            search(run)
        assert "celadon.xlsx" in run.loaded
        assert [note for note in run.degraded if "celadon" in note] == ["celadon.xlsx: hidden sheets were not read: Recipes."]
        assert not any("kiln.txt:" in note for note in run.degraded)
