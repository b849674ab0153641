r"""How many pages a second of CPU time reading and analysing documents takes, alone or against another checkout of Jacie.

``python bench/ingestion.py [FOLDER] [--against CHECKOUT] [--files 12] [--seed 1] [--rounds 3]``; ``make ingestion``. The default
folder is ``sample_documents``; of a larger one a sample of files of all sizes is read. ``--against`` names another checkout, made by
``git worktree add --detach /tmp/former COMMIT``: both run on the Python that runs this file, each in one process of its own, and take
turns at each file. Times are CPU seconds of the process (user and system, without tesseract's); a round's ratio is the CPU time of the
other checkout over that of this one, so 0.9 means that this one reads 0.9 of the other's pages per CPU second. On a machine with other
work the same code differs by 10 % from round to round: compare ratios, not seconds.

Where the time goes (December 2026, six filings of 800 pages, 5.2 CPU seconds per 1,000 pages): pdfium loads a page 18 %, makes its text
page 18 %, gives its text 4 %; raised marks 5 %, torn rows 5 %, pictures that may contain text 3 %, legibility 3 %; tables 19 %, term
counts 4 %, labels 4 %, chunks 4 %; packing under 1 %.

What helped:

- A search skips to where a match can begin only if the pattern begins with a set of characters, not with ``\b``, a lookbehind or named
  groups. So ``periods.ATOM`` looks ahead at two letters before it tries its alternatives (half the time), ``headings`` and ``cells``
  look for a digit or a space that every match has, and lookbehinds stand behind the first character.
- ``re.MULTILINE`` patterns with ``^`` try every position; ``match`` on each line does not.
- ASCII classes for ASCII text: ``[a-z]+`` takes half the time of ``[^\W\d_]+``.
- The words of a page whose rows are torn are placed by their first and last characters, not by each one (0.06 s of 0.24 per 1,000 pages).
- Values made for each figure are msgspec structs: frozen dataclasses take seven times as long to make.

What did not help: no garbage collection at all (under 2 %); places of possible note marks asked for without keeping them; keeping the last pages open so that pdfium keeps their fonts (it keeps them anyway); another garbage collection
threshold (2 %); two searches in place of the one with characters outside of the basic plane (``legibility``).
"""

import argparse
import importlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SUFFIXES = frozenset({".pdf", ".htm", ".html", ".txt", ".docx", ".pptx", ".xlsx", ".md"})


@dataclass(frozen=True)
class Cost:
    """What a document took: pages, CPU seconds, and those of them that finding its tables took."""

    pages: int
    cpu_s: float
    facts_s: float


@dataclass(frozen=True)
class Round:
    """The costs of all files in one round, of this checkout and of the other one (empty without one)."""

    here: dict[str, Cost] = field(default_factory=dict)
    other: dict[str, Cost] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """The other checkout's CPU seconds over those of this one."""
        return total(self.other) / total(self.here)


class Reader:
    """A process that reads and analyses documents with one checkout's code."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def cost(self, path: Path) -> Cost:
        """Return what reading and analysing a file takes; raise RuntimeError where it cannot be read."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        stdin.write(f"{path}\n")
        stdin.flush()
        answer = json.loads(stdout.readline() or '{"reason": "the reading process ended"}')
        if reason := answer.pop("reason", ""):
            raise RuntimeError(f"{path.name}: {reason}")
        return Cost(**answer)


@contextmanager
def reader(checkout: Path) -> Iterator[Reader]:
    """Run a reading process on a checkout."""
    command = [sys.executable, __file__, "--serve", str(checkout)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=checkout) as process:
        try:
            yield Reader(process)
        finally:
            process.communicate()


