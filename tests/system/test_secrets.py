"""Canaries in every setting that can hold a secret, upstreams that refuse and repeat them, and a search of all that gets out."""

import json
import os
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest

from jacie_flask.config import Settings
from tests.support.canaries import found, planted
from tests.support.gguf import gguf_file
from tests.support.jacie import Running, gunicorn
from tests.support.redis_server import MISSING, REDIS, RedisServer
from tests.support.reliability import record
from tests.support.servers import Connection, LocalServer, Request
from tests.support.waiting import wait_for

SECRETS = {str(field.alias) for field in Settings.model_fields.values() if not field.repr}
URLS = ("OPENAI_BASE_URL", "PINECONE_INDEX_HOST", "AWS_ENDPOINT_URL_S3", "OTEL_EXPORTER_OTLP_ENDPOINT")
ALONE = {"query": "What is said?", "auto_load_documents": False}
DOCUMENTS = {"query": "What was the revenue?"}


class Parrot(LocalServer):
    """Refuses everything, and says back everything it was told: target, headers and who asked."""

    def answer(self, request: Request, connection: Connection) -> None:
        """Answer as the upstream would whose path this is, with 401 or 403, but say that there is a model."""
        told = f"refused {request.target} with {json.dumps(request.headers)} {request.headers}"
        if request.path == "/v1/models":
            connection.respond_json(200, {"object": "list", "data": []})  # else a server waits for its model before it serves
        elif request.path.startswith("/bucket"):
            body = f"<Error><Code>SignatureDoesNotMatch</Code><Message>{escape(told)}</Message></Error>"
            connection.respond(403, body.encode(), "application/xml")
        elif request.path.startswith("/v1/traces"):
            connection.respond(401, told.encode(), "text/plain")
        else:
            error = {"message": told, "code": "invalid_api_key", "type": "auth"}
            connection.respond_json(401, {"error": error, "code": 16, "message": told})

    def heard(self) -> str:
        """Return all that it was told."""
        return " ".join(f"{request.target} {request.headers}" for request in self.requests)


@pytest.fixture(scope="module")
def canaries():
    """A secret for each variable that holds one, and for the user information of each URL."""
    return planted(sorted(SECRETS | set(URLS)))


@dataclass
class Seen:
    """All that got out of servers that everything refused, and what was said to those who refused."""

    heard: str
    logs: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def seen(canaries, tmp_path_factory):
    """Two of Jacie at DEBUG, asked for everything: with keys alone, and with user information in the model's URL instead."""
    if REDIS is None:
        pytest.skip(MISSING)
    with Parrot() as parrot, RedisServer() as redis, ThreadPoolExecutor(2) as pool:
        redis.client.config_set("requirepass", "another")
        found_out = Seen("")
        values = settings(canaries, parrot, redis)
        password = {name: value for name, value in values.items() if name != "OPENAI_API_KEY"}
        ways = [password, {**values, "OPENAI_BASE_URL": f"{parrot.origin}/v1"}]
        for job in [pool.submit(look, found_out, tmp_path_factory.mktemp("refused"), way) for way in ways]:
            job.result()
        found_out.heard = parrot.heard()
        return found_out


def look(seen: Seen, data: Path, values: dict[str, str]) -> None:
    """Serve, ask for everything, and note what is to be seen."""
    with gunicorn(data, **values) as running:
        seen.answers += answers(running)
        seen.lines += [line_of(folder) for folder in family(running.process.pid)]
    seen.logs.append(running.log.read_text())


def settings(canaries: dict[str, str], parrot: Parrot, redis: RedisServer) -> dict[str, str]:
    """Return settings in which everything is an upstream, and every secret a canary."""
    there = {name: f"http://someone:{quote(canaries[name], safe='')}@127.0.0.1:{parrot.port}" for name in URLS}
    return {
        **{name: canaries[name] for name in SECRETS},
        **there,
        "OPENAI_BASE_URL": f"{there['OPENAI_BASE_URL']}/v1",
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-team={quote(canaries['OTEL_EXPORTER_OTLP_HEADERS'], safe='')}",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "OPENAI_API_KEY": ascii_only(canaries["OPENAI_API_KEY"]),
        "PINECONE_API_KEY": ascii_only(canaries["PINECONE_API_KEY"]),
        "AWS_SESSION_TOKEN": ascii_only(canaries["AWS_SESSION_TOKEN"]),
        "JACIE_RUNS": f"redis://:{quote(canaries['JACIE_RUNS'], safe='')}@127.0.0.1:{redis.port}/0",
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_DEFAULT_REGION": "us-east-1",
        "JACIE_DOCUMENTS": "s3://bucket/reports", "JACIE_INDEX": "pinecone://filings", "JACIE_EMBEDDINGS": "openai",
        "JACIE_LOG_LEVEL": "DEBUG", "JACIE_LOG_FORMAT": "json", "JACIE_ACCESS_LOG": "on", "JACIE_CATALOG_TTL_S": "0",
        "JACIE_INGEST": "start",
    }  # fmt: skip


