"""Documents read in this process, without an extraction child: bytes of any format, and the sample inputs beside the project."""

import importlib
import tempfile
from pathlib import Path

import pytest

from jacie_flask.documents.extraction import Job
from jacie_flask.documents.paging import Reading
from jacie_flask.documents.sniffing import kind_of
from jacie_flask.text.lines import spaced
from tests.support.jacie import ROOT

CASES = ROOT.parent / "shared" / "cases"


def read_here(data: bytes | str, suffix: str) -> Reading:
    """Return what is read of these bytes under a name that ends so; raise DocumentRejected."""
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        file.write(data.encode() if isinstance(data, str) else data)
        file.flush()
        kind = kind_of(Path(file.name), suffix)
        module = importlib.import_module(f"jacie_flask.documents.formats.{kind}")
        return module.read(Job(file.name, suffix, "hash", 5000), lambda: True)


def lines_of(data: bytes | str, suffix: str) -> list[str]:
    """Return the lines of all pages, as analysis will see them."""
    return [line for page in read_here(data, suffix).pages for line in spaced(page).split("\n")]


def case(name: str) -> bytes:
    """Return a sample input that went wrong; without the folder of samples the test is skipped."""
    if not CASES.is_dir():
        pytest.skip(f"NOT TESTED: {CASES} is not there, so the sample inputs that went wrong were not read")
    return (CASES / name).read_bytes()
