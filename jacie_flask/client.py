"""The streaming client: a library (``Client``) and a command, ``python -m jacie_flask.client "question"``.

Needs httpx2, rich and ``sse_parser``, but nothing else of the package, so it can be copied out.
"""

import argparse
import contextlib
import io
import json
import os
import random
import re
import sys
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, Self
from urllib.parse import quote, urljoin

import httpx2
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.style import Style
from rich.table import Table
from rich.text import Text

from jacie_flask.sse_parser import Comment, Frame, Retry, SseParser

DEFAULT_URL = "http://127.0.0.1:8000"
TERMINAL = frozenset({"result", "error"})
SHORTEST_DELAY_S, FIRST_DELAY_S, LONGEST_DELAY_S = 0.01, 1.0, 30.0
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class ClientError(Exception):
    """Base of everything this client raises; ``code`` is the protocol's code or one of this client's own."""

    code = "client_error"


class UnreachableError(ClientError):
    """No connection to the server came about."""

    code = "unreachable"


class DisconnectedError(UnreachableError):
    """The connection was lost in the middle of a run and could not be made again; the run may have gone on."""

    code = "connection_lost"


class RefusedError(ClientError):
    """The server refused the request before any stream opened (RFC 9457 problem)."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: str | None = None) -> None:
        self.status = status
        self.code = str(problem.get("code") or f"http_{status}")
        self.errors: list[dict[str, str]] = list(problem.get("errors") or [])
        self.request_id = str(problem.get("request_id") or "")
        self.retry_after = retry_after
        detail = str(problem.get("detail") or problem.get("title") or f"the server answered {status}")
        fields = "; ".join(f"{error.get('field')}: {error.get('message')}" for error in self.errors)
        super().__init__(f"{detail} ({fields})" if fields else detail)


class RunFailedError(ClientError):
    """The run ended with an ``error`` event; ``data`` is that event, with the partial answer."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = dict(data)
        self.code = str(data.get("code") or "internal")
        super().__init__(str(data.get("error") or "The run failed."))


class StreamLostError(ClientError):
    """The server no longer has the rest of the stream."""

    code = "state_lost"


class BadResponseError(ClientError):
    """What answered does not speak this protocol."""

    code = "bad_response"


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event of a run: ``name`` and ``data`` as PROTOCOL says; ``id`` is what a resume starts after."""

    name: str
    data: dict[str, Any]
    id: str

    @property
    def terminal(self) -> bool:
        """Say whether the run ended with this event."""
        return self.name in TERMINAL


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """What an ``on_reconnect`` callback is told: the attempt's number, the wait before it, and why."""

    attempt: int
    delay_s: float
    reason: str

    @property
    def words(self) -> str:
        """Say it as a person reads it."""
        wait = f" in {self.delay_s:.0f} s" if self.delay_s >= 0.5 else ""
        return f"Connection lost. Reconnecting{wait} (attempt {self.attempt})..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often to try again; ``sleep`` and ``random`` are arguments so that tests need neither."""

    attempts: int = 8
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random

    def delay(self, attempt: int, base_s: float) -> float:
        """Return seconds before ``attempt`` (from 1): exponential, capped, the upper half jittered."""
        return min(LONGEST_DELAY_S, base_s * 2.0 ** (attempt - 1)) * (0.5 + self.random() / 2)


