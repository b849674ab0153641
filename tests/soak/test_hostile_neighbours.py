"""Hostile documents beside a live stream: no worker dies of them, and the stream goes on; figures go to docs/reliability.md."""

import statistics
import threading
from itertools import pairwise

import pytest

from tests.support import told_model
from tests.support.hostile_documents import cases
from tests.support.jacie import ask, gunicorn
from tests.support.reliability import record
from tests.support.scenarios import at_once
from tests.support.servers import OwnProcess

pytestmark = [pytest.mark.soak, pytest.mark.reliability, pytest.mark.timeout(7200)]

PACE_S, LASTS_S, DEADLINE_S = 0.02, 12.0, 25


class Neighbour:
    """Somebody else's answers, one after the other, fifty words a second: when each piece of them arrived."""

    def __init__(self, url: str) -> None:
        self.gaps: list[float] = []
        self.answers = 0
        self._url = url
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> "Neighbour":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._over.is_set():
            question = told_model.question(self.answers, words=round(LASTS_S / PACE_S), total_s=LASTS_S)
            received = ask(self._url, "/chat/stream", question)
            assert received.terminal.name == "result", received.terminal
            arrived = [frame.at for frame in received.frames if frame.name == "token"]
            self.gaps += [later - earlier for earlier, later in pairwise(arrived)]
            self.answers += 1


def test_hostile_documents_do_not_hold_up_another_stream(tmp_path):
    """Each is asked for through /chat and ends in an answer or an error; the stream beside it has no long gap."""
    collection = tmp_path / "collection"
    collection.mkdir()
    for number, case in enumerate(cases()):
        (collection / f"{number:03} {case.name.replace('/', ' ')[:80]}{case.suffix}").write_bytes(case.build())
    settings = {"JACIE_DOCUMENTS": f"file:{collection}", "JACIE_DEADLINE_S": str(DEADLINE_S)}
    with (
        OwnProcess("told_model.py") as model,
        gunicorn(tmp_path / "data", OPENAI_BASE_URL=model.url, OPENAI_API_KEY="x", **settings) as running,
    ):
        documents = running.get("/documents?limit=500")["documents"]
        with Neighbour(running.url) as alone:
            threading.Event().wait(LASTS_S / 2)

        def asked(document):
            question = {"query": "What was the revenue?", "document_ids": [document["document_id"]]}
            return ask(running.url, "/chat/stream", question, timeout=3 * DEADLINE_S).terminal

        with Neighbour(running.url) as beside:
            ends = at_once([lambda one=one: asked(one) for one in documents], threads=4)
        log = running.log.read_text()
    codes = [end.data["code"] for end in ends if end.name == "error"]
    dead = log.count("Worker exiting") + log.count("was sent SIG") + log.count("Booting worker") - 1
    record("35-hostile-documents", "Hostile documents beside a live stream", _TOLD.format(
        documents=len(documents), answers=beside.answers, words=round(1 / PACE_S),
    ), [{
        "documents": len(documents), "answered": len(ends) - len(codes), "errors": ", ".join(sorted(set(codes))) or "none",
        "dead workers": dead, "longest gap, ms": round(1000 * max(beside.gaps)),
        "99.9 % of gaps below, ms": round(1000 * statistics.quantiles(beside.gaps, n=1000)[-1]),
        "longest gap without them, ms": round(1000 * max(alone.gaps)),
    }])  # fmt: skip
    assert len(documents) >= 200
    assert "internal" not in codes
    assert dead == 0
    assert max(beside.gaps) < 1.0


_TOLD = """{documents} documents built to do harm (bombs, loops, damaged, encrypted, endless, mislabelled), each asked for through
`/chat/stream`, four at a time, while somebody else's answer streamed at {words} words a second ({answers} answers)."""
