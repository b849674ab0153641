"""`doctor` on real upstreams that work and on ones that are broken, each in its own way."""

import gc
import json
import shutil
import subprocess
import sys
import threading
import time
from email.utils import formatdate

import pytest

from jacie_flask import create_app, tenants
from jacie_flask.config import Settings
from jacie_flask.doctor import machine, report
from jacie_flask.doctor import parts as doctor_parts
from jacie_flask.doctor.findings import Finding, examine
from tests.support.backends import BUCKET, s3_client, s3_server
from tests.support.jacie import ROOT, environment
from tests.support.openai_server import OpenAIServer, Script
from tests.support.pinecone_server import PineconeServer
from tests.support.ports import free_port
from tests.support.redis_server import MISSING, REDIS, RedisServer
from tests.support.servers import Connection, LocalServer, Request

# The command's process ends after it has spoken, and its connections with it; here the process stays.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
SAMPLE = ROOT / "sample_documents" / "zanobela_telecom_2024_annual_report.pdf"
SECRETS = ("model-secret", "pinecone-secret", "aws-secret", "redis-secret")


def examined(tmp_path, **settings):
    """Return (exit code, findings by part, all that was printed) of the command on these settings."""
    values = {"data": tmp_path / "data", "index": f"sqlite:{tmp_path}/data/index.db", "documents": str(ROOT / "sample_documents")}
    app = create_app(Settings(**{**values, "model": "scripted", "ingest": "off", **settings}))
    done = app.test_cli_runner().invoke(args=["doctor", "--json"])
    findings, code, output = json.loads(done.stdout)["findings"], done.exit_code, done.output
    del app, done  # which ended by an exception, and that holds all that the command had
    gc.collect()  # what it left open is complained of here and not in whichever test comes after
    found = {}
    for one in findings:
        if found.get(one["part"], {}).get("state") in (None, "ok"):
            found[one["part"]] = one
    return code, found, output


def states(found):
    """Return the parts that are not ok and how they are."""
    return {part: one["state"] for part, one in found.items() if one["state"] != "ok"}


