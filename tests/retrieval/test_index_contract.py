"""What every VectorIndex promises, and that all of them give the same pages for the same question."""

import random
from contextlib import closing, contextmanager

import msgspec
import numpy as np
import pytest

from jacie_flask.documents.analysis import analyse
from jacie_flask.facts.values import Cell, Column, Row, Table
from jacie_flask.interfaces import CatalogDocument, DocumentTables, IndexStatus, SearchQuery
from jacie_flask.retrieval.pinecone_index import PineconeIndex
from jacie_flask.retrieval.sqlite_index import SqliteIndex
from jacie_flask.text.terms import term_counts
from tests.support.pinecone_server import PineconeServer

DIMENSION = 16
MILL = ["The mill burns bark for steam.", "Bark prices rose in spring.\nThe forest grew."]
CONTENTS = "Contents\n" + "\n".join(f"Chapter {n} on bark {3 * n}" for n in range(1, 12))
SHOP = ["The shop sells pens.", "Pens and bark boats sell in August."]


@contextmanager
def sqlite_index(tmp_path):
    """Open an index in a file."""
    yield SqliteIndex(tmp_path / "index.db")


@contextmanager
def pinecone_index(_):
    """Open an index behind a server that speaks Pinecone."""
    with PineconeServer(DIMENSION) as server:
        index = PineconeIndex("jacie", api_key="key", host=server.origin, dimension=DIMENSION, namespace="filings")
        with closing(index):
            yield index


@pytest.fixture(params=[sqlite_index, pinecone_index], ids=["sqlite", "pinecone"])
def index(request, tmp_path):
    """Each index in turn, empty."""
    with request.param(tmp_path) as opened:
        yield opened


def document(name):
    """Return a catalog entry of that name."""
    return CatalogDocument(document_id=name, filename=f"{name}.pdf", key=name, company=f"{name} plc", period="2023")


def asked(text, **more):
    """Return a query of a text's terms."""
    return SearchQuery(text=text, terms=dict.fromkeys(term_counts(text), 1.0), **more)


def fill(index):
    """Put both documents."""
    index.put(document("mill"), analyse(MILL, "1"))
    index.put(document("shop"), analyse(SHOP, "2"))


def places(index, query):
    """Return where the passages of the current content are, best first."""
    if isinstance(index, SqliteIndex):
        index.refresh()
    return [(passage.document_id, passage.page) for passage in index.search(query)]


