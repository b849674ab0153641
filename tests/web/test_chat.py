"""A stream on a server whose threads cannot be interrupted: told to end, it ends with the piece that it waits for."""

from jacie_flask.errors import Unauthorized
from jacie_flask.web.chat import _until_told


def test_pieces_that_are_told_to_end_do_so_and_are_watched_until_then():
    """The reason is thrown in behind the piece that comes next, its last words go out, and nothing is watched any more."""
    ends, seen = [], []

    def pieces():
        try:
            for number in range(9):
                yield b"%d" % number
        except Unauthorized as error:
            yield str(error).encode()

    def watched(end):
        ends.append(end)
        return ends.clear

    for piece in _until_told(pieces(), watched):
        seen.append(piece)
        if piece == b"1":
            ends[0](Unauthorized("revoked"))
    assert seen == [b"0", b"1", b"revoked"]
    assert ends == []
