"""The text cache: shared through the disk, bounded there and in memory, and harmless when it is damaged."""

import os

import pytest

from jacie_flask.documents.analysis import analyse
from jacie_flask.documents.text_cache import TextCache, content_hash


@pytest.fixture
def cache(tmp_path):
    """Return a cache whose folder does not exist yet."""
    return TextCache(tmp_path / "cache")


def document(name, words=5):
    """Return an analysed document."""
    return analyse(["word " * words], name)


def test_what_was_kept_is_found_by_another(cache, tmp_path):
    """Another process finds the document under its hash, whole."""
    kept = document("h1")
    cache.put(kept)
    assert cache.get("h1") is kept
    assert TextCache(tmp_path / "cache").get("h1") == kept
    assert cache.get("h2") is None


@pytest.mark.parametrize("damage", [b"", b"\xc1", b"\x80", b"x" * 100])
def test_a_damaged_file_counts_as_missing(cache, tmp_path, damage):
    """A file that was cut or overwritten is read as nothing, and replaced by the next put."""
    cache.put(document("h1"))
    (file,) = (tmp_path / "cache").glob("*.text")
    file.write_bytes(damage)
    fresh = TextCache(tmp_path / "cache")
    assert fresh.get("h1") is None
    fresh.put(document("h1"))
    assert TextCache(tmp_path / "cache").get("h1") == document("h1")


def test_the_folder_may_be_deleted(cache, tmp_path):
    """Everything here can be made again."""
    cache.put(document("h1"))
    cache.set_version("d", "v", "h1")
    for file in (tmp_path / "cache").iterdir():
        file.unlink()
    (tmp_path / "cache").rmdir()
    assert TextCache(tmp_path / "cache").get("h1") is None
    assert cache.version("d") == ("", "")
    cache.put(document("h2"))
    assert cache.get("h2") == document("h2")


def test_versions_are_remembered(cache, tmp_path):
    """The store's version and the hash of the last bytes come back; what is damaged is unknown."""
    assert cache.version("d") == ("", "")
    cache.set_version("d", '"etag"', "h1")
    cache.set_version("d", '"etag2"', "h2")
    assert TextCache(tmp_path / "cache").version("d") == ('"etag2"', "h2")
    for damage in (b"", b"one line", b"\xff\n\xff"):
        (tmp_path / "cache" / "d.version").write_bytes(damage)
        assert cache.version("d") == ("", "")


def test_the_least_recently_used_make_room(tmp_path):
    """The disk's bound is kept, and what was read lately stays."""
    size = len(_bytes_of(document("h0", 2000), tmp_path / "size"))
    cache = TextCache(tmp_path / "cache", max_bytes=3 * size + size // 2)
    for number in range(3):
        cache.put(document(f"h{number}", 2000))
        (file,) = (tmp_path / "cache").glob(f"h{number}.*")
        os.utime(file, (number, number))
    assert TextCache(tmp_path / "cache").get("h0") is not None
    cache.put(document("h3", 2000))
    fresh = TextCache(tmp_path / "cache")
    assert [fresh.get(f"h{number}") is not None for number in range(4)] == [True, False, True, True]


def test_memory_holds_a_few(tmp_path):
    """Only the most recent documents stay decoded; the others are read again."""
    cache = TextCache(tmp_path / "cache", decoded=2)
    first = document("h0")
    cache.put(first)
    cache.put(document("h1"))
    assert cache.get("h0") is first
    cache.put(document("h2"))
    cache.put(document("h3"))
    again = cache.get("h0")
    assert again == first
    assert again is not first


def test_the_hash_is_of_the_content():
    """Equal bytes have one name, 40 hex digits long."""
    assert content_hash(b"a") == content_hash(b"a") != content_hash(b"b")
    assert len(content_hash(b"")) == 40


def _bytes_of(analysed, folder):
    TextCache(folder).put(analysed)
    (file,) = folder.glob("*.text")
    return file.read_bytes()
