"""The catalog: what exists, under which id, from metadata.json or from names, and how it stays fresh."""

import json
import time

import pytest

from jacie_flask.documents.catalog import StoreCatalog, document_id
from jacie_flask.documents.folder_store import FolderStore
from jacie_flask.documents.ledger import Ledger, LedgerRow
from jacie_flask.documents.metadata import Listing, Objects
from jacie_flask.errors import DocumentUnavailable, NotFound
from jacie_flask.interfaces import StoredObject
from tests.support.hostile_metadata import FILENAME, UNUSABLE
from tests.support.waiting import wait_for


class Clock:
    """A clock that a test sets, in seconds."""

    now = 0.0

    def __call__(self):
        """Return the time."""
        return self.now


class Made:
    """A folder, its ledger and its catalog."""

    def __init__(self, tmp_path):
        """Make them, empty."""
        self.root = tmp_path / "filings"
        self.root.mkdir()
        self.clock = Clock()
        self.store = FolderStore(self.root, max_bytes=10**6)
        self.ledger = Ledger(tmp_path / "ledger.db")
        self.catalog = StoreCatalog(self.store, self.ledger, ttl_s=30, clock=self.clock)

    def write(self, *names):
        """Write files of that name."""
        for name in names:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(name)

    def describe(self, listed):
        """Write metadata.json."""
        text = listed if isinstance(listed, str) else json.dumps(listed)
        (self.root / "metadata.json").write_text(text)

    def by_name(self):
        """Return the documents by file name."""
        return {document.filename: document for document in self.catalog.documents()}


@pytest.fixture
def made(tmp_path):
    """Return an empty folder with its catalog."""
    return Made(tmp_path)


def entry(filename, **more):
    """Return an entry of metadata.json."""
    return {"filename": filename, "document_link": f"s3://bucket/{filename}", "document_type": "10-K", "period": "2023", **more}


def test_metadata_describes_the_documents(made):
    """Company, period and type are those of the file; what it does not list is not in the catalog."""
    made.write("a.pdf", "b.pdf", "unlisted.pdf")
    made.describe({"Alpha plc": [entry("a.pdf")], "Beta AG": [entry("b.pdf", period=2024, document_type="annual_report")]})
    found = made.by_name()
    assert set(found) == {"a.pdf", "b.pdf"}
    assert (found["a.pdf"].company, found["a.pdf"].period, found["a.pdf"].document_type) == ("Alpha plc", "2023", "10-K")
    assert (found["b.pdf"].company, found["b.pdf"].period, found["b.pdf"].status) == ("Beta AG", "2024", "pending")
    assert made.catalog.notes == ()


def test_what_is_listed_but_missing_is_told(made):
    """An entry without a file stays visible with its reason, whatever its link says."""
    made.write("a.pdf")
    made.describe({"Alpha": [entry("a.pdf"), entry("b.pdf"), entry("../../etc/passwd"), entry("")]})
    found = made.by_name()
    assert found["a.pdf"].status == "pending"
    for name in ("b.pdf", "../../etc/passwd", ""):
        assert (found[name].status, found[name].reason) == ("missing", "it is listed in metadata.json but not in the store")


def test_files_are_found_by_their_name(made):
    """A file may lie in a folder; of two with one name the link decides."""
    made.write("2023/report.pdf", "2024/report.pdf", "deep/only.pdf")
    link = {"document_link": "s3://bucket/2024/report.pdf"}
    made.describe({"Alpha": [entry("report.pdf", **link), entry("somewhere/only.pdf", document_link="https://x/y.pdf")]})
    assert {document.key for document in made.catalog.documents()} == {"2024/report.pdf", "deep/only.pdf"}


@pytest.mark.parametrize(
    "listed", ["", "{", "[]", '{"A": {}}', '{"A": [{}]}', '{"A": [{"filename": 3}]}', '{"A": [{"filename": "\\ud800"}]}']
)
def test_metadata_that_cannot_be_used_is_told(made, listed):
    """The listing takes its place, and a note says why."""
    made.write("Alpha_2023_10K.pdf")
    made.describe(listed)
    assert made.by_name()["Alpha_2023_10K.pdf"].company == "Alpha"
    assert made.catalog.notes[0].startswith("metadata.json is not usable")


