"""The SQLite index: what is put is found, by every process, and stale snapshots never block."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from jacie_flask.documents.analysis import analyse
from jacie_flask.errors import RetrievalUnavailable
from jacie_flask.interfaces import CatalogDocument, IndexStatus, SearchQuery
from jacie_flask.retrieval.ranking import rank_documents
from jacie_flask.retrieval.sqlite_index import SqliteIndex
from jacie_flask.text.terms import term_counts

MILL = ["The mill burns bark for steam.", "Bark prices rose in spring."]
SHOP = ["The shop sells pens.", "Pens and bark boats sell in August."]


def document(name):
    """Return a catalog entry of that name."""
    return CatalogDocument(document_id=name, filename=f"{name}.pdf", key=name)


def asked(text, **more):
    """Return a query of a text's terms."""
    return SearchQuery(text=text, terms=dict.fromkeys(term_counts(text), 1.0), **more)


@pytest.fixture
def index(tmp_path):
    """Return an index that refreshes in the caller, so that tests see what they wrote."""
    return SqliteIndex(tmp_path / "var" / "index.db", background=lambda work: work())


def places(index, text):
    """Return where the best pages are, after a refresh."""
    index.refresh()
    return [(passage.document_id, passage.page) for passage in index.search(asked(text))]


def test_what_is_put_is_found_as_the_ranker_finds_it(index):
    """The index gives the passages that the ranker gives over the same documents in memory."""
    pairs = [(document("mill"), analyse(MILL, "1")), (document("shop"), analyse(SHOP, "2"))]
    for one, analysed in pairs:
        index.put(one, analysed)
    query = asked("bark pens august", documents={"shop": 0.5})
    assert index.search(query) == rank_documents(pairs, query)


def test_an_empty_index_finds_nothing(index):
    """No documents are no error."""
    assert index.search(asked("bark")) == []
    assert index.status() == IndexStatus(documents=0, chunks=0, vectors=0)


def test_put_again_replaces(index):
    """The newer text of a document is the only one."""
    index.put(document("mill"), analyse(MILL, "1"))
    index.put(document("mill"), analyse(["Nothing but coal now."], "2"))
    assert places(index, "bark") == []
    assert places(index, "coal") == [("mill", 1)]
    assert index.status().documents == 1


def test_putting_the_same_twice_changes_nothing(index):
    """Ingestion that starts over keeps the vectors that are there."""
    analysed = analyse(MILL, "1")
    index.put(document("mill"), analysed)
    index.put_vectors(document("mill"), analysed, 0, np.ones((2, 4), dtype=np.float32))
    index.put(document("mill"), analysed)
    assert index.status().vectors == 2
    assert index.held() == {"mill": ("1", 2, 2)}


def test_remove_forgets_and_tolerates_unknown_ids(index):
    """A removed document is gone with its chunks and vectors."""
    analysed = analyse(MILL, "1")
    index.put(document("mill"), analysed)
    index.put_vectors(document("mill"), analysed, 0, np.ones((1, 4), dtype=np.float32))
    index.remove("mill")
    index.remove("never seen")
    assert places(index, "bark") == []
    assert index.status() == IndexStatus(documents=0, chunks=0, vectors=0)


def test_vectors_count_once_they_are_there(index):
    """A page is lifted by its vector as soon as the snapshot has it."""
    analysed = analyse(SHOP, "1")
    index.put(document("shop"), analysed)
    query = asked("pens", vector=np.array([0.0, 1.0], dtype=np.float32))
    before = index.search(query)[0].page
    index.put_vectors(document("shop"), analysed, 0, np.array([[1, 0], [0, 1]], dtype=np.float32))
    index.refresh()
    assert before == 1
    assert index.search(query)[0].page == 2


def test_vectors_of_another_version_are_refused(index):
    """Vectors that belong to text that was replaced meanwhile do not land on the new text."""
    old = analyse(MILL, "1")
    index.put(document("mill"), old)
    index.put(document("mill"), analyse(SHOP, "2"))
    index.put_vectors(document("mill"), old, 0, np.ones((2, 4), dtype=np.float32))
    assert index.status().vectors == 0


