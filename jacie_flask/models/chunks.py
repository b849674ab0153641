"""The chunks of a chat completion: strict on the fields that an answer needs, lenient on all others.

Most chunks are decoded by their types alone. ``loose_chunk`` reads those that differ in a field that is not needed.
"""

import json
import math
from typing import Any

import msgspec

from jacie_flask.events import Usage

_TEXT_PARTS = frozenset({"", "text", "output_text"})
_THINKING_PARTS = frozenset({"thinking", "reasoning", "thought"})
_FAILURE_FIELDS = ("code", "status", "status_code", "detail")
_MOST_TOKENS = 1_000_000_000
_LONG_NUMBER = 18


class Content(msgspec.Struct, gc=False):
    """What a chunk adds to the message."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: Any = None
    function_call: Any = None


class Choice(msgspec.Struct, gc=False):
    """One of the answers that a server writes."""

    delta: Content
    finish_reason: str | None = None
    index: int = 0
    error: Any = None


class Counts(msgspec.Struct, gc=False):
    """Tokens as the server counted them."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None

    def usage(self) -> Usage:
        """Return the counts, each bounded and 0 where it is not known."""
        numbers = (self.prompt_tokens, self.completion_tokens, self.total_tokens)
        prompt, completion, total = (min(max(number or 0, 0), _MOST_TOKENS) for number in numbers)
        return Usage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=total)


class Chunk(msgspec.Struct, gc=False):
    """One event of a stream, or a whole reply."""

    choices: list[Choice]
    usage: Counts | None = None
    error: Any = None


class Malformed(Exception):
    """A field that the answer needs holds what it cannot hold."""


_decoder = msgspec.json.Decoder(Chunk)
decode_chunk, decode_lines = _decoder.decode, _decoder.decode_lines


def read_json(data: bytes) -> Any:
    """Return the value of a JSON text that may hold NaN, infinities, raw control characters, lone surrogates and bytes that are not UTF-8.

    Such bytes become the surrogates U+DC80 to U+DCFF (PEP 383). Raise ValueError.
    """
    try:
        text = data.decode("utf-8", "surrogateescape")
        return json.loads(text, strict=False, parse_int=_whole_number)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def loose_chunk(value: Any, *, answered: bool) -> Chunk:
    """Return the chunk of a decoded JSON value, whatever its unneeded fields hold; raise Malformed.

    A whole message instead of a delta counts where nothing was ``answered`` before: some servers repeat the answer at its end.
    """
    if value is None:
        return Chunk([])
    if not isinstance(value, dict):
        raise Malformed(f"a chunk is {_kind(value)}")
    choices = value.get("choices") or []
    if not isinstance(choices, list):
        raise Malformed(f"choices is {_kind(choices)}")
    read = [_choice(choice, answered) for choice in choices if choice is not None]
    return Chunk(read, _counts(value.get("usage")), value.get("error") or (None if choices else _failure(value)))


def _choice(value: Any, answered: bool) -> Choice:
    if not isinstance(value, dict):
        raise Malformed(f"a choice is {_kind(value)}")
    delta = value.get("delta") or (None if answered else value.get("message"))
    if not delta and value.get("text"):
        delta = {"content": value["text"]}
    if delta and not isinstance(delta, dict):
        raise Malformed(f"a delta is {_kind(delta)}")
    reason, index = value.get("finish_reason"), value.get("index")
    if reason and not isinstance(reason, str):
        reason = json.dumps(reason)
    return Choice(_content(delta or {}), reason or None, index if isinstance(index, int) else 0, value.get("error") or None)


def _content(delta: dict[str, Any]) -> Content:
    text, thought = _text(delta.get("content"))
    refusal = delta.get("refusal")
    thoughts = (delta.get("reasoning_content"), delta.get("reasoning"))
    return Content(
        content=text,
        reasoning="thought" if thought or any(thoughts) else None,
        refusal="refused" if refusal else None,
        tool_calls=delta.get("tool_calls"),
        function_call=delta.get("function_call"),
    )


def _text(content: Any) -> tuple[str, bool]:
    """Return the text of a message's content, and whether thoughts are beside it."""
    if not content:
        return "", False
    if isinstance(content, str):
        return content, False
    if not isinstance(content, (list, dict)):
        raise Malformed(f"content is {_kind(content)}")
    parts = content if isinstance(content, list) else [content]
    thought = any(isinstance(part, dict) and part.get("type") in _THINKING_PARTS for part in parts)
    return "".join(map(_part, parts)), thought


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or (part.get("type") or "") not in _TEXT_PARTS:
        return ""
    text = part.get("text")
    if isinstance(text, dict):
        text = text.get("value")
    return text if isinstance(text, str) else ""


def _counts(usage: Any) -> Counts | None:
    if not isinstance(usage, dict):
        return None
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    counts = [_count(usage.get(name)) for name in names]
    return Counts(*counts) if any(counts) else None


def _count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return int(min(max(value, 0), _MOST_TOKENS))


def _failure(value: dict[str, Any]) -> Any:
    """Return what a chunk without choices says of a failure, None where it says nothing."""
    if value.get("object") == "error":
        return value
    return value if value.get("message") and any(value.get(name) for name in _FAILURE_FIELDS) else None


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONG_NUMBER else float(digits)


def _kind(value: Any) -> str:
    return type(value).__name__
