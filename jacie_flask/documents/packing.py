"""Analysed documents as bytes, in pieces that each take a moment: what runs beside them is never held up for a whole report."""

import struct
from collections.abc import Callable, Iterator, Sequence

import msgspec

from jacie_flask.facts.values import Table
from jacie_flask.interfaces import AnalysedDocument, Chunk

_LENGTH = struct.Struct("<I")
_PIECE_CHARS = 500_000
_PIECE_ITEMS = 4_000


class _Piece(msgspec.Struct, frozen=True, array_like=True):
    """Pages, chunks and tables that follow one another."""

    pages: list[str] = []
    chunks: list[Chunk] = []
    tables: list[Table] = []


class _Head(msgspec.Struct, frozen=True, array_like=True):
    """The document without its pages, chunks and tables, and how many of each follow."""

    bare: AnalysedDocument
    pages: int
    chunks: int
    tables: int


_head_decoder = msgspec.msgpack.Decoder(_Head)
_piece_decoder = msgspec.msgpack.Decoder(_Piece)
_encoder = msgspec.msgpack.Encoder()


def pack(document: AnalysedDocument, between: Callable[[], None] = lambda: None) -> bytes:
    """Return the document as length-prefixed msgpack pieces; ``between`` is called after each."""
    packed: list[bytes] = []
    for piece in _pieces(document):
        data = _encoder.encode(piece)
        packed += (_LENGTH.pack(len(data)), data)
        between()
    return b"".join(packed)


def unpack(data: bytes, between: Callable[[], None] = lambda: None) -> AnalysedDocument:
    """Return the document that ``pack`` made these bytes of; raise msgspec.DecodeError where they are not whole."""
    pages: list[str] = []
    chunks: list[Chunk] = []
    tables: list[Table] = []
    parts = _parts(memoryview(data))
    head = _head_decoder.decode(next(parts, b""))
    for part in parts:
        between()
        piece = _piece_decoder.decode(part)
        pages += piece.pages
        chunks += piece.chunks
        tables += piece.tables
    if (len(pages), len(chunks), len(tables)) != (head.pages, head.chunks, head.tables):
        counts = f"{len(pages)} of {head.pages} pages, {len(chunks)} of {head.chunks} chunks"
        raise msgspec.DecodeError(f"{counts}, {len(tables)} of {head.tables} tables")
    return msgspec.structs.replace(head.bare, pages=pages, chunks=chunks, tables=tables)


def _pieces(document: AnalysedDocument) -> Iterator[_Head | _Piece]:
    bare = msgspec.structs.replace(document, pages=[], chunks=[], tables=[])
    yield _Head(bare, len(document.pages), len(document.chunks), len(document.tables))
    yield from (_Piece(pages=document.pages[start:end]) for start, end in _spans([len(page) for page in document.pages]))
    yield from (_Piece(chunks=document.chunks[start:end]) for start, end in _spans([len(one.text) for one in document.chunks]))
    yield from (_Piece(tables=document.tables[start:end]) for start, end in _spans([_size(one) for one in document.tables]))


def _size(table: Table) -> int:
    """Return about how many characters a table has."""
    return sum(100 + len(row.text) * 2 + 40 * len(row.cells) for row in table.rows)


def _spans(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield where pieces begin and end; one item alone may be larger than a piece."""
    start = held = 0
    for place, size in enumerate(sizes):
        if place > start and (held + size > _PIECE_CHARS or place - start >= _PIECE_ITEMS):
            yield start, place
            start, held = place, 0
        held += size
    if start < len(sizes):
        yield start, len(sizes)


def _parts(data: memoryview) -> Iterator[memoryview]:
    at = 0
    while at < len(data):
        if at + _LENGTH.size > len(data):
            raise msgspec.DecodeError("a piece without a length")
        end = at + _LENGTH.size + _LENGTH.unpack_from(data, at)[0]
        if end > len(data):
            raise msgspec.DecodeError("a piece is cut off")
        yield data[at + _LENGTH.size : end]
        at = end
