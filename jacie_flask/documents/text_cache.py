"""Extracted text on disk by content hash: shared by workers, bounded, safe to delete at any time."""

import hashlib
import threading
from collections import OrderedDict
from pathlib import Path

import msgspec

from jacie_flask.concurrency import breathe, offload
from jacie_flask.documents.bounded_folder import BoundedFolder
from jacie_flask.documents.packing import pack, unpack
from jacie_flask.interfaces import ANALYSIS_VERSION, AnalysedDocument


class TextCache:
    """Analysed documents below ``folder``, at most ``max_bytes`` of them, the most recent few decoded in memory."""

    def __init__(self, folder: Path, *, max_bytes: int = 2_000_000_000, decoded: int = 16) -> None:
        self._files = BoundedFolder(folder, max_bytes=max_bytes, what="texts of documents")
        self._decoded: OrderedDict[str, AnalysedDocument] = OrderedDict()
        self._keep = decoded
        self._lock = threading.Lock()

    def get(self, content_hash: str) -> AnalysedDocument | None:
        """Return what was kept for these bytes, or None."""
        with self._lock:
            if content_hash in self._decoded:
                self._decoded.move_to_end(content_hash)
                return self._decoded[content_hash]
        try:
            found = unpack(self._files.read(_name(content_hash)) or b"", breathe)
        except msgspec.DecodeError:
            return None
        self._remember(found)
        return found

    def put(self, analysed: AnalysedDocument) -> None:
        """Keep a document; the least recently used ones make room."""
        self._files.write(_name(analysed.content_hash), pack(analysed, breathe))
        self._remember(analysed)

    def version(self, document_id: str) -> tuple[str, str]:
        """Return (store version, content hash) of what was last read under this id, or ("", "")."""
        try:
            version, content_hash = (self._files.read(f"{document_id}.version") or b"").decode().split("\n", 1)
        except ValueError:
            return "", ""
        return version, content_hash

    def set_version(self, document_id: str, version: str, content_hash: str) -> None:
        """Remember that this version of the document has these bytes."""
        self._files.write(f"{document_id}.version", f"{version}\n{content_hash}".encode())

    def _remember(self, analysed: AnalysedDocument) -> None:
        with self._lock:
            self._decoded[analysed.content_hash] = analysed
            self._decoded.move_to_end(analysed.content_hash)
            while len(self._decoded) > self._keep:
                self._decoded.popitem(last=False)


def _name(content_hash: str) -> str:
    return f"{content_hash}.v{ANALYSIS_VERSION}.text"


def content_hash(data: bytes) -> str:
    """Return the name of these bytes: BLAKE2b, 20 bytes, in hex."""
    digest: str = offload(_digest, data)
    return digest


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=20).hexdigest()