def test_a_stale_snapshot_answers_while_it_is_replaced(tmp_path):
    """Search starts the rebuild in the background and answers from what it has."""
    waiting = []
    index = SqliteIndex(tmp_path / "index.db", background=waiting.append)
    index.put(document("mill"), analyse(MILL, "1"))
    assert [one.document_id for one in index.search(asked("bark"))] == ["mill", "mill"]
    index._rest_until = 0.0
    SqliteIndex(tmp_path / "index.db").put(document("shop"), analyse(SHOP, "2"))
    assert {one.document_id for one in index.search(asked("bark"))} == {"mill"}
    assert len(waiting) == 1
    index.search(asked("bark"))
    assert len(waiting) == 1
    waiting[0]()
    assert {one.document_id for one in index.search(asked("bark"))} == {"mill", "shop"}


def test_pages_of_a_document_that_is_gone_are_left_out(tmp_path):
    """A snapshot that still knows a removed document returns none of its pages."""
    index = SqliteIndex(tmp_path / "index.db", background=lambda work: None)
    index.put(document("mill"), analyse(MILL, "1"))
    index.search(asked("bark"))
    index.remove("mill")
    assert index.search(asked("bark")) == []


def test_an_older_schema_is_made_anew(tmp_path):
    """A file of another version is emptied, not misread."""
    SqliteIndex(tmp_path / "index.db").put(document("mill"), analyse(MILL, "1"))
    with sqlite3.connect(tmp_path / "index.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    assert SqliteIndex(tmp_path / "index.db").status().documents == 0


def test_a_broken_file_is_made_anew(tmp_path, caplog):
    """Before it is opened and while it is: what SQLite says goes to the log, and an empty index is there."""
    path, lost = tmp_path / "index.db", []
    path.write_bytes(b"this is no database, not by a long way" * 100)
    index = SqliteIndex(path, on_loss=lost.append)
    assert index.status().documents == 0
    assert "index.db is damaged and made anew: file is not a database" in caplog.text
    for ending in ("-wal", "-shm"):
        (tmp_path / f"index.db{ending}").unlink()
    (tmp_path / "other").write_bytes(b"nor is this" * 4000)
    (tmp_path / "other").replace(path)
    with pytest.raises(RetrievalUnavailable):
        index.put(document("a"), analyse(["oak bark"], "1"))
    index.put(document("a"), analyse(["oak bark"], "1"))
    assert places(index, "bark") == [("a", 1)]
    assert lost == [None, None]


def test_text_that_utf8_cannot_hold_is_stored(index):
    """A lone surrogate costs one character, not the document."""
    index.put(document("odd"), analyse(["bark \ud800 bark"], "1"))
    assert places(index, "bark") == [("odd", 1)]


def test_nothing_older_than_an_announcement_answers(tmp_path):
    """Once documents are announced as answerable the next search brings its snapshot up to date first, however it rests."""
    index = SqliteIndex(tmp_path / "index.db", background=lambda work: None)
    index.put(document("mill"), analyse(MILL, "1"))
    index.search(asked("bark"))
    SqliteIndex(tmp_path / "index.db").put(document("shop"), analyse(SHOP, "2"))
    assert {one.document_id for one in index.search(asked("bark"))} == {"mill"}
    index.expire()
    assert {one.document_id for one in index.search(asked("bark"))} == {"mill", "shop"}


def test_a_replaced_document_is_found_by_a_snapshot_that_knew_the_old_one(tmp_path):
    """A search that meets a page that was replaced looks again instead of finding nothing."""
    index = SqliteIndex(tmp_path / "index.db", background=lambda work: None)
    index.put(document("mill"), analyse(MILL, "1"))
    index.search(asked("bark"))
    SqliteIndex(tmp_path / "index.db").put(document("mill"), analyse(["Bark burns."], "2"))
    assert [one.text for one in index.search(asked("bark"))] == ["Bark burns."]


def test_many_searches_wait_for_one_rebuild(tmp_path):
    """Eight threads that ask at the moment of an announcement all answer from what was announced."""
    index = SqliteIndex(tmp_path / "index.db", background=lambda work: None)
    index.put(document("mill"), analyse(MILL, "1"))
    index.search(asked("bark"))
    SqliteIndex(tmp_path / "index.db").put(document("shop"), analyse(SHOP, "2"))
    index.expire()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: {one.document_id for one in index.search(asked("bark"))}, range(8)))
    assert found == [{"mill", "shop"}] * 8
