"""Any OpenAI-compatible server as a ChatModel: the SDK asks, its bytes are read raw; a read is split, decoded and joined once."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx2
import msgspec
import openai

from jacie_flask import tracing
from jacie_flask.errors import ContentFiltered, JacieError, LLMContextExceeded, LLMIncomplete, LLMTimeout, LLMUnavailable
from jacie_flask.events import Usage
from jacie_flask.interfaces import Delta, Prompt
from jacie_flask.models import http_transport
from jacie_flask.openai_errors import asked_to_wait, trouble
from jacie_flask.retries import TO_THE_END, Budget
from jacie_flask.upstreams import Upstream

_OPENAI_URL = "https://api.openai.com/v1"
_READY_S = 0.5
_LINE_LIMIT = 1 << 20
_CONTEXT_CODES = ("context_length_exceeded", "exceed_context_size")
_CONTEXT_WORDS = (*_CONTEXT_CODES, "context length", "context size", "context window", "prompt is too long")


class _Content(msgspec.Struct, gc=False):
    content: str | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Content | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None


class OpenAIModel:
    """A chat model behind an OpenAI-compatible base URL."""

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str,
        model: str,
        label: str = "",
        context_tokens: int = 128_000,
        small: bool = False,
        connect_timeout_s: float = 2.0,
        read_timeout_s: float = 60.0,
        upstream: Upstream | None = None,
    ) -> None:
        """Keep the settings; ``base_url`` None is OpenAI's own.

        ``read_timeout_s`` bounds the wait for the first byte and for each read after it. A request is tried again before its
        first byte only, as ``upstream`` has it.
        """
        self.label = label or model
        self.context_tokens = context_tokens
        self.small = small
        self._model = model
        self._upstream = upstream or Upstream("model", LLMUnavailable, TO_THE_END)
        timeout = httpx2.Timeout(read_timeout_s, connect=connect_timeout_s)
        # Retries are ours: the SDK's would honour a Retry-After of two minutes and repeat a read timeout.
        self._client = openai.OpenAI(
            base_url=base_url or _OPENAI_URL,
            api_key=api_key or "none",
            timeout=timeout,
            max_retries=0,
            http_client=_http_client(base_url or _OPENAI_URL),
        )
        self._unsupported: frozenset[str] = frozenset()

    def stream(self, prompt: Prompt, budget: Budget | None = None) -> Iterator[Delta]:
        """Yield deltas until one carries a finish reason; closing the iterator closes the upstream connection."""
        with tracing.upstream("model", model=self._model):
            payload = self._upstream.ask(partial(self._open, prompt), budget)
            del prompt  # as long as a model answers, so long its stream would keep what it was asked
            try:
                yield from read_deltas(payload.pieces)
            except httpx2.TimeoutException as error:
                raise LLMTimeout(f"{self._name}: no byte within the read timeout") from error
            except httpx2.HTTPError as error:
                raise LLMIncomplete(f"{self._name}: the stream broke: {error!r}") from error
            finally:
                payload.close()

    def ready(self) -> bool:
        """Say whether the model's server answers right now, within a second."""
        timeout = httpx2.Timeout(_READY_S)
        try:
            self._client.models.with_raw_response.list(timeout=timeout)
        except openai.NotFoundError:
            return True  # the server answers; it only has no such list
        except openai.OpenAIError:
            return False
        return True

    def warm(self) -> None:
        """Import, build and compile all that a first question needs, by answering one without a network."""
        body = b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        transport = httpx2.MockTransport(lambda _: httpx2.Response(200, stream=httpx2.ByteStream(body)))
        with httpx2.Client(transport=transport) as http_client:
            rehearsal = self._client.with_options(http_client=http_client)
            with rehearsal.chat.completions.with_streaming_response.create(**self._arguments(_REHEARSAL)) as response:
                list(read_deltas(http_transport.payload(response.http_response).pieces))
            rehearsal.models.with_raw_response.list()

    @property
    def _name(self) -> str:
        return f"{self._model} at {self._client.base_url.host}"

    def _arguments(self, prompt: Prompt) -> dict[str, Any]:
        """Build the request, without what this server is known not to understand."""
        limit = "max_completion_tokens" if "max_tokens" in self._unsupported else "max_tokens"
        arguments: dict[str, Any] = {
            "model": self._model,
            # As extra body they go as they are: the SDK would walk through each by its types, a millisecond for every question.
            "messages": [],
            "extra_body": {"messages": prompt.messages},
            "stream": True,
            limit: prompt.max_tokens,
            # A compressed stream would be held back until the compressor's window fills.
            "extra_headers": {"Accept-Encoding": "identity"},
        }
        if prompt.patience_s is not None:
            arguments["timeout"] = prompt.patience_s
        if "temperature" not in self._unsupported:
            arguments["temperature"] = prompt.temperature
        if "stream_options" not in self._unsupported:
            arguments["stream_options"] = {"include_usage": True}
        return arguments

    def _open(self, prompt: Prompt) -> http_transport.Payload:
        """Return the raw body of an opened stream, and nothing of the SDK's around it; raise Trouble."""
        while True:
            completions = self._client.chat.completions.with_raw_response
            try:
                return http_transport.payload(completions.create(**self._arguments(prompt)).http_response)
            except openai.BadRequestError as error:
                if self._adapt(error):
                    continue
                raise trouble(error, self._translate(error)) from error
            except openai.OpenAIError as error:
                raise trouble(error, self._translate(error)) from error

    def _adapt(self, error: openai.BadRequestError) -> bool:
        """Remember a parameter that this server refuses by name; say whether the request is now another one."""
        text = str(error).lower()
        refused = next((name for name in ("stream_options", "max_tokens", "temperature") if name in text), None)
        if refused is None or refused in self._unsupported or _is_context(error):
            return False
        self._unsupported |= {refused}
        return True

    def _translate(self, error: openai.OpenAIError) -> JacieError:
        """Turn what the SDK raised before the first byte into an error of ours."""
        detail = f"{self._name}: {error}"
        if isinstance(error, openai.APITimeoutError):
            if isinstance(error.__cause__, httpx2.ConnectTimeout | httpx2.PoolTimeout):
                return LLMUnavailable(f"{self._name}: no connection: {error.__cause__!r}")
            return LLMTimeout(f"{self._name}: no answer within the read timeout")
        if not isinstance(error, openai.APIStatusError):
            return LLMUnavailable(f"{detail}: {error.__cause__!r}")
        if _is_context(error):
            return LLMContextExceeded(detail)
        if error.code == "content_filter":
            return ContentFiltered(detail)
        return LLMUnavailable(detail, retry_after_s=asked_to_wait(error))


