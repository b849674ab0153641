"""A real server that speaks the OpenAI-compatible API on 127.0.0.1, with scripted timing and faults.

In process: ``with OpenAIServer(Script(answer="Hello")) as server: OpenAI(base_url=server.url, api_key="x")``.
Own process: ``python tests/support/openai_server.py --port 0 --script '{"first_token_s": 5}'`` prints its URL.
"""

import array
import base64
import json
import math
import re
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.support.servers import ClientGoneError, Connection, LocalServer, Request, arguments, serve_until_killed

WORD = re.compile(r"[a-z]+|\d[\d,.]*\d|\d")
EXCERPT = re.compile(r"^[ \t]*(?:source|excerpt|passage)?[ \t]*\[(\d+)\]", re.MULTILINE | re.IGNORECASE)
STOP = frozenset(
    re.findall(
        r"\w+",
        "the a an of in on for and or to is are was were what how much many did does do answer one sentence give figure figures "
        "question use only excerpts cite with from by its it s please",
    )
)


@dataclass(frozen=True)
class Script:
    """How one request is answered; the default answers from the prompt, at once and without faults.

    ``fault``: "" | hang_headers | hang | rst | fin | eof | bad_json | empty_choices | content_filter | error_frame;
    those that break a stream do so after ``fault_after`` tokens. A streamed token with a gate is not sent before it is set. ``status`` other than 200 answers with an error body.
    """

    answer: str | None = None
    first_token_s: float = 0.0
    token_s: float = 0.0
    total_s: float | None = None
    tokens_per_write: int = 1
    chunks_per_write: int = 1
    finish_reason: str = "stop"
    status: int = 200
    retry_after: str | None = None
    error_code: str | None = None
    message: str = "scripted failure"
    fault: str = ""
    fault_after: int = 3
    ignores_limit: bool = False
    lacks_stream_options: bool = False
    gates: Mapping[int, threading.Event] = field(default_factory=dict)


Scripts = Script | Sequence[Script] | Callable[[Request], Script]


