"""A whole Jacie between fake upstreams whose faults can be switched: S3, Pinecone, an OpenAI-compatible server."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.jacie import Received, Running, ask, gunicorn, ingest
from tests.support.openai_server import OpenAIServer, Script
from tests.support.pinecone_server import Fault, PineconeServer
from tests.support.redis_server import RedisServer
from tests.support.s3_faults import S3Fault, S3Faults
from tests.support.servers import LocalServer, Request

DIMENSION = 64
BUCKET = "filings"
YEARS = (2021, 2022, 2023, 2024)
QUESTION = "What was Zanobela's revenue in 2023 and 2024?"
TIMEOUT_S, MODEL_TIMEOUT_S = 1.5, 2.0


def name_of(year: int) -> str:
    """Return the file name of a year's report."""
    return f"zanobela_telecom_{year}_annual_report.txt"


def report(year: int, edition: int = 0) -> bytes:
    """Return a short annual report; each edition has other bytes and the same figures."""
    return f"""Zanobela Telecom Holdings annual report {year}

Income statement for the year {year}
Revenue was {year} million dollars in {year}. Profit before tax was {year - 1000} million dollars.

Edition {edition}
""".encode()


def objects(edition: int = 0) -> dict[str, bytes]:
    """Return the bucket: four reports and their catalog."""
    listed = [{"filename": name_of(year), "document_type": "annual_report", "period": str(year)} for year in YEARS]
    reports = {f"{BUCKET}/{name_of(year)}": report(year, edition) for year in YEARS}
    return {**reports, f"{BUCKET}/metadata.json": json.dumps({"Zanobela Telecom": listed}).encode()}


@dataclass
class Site:
    """One running Jacie and its upstreams; ``chat`` and ``embeddings`` are what its OpenAI-compatible server does."""

    store: S3Faults
    index: PineconeServer
    model: OpenAIServer
    running: Running
    chat: Script | list[Script] = field(default_factory=Script)
    embeddings: Script | list[Script] = field(default_factory=Script)
    edition: int = 0
    redis: RedisServer | None = None

    def ask(self, mode: str = "chat", query: str = QUESTION, **fields: Any) -> Received:
        """Ask and return what was received."""
        return ask(self.running.url, f"/{mode}/stream", {"query": query, **fields}, timeout=30)

    def republish(self) -> None:
        """Change every report, so that each has to be loaded whole again."""
        self.edition += 1
        self.store.objects = objects(self.edition)

    def heal(self) -> None:
        """Let all upstreams be well."""
        self.store.fault, self.index.fault = S3Fault(), Fault()
        self.chat = self.embeddings = Script()

    def script(self, request: Request) -> Script:
        """Return how a request to the OpenAI-compatible server is answered; a list is used one a request."""
        if request.path.endswith("/models"):
            return Script()
        name = "embeddings" if request.path.endswith("/embeddings") else "chat"
        script = getattr(self, name)
        if isinstance(script, Script):
            return script
        return script.pop(0) if len(script) > 1 else script[0]


@dataclass(frozen=True)
class Collection:
    """The sample bucket once ingested: the data folder of its ledger and what Pinecone holds."""

    data: Path
    namespaces: dict[str, Any]


def collection(data: Path) -> Collection:
    """Ingest the bucket through the real command."""
    with upstreams() as (store, index, model):
        ingest(data, **settings(store, index, model))
        assert sum(len(space.ids) for space in index.namespaces.values()) > len(YEARS)
        return Collection(data, index.namespaces)


@contextlib.contextmanager
def upstreams(namespaces: dict[str, Any] | None = None) -> Iterator[tuple[S3Faults, PineconeServer, OpenAIServer]]:
    """Run the three fakes."""
    with S3Faults(objects()) as store, PineconeServer(DIMENSION) as index, OpenAIServer(dimension=DIMENSION) as model:
        index.namespaces = namespaces if namespaces is not None else index.namespaces
        yield store, index, model


@contextlib.contextmanager
def site(made: Collection, data: Path, **changes: str) -> Iterator[Site]:
    """Serve the collection; upstreams have half a second, breakers stay closed, unless ``changes`` say otherwise."""
    with upstreams(made.namespaces) as (store, index, model):
        values = {**settings(store, index, model), "JACIE_BREAKER_FAILURES": "1000", **changes}
        for ledger in made.data.glob("ledger*"):
            data.mkdir(parents=True, exist_ok=True)
            (data / ledger.name).write_bytes(ledger.read_bytes())
        with gunicorn(data, **values) as running:
            here = Site(store, index, model, running)
            model.script = here.script
            assert here.ask().terminal.data["degraded"] == []
            yield here


def settings(store: LocalServer, index: LocalServer, model: OpenAIServer) -> dict[str, str]:
    """Return the environment that names the upstreams; the collection's name does not depend on their ports."""
    return {
        "JACIE_DOCUMENTS": f"s3://{BUCKET}",
        "AWS_ENDPOINT_URL_S3": store.origin,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "JACIE_INDEX": "pinecone://jacie",
        "PINECONE_API_KEY": "pinecone-key",
        "PINECONE_INDEX_HOST": index.origin,
        "JACIE_EMBEDDINGS": "openai",
        "JACIE_EMBEDDING_DIMENSION": str(DIMENSION),
        "OPENAI_BASE_URL": model.url,
        "OPENAI_API_KEY": "model-key",
        "JACIE_CATALOG_TTL_S": "3600",
        "JACIE_HEARTBEAT_S": "0.1",
        "JACIE_DOCUMENTS_TIMEOUT_S": str(TIMEOUT_S),
        "JACIE_INDEX_TIMEOUT_S": str(TIMEOUT_S),
        "JACIE_EMBEDDINGS_TIMEOUT_S": str(TIMEOUT_S),
        "JACIE_MODEL_TIMEOUT_S": str(MODEL_TIMEOUT_S),
    }
