"""Any OpenAI-compatible server as a ChatModel: the SDK asks, and ``ChatStream`` reads the bytes of the reply."""

import logging
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx2
import openai

from jacie_flask import tracing
from jacie_flask.errors import ContentFiltered, JacieError, LLMContextExceeded, LLMIncomplete, LLMTimeout, LLMUnavailable
from jacie_flask.interfaces import Delta, Prompt
from jacie_flask.models import http_transport
from jacie_flask.models.chat_stream import ChatStream, read_deltas, says_context, says_filtered
from jacie_flask.openai_errors import asked_to_wait, trouble
from jacie_flask.redaction import redactor
from jacie_flask.retries import TO_THE_END, Budget
from jacie_flask.upstreams import Upstream

_OPENAI_URL = "https://api.openai.com/v1"
_READY_S = 0.5
_LOGGED_CHARS = 2000
_MAY_BE_REFUSED = ("stream_options", "max_completion_tokens", "max_tokens", "temperature")

log = logging.getLogger(__name__)


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
        self.absent = False
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
        self._redact = redactor([api_key])
        self._unsupported: frozenset[str] = frozenset()
        self._thinks_untagged = False

    def stream(self, prompt: Prompt, budget: Budget | None = None) -> Iterator[Delta]:
        """Yield deltas until one carries a finish reason; closing the iterator closes the upstream connection."""
        with tracing.upstream("model", model=self._model):
            payload = self._upstream.ask(partial(self._open, prompt), budget)
            del prompt  # as long as a model answers, so long its stream would keep what it was asked
            chat_stream = ChatStream(payload.pieces, payload.bound, withhold=self._thinks_untagged)
            try:
                yield from chat_stream.deltas()
                self._thinks_untagged = chat_stream.untagged
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

    def _arguments(self, prompt: Prompt, without: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Build the request, ``without`` the parameters that this server refuses."""
        arguments: dict[str, Any] = {
            "model": self._model,
            # As extra body they go as they are: the SDK would walk through each by its types, a millisecond for every question.
            "messages": [],
            "extra_body": {"messages": prompt.messages},
            "stream": True,
            # A compressed stream would be held back until the compressor's window fills.
            "extra_headers": {"Accept-Encoding": "identity"},
        }
        if prompt.patience_s is not None:
            arguments["timeout"] = prompt.patience_s
        if "max_tokens" not in without:
            arguments["max_tokens"] = prompt.max_tokens
        elif "max_completion_tokens" not in without:
            arguments["max_completion_tokens"] = prompt.max_tokens
        if "temperature" not in without:
            arguments["temperature"] = prompt.temperature
        if "stream_options" not in without:
            arguments["stream_options"] = {"include_usage": True}
        return arguments

    def _open(self, prompt: Prompt) -> http_transport.Payload:
        """Return the raw body of an opened stream, and nothing of the SDK's around it; raise Trouble."""
        without = self._unsupported
        completions = self._client.chat.completions.with_raw_response
        while True:
            try:
                response = completions.create(**self._arguments(prompt, without)).http_response
            except openai.OpenAIError as error:
                self._log_rejection(error)
                refused = self._refused_parameter(error, self._arguments(prompt, without))
                if not refused:
                    raise trouble(error, self._translate(error)) from error
                without |= {refused}
            else:
                self._unsupported |= without
                return http_transport.payload(response)

    def _refused_parameter(self, error: openai.OpenAIError, sent: dict[str, Any]) -> str:
        """Return the parameter of the request that a refusal names, "" where it names none."""
        if not isinstance(error, openai.BadRequestError | openai.UnprocessableEntityError):
            return ""
        if _is_context(error) or says_filtered(error.code, error.type):
            return ""
        candidates = [name for name in _MAY_BE_REFUSED if name in sent]
        if error.param in candidates:
            return str(error.param)
        named = set(re.findall(r"[a-z_]+", f"{error} {error.response.text}".lower()))
        return next((name for name in candidates if name in named), "")

    def _log_rejection(self, error: openai.OpenAIError) -> None:
        if isinstance(error, openai.APIStatusError):
            body = self._redact(error.response.text[:_LOGGED_CHARS])
            log.warning("%s refused a request with status %d: %s", self._name, error.status_code, body)

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
        if says_filtered(error.code, error.type):
            return ContentFiltered(detail)
        return LLMUnavailable(detail, retry_after_s=asked_to_wait(error))


def _http_client(base_url: str) -> httpx2.Client | None:
    """Return what the SDK sends with, by its own defaults; None is its own client, which knows proxies."""
    if not http_transport.serves(httpx2.URL(base_url)):
        return None
    return openai.DefaultHttpxClient(transport=http_transport.Transport())


_REHEARSAL = Prompt(messages=[{"role": "user", "content": "a"}], max_tokens=1)


def _is_context(error: openai.APIStatusError) -> bool:
    """Say whether a refusal is about the prompt's length; servers differ in code, type and words."""
    return error.status_code in (400, 413, 422) and says_context(f"{error.code} {error.type} {error}")
