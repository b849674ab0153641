"""Hostile documents: each ends in text or in a reason, within its limits, and costs nothing but itself."""

import os
import threading

import msgspec
import pytest

from jacie_flask.documents import extraction
from jacie_flask.documents.extraction import Extractor
from jacie_flask.errors import DocumentRejected
from tests.support.hostile_documents import Case, cases, good

CASES = list(cases())
LIMIT_S = 15.0


@pytest.fixture(scope="module")
def extractor(tmp_path_factory):
    """Return an extractor with little patience that all cases share."""
    made = Extractor(tmp_path_factory.mktemp("spool"), workers=2, timeout_s=LIMIT_S, ocr_s=10)
    yield made
    made.close()


def survives(extractor: Extractor, case: Case) -> str:
    """Read the document and hold what comes of it against what may; return the reason, or nothing for text."""
    try:
        analysed = extractor.analyse(case.build(), suffix=case.suffix, content_hash=case.name)
    except DocumentRejected as error:
        reason = error.reason
        assert 5 < len(reason) < 160, reason
        assert reason.isprintable(), reason
        assert "/" not in reason.replace("OCR", ""), "a reason names no path"
    else:
        reason = ""
        assert 0 < len(analysed.pages) <= 5000
        assert any(page.strip() for page in analysed.pages)
        assert len(msgspec.json.encode(analysed.pages)) < 100_000_000
        assert not any("root:" in page for page in analysed.pages), "a file of this machine was read"
    assert not case.told or reason == case.told
    return reason


def test_there_are_enough():
    """Two hundred and more, and no two alike."""
    assert len(CASES) >= 200
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", [case for case in CASES if not case.slow], ids=lambda case: case.name)
def test_a_hostile_document_costs_itself_only(extractor, case):
    """Text or a reason, in time."""
    survives(extractor, case)


@pytest.mark.soak
@pytest.mark.parametrize("case", [case for case in CASES if case.slow], ids=lambda case: case.name)
def test_a_hostile_document_that_takes_long_costs_itself_only(extractor, case):
    """The same for those that are large, or that run into a limit."""
    survives(extractor, case)
    assert extractor.analyse(good(".pdf"), suffix=".pdf", content_hash="good").pages[0].startswith("Revenue was 10")


def test_between_hostile_documents_good_ones_are_read(extractor):
    """Side by side with bad ones, each good document comes back whole, and as itself."""
    wrong: list[str] = []
    bad = [case for case in CASES if not case.slow][::25]
    over = threading.Event()

    def read_good() -> None:
        while not over.is_set():
            for suffix in (".pdf", ".docx", ".xlsx", ".pptx", ".html", ".md", ".txt"):
                pages = extractor.analyse(good(suffix), suffix=suffix, content_hash=suffix).pages
                if "Revenue" not in pages[0]:
                    wrong.append(pages[0])

    reading = threading.Thread(target=read_good)
    reading.start()
    try:
        for case in bad:
            survives(extractor, case)
    finally:
        over.set()
        reading.join()
    assert wrong == []


def test_nothing_leaks(extractor):
    """After many deaths there are no more open files than before."""
    for _ in range(2):
        extractor.analyse(good(".txt"), suffix=".txt", content_hash="t")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with extractor._child() as child:
            os.kill(child._process.pid, 9)
            child._process.wait()
        extractor.analyse(good(".txt"), suffix=".txt", content_hash="t")
    assert len(os.listdir("/proc/self/fd")) <= before + 2
    assert extraction._LONGEST_ANSWER < 2**31
