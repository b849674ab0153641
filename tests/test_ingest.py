"""Ingestion on real parts: the index follows the store, nothing is done twice, and nothing is lost when it is killed."""

import dataclasses
import io
import signal
import subprocess
import sys
import time

import numpy as np
import openpyxl
import pytest

from jacie_flask.documents.analysis import analyse
from jacie_flask.documents.catalog import StoreCatalog, document_id
from jacie_flask.documents.extraction import Extractor
from jacie_flask.documents.folder_store import FolderStore
from jacie_flask.documents.ledger import Ledger
from jacie_flask.documents.reader import CachedReader
from jacie_flask.documents.text_cache import TextCache
from jacie_flask.errors import DocumentUnavailable, RetrievalUnavailable
from jacie_flask.ingest import Ingestion, ingest
from jacie_flask.interfaces import CatalogDocument, SearchQuery
from jacie_flask.retries import Patience
from jacie_flask.retrieval.pinecone_index import PineconeIndex
from jacie_flask.retrieval.sqlite_index import SqliteIndex
from jacie_flask.text.terms import term_counts
from jacie_flask.upstreams import Upstream
from tests.support.hostile_documents import good
from tests.support.jacie import ROOT, environment
from tests.support.pinecone_server import PineconeServer
from tests.support.reliability import record

PARAGRAPH = "Revenue from {0} grew in the year because customers bought more of it than ever before.\n" * 8


