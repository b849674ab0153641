"""SSE frames: exact bytes, one line of data whatever a document held, and ids that only this server can have sent."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jacie_flask.events import Progress, Reset, Sources, Token
from jacie_flask.interfaces import Entry
from jacie_flask.runs import sse
from tests.support.hostile_text import payloads

PROGRESS = Progress(step="start", message="Starting…", progress=5, timestamp="2026-01-01T00:00:00.000Z", elapsed_ms=0)

FRAMES = [
    (Token(text="Revenue"), 1, b'id: 1.7\nevent: token\ndata: {"text":"Revenue"}\n\n'),
    (Token(text="a\r\nb\nc\x00"), 1, b'id: 1.7\nevent: token\ndata: {"text":"a\\r\\nb\\nc\\u0000"}\n\n'),
    (Token(text="data: x\n\nevent: error"), 2, b'id: 2.7\nevent: token\ndata: {"text":"data: x\\n\\nevent: error"}\n\n'),
    (Token(text="früh €"), 1, 'id: 1.7\nevent: token\ndata: {"text":"früh €"}\n\n'.encode()),
    (Sources(sources=[]), 1, b'id: 1.7\nevent: sources\ndata: {"sources":[]}\n\n'),
    (Reset(attempt=2), 2, b'id: 2.7\nevent: reset\ndata: {"attempt":2}\n\n'),
    (
        PROGRESS,
        1,
        'id: 1.7\nevent: progress\ndata: {"step":"start","message":"Starting…","progress":5,'
        '"timestamp":"2026-01-01T00:00:00.000Z","elapsed_ms":0,"details":{}}\n\n'.encode(),
    ),
]


@pytest.mark.parametrize(("event", "attempt", "expected"), FRAMES, ids=[type(row[0]).__name__ for row in FRAMES])
def test_a_frame_is_these_bytes(event, attempt, expected):
    """Id, event name and one line of JSON, closed by an empty line."""
    assert sse.frame(sse.entry(event, attempt, 7)) == expected


def test_only_result_and_error_are_terminal():
    """An entry knows whether its event ends the run."""
    assert not sse.entry(Token(text=""), 1, 1).terminal
    assert not sse.entry(Reset(attempt=2), 2, 1).terminal


def test_a_heartbeat_is_one_line():
    """A comment is no event to any client, and no block of its own."""
    assert sse.HEARTBEAT == b": keep-alive\n"


def test_the_preamble_fills_a_proxys_first_buffer():
    """It is one line, a comment of 2 KiB, and no block of its own."""
    assert sse.PREAMBLE.startswith(b":")
    assert len(sse.PREAMBLE) > 2048
    assert sse.PREAMBLE.count(b"\n") == 1
    assert sse.PREAMBLE.endswith(b"\n")


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.one_of(st.none(), st.text())), max_size=12))
def test_many_frames_are_one_piece_with_every_character(parts):
    """Tokens that follow each other become one with the last one's id; other events and attempts stay apart and in order."""
    events = [
        (attempt, Sources(sources=[]) if text is None else Token(text=text))
        for attempt, text in sorted(parts, key=lambda p: p[0])
    ]
    entries = [sse.entry(event, attempt, n) for n, (attempt, event) in enumerate(events, 1)]
    whole = list(sse.joined(entries))
    assert sse.frames(entries) == b"".join(sse.frame(item) for item in whole)
    for attempt in (1, 2):
        sent = [json.loads(item.data).get("text") for item in whole if item.attempt == attempt]
        meant = [json.loads(item.data).get("text") for item in entries if item.attempt == attempt]
        assert "".join(text or "\0" * (text is None) for text in sent) == "".join(text or "\0" * (text is None) for text in meant)
    pairs = list(itertools.pairwise(whole))
    assert not any(a.name == b.name == "token" and a.attempt == b.attempt for a, b in pairs)
    assert not entries or whole[-1].offset == entries[-1].offset


def test_reconnect_has_no_id():
    """It is not in the log, so a client keeps the last id that is."""
    assert sse.reconnect(1500) == b'retry: 1500\nevent: reconnect\ndata: {"retry_ms":1500}\n\n'


@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_any_text_is_one_line_and_comes_back(text):
    """Whatever characters a text has, its frame has three lines; what is not Unicode is replaced, not fatal."""
    frame = sse.frame(sse.entry(Token(text=text), 1, 1))
    assert frame.endswith(b"\n\n")
    lines = frame[:-2].split(b"\n")
    assert len(lines) == 3
    assert not {b"\r", b"\0"} & {bytes([byte]) for byte in frame}
    assert json.loads(lines[2].removeprefix(b"data: "))["text"] == text.encode("utf-8", "replace").decode()


def test_broken_text_is_replaced_wherever_it_hides():
    """A file name that is not Unicode, deep in the details of a step, costs its odd characters and not the run."""
    event = Progress(
        step="s", message="\udcff", progress=1, timestamp="", elapsed_ms=0, details={"documents": [{"filename": "a\ud800.pdf"}]}
    )
    decoded = json.loads(sse.encode(event))
    assert decoded["message"] == "?"
    assert decoded["details"] == {"documents": [{"filename": "a?.pdf"}]}


@pytest.mark.parametrize(("text", "position"), [("1.0", (1, 0)), ("1.17", (1, 17)), ("12.3456789", (12, 3456789))])
def test_an_id_is_read_back(text, position):
    """What a frame carried is the position it stood at."""
    assert sse.parse_id(text) == position


@pytest.mark.parametrize(
    "text",
    ["", "1", ".", "1.", ".1", "-1.2", "1.-2", "1.2.3", "a.b", "1 .2", "1.2\n", "¹.²", "١.٢", "1e3.1", "1." + "9" * 30, "0x1.2"],
)
def test_what_was_never_sent_is_no_id(text):
    """Anything but two plain numbers is refused."""
    with pytest.raises(ValueError, match="not an event id"):
        sse.parse_id(text)


@given(st.text(max_size=30))
def test_parsing_ids_never_fails_otherwise(text):
    """A crafted header gives ValueError or a position, nothing else."""
    try:
        attempt, offset = sse.parse_id(text)
    except ValueError:
        return
    assert attempt >= 0
    assert offset >= 0


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_ids_go_round(attempt, offset):
    """Every id of a frame is one that parse_id takes."""
    frame = sse.frame(Entry(attempt, offset, "token", b"{}", False))
    assert sse.parse_id(frame.split(b"\n")[0].removeprefix(b"id: ").decode()) == (attempt, offset)


@pytest.mark.parametrize("text", [text.text for text in payloads() if text.kind == "forged frames"])
def test_text_cannot_forge_a_frame(text):
    """A token that imitates events, ids or comments is one frame with one line of data, and says what it said."""
    lines = sse.frame(sse.entry(Token(text=text), 1, 7)).split(b"\n")
    assert [line.partition(b": ")[0] for line in lines] == [b"id", b"event", b"data", b"", b""]
    assert json.loads(lines[2].removeprefix(b"data: ")) == {"text": text}
    assert not any(b"\r" in line or b"\0" in line for line in lines)
