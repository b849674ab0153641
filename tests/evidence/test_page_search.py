"""Finding pages with the real parts: when a question is embedded, and when nothing is like it."""

import pytest

from jacie_flask.evidence import page_search
from jacie_flask.interfaces import Question
from tests.support.parts import built, index, over_texts

TEXTS = {
    "kiln.txt": "Firing the kiln\nRaise the temperature by 100 degrees an hour and let the kiln cool for a day.",
    "wheel.txt": "The wheel\nCentre the clay before you open it. The capital of the column is thrown in one piece.",
    "books.txt": "Title page\n\fContents\n" + "\n".join(f"Chapter {n} on clay {3 * n}" for n in range(1, 12)),
}


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Build the real parts over a few texts, indexed with their vectors."""
    with built(over_texts(tmp_path_factory.mktemp("few"), TEXTS)) as parts:
        index(parts, TEXTS, vectors=True)
        yield parts


def asked(text, parts):
    """Return the query and the pages of a question."""
    selection = page_search.choose(Question(query=text, mode="search"), parts, 10)
    query, notes = page_search.search_query(selection, parts, 5)
    assert notes == []
    return query, parts.index.search(query)


@pytest.mark.parametrize(
    ("question", "doubted"),
    [
        ("How fast may the kiln get hot?", False),
        ("How do I centre clay on the wheel?", False),
        ("Who won the football championship?", True),
        ("What is the capital of France?", True),
    ],
)
def test_a_question_that_no_page_is_like_is_doubted(parts, question, doubted):
    """A ranking always has a first; where even that has nothing to do with the question, the answer says so."""
    _, passages = asked(question, parts)
    assert passages
    assert bool(page_search.doubts(passages, parts)) is doubted


def test_without_vectors_nothing_is_doubted(parts):
    """Words alone say nothing about likeness."""
    _, passages = asked("Who won the football championship?", parts)
    unknown = [type(passage)(document_id=passage.document_id, page=1, score=1.0, text="", snippet="") for passage in passages]
    assert page_search.doubts(unknown, parts) == []


def test_a_label_decides_only_where_pages_have_it(parts):
    """A question for a balance sheet is embedded all the same where no page is one: its label finds nothing here."""
    assert "balance_sheet" not in parts.index.status().labels
    query, _ = asked("What does the balance sheet of the wheel say?", parts)
    assert query.vector is not None


def test_a_page_of_a_document_that_left_is_dropped(parts):
    """Until the index is brought up to date it may find what the catalog does not have any more; the others count on."""
    _, (first, *_) = asked("How fast may the kiln get hot?", parts)
    gone = type(first)(document_id="gone", page=1, score=1.0, text="", snippet="")
    found = [(source.n, passage) for source, passage in page_search.numbered([gone, first, gone, first], parts)]
    assert found == [(1, first), (2, first)]
