"""Makes the repository's root importable however pytest was started, and owns the browser: a process can have one alone."""

import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = str(Path(__file__).parents[1])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from tests.support.unit_tests import is_unit_test_file  # noqa: E402 - the root is importable from here on

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))

# How long one example takes says how busy the machine is. The suite plays the same examples each time; only the long runs look for others.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.register_profile("soak", deadline=None)

# Files that take longest begin first: several run side by side, and none of them should be what the others wait for. The first has
# the sample documents ingested, so those beside it are files that need no server.
_LONG = (
    "system/test_failures",
    "browser/test_pages",
    "text/test_patterns",
    "documents/test_hostile_documents",
    "system/test_worker",
    "system/test_pipeline",
    "docs/test_streaming_guide",
    "system/test_upstream_faults",
)
_LONG += ("system/", "docs/", "browser/", "doctor/", "deploy/", "bench/", "test_ingest", "test_cli", "documents/")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer what ``make test FAST=1`` asks for."""
    parser.addoption(
        "--fast", action="store_true", help="run unit tests only: no file that starts a process, a server or a browser"
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the files that are no unit tests when these are asked for."""
    if not config.option.fast or collection_path.suffix != ".py":
        return None
    return True if not is_unit_test_file(collection_path) else None


def pytest_configure(config: pytest.Config) -> None:
    """Choose what hypothesis plays, before any test is imported."""
    settings.load_profile("soak" if config.option.markexpr == "soak" else "suite")
    gc.disable()  # while tests are collected: what is made then stays until the end


def pytest_collection_finish() -> None:
    """Collect garbage again, but never look at what the collection of the tests made."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list) -> None:
    """Put the tests of long files first, otherwise as they were found."""
    items.sort(
        key=lambda item: next((place for place, name in enumerate(_LONG) if f"tests/{name}" in str(item.path)), len(_LONG))
    )


@pytest.fixture(scope="session")
def browser():
    """Start the system's chromium once."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no page is tested in a browser")
    sync_api.expect.set_options(timeout=30_000)  # patience: what has come about is seen at once
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing: no page is tested in a browser")
    with sync_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
        yield started
        started.close()
