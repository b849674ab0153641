"""The names of objects in a store: which of them are hidden, and how two spellings of a name are compared."""

import hashlib
import unicodedata
from pathlib import PurePosixPath

METADATA = "metadata.json"


def is_hidden(key: str) -> bool:
    """Say whether an object is hidden: its name or a folder on its way begins with a dot, or the key is no name at all."""
    parts = PurePosixPath(key).parts
    return not parts or any(part.startswith(".") for part in parts)


def comparable(name: str) -> str:
    """Return a name in Unicode's composed form (NFC): macOS and Windows write the same letters in different ways."""
    return unicodedata.normalize("NFC", name)


def document_id(key: str) -> str:
    """Return the public id of a store's key: a one-way hash, BLAKE2b of 12 bytes in hex."""
    return hashlib.blake2b(key.encode(), digest_size=12, person=b"jacie-document").hexdigest()