def unit(seed, rows):
    """Return unit vectors."""
    vectors = np.random.default_rng(seed).normal(size=(rows, DIMENSION)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_an_empty_index_finds_nothing(index):
    """No documents are no error."""
    assert places(index, asked("bark")) == []
    assert index.status() == IndexStatus(documents=0, chunks=0, vectors=0)


def test_a_document_is_answerable_once_it_is_put(index):
    """Words alone find the page, with its whole text and a snippet that holds them."""
    fill(index)
    assert places(index, asked("pens August"))[0] == ("shop", 2)
    passage = index.search(asked("spring forest"))[0]
    assert (passage.document_id, passage.page) == ("mill", 2)
    assert passage.text == "Bark prices rose in spring.\nThe forest grew."
    assert "spring" in passage.snippet
    assert 0 < passage.score <= 1


def test_unknown_words_find_nothing(index):
    """A question that no document speaks of has no pages."""
    fill(index)
    assert places(index, asked("zebra xylophone")) == []


def test_put_again_replaces(index):
    """The newer text of a document is the only one, also when it is shorter."""
    fill(index)
    index.put(document("mill"), analyse(["Nothing but coal now."], "3"))
    assert places(index, asked("bark")) == [("shop", 2)]
    assert places(index, asked("coal")) == [("mill", 1)]
    assert index.status().documents == 2
    assert index.status().chunks == 3


def test_the_same_content_again_keeps_its_vectors(index):
    """Putting what is there already costs nothing that was computed."""
    fill(index)
    analysed = analyse(MILL, "1")
    index.put_vectors(document("mill"), analysed, 0, unit(1, len(analysed.chunks)))
    index.put(document("mill"), analysed)
    assert index.status().vectors == len(analysed.chunks)


def test_remove_forgets_one_document_only(index):
    """A removed document is not found any more; unknown ids are fine; ids that begin alike stay."""
    fill(index)
    index.put(document("mill2"), analyse(["The mill of steam."], "4"))
    index.remove("mill")
    index.remove("nobody")
    assert {place[0] for place in places(index, asked("mill steam bark"))} == {"mill2", "shop"}
    assert index.status().documents == 2


def test_exclusive_stays_inside_the_selection(index):
    """Other documents are left out, however well they match."""
    fill(index)
    query = asked("bark", documents={"shop": 1.0}, exclusive=True)
    assert {place[0] for place in places(index, query)} == {"shop"}
    assert places(index, asked("bark", exclusive=True)) == []


def test_the_selection_leads_and_others_follow(index):
    """A selected document comes first, others are still there."""
    fill(index)
    found = places(index, asked("bark", documents={"shop": 1.0}))
    assert found[0] == ("shop", 2)
    assert ("mill", 2) in found


def test_top_k_bounds_the_answer(index):
    """No more pages than asked for."""
    fill(index)
    assert len(places(index, asked("bark steam pens", top_k=2))) == 2


def test_vectors_decide_between_equal_words(index):
    """Of two pages with the same words, the one whose vector is near the question's leads."""
    for name, seed in (("one", 1), ("two", 2)):
        analysed = analyse(["Revenue grew."], name)
        index.put(document(name), analysed)
        index.put_vectors(document(name), analysed, 0, unit(seed, 1))
    assert places(index, asked("revenue", vector=unit(2, 1)[0]))[0] == ("two", 1)
    assert places(index, asked("revenue", vector=unit(1, 1)[0]))[0] == ("one", 1)


def test_vectors_are_counted_and_may_come_in_parts(index):
    """Status says how far the vectors are; a part written twice counts once."""
    analysed = analyse(MILL, "1")
    index.put(document("mill"), analysed)
    for start in (0, 1, 1):
        index.put_vectors(document("mill"), analysed, start, unit(start, 1))
    assert index.status() == IndexStatus(documents=1, chunks=2, vectors=2)


def test_status_names_the_labels_of_pages(index):
    """What kinds of pages there are is known before a question comes."""
    fill(index)
    places(index, asked("bark"))
    before = index.status().labels
    index.put(document("books"), analyse(["Books", CONTENTS], "9"))
    places(index, asked("bark"))
    assert "contents" in index.status().labels - before


def test_vectors_of_an_old_version_are_left_alone(index):
    """Vectors that were computed for a text that is gone do not reach its successor; nor do those of unknown documents."""
    fill(index)
    old = analyse(["Old text."], "0")
    index.put_vectors(document("mill"), old, 0, unit(1, 1))
    index.put_vectors(document("nobody"), old, 0, unit(1, 1))
    index.put_vectors(document("shop"), analyse(SHOP, "2"), 1, unit(1, 2))
    assert index.status().vectors == 0


def test_hostile_text_is_held(index):
    """Lone surrogates, NUL and very long words neither break the index nor its neighbours."""
    index.put(document("odd"), analyse(["\ud800 odd \x00 text " + "x" * 60_000], "5"))
    fill(index)
    assert places(index, asked("odd text"))[0] == ("odd", 1)


WORDS = [
    f"{a}{b}" for a in ("rev", "cost", "tax", "loan", "bond", "ship", "mill", "fund") for b in ("er", "ly", "ing", "ow", "um")
]


def collection(documents=8, pages=30):
    """Return documents of random words, each page with its own favourites, with headings and numbers."""
    rng = random.Random(7)
    made = []
    for number in range(documents):
        texts = []
        for page in range(pages):
            favourite = rng.sample(WORDS, 6)
            lines = [" ".join(rng.choices(favourite + WORDS, k=9)) + f" {rng.randrange(1000, 1040)}" for _ in range(25)]
            title = "CONSOLIDATED BALANCE SHEETS\nTotal assets 1\nTotal liabilities 2\n" if page % 11 == 3 else "Notes\n"
            texts.append(title + "\n".join(lines))
        made.append((document(f"d{number}"), analyse(texts, str(number))))
    return made


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Both indexes over the same collection, with vectors for half of it."""
    with sqlite_index(tmp_path_factory.mktemp("both")) as embedded, pinecone_index(None) as shared:
        for number, (entry, analysed) in enumerate(collection()):
            for index in (embedded, shared):
                index.put(entry, analysed)
                if number % 2:
                    index.put_vectors(entry, analysed, 0, unit(number, len(analysed.chunks)))
        embedded.refresh()
        yield embedded, shared


@pytest.mark.parametrize("vector", [None, unit(99, 1)[0]], ids=["words", "words and vectors"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"documents": {"d1": 1.0, "d2": 0.6}},
        {"documents": {"d3": 1.0}, "exclusive": True},
        {"labels": {"balance_sheet": 0.5}, "documents": {"d4": 1.0, "d5": 0.9}},
    ],
    ids=["all", "selected", "exclusive", "labelled"],
)
def test_both_indexes_give_the_same_pages(both, more, vector):
    """The shared index ranks like the embedded one: the same best pages with the same scores."""
    embedded, shared = both
    rng = random.Random(3)
    same = 0
    for _ in range(12):
        query = asked(" ".join(rng.sample(WORDS, 4)) + f" {rng.randrange(1000, 1040)}", vector=vector, **more)
        first, second = embedded.search(query), shared.search(query)
        assert [passage.score for passage in second][:3] == pytest.approx([passage.score for passage in first][:3], abs=0.03)
        same += len({(p.document_id, p.page) for p in first[:5]} & {(p.document_id, p.page) for p in second[:5]})
    assert same >= 57  # of 60


def table(page, rows=3):
    """Return a table of that page."""
    cells = [Cell(0, 5.5, "5.5", 1)]
    return Table(
        page, [Column(year=2023, months=12)], [Row(f"Row {n} of {random.Random(n).random()}", cells) for n in range(rows)]
    )


def with_tables(pages, digest, *tables):
    """Return an analysed document that has these tables."""
    return msgspec.structs.replace(analyse(pages, digest), tables=list(tables))


def test_tables_come_back_by_document(index):
    """What was put with a document is returned for it, however large, and nothing for a document that is not here."""
    large = with_tables(MILL, "1", table(1), table(2, rows=4000))
    index.put(document("mill"), large)
    index.put(document("shop"), analyse(SHOP, "2"))
    assert index.tables(["mill", "shop", "nowhere"]) == {
        "mill": DocumentTables(content_hash="1", tables=large.tables),
        "shop": DocumentTables(content_hash="2", tables=[]),
    }
    assert index.tables([]) == {}


def test_tables_are_replaced_with_their_document(index):
    """New tables for the same pages replace the old ones, and go when the document goes."""
    index.put(document("mill"), with_tables(MILL, "1", table(1)))
    index.put(document("mill"), with_tables(MILL, "1", table(2), table(2)))
    assert index.tables(["mill"])["mill"].tables == [table(2), table(2)]
    index.remove("mill")
    assert index.tables(["mill"]) == {}


def test_what_was_not_read_is_known_to_every_reader(index):
    """Notes come back by document; the same text with other notes replaces them, and documents without notes have none."""
    noted = ["hidden sheets were not read: “Sécret”", "2 cells were never calculated"]
    index.put(document("mill"), msgspec.structs.replace(analyse(MILL, "1"), notes=noted))
    index.put(document("shop"), analyse(SHOP, "2"))
    assert index.notes(["mill", "shop", "nobody"]) == {"mill": noted}
    index.put(document("mill"), msgspec.structs.replace(analyse(MILL, "1"), notes=noted[:1]))
    assert index.notes(["mill"]) == {"mill": noted[:1]}
    index.remove("mill")
    assert index.notes(["mill", "shop"]) == {}
