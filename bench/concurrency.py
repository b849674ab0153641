"""Many questions at once on one worker, against a model that takes ten seconds: how much longer each takes than one alone.

``python bench/concurrency.py [--questions 64] [--alone 3] [--mode fast_chat|chat]``; ``make concurrency``.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.support.jacie import ROOT, Running, ask, gunicorn, ingest
from tests.support.servers import OwnProcess

MODES = ("fast_chat", "chat")
WORDS = 200
MODEL = {"answer": "word " * WORDS, "first_token_s": 1.0, "total_s": 9.0}
"""A second until its first token, then an even pace: 22 tokens a second, 10 s in all."""


@dataclass(frozen=True)
class Asked:
    """One question: seconds from asking until its first token and until its result."""

    first_token_s: float
    result_s: float


@dataclass(frozen=True)
class Compared:
    """A mode's medians, alone and among ``count`` at once; ``slowest_s`` is the last of these."""

    mode: str
    count: int
    alone_s: float
    together_s: float
    slowest_s: float
    first_token_alone_s: float
    first_token_together_s: float

    @property
    def slower(self) -> float:
        """How much longer the median question takes among others: 0.05 is 5 %."""
        return self.together_s / self.alone_s - 1

    def row(self) -> dict[str, str]:
        """Return the figures as a row of a table."""
        return {
            "way": f"/{self.mode}/stream",
            "alone, p50": f"{self.alone_s:.2f} s",
            f"{self.count} at once, p50": f"{self.together_s:.2f} s",
            "difference": f"{self.slower:+.1%}",
            "slowest": f"{self.slowest_s:.2f} s",
            "first token alone": f"{self.first_token_alone_s:.2f} s",
            "first token among all": f"{self.first_token_together_s:.2f} s",
        }


@contextmanager
def served(data: Path) -> Iterator[Running]:
    """Serve the indexed sample documents with one worker; the model has a process of its own."""
    ingest(data, JACIE_MODEL="scripted")
    settings = {"JACIE_INGEST": "off", "WEB_CONCURRENCY": "1"}
    with (
        OwnProcess("openai_server.py", "--script", json.dumps(MODEL)) as model,
        gunicorn(data, OPENAI_BASE_URL=model.url, **settings) as running,
    ):
        running.wait_until_indexed(vectors=True)
        yield running


def compare(running: Running, mode: str, count: int = 64, alone: int = 3) -> Compared:
    """Ask a few questions one after the other, then many at once, all different where the samples have as many."""
    lines = (ROOT / "sample_documents" / "questions.jsonl").read_text().splitlines()
    questions = [json.loads(line)["question"] for line in lines]
    one(running, mode, questions[0])
    single = [one(running, mode, questions[n % len(questions)]) for n in range(alone)]
    many = together(running, mode, [questions[n % len(questions)] for n in range(count)])
    return Compared(
        mode=mode,
        count=count,
        alone_s=median(asked.result_s for asked in single),
        together_s=median(asked.result_s for asked in many),
        slowest_s=max(asked.result_s for asked in many),
        first_token_alone_s=median(asked.first_token_s for asked in single),
        first_token_together_s=median(asked.first_token_s for asked in many),
    )


def together(running: Running, mode: str, questions: list[str]) -> list[Asked]:
    """Ask all at the same moment."""
    start, found = threading.Barrier(len(questions)), []

    def client(question: str) -> None:
        start.wait()
        found.append(one(running, mode, question))

    threads = [threading.Thread(target=client, args=(question,)) for question in questions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(questions)
    return found


def one(running: Running, mode: str, question: str) -> Asked:
    """Ask one question, whose answer has to be whole."""
    began = time.time()
    received = ask(running.url, f"/{mode}/stream", {"query": question}, timeout=120)
    result = received.terminal
    tokens = [frame for frame in received.frames if frame.name == "token"]
    text: Any = "".join(frame.data["text"] for frame in tokens)
    assert result.name == "result", result.data
    assert text == result.data["response"]
    assert len(text.split()) == WORDS
    return Asked(tokens[0].at - began, result.at - began)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--alone", type=int, default=3)
    parser.add_argument("--mode", choices=MODES, action="append")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as running:
        for mode in options.mode or MODES:
            for name, value in compare(running, mode, options.questions, options.alone).row().items():
                print(f"{name:30} {value}")


if __name__ == "__main__":
    main()
