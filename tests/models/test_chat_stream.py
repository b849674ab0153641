"""The decoder of chat streams, cut at every byte: where a network cuts makes no difference."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jacie_flask.errors import JacieError
from jacie_flask.models.chat_stream import read_deltas
from jacie_flask.models.event_stream import Lines
from jacie_flask.models.reasoning import Separator
from jacie_flask.models.surrogates import Joiner
from tests.models.test_unusual_streams import ANSWERS, EMPTY, FAILURES, PARTLY

BODIES = {name: b"".join(row[0].writes) for table in (ANSWERS, PARTLY, EMPTY, FAILURES) for name, row in table.items()}


def read(blocks):
    """Return the text of a stream and how it ends."""
    texts = []
    try:
        for delta in read_deltas(iter(blocks)):
            texts = [] if delta.void else texts
            texts.append(delta.text)
    except JacieError as error:
        return "".join(texts), type(error)
    return "".join(texts), delta.finish_reason, delta.confirmed, delta.usage, delta.refused, delta.called


@pytest.mark.parametrize("name", [name for name, body in BODIES.items() if len(body) < 3000])
def test_every_cut_gives_the_same(name):
    """In two blocks, and a byte at a time."""
    body = BODIES[name]
    whole = read([body])
    assert read([body[at : at + 1] for at in range(len(body))]) == whole
    for at in range(1, len(body)):
        assert read([body[:at], body[at:]]) == whole, (body[max(0, at - 20) : at], body[at : at + 20])


FRAGMENTS = [b"data: ", b"data:", b"\n", b"\r", b"\r\n", b"\n\n", b'{"choices":[{"delta":{"content":"', b'"}}]}', b"<think>", b"</think>", b"a", b"\xf0\x9f",
             b"\x98\x80", b"\\ud83d", b"\\ude00", b": x", b"event: error", b"[DONE]", b'"finish_reason":"stop"', b"{", b"}", b"NaN", b"\xef\xbb\xbf",
             b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n', b'data: {"choices":[{"delta":{"content":"b"}}]}\n\n', b"null", b"\x00"]  # fmt: skip


@given(st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=3), max_size=20), st.lists(st.integers(0, 400), max_size=8))
def test_any_bytes_end_in_an_answer_or_an_error_of_ours(fragments, cuts):
    """Nothing else is raised, and the cuts make no difference."""
    body = b"".join(fragments)
    places = sorted({min(cut, len(body)) for cut in cuts})
    blocks = [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]
    assert read(block for block in blocks if block) == read([body] if body else [])


@given(st.lists(st.text(), max_size=6), st.data())
def test_any_text_survives_in_chunks_that_split_its_characters(texts, data):
    """As escaped halves of surrogate pairs, or as bytes."""
    whole = "".join(texts).encode("utf-8", "replace").decode()
    units = json.dumps(whole)[1:-1]
    escaped = []
    at = 0
    while at < len(units):
        size = 6 if units.startswith("\\u", at) else 2 if units[at] == "\\" else 1
        escaped.append(units[at : at + size])
        at += size
    cut = data.draw(st.integers(0, len(escaped)))
    halves = "".join(escaped[:cut]), "".join(escaped[cut:])
    stream = "".join(f'data: {{"choices":[{{"delta":{{"content":"{half}"}}}}]}}\n\n' for half in halves)
    end = 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
    if not any(tag in whole.lower() for tag in ("think>", "think]", "think▷", "thought>", "thinking>")):
        assert read([(stream + end).encode()])[0] == whole


@given(st.binary(max_size=40), st.lists(st.integers(0, 40), max_size=5))
def test_bytes_in_pieces_are_the_text_of_the_whole(data, cuts):
    """Escaped bytes give what a decoder of the whole gives."""
    places = sorted({min(cut, len(data)) for cut in cuts})
    joiner = Joiner()
    pieces = [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
    text = "".join(joiner.feed(piece.decode("ascii", "surrogateescape")) for piece in pieces) + joiner.end()
    try:
        assert text == data.decode("utf-8")
    except UnicodeDecodeError:
        assert "\ufffd" in text
        text.encode()


@given(st.lists(st.sampled_from(["a", "\r", "\n", "\r\n", "bc"]), max_size=20), st.lists(st.integers(0, 40), max_size=6))
def test_every_line_end_ends_one_line(parts, cuts):
    """However the bytes come."""
    data = "".join(parts).encode() + b"\n"
    places = sorted({min(cut, len(data)) for cut in cuts})
    lines = Lines(1000)
    pieces = [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
    got = b"".join(map(lines.feed, pieces)).replace(b"\r\n", b"\n")
    assert got == data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def test_a_second_closing_tag_takes_nothing_back():
    """Only the first one ends reasoning that never began."""
    separator = Separator()
    assert separator.feed("So.</think>") == ""
    assert separator.untagged
    assert separator.feed("\n</think>\n\nIt is 5.</think> Yes.") + separator.end() == "It is 5. Yes."


def test_many_small_blocks_of_one_line_are_not_copied_again_and_again():
    """A line of 200,000 blocks is joined once."""
    lines = Lines(1 << 20)
    for _ in range(200_000):
        assert lines.feed(b"xx") == b""
    assert len(lines.feed(b"\n")) == 400_001