NAMES = [
    ("3M_2018_10K.pdf", "3M", "2018", "10k"),
    ("ADOBE_2016_10K.pdf", "ADOBE", "2016", "10k"),
    ("AMD_2022_10-K.pdf", "AMD", "2022", "10k"),
    ("JPMORGAN_2023Q2_10Q.pdf", "JPMORGAN", "2023", "10q"),
    ("ULTABEAUTY_2023Q4_EARNINGS.pdf", "ULTABEAUTY", "2023", "earnings"),
    ("PEPSICO_2023_8K_dated-2023-05-05.pdf", "PEPSICO", "2023", "8k"),
    ("zanobela_telecom_2023_annual_report.pdf", "zanobela telecom", "2023", "annual_report"),
    ("MTN Group Integrated Report 2022.pdf", "MTN Group", "2022", "annual_report"),
    ("MTN Notice of AGM 2024.pdf", "MTN", "2024", "notice"),
    ("Magma_2023.pdf", "Magma", "2023", ""),
    ("notes.txt", "", "", ""),
    ("Sasol/2021_annual_report.pdf", "Sasol", "2021", "annual_report"),
    ("report20231231.pdf", "", "", ""),
]


@pytest.mark.parametrize(("name", "company", "period", "kind"), NAMES, ids=[row[0] for row in NAMES])
def test_names_tell_what_a_document_is(made, name, company, period, kind):
    """Without metadata.json company, year and type come from the file's name, and from its folder."""
    made.write(name)
    (document,) = made.catalog.documents()
    assert (document.company, document.period, document.document_type) == (company, period, kind)


def test_without_metadata_only_readable_files_count(made):
    """PDF and text are documents; pictures, archives and hidden files are not."""
    made.write("a.pdf", "b.PDF", "c.txt", "d.md", "e.png", "f.zip", ".g.pdf", "h")
    assert set(made.by_name()) == {"a.pdf", "b.PDF", "c.txt", "d.md"}


def test_an_id_is_only_looked_up(made):
    """Ids are hashes of keys; a key, a path or a stranger's id is not found."""
    made.write("a.pdf")
    assert made.catalog.get(document_id("a.pdf")).key == "a.pdf"
    assert "a.pdf" not in document_id("a.pdf")
    for crafted in ("a.pdf", "../a.pdf", "", document_id("b.pdf"), document_id("a.pdf") + "/..", "\0", "\ud800"):
        with pytest.raises(NotFound):
            made.catalog.get(crafted)


def test_the_order_is_stable(made):
    """By company, period and name, whatever order the store lists in."""
    made.write("Beta_2022.pdf", "alpha_2023.pdf", "Alpha_2022.pdf")
    assert [document.filename for document in made.catalog.documents()] == ["Alpha_2022.pdf", "alpha_2023.pdf", "Beta_2022.pdf"]


def test_what_ingestion_learns_shows_at_once(made):
    """A row of the ledger fills in status, pages and what the first pages told, without another listing."""
    made.write("A_2023.pdf")
    (before,) = made.catalog.documents()
    guess = {"company": "Alpha plc", "period": "2023", "document_type": "10-K"}
    made.ledger.record(LedgerRow(document_id=before.document_id, version=before.version, pages=7, guess=guess))
    (after,) = made.catalog.documents()
    assert (after.status, after.pages, after.period, after.document_type) == ("ready", 7, "2023", "10-K")
    assert after.company == "A", "a name from the catalog goes before a guess"


