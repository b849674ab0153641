"""A real threaded HTTP server that plays scripted runs: it cuts, resumes, splits, delays and refuses as a script says."""

import itertools
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

TERMINAL = ("result", "error")


@dataclass(frozen=True)
class Frame:
    """One event of the run's log."""

    id: str
    event: str
    data: dict[str, Any]

    def encode(self) -> bytes:
        """Return the bytes on the wire."""
        name = f"id: {self.id}\n" if self.id else ""
        return f"{name}event: {self.event}\ndata: {json.dumps(self.data, ensure_ascii=False)}\n\n".encode()


@dataclass(frozen=True)
class Comment:
    """A heartbeat."""

    text: str = "keep-alive"


@dataclass(frozen=True)
class Pause:
    """Silence for ``seconds``, or until the run is cancelled; the run then ends as cancelled."""

    seconds: float


@dataclass(frozen=True)
class Cut:
    """End a connection after ``after`` frames.

    ``how``: a clean end, FIN without the last chunk, RST, FIN inside the next frame, two seconds of silence, or a
    ``reconnect`` event as from a server that drains. ``wait_s`` passes before the cut: a browser discards what it received
    but had not handed to the page when the connection breaks.
    """

    after: int
    how: Literal["end", "fin", "rst", "torn", "silent", "drain"] = "rst"
    wait_s: float = 0