class Hashed:
    """An embedder that makes unit vectors of words without a model, and can be down."""

    label = "hashed"
    dimension = 8
    down = False
    embedded = 0

    def embed(self, texts):
        """Return one unit row a text; raise RetrievalUnavailable while down."""
        if self.down:
            raise RetrievalUnavailable("nobody listens")
        self.embedded += len(texts)
        rows = np.array([[1 + len(text) % (n + 2) for n in range(8)] for text in texts], dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Made:
    """A folder, all parts of an ingestion over it, and what a test asks of them."""

    def __init__(self, tmp_path, extractor):
        """Make them, the folder empty."""
        self.root = tmp_path / "filings"
        self.root.mkdir()
        self.data = tmp_path / "var"
        self.extractor = extractor
        self.embedder = Hashed()

    @property
    def parts(self):
        """Return the parts as a new process would have them."""
        store = FolderStore(self.root, max_bytes=10**6)
        ledger = Ledger(self.data / "ledger.db")
        reader = CachedReader(store, self.extractor, TextCache(self.data / "cache"))
        catalog = StoreCatalog(store, ledger, ttl_s=60)
        return Ingestion(catalog, reader, SqliteIndex(self.data / "index.db"), self.embedder, ledger)

    def write(self, name, topic="steel", paragraphs=1):
        """Write a document about something."""
        (self.root / name).write_text("\f".join([PARAGRAPH.format(topic)] * paragraphs))

    def found(self, word):
        """Return the ids of the documents in the index that hold a word."""
        index = SqliteIndex(self.data / "index.db")
        query = SearchQuery(text=word, terms=dict.fromkeys(term_counts(word), 1.0))
        return {passage.document_id for passage in index.search(query)}

    def status(self):
        """Return how much the index holds."""
        return SqliteIndex(self.data / "index.db").status()


@pytest.fixture(scope="module")
def extractor(tmp_path_factory):
    """Return real extraction children that this module shares."""
    made = Extractor(tmp_path_factory.mktemp("spool"), workers=2)
    yield made
    made.close()


@pytest.fixture
def made(tmp_path, extractor):
    """Return an empty folder and its parts."""
    return Made(tmp_path, extractor)


def test_new_documents_come_in(made):
    """Everything readable is answerable, has its vectors, and the catalog knows."""
    made.write("a.txt", "steel")
    made.write("b.txt", "coal", paragraphs=3)
    parts = made.parts
    report = ingest(parts)
    assert (sorted(report.added), report.pages, report.unchanged, report.skipped) == (["a.txt", "b.txt"], 4, 0, {})
    assert made.found("steel") == {document_id("a.txt")}
    assert made.found("coal") == {document_id("b.txt")}
    status = made.status()
    assert status.documents == 2
    assert status.vectors == status.chunks == report.vectors
    assert {document.status for document in parts.catalog.documents()} == {"ready"}


def test_an_empty_store_is_no_error(made):
    """Nothing to do is nothing done."""
    assert ingest(made.parts).added == []
    assert made.status().documents == 0


def test_nothing_is_done_twice(made):
    """The second ingestion extracts, writes and embeds nothing."""
    made.write("a.txt")
    ingest(made.parts)
    before = made.embedder.embedded
    report = ingest(made.parts)
    assert (report.added, report.unchanged, report.vectors) == ([], 1, 0)
    assert made.embedder.embedded == before


def test_changes_are_followed(made):
    """A changed document replaces its old text, a deleted one leaves, a new one comes, the others stay."""
    for name, topic in (("a.txt", "steel"), ("b.txt", "coal"), ("c.txt", "paper")):
        made.write(name, topic)
    ingest(made.parts)
    made.write("a.txt", "copper and tin")
    (made.root / "b.txt").unlink()
    made.write("d.txt", "glass")
    report = ingest(made.parts)
    assert (sorted(report.added), len(report.removed), report.unchanged) == (["a.txt", "d.txt"], 1, 1)
    assert made.found("steel") == made.found("coal") == set()
    assert made.found("copper") == {document_id("a.txt")}
    assert made.found("paper") == {document_id("c.txt")}
    status = made.status()
    assert (status.documents, status.vectors) == (3, status.chunks)


def test_a_bad_file_is_reported_and_skipped(made):
    """It costs nothing else, is not tried again while it stays, is told each time, and comes in when it was repaired."""
    made.write("a.txt", "steel")
    (made.root / "bad.pdf").write_bytes(b"no PDF at all")
    for added in (["a.txt"], []):
        report = ingest(made.parts)
        assert (report.added, report.skipped) == (added, {"bad.pdf": "wrong type: it is named .pdf but holds plain text"})
    assert report.unchanged == 1
    assert {d.filename: d.status for d in made.parts.catalog.documents()} == {"a.txt": "ready", "bad.pdf": "rejected"}
    (made.root / "bad.pdf").unlink()
    made.write("bad.txt", "coal")
    assert ingest(made.parts).added == ["bad.txt"]


def test_every_format_comes_in_or_says_why_not(made):
    """Word, sheets, slides, HTML and Markdown are answerable; a broken one has its reason in the report and in the catalog."""
    for suffix in (".docx", ".xlsx", ".pptx", ".html", ".md"):
        (made.root / f"good{suffix}").write_bytes(good(suffix))
    (made.root / "bad.docx").write_bytes(b"PK\x03\x04 no archive")
    (made.root / "old.doc").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    parts = made.parts
    report = ingest(parts)
    assert sorted(report.added) == ["good.docx", "good.html", "good.md", "good.pptx", "good.xlsx"]
    told = {"bad.docx": "it is not a readable DOCX", "old.doc": "files of type .doc are not read"}
    assert report.skipped == told
    assert {d.filename: d.reason for d in parts.catalog.documents() if d.status == "rejected"} == told
    assert made.found("revenue") == {document_id(name) for name in report.added}


def test_what_is_noted_while_reading_is_reported(made):
    """What of a document was not read is told with its name."""
    book = openpyxl.load_workbook(io.BytesIO(good(".xlsx")))
    book.create_sheet("Secret").sheet_state = "hidden"
    book.save(made.root / "book.xlsx")
    noted = ["hidden sheets were not read: Secret"]
    assert ingest(made.parts).notes == {"book.xlsx": noted}
    parts = made.parts
    assert ingest(parts).notes == {"book.xlsx": noted}, "also by the next ingestion, which reads nothing"
    (document,) = parts.catalog.documents()
    assert list(document.notes) == noted
    assert parts.index.notes([document.document_id]) == {document.document_id: noted}


def test_a_good_file_that_turns_bad_leaves_the_index(made):
    """What is no longer true is no longer found."""
    made.write("a.txt", "steel")
    ingest(made.parts)
    (made.root / "a.txt").write_bytes(b"\xff\xfe")
    assert ingest(made.parts).skipped == {"a.txt": "it holds no text"}
    assert made.found("steel") == set()


def test_a_file_that_cannot_be_fetched_is_tried_again(made, tmp_path):
    """What the store refused today may be there tomorrow."""
    made.write("a.txt", "steel")
    (tmp_path / "outside.txt").write_text(PARAGRAPH.format("coal"))
    (made.root / "link.txt").symlink_to(tmp_path / "outside.txt")
    for _ in range(2):
        assert ingest(made.parts).skipped == {"link.txt": "access to it was denied"}
    (made.root / "link.txt").unlink()
    made.write("link.txt", "coal")
    assert ingest(made.parts).added == ["link.txt"]


def test_what_metadata_lists_and_nobody_has_is_reported(made):
    """A missing file is told by its name."""
    made.write("a.txt")
    (made.root / "metadata.json").write_text('{"Alpha": [{"filename": "a.txt"}, {"filename": "gone.pdf"}]}')
    report = ingest(made.parts)
    assert (report.added, list(report.skipped)) == (["a.txt"], ["gone.pdf"])


def test_a_deleted_index_is_filled_again(made):
    """When the index file is gone everything is put again, from cached texts."""
    made.write("a.txt", "steel")
    made.write("b.txt", "coal")
    ingest(made.parts)
    for file in made.data.glob("index.db*"):
        file.unlink()
    report = ingest(made.parts)
    assert sorted(report.added) == ["a.txt", "b.txt"]
    assert made.found("steel") == {document_id("a.txt")}
    assert made.status().vectors == made.status().chunks


def test_vectors_that_are_missing_come_later(made):
    """With the embeddings down documents are answerable by their words; the next ingestion adds the vectors."""
    made.write("a.txt", "steel")
    made.embedder.down = True
    report = ingest(made.parts)
    assert (report.added, report.vectors, report.vectors_missing) == (["a.txt"], 0, "nobody listens")
    assert made.found("steel")
    made.embedder.down = False
    report = ingest(made.parts)
    assert (report.added, report.unchanged, report.vectors_missing) == ([], 1, "")
    assert made.status().vectors == made.status().chunks == report.vectors


def test_progress_is_told(made):
    """Each document and each batch of vectors is a tick, counted up to its total."""
    for name in ("a.txt", "b.txt", "c.txt"):
        made.write(name)
    ticks = []
    ingest(made.parts, lambda *tick: ticks.append(tick))
    documents = [(done, total) for phase, done, total, _ in ticks if phase == "documents"]
    vectors = [(done, total) for phase, done, total, _ in ticks if phase == "vectors"]
    assert documents == [(1, 3), (2, 3), (3, 3)]
    assert vectors[-1] == (made.status().chunks,) * 2


def test_a_store_that_is_down_stops_the_ingestion_and_nothing_else(made):
    """Nothing is deleted because a folder was not mounted for a moment."""
    made.write("a.txt", "steel")
    ingest(made.parts)
    made.root.rename(made.root.with_name("away"))
    with pytest.raises(DocumentUnavailable):
        ingest(made.parts)
    assert made.found("steel")


def test_a_document_out_of_reach_says_why_and_is_counted(made, tmp_path):
    """It is unavailable with its reason, not pending for ever; what was answerable before stays so with a reason."""
    made.write("a.txt", "steel")
    (tmp_path / "outside.txt").write_text(PARAGRAPH.format("coal"))
    (made.root / "link.txt").symlink_to(tmp_path / "outside.txt")
    ticks = []
    parts = made.parts
    ingest(parts, lambda *tick: ticks.append(tick))
    shown = {d.filename: (d.status, d.reason) for d in parts.catalog.documents()}
    assert shown == {"a.txt": ("ready", ""), "link.txt": ("unavailable", "access to it was denied")}
    assert [tick[1:3] for tick in ticks if tick[0] == "answerable"][-1] == (1, 2)
    (made.root / "a.txt").unlink()
    (made.root / "a.txt").symlink_to(tmp_path / "outside.txt")
    parts = made.parts
    ingest(parts)
    a = next(d for d in parts.catalog.documents() if d.filename == "a.txt")
    assert (a.status, a.reason) == ("ready", "its newest version cannot be read: access to it was denied")
    (made.root / "a.txt").unlink()
    made.write("a.txt", "steel")
    parts = made.parts
    ingest(parts)
    assert [d.reason for d in parts.catalog.documents() if d.filename == "a.txt"] == [""]


def test_an_index_that_lost_something_is_repaired(made):
    """A document that is gone from the index comes back, one that nobody knows leaves, the others are left alone."""
    for name in ("a.txt", "b.txt"):
        made.write(name, name[0])
    ingest(made.parts)
    index = SqliteIndex(made.data / "index.db")
    index.remove(document_id("a.txt"))
    index.put(CatalogDocument(document_id="stranger", filename="x", key="x"), analyse(["Nobody knows this."], "x"))
    report = ingest(made.parts)
    assert (report.added, report.unchanged) == (["a.txt"], 1)
    assert set(index.held()) == {document_id("a.txt"), document_id("b.txt")}
    assert made.status().vectors == made.status().chunks


def test_nothing_is_removed_after_an_incomplete_listing(made):
    """A folder that could not be listed is no deleted folder."""
    made.write("a.txt", "steel")
    made.write("b.txt", "coal")
    ingest(made.parts)
    (made.root / "b.txt").unlink()
    report = ingest(dataclasses.replace(made.parts, complete=lambda: False))
    assert report.removed == []
    assert made.found("coal")


# --------------------------------------------------------------------------------------- an index that shows writes later


@pytest.fixture
def lagging(made):
    """Return what makes the parts of an ingestion into a Pinecone that shows writes after a while."""
    opened = []

    def parts(server):
        upstream = Upstream("index", RetrievalUnavailable, Patience(backoff_s=0.01))
        opened.append(PineconeIndex("jacie", api_key="k", host=server.origin, dimension=8, namespace="n", upstream=upstream))
        return dataclasses.replace(made.parts, index=opened[-1], pauses_s=(0.0,) * 12)

    yield parts
    for index in opened:
        index.close()


def shown(parts):
    """Return the status of each document."""
    return {d.filename: d.status for d in parts.catalog.documents()}


@pytest.mark.parametrize("lag", [0, 3, 10])
def test_documents_are_answerable_once_the_index_shows_them(made, lagging, lag):
    """However late reads see writes, every text and every vector is there in the end, and nothing is written again later."""
    for name in ("a.txt", "b.txt", "c.txt"):
        made.write(name, name[0] * 5, paragraphs=2)
    with PineconeServer(8, lag=lag) as server:
        parts = lagging(server)
        seen = []
        report = ingest(parts, lambda phase, *_: seen.append((phase, len(parts.index.held()))))
        assert sorted(report.added) == ["a.txt", "b.txt", "c.txt"]
        assert report.unconfirmed == []
        answerable = [held for phase, held in seen if phase == "answerable"]
        assert answerable[-1] == 3
        assert all(held >= n for n, held in enumerate(answerable, 1))
        assert set(shown(parts).values()) == {"ready"}
        server.settle()
        assert all(one.chunks == one.vectors > 0 for one in parts.index.held().values())
        again = ingest(lagging(server))
        assert (again.added, again.unchanged, again.vectors) == ([], 3, 0)


def test_what_the_index_never_shows_is_said_and_repaired_by_the_next_run(made, lagging):
    """It is not recorded as done: the report and the catalog say so, and the next ingestion writes it again."""
    made.write("a.txt", "steel")
    with PineconeServer(8, lag=100_000) as server:
        parts = lagging(server)
        report = ingest(parts)
        assert (report.added, report.unconfirmed) == ([], ["a.txt"])
        assert shown(parts) == {"a.txt": "unavailable"}
        server._unseen.clear()  # lost for good
        server.lag = 0
        parts = lagging(server)
        assert ingest(parts).added == ["a.txt"]
        assert shown(parts) == {"a.txt": "ready"}
        assert all(one.chunks == one.vectors > 0 for one in parts.index.held().values())


@pytest.mark.parametrize("space", ["n", "n-documents"])
def test_records_that_get_lost_are_written_again(made, lagging, space):
    """Chunks or the head of a document that disappear are noticed by the next run; the other document is left alone."""
    made.write("a.txt", "steel")
    made.write("b.txt", "coal")
    with PineconeServer(8) as server:
        ingest(lagging(server))
        lost = next(id_ for id_ in server.namespaces[space].records if id_.startswith(document_id("a.txt")))
        server.namespaces[space].remove(lost)
        report = ingest(lagging(server))
        assert (report.added, report.unchanged) == (["a.txt"], 1)
        assert lost in server.namespaces[space].records
        assert all(one.chunks == one.vectors > 0 for one in lagging(server).index.held().values())


@pytest.mark.reliability
def test_faults_of_an_index_are_written_down(made, lagging):
    """What an ingestion makes of an index that is late or loses records, in this run and in the next."""
    made.write("a.txt", "steel")
    made.write("b.txt", "coal")
    rows = []
    for fault, lag, lost in (
        ("writes show after 10 reads", 10, ""),
        ("a chunk is lost", 0, "n"),
        ("a head is lost", 0, "n-documents"),
    ):
        for file in made.data.glob("ledger*"):
            file.unlink()
        with PineconeServer(8, lag=lag) as server:
            parts = lagging(server)
            first = ingest(parts)
            server.settle()
            if lost:
                id_ = next(one for one in server.namespaces[lost].records if one.startswith(document_id("a.txt")))
                server.namespaces[lost].remove(id_)
            second = ingest(lagging(server))
            held = parts.index.held()
            assert all(one.chunks == one.vectors > 0 for one in held.values())
            assert len(held) == 2
        rows.append(
            {
                "fault": fault,
                "first run": f"{len(first.added)} added",
                "next run": f"{len(second.added)} written again",
                "then held": len(held),
            }
        )
    assert [row["next run"] for row in rows] == ["0 written again", "1 written again", "1 written again"]
    text = "Two documents are ingested into an index that shows writes late or loses records. A read that finds nothing never counts as done."
    record("32-index-repair", "An index that is late or loses records", text, rows)


# ------------------------------------------------------------------------------------------------- killed in the middle


def start(data, root):
    """Start ``flask --app wsgi ingest`` on a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", "ingest"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=environment(data, JACIE_DOCUMENTS=str(root), JACIE_MODEL="scripted"), text=True,
    )  # fmt: skip


def rows(data):
    """Return the ledger's rows of a running ingestion."""
    return next((Ledger(path).rows() for path in data.glob("ledger-*.db")), {})


def kill_when(data, root, reached):
    """Ingest until ``reached`` says of the ledger's rows that it is far enough, then kill -9; return the rows."""
    process = start(data, root)
    with process:
        while process.poll() is None and not reached(rows(data)):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "the ingestion was over before it could be killed"
    return rows(data)


def test_kill_minus_nine_costs_no_work_that_was_done(tmp_path):
    """Killed among the documents and again among the vectors, the third ingestion does the rest and no more."""
    made = Made(tmp_path, None)
    for number in range(40):
        made.write(f"{number:02}.txt", f"topic{number}")
    made.write("long.txt", "steel", paragraphs=10)
    first = kill_when(made.data, made.root, lambda now: len(now) >= 3)
    assert 3 <= len(first) < 41
    second = kill_when(made.data, made.root, lambda now: sum(row.vectors for row in now.values()) >= 20)
    assert len(second) == 41
    assert {name: row.version for name, row in first.items()}.items() <= {
        name: row.version for name, row in second.items()
    }.items()
    embedded, chunks = (sum(getattr(row, name) for row in second.values()) for name in ("vectors", "chunks"))
    assert 20 <= embedded < chunks
    with start(made.data, made.root) as last:
        told = last.communicate(timeout=60)[0]
    assert last.returncode == 0
    assert f"0 documents added (0 pages), 41 unchanged, 0 removed, 0 skipped, {chunks - embedded} vectors added" in told
    index = SqliteIndex(next(path for path in made.data.glob("index-*.db")))
    status = index.status()
    assert (status.documents, status.chunks, status.vectors) == (41, chunks, chunks)
