"""The browser of the tests: the system's chromium, started once."""

import os
from pathlib import Path

import pytest

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))


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
