"""The SSE parser, byte by byte; the same table runs against the page's parser in tests/web."""

import pytest

from jacie_flask.client.sse_parser import Comment, Frame, Item, Retry, SseParser

Case = tuple[list[bytes], list[Item]]

CASES: dict[str, Case] = {
    "one frame": ([b"id: 1.1\nevent: token\ndata: {}\n\n"], [Frame("token", "{}", "1.1")]),
    "cut between any bytes": ([bytes([byte]) for byte in b"event: a\r\ndata: b\r\n\r\n"], [Frame("a", "b", "")]),
    "carriage returns alone": ([b"event: a\rdata: b\r\r"], [Frame("a", "b", "")]),
    "carriage return dispatches at once": ([b"data: a\r\n\r"], [Frame("message", "a", "")]),
    "line feed after a chunk's carriage return": ([b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n"], [Frame("message", "a\nb", "")]),
    "mixed line ends": ([b"data: a\ndata: b\rdata: c\r\n\n"], [Frame("message", "a\nb\nc", "")]),
    "utf-8 split inside characters": (
        [b"data: \xe2", b"\x82", b"\xac \xf0\x9f", b"\x98\x80\n\n"],
        [Frame("message", "€ 😀", "")],
    ),
    "invalid utf-8 is replaced": ([b"data: a\xffb\n\n"], [Frame("message", "a\ufffdb", "")]),
    "byte order mark": ([b"\xef\xbb", b"\xbfdata: a\n\n"], [Frame("message", "a", "")]),
    "byte order mark later is text": ([b"data: a\n\n", b"\xef\xbb\xbfdata: b\n\n"], [Frame("message", "a", "")]),
    "several data lines": ([b"data: a\ndata\ndata: c\n\n"], [Frame("message", "a\n\nc", "")]),
    "empty data still dispatches": ([b"data:\n\n"], [Frame("message", "", "")]),
    "no data, no frame": ([b"event: a\nid: 7\n\ndata: b\n\n"], [Frame("message", "b", "")]),
    "only one space is taken": ([b"data:  a\ndata:b\n\n"], [Frame("message", " a\nb", "")]),
    "colons in values": ([b"data: a: b\n\n"], [Frame("message", "a: b", "")]),
    "comments": ([b": keep-alive\n\n:\n:  x\n"], [Comment("keep-alive"), Comment(""), Comment(" x")]),
    "comment inside a frame": ([b"data: a\n: hello\ndata: b\n\n"], [Comment("hello"), Frame("message", "a\nb", "")]),
    "retry": ([b"retry: 250\nretry: 1.5\nretry: -1\nretry:\n\n"], [Retry(250)]),
    "id with NUL is ignored": ([b"id: a\0b\ndata: c\n\n"], [Frame("message", "c", "")]),
    "unknown fields": ([b"foo: bar\nDATA: x\n data: y\ndata: z\n\n"], [Frame("message", "z", "")]),
    "event name does not stick": ([b"event: a\ndata: 1\n\ndata: 2\n\n"], [Frame("a", "1", ""), Frame("message", "2", "")]),
    "other line separators are text": (
        ["data: a\u2028b\x0bc\x85d\n\n".encode()],
        [Frame("message", "a\u2028b\x0bc\x85d", "")],
    ),
    "a cut frame is dropped": ([b"data: a\n\ndata: b\n"], [Frame("message", "a", "")]),
    "a cut line is dropped": ([b"data: a\n\nid: 9\ndata: b"], [Frame("message", "a", "")]),
}


@pytest.mark.parametrize("name", CASES)
def test_parses_as_the_standard_says(name):
    """Each stream of the table yields exactly its items."""
    chunks, expected = CASES[name]
    parser = SseParser()
    assert [item for chunk in chunks for item in parser.feed(chunk)] == expected


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_does_not_depend_on_how_the_network_cuts(name, size):
    """The same bytes in chunks of any size yield the same items."""
    chunks, expected = CASES[name]
    stream = b"".join(chunks)
    parser = SseParser()
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert [item for piece in pieces for item in parser.feed(piece)] == expected


def test_a_long_line_in_many_chunks_is_whole():
    """A frame far larger than a chunk arrives complete."""
    parser = SseParser()
    pieces = [b"data: ", *[b"x" * 4096] * 100, b"\n\n"]
    assert [item for piece in pieces for item in parser.feed(piece)] == [Frame("message", "x" * 409600, "")]