class OpenAIServer(LocalServer):
    """Answers /v1/chat/completions, /v1/embeddings and /v1/models; ``script`` may be replaced at any time.

    A sequence of scripts is used one a request, the last one for all that follow; a callable chooses by the request.
    """

    def __init__(self, script: Scripts = Script(), dimension: int = 384, port: int = 0, api_key: str | None = None) -> None:
        """Start listening; with ``api_key`` set, other keys get 401."""
        self.script, self.dimension, self.api_key = script, dimension, api_key
        self._served = 0
        super().__init__(port)
        self.url = f"{self.origin}/v1"

    @property
    def chats(self) -> list[Request]:
        """Return the chat requests so far, in order of arrival."""
        return [request for request in self.requests if request.path == "/v1/chat/completions"]

    def answer(self, request: Request, connection: Connection) -> None:
        """Route one request."""
        if self.api_key is not None and request.headers.get("authorization") != f"Bearer {self.api_key}":
            connection.respond_json(401, error_body("Incorrect API key provided", "invalid_api_key"))
            return
        if request.path == "/v1/models":
            models = [{"id": name, "object": "model", "created": 0, "owned_by": "test"} for name in MODELS]
            self._faulty(self._pick(request), connection) or connection.respond_json(200, {"object": "list", "data": models})
        elif request.path == "/v1/embeddings":
            script = self._pick(request)
            self._faulty(script, connection) or self._embeddings(request, connection, script)
        elif request.path == "/v1/chat/completions":
            script = self._pick(request)
            self._faulty(script, connection) or self._chat(request, connection, script)
        else:
            connection.respond_json(404, error_body("Unknown path", "not_found"))

    def _pick(self, request: Request) -> Script:
        if isinstance(self.script, Script):
            return self.script
        if callable(self.script):
            return self.script(request)
        self._served += 1
        return self.script[min(self._served, len(self.script)) - 1]

    def _faulty(self, script: Script, connection: Connection) -> bool:
        """Answer with the script's error status, or hang before the headers; say whether that ended the request."""
        if script.fault == "hang_headers":
            connection.wait(math.inf)
        if script.status == 200:
            return False
        headers = {} if script.retry_after is None else {"Retry_After": script.retry_after}
        connection.respond_json(script.status, error_body(script.message, script.error_code), **headers)
        return True

    def _embeddings(self, request: Request, connection: Connection, script: Script) -> None:
        body = request.json
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        dimension = body.get("dimensions") or self.dimension
        connection.wait(script.total_s or 0)
        data = []
        for index, text in enumerate(texts):
            vector = array.array("f", hashed_vector(text, dimension))
            packed = base64.b64encode(vector.tobytes()).decode() if body.get("encoding_format") == "base64" else list(vector)
            data.append({"object": "embedding", "index": index, "embedding": packed})
        usage = {"prompt_tokens": sum(map(count_tokens, texts)), "total_tokens": sum(map(count_tokens, texts))}
        if script.fault == "bad_json":
            connection.respond(200, b'{"object": "list", "data": [')
        elif script.fault == "fin":
            connection.write(connection.head(200, "application/json", Content_Length="100000") + b'{"object": "list", "data": [')
            raise ClientGoneError
        else:
            connection.respond_json(200, {"object": "list", "data": data, "model": body.get("model"), "usage": usage})

    def _chat(self, request: Request, connection: Connection, script: Script) -> None:
        body = request.json
        if script.lacks_stream_options and "stream_options" in body:
            connection.respond_json(400, error_body("Unrecognized request argument supplied: stream_options", None))
            return
        answer = script.answer if script.answer is not None else answer_from_prompt(body["messages"])
        tokens = re.findall(r"\s*\S+|\s+$", answer)
        limit = (
            len(tokens) if script.ignores_limit else body.get("max_completion_tokens") or body.get("max_tokens") or len(tokens)
        )
        finish = script.finish_reason if len(tokens) <= limit else "length"
        tokens = tokens[:limit]
        prompt_tokens = sum(count_tokens(str(message.get("content", ""))) for message in body["messages"])
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": len(tokens), "total_tokens": prompt_tokens + len(tokens)}
        if body.get("stream"):
            wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
            self._stream(connection, script, tokens, finish, usage if wants_usage else None)
            return
        connection.wait(script.first_token_s + (script.total_s or script.token_s * len(tokens)))
        message = {"role": "assistant", "content": "".join(tokens)}
        choices = [{"index": 0, "message": message, "finish_reason": finish}]
        connection.respond_json(200, {**COMMON, "object": "chat.completion", "choices": choices, "usage": usage})

    def _stream(
        self, connection: Connection, script: Script, tokens: list[str], finish: str, usage: dict[str, int] | None
    ) -> None:
        connection.write(connection.head(200, "text/event-stream; charset=utf-8", Transfer_Encoding="chunked"))
        pause = script.token_s if script.total_s is None else script.total_s / max(1, len(tokens))
        due = time.monotonic() + script.first_token_s
        size = script.tokens_per_write * script.chunks_per_write
        for start in range(0, len(tokens), size):
            group = tokens[start : start + size]
            connection.wait(due - time.monotonic())
            for gate in (script.gates.get(number) for number in range(start, start + size)):
                while gate is not None and not gate.is_set():
                    connection.wait(0.02)
            if script.fault and start <= script.fault_after < start + size:
                keep = script.fault_after - start
                self._write_tokens(connection, script, group[:keep], first=start == 0)
                if self._break(connection, script.fault):
                    return
                group = group[keep:]
            self._write_tokens(connection, script, group, first=start == 0)
            due += pause * len(group)
        end = [frame({}, finish_reason=finish)]
        if usage is not None:
            end.append(sse({**COMMON, "choices": [], "usage": usage}))
        connection.write(connection.chunk(b"".join([*end, b"data: [DONE]\n\n"])) + connection.chunk(b""))

    def _write_tokens(self, connection: Connection, script: Script, tokens: list[str], first: bool) -> None:
        frames = [frame({"content": token}) for token in tokens]
        if first:
            frames.insert(0, frame({"role": "assistant", "content": ""}))
        size = script.tokens_per_write
        if frames:
            parts = (b"".join(frames[at : at + size]) for at in range(0, len(frames), size))
            connection.write(b"".join(map(connection.chunk, parts)))

    def _break(self, connection: Connection, fault: str) -> bool:
        """Break the stream as told; say whether it ended here."""
        if fault == "empty_choices":
            connection.write(connection.chunk(sse({**COMMON, "choices": [], "prompt_filter_results": []})))
            return False
        if fault == "hang":
            connection.wait(math.inf)
        elif fault == "rst":
            connection.reset()
        elif fault == "fin":
            raise ClientGoneError
        elif fault == "eof":
            connection.write(connection.chunk(b""))
        elif fault == "bad_json":
            connection.write(connection.chunk(b'data: {"choices": [{"delta": {"content": "hal\n\n') + connection.chunk(b""))
        elif fault == "content_filter":
            connection.write(connection.chunk(frame({}, finish_reason="content_filter") + b"data: [DONE]\n\n"))
            connection.write(connection.chunk(b""))
        elif fault == "error_frame":
            connection.write(connection.chunk(sse(error_body("The engine died", "engine_dead"))) + connection.chunk(b""))
        else:
            raise ValueError(f"unknown fault {fault!r}")
        return True


