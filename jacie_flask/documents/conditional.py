"""Reading a document only where its bytes are not those from which something was made before."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from jacie_flask.errors import DocumentUnavailable
from jacie_flask.interfaces import Blob, DocumentStore
from jacie_flask.retries import Budget

Made = TypeVar("Made")


@dataclass(frozen=True)
class Standing(Generic[Made]):
    """What was made of a version that still stands, with that version and the hash of its bytes."""

    version: str
    digest: str
    made: Made


def read_unless_made(
    store: DocumentStore,
    key: str,
    known: tuple[str, str],
    kept: Callable[[str], Made | None],
    budget: Budget | None = None,
) -> Standing[Made] | Blob:
    """Return the bytes, or what is ``kept`` under the hash that is ``known`` (version, hash) where that version still stands.

    Raise DocumentUnavailable or DocumentRejected.
    """
    if not key:
        raise DocumentUnavailable("an entry without an object was asked for", reason="it is not in the store")
    version, digest = known
    made = kept(digest) if digest else None
    blob = store.read(key, unless=version if made is not None else "", budget=budget)
    if blob is not None:
        return blob
    if made is None:
        raise DocumentUnavailable(f"{key}: no bytes for an unconditional read")
    return Standing(version, digest, made)
