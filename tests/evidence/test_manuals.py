"""Collections that are no filings: files called after what they are about, without companies, periods or statements."""

import pytest

from jacie_flask.documents.analysis import analyse
from jacie_flask.documents.guess import guess_document
from jacie_flask.evidence.query import prepare
from jacie_flask.evidence.selection import select
from jacie_flask.interfaces import CatalogDocument
from jacie_flask.retrieval.ranking import rank_documents

TEXTS = {
    "kiln-firing.html": [
        "Firing the kiln\nRaise the temperature by 100 degrees an hour.\nNever open the door above 200 degrees.",
        "Cooling down\nLet the kiln cool for a whole day before you unload it.\nPots that cool fast crack.",
    ],
    "kiln-loading.html": [
        "Loading the kiln\nLeave a finger's width between pots.\nGlazed pots must not touch.",
        "Shelves\nDust the shelves with alumina so that glaze that runs does not stick.",
    ],
    "glazes.html": [
        "Mixing a glaze\nWeigh the dry powders, add water and sieve twice.",
        "Errors\nCrawling: the glaze leaves bare spots because the pot was dusty.\nPinholes: gas escaped too late.",
    ],
    "errors.html": ["Errors of the wheel\nA pot that wobbles was not centred.\nClean up the wheel after each pot."],
    "reports.txt": ["What to report\nTell the studio about cracked shelves, and what else went wrong."],
    "studio rules.md": [
        "Rules of the studio\nMembers pay by the month.\nThe workshop closes at ten.\nAssets of the studio are shared.",
        "Leaving\nGive notice of four weeks and empty your locker.",
    ],
}
CATALOG = [CatalogDocument(document_id=name, filename=name, key=name) for name in TEXTS]
PAIRS = [(document, analyse(TEXTS[document.filename], document.filename)) for document in CATALOG]


def first(question):
    """Return where the best page for a question is."""
    found = rank_documents(PAIRS, prepare(select(question, CATALOG)))
    return (found[0].document_id, found[0].page)


@pytest.mark.parametrize(
    ("question", "place"),
    [
        ("How fast may I raise the temperature?", ("kiln-firing.html", 1)),
        ("When can I unload the kiln?", ("kiln-firing.html", 2)),
        ("Why do pots stick to the shelves?", ("kiln-loading.html", 2)),
        ("What errors leave bare spots in a glaze?", ("glazes.html", 2)),
        ("What about crawling?", ("glazes.html", 2)),
        ("my pot wobbles", ("errors.html", 1)),
        ("How many weeks of notice must I give when leaving?", ("studio rules.md", 2)),
        ("Which assets are shared?", ("studio rules.md", 1)),
        ("Does Wanda's kiln need alumina?", ("kiln-loading.html", 2)),
    ],
)
def test_a_manual_is_found_by_its_words(question, place):
    """The right page leads, whatever else files are called."""
    assert first(question) == place


@pytest.mark.parametrize("question", ["Clean up after errors", "What do reports say?", "What is in the rules for glazes?"])
def test_a_word_of_a_file_name_shuts_no_document_out(question):
    """A title is no company: its document gains, all others stay in the search, and nobody is called a stranger."""
    selection = select(question, CATALOG)
    assert not selection.confident
    assert set(selection.scores) == set(TEXTS)
    assert not selection.unknown


def test_a_title_that_is_named_leads():
    """Of documents that could all answer, the one the question calls by its title comes first, with the reason."""
    leading = select("What does kiln loading say about cracks?", CATALOG).documents[0]
    assert (leading.document.filename, leading.reason) == ("kiln-loading.html", "its title")


def test_later_is_not_better_among_manuals():
    """A year in a manual does not put it before the others: only reports of one company have a latest."""
    dated = [
        CatalogDocument(document_id=name, filename=name, key=name, period=year)
        for name, year in (("a b.md", "1999"), ("c d.md", "2024"))
    ]
    assert set(select("How do I glaze?", dated).scores.values()) == {0.0}


def test_no_period_is_guessed_for_what_is_no_report():
    """A year that a manual happens to name says nothing about it; the year of an annual report does."""
    assert guess_document(["Kilns\nThe first kiln of this kind was built in 1998."]) == {}
    assert guess_document(["Annual report\nof the potters, 2021"])["period"] == "2021"
