"""The parent's side of extraction: a few sandboxed child processes that turn bytes into text, replaced when they fail."""

import contextlib
import os
import queue
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from jacie_flask import keeping
from jacie_flask.concurrency import breathe, offload
from jacie_flask.data_folder import places_for
from jacie_flask.documents.packing import unpack
from jacie_flask.errors import DocumentRejected, NotFound, Overloaded
from jacie_flask.interfaces import AnalysedDocument, PagePicture
from jacie_flask.processes import import_path

_LENGTH = struct.Struct("<Q")
_SPOOLED = "extract-"
_LEFT_BEHIND_S = 3600.0
_LONGEST_ANSWER = 400_000_000
_DYING_S = 1.0


class Job(msgspec.Struct, frozen=True, tag="text"):
    """What a child is asked: the file with the bytes, its name's ending, its hash, and how much reading it may take.

    ``cpu_s`` seconds of processor time; ``ocr_s`` seconds more, by the clock, for recognising pages that are pictures.
    """

    path: str
    suffix: str
    content_hash: str
    max_pages: int
    cpu_s: float = 120.0
    ocr_s: float = 600.0


class PictureJob(msgspec.Struct, frozen=True, tag="picture"):
    """What a child is asked: the file with the bytes, the page from 1, the passage to mark and pixels a point."""

    path: str
    page: int
    highlight: str
    scale: float
    cpu_s: float = 120.0
    ocr_s: float = 0.0


class Outcome(msgspec.Struct, frozen=True):
    """What a child answers: the packed document or the picture, or the public reason why there is none.

    ``spent`` asks for a new child.
    """

    document: bytes = b""
    reason: str = ""
    detail: str = ""
    picture: PagePicture | None = None
    spent: bool = False


class Extractor:
    """At most ``workers`` children at once; a document has ``timeout_s`` seconds, or its child is killed with its group.

    Pages that are pictures are recognised for up to ``ocr_s`` seconds beyond that, and ``timeout_s`` for each. Whoever waits longer
    than ``patience_s`` for a child gets Overloaded.
    """

    def __init__(
        self,
        folder: Path,
        *,
        workers: int = 2,
        timeout_s: float = 120.0,
        ocr_s: float = 600.0,
        max_pages: int = 5000,
        patience_s: float | None = None,
    ) -> None:
        self._folder = folder
        self._timeout_s = timeout_s
        self._ocr_s = ocr_s
        self._patience_s = patience_s
        self._max_pages = max_pages
        self._idle: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(workers):
            self._idle.put(None)
        _sweep(folder)

    def analyse(self, data: bytes, *, suffix: str, content_hash: str) -> AnalysedDocument:
        """Return the text and terms of a document; raise DocumentRejected with the reason when it cannot be read."""
        with self._spooled(data) as path, self._child() as child:
            job = Job(str(path), suffix, content_hash, self._max_pages, self._timeout_s, self._ocr_s)
            outcome = child.ask(job, self._timeout_s)
        if not outcome.document:
            raise DocumentRejected(outcome.detail, reason=outcome.reason)
        return unpack(outcome.document, breathe)

    def draw(self, data: bytes, *, page: int, highlight: str, scale: float) -> PagePicture:
        """Return a page of a PDF as a picture; raise DocumentRejected with the reason, NotFound where it has no such page."""
        with self._spooled(data) as path, self._child() as child:
            outcome = child.ask(PictureJob(str(path), page, highlight, scale, self._timeout_s), self._timeout_s)
        if outcome.picture is None:
            raise DocumentRejected(outcome.detail, reason=outcome.reason)
        if not outcome.picture.png:
            raise NotFound(f"there are {outcome.picture.pages} pages")
        return outcome.picture

    def warm(self) -> None:
        """Start one child ahead of the first document."""
        with self._child():
            pass

    def close(self) -> None:
        """End all idle children."""
        with contextlib.suppress(queue.Empty):
            while True:
                child = self._idle.get_nowait()
                if child:
                    child.kill()

    @contextlib.contextmanager
    def _spooled(self, data: bytes) -> Iterator[Path]:
        path = self._written(data)
        try:
            yield path
        finally:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def _written(self, data: bytes) -> Path:
        """Write the bytes where a child finds them, in memory where the folder has no room; raise Overloaded."""
        reason: OSError | None = None
        for folder in places_for(self._folder):
            try:
                return _spool(folder, data)
            except OSError as error:
                reason = error
                keeping.failed("documents while they are read", error)
        raise Overloaded(f"no place to write a document to: {reason}", retry_after_s=5)

    @contextlib.contextmanager
    def _child(self) -> Iterator["_Child"]:
        try:
            child = self._idle.get(timeout=self._patience_s)
        except queue.Empty:
            raise Overloaded(f"all children were busy for {self._patience_s} s", retry_after_s=5) from None
        try:
            child = _living(child) or _Child()
            yield child
        finally:
            self._idle.put(_living(child))


