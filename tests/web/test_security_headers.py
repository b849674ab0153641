"""Security headers on the application: pages carry one policy and one nonce, everything else is told to be no page."""

import hashlib
import re
from pathlib import Path

import pytest
from flask import Flask

from jacie_flask.app import create
from jacie_flask.config import load

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Flask:
    """Put the application together; nothing is asked of it that starts its parts."""
    data = tmp_path_factory.mktemp("data")
    made = create(
        load(
            documents=f"file:{ROOT / 'sample_documents'}", data=data, index=f"sqlite:{data}/i.db", model="scripted", ingest="off"
        )
    )
    made.extensions["jacie"].ensure_warm = lambda: None
    return made


@pytest.mark.parametrize("path", ["/", "/test-client"])
def test_a_page_runs_only_what_carries_its_nonce(app, path):
    """Each visit has a nonce of its own, which every script and style of the page carries, and no script is written into it."""
    nonces = set()
    for _ in range(2):
        answer = app.test_client().get(path)
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
        (nonce,) = re.findall("'nonce-(.{20,})'", policy["script-src"])
        nonces.add(nonce)
        tags = re.findall(r"<(?:script|link rel=\"stylesheet\")[^>]*>", answer.text)
        assert len(tags) == 3
        assert all(f'nonce="{nonce}"' in tag for tag in tags)
        assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", answer.text) == []
    assert len(nonces) == 2
    assert policy == {
        **dict.fromkeys(("default-src", "object-src", "base-uri", "frame-ancestors", "trusted-types"), "'none'"),
        "script-src": f"'nonce-{nonce}'", "style-src": f"'nonce-{nonce}'", "img-src": "'self'", "connect-src": "'self'",
        "form-action": "'self'", "require-trusted-types-for": "'script'",
    }  # fmt: skip
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert answer.headers["Cache-Control"] == "private, no-store", "its nonce is for one visit"


@pytest.mark.parametrize("path", ["/health", "/nowhere", "/static/js/chat.js", "/static/icon.svg", "/documents?limit=x"])
def test_what_is_no_page_can_do_nothing(app, path):
    """JSON, problems, scripts and pictures opened by themselves load and run nothing, and cannot be framed or guessed at."""
    with app.test_client().get(path) as answer:
        headers = answer.headers
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-DNS-Prefetch-Control"] == "off"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert len(headers.getlist("X-Content-Type-Options")) == 1


def test_vendored_files_are_what_their_authors_published():
    """Each library of the pages is listed with the hash it has, and nothing else lies beside it."""
    folder = ROOT / "static" / "vendor"
    listed = dict(re.findall(r"^\| `([\w.-]+)` .*`([0-9a-f]{64})`", (folder / "README.md").read_text(), re.MULTILINE))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.suffix in (".js", ".mjs", ".css")
    }
    assert found == listed != {}
