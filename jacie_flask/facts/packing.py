"""Tables as compressed bytes: how indexes keep them."""

import zlib
from collections.abc import Sequence

import msgspec

from jacie_flask.facts.values import Table

_decoder = msgspec.msgpack.Decoder(list[Table])
_LEVEL = 6
_LONGEST = 64_000_000


def packed(tables: Sequence[Table]) -> bytes:
    """Return the tables of one document as zlib-compressed msgpack."""
    return zlib.compress(msgspec.msgpack.encode(list(tables)), _LEVEL)


def unpacked(data: bytes) -> list[Table]:
    """Return the tables that ``packed`` made these bytes of; raise ValueError where they are damaged."""
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(data, _LONGEST)
        if not inflater.eof:
            raise ValueError("tables are cut off, or larger than any document's")
        return _decoder.decode(content)
    except (zlib.error, msgspec.DecodeError) as error:
        raise ValueError(str(error)) from error
