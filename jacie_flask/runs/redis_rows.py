"""What passes between the run log and Redis, that it does not, and how positions and entries lie in a stream."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from jacie_flask.errors import StateLost
from jacie_flask.events import Event, Failure, Progress, Reset, Result, Sources, Token
from jacie_flask.interfaces import Entry, RunInfo
from jacie_flask.runs.reader import Position


class StoreDown(Exception):
    """Redis did not do what it was asked: it cannot be reached, is too slow, full or not what it should be."""


class RecordDamaged(StateLost):
    """What Redis holds of one run, or under one other key, is not what was written; whatever else it holds can be read."""


class Write(msgspec.Struct, frozen=True):
    """Entries that follow what is written of a run; ``info`` as it is after them."""

    info: RunInfo
    entries: Sequence[Entry]
    first: bool


class Row(msgspec.Struct, frozen=True):
    """All that is recorded of a run, and which worker works on it; it ended ``ended_s`` seconds ago by the clock of Redis."""

    info: RunInfo
    owner: str
    entries: list[Entry]
    ended_s: float = 0.0


class News(msgspec.Struct, frozen=True):
    """What ``listen`` heard: the inbox's new position, the words (kind, run ids) in it, new entries by run, and damaged runs."""

    inbox: str
    words: list[tuple[str, str]]
    entries: dict[str, list[Entry]]
    damaged: Sequence[str] = ()


class Facts(msgspec.Struct, frozen=True):
    """What a Redis says of itself: sizes in bytes, ``most_bytes`` 0 for no limit, its clock in seconds since 1970."""

    version: str
    policy: str
    used_bytes: int
    most_bytes: int
    cluster: bool
    clock_s: float


encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Entry]).decode


class _Object(msgspec.Struct, frozen=True):
    """Any JSON object: its syntax is checked, and no object is made of what it contains."""


_read_object = msgspec.json.Decoder(_Object).decode


def _check_result(data: bytes) -> None:
    """Check a result, which may have megabytes: decoded into its parts it would hold up every stream of the worker."""
    data.decode()  # UTF-8 is not checked in what is skipped
    _read_object(data)


_EVENTS: tuple[type[Event], ...] = (Progress, Sources, Token, Reset, Failure)
_CHECKS: dict[tuple[str, bool], Callable[[bytes], object]] = {
    **{(event.name, event.terminal): msgspec.json.Decoder(event).decode for event in _EVENTS},
    (Result.name, Result.terminal): _check_result,
}
"""What checks the JSON of an event, by its name and whether it ends a run."""


def id_of(position: Position) -> str:
    """Return a position as the id of a stream's item."""
    return f"{position[0]}-{position[1]}"


def entries_of(items: Any) -> list[Entry]:
    """Return the entries of a stream's items, each once; raise DecodeError, KeyError, ValueError or RecursionError for damaged ones.

    A write that was not answered in time is made again, with more.
    """
    found: list[Entry] = []
    last = (0, 0)
    for _, fields in items:
        for item in _decode(fields[b"e"]):
            _CHECKS[item.name, item.terminal](item.data)
            if b"\n" in item.data or b"\r" in item.data:
                raise ValueError(f"not one line: {item.data[:40]!r}")
            if (item.attempt, item.offset) > last:
                last = (item.attempt, item.offset)
                found.append(item)
    return found
