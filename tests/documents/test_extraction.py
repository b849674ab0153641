"""Extraction in real child processes: good files are read, bad ones cost themselves only, and no child stays behind."""

import contextlib
import fcntl
import io
import os
import signal
import struct
import subprocess
import sys
import termios
import textwrap
import threading
import time
from pathlib import Path

import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from jacie_flask.documents.extraction import Extractor
from jacie_flask.errors import DocumentRejected
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
GOOD = (ROOT / "sample_documents" / "averlinde_foods_2024_annual_report.pdf").read_bytes()
TEXT = b"Revenue was 12 million.\nProfit was 3 million.\n"
DAMAGED = "reading it failed: the file is damaged or hostile"


@pytest.fixture(scope="module")
def spool(tmp_path_factory):
    """Return the folder that files pass through."""
    return tmp_path_factory.mktemp("spool")


@pytest.fixture(scope="module")
def extractor(spool):
    """Return an extractor that this module shares."""
    made = Extractor(spool, workers=2)
    yield made
    made.close()


def pdf(*pages, encryption=None):
    """Return a PDF with a line of text a page."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, encrypt=encryption)
    for page in pages:
        canvas.drawString(72, 700, page)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def reason(extractor, data, suffix=".pdf"):
    """Return the public reason why a document was rejected."""
    with pytest.raises(DocumentRejected) as caught:
        extractor.analyse(data, suffix=suffix, content_hash="h")
    return caught.value.reason


def children():
    """Return the process ids of this process's extraction children."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=False
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "extraction_worker" in line]