MODELS = ("test-model", "test-embedding")
COMMON: dict[str, Any] = {"id": "chatcmpl-test", "object": "chat.completion.chunk", "created": 0, "model": "test-model"}


def error_body(message: str, code: str | None) -> dict[str, Any]:
    """Build an error body in OpenAI's shape."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


def sse(value: Any) -> bytes:
    """Frame one value as a server-sent event."""
    return f"data: {json.dumps(value)}\n\n".encode()


def frame(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    """Frame one chat chunk."""
    return sse({**COMMON, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]})


def count_tokens(text: str) -> int:
    """Count words, the tokens of this server."""
    return len(text.split())


def hashed_vector(text: str, dimension: int) -> list[float]:
    """Return a unit vector of hashed words and their four-letter stems: texts that share words are near."""
    vector = [0.0] * dimension
    for word in WORD.findall(text.lower()):
        if word in STOP:
            continue
        for feature, weight in ((word, 1.0), (word[:4], 0.5)):
            code = zlib.crc32(feature.encode())
            vector[code % dimension] += weight if code & 0x10000 else -weight
    length = math.sqrt(sum(value * value for value in vector))
    if not length:
        vector[0], length = 1.0, 1.0
    return [value / length for value in vector]


def answer_from_prompt(messages: Sequence[dict[str, Any]]) -> str:
    """Return the line of the prompt's ``[n]`` excerpts that best matches the question, citing it."""
    text = "\n".join(str(message.get("content") or "") for message in messages if message.get("role") != "assistant")
    question = next(str(m.get("content") or "") for m in reversed(messages) if m.get("role") == "user")
    marked = re.findall(r"question\s*:\s*(.+)", question, re.IGNORECASE)
    question = marked[-1] if marked else EXCERPT.split(question)[-1].strip().rsplit("\n\n", 1)[-1]
    wanted = set(WORD.findall(question.lower())) - STOP
    lines = [(n, line, set(WORD.findall(line.lower()))) for n, line in excerpt_lines(text, question)]
    frequency = Counter(word for _, _, words in lines for word in words)
    best, best_score = None, 0.0
    for n, line, words in lines:
        score = sum(1 / frequency[word] ** 0.5 for word in words & wanted) * (1.2 if re.search(r"\d", line) else 1.0)
        if score > best_score:
            best, best_score = (n, line), score
    return f"{best[1].rstrip('.')} [{best[0]}]." if best else "The excerpts do not say."


def excerpt_lines(text: str, question: str) -> Iterator[tuple[int, str]]:
    """Yield (excerpt number, line) for every line that stands under a ``[n]`` marker; the marker's own line names the source."""
    marks = list(EXCERPT.finditer(text))
    for mark, following in zip(marks, [*marks[1:], None], strict=False):
        block = text[mark.end() : following.start() if following else len(text)]
        for line in block.split("\n")[1:] or [block]:
            if line.strip() and question not in line:
                yield int(mark[1]), line.strip()


def main() -> None:
    """Run in an own process."""
    parser = arguments(__doc__)
    parser.add_argument("--script", default="{}", help="a JSON object of Script's fields, or a list of them")
    options = parser.parse_args()
    given = json.loads(options.script)
    script = [Script(**one) for one in given] if isinstance(given, list) else Script(**given)
    serve_until_killed(
        lambda: OpenAIServer(script, options.dimension, options.port, options.api_key), lambda server: f"{server.origin}/v1"
    )


if __name__ == "__main__":
    main()
