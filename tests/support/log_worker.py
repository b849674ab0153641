"""A worker without HTTP: a run log in Redis, its runs, and a pipeline that does what its question says.

In process: ``with worker(url) as runs``. In a process of its own, which may be stopped and killed: ``with WorkerProcess(url)``.
"""

if __name__ == "__main__":
    from gevent import monkey

    monkey.patch_all()

import contextlib
import json
import queue
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

sys.path.insert(0, str(Path(__file__).parents[2]))
from jacie_flask import concurrency
from jacie_flask.errors import Overloaded
from jacie_flask.events import Progress, ProgressCallback, Result, Token, Usage
from jacie_flask.interfaces import Claim, Question
from jacie_flask.retries import Budget
from jacie_flask.runs.reader import START, Moved, follow
from jacie_flask.runs.redis_log import RedisLog
from jacie_flask.runs.run import Runs

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Gate:
    """A file that a test makes to let an answer go on, in whichever process it is made."""

    path: Path

    def open(self) -> None:
        """Let it go on."""
        self.path.touch()


@contextlib.contextmanager
def gate() -> Iterator[Gate]:
    """Yield a gate that is closed."""
    with tempfile.TemporaryDirectory() as folder:
        yield Gate(Path(folder, "open"))


def question(
    words: int = 5,
    word_s: float = 0.0,
    silent_s: float = 0.0,
    size: int = 0,
    gate: Gate | None = None,
    before: int = 0,
    **changes: Any,
) -> Question:
    """Return a question whose answer begins after ``silent_s`` and takes ``word_s`` a word of at least ``size`` bytes.

    Word number ``before`` is not said before ``gate`` is open.
    """
    told = {
        "words": words,
        "word_s": word_s,
        "silent_s": silent_s,
        "size": size,
        "before": before,
        "gate": gate and str(gate.path),
    }
    return Question(query=json.dumps(told), mode="chat", **changes)


def answer(asked: Question) -> str:
    """Return the whole answer to a question of ``question``."""
    return "".join(_words(json.loads(asked.query)))


def pipeline(asked: Question, report: ProgressCallback, _: Budget) -> Result:
    """Answer as told, noticing between two words that the run has to end."""
    told = json.loads(asked.query)
    report(Progress(step="start", message="", progress=5, timestamp="", elapsed_ms=0))
    _pause(told["silent_s"], report)
    said = []
    for number, word in enumerate(_words(told)):
        _pause(told["word_s"])
        while told["gate"] and number == told["before"] and not Path(told["gate"]).exists():
            time.sleep(0.01)
            report(Progress(step="gate", message="", progress=6, timestamp="", elapsed_ms=0))
        report(Token(text=word))
        said.append(word)
    return Result(
        response="".join(said), documents_loaded=[], document_selection_message="", conversation_history=None, sources=[],
        citations=[], usage=Usage(), timings_ms={}, model="m", finish_reason="stop", degraded=[], run_id="",
    )  # fmt: skip


def _words(told: dict[str, Any]) -> list[str]:
    return [f"w{number} ".ljust(told["size"], ".") for number in range(told["words"])]


def _pause(seconds: float, report: ProgressCallback | None = None) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 0.2) if report else left)
        if report:
            report(Progress(step="silence", message="", progress=6, timestamp="", elapsed_ms=0))


@contextlib.contextmanager
def worker(url: str, **changes: Any) -> Iterator[Runs]:
    """Join the workers of a Redis from this process; ``changes`` are those of Runs and RedisLog."""
    times = {"deadline_s": 30.0, "keep_s": 30.0, "grace_s": 30.0, "max_runs": 100, **changes}
    bounds = {name: value for name, value in times.items() if name.endswith("bytes")}
    runlog = RedisLog(url, keep_s=times["keep_s"], deadline_s=times["deadline_s"], **bounds)
    runs = Runs(runlog, {"chat": pipeline}, max_runs=times["max_runs"], deadline_s=times["deadline_s"], grace_s=times["grace_s"])
    runlog.attach(runs)
    try:
        yield runs
    finally:
        runlog.close(1.0)