def test_a_rejected_document_says_why_until_it_changes(made):
    """The reason belongs to the version that was rejected."""
    made.write("a.pdf")
    (before,) = made.catalog.documents()
    row = LedgerRow(document_id=before.document_id, version=before.version, status="rejected", reason="it is damaged")
    made.ledger.record(row)
    assert (made.by_name()["a.pdf"].status, made.by_name()["a.pdf"].reason) == ("rejected", "it is damaged")
    (made.root / "a.pdf").write_text("repaired")
    made.catalog.refresh()
    assert (made.by_name()["a.pdf"].status, made.by_name()["a.pdf"].reason) == ("pending", "")


def test_a_changed_document_stays_answerable(made):
    """Until the new version is ingested the old one serves."""
    made.write("a.pdf")
    (before,) = made.catalog.documents()
    made.ledger.record(LedgerRow(document_id=before.document_id, version="older", pages=7))
    assert made.by_name()["a.pdf"].status == "ready"


def wait_for_names(made, names):
    """Wait until the catalog has exactly these documents."""
    wait_for(lambda: set(made.by_name()) == names)


def test_an_old_listing_is_renewed_beside_the_caller(made):
    """Within its time the listing stands; after it the old one serves while the new one is made."""
    made.write("a.pdf")
    assert set(made.by_name()) == {"a.pdf"}
    made.write("b.pdf")
    made.clock.now = 29
    assert set(made.by_name()) == {"a.pdf"}
    made.clock.now = 31
    wait_for_names(made, {"a.pdf", "b.pdf"})


def test_a_store_that_fails_later_leaves_the_old_listing(made):
    """Once listed, the documents stay known while the store is down, and come back with it."""
    made.write("a.pdf")
    assert set(made.by_name()) == {"a.pdf"}
    made.root.rename(made.root.with_name("away"))
    made.clock.now = 31
    for _ in range(3):
        assert set(made.by_name()) == {"a.pdf"}
        time.sleep(0.02)
    made.root.with_name("away").rename(made.root)
    made.write("b.pdf")
    made.clock.now = 93
    wait_for_names(made, {"a.pdf", "b.pdf"})


def test_a_store_that_never_answered_is_unavailable(made):
    """The first listing is waited for, and its failure is told every time until it works."""
    made.root.rename(made.root.with_name("away"))
    for _ in range(2):
        with pytest.raises(DocumentUnavailable):
            made.catalog.documents()
    made.root.with_name("away").rename(made.root)
    made.write("a.pdf")
    assert set(made.by_name()) == {"a.pdf"}


# ------------------------------------------------------------------------------------------------------- hostile stores


