"""The ledger: what was written is read by every process, and a file that is none of its own does no harm."""

import sqlite3

import msgspec
import pytest

from jacie_flask.documents.ledger import Ledger, LedgerRow

ROW = LedgerRow(
    document_id="d", version='"etag"', content_hash="h", status="ready", reason="", pages=3, chunks=9, vectors=4,
    guess={"company": "Ü & Co", "period": "2023"}, notes=["the sheet “Ü” is hidden"],
)  # fmt: skip


@pytest.fixture
def ledger(tmp_path):
    """Return a ledger whose folder does not exist yet."""
    return Ledger(tmp_path / "var" / "ledger.db")


def test_a_missing_file_reads_as_empty(ledger):
    """Looking makes no file."""
    assert ledger.rows() == {}
    assert ledger.stamp() == ()
    assert not ledger.path.exists()


def test_rows_are_read_by_another(ledger):
    """A row comes back whole, and replaces the one before it."""
    ledger.record(ROW)
    ledger.record(msgspec.structs.replace(ROW, document_id="e", status="rejected", reason="it is damaged"))
    ledger.record(msgspec.structs.replace(ROW, vectors=9))
    rows = Ledger(ledger.path).rows()
    assert rows["d"] == msgspec.structs.replace(ROW, vectors=9)
    assert (rows["e"].status, rows["e"].reason) == ("rejected", "it is damaged")


def test_forget(ledger):
    """One row goes; unknown ones are fine."""
    for name in "abc":
        ledger.record(msgspec.structs.replace(ROW, document_id=name))
    ledger.forget("a")
    ledger.forget("unknown")
    assert set(ledger.rows()) == {"b", "c"}


def test_the_stamp_changes_with_every_write_and_with_nothing_else(ledger):
    """A catalog that watches the stamp reads no more often than it must, and never too seldom."""
    stamps = [ledger.stamp()]
    for number in range(5):
        ledger.record(msgspec.structs.replace(ROW, vectors=number))
        stamps.append(ledger.stamp())
        ledger.rows()
        assert ledger.stamp() == stamps[-1]
    ledger.forget("d")
    stamps.append(ledger.stamp())
    assert len(set(stamps)) == len(stamps)


@pytest.mark.parametrize(
    "content", [b"", b"not a database, but long enough to have a header" * 10, b"SQLite format 3\0" + b"\xff" * 200]
)
def test_a_file_that_is_no_database_is_made_anew(ledger, content):
    """A damaged ledger costs another ingestion, not the start of the server."""
    ledger.path.parent.mkdir()
    ledger.path.write_bytes(content)
    assert ledger.rows() == {}
    ledger.record(ROW)
    assert ledger.rows() == {"d": ROW}


COLUMNS = (
    "document_id", "version", "content_hash", "status", "reason", "pages", "chunks", "vectors", "guess", "notes", "seal",
)  # fmt: skip


@pytest.mark.parametrize("value", ["x'ff00'", "'[]'", "'ready'", "1"])
@pytest.mark.parametrize("column", COLUMNS)
def test_a_row_that_was_changed_is_dropped(ledger, column, value, caplog):
    """Other bytes than were written are not told of a document; the other rows stay, and the log says it once."""
    other = msgspec.structs.replace(ROW, document_id="e")
    ledger.record(msgspec.structs.replace(ROW, status="unavailable"), other)
    with sqlite3.connect(ledger.path) as connection:
        connection.execute(f"UPDATE documents SET {column} = {value} WHERE document_id = 'd'")
    connection.close()
    assert ledger.rows() == {"e": other}
    assert ledger.rows() == {"e": other}
    assert caplog.text.count("other bytes than were written") == 1


def test_a_writer_waits_for_another(ledger):
    """Two processes write one after the other; neither fails."""
    ledger.record(ROW)
    other = sqlite3.connect(ledger.path)
    other.execute("BEGIN IMMEDIATE")
    other.execute("DELETE FROM documents")
    assert ledger.rows() == {"d": ROW}, "readers are not held up and see what was there before"
    other.commit()
    other.close()
    assert ledger.rows() == {}
