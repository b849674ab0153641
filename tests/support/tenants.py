"""An application with three tenants of their own documents, one of them in S3, and keys for each: real parts, no network server."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from reportlab.pdfgen.canvas import Canvas
from werkzeug.test import TestResponse

from jacie_flask import create_app, services, tenants
from jacie_flask.config import load
from jacie_flask.ingest import ingest
from tests.support.backends import s3_client, s3_server

BUCKET = "tenants"
FACTS = {"default": "Lighthouse", "acme": "Quarry", "beta": "Orchard"}


@dataclass
class Tenants:
    """The application, a key for each tenant, and what each of them has."""

    app: Flask
    tokens: dict[str, str] = field(default_factory=dict)
    documents: dict[str, str] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)

    def key(self, name: str, tenant: str, *scopes: str, expires_at: float | None = None) -> tuple[str, str]:
        """Make a key; return its id and the token."""
        keys = self.app.extensions["jacie.gate"].keys
        made, token = keys.create(name, tenant=tenant, scopes=frozenset(scopes), expires_at=expires_at)
        return made.key_id, token

    def ask(self, token: str, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Send one request with a key, or none for "", and read all of the answer."""
        sent = {"Authorization": f"Bearer {token}", **headers} if token else headers
        with self.app.test_client() as client:
            answer = client.open(path, method=method, json=body, headers=sent)
            if path != "/health/stream":  # it takes two seconds
                answer.get_data()
            answer.close()
            return answer

    def run(self, tenant: str, query: str) -> str:
        """Ask a question in a tenant's name and return its run, finished."""
        answer = self.ask(self.tokens[tenant], "POST", "/chat", {"query": query})
        assert answer.status_code == 200, answer.text
        return answer.headers["X-Run-Id"]


def filing(path: Path, company: str) -> None:
    """Write a one-page report."""
    canvas = Canvas(str(path))
    for line, words in enumerate((f"{company} annual report 2024", f"Revenue of {company} 4,711", "Profit 12")):
        canvas.drawString(72, 720 - 20 * line, words)
    canvas.save()


@contextlib.contextmanager
def served(folder: Path, runs: str) -> Iterator[Tenants]:
    """Build the application on ``runs``, with everything ingested and a key with all scopes for each tenant."""
    with pytest.MonkeyPatch.context() as patch, s3_server() as endpoint:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        settings = load(runs=runs, s3_endpoint=endpoint, **_places(folder, endpoint))
        for one in tenants.settings_of(settings).values():
            parts = services.ingestion(one)
            ingest(parts)
            parts.reader._extractor.close()
        found = Tenants(create_app(settings))
        for name in FACTS:
            found.tokens[name] = found.key(f"{name} all", name, "ask", "search", "ingest", "metrics")[1]
            listed = found.ask(found.tokens[name], "GET", "/documents").json["documents"]
            found.documents[name] = listed[0]["document_id"]
            found.runs[name] = found.run(name, f"What was the revenue of {FACTS[name]}?")
        yield found
        close(found.app)


def close(app: Flask) -> None:
    """End what a server leaves to its own end."""
    built = app.extensions["jacie"].services
    built.runs.close(1.0)
    for part in (built.reader, built.pictures):
        part._extractor.close()


def _places(folder: Path, endpoint: str) -> dict[str, str]:
    for name in ("default", "acme"):
        (folder / name).mkdir(parents=True)
        filing(folder / name / f"{FACTS[name].lower()}_2024.pdf", FACTS[name])
    filing(folder / "beta.pdf", FACTS["beta"])
    client = s3_client(endpoint)
    client.create_bucket(Bucket=BUCKET)
    client.upload_file(str(folder / "beta.pdf"), BUCKET, "beta/orchard_2024.pdf")
    client.close()
    listed = folder / "tenants.json"
    listed.write_text(f'{{"acme": {{"documents": "{folder / "acme"}"}}, "beta": {{"documents": "s3://{BUCKET}/beta"}}}}')
    return {
        "documents": str(folder / "default"),
        "tenants": str(listed),
        "data": str(folder / "data"),
        "index": f"sqlite:{folder / 'data' / 'index.db'}",
        "model": "scripted",
        "ingest": "off",
    }
