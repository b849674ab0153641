"""Hostile text on a terminal: whatever a server, a model or a document says, it neither drives the terminal nor disguises itself."""

import io
import re
from unicodedata import category

import pytest
from rich.console import Console

from jacie_flask.client.stream import Reconnecting, ServerEvent
from jacie_flask.client.views import JsonView, LiveView, PlainView, View
from tests.support.event_server import Frame, conversation, failure, source
from tests.support.hostile_text import payloads

TEXTS = [text.text for text in payloads()]
OURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\]8;[^\x1b\x07]*\x1b\\")  # what rich writes: colours, the bar, links
LINK = re.compile(r"\x1b\]8;[^;]*;([^\x1b]*)\x1b\\")
URL = "http://127.0.0.1:8000"


def shown(view: View) -> None:
    """Show runs whose every text is hostile, and a lost connection."""
    for place, text in enumerate(TEXTS):
        sources = [{**source(1), **dict.fromkeys(("company", "filename", "period", "document_type", "url", "page", "n"), text)}]
        told = conversation([text[:3], text[3:]], sources=sources, degraded=[text], **({} if place % 2 else {"response": text}))
        told += conversation([], terminal=failure(text, text, partial_response=text))
        for frame in told:
            if isinstance(frame, Frame):
                data = {**frame.data, "message": text} if frame.event == "progress" else frame.data
                view.show(ServerEvent(frame.event, data, frame.id))
        view.reconnecting(Reconnecting(1, 0.0, text))
    view.close()


def driving(written: str) -> set[str]:
    """Return the characters that would drive a terminal or disguise others."""
    return {char for char in written if category(char) in ("Cc", "Cf") and char not in "\n\t\u200c\u200d\u180e"}


@pytest.mark.parametrize("view", [PlainView, JsonView])
def test_a_pipe_gets_text_alone(capsys, view):
    """No control, no mark of direction and nothing without width is on stdout or stderr."""
    shown(view(URL, quiet=False))
    out, err = capsys.readouterr()
    assert "canary" in out
    assert driving(out) | driving(err) == set()


def test_a_terminal_gets_our_own_sequences_alone():
    """What remains without rich's own colours, bars and links is plain, and each link leads to an http address."""
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    shown(LiveView(console, URL))
    written = console.file.getvalue()
    assert driving(OURS.sub("", written).replace("\r", "")) == set()
    assert {target.partition(":")[0] for target in LINK.findall(written) if target} <= {"http", "https"}
