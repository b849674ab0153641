"""The document on deploying names what exists: settings, files, metrics, commands and figures."""

import json
import re
from pathlib import Path

from jacie_flask.config import Settings
from tests.support.jacie import ROOT

DOCUMENT = (ROOT / "docs" / "deployment.md").read_text()


def test_every_setting_that_is_named_is_one():
    """Each JACIE_ variable is a setting, apart from the client's key."""
    known = {str(field.alias) for field in Settings.model_fields.values()} | {"JACIE_KEY"}
    named = set(re.findall(r"\bJACIE_[A-Z_]*[A-Z]\b", DOCUMENT))
    assert "JACIE_PROXIES" in named
    assert named <= known


def test_every_file_that_is_named_is_there():
    """Links and paths below deploy/ lead somewhere."""
    links = re.findall(r"\]\((?!http)([^)#]+)", DOCUMENT)
    paths = re.findall(r"\bdeploy/[\w./-]*\w", DOCUMENT)
    assert len(links) > 3
    assert len(paths) > 5
    gone = [link for link in links if not (ROOT / "docs" / link).exists()]
    gone += [path for path in paths if not (ROOT / path).exists() and not path.endswith(".env")]
    assert gone == []


def test_every_metric_and_target_that_is_named_exists():
    """Metrics are those of the document on observability, make targets those of the Makefile."""
    metrics = set(re.findall(r"\bjacie_[a-z_]+(?:_total|_seconds|_open)\b", DOCUMENT))
    assert metrics
    assert metrics <= set(re.findall(r"`(jacie_[a-z_]+)`", (ROOT / "docs" / "observability.md").read_text()))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", DOCUMENT)) <= targets


def test_sizing_stands_on_the_last_benchmark():
    """The figures of streams, CPU and memory are those of bench/results.json, rounded."""
    results = json.loads((ROOT / "bench" / "results.json").read_text())
    shown = Path(ROOT / "bench" / "RESULTS.md").read_text()
    streams = re.search(r"^\| streams per core at p99 < 50 ms \| (\d+) \| (\d+) \|", shown, re.MULTILINE)
    idle = re.search(r"^\| memory \(RSS\) per idle stream, 5,000, KiB \| ([\d.]+) \| ([\d.]+) \|", shown, re.MULTILINE)
    assert results["commit"] in shown
    assert f"| {streams[1]} (Redis: {streams[2]}) |" in DOCUMENT, "bench/RESULTS.md has changed: size anew"
    assert f"| {float(idle[1]):.0f} KiB (Redis: {float(idle[2]):.0f} KiB) |" in DOCUMENT
