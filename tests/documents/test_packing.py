"""Documents as bytes in pieces: whole again after the way, or refused; other work comes between the pieces."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jacie_flask.documents.analysis import analyse
from jacie_flask.documents.packing import pack, unpack


@given(st.lists(st.text(max_size=200), max_size=12))
def test_a_document_comes_back(pages):
    """Pages, chunks, labels, terms and notes are what they were."""
    document = msgspec.structs.replace(analyse(pages, "h"), notes=["one"])
    assert unpack(pack(document)) == document


def test_a_long_document_is_read_in_pieces():
    """Other work comes in between: a piece holds about half a million characters."""
    document = analyse([f"Revenue of part {number} was {number} million. " + "word " * 2000 for number in range(200)], "h")
    calls = []
    assert unpack(pack(document, lambda: calls.append("pack")), lambda: calls.append("unpack")) == document
    assert calls.count("pack") >= 8
    assert calls.count("unpack") >= 7


@pytest.mark.parametrize("cut", [0, 1, 3, 4, 20, -1, -1000])
def test_what_is_not_whole_is_refused(cut):
    """A file that was cut short is no document, wherever it was cut."""
    data = pack(analyse(["Revenue was 10 million. " * 40] * 100, "h"))
    with pytest.raises(msgspec.DecodeError):
        unpack(data[:cut] if cut else b"")


def test_a_missing_piece_is_noticed():
    """Pieces that are each whole do not make a document when one of them is gone."""
    data = pack(analyse(["Revenue was 10 million. " * 40] * 2000, "h"))
    first = 4 + int.from_bytes(data[:4], "little")
    second = first + 4 + int.from_bytes(data[first : first + 4], "little")
    with pytest.raises(msgspec.DecodeError, match="pages"):
        unpack(data[:first] + data[second:])
