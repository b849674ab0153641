"""The streaming client as a library: asks, follows the run, and resumes by itself after a cut."""

import contextlib
import json
import random
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

import httpx2

from jacie_flask.client.sse_parser import Comment, Frame, Retry, SseParser

DEFAULT_URL = "http://127.0.0.1:8000"
TERMINAL = frozenset({"result", "error"})
_GATEWAY = frozenset({502, 503, 504})
_PROBLEM = "application/problem+json"
SHORTEST_DELAY_S, FIRST_DELAY_S, LONGEST_DELAY_S = 0.01, 1.0, 30.0


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
            again = response.status_code >= 500 or response.status_code == 429 if self.run_id else _from_a_gateway(response)
            if again:
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


def _from_a_gateway(response: httpx2.Response) -> bool:
    """Say whether a proxy lost the server: nobody knows if the question arrived, and the same key does not ask it twice."""
    return response.status_code in _GATEWAY and not response.headers.get("Content-Type", "").startswith(_PROBLEM)


def _position(event_id: str) -> tuple[int, int]:
    attempt, _, offset = event_id.partition(".")
    return (int(attempt), int(offset)) if attempt.isdigit() and offset.isdigit() else (-1, -1)


def _event(frame: Frame) -> ServerEvent:
    try:
        data = json.loads(frame.data)
    except ValueError as error:
        raise BadResponseError(f"The server sent a {frame.event} event that is not JSON.") from error
    return ServerEvent(frame.event, data if isinstance(data, dict) else {"value": data}, frame.id)