class Client:
    """A connection to one Jacie server; ``timeout`` is the longest silence in seconds (heartbeats count as sound)."""

    def __init__(
        self, url: str = DEFAULT_URL, *, api_key: str | None = None, timeout: float = 60.0, patience: Patience | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.url = url.rstrip("/")
        self._patience = patience or Patience()
        self._http = httpx2.Client(headers=headers, timeout=httpx2.Timeout(timeout, connect=min(timeout, 10.0)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the pooled connections."""
        self._http.close()

    def stream(
        self,
        question: str,
        *,
        fast: bool = False,
        on_reconnect: Callable[[Reconnecting], None] | None = None,
        idempotency_key: str | None = None,
        **options: Any,
    ) -> "RunStream":
        """Ask, and return the run's events; after a cut the iterator resumes by itself.

        ``options``: auto_load_documents, memory_enabled, conversation_history, filters, document_ids, on_disconnect.
        A ``reset`` event voids the tokens before it. The last event is ``result`` or ``error``, or a ClientError is raised.
        """
        path = "/fast_chat/stream" if fast else "/chat/stream"
        body = {"query": question, **{name: value for name, value in options.items() if value is not None}}
        key = idempotency_key or str(uuid.uuid4())
        return RunStream(self, path, body, key, on_reconnect or (lambda _: None))

    def ask(self, question: str, **options: Any) -> dict[str, Any]:
        """Return the ``result`` of the run; raise RunFailedError when it ended with an error."""
        for event in self.stream(question, **options):
            if event.name == "error":
                raise RunFailedError(event.data)
            if event.name == "result":
                return event.data
        raise StreamLostError("The stream ended without a result.")

    def cancel(self, run_id: str) -> None:
        """Stop a run; what was answered so far is kept by the server."""
        with _reaching(self.url):
            response = self._http.post(f"{self.url}/runs/{quote(run_id, safe='')}/cancel", timeout=5.0)
        _refuse(response)


class RunStream(Iterator[ServerEvent]):
    """The events of one run, over as many connections as it takes; ``run_id`` is known once the server answered."""

    def __init__(
        self, client: Client, path: str, body: Mapping[str, Any], key: str, on_reconnect: Callable[[Reconnecting], None]
    ) -> None:
        self.run_id = ""
        self.last_id = ""
        self.request_id = ""
        self._client = client
        self._path, self._body, self._key = path, body, key
        self._on_reconnect = on_reconnect
        self._base_s = FIRST_DELAY_S
        self._failures = 0
        self._events = self._follow()

    def __next__(self) -> ServerEvent:
        return next(self._events)

    def close(self) -> None:
        """Leave the stream; the run goes on as its ``on_disconnect`` says."""
        self._events.close()

    def cancel(self) -> None:
        """Stop the run, if the server has named it yet."""
        if self.run_id:
            self._client.cancel(self.run_id)

    def _follow(self) -> Generator[ServerEvent]:
        while True:
            wait_s: float | None = None
            reason = "the stream ended early"
            try:
                with contextlib.closing(self._connection()) as events:
                    for event in events:
                        yield event
                        if event.terminal:
                            return
                        if event.name == "reconnect":
                            wait_s, reason = float(event.data.get("retry_ms", 0)) / 1000, "the server is restarting"
                            break
            except httpx2.TransportError as error:
                reason = str(error) or type(error).__name__
                if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout) and not self.run_id and not self._failures:
                    raise UnreachableError(f"Cannot reach {self._client.url}: {reason}") from error
            self._pause(wait_s, reason)

    def _pause(self, wait_s: float | None, reason: str) -> None:
        self._failures += 1
        patience = self._client._patience
        if self._failures > patience.attempts:
            raise DisconnectedError(f"The connection was lost and {patience.attempts} attempts to resume failed: {reason}")
        delay_s = patience.delay(self._failures, self._base_s) if wait_s is None else wait_s
        self._on_reconnect(Reconnecting(self._failures, delay_s, reason))
        patience.sleep(delay_s)

    def _connection(self) -> Generator[ServerEvent]:
        with self._request() as response:
            if self.run_id and (response.status_code >= 500 or response.status_code == 429):
                raise httpx2.RemoteProtocolError(f"the server answered {response.status_code}")
            if self.run_id and response.status_code in (404, 410):
                raise StreamLostError("The server no longer knows this answer. Ask again.")
            _refuse(response)
            if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
                raise BadResponseError(f"What answers at {self._client.url} is not a Jacie server.")
            self.run_id = response.headers.get("X-Run-Id", self.run_id)
            self.request_id = response.headers.get("X-Request-ID", self.request_id)
            yield from self._read(response)

    def _request(self) -> contextlib.AbstractContextManager[httpx2.Response]:
        headers = {"Accept": "text/event-stream"}
        http, url = self._client._http, self._client.url
        if not self.run_id:
            return http.stream("POST", url + self._path, json=self._body, headers={**headers, "Idempotency-Key": self._key})
        if self.last_id:
            headers["Last-Event-ID"] = self.last_id
        return http.stream("GET", f"{url}/runs/{quote(self.run_id, safe='')}/events", headers=headers)

    def _read(self, response: httpx2.Response) -> Generator[ServerEvent]:
        parser, comments = SseParser(), 0
        for chunk in response.iter_bytes():
            for item in parser.feed(chunk):
                if isinstance(item, Retry):
                    self._base_s = max(item.milliseconds / 1000, SHORTEST_DELAY_S)
                elif isinstance(item, Comment):
                    comments += 1  # the first is padding; a later one is a heartbeat, so the connection was good
                    self._failures = 0 if comments > 1 else self._failures
                elif not item.id:
                    yield _event(item)  # about the connection, not part of the run's log
                elif _position(item.id) > _position(self.last_id):
                    self._failures, self.last_id = 0, item.id
                    yield _event(item)


@contextlib.contextmanager
def _reaching(url: str) -> Generator[None]:
    try:
        yield
    except httpx2.TransportError as error:
        raise UnreachableError(f"Cannot reach {url}: {error}") from error


def _refuse(response: httpx2.Response) -> None:
    if response.is_success:
        return
    problem: Any = {}
    with contextlib.suppress(ValueError):
        problem = json.loads(response.read())
    raise RefusedError(response.status_code, problem if isinstance(problem, dict) else {}, response.headers.get("Retry-After"))


def _position(event_id: str) -> tuple[int, int]:
    attempt, _, offset = event_id.partition(".")
    return (int(attempt), int(offset)) if attempt.isdigit() and offset.isdigit() else (-1, -1)


def _event(frame: Frame) -> ServerEvent:
    try:
        data = json.loads(frame.data)
    except ValueError as error:
        raise BadResponseError(f"The server sent a {frame.event} event that is not JSON.") from error
    return ServerEvent(frame.event, data if isinstance(data, dict) else {"value": data}, frame.id)


# The command


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
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
        self._bar = Progress(*columns, console=console, transient=True)
        self._task = self._bar.add_task("Connecting...", total=100)
        self._bar.start()

    def show(self, event: ServerEvent) -> None:
        """Show one event."""
        if event.name == "progress" and not self._writing:
            self._bar.update(self._task, description=_clean(event.data["message"]), completed=event.data["progress"])
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
            self._bar.update(self._task, description=notice.words)
            return
        self._put(self._wrap.turn())
        self._note(notice.words)

    def close(self) -> None:
        """Take the bar away and give the cursor back."""
        self._end_answer()
        self._bar.stop()

    def _write(self, text: str) -> None:
        if not self._writing:
            self._writing = True
            self._bar.stop()
        self._put(self._wrap.feed(_clean(text)))

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
            self._console.print(Text(_clean(data["response"])))
        self._console.print()
        for words in data.get("degraded", ()):
            self._console.print(Text(f"Note: {_clean(words)}", style="yellow"))
        if data.get("sources"):
            self._console.print(_table(data, self._url))


class PlainView:
    """A pipe: the answer and its sources as text on stdout once they are final, the steps as lines on stderr."""

    def __init__(self, url: str, *, quiet: bool) -> None:
        self._url, self._quiet = url, quiet
        self._said = ""

    def show(self, event: ServerEvent) -> None:
        """Show one event."""
        if event.name == "progress":
            self._say(_clean(event.data["message"]))
        elif event.name == "reset":
            self._say("The answer starts again.")
        elif event.terminal:
            sys.stdout.write("\n".join(_lines(event.data, self._url)) + "\n")

    def reconnecting(self, notice: Reconnecting) -> None:
        """Say so on stderr."""
        self._say(notice.words)

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


def _clean(text: str) -> str:
    """Return ``text`` without control characters: neither a document nor a model gets to drive the terminal."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n"))


def _words(source: Mapping[str, Any]) -> str:
    parts = (source.get("company"), source.get("period"), source.get("document_type"), source.get("filename"))
    return ", ".join(_clean(str(part)) for part in parts if part)


def _verified(data: Mapping[str, Any], n: int) -> str:
    marks = [citation["verified"] for citation in data.get("citations", ()) if citation["n"] == n]
    return "" if not marks else "verified" if all(marks) else "not verified"


def _lines(data: Mapping[str, Any], url: str) -> Iterator[str]:
    yield _clean(data.get("response") or data.get("partial_response") or "").strip()
    for words in data.get("degraded", ()):
        yield f"Note: {_clean(words)}"
    if data.get("sources"):
        yield "\nSources:"
    for source in data.get("sources", ()):
        mark = _verified(data, source["n"])
        link = urljoin(url + "/", _clean(source["url"]))
        yield f"[{source['n']}] {_words(source)}, page {source['page']}{f' ({mark})' if mark else ''}: {link}"


def _table(data: Mapping[str, Any], url: str) -> Table:
    table = Table(title="Sources", title_justify="left", title_style="bold", expand=False)
    for heading in ("#", "Company", "Period", "Page", "Document", "Cited"):
        table.add_column(heading, justify="right" if heading in ("#", "Page") else "left", overflow="fold")
    for source in data["sources"]:
        link = urljoin(url + "/", _clean(source["url"]))
        document = Text(_clean(source["filename"]), style=Style(link=link))
        cells = [Text(_clean(str(source.get(name, "")))) for name in ("n", "company", "period", "page")]
        table.add_row(*cells, document, Text(_verified(data, source["n"])))
    return table


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {message}\n")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="python -m jacie_flask.client", description="Ask Jacie a question and watch it being answered.")
    parser.add_argument("question")
    parser.add_argument("--fast", action="store_true", help="search the index instead of reading whole documents")
    parser.add_argument("--url", default=DEFAULT_URL, help="the server (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.add_argument("--quiet", action="store_true", help="no steps on stderr when stdout is not a terminal")
    parser.add_argument("--company", help="only documents of this company")
    parser.add_argument("--period", help="only documents of this period, such as 2023")
    parser.add_argument("--document-type", help="only documents of this type")
    parser.add_argument("--document-id", action="append", metavar="ID", help="only this document; may be repeated")
    parser.add_argument("--no-documents", action="store_true", help="answer without documents")
    parser.add_argument("--timeout", type=float, default=60.0, help="longest silence in seconds (default: %(default)s)")
    options = parser.parse_args(argv)
    if not options.question.strip():
        parser.error("the question is empty")
    if not re.match(r"https?://[^/]", options.url):
        parser.error(f"--url {options.url!r} is not an http or https address")
    return options


def _ask_options(options: argparse.Namespace) -> dict[str, Any]:
    filters = {name: getattr(options, name) for name in ("company", "period", "document_type") if getattr(options, name)}
    return {
        "fast": options.fast,
        "filters": filters or None,
        "document_ids": options.document_id,
        "auto_load_documents": False if options.no_documents else None,
    }


def _view(options: argparse.Namespace) -> View:
    if options.json:
        return JsonView(options.url, quiet=options.quiet)
    if sys.stdout.isatty():
        return LiveView(Console(), options.url)
    return PlainView(options.url, quiet=options.quiet)


def _complain(error: ClientError) -> None:
    sys.stderr.write(f"{error.code}: {_clean(str(error))}\n")


def _run(stream: RunStream, view: View) -> int:
    try:
        for event in stream:
            view.show(event)
            if event.name == "error":
                raise RunFailedError(event.data)
    except KeyboardInterrupt:
        view.close()
        with contextlib.suppress(ClientError):
            stream.cancel()
        sys.stderr.write("Stopped.\n")
        return 130
    except ClientError as error:
        view.close()
        _complain(error)
        return 3 if isinstance(error, UnreachableError) else 1
    view.close()
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 0 for an answer, 1 for an error, 2 for wrong usage, 3 for no server, 130 when stopped."""
    options = _arguments(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    view = _view(options)
    try:
        with Client(options.url, timeout=options.timeout) as client:
            return _run(client.stream(options.question, on_reconnect=view.reconnecting, **_ask_options(options)), view)
    except BrokenPipeError:  # the reader of our output left, as head does; the interpreter must not flush into it again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
