"""Damaged records of the SQLite index: no other byte than was written is answered; the document is dropped and read again."""

import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from jacie_flask.documents.analysis import analyse
from jacie_flask.errors import RetrievalUnavailable
from jacie_flask.interfaces import CatalogDocument, SearchQuery
from jacie_flask.retrieval.sqlite_index import SqliteIndex
from jacie_flask.text.terms import term_counts

MILL = ["The mill burns 4711 tons of bark.", "Income statement 2024 2023\nRevenue 20 16\nNet income 10 9", "Bark rose in spring."]
SHOP = ["The shop sells bark boats.", "Income statement 2024 2023\nRevenue 30 26\nNet income 11 8"]
VALUES = (
    ("documents", "document_id", "'mell'"),
    ("documents", "content_hash", "'2'"),
    ("documents", "chunks", "chunks + 1"),
    ("documents", "notes", """'["nothing was read"]'"""),
    ("documents", "notes", "'['"),
    ("documents", "seal", "zeroblob(8)"),
    ("documents", "columns", "zeroblob(length(columns))"),
    ("chunks", "text", "replace(text, '4', '5')"),
    ("chunks", "text", "CAST(x'ff' || substr(text, 2) AS TEXT)"),
    ("chunks", "text", "12"),
    ("chunks", "position", "position + 100"),
    ("chunks", "seal", "x'00'"),
    ("tables", "data", "substr(data, 1, 40) || x'00' || substr(data, 42)"),
    ("tables", "data", "''"),
    ("tables", "document", "document + 100"),
    ("vectors", "data", "x'0000003c0000003c0000003c'"),
    ("vectors", "start", "start + 1"),
    ("vectors", "dimension", "1"),
)


def document(name):
    """Return a catalog entry of that name."""
    return CatalogDocument(document_id=name, filename=f"{name}.pdf", key=name)


def asked(text, **more):
    """Return a query of a text's terms."""
    return SearchQuery(text=text, terms=dict.fromkeys(term_counts(text), 1.0), **more)


def filled(index):
    """Put two documents with vectors into an index."""
    for name, pages in (("mill", MILL), ("shop", SHOP)):
        put(index, name, pages)


def put(index, name, pages):
    """Put one document and its vectors."""
    analysed = analyse(pages, f"hash of {name}")
    index.put(document(name), analysed)
    index.put_vectors(document(name), analysed, 0, np.eye(3, 2, dtype=np.float32)[: len(analysed.chunks)])


def everything(index):
    """Return all that an index tells of its documents."""
    index.refresh()
    found = index.search(asked("bark revenue income 4711", vector=np.array([1.0, 0.0], dtype=np.float32)))
    names = ["mill", "shop"]
    return sorted((one.document_id, one.page, one.whole) for one in found), index.tables(names), index.held(), index.notes(names)


def of_shop(told):
    """Return the part of it that is about the other document."""
    passages, tables, held, notes = told
    return [one for one in passages if one[0] == "shop"], tables.get("shop"), held.get("shop"), notes.get("shop")


@pytest.fixture
def damaged(tmp_path):
    """Return an index of two documents, what it told when it was sound, what it lost, and what damages it."""
    lost = []
    index = SqliteIndex(tmp_path / "index.db", background=lambda work: work(), on_loss=lost.append)
    filled(index)
    sound = everything(index)
    assert len(sound[0]) == 5

    def damage(*statements):
        with sqlite3.connect(index.path) as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()

    return index, sound, lost, damage


@pytest.mark.parametrize(("table", "column", "value"), VALUES)
@pytest.mark.parametrize("fresh", [False, True], ids=["known", "opened anew"])
def test_a_changed_value_drops_its_document_alone(damaged, table, column, value, fresh):
    """Whatever column it is in: the document is told as lost, nothing of the change is answered, the other one stays as it is."""
    index, sound, lost, damage = damaged
    key = "row" if table == "documents" else "document"
    damage(f"UPDATE {table} SET {column} = {value} WHERE {key} = 1")
    if fresh:
        index = SqliteIndex(index.path, background=lambda work: work(), on_loss=lost.append)
    told = everything(index)
    told = everything(index)  # the first look may have found it at its end
    in_memory = not fresh and (table in ("tables", "vectors") or column == "columns")
    if in_memory:  # what was written is there, and answered
        assert told[:2] == sound[:2]
        return
    assert [len(one) for one in lost] == [1]
    assert [name for name, *_ in told[0]] == ["shop", "shop"]
    assert of_shop(told) == of_shop(sound)
    assert set(told[1]) == set(told[2]) == {"shop"}
    put(index, "mill", MILL)
    assert everything(index) == sound


