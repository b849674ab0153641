"""The child's side of extraction: reads one document after another, confined and within limits, and answers on stdout."""

import importlib
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from jacie_flask.documents import ocr, page_picture
from jacie_flask.documents.analysis import analyse
from jacie_flask.documents.confinement import allow_seconds, confine
from jacie_flask.documents.extraction import _LENGTH, Job, Outcome, PictureJob
from jacie_flask.documents.packing import pack
from jacie_flask.documents.paging import Reading
from jacie_flask.documents.sniffing import kind_of
from jacie_flask.errors import DocumentRejected
from jacie_flask.processes import end_with_parent
from jacie_flask.text.completeness import bounded_notes
from jacie_flask.text.lines import spaced, tidy

_SPENT_KB = 800_000
_NICE = 5  # where processors are short, answers that are being written come first
_CALLED = {"markdown": "Markdown file", "text": "text file", "submission": "EDGAR submission", "": "document"}
_NO_MEMORY = "reading it needs more memory than this server gives"


def read(job: Job, still_at_it: Callable[[], None] = lambda: None) -> Outcome:
    """Return the analysed document, or why there is none."""
    kind = ""
    try:
        kind = kind_of(Path(job.path), job.suffix)
        reading = importlib.import_module(f"jacie_flask.documents.formats.{kind}").read(job, _clock(job, still_at_it))
        if not any(page.strip() for page in reading.pages):
            raise DocumentRejected(reason=_why_empty(reading))
        clean = tidy if kind == "pdf" else spaced  # only the lines of a layout can be torn
        document = analyse(reading.pages, job.content_hash, clean, reading.grids)
        return Outcome(document=pack(msgspec.structs.replace(document, notes=bounded_notes(reading.notes))), spent=_is_spent())
    except DocumentRejected as error:
        return Outcome(reason=error.reason, detail=str(error), spent=_is_spent())
    except MemoryError:
        return Outcome(reason=_NO_MEMORY, detail="MemoryError", spent=True)
    except Exception as error:  # noqa: BLE001  # parsers raise anything on hostile files: its type and text are the outcome's detail, which is logged
        detail = f"{type(error).__name__}: {error}"[:500]
        return Outcome(reason=f"it is not a readable {_CALLED.get(kind, kind.upper())}", detail=detail, spent=_is_spent())


def _clock(job: Job, still_at_it: Callable[[], None]) -> Callable[[], bool]:
    """Return what asks for more time, for as many seconds as a document may take for text recognition."""
    end = time.monotonic() + job.ocr_s

    def more_time() -> bool:
        if time.monotonic() > end:
            return False
        allow_seconds(job.cpu_s)
        still_at_it()
        return True

    return more_time


def _why_empty(reading: Reading) -> str:
    unread = next((note for note in reading.notes if "could not be read" in note), "")
    if "tesseract" in unread and "pictures" in unread:
        return "it is scanned, and no text recognition (tesseract) is installed"
    return f"it holds no text; {unread}" if unread else "it holds no text"


def _is_spent() -> bool:
    """Say whether this process has grown so large that a new one should take its place."""
    try:
        largest = re.search(r"^VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    except OSError:  # not Linux
        return False
    return largest is not None and int(largest[1]) > _SPENT_KB  # ru_maxrss begins with the size of the process that started this


def picture(job: PictureJob) -> Outcome:
    """Return a page as a picture, or why there is none."""
    try:
        return Outcome(picture=page_picture.of(Path(job.path), job.page, job.highlight, job.scale), spent=_is_spent())
    except DocumentRejected as error:
        return Outcome(reason=error.reason, detail=str(error), spent=_is_spent())
    except MemoryError:
        return Outcome(reason="drawing it needs more memory than this server gives", detail="MemoryError", spent=True)


def main() -> None:
    """Answer jobs, one JSON line in, one length-prefixed msgpack message out, until the parent closes the pipe.

    A length of zero says that the answer takes longer and why the parent should wait: pictures are being recognised.
    """
    end_with_parent()
    os.nice(_NICE)
    confine(may_run_programs=bool(ocr.program()))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing a library prints may get between two answers

    def still_at_it() -> None:
        answers.write(_LENGTH.pack(0))
        answers.flush()

    for line in sys.stdin.buffer:
        job = msgspec.json.decode(line, type=Job | PictureJob)
        allow_seconds(job.cpu_s)
        payload = msgspec.msgpack.encode(picture(job) if isinstance(job, PictureJob) else read(job, still_at_it))
        answers.write(_LENGTH.pack(len(payload)) + payload)
        answers.flush()


if __name__ == "__main__":
    main()
