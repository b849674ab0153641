"""metadata.json: the description of a collection that lies beside its files, read without trusting a byte of it."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Annotated
from urllib.parse import unquote, unquote_plus, urlsplit

import jiter
import msgspec

from jacie_flask.documents.keys import METADATA, comparable, is_hidden
from jacie_flask.interfaces import StoredObject

MOST_BYTES = 32_000_000
MOST_ENTRIES = 200_000

_Company = Annotated[str, msgspec.Meta(max_length=300)]
_Word = Annotated[str, msgspec.Meta(max_length=300)]
_Number = Annotated[int, msgspec.Meta(ge=0, le=10**12)]


class MetadataError(Exception):
    """metadata.json cannot be used; the text says why, for the operator of the store."""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of metadata.json; the bounds keep a name from costing more than a name should."""

    filename: Annotated[str, msgspec.Meta(max_length=1024)]
    document_link: Annotated[str, msgspec.Meta(max_length=8192)] | None = ""
    document_type: _Word | None = ""
    period: _Word | _Number | None = ""


class Match(msgspec.Struct, frozen=True):
    """The object of an entry: its key, or "" with the reason why there is none, and whether there are too many."""

    key: str
    reason: str = ""
    ambiguous: bool = False


def parse(data: bytes) -> list[tuple[str, Listing]]:
    """Return the entries of metadata.json, each with its company; raise MetadataError."""
    if len(data) > MOST_BYTES:
        raise MetadataError(f"it has {len(data)} bytes, allowed are {MOST_BYTES}")
    try:
        listed = msgspec.convert(
            jiter.from_json(data, allow_inf_nan=False, catch_duplicate_keys=True), dict[_Company, list[Listing]]
        )
    except (ValueError, RecursionError, OverflowError, msgspec.MsgspecError) as error:
        raise MetadataError(_one_line(error)) from error
    entries = [(company, entry) for company, group in listed.items() for entry in group]
    if len(entries) > MOST_ENTRIES:
        raise MetadataError(f"it has {len(entries)} entries, allowed are {MOST_ENTRIES}")
    return entries


class Objects:
    """The objects of a store by path and by name, in one spelling; hidden ones and metadata.json cannot be found here."""

    def __init__(self, objects: Mapping[str, StoredObject]) -> None:
        """Take the objects by key."""
        self._by_path: dict[str, list[str]] = {}
        self._by_name: dict[str, list[str]] = {}
        for key in objects:
            if key != METADATA and not is_hidden(key):
                path = comparable(key)
                self._by_path.setdefault(path, []).append(key)
                self._by_name.setdefault(PurePosixPath(path).name, []).append(key)

    def match(self, entry: Listing) -> Match:
        """Return the object of an entry: by a full path in its name or link before a file name alone; raise MetadataError.

        A link with a folder in it whose end is the path of an object means that object, whatever bucket or site it begins with.
        """
        links = [comparable(path).strip("/") for path in _link_paths(entry)]
        name = comparable(entry.filename)
        ends = {end for path in (name, *links) for end in _ends(path)}
        for path in ([name] if "/" in name else []) + links + sorted(ends, key=len, reverse=True):
            if found := self._by_path.get(path):
                return _only(found)
        for path in (name, *links[:1]):
            if found := self._by_name.get(PurePosixPath(path).name):
                return _only(found)
        return _only([])


def _only(found: list[str]) -> Match:
    if len(found) == 1:
        return Match(found[0])
    if not found:
        return Match("", "it is listed in metadata.json but not in the store")
    named = ", ".join(sorted(found)[:3])
    reason = f"metadata.json does not say which of {len(found)} files it is ({named}): give its path as document_link"
    return Match("", reason, ambiguous=True)


def _link_paths(entry: Listing) -> Iterator[str]:
    """Yield the paths that a link may mean: decoded as a URL, as a form, and as it is written; raise MetadataError."""
    link = entry.document_link or ""
    try:
        parts = urlsplit(link)
    except ValueError as error:
        raise MetadataError(f"document_link of {entry.filename[:100]!r} is no link: {_one_line(error)}") from error
    yield from (unquote(parts.path), unquote_plus(parts.path), parts.path)
    if parts.scheme in ("s3", "file", ""):  # keys and paths, in which ? and # are letters as others are
        yield link.partition("://")[2] or link


def _ends(path: str) -> Iterator[str]:
    """Yield the ends of a path that have a folder in them; of a very deep one those of its last 64 parts."""
    parts = [part for part in path.split("/") if part][-64:]
    for start in range(len(parts) - 1):
        yield "/".join(parts[start:])


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