def test_every_bit_of_a_stored_text(damaged):
    """One bit of a text that is changed in the file, each in turn: the text is never answered otherwise than it was written."""
    index, sound, lost, damage = damaged
    damage("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = index.path.read_bytes()
    start = whole.index(b"4711 tons")
    for bit in range(0, 9 * 8, 5):
        changed = bytearray(whole)
        changed[start + bit // 8] ^= 1 << bit % 8
        index.path.write_bytes(changed)
        other = SqliteIndex(index.path, background=lambda work: work(), on_loss=lost.append)
        told = everything(other)
        assert "mill" not in [name for name, *_ in told[0]]
        assert of_shop(told) == of_shop(sound)
        assert lost.pop() == ["mill"]
        damage("PRAGMA wal_checkpoint(TRUNCATE)")


def test_swapped_texts_are_damage(damaged):
    """A text that is whole, in the place of another."""
    index, _, lost, damage = damaged
    damage(
        "CREATE TABLE kept AS SELECT * FROM chunks WHERE document = 1 AND position < 2",
        "UPDATE chunks SET text = (SELECT text FROM kept WHERE position = 1 - chunks.position),"
        " seal = (SELECT seal FROM kept WHERE position = 1 - chunks.position) WHERE document = 1 AND position < 2",
    )
    everything(index)
    assert lost == [["mill"]]


def test_a_damaged_document_that_cannot_be_dropped_is_passed_over(damaged, monkeypatch):
    """While another process keeps the file for itself: nothing of it is answered, and the rest is."""
    index, sound, lost, damage = damaged
    damage("UPDATE chunks SET text = 'The mill burns nothing.' WHERE document = 1 AND position = 0")
    monkeypatch.setattr("jacie_flask.retrieval.sqlite_connections.BUSY_S", 0.0)
    other = SqliteIndex(index.path, background=lambda work: work(), on_loss=lost.append)
    blocking = sqlite3.connect(index.path, isolation_level=None)
    blocking.execute("BEGIN IMMEDIATE")
    told = everything(other)
    blocking.close()
    assert of_shop(told) == of_shop(sound)
    assert "mill" not in [name for name, *_ in told[0]]
    assert lost == [["mill"]]


def test_tables_of_a_file_that_was_made_anew_are_its_own(damaged):
    """Rows begin again from one there: what was decoded of the file before belongs to other documents."""
    index, _, lost, _ = damaged
    for ending in ("-wal", "-shm"):
        index.path.with_name(f"index.db{ending}").unlink(missing_ok=True)
    (index.path.parent / "other").write_bytes(b"no database" * 1000)
    (index.path.parent / "other").replace(index.path)
    with pytest.raises(RetrievalUnavailable):
        index.held()
    put(index, "shop", SHOP)
    assert lost == [None]
    assert set(index.tables(["shop", "mill"])) == {"shop"}
    assert "30" in [cell.text for table in index.tables(["shop"])["shop"].tables for row in table.rows for cell in row.cells]


TWO_DAMAGED = """
from gevent import monkey
monkey.patch_all()
import sys
from pathlib import Path
from jacie_flask.retrieval.sqlite_index import SqliteIndex
for name in ("one.db", "two.db"):
    path = Path(sys.argv[1], name)
    path.write_bytes(b"no database, by no means" * 500)
    SqliteIndex(path)
print("both are there")
"""


def test_two_damaged_files_at_one_boot(tmp_path):
    """The lock under which files are replaced is free at once, also where gevent closes its descriptor later."""
    ran = subprocess.run([sys.executable, "-c", TWO_DAMAGED, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert ran.stdout == "both are there\n", ran.stderr


def test_a_link_to_itself_in_the_place_of_the_file_is_made_anew(damaged):
    """What cannot even be looked at stands in the way as much as what cannot be opened."""
    index, _, lost, _ = damaged
    index.path.unlink()
    index.path.symlink_to(index.path.name)
    with pytest.raises(RetrievalUnavailable):
        index.held()
    put(index, "shop", SHOP)
    assert set(index.held()) == {"shop"}
    assert lost == [None]
