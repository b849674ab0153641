"""make eval: what it counts, and one run over the sample documents from start to report."""

import json
import subprocess
import sys

from bench.eval import figures_of, plot, table
from tests.support.jacie import ROOT

FOUND = {"question": "a", "filename": "a.pdf", "pages": [1], "document_rank": 0, "page_rank": 0, "search_ms": 1.0}
SECOND = {**FOUND, "document_rank": 1, "page_rank": 3, "search_ms": 3.0}
MISSED = {**FOUND, "question": "lost one", "document_rank": 99, "page_rank": 99, "search_ms": 5.0}
ANSWERED = {
    "answer": "x",
    "answer_ms": 10.0,
    "citations": 4,
    "verified": 3,
    "reasons": ["5: no"],
    "source_hit": True,
    "nowhere": ["5"],
}


def test_what_is_counted():
    """Ranks count from 0; shares are of all questions, verified of all citations."""
    measured = figures_of([FOUND | ANSWERED, SECOND, MISSED, {**FOUND, "error": "internal"}])
    assert [measured[f"document recall@{k}, %"] for k in (1, 3)] == [50, 75]
    assert [measured[f"page hit@{k}, %"] for k in (1, 3, 5)] == [50, 50, 75]
    assert measured["MRR"] == (1 + 0.25 + 1) / 4
    assert measured["citations verified, %"] == 75
    assert measured["figures on no cited page"] == measured["answers that failed"] == measured["answers"] == 1
    assert figures_of([FOUND])["page hit@1, %"] == 100


def test_the_report_names_what_went_wrong():
    """The table ends with the questions that were missed and the statements that were not verified."""
    rows = [FOUND | ANSWERED, MISSED]
    report = table(figures_of(rows), rows, "Evaluation")
    assert "| page hit@5, % | 50 |" in report
    assert "- a.pdf, page 1: lost one" in report
    assert "- a: 5: no" in report
    assert plot(figures_of(rows)).count("<rect") == 1 + 2 * 7


def test_a_run_from_start_to_report(tmp_path):
    """A server is started for the collection, asked, and ended; the report is written."""
    questions = tmp_path / "questions.jsonl"
    lines = (ROOT / "sample_documents/questions.jsonl").read_text().splitlines()[:4]
    questions.write_text("\n".join(lines))
    command = [
        sys.executable,
        "bench/eval.py",
        questions,
        "--documents",
        "sample_documents",
        "--out",
        tmp_path / "out",
        "--words-alone",
    ]
    environment = {"JACIE_MODEL": "scripted", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    assert "| document recall@1, % | 100 |" in (tmp_path / "out/eval.md").read_text()
    rows = [json.loads(line) for line in (tmp_path / "out/eval.jsonl").read_text().splitlines()]
    assert len(rows) == 4
    assert all("answer" in row for row in rows)
