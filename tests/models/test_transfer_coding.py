"""Bodies of HTTP/1.1: any cut of any coding gives the same bytes, and what is malformed is said to be."""

from itertools import pairwise

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jacie_flask.models.transfer_coding import Chunked, Decoder, MalformedBody, Sized, UntilClosed

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SIZES = st.sampled_from([b"%x", b"%X", b"0%x", b"%x;name=value", b"%X \t", b'%x; quoted="a;b"'])
CHUNKS = st.lists(st.tuples(SIZES, st.binary(min_size=1, max_size=40) | st.sampled_from([b"\r\n", b"0\r\n\r\n", b"x" * 300])))
TRAILERS = st.sampled_from([b"", b"Expires: never\r\n", b"A: b\r\nC:\r\n"])
CUTS = st.lists(st.integers(min_value=0, max_value=2000))


def coded(chunks: list[tuple[bytes, bytes]], trailers: bytes = b"") -> bytes:
    """Return a whole body in the chunked coding."""
    return b"".join(size % len(data) + b"\r\n" + data + b"\r\n" for size, data in chunks) + b"0\r\n" + trailers + b"\r\n"


def cut(body: bytes, places: list[int]) -> list[bytes]:
    """Return the reads that a network could make of a body."""
    marks = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[start:end] for start, end in pairwise(marks) if end > start]


def decoded(decoder: Decoder, reads: list[bytes]) -> bytes:
    """Return the payload of some reads and the end of the connection after them."""
    payload = b""
    for read in reads:
        if not decoder.done:
            payload += decoder.feed(read)
    decoder.end()
    return payload


def judged(body: bytes) -> bytes | None:
    """Return what h11 makes of a chunked body, None where it refuses it or waits for more."""
    protocol = h11.Connection(h11.CLIENT)
    protocol.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    protocol.send(h11.EndOfMessage())
    protocol.receive_data(HEAD + body)
    payload = b""
    try:
        while not isinstance(event := protocol.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                return None
            payload += event.data if isinstance(event, h11.Data) else b""
    except h11.RemoteProtocolError:
        return None
    return payload


@given(CHUNKS, TRAILERS, CUTS)
def test_any_cut_of_any_chunks_gives_the_same_bytes(chunks, trailers, places):
    """Sizes in any spelling, extensions and trailers included."""
    decoder = Chunked()
    assert decoded(decoder, cut(coded(chunks, trailers), places)) == b"".join(data for _, data in chunks)
    assert decoder.done
    assert not decoder.surplus


@given(CHUNKS, CUTS, st.binary(min_size=1, max_size=20))
def test_bytes_after_the_end_are_surplus(chunks, places, more):
    """They belong to nobody and are not delivered, in the same read at least as it is known then."""
    body = coded(chunks)
    decoder = Chunked()
    payload = b"".join(decoder.feed(read) for read in cut(body[:-1], places))
    assert payload + decoder.feed(body[-1:] + more) == b"".join(data for _, data in chunks)
    assert decoder.done
    assert decoder.surplus


@given(CHUNKS, TRAILERS, CUTS, st.data())
def test_a_body_cut_short_is_noticed(chunks, trailers, places, data):
    """The connection's end is the body's only after its last byte."""
    body = coded(chunks, trailers)
    short = body[: data.draw(st.integers(min_value=0, max_value=len(body) - 1))]
    with pytest.raises(MalformedBody):
        decoded(Chunked(), cut(short, places))


@settings(max_examples=500)
@given(CHUNKS, TRAILERS, CUTS, st.data())
def test_damage_is_refused_or_read_as_h11_reads_it(chunks, trailers, places, data):
    """One byte changed, added or lost anywhere: never other bytes than the reference sees, and the same for every cut."""
    body = coded(chunks, trailers)
    at = data.draw(st.integers(min_value=0, max_value=len(body) - 1))
    byte = data.draw(st.binary(max_size=2) | st.sampled_from([b"\r", b"\n", b"_", b"+", b" ", b"g", b"-", b"0x"]))
    body = body[:at] + byte + body[at + data.draw(st.integers(min_value=0, max_value=1)) :]
    outcomes = []
    for reads in ([body], cut(body, places), [body[i : i + 1] for i in range(len(body))]):
        try:
            outcomes.append(decoded(Chunked(), reads))
        except MalformedBody:
            outcomes.append(None)
    assert outcomes == [outcomes[0]] * 3
    if outcomes[0] is not None:
        assert outcomes[0] == judged(body)


BAD = {
    "no digits": b"\r\n",
    "not hexadecimal": b"xyz\r\nabc\r\n",
    "a sign": b"+3\r\nabc\r\n",
    "an underscore": b"1_0\r\n" + b"a" * 16 + b"\r\n",
    "a prefix": b"0x3\r\nabc\r\n",
    "a space before": b" 3\r\nabc\r\n",
    "a space before an extension": b"1 ;x\r\na\r\n0\r\n\r\n",
    "an endless number": b"1" * 16 + b"\r\n",
    "an endless line": b"3;" + b"a" * 70_000,
    "a long line": b"3;" + b"a" * 5000 + b"\r\nabc\r\n",
    "a bare line feed": b"3\nabc\r\n",
    "a chunk too long": b"3\r\nabcd\r\n",
    "half a line end": b"3\r\nabc\rx",
    "a trailer without colon": b"0\r\nhello\r\n\r\n",
    "endless trailers": b"0\r\n" + b"A: b\r\n" * 10_000,
    "an endless trailer": b"0\r\nA: " + b"b" * 70_000,
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("size", [1, 1000, 100_000])
def test_what_is_malformed_is_refused_before_the_end(body, size):
    """Nobody waits for more of it, however it is cut."""
    decoder = Chunked()
    with pytest.raises(MalformedBody):
        b"".join(decoder.feed(body[at : at + size]) for at in range(0, len(body), size))
    assert not decoder.done


def test_all_chunks_of_a_read_are_one_piece():
    """And a chunk that has begun is delivered as far as it has come."""
    decoder = Chunked()
    assert decoder.feed(b"1\r\na\r\n2\r\nbc\r\n5\r\nde") == b"abcde"
    assert decoder.feed(b"fgh\r\n0\r\n\r\n") == b"fgh"
    assert decoder.done


@given(st.binary(max_size=50), CUTS, st.binary(max_size=3))
def test_a_sized_body_ends_where_it_should(body, places, more):
    """Bytes beyond it are surplus."""
    decoder = Sized(len(body))
    *first, last = cut(body, places) or [b""]
    payload = b"".join(decoder.feed(read) for read in first) + decoder.feed(last + more)
    assert payload == body
    assert decoder.done
    assert decoder.surplus == bool(more)


def test_a_sized_body_cut_short_is_noticed():
    """Two of three bytes are not a body."""
    with pytest.raises(MalformedBody):
        decoded(Sized(3), [b"ab"])


def test_a_body_without_size_ends_with_the_connection():
    """As HTTP/1.0 had it."""
    assert decoded(UntilClosed(), [b"ab", b"c"]) == b"abc"
