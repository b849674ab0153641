"""make ingestion: which files it reads, what it computes of their costs, and one run over sample documents."""

import subprocess
import sys

import pytest

from bench.ingestion import Cost, Round, report, sample
from tests.support.jacie import ROOT


@pytest.fixture
def folder(tmp_path):
    """A folder of twenty documents, each larger than the one before, and a file that is none."""
    for number in range(20):
        (tmp_path / f"{number:02}.pdf").write_bytes(b"x" * (number + 1))
    (tmp_path / "metadata.json").write_bytes(b"{}")
    return tmp_path


def test_a_sample_has_a_file_of_each_size_and_is_the_same_for_a_seed(folder):
    """Neighbours in size are a group, and each group gives one file."""
    chosen = sample(folder, 5, seed=3)
    assert [int(path.stem) // 4 for path in chosen] == [0, 1, 2, 3, 4]
    assert chosen == sample(folder, 5, seed=3)
    assert chosen != sample(folder, 5, seed=4)
    assert len(sample(folder, 50, seed=3)) == 20


def test_the_ratio_is_that_of_pages_per_cpu_second():
    """A checkout that takes twice the time has half the ratio; of several rounds the median counts."""
    rounds = [Round({"a": Cost(10, 2.0 * slow, 0.5 * slow)}, {"a": Cost(10, 1.0, 0.0)}) for slow in (1.0, 1.25, 4.0)]
    assert [one.ratio for one in rounds] == [0.5, 0.4, 0.125]
    lines = list(report(rounds))
    assert "ratio of pages per CPU second: 0.40 (rounds: 0.50, 0.40, 0.12)" in lines
    assert any("250.00 CPU seconds per 1,000 pages, 25% of them for facts" in line for line in lines)


def test_it_reads_sample_documents_against_a_checkout():
    """Each side has its own process; every file has a line, the whole has a ratio."""
    command = [sys.executable, "bench/ingestion.py", "--against", str(ROOT), "--files", "2", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines[1:3]] == ["15", "15"]
    assert lines[3].startswith("30 pages, ")
    assert lines[5].startswith("ratio of pages per CPU second: ")