def ascii_only(canary: str) -> str:
    """Return a canary that can be a header's value."""
    return canary.replace("é", "e")


def answers(running: Running):
    """Ask everything and yield all bytes of each answer, heads included."""
    for path in ("/chat", "/fast_chat", "/chat/stream", "/fast_chat/stream"):
        for body in (ALONE, DOCUMENTS):
            yield whole(running.url + path, body)
    yield whole(running.url + "/search", {"query": "revenue"})
    yield whole(running.url + "/chat", {"query": ""})
    yield whole(running.url + "/runs/unknown/cancel", {})
    for path in ("/documents", "/documents/x", "/documents/x/pages/1", "/ready", "/metrics", "/health", "/runs/unknown"):
        yield whole(running.url + path)


def whole(url: str, body: object = None) -> str:
    """Return the head and body of an answer, whatever its status."""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        answer = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return f"{answer.status} {answer.headers} {answer.read().decode()}"


def family(master: int) -> list[Path]:
    """Return the folders of /proc of a process and all below it."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it ended
            continue
    members = {master}
    while more := {pid for pid, parent in parents.items() if parent in members} - members:
        members |= more
    return [Path(f"/proc/{pid}") for pid in sorted(members)]


def line_of(process: Path) -> str:
    """Return the command line of a process, "" when it has ended meanwhile."""
    try:
        return (process / "cmdline").read_text()
    except OSError:
        return ""


def test_the_search_finds_what_is_there(canaries):
    """A canary is found in the middle of anything, however it is spelt; without one nothing is."""
    for name, value in canaries.items():
        for text in (value, quote(value), repr({"a": value}), json.dumps([value]), ascii_only(value)):
            assert name in found(canaries, f"refused: {text}!")
    assert found(canaries, "an answer without any, [redacted]") == {}


@pytest.mark.soak
def test_the_upstreams_were_told_and_said_it_back(seen, canaries):
    """The keys did reach the upstreams and what they said did reach the log: it is taken out there, not absent."""
    told = ("OPENAI_API_KEY", "PINECONE_API_KEY", "AWS_SESSION_TOKEN", "OTEL_EXPORTER_OTLP_HEADERS", "OPENAI_BASE_URL")
    assert set(told) <= set(found(canaries, seen.heard))
    for log in seen.logs:
        assert log.count("[redacted]") > 5
        assert "llm_unavailable" in log
        assert "document_unavailable" in log


@pytest.mark.soak
@pytest.mark.reliability
def test_no_secret_gets_out(seen, canaries):
    """Not in a log line, an answer, /ready, /metrics, an event stream, or on a command line."""
    looked_at = {"logs at DEBUG": seen.logs, "answers": seen.answers, "command lines and titles": seen.lines}
    leaked = {place: [found(canaries, text) for text in texts if found(canaries, text)] for place, texts in looked_at.items()}
    assert leaked == {place: [] for place in looked_at}
    assert len(seen.answers) == 2 * 18
    assert sum(answer[:4] in ("502 ", "503 ") for answer in seen.answers) >= 2 * 5, "not everything failed as it should"
    rows = [{"looked at": place, "characters": sum(map(len, texts)), "secrets found": 0} for place, texts in looked_at.items()]
    text = (
        f"{len(canaries)} canaries, one in each setting that can hold a secret; model, embeddings, Pinecone, S3, Redis and the "
        "trace collector refuse them and repeat them in their errors. All output is searched, also for percent-encoded, escaped "
        "and base64 forms."
    )
    record("50-secrets", "Secrets", text, rows)


def test_children_that_need_no_secret_have_none(canaries, tmp_path):
    """A local model's process and the readers of documents start without the environment's secrets."""
    given = {name: ascii_only(canaries[name]) for name in ("PINECONE_API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}
    with gunicorn(tmp_path, JACIE_MODEL_FILE=str(gguf_file()), **given) as running:
        running.get("/ready")

        def children():
            seen = {folder: line_of(folder).split("\0") for folder in family(running.process.pid)}
            kinds = ("jacie_flask.models.llama_server", "jacie_flask.documents.extraction_worker")
            mine = {kind: folder for folder, line in seen.items() for kind in kinds if kind in line}
            return mine if len(mine) == 2 else None

        for kind, folder in wait_for(children).items():
            environment = (folder / "environ").read_text()
            assert "JACIE_PARENT_PID" in environment, kind
            assert found(canaries, environment) == {}, kind
        master = Path(f"/proc/{running.process.pid}/environ").read_text()
        assert set(found(canaries, master)) == set(given), "the search looks in the right place"
        key = dict(one.split("=", 1) for one in environment_of(children()).split("\0") if "=" in one)["JACIE_LOCAL_MODEL_KEY"]
    assert key not in running.log.read_text()
    assert not [folder for folder in family(os.getpid()) if key in line_of(folder)]


def environment_of(children: dict[str, Path]) -> str:
    """Return the environment of the local model's process."""
    return (children["jacie_flask.models.llama_server"] / "environ").read_text()