@dataclass(frozen=True)
class Refuse:
    """Answer with a problem instead of a stream."""

    status: int
    code: str
    detail: str = "Refused by the script."
    errors: tuple[dict[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Hangup:
    """Close the connection before any header."""


@dataclass(frozen=True)
class Gateway:
    """Answer as a proxy that lost its server."""

    status: int


Act = Frame | Comment | Pause
Connection = Cut | Refuse | Gateway | Hangup | None


@dataclass(frozen=True)
class Script:
    """A run's log, and what happens to each connection that reads it, the POST's first; later ones are whole."""

    acts: Sequence[Act]
    connections: Sequence[Connection] = ()
    bytes_per_write: int | None = None
    retry_ms: int = 20


@dataclass
class Run:
    """A script that was asked for."""

    run_id: str
    script: Script
    cancelled: threading.Event = field(default_factory=threading.Event)
    opened: Iterator[int] = field(default_factory=itertools.count)

    def connection(self) -> Connection:
        """Return what happens to the next connection."""
        index = next(self.opened)
        return self.script.connections[index] if index < len(self.script.connections) else None

    def text(self) -> str:
        """Return all tokens of the log, joined."""
        return "".join(act.data["text"] for act in self.script.acts if isinstance(act, Frame) and act.event == "token")


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class EventServer:
    """Listens on a free port of 127.0.0.1; ``pages`` answers GETs that are none of the protocol's."""

    def __init__(
        self,
        pages: Callable[[str], tuple[int, list[tuple[str, str]], bytes]] | None = None,
        documents: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.asked: list[Asked] = []
        self.runs: dict[str, Run] = {}
        self.keys: dict[str, Run] = {}
        self.pages = pages
        self.documents = documents
        self.script: Callable[[dict[str, Any]], Script] = lambda _: Script([])
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Return the base URL, without a slash at its end."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def play(self, *scripts: Script) -> None:
        """Play ``scripts`` for the next questions, the last one for all that follow."""
        order = itertools.chain(scripts, itertools.repeat(scripts[-1]))
        self.script = lambda _: next(order)

    def paths(self, method: str) -> list[str]:
        """Return the paths asked for with ``method``, in order."""
        return [asked.path for asked in self.asked if asked.method == method]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for run in self.runs.values():
            run.cancelled.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    owner: EventServer
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep silent: clients of these tests leave whenever they like."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Keep silent."""

    def do_GET(self) -> None:
        owner = self._note({})
        path, _, _query = self.path.partition("?")
        parts = path.strip("/").split("/")
        if parts[0] == "runs" and len(parts) == 3 and parts[2] == "events":
            self._resume(parts[1])
        elif path == "/documents":
            self._send(200, {"documents": list(owner.documents), "next_cursor": None})
        elif owner.pages:
            status, headers, body = owner.pages(self.path)
            self._reply(status, headers, body)
        else:
            self._problem(Refuse(404, "not_found"))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        owner = self._note(body)
        parts = self.path.strip("/").split("/")
        if parts[0] == "runs" and parts[-1] == "cancel":
            return self._cancel(parts[1])
        key = self.headers.get("Idempotency-Key", "")
        run = owner.keys.get(key) if key else None
        if run is None:
            run = Run(f"run-{len(owner.runs) + 1}", owner.script(body))
            owner.runs[run.run_id] = owner.keys[key] = run
        if self.headers.get("Prefer") == "respond-async":
            return self._send(202, {"run_id": run.run_id, "status": "queued", "events_url": f"/runs/{run.run_id}/events"})
        return self._stream(run, "") if parts[-1] == "stream" else self._fold(run)

    def _note(self, body: dict[str, Any]) -> EventServer:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.owner.asked.append(Asked(self.command, self.path, headers, body))
        return self.server.owner

    def _cancel(self, run_id: str) -> None:
        run = self.server.owner.runs.get(run_id)
        if run is None:
            return self._problem(Refuse(404, "not_found"))
        run.cancelled.set()
        return self._send(202, {"run_id": run_id, "status": "running"})

    def _resume(self, run_id: str) -> None:
        run = self.server.owner.runs.get(run_id)
        if run is None:
            return self._problem(Refuse(404, "not_found"))
        return self._stream(run, self.headers.get("Last-Event-ID", ""))

    def _fold(self, run: Run) -> None:
        planned = run.connection()
        if isinstance(planned, Refuse):
            return self._problem(planned)
        terminal = next(act for act in run.script.acts if isinstance(act, Frame) and act.event in TERMINAL)
        if terminal.event == "error":
            return self._problem(Refuse(503, terminal.data["code"], terminal.data["error"]))
        return self._send(200, terminal.data)

    def _stream(self, run: Run, after: str) -> None:
        planned = run.connection()
        if isinstance(planned, Refuse):
            return self._problem(planned)
        if isinstance(planned, Gateway):
            return self._reply(planned.status, [("Content-Type", "text/html")], b"<h1>The server did not answer.</h1>")
        if isinstance(planned, Hangup):
            return self._cut("rst")
        self.send_response(200)
        for name, value in self._stream_headers(run):
            self.send_header(name, value)
        self.end_headers()
        self._write(f": {' ' * 512}\nretry: {run.script.retry_ms}\n".encode(), None)
        how = self._play(run, after, planned)
        return self._cut(how)

    def _stream_headers(self, run: Run) -> list[tuple[str, str]]:
        return [
            ("Content-Type", "text/event-stream; charset=utf-8"),
            ("Cache-Control", "no-cache, no-transform"),
            ("X-Accel-Buffering", "no"),
            ("X-Run-Id", run.run_id),
            ("X-Request-ID", f"request-of-{run.run_id}"),
            ("Content-Location", f"/runs/{run.run_id}/events"),
            ("Transfer-Encoding", "chunked"),
            ("Connection", "close"),  # unsaid, a client could use it again before it hears that it was closed
        ]

    def _play(self, run: Run, after: str, cut: Cut | None) -> str:
        sent = 0
        for act in _rest(run.script.acts, after):
            if isinstance(act, Pause):
                if run.cancelled.wait(act.seconds):
                    self._write(_cancelled(run).encode(), None)
                    return "end"
                continue
            data = act.encode() if isinstance(act, Frame) else f": {act.text}\n".encode()
            if cut and isinstance(act, Frame) and sent == cut.after:
                self._part(run, cut, data)
                return cut.how
            self._write(data, run.script.bytes_per_write)
            sent += isinstance(act, Frame)
        return cut.how if cut else "end"

    def _part(self, run: Run, cut: Cut, following: bytes) -> None:
        run.cancelled.wait(cut.wait_s)
        if cut.how == "torn":
            self._write(following[: len(following) // 2], None)
        elif cut.how == "drain":
            self._write(Frame("", "reconnect", {"retry_ms": 1500}).encode(), None)
        elif cut.how == "silent":
            run.cancelled.wait(2)

    def _write(self, data: bytes, size: int | None) -> None:
        for start in range(0, len(data), size or len(data)):
            piece = data[start : start + (size or len(data))]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()

    def _cut(self, how: str) -> None:
        self.close_connection = True
        if how == "end":
            self.wfile.write(b"0\r\n\r\n")
        elif how == "rst":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.wfile = _Nowhere()  # type: ignore[assignment]

    def _problem(self, refusal: Refuse) -> None:
        body = {"type": "about:blank", "title": refusal.code, "status": refusal.status, "detail": refusal.detail}
        body |= {"code": refusal.code, "request_id": "request-refused", "errors": list(refusal.errors)}
        headers = [("Content-Type", "application/problem+json"), *refusal.headers]
        self._reply(refusal.status, headers, json.dumps(body).encode())

    def _send(self, status: int, body: dict[str, Any]) -> None:
        self._reply(status, [("Content-Type", "application/json")], json.dumps(body).encode())

    def _reply(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Nowhere:
    closed = False

    def write(self, _: bytes) -> None:
        """Drop what is written after a reset."""

    def flush(self) -> None:
        """Have nothing to flush."""

    def close(self) -> None:
        """Have nothing to close."""


def _rest(acts: Sequence[Act], after: str) -> Sequence[Act]:
    if not after:
        return acts
    at = next(index for index, act in enumerate(acts) if isinstance(act, Frame) and act.id == after)
    return acts[at + 1 :]


def _cancelled(run: Run) -> Frame:
    data = {"error": "The answer was stopped.", "code": "cancelled", "retryable": False, "retry_after_s": None}
    data |= {"step": "ai_generation", "partial_response": run.text(), "request_id": f"request-of-{run.run_id}"}
    return Frame("9.9", "error", {**data, "run_id": run.run_id, "sources": []})


def source(n: int, **changes: Any) -> dict[str, Any]:
    """Return the data of source ``n``."""
    company = ("Nordfjord Seafood plc", "Halden Rail ASA", "Veldt Energy N.V.")[(n - 1) % 3]
    filename = f"{company.split()[0].lower()}_2023_annual_report.pdf"
    snippet = f"Revenue rose to NOK {n},284 million (2022: NOK {n},105 million), as volumes in Europe recovered and prices held."
    values = {"n": n, "document_id": f"doc-{n}", "filename": filename, "company": company, "period": "2023"}
    values |= {"document_type": "annual_report", "page": 3 + n, "snippet": snippet, "score": round(1 - n / 10, 2)}
    return {**values, "url": f"/documents/doc-{n}#page={3 + n}", **changes}


def conversation(
    tokens: Sequence[str],
    *,
    attempt: int = 1,
    sources: Sequence[dict[str, Any]] = (),
    between: Callable[[int], Sequence[Act]] = lambda _: (),
    terminal: tuple[str, dict[str, Any]] | None = None,
    **result: Any,
) -> list[Act]:
    """Return the acts of a whole run; ``between(k)`` gives what happens before token ``k``."""
    count = itertools.count(1)

    def frame(event: str, data: dict[str, Any]) -> Frame:
        return Frame(f"{attempt}.{next(count)}", event, data)

    def progress(step: str, percent: float, message: str) -> Frame:
        times = {"timestamp": "2026-01-01T00:00:00.000Z", "elapsed_ms": int(percent * 40), "details": {}}
        return frame("progress", {"step": step, "message": message, "progress": percent, **times})

    acts: list[Act] = [progress("start", 5, "Starting chat processing...")]
    acts.append(progress("doc_selection", 10, "Selecting relevant documents..."))
    acts += [progress("doc_loading", 20 + 20 * k, f"Loading documents from S3... {k} of 2") for k in range(3)]
    acts.append(frame("sources", {"sources": list(sources)}))
    acts.append(progress("ai_generation", 80, "Generating AI response..."))
    for index, text in enumerate(tokens):
        acts += [*between(index), frame("token", {"text": text})]
    if terminal:
        return [*acts, frame(*terminal)]
    acts.append(progress("finalizing", 95, "Finalizing response..."))
    acts.append(progress("complete", 100, "Response generation complete!"))
    return [*acts, frame("result", _result("".join(tokens), sources, result))]


def _result(response: str, sources: Sequence[dict[str, Any]], changes: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {"response": response, "documents_loaded": [item["filename"] for item in sources]}
    values |= {"document_selection_message": f"Selected {len(sources)} of 6 documents.", "conversation_history": []}
    values |= {"sources": list(sources), "citations": [], "degraded": [], "model": "scripted", "finish_reason": "stop"}
    values |= {"usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}, "run_id": "run-1"}
    return {**values, "timings_ms": {"first_token": 1130, "total": 4210}, **changes}


def failure(code: str, sentence: str, **changes: Any) -> tuple[str, dict[str, Any]]:
    """Return an error event for ``conversation(terminal=...)``."""
    data = {"error": sentence, "code": code, "retryable": True, "retry_after_s": None, "step": "ai_generation"}
    data |= {"partial_response": "", "request_id": "request-of-run-1", "run_id": "run-1", "sources": []}
    return "error", {**data, **changes}
