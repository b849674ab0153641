"""``flask --app wsgi ingest`` as people call it: what it prints and how it exits."""

import subprocess
import sys

import pytest

from tests.support.jacie import ROOT, environment
from tests.support.ports import free_port


def run(data, *arguments, command=("-m", "flask", "--app", "wsgi", "ingest"), **settings):
    """Run the command on what is set and return how it ended."""
    quiet = {"JACIE_MODEL": "scripted", **settings}
    return subprocess.run(
        [sys.executable, *command, *arguments], cwd=ROOT, env=environment(data, **quiet), capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


@pytest.fixture
def filings(tmp_path):
    """Return a folder with one good and one bad document."""
    root = tmp_path / "filings"
    root.mkdir()
    (root / "good.txt").write_text("Revenue was 12 million.")
    (root / "bad.pdf").write_bytes(b"no PDF")
    return root


def test_ingest_reports_what_it_did(filings, tmp_path):
    """A summary on stdout, the bars on stderr, success in spite of a bad file; the second time there is nothing to do."""
    first = run(tmp_path / "var", JACIE_DOCUMENTS=str(filings))
    assert first.returncode == 0, first.stderr
    assert first.stdout == (
        "1 documents added (1 pages), 0 unchanged, 0 removed, 1 skipped, 1 vectors added\n"
        "  skipped bad.pdf: wrong type: it is named .pdf but holds plain text\n"
    )
    assert "Reading documents" in first.stderr
    assert "Traceback" not in first.stderr
    second = run(tmp_path / "var", JACIE_DOCUMENTS=str(filings))
    assert second.stdout.startswith("0 documents added (0 pages), 1 unchanged, 0 removed, 1 skipped, 0 vectors added\n")


def test_missing_vectors_are_an_exit_code(filings, tmp_path):
    """Documents are in, their vectors are not: 2, with the reason."""
    done = run(
        tmp_path / "var",
        JACIE_DOCUMENTS=str(filings),
        JACIE_EMBEDDINGS="openai",
        OPENAI_BASE_URL=f"http://127.0.0.1:{free_port()}/v1",
        OPENAI_API_KEY="hunter2",
    )
    assert done.returncode == 2, done.stderr
    assert "1 documents added" in done.stdout
    assert "vectors are incomplete" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


def test_a_store_that_is_down_is_one_line(tmp_path):
    """No traceback for what is no defect: 1, with the reason."""
    done = run(
        tmp_path / "var",
        JACIE_DOCUMENTS="s3://bucket/prefix",
        AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{free_port()}",
        AWS_ACCESS_KEY_ID="x",
        AWS_SECRET_ACCESS_KEY="hunter2",
        AWS_DEFAULT_REGION="us-east-1",
    )
    assert done.returncode == 1, done.stdout
    assert "Error: listing s3://bucket/prefix/" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("settings", [{"JACIE_INDEX": "paper:"}, {"JACIE_DOCUMENT": "x"}])
def test_a_bad_setting_is_one_line(tmp_path, settings):
    """The command stops where the server would, with the same line."""
    done = run(tmp_path / "var", **settings)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"jacie: {next(iter(settings))} ")


def test_the_background_ingestion_logs(filings, tmp_path):
    """Beside a server it writes lines to the log, ends by itself, and leaves a file that says it was done."""
    finished = tmp_path / "finished"
    command = ("-m", "jacie_flask.cli", "background-ingest", str(finished))
    done = run(tmp_path / "var", command=command, JACIE_DOCUMENTS=str(filings))
    assert done.returncode == 0, done.stderr
    assert "bad.pdf was left out: wrong type: it is named .pdf but holds plain text" in done.stderr
    assert "index up to date: 1 added, 0 unchanged, 0 removed, 1 vectors added" in done.stderr
