"""A stream on a server whose threads cannot be interrupted: told to end, it ends, where it waits and where it is sent."""

import threading

from jacie_flask.access.watch import KeyWatch
from jacie_flask.errors import Unauthorized
from jacie_flask.interfaces import RunInfo
from jacie_flask.runs import reader
from jacie_flask.runs.memory_log import MemoryLog
from jacie_flask.web.watching import until_told
from tests.support.waiting import wait_for


def test_pieces_that_are_told_to_end_do_so_and_are_watched_until_then():
    """The reason is thrown in behind the piece that is being sent, the last words go out, and nothing is watched any more."""
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

    for piece in until_told(pieces(), watched):
        seen.append(piece)
        if piece == b"1":
            ends[0](Unauthorized("revoked"))
        if piece == b"revoked":
            ends[0](Unauthorized("told again while the last piece is sent"))
    assert seen == [b"0", b"1", b"revoked"]
    assert ends == []


def test_a_reader_of_a_silent_run_is_told_at_once_and_no_other_is():
    """It does not wait for the heartbeat, and who else reads the run hears nothing of it."""
    log, looks = MemoryLog(keep_s=60), []
    log.create(RunInfo(run_id="r", request_id="q", mode="chat", created_at=1.0, updated_at=2.0))
    watch = KeyWatch(lambda caller, tenant: "revoked" if caller == "mine" else "", lambda seconds, look: looks.append(look))
    read = {"mine": [], "other": []}

    def read_on(caller):
        pieces = reader.stream(log, "r", reader.START, 3600.0, "q")
        for piece in until_told(pieces, lambda end: watch.enter(caller, "default", end)):
            read[caller].append(piece)

    threads = {caller: threading.Thread(target=read_on, args=(caller,), daemon=True) for caller in read}
    for thread in threads.values():
        thread.start()
    wait_for(lambda: len(watch) == 2 and all(read.values()))
    looks.pop()(), looks.pop()()
    threads["mine"].join(60)
    assert b'"code":"unauthorized"' in read["mine"][-1]
    assert (len(read["mine"]), len(read["other"]), len(watch)) == (2, 1, 1)
    assert threads["other"].is_alive()
    log.record("r").lose(Unauthorized("the test is over"))
    threads["other"].join(60)
