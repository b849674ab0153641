"""The two ways to run Jacie, each whole: embedded (folder, SQLite, built-in encoder) and shared (S3, Pinecone, OpenAI-compatible)."""

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer

from tests.support.jacie import ROOT, Running, gunicorn
from tests.support.openai_server import OpenAIServer, Script
from tests.support.pinecone_server import PineconeServer

DIMENSION = 256
PROMPT_READER = Script()
BUCKET = "filings"


@dataclass
class Backend:
    """A running Jacie and what stands behind it."""

    name: str
    running: Running
    model: OpenAIServer
    store_label: str
    delete_document: Callable[[str], None]


@contextlib.contextmanager
def embedded(data: Path, script: Script = PROMPT_READER, **settings: str) -> Iterator[Backend]:
    """Serve a copy of the sample documents from a folder, with SQLite and the built-in encoder."""
    folder = data / "reports"
    folder.mkdir(parents=True)
    for path in _samples():
        shutil.copy(path, folder)
    with OpenAIServer(script) as model:
        values = {"JACIE_DOCUMENTS": str(folder), "OPENAI_BASE_URL": model.url, **settings}
        with gunicorn(data / "data", ingest_first=True, **values) as running:
            yield Backend("embedded", running, model, "reports", lambda name: (folder / name).unlink())


@contextlib.contextmanager
def shared(data: Path, script: Script = PROMPT_READER, **settings: str) -> Iterator[Backend]:
    """Serve the sample documents from an S3-speaking server, with Pinecone's protocol and OpenAI-compatible embeddings."""
    with contextlib.ExitStack() as stack:
        endpoint = stack.enter_context(s3_server())
        client = s3_client(endpoint)
        stack.callback(client.close)
        client.create_bucket(Bucket=BUCKET)
        for path in _samples():
            client.upload_file(str(path), BUCKET, f"year-ends/{path.name}")
        model = stack.enter_context(OpenAIServer(script, dimension=DIMENSION))
        pinecone = stack.enter_context(PineconeServer(dimension=DIMENSION, api_key="pinecone-key"))
        values = {
            "JACIE_DOCUMENTS": f"s3://{BUCKET}/year-ends",
            "AWS_ENDPOINT_URL_S3": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "JACIE_INDEX": "pinecone://jacie",
            "PINECONE_API_KEY": "pinecone-key",
            "PINECONE_INDEX_HOST": pinecone.origin,
            "JACIE_EMBEDDINGS": "openai",
            "JACIE_EMBEDDING_DIMENSION": str(DIMENSION),
            "OPENAI_BASE_URL": model.url,
            "OPENAI_API_KEY": "model-key",
            **settings,
        }
        running = stack.enter_context(gunicorn(data / "data", ingest_first=True, **values))
        yield Backend("shared", running, model, "S3", lambda name: client.delete_object(Bucket=BUCKET, Key=f"year-ends/{name}"))


@contextlib.contextmanager
def s3_server() -> Iterator[str]:
    """Run moto's S3 over HTTP and return its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def s3_client(endpoint: str):
    """Return a client of the S3-speaking server."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    return boto3.session.Session().client("s3", endpoint_url=endpoint, **keys)


def _samples() -> list[Path]:
    folder = ROOT / "sample_documents"
    return [*sorted(folder.glob("*.pdf")), folder / "metadata.json"]


def sample_questions() -> list[dict]:
    """Return the questions that come with the sample documents."""
    return [json.loads(line) for line in (ROOT / "sample_documents" / "questions.jsonl").read_text().splitlines()]