class WorkerProcess:
    """A worker under gevent in a process of its own."""

    def __init__(self, url: str, **changes: Any) -> None:
        """Start it and wait until it has joined."""
        command = [sys.executable, __file__, url, json.dumps(changes)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.name = self._answer()

    def start(self, asked: Question, *, claim: str = "") -> str:
        """Start a run there and return its id."""
        return str(self._tell("start", asked.query, asked.on_disconnect, claim))

    def text(self, run_id: str) -> dict[str, Any]:
        """Read a run there to its end: ``{text, end, degraded}``."""
        return dict(self._tell("text", run_id))

    def follow(self, run_id: str) -> None:
        """Have a reader follow a run there that does not come back when it is sent elsewhere."""
        self._tell("follow", run_id)

    def followed(self, run_id: str) -> str:
        """Return how that reader's stream ended: a code, "result", or "moved"."""
        return str(self._tell("followed", run_id))

    def cancel(self, run_id: str) -> None:
        """Cancel a run there."""
        self._tell("cancel", run_id)

    def leave(self) -> None:
        """Have it leave in an orderly way, with what it has written."""
        self._tell("leave")
        self.process.wait(60)

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """Stop it in the middle."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        """Return the running worker."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def _tell(self, *words: Any) -> Any:
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        return json.loads(self._lines.get(timeout=90))

    def _read(self) -> None:
        with contextlib.suppress(ValueError):  # closed by the test
            for line in self.process.stdout:
                self._lines.put(line)


def read_all(runs: Runs, run_id: str, after: tuple[int, int] = (0, 0), seconds: float = 60) -> list[Any]:
    """Return a run's entries after a position to its end, as a client that comes back when it is told to."""
    found: list[Any] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            found += runs.log.read(run_id, after, 0.5)
        except (Moved, Overloaded):
            time.sleep(0.05)
        if found:
            after = (found[-1].attempt, found[-1].offset)
            if found[-1].terminal:
                return found
    raise AssertionError(f"no end after {seconds} s: {found[-3:]}")


def text_of(entries: list[Any]) -> str:
    """Return the joined tokens of the last attempt."""
    said: list[str] = []
    for item in entries:
        if item.name == "reset":
            said.clear()
        elif item.name == "token":
            said.append(json.loads(item.data)["text"])
    return "".join(said)


def _serve(url: str, changes: dict[str, Any]) -> None:
    with worker(url, **changes) as runs:
        _say(runs.log.worker)
        while line := concurrency.offload(sys.stdin.readline):
            _say(_do(runs, *json.loads(line)))


_FOLLOWED: dict[str, Any] = {}
_ENDS: dict[str, str] = {}


def _follow(runs: Runs, run_id: str) -> None:
    try:
        for entries in follow(runs.log, run_id, START, 5.0):
            if entries and entries[-1].terminal:
                _ENDS[run_id] = json.loads(entries[-1].data).get("code", "result")
    except Moved:
        _ENDS[run_id] = "moved"


def _do(runs: Runs, what: str, *words: str) -> Any:
    if what == "start":
        query, on_disconnect, key = words
        asked = Question(query=query, mode="chat", on_disconnect=on_disconnect)
        return runs.start(secrets.token_hex(8), asked, "q", Claim(key=key, fingerprint=query) if key else None)
    if what == "text":
        entries = read_all(runs, words[0])
        end = json.loads(entries[-1].data)
        return {"text": text_of(entries), "end": end.get("code", "result"), "degraded": end.get("degraded", [])}
    if what == "follow":
        _FOLLOWED[words[0]] = concurrency.spawn(lambda: _follow(runs, words[0]), "reader")
        return None
    if what == "followed":
        until = time.monotonic() + 60
        while words[0] not in _ENDS and time.monotonic() < until:
            time.sleep(0.01)
        return _ENDS[words[0]]
    if what == "cancel":
        return runs.cancel(words[0])
    runs.log.close(1.0)
    _say(None)
    sys.exit()


def _say(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _serve(sys.argv[1], json.loads(sys.argv[2]))