@pytest.fixture
def amazon(monkeypatch):
    """Credentials as S3 clients find them."""
    for name, value in (("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "aws-secret"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)


def shared(model: str, pinecone: str, s3: str, runs: str) -> dict[str, object]:
    """Return settings with every part shared."""
    return {
        "documents": f"s3://{BUCKET}/year-ends", "s3_endpoint": s3, "index": "pinecone://jacie", "pinecone_host": pinecone,
        "pinecone_api_key": "pinecone-secret", "embeddings": "openai", "embedding_dimension": 256, "openai_api_key": "model-secret",
        "openai_base_url": model, "model": "gpt-4o-mini", "runs": runs,
    }  # fmt: skip


@pytest.mark.skipif(REDIS is None, reason=MISSING)
def test_working_upstreams_are_found_working(tmp_path, amazon):
    """S3, Pinecone, embeddings, a model and Redis that do their work: nothing fails; the empty index is pointed out."""
    with (
        s3_server() as s3,
        OpenAIServer(Script(answer="OK."), dimension=256, api_key="model-secret") as model,
        PineconeServer(dimension=256, api_key="pinecone-secret") as pinecone,
        RedisServer() as redis,
    ):
        client = s3_client(s3)
        client.create_bucket(Bucket=BUCKET)
        client.upload_file(str(SAMPLE), BUCKET, f"year-ends/{SAMPLE.name}")
        client.close()
        code, found, said = examined(tmp_path, **shared(model.url, pinecone.origin, s3, redis.url))
        assert len(model.chats) == 1, "a real completion was asked for"
        assert redis.keys("jacie:doctor:*") == set()
    tools = {} if shutil.which("tesseract") else {"tesseract": "warn"}
    assert (code, states(found)) == (0, {"index": "warn", **tools}), said
    assert not [secret for secret in SECRETS if secret in said]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_an_index_that_cannot_store_words_fails(tmp_path, metric):
    """Another metric takes no sparse values: that is no warning, because every ingestion would end there."""
    with PineconeServer(dimension=384, api_key="pinecone-secret", metric=metric) as pinecone:
        settings = {"index": "pinecone://jacie", "pinecone_host": pinecone.origin, "pinecone_api_key": "pinecone-secret"}
        code, found, said = examined(tmp_path, model="scripted", **settings)
    assert (code, states(found)["index"]) == (1, "fail"), said
    assert "metric dotproduct" in " ".join(said.split())


def test_every_broken_upstream_is_named_and_no_secret(tmp_path, amazon):
    """Keys that are refused, ports where nobody listens: each part fails with its own variables, and no key is printed."""
    with OpenAIServer(api_key="another") as model, PineconeServer(dimension=256, api_key="another") as pinecone:
        nobody = f"127.0.0.1:{free_port()}"
        settings = shared(model.url, pinecone.origin, f"http://{nobody}", f"redis://:redis-secret@{nobody}/0")
        code, found, said = examined(tmp_path, **settings)
    broken = {"documents": "AWS_ENDPOINT_URL_S3", "index": "PINECONE_API_KEY", "embeddings": "OPENAI_API_KEY", "model": "OPENAI_API_KEY",
              "runs": "JACIE_RUNS"}  # fmt: skip
    assert code == 1
    assert {part for part, state in states(found).items() if state == "fail"} == set(broken), said
    for part, variable in broken.items():
        assert variable in found[part]["change"]
    assert not [secret for secret in SECRETS if secret in said]


@pytest.mark.parametrize("fault", ["hang_headers", "bad_json", "rst"])
def test_a_model_that_misbehaves_fails(tmp_path, fault):
    """A model that never answers, breaks off or sends no JSON is a failure within the patience of one question."""
    with OpenAIServer(Script(fault=fault, answer="OK.", fault_after=0)) as model:
        code, found, _ = examined(tmp_path, openai_base_url=model.url, model="m", model_timeout_s=1.0)
    assert (code, found["model"]["state"]) == (1, "fail")


@pytest.mark.skipif(REDIS is None, reason=MISSING)
def test_a_redis_that_would_forget_runs_fails(tmp_path):
    """With a limit on memory and an eviction policy running answers could vanish: the line of redis.conf is named."""
    with RedisServer("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru") as redis:
        code, found, _ = examined(tmp_path, runs=redis.url)
    assert (code, found["runs"]["state"], found["runs"]["change"]) == (1, "fail", "redis.conf: maxmemory-policy noeviction")


@pytest.mark.skipif(REDIS is None, reason=MISSING)
def test_a_redis_that_refuses_writes_fails(tmp_path):
    """A Redis user that may read and not write is found before the first question is."""
    with RedisServer() as redis:
        redis.client.acl_setuser(
            "reader", enabled=True, passwords=["+redis-secret"], keys=["*"], commands=["+@read", "+@connection", "+info"]
        )
        url = redis.url.replace("redis://", "redis://reader:redis-secret@")
        code, found, said = examined(tmp_path, runs=url)
    assert (code, found["runs"]["state"]) == (1, "fail"), said
    assert "redis-secret" not in said


def test_a_clock_that_is_wrong_fails(tmp_path):
    """An upstream whose time is two hours away: S3 and TLS would refuse, so it is said."""

    class Late(LocalServer):
        def answer(self, request: Request, connection: Connection) -> None:
            connection.respond(200, b"", Date=formatdate(time.time() - 7200, usegmt=True))

    with Late() as upstream:
        _, found, _ = examined(tmp_path, openai_base_url=upstream.origin)
    assert found["clock"]["state"] == "fail"
    assert "7200" in found["clock"]["said"] or "7199" in found["clock"]["said"] or "7201" in found["clock"]["said"]


def test_a_machine_without_room_is_found(tmp_path):
    """An empty folder of documents, descriptors for fewer questions than are allowed, a wide-open address: each with its variable."""
    (tmp_path / "none").mkdir()
    code, found, _ = examined(tmp_path, documents=str(tmp_path / "none"), max_runs=10_000_000, host="0.0.0.0")
    wrong = {part: found[part]["change"].split()[0] for part in ("documents", "descriptors", "settings")}
    assert code == 0
    assert wrong == {"documents": "JACIE_DOCUMENTS", "descriptors": "LimitNOFILE=40000256", "settings": "JACIE_PROXIES=1"}


def test_every_tenant_is_looked_at(tmp_path, amazon):
    """Each tenant's store, catalog and index are lines of their own: one that is empty and one that cannot be reached are named."""
    (tmp_path / "acme").mkdir()
    shutil.copy(SAMPLE, tmp_path / "acme")
    (tmp_path / "bare").mkdir()
    places = {"acme": str(tmp_path / "acme"), "bare": str(tmp_path / "bare"), "far": f"s3://{BUCKET}/far"}
    file = tmp_path / "tenants.json"
    file.write_text(json.dumps({name: {"documents": place} for name, place in places.items()}))
    code, found, said = examined(tmp_path, tenants=str(file), s3_endpoint=f"http://127.0.0.1:{free_port()}")
    assert code == 1
    seen = {tenant: [found[f"{part} of {tenant}"]["state"] for part in ("documents", "index")] for tenant in ("default", *places)}
    assert seen == {"default": ["ok", "warn"], "acme": ["ok", "warn"], "bare": ["warn", "warn"], "far": ["fail", "warn"]}, said
    assert found["documents of bare"]["change"] == "JACIE_TENANTS: bare"
    assert found["documents of far"]["change"].startswith("JACIE_TENANTS: far (s3:ListBucket")
    assert "documents" not in found
    assert "aws-secret" not in said


def test_many_tenants_that_are_well_are_one_line(tmp_path):
    """Seven tenants, one of them without a document: the six others and the default are one line that counts and names them."""
    names = [f"tenant{number}" for number in range(7)]
    for name in names:
        (tmp_path / name).mkdir()
        shutil.copy(SAMPLE, tmp_path / name) if name != "tenant3" else None
    file = tmp_path / "tenants.json"
    file.write_text(json.dumps({name: {"documents": str(tmp_path / name)} for name in names}))
    values = {"data": tmp_path / "data", "index": f"sqlite:{tmp_path}/data/index.db", "documents": str(ROOT / "sample_documents")}
    app = create_app(Settings(**values, model="scripted", ingest="off", tenants=str(file)))
    parts = app.extensions["jacie"].tenants
    found = examine(doctor_parts.checks(tenants.settings_of(app.extensions["jacie"].settings), parts), 20.0)
    lines = {one.part: one for one in report.folded(found)}
    assert lines["documents of 7 tenants"].said.startswith(
        "all well: default, tenant0, tenant1, tenant2, tenant4, tenant5, tenant6;"
    )
    assert [part for part in lines if part.startswith("documents")] == ["documents of 7 tenants", "documents of tenant3"]
    assert len([part for part in lines if part.startswith("index of tenant")]) == len(names), (
        "empty indexes are no less worth a line"
    )
    assert len(report.folded([one for one in found if one.tenant != "tenant6"])) == len(found) - 2, "six are not folded"
    assert len([one for one in json.loads(report.as_json(found))["findings"] if one["part"].startswith("documents of ")]) == 8


def test_many_tenants_are_bounded_in_time():
    """Of fifty checks that hang the first sixteen have failed and the rest are said not to be looked at, all within the time."""
    over = threading.Event()
    hanging = {str(number): lambda: over.wait(3600) and () for number in range(50)}
    found = examine({"quick": lambda: [Finding("quick", "ok", "it is well")], **hanging}, 0.5)
    over.set()
    assert [one.state for one in found] == ["ok"] + ["fail"] * 16 + ["warn"] * 34
    assert found[-1].said.startswith("not looked at")
    assert all(one.change for one in found if one.state != "ok")


def test_a_proxy_on_another_machine_has_to_be_trusted(tmp_path):
    """An address for other machines, and only proxies of this one are believed: that is pointed out, and not once another is named."""
    found = [
        next(iter(machine.checks(Settings(data=tmp_path, host="0.0.0.0", proxies=1, trusted_proxies=trusted))["settings"]()))
        for trusted in ("loopback", "10.1.2.3")
    ]
    assert [one.state for one in found] == ["warn", "ok"]
    assert found[0].change.startswith("JACIE_TRUSTED_PROXIES")


def test_extraction_works_where_its_folder_cannot_be_made(tmp_path):
    """A file in the place where extraction puts documents, as after a restore gone wrong: the temporary folder takes them."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "spool").write_text("")
    code, found, said = examined(tmp_path)
    assert (code, found["extraction"]["state"], found["data folder"]["state"]) == (0, "ok", "ok"), said


def test_the_built_in_parts_are_well(tmp_path):
    """Without any key every part is well, and no language model is needed."""
    call = [sys.executable, "-m", "flask", "--app", "wsgi", "doctor"]
    done = subprocess.run(
        call, cwd=ROOT, env=environment(tmp_path / "var"), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 fail" in done.stdout
