"""Which pages a capable model reads: whole ones, neighbours together, never more than fit."""

from jacie_flask.documents.analysis import analyse
from jacie_flask.evidence.page_choice import MOST_PAGES, whole_pages
from jacie_flask.interfaces import Passage

PAGES = [
    "Letter",
    "Balance sheet\nTotal assets 5 4",
    "Balance sheet (continued)\nTotal liabilities 3 2",
    "Notes",
    "More notes",
] + ["Rest"] * 30
DOCUMENT = {"d": analyse(PAGES, "hash")}


def passage(page, score=1.0):
    """Return a passage of a page that shows a part of it."""
    return Passage(document_id="d", page=page, score=score, text=PAGES[page - 1][:4], snippet="", whole="")


def test_a_statement_that_runs_over_two_pages_is_read_whole():
    """Whichever half was found, both are read, in their order."""
    for found in (2, 3):
        assert [one.page for one in whole_pages([passage(found)], DOCUMENT, 10_000)] == [2, 3]
    assert [one.text for one in whole_pages([passage(2)], DOCUMENT, 10_000)] == PAGES[1:3]


def test_pages_come_best_first_and_once():
    """Neighbours that were found themselves are not read twice."""
    assert [one.page for one in whole_pages([passage(5), passage(3), passage(2)], DOCUMENT, 10_000)] == [5, 2, 3]


def test_what_does_not_fit_is_left_out():
    """A page stays the passage it was where all of it is too long; the best one is always read."""
    assert [one.text for one in whole_pages([passage(2), passage(4)], DOCUMENT, 10)] == ["Bala", "Notes"]
    assert [one.page for one in whole_pages([passage(4), passage(5)], DOCUMENT, 0)] == [4]
    assert len(whole_pages([passage(n) for n in range(1, 36)], DOCUMENT, 10**6)) == MOST_PAGES