@pytest.mark.parametrize("data", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_hostile_metadata_costs_only_itself(made, data):
    """Whatever it holds, the listing takes its place and one line says why; so it is when it comes later."""
    made.write(FILENAME)
    (made.root / "metadata.json").write_bytes(data)
    for _ in range(2):
        assert set(made.by_name()) == {FILENAME}
        (note,) = made.catalog.notes
        assert note.startswith("metadata.json is not usable (")
        assert len(note) < 500
        assert "\n" not in note
        made.catalog.refresh()


def test_there_are_enough_hostile_files():
    """As many as the acceptance asks for, all different."""
    assert len(set(UNUSABLE.values())) == len(UNUSABLE) >= 64


def test_metadata_that_appears_hostile_does_not_end_the_refresh(made):
    """A catalog that is served goes on being renewed after the file was replaced, and again when it is repaired."""
    made.write("a.pdf")
    made.describe({"Alpha": [entry("a.pdf")]})
    assert made.by_name()["a.pdf"].company == "Alpha"
    (made.root / "metadata.json").write_bytes(UNUSABLE["link: bracket"])
    made.write("b.pdf")
    made.clock.now = 31
    wait_for_names(made, {"a.pdf", "b.pdf"})
    made.describe({"Alpha": [entry("a.pdf")]})
    made.clock.now = 93
    wait_for_names(made, {"a.pdf"})
    assert made.catalog.notes == ()


HIDDEN = [".env", ".git/config", "metadata.json", "sub/.secret.pdf", "./.env", "sub/../.env"]


@pytest.mark.parametrize("name", HIDDEN)
def test_metadata_cannot_name_what_is_hidden(made, name):
    """A hidden file, or metadata.json itself, is missing for the catalog, and nothing can be read through its entry."""
    made.write(".env", ".git/config", "sub/.secret.pdf", "a.pdf")
    made.describe({"Alpha": [entry("a.pdf"), entry(name)]})
    found = next(document for document in made.catalog.documents() if document.filename == name)
    assert (found.status, found.key) == ("missing", "")
    with pytest.raises(DocumentUnavailable):
        made.store.read(found.key)
    with pytest.raises(DocumentUnavailable):
        made.store.open(found.key)


def test_links_are_decoded_and_names_compared_in_one_form(made):
    """Percent-encoded, form-encoded and decomposed spellings of a path all mean the same file."""
    made.write("2023/Soci\u00e9t\u00e9 report.pdf", "2024/Soci\u00e9t\u00e9 report.pdf", "2024/100%25 a#b.pdf")
    links = {
        "2023/Soci\u00e9t\u00e9 report.pdf": "https://b.s3.amazonaws.com/2023/Soci%C3%A9t%C3%A9%20report.pdf?X-Amz-Date=1",
        "2024/Soci\u00e9t\u00e9 report.pdf": "https://b.s3.amazonaws.com/2024/Socie%CC%81te%CC%81+report.pdf",
        "2024/100%25 a#b.pdf": "s3://b/2024/100%25 a#b.pdf",
    }
    made.describe({"Alpha": [entry("Socie\u0301te\u0301 report.pdf", document_link=link) for link in links.values()]})
    assert {document.key for document in made.catalog.documents()} == set(links)
    assert made.catalog.notes == ()


def test_a_full_path_goes_before_a_name(made):
    """A path in the file name decides, and a link's last part is no path."""
    made.write("2023/report.pdf", "2024/report.pdf", "report.pdf")
    made.describe(
        {"A": [entry("2024/report.pdf", document_link=""), entry("2023/report.pdf", document_link="https://x/report.pdf")]}
    )
    assert {document.key for document in made.catalog.documents()} == {"2023/report.pdf", "2024/report.pdf"}


def test_an_entry_that_matches_two_files_is_not_guessed(made):
    """Neither file is taken, and entry and note name both."""
    made.write("2023/report.pdf", "2024/report.pdf")
    made.describe({"Alpha": [entry("report.pdf", document_link="https://elsewhere/report.pdf")]})
    (document,) = made.catalog.documents()
    assert (document.key, document.status) == ("", "missing")
    for told in (document.reason, made.catalog.notes[0]):
        assert "2023/report.pdf, 2024/report.pdf" in told


def test_two_entries_of_one_file_do_not_overwrite_each_other(made):
    """The first describes the file, the other stays visible with its reason, and a note names both."""
    made.write("a.pdf", "b.pdf")
    made.describe({"Alpha": [entry("a.pdf")], "Beta": [entry("sub/a.pdf", document_link="", period="2024"), entry("b.pdf")]})
    documents = made.catalog.documents()
    assert [(one.company, one.key, one.status) for one in documents] == [
        ("Alpha", "a.pdf", "pending"), ("Beta", "b.pdf", "pending"), ("Beta", "", "missing"),
    ]  # fmt: skip
    assert len({one.document_id for one in documents}) == 3
    assert documents[2].reason == "the same file is listed as entry 1 (Alpha: a.pdf) already"
    assert made.catalog.notes == ("metadata.json: entry 2 (Beta: sub/a.pdf) is the same file as entry 1 (Alpha: a.pdf): a.pdf",)


@pytest.mark.parametrize("name", [".env", ".git/config", "metadata.json"])
def test_hidden_files_and_the_metadata_are_no_documents(name):
    """Whatever a store lists, no entry of metadata.json can name them."""
    objects = Objects({key: StoredObject(key=key, version="1", size=1) for key in (name, "a.txt")})
    assert objects.match(Listing(filename=name)).key == ""
    assert objects.match(Listing(filename="a.txt")).key == "a.txt"
