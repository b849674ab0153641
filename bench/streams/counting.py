"""What a client really received: every character of every answer, or the measurement does not count."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bench.streams.plan import Plan, end_of_last_stamp, stamps, words

_EVENTS = re.compile(rb"event: token\r?\ndata: ([^\r\n]+)\r?\n\r?\n")
_RESULT = re.compile(rb"event: result\r?\ndata: ([^\r\n]+)\r?\n\r?\n")
_CHUNKS = re.compile(rb"data: (\{[^\n]+\})\n\n")
_CARRY = 64


class Missing(Exception):
    """Text that the upstream sent did not arrive, or not as it was sent."""


@dataclass(frozen=True)
class Dialect:
    """How a contender writes: what its first event and its first token hold, and how the texts are found."""

    first_event: bytes
    first_token: bytes
    result: bytes
    has_result: bool


EVENTS = Dialect(b"event: progress", b"event: token", b"event: result", True)
CHUNKS = Dialect(b"data: ", b'"delta":{"content"', b'"finish_reason":"stop"', False)


def unchunked(raw: bytes) -> bytes:
    """Return the body of an HTTP response in chunks, as far as it came."""
    _, _, rest = raw.partition(b"\r\n\r\n")
    parts = []
    at = 0
    while (line := rest.find(b"\r\n", at)) > 0:
        size = int(rest[at:line], 16)
        if size == 0:
            break
        parts.append(rest[line + 2 : line + 2 + size])
        at = line + 4 + size
    return b"".join(parts)


def texts(body: bytes, dialect: Dialect) -> list[str]:
    """Return the texts of all token events in order."""
    if dialect.has_result:
        return [json.loads(data)["text"] for data in _EVENTS.findall(body)]
    choices = [choice for data in _CHUNKS.findall(body) for choice in json.loads(data)["choices"]]
    return [text for choice in choices if (text := choice["delta"].get("content"))]


def check_whole(raw: bytes, dialect: Dialect, plan: Plan) -> None:
    """Raise Missing unless a finished stream holds exactly the plan's answer, and its result says the same."""
    body = unchunked(raw)
    said = "".join(texts(body, dialect))
    if plan.rate:
        _check_numbers(said, plan.tokens)
    elif said != "".join(words(plan.tokens)):
        raise Missing(f"{len(said)} of {sum(map(len, words(plan.tokens)))} characters: {_end_of(body)}")
    if dialect.has_result:
        _check_result(body, said)


def check_so_far(raw: bytes, dialect: Dialect) -> int:
    """Return how many paced tokens an unfinished stream holds; raise Missing when one before the last is not there."""
    said = "".join(texts(unchunked(raw), dialect))
    count = len(stamps(said.encode()))
    _check_numbers(said, count)
    return count


def _check_numbers(said: str, expected: int) -> None:
    numbers = [number for number, _ in stamps(said.encode())]
    if numbers != list(range(expected)):
        raise Missing(f"{len(numbers)} of {expected} tokens in order")


def _check_result(body: bytes, said: str) -> None:
    results = _RESULT.findall(body)
    if len(results) != 1:
        raise Missing(f"{len(results)} results: {_end_of(body)}")
    if json.loads(results[0])["response"] != said:
        raise Missing("the result's response is not the joined tokens")


def _end_of(body: bytes) -> str:
    return f"...{body[-300:].decode('utf-8', 'replace')}"


def arrivals(times: Sequence[float], pieces: Sequence[bytes], dialect: Dialect) -> list[tuple[float, float]]:
    """Return (when it came, seconds since it was sent) of every paced token before the result, in order."""
    found: list[tuple[float, float]] = []
    carry = b""
    for time, piece in zip(times, pieces, strict=True):
        data = carry + piece
        end = data.find(dialect.result)
        if end >= 0:
            data = data[:end]
        found.extend((time, time - sent) for _, sent in stamps(data))
        if end >= 0:
            break
        carry = data[end_of_last_stamp(data) :][-_CARRY:]
    return found