def _spool(folder: Path, data: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=_SPOOLED)
    try:
        with os.fdopen(handle, "wb") as file:
            offload(file.write, data)
    except BaseException:  # a full disk, or a kill of the greenlet: the file goes, and the caller hears of it
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _living(child: "_Child | None") -> "_Child | None":
    """Return the child if it lives; of a dead one the pipes are closed."""
    if child is not None and not child.alive():
        child.kill()
        return None
    return child


class _Child:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jacie_flask.documents.extraction_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**_bare_environment(), "PYTHONPATH": import_path(), "JACIE_PARENT_PID": str(os.getpid())},
        )
        self._killed = False

    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        if not self._killed:
            self._killed = True  # also when it is dead itself: a program that it started may live on in its group
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe:
                    pipe.close()

    def ask(self, job: Job | PictureJob, timeout_s: float) -> Outcome:
        patience = _Patience(timeout_s, timeout_s + job.ocr_s, self.kill)
        try:
            outcome = self._exchange(job, patience)
        except (OSError, EOFError, ValueError, msgspec.DecodeError) as error:
            ended = self._ended()
            self.kill()
            if patience.over or ended == -signal.SIGXCPU:
                return Outcome(reason=f"reading it took longer than {timeout_s:g} s", detail=str(error))
            detail = f"extraction child died ({ended}): {error}"
            return Outcome(reason="reading it failed: the file is damaged or hostile", detail=detail)
        except BaseException:
            self.kill()  # the caller was stopped in the middle of an exchange: the child's next answer would be this one
            raise
        finally:
            patience.end()
        if outcome.spent:
            self.kill()
        return outcome

    def _ended(self) -> int | None:
        """Return how the child ended: its pipe closes a moment before that is known. None while it goes on."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(_DYING_S)
        return None

    def _exchange(self, job: Job | PictureJob, patience: "_Patience") -> Outcome:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise OSError("no pipes")
        stdin.write(msgspec.json.encode(job) + b"\n")
        stdin.flush()
        while (size := _length(stdout.read(_LENGTH.size))) == 0:
            patience.renew()
        if size > _LONGEST_ANSWER:
            raise ValueError(f"an answer of {size} bytes")
        return msgspec.msgpack.decode(stdout.read(size), type=Outcome)


class _Patience:
    """Calls ``give_up`` when nothing was heard for ``seconds``, or when ``at_most`` seconds are over."""

    def __init__(self, seconds: float, at_most: float, give_up: Callable[[], None]) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + at_most
        self._give_up = give_up
        self.over = False
        self._timer = self._started(seconds)

    def renew(self) -> None:
        self._timer.cancel()
        self._timer = self._started(min(self._seconds, max(0.0, self._end - time.monotonic())))

    def end(self) -> None:
        self._timer.cancel()

    def _started(self, seconds: float) -> threading.Timer:
        timer = threading.Timer(seconds, self._run_out)
        timer.daemon = True
        timer.start()
        return timer

    def _run_out(self) -> None:
        self.over = True
        self._give_up()


def _length(header: bytes) -> int:
    if len(header) < _LENGTH.size:
        raise EOFError("no answer")
    return int(_LENGTH.unpack(header)[0])


def _sweep(folder: Path) -> None:
    """Delete what processes that were killed left in the folder."""
    for path in folder.glob(f"{_SPOOLED}*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _LEFT_BEHIND_S:
                path.unlink()


def _bare_environment() -> dict[str, str]:
    """Return the little of the environment that a child needs: no key reaches the process that reads hostile files."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "VIRTUAL_ENV", "TMPDIR", "LD_LIBRARY_PATH")
    single = {"OMP_THREAD_LIMIT": "1", "OPENBLAS_NUM_THREADS": "1"}  # as many children as there are processors do the work
    return {name: os.environ[name] for name in kept if name in os.environ} | single
