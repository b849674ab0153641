"""What the command shows a run on: a terminal, a pipe, or one JSON object."""

import json
import math
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import urljoin

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn
from rich.style import Style
from rich.table import Table
from rich.text import Text

from jacie_flask.client.stream import Reconnecting, ServerEvent

# Controls but tab and newline, marks that turn other letters around, and what has no width or is not seen at all.
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


class View(Protocol):
    """What the command shows a run on."""

    def show(self, event: ServerEvent) -> None:
        """Show one event."""

    def reconnecting(self, notice: Reconnecting) -> None:
        """Say that the connection was lost and when the next attempt is."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class LiveView:
    """A terminal: a progress bar until the first token, then the answer as it comes, then the table of sources."""

    def __init__(self, console: Console, url: str) -> None:
        self._console, self._url = console, url
        self._wrap = _Wrap(console.width)
        self._writing = False
        columns = (TextColumn("{task.description}", markup=False), BarColumn(24), TaskProgressColumn(), _TimeLeft())
        self._bar = Progress(*columns, console=console, transient=True)
        self._task = self._bar.add_task("Connecting...", total=100, there=None)
        self._bar.start()

    def show(self, event: ServerEvent) -> None:
        """Show one event."""
        if event.name == "progress" and not self._writing:
            self._step(event.data)
        elif event.name == "token":
            self._write(event.data["text"])
        elif event.name == "reset":
            self._end_answer()
            self._note("The answer starts again.")
        elif event.terminal:
            self._end_answer()
            self._finish(event.data)

    def reconnecting(self, notice: Reconnecting) -> None:
        """Say so in the bar, or on a line of its own when the answer has begun."""
        if not self._writing:
            self._bar.update(self._task, description=clean(notice.words), there=None)
            return
        self._put(self._wrap.turn())
        self._note(clean(notice.words))

    def close(self) -> None:
        """Take the bar away and give the cursor back."""
        self._end_answer()
        self._bar.stop()

    def _step(self, data: Mapping[str, Any]) -> None:
        eta_ms = data.get("details", {}).get("eta_ms")
        there = None if eta_ms is None else self._bar.get_time() + eta_ms / 1000
        self._bar.update(self._task, description=clean(data["message"]), completed=data["progress"], there=there)

    def _write(self, text: str) -> None:
        if not self._writing:
            self._writing = True
            self._bar.stop()
        self._put(self._wrap.feed(clean(text)))

    def _put(self, text: str) -> None:
        self._console.out(text, end="", highlight=False)
        self._console.file.flush()

    def _end_answer(self) -> None:
        if self._writing:
            self._put(self._wrap.end())
            self._put(self._wrap.turn())

    def _note(self, words: str) -> None:
        self._console.print(Text(words, style="dim"))

    def _finish(self, data: Mapping[str, Any]) -> None:
        self._bar.stop()
        if data.get("response") and not self._writing:
            self._console.print(Text(clean(data["response"])))
        self._console.print()
        for words in data.get("degraded", ()):
            self._console.print(Text(f"Note: {clean(words)}", style="yellow"))
        if data.get("sources"):
            self._console.print(_table(data, self._url))


class _TimeLeft(ProgressColumn):
    """Counts down to ``there``, the moment when the result is expected; always as wide, so that nothing beside it moves."""

    _WIDTH = len("about 10 min left")

    def render(self, task: Task) -> Text:
        """Return the words for now."""
        there = task.fields["there"]
        words = "" if there is None else time_left(there - task.get_time())
        return Text(words.ljust(self._WIDTH), style="progress.remaining", no_wrap=True)


class PlainView:
    """A pipe: the answer and its sources as text on stdout once they are final, the steps as lines on stderr."""

    def __init__(self, url: str, *, quiet: bool) -> None:
        self._url, self._quiet = url, quiet
        self._said = ""

    def show(self, event: ServerEvent) -> None:
        """Show one event."""
        if event.name == "progress":
            self._say(clean(event.data["message"]))
        elif event.name == "reset":
            self._say("The answer starts again.")
        elif event.terminal:
            sys.stdout.write(clean("\n".join(_lines(event.data, self._url))) + "\n")

    def reconnecting(self, notice: Reconnecting) -> None:
        """Say so on stderr."""
        self._say(clean(notice.words))

    def close(self) -> None:
        """Hand over what is buffered."""
        sys.stdout.flush()

    def _say(self, words: str) -> None:
        if words != self._said and not self._quiet:
            sys.stderr.write(words + "\n")
        self._said = words


class JsonView(PlainView):
    """A program: the data of the terminal event on stdout as one JSON object."""

    def show(self, event: ServerEvent) -> None:
        """Show one event."""
        if event.terminal:
            sys.stdout.write(json.dumps(event.data, indent=2) + "\n")
        else:
            super().show(event)


class _Wrap:
    """Breaks a text that arrives in pieces between words, at ``width`` columns."""

    def __init__(self, width: int) -> None:
        self._width, self._column, self._word = max(width, 20) - 1, 0, ""  # the last column is for a word's space

    def feed(self, text: str) -> str:
        """Return what can be written: all but a last word that may go on."""
        pieces = re.split(r"([ \n])", self._word + text)
        self._word = pieces.pop()
        return "".join(self._place(word, gap) for word, gap in zip(pieces[::2], pieces[1::2], strict=True))

    def end(self) -> str:
        """Return the last word."""
        last, self._word = self._place(self._word, ""), ""
        return last

    def turn(self) -> str:
        """Return what ends the line here; a word that may go on waits for its rest."""
        begun, self._column = self._column > 0, 0
        return "\n" if begun else ""

    def _place(self, word: str, gap: str) -> str:
        size = cell_len(word)
        broken = self._column > 0 and self._column + size > self._width
        self._column = size if broken else self._column + size
        self._column = 0 if gap == "\n" else self._column + len(gap)
        return ("\n" if broken else "") + word + gap


def clean(text: str) -> str:
    """Return ``text`` without what drives a terminal or disguises: neither a document nor a model gets to do either."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n"))


