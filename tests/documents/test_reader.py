"""The reader: bytes are fetched when they changed, text is extracted once, and version and text belong together."""

import contextlib
import os
import threading

import pytest

from jacie_flask.documents.folder_store import FolderStore
from jacie_flask.documents.reader import CachedReader
from jacie_flask.documents.text_cache import TextCache, content_hash
from jacie_flask.errors import DocumentRejected, DocumentUnavailable
from jacie_flask.interfaces import CatalogDocument
from tests.support.extractors import Counting


class Made:
    """A folder and a reader over it."""

    def __init__(self, tmp_path, extractor):
        """Make them."""
        self.root = tmp_path / "filings"
        self.root.mkdir()
        self.cache = tmp_path / "cache"
        self.extractor = extractor
        extractor.read = 0
        self.reader = self.another()

    def another(self, prefix=""):
        """Return a reader as another process would have it."""
        return CachedReader(FolderStore(self.root, max_bytes=10_000), self.extractor, TextCache(self.cache), prefix=prefix)

    def write(self, name, text):
        """Write a file and return its catalog entry."""
        (self.root / name).write_text(text)
        return CatalogDocument(document_id=name.replace(".", "-"), filename=name, key=name)


@pytest.fixture(scope="module")
def extractor(tmp_path_factory):
    """Return the extractor that this module shares."""
    with contextlib.closing(Counting(tmp_path_factory.mktemp("spool"), workers=2)) as made:
        yield made


@pytest.fixture
def made(tmp_path, extractor):
    """Return an empty folder with its reader."""
    return Made(tmp_path, extractor)


def test_a_document_is_extracted_once(made):
    """Asked again, here or in another process, it comes from the cache with the same version."""
    document = made.write("a.txt", "one")
    version, analysed = made.reader.read_version(document)
    assert analysed.pages == ["one"]
    assert analysed.content_hash == content_hash(b"one")
    assert made.reader.read_version(document) == (version, analysed)
    assert made.another().read_version(document) == (version, analysed)
    assert made.reader.read(document) == analysed
    assert made.extractor.read == 1


def test_a_changed_document_is_read_again(made):
    """New bytes give a new version and new text."""
    document = made.write("a.txt", "one")
    version, _ = made.reader.read_version(document)
    made.write("a.txt", "two and more")
    changed, analysed = made.reader.read_version(document)
    assert changed != version
    assert analysed.pages == ["two and more"]
    assert made.extractor.read == 2


def test_the_same_bytes_elsewhere_are_not_extracted_again(made):
    """A touched or copied file has a new version and the old text."""
    first = made.reader.read_version(made.write("a.txt", "one"))
    os.utime(made.root / "a.txt", (1, 1))
    touched = made.reader.read_version(made.write("b.txt", "one"))
    assert touched[0] != first[0]
    assert touched[1] == first[1]
    assert made.extractor.read == 1


def test_two_collections_share_text_but_not_versions(made):
    """Readers of two stores do not take each other's versions for their own."""
    document = made.write("a.txt", "one")
    made.reader.read(document)
    made.write("a.txt", "two")
    assert made.another(prefix="other").read(document).pages == ["two"]
    assert made.reader.read(document).pages == ["two"]
    assert made.extractor.read == 2


def test_a_lost_cache_is_made_again(made):
    """With versions known and texts gone, the bytes are read without a condition."""
    document = made.write("a.txt", "one")
    made.reader.read(document)
    for file in made.cache.glob("*.text"):
        file.unlink()
    assert made.another().read(document).pages == ["one"]


def test_many_at_once_extract_once(made):
    """Two questions about a new document wait for one reading of it."""
    document = made.write("a.txt", "one")
    found = []
    threads = [threading.Thread(target=lambda: found.append(made.reader.read(document).pages)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [["one"]] * 8
    assert made.extractor.read == 1


def test_what_cannot_be_read_is_rejected_and_not_remembered(made):
    """A bad file is rejected each time, and read when it was repaired."""
    document = made.write("a.pdf", "no PDF")
    for _ in range(2):
        with pytest.raises(DocumentRejected):
            made.reader.read(document)
    with pytest.raises(DocumentUnavailable):
        made.reader.read(CatalogDocument(document_id="x", filename="gone.txt", key="gone.txt"))
    assert made.reader.read(made.write("a.txt", "one")).pages == ["one"]


def test_a_deleted_document_is_unavailable_though_its_text_is_kept(made):
    """What is no longer in the store is no longer answered from."""
    document = made.write("a.txt", "one")
    made.reader.read(document)
    (made.root / "a.txt").unlink()
    with pytest.raises(DocumentUnavailable) as caught:
        made.reader.read(document)
    assert caught.value.reason == "it is no longer in the store"


def test_the_ending_is_read_in_either_case(made):
    """REPORT.TXT is a text file."""
    assert made.reader.read(made.write("REPORT.TXT", "one")).pages == ["one"]