def test_a_good_pdf_is_read(extractor, spool):
    """Pages, chunks, terms and the guess come back, and the bytes do not stay on the disk."""
    analysed = extractor.analyse(GOOD, suffix=".pdf", content_hash="h")
    assert analysed.content_hash == "h"
    assert len(analysed.pages) >= 8
    assert "Averlinde" in analysed.pages[0]
    assert analysed.chunks
    assert analysed.body.rows
    assert analysed.guess["period"] == "2024"
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "suffix", "told"),
    [
        (b"", ".pdf", "it is empty"),
        (os.urandom(5000), ".pdf", "it is not a readable PDF"),
        (GOOD[: len(GOOD) // 50], ".pdf", "it is not a readable PDF"),
        (TEXT, ".pdf", "wrong type: it is named .pdf but holds plain text"),
        (pdf("secret", encryption=StandardEncryption("user", "owner")), ".pdf", "it is protected by a password"),
        (pdf(""), ".pdf", "it holds no text"),
        (b"", ".txt", "it is empty"),
        (b" \n\f\n", ".txt", "it holds no text"),
        (b"\xff\xfe\x00", ".txt", "wrong type: it is not text"),
        (os.urandom(5000), ".txt", "wrong type: it is not text"),
        (TEXT, ".docx", "wrong type: it is named .docx but holds plain text"),
        (TEXT, ".odt", "files of type .odt are not read"),
        (pdf(*["p"] * 51), ".pdf", "it has 51 pages; between 1 and 50 are read"),
        (b"\f".join([b"p"] * 51), ".txt", "it has more than 50 pages"),
    ],
    ids=["empty", "garbage", "cut", "text as pdf", "encrypted", "blank", "empty text", "blank text", "cut mark", "garbage as text",
         "text as docx", "odt", "too many pages", "too many text pages"],
)  # fmt: skip
def test_what_cannot_be_read_says_why(extractor, spool, data, suffix, told):
    """The reason is a phrase for people, and the same children go on to read the next file."""
    extractor._max_pages = 50
    assert reason(extractor, data, suffix) == told
    assert list(spool.iterdir()) == []
    assert extractor.analyse(TEXT, suffix=".txt", content_hash="t").pages == [TEXT.decode().strip()]


def test_a_pdf_that_only_its_owner_may_print_is_read(extractor):
    """Permissions without a password to open are no hindrance to reading."""
    protected = pdf("open text", encryption=StandardEncryption("", "owner", canPrint=0))
    assert extractor.analyse(protected, suffix=".pdf", content_hash="p").pages == ["open text"]


def test_a_cut_pdf_costs_itself_only(extractor):
    """Wherever a download broke off, the file is read in part or rejected; nothing else happens."""
    for share in (0.3, 0.6, 0.9, 0.999):
        with contextlib.suppress(DocumentRejected):
            assert extractor.analyse(GOOD[: int(len(GOOD) * share)], suffix=".pdf", content_hash=str(share)).pages
    assert extractor.analyse(TEXT, suffix=".txt", content_hash="t")


@pytest.mark.parametrize(
    ("data", "pages"),
    [
        (b"\xef\xbb\xbfone\r\ntwo", ["one\ntwo"]),
        (b"one\ftwo", ["one", "two"]),
        (b"\n".join(b"line %d" % n for n in range(130)), 3),
        ("früh \u2028 spät\0".encode(), None),
    ],
    ids=["bom", "form feed", "long", "odd"],
)
def test_plain_text_has_pages(extractor, data, pages):
    """Form feeds cut pages, long texts are cut every 60 lines, and odd characters do no harm."""
    analysed = extractor.analyse(data, suffix=".txt", content_hash="x")
    assert pages in (None, analysed.pages, len(analysed.pages))


def test_two_are_read_at_once(spool):
    """With two children two documents overlap, and their answers are not mixed up."""
    extractor = Extractor(spool, workers=2)
    try:
        found = {}

        def read(name):
            found[name] = extractor.analyse(pdf(f"document {name}"), suffix=".pdf", content_hash=name).pages

        threads = [threading.Thread(target=read, args=(str(number),)) for number in range(8)]
        for thread in threads:
            thread.start()
        most = 0
        while any(thread.is_alive() for thread in threads):
            most = max(most, len(children()))
        assert most >= 2
        assert found == {str(number): [f"document {number}"] for number in range(8)}
    finally:
        extractor.close()


@pytest.fixture
def one(spool):
    """Return an extractor with one child of its own."""
    before = children()
    made = Extractor(spool, workers=1)
    made.child = lambda: next(iter(set(children()) - set(before)), None)
    yield made
    made.close()


def unread(child):
    """Return how many bytes wait in the pipe to a child."""
    with open(f"/proc/{child}/fd/0", "rb", buffering=0) as pipe:
        return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


def stopped_in_the_middle(extractor, then):
    """Read a document while its child is frozen, let ``then`` act on the child, and return the reason it was rejected with."""
    extractor.warm()
    child = extractor.child()
    os.kill(child, signal.SIGSTOP)
    told = []
    reading = threading.Thread(target=lambda: told.append(reason(extractor, TEXT, ".txt")))
    reading.start()
    while not unread(child):
        time.sleep(0.005)
    then(child)
    reading.join(60)
    return told[0]


def test_a_child_that_dies_costs_its_document_only(one):
    """Killed in the middle of a document, a child takes nothing else with it: the next document has a new one."""
    assert stopped_in_the_middle(one, lambda child: os.kill(child, signal.SIGKILL)) == DAMAGED
    assert one.analyse(TEXT, suffix=".txt", content_hash="t")


def test_a_child_that_dies_idle_costs_nothing(one):
    """A dead child is replaced before it is asked."""
    one.warm()
    child = one.child()
    os.kill(child, signal.SIGKILL)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert one.analyse(TEXT, suffix=".txt", content_hash="t")


def test_a_document_that_takes_too_long_is_given_up(one):
    """After its time the child is killed, and the next document has a new one."""
    one._timeout_s = 0.3
    one.warm()
    first = one.child()
    assert stopped_in_the_middle(one, lambda _: None) == "reading it took longer than 0.3 s"
    assert not Path(f"/proc/{first}").exists()
    one._timeout_s = 30
    assert one.analyse(TEXT, suffix=".txt", content_hash="t")


def test_closing_ends_the_children(spool):
    """Nothing is left running."""
    extractor = Extractor(spool, workers=1)
    before = set(children())
    extractor.warm()
    assert set(children()) - before
    extractor.close()
    assert set(children()) == before


def test_what_a_killed_process_left_is_swept_up(tmp_path):
    """Old spool files go; those of a process that may still be reading, and files of others, stay."""
    for name in ("extract-old", "extract-new", "other"):
        (tmp_path / name).write_text("x")
    for name in ("extract-old", "other"):
        os.utime(tmp_path / name, (1, 1))
    Extractor(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["extract-new", "other"]


GREAT = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from jacie_flask.documents.extraction import Extractor
great = b"x" * 850_000_000
extractor = Extractor(Path({spool!r}), workers=1)
def child():
    with extractor._child() as one:
        return one._process.pid
first = child()
extractor.analyse(b"found", suffix=".txt", content_hash="h")
print(child() == first)
extractor.close()
"""


def test_the_child_of_a_great_process_is_kept(tmp_path):
    """How much memory the server has taken says nothing of its children: none is replaced after each document."""
    program = GREAT.format(root=str(ROOT), spool=str(tmp_path / "spool"))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "True\n"


PARENT = """
import os, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from jacie_flask.documents.extraction import Extractor
extractor = Extractor(Path({spool!r}), workers=1)
print(extractor.analyse(b"found", suffix=".txt", content_hash="h").pages)
with extractor._child() as child:
    print(open("/proc/%d/environ" % child._process.pid).read().count("hunter2"), child._process.pid, flush=True)
sys.stdin.read()
"""


def test_children_know_no_secrets_and_end_with_their_parent(tmp_path):
    """From any working folder: no key in the child's environment, and no orphan when the parent is killed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT).format(root=str(ROOT), spool=str(tmp_path / "spool"))],
        cwd=tmp_path, env={**environment, "OPENAI_API_KEY": "hunter2"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with parent:
        assert parent.stdout.readline() == "['found']\n"
        count, child = map(int, parent.stdout.readline().split())
        assert count == 0
        parent.kill()
    wait_for(lambda: not Path(f"/proc/{child}").exists())