def time_left(seconds: float) -> str:
    """Return what is left of a wait in words, as coarsely as it is known; nothing below a second."""
    if seconds < 1:
        return ""
    if seconds > 90:
        return f"about {round(seconds / 60)} min left"
    whole = round(seconds)
    return f"about {math.ceil(whole / 5) * 5 if whole > 10 else whole} s left"


def _words(source: Mapping[str, Any]) -> str:
    parts = (source.get("company"), source.get("period"), source.get("document_type"), source.get("filename"))
    return ", ".join(clean(str(part)) for part in parts if part)


def _verified(data: Mapping[str, Any], n: int) -> str:
    checked = [
        citation for citation in data.get("citations", ()) if citation["n"] == n and citation.get("state") != "not_checked"
    ]
    marks = [citation["verified"] for citation in checked]
    return "" if not marks else "verified" if all(marks) else "not verified"


def _link(source: Mapping[str, Any], url: str) -> str:
    """Return where a source is found, "" where a terminal should not offer to go."""
    link = urljoin(url + "/", "".join(clean(str(source["url"])).split()))
    return link if link.startswith(("http://", "https://")) else ""


def _lines(data: Mapping[str, Any], url: str) -> Iterator[str]:
    yield clean(data.get("response") or data.get("partial_response") or "").strip()
    for words in data.get("degraded", ()):
        yield f"Note: {clean(words)}"
    if data.get("sources"):
        yield "\nSources:"
    for source in data.get("sources", ()):
        mark = _verified(data, source["n"])
        link = _link(source, url)
        yield f"[{source['n']}] {_words(source)}, page {source['page']}{f' ({mark})' if mark else ''}: {link}"


def _table(data: Mapping[str, Any], url: str) -> Table:
    table = Table(title="Sources", title_justify="left", title_style="bold", expand=False)
    for heading in ("#", "Company", "Period", "Page", "Document", "Cited"):
        table.add_column(heading, justify="right" if heading in ("#", "Page") else "left", overflow="fold")
    for source in data["sources"]:
        document = Text(clean(source["filename"]), style=Style(link=_link(source, url) or None))
        cells = [Text(clean(str(source.get(name, "")))) for name in ("n", "company", "period", "page")]
        table.add_row(*cells, document, Text(_verified(data, source["n"])))
    return table