def _http_client(base_url: str) -> httpx2.Client | None:
    """Return what the SDK sends with, by its own defaults; None is its own client, which knows proxies."""
    if not http_transport.serves(httpx2.URL(base_url)):
        return None
    return openai.DefaultHttpxClient(transport=http_transport.Transport())


_REHEARSAL = Prompt(messages=[{"role": "user", "content": "a"}], max_tokens=1)


def read_deltas(blocks: Iterator[bytes]) -> Iterator[Delta]:
    """Decode the raw body of a chat stream: one Delta for the text of each block, a last one with finish reason and usage.

    Run it to its end and the connection can be used again. Raise LLMIncomplete for bad JSON and for an end without finish
    reason, ContentFiltered where the provider stopped, LLMContextExceeded where it says so inside the stream.
    """
    body = _Body()
    try:
        for block in blocks:
            text = body.feed(block)
            del block  # the next one may be long in coming
            if text:
                yield text
            if body.problem:
                raise body.problem
            if body.done:
                break
        else:
            if text := body.feed(b"\n"):
                yield text
    except httpx2.HTTPError:
        if body.finish is None:
            raise
    yield body.last()
    try:
        for _ in blocks:
            pass
    except httpx2.HTTPError:
        return


class _Body:
    """One chat stream while its bytes arrive."""

    def __init__(self) -> None:
        self.finish: str | None = None
        self.problem: JacieError | None = None
        self.done = False
        self._usage: _Usage | None = None
        self._rest = b""
        self._texts: list[str] = []

    def feed(self, block: bytes) -> Delta | None:
        """Take the whole lines of a block and return their joined text; what is wrong goes to ``problem``."""
        whole, _, self._rest = (self._rest + block).rpartition(b"\n")
        if len(self._rest) > _LINE_LIMIT:
            self.problem = LLMIncomplete("a line of the model's stream has no end")
        if whole.endswith(_LAST_LINES):
            whole = whole[: -len(_LAST_LINES)]
            self.done = True
        self._texts = []
        chunks = _decode_frames(whole)
        if chunks is not None:
            self._take(chunks)
        else:
            self._take_lines(whole)
        return Delta(text="".join(self._texts), tokens=len(self._texts)) if self._texts else None

    def last(self) -> Delta:
        """Return the closing delta; raise LLMIncomplete or what else went wrong."""
        if self.problem:
            raise self.problem
        if self.finish is None:
            raise LLMIncomplete("the model's stream ended without a finish reason")
        return Delta(finish_reason=self.finish, usage=_counted(self._usage) if self._usage else None)

    def _take_lines(self, whole: bytes) -> None:
        """Take one line after the other, up to the one that is wrong."""
        for line in whole.split(b"\n"):
            if not line.startswith(b"data:"):
                continue
            data = line[5:].strip()
            if data == b"[DONE]":
                self.done = True
            elif data and not self.problem:
                try:
                    self._take([_decode(data)])
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    self.problem = LLMIncomplete(f"the model's stream holds a frame that is not JSON: {error}")

    def _take(self, chunks: list[_Chunk]) -> None:
        """Take decoded frames; nothing counts after the first problem."""
        take = self._texts.append
        for chunk in chunks:
            if self.problem:
                return
            if chunk.error is not None:
                self.problem = _error_frame(chunk.error)
            if chunk.usage is not None:
                self._usage = chunk.usage
            for choice in chunk.choices or ():
                if choice.delta is not None and choice.delta.content:
                    take(choice.delta.content)
                if choice.finish_reason:
                    self._finished(choice.finish_reason)

    def _finished(self, reason: str) -> None:
        """Note why the answer ended."""
        self.finish = reason
        if reason == "content_filter":
            self.problem = ContentFiltered("the provider's content filter ended the answer")