def serve(checkout: Path) -> None:
    """Read the documents that stdin names, one path a line, and write a line of JSON about each to stdout."""
    sys.path[0] = str(checkout)
    analysis, extraction, extraction_worker, packing = (
        importlib.import_module(f"jacie_flask.documents.{name}")
        for name in ("analysis", "extraction", "extraction_worker", "packing")
    )
    facts = [0.0]
    tables_of = getattr(analysis, "tables_of", None)

    def timed(*arguments: Any) -> Any:
        began = time.process_time()
        try:
            return tables_of(*arguments)
        finally:
            facts[0] += time.process_time() - began

    if tables_of:
        analysis.tables_of = timed
    for line in sys.stdin:
        path, facts[0] = Path(line.rstrip("\n")), 0.0
        job = extraction.Job(path=str(path), suffix=path.suffix.lower(), content_hash="0" * 64, max_pages=5_000, cpu_s=3_600.0)
        began = time.process_time()
        outcome = extraction_worker.read(job)
        spent = time.process_time() - began
        if outcome.reason:
            answer: dict[str, Any] = {"reason": outcome.reason}
        else:
            answer = {"pages": len(packing.unpack(outcome.document).pages), "cpu_s": spent, "facts_s": facts[0]}
        print(json.dumps(answer), flush=True)


def sample(folder: Path, count: int, seed: int) -> list[Path]:
    """Return at most ``count`` documents of a folder: one of each group of neighbours when all are sorted by size."""
    files = [path.resolve() for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES and path.is_file()]
    files.sort(key=lambda path: path.stat().st_size)
    if len(files) <= count:
        return files
    bounds = [group * len(files) // count for group in range(count + 1)]
    choice = random.Random(seed)
    return [files[choice.randrange(start, end)] for start, end in pairwise(bounds)]


def measure(files: Sequence[Path], here: Reader, other: Reader | None, rounds: int) -> list[Round]:
    """Read all files in each round; two checkouts take turns at each file, and at who begins."""
    for one in filter(None, (here, other)):
        one.cost(files[0])  # imports and first compilations are not counted
    found = [Round() for _ in range(rounds)]
    for number, result in enumerate(found):
        for place, path in enumerate(files):
            turns = [(here, result.here), *([(other, result.other)] if other else [])]
            for one, costs in turns if (number + place) % 2 else reversed(turns):
                costs[path.name] = one.cost(path)
    return found


def total(costs: dict[str, Cost]) -> float:
    """Return the CPU seconds of all files."""
    return sum(cost.cpu_s for cost in costs.values())


def report(rounds: Sequence[Round]) -> Iterator[str]:
    """Yield the lines of a table: each file with the median of the rounds, and all files."""
    compared = bool(rounds[0].other)
    yield f"{'file':48} {'pages':>5} {'ms/page':>8} {'facts':>6}" + (f" {'other ms/page':>14} {'ratio':>6}" if compared else "")
    for name, cost in rounds[0].here.items():
        spent = median(one.here[name].cpu_s for one in rounds)
        facts = median(one.here[name].facts_s for one in rounds)
        line = f"{name[:48]:48} {cost.pages:5} {1000 * spent / cost.pages:8.2f} {facts / spent:6.0%}"
        if compared:
            others = median(one.other[name].cpu_s for one in rounds)
            line += f" {1000 * others / cost.pages:14.2f} {others / spent:6.2f}"
        yield line
    pages = sum(cost.pages for cost in rounds[0].here.values())
    spent = median(total(one.here) for one in rounds)
    facts = median(sum(cost.facts_s for cost in one.here.values()) for one in rounds)
    yield f"{pages} pages, {1000 * spent / pages:.2f} CPU seconds per 1,000 pages, {facts / spent:.0%} of them for facts"
    if compared:
        others = median(total(one.other) for one in rounds)
        each = ", ".join(f"{one.ratio:.2f}" for one in rounds)
        yield f"other checkout: {1000 * others / pages:.2f} CPU seconds per 1,000 pages"
        yield f"ratio of pages per CPU second: {median(one.ratio for one in rounds):.2f} (rounds: {each})"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "sample_documents")
    parser.add_argument("--against", type=Path, help="another checkout of Jacie")
    parser.add_argument("--files", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    files = sample(options.folder, options.files, options.seed)
    if not files:
        parser.error(f"{options.folder} has no documents")
    with reader(ROOT) as here:
        if options.against:
            with reader(options.against.resolve()) as other:
                rounds = measure(files, here, other, options.rounds)
        else:
            rounds = measure(files, here, None, options.rounds)
    print(*report(rounds), sep="\n")


if __name__ == "__main__":
    main()