def _counted(usage: _Usage) -> Usage:
    return Usage(
        prompt_tokens=usage.prompt_tokens or 0,
        completion_tokens=usage.completion_tokens or 0,
        total_tokens=usage.total_tokens or 0,
    )


_decoder = msgspec.json.Decoder(_Chunk)
_decode, _decode_lines = _decoder.decode, _decoder.decode_lines
_DATA = b"\ndata: "
_LAST_LINES = b"\ndata: [DONE]\n"


def _decode_frames(whole: bytes) -> list[_Chunk] | None:
    """Decode lines that are all data, in one pass; None where anything else is among them, or anything is wrong.

    No JSON text holds a raw line end, so taking the field names away cannot touch a value.
    """
    named = b"\n" + whole
    lines = named.replace(_DATA, b"\n")
    try:
        chunks = _decode_lines(lines)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return chunks if len(named) - len(lines) == (len(_DATA) - 1) * len(chunks) else None


def _error_frame(error: object) -> JacieError:
    """Return what an error inside a stream means."""
    text = str(error)
    return LLMContextExceeded(text) if _says_context(text) else LLMIncomplete(f"the model's stream holds an error: {text}")


def _is_context(error: openai.APIStatusError) -> bool:
    """Say whether a refusal is about the prompt's length; servers differ in code, type and words."""
    return error.status_code in (400, 413, 422) and _says_context(f"{error.code} {error.type} {error}")


def _says_context(text: str) -> bool:
    text = text.lower()
    return any(words in text for words in _CONTEXT_WORDS)
