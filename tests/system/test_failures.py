"""What a user is told when a part is broken: a clear code, a bounded wait, and everything that was found until then."""

import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from tests.support.backends import BUCKET, s3_client, s3_server
from tests.support.jacie import ROOT, Running, ask, environment, gunicorn, ingested_samples
from tests.support.openai_server import OpenAIServer, Script
from tests.support.s3_faults import S3Fault, S3Faults
from tests.support.waiting import wait_for

QUESTION = {"query": "What was Zanobela's revenue in 2024?"}
UNANSWERED = {"query": "Which colour of revenue did Zanobela's painter prefer?"}
"""Pages match it, and no answer without a model does."""
MODES = ["chat", "fast_chat"]
MODEL_FAULTS = {
    "status 500": (Script(status=500), "llm_unavailable", True),
    "status 401": (Script(status=401), "llm_unavailable", True),
    "cut in the middle": (Script(fault="rst"), "llm_incomplete", True),
    "ended with an unknown finish reason": (Script(finish_reason="abort"), "llm_incomplete", True),
    "stopped answering": (Script(fault="hang"), "llm_timeout", True),
    "prompt filtered": (Script(status=400, error_code="content_filter"), "content_filtered", False),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Jacie with a model whose faults can be switched, and 2 s of patience."""
    data = ingested_samples(tmp_path_factory.getbasetemp())
    with OpenAIServer(Script()) as model, gunicorn(data, OPENAI_BASE_URL=model.url, JACIE_MODEL_TIMEOUT_S="1.5") as running:
        running.wait_until_indexed()
        yield running, model


@pytest.mark.parametrize("fault", MODEL_FAULTS)
@pytest.mark.parametrize("mode", MODES)
def test_a_broken_model_ends_the_run_with_its_code_and_sources(served, mode, fault):
    """The error names the code, whether a retry helps, the sources that were found and what had been said."""
    running, model = served
    script, code, retryable = MODEL_FAULTS[fault]
    model.script = script
    received = ask(running.url, f"/{mode}/stream", UNANSWERED, timeout=30)
    error = received.terminal.data
    assert (received.terminal.name, error["code"], error["retryable"]) == ("error", code, retryable)
    assert error["sources"] == received.named("sources")[0]["sources"] != []
    assert error["partial_response"] == "".join(token["text"] for token in received.named("token"))
    assert error["step"] == "ai_generation"
    assert error["request_id"] == received.headers["X-Request-ID"]


NO_WORD = {
    "status 500": Script(status=500),
    "prompt filtered": Script(status=400, error_code="content_filter"),
    "answer filtered at once": Script(fault="content_filter", fault_after=0),
}


@pytest.mark.parametrize("fault", NO_WORD)
@pytest.mark.parametrize("mode", MODES)
def test_a_model_without_a_word_costs_no_exact_answer(served, mode, fault):
    """What was computed is shown in the model's place, and the failure is reported."""
    running, model = served
    model.script = NO_WORD[fault]
    result = ask(running.url, f"/{mode}/stream", QUESTION, timeout=30).terminal.data
    assert (result["basis"], result["model"]) == ("computed", "")
    assert "42,280 million" in result["response"]
    assert any("the computed answer is shown instead" in note for note in result["degraded"])


@pytest.mark.parametrize("mode", MODES)
def test_an_answer_that_the_filter_ends_is_kept(served, mode):
    """The words before it are the answer, the model has its credit, and ``degraded`` says who ended it."""
    running, model = served
    model.script = Script(fault="content_filter")
    received = ask(running.url, f"/{mode}/stream", UNANSWERED, timeout=30)
    result = received.terminal.data
    assert (received.terminal.name, result["finish_reason"]) == ("result", "content_filter")
    assert result["response"] == "".join(token["text"] for token in received.named("token")) != ""
    assert result["model"]
    assert any("content filter" in note for note in result["degraded"])


def test_the_twin_fails_with_the_status_of_the_code(served):
    """Without streaming the same failure is a problem document with its own status."""
    running, model = served
    model.script = Script(status=500)
    status, problem = running.post("/chat", UNANSWERED)
    assert (status, problem["status"], problem["code"]) == (503, 503, "llm_unavailable")
    assert problem["sources"]
    assert problem["title"] == "Service Unavailable"


def test_a_model_that_is_not_there_is_said_so(served):
    """With nobody at the model's address the run ends within seconds, and /ready names the part."""
    running, model = served
    with model.away():
        error = ask(running.url, "/chat/stream", UNANSWERED).terminal.data
        assert (error["code"], error["retryable"]) == ("llm_unavailable", True)
        assert error["sources"]
        assert _ready(running)["down"] == ["model"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Jacie that has read a folder without metadata.json, in which one file is broken."""
    folder = tmp_path_factory.mktemp("plain")
    for path in (ROOT / "sample_documents").glob("*2024*.pdf"):
        shutil.copy(path, folder)
    (folder / "zanobela_telecom_2022_annual_report.pdf").write_bytes(b"%PDF-1.7\nnot really")
    settings = {"JACIE_MODEL": "scripted", "JACIE_INGEST": "start", "JACIE_DOCUMENTS": str(folder)}
    with gunicorn(tmp_path_factory.mktemp("data"), **settings) as running:
        wait_for(lambda: "pending" not in {document["status"] for document in _documents(running)}, 60)
        yield running


def _documents(running: Running):
    return running.get("/documents")["documents"]


def test_a_store_without_catalog_is_read_by_names_and_first_pages(plain):
    """Without metadata.json company, period and type come from the files, and questions find them."""
    documents = [document for document in _documents(plain) if document["status"] == "ready"]
    assert {document["period"] for document in documents} == {"2024"}
    assert any("zanobela" in document["company"].lower() for document in documents)
    result = ask(plain.url, "/fast_chat/stream", QUESTION).terminal.data
    assert result["sources"][0]["filename"].startswith("zanobela_telecom_2024")


def test_an_unreadable_pdf_is_named_and_the_others_answer(plain):
    """A broken file is rejected with its reason in /documents and in degraded; the rest works."""
    (rejected,) = [document for document in _documents(plain) if document["status"] == "rejected"]
    assert rejected["reason"] == "it is not a readable PDF"
    result = ask(plain.url, "/fast_chat/stream", QUESTION).terminal.data
    assert any("zanobela_telecom_2022" in note and "not a readable PDF" in note for note in result["degraded"])
    assert result["sources"]


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """Jacie with the sample documents in a bucket whose faults can be switched, none of them indexed."""
    folder = ROOT / "sample_documents"
    objects = {f"{BUCKET}/{path.name}": path.read_bytes() for path in [*folder.glob("*.pdf"), folder / "metadata.json"]}
    data = tmp_path_factory.mktemp("s3")
    with S3Faults(objects) as store, gunicorn(data, JACIE_MODEL="scripted", **_s3(store.origin)) as running:
        yield running, store


def test_an_index_that_is_still_empty_says_how_far_it_is(bucket):
    """Without ingestion fast_chat reads the documents themselves and says that none is indexed."""
    running, _ = bucket
    result = ask(running.url, "/fast_chat/stream", QUESTION).terminal.data
    assert any("0 of 6 documents" in note for note in result["degraded"])
    assert any(source["filename"].startswith("zanobela_telecom_2024") for source in result["sources"])
    status, found = running.post("/search", QUESTION)
    assert (status, found["results"]) == (200, [])
    assert any("0 of 6 documents" in note for note in found["degraded"])


@pytest.mark.parametrize(("status", "reason"), [(403, "access to it was denied"), (404, "it is no longer in the store")])
def test_an_s3_refusal_costs_one_document(bucket, status, reason):
    """S3 answers 403 or 404 for one object: the others are used and the loss is named with its reason."""
    running, store = bucket
    store.fault = S3Fault(status=status, on="zanobela_telecom_2023")
    result = ask(running.url, "/chat/stream", {"query": "Compare Zanobela's revenue in 2023 and 2024"}).terminal.data
    assert any("zanobela_telecom_2023" in note and reason in note for note in result["degraded"])
    assert any(name.startswith("zanobela_telecom_2024") for name in result["documents_loaded"])


@pytest.mark.soak
def test_an_s3_that_refuses_everything_ends_with_its_code(tmp_path):
    """A bucket that is not there gives document_unavailable, live and without streaming, and /ready names the part."""
    bucket = "made-too-late"
    with s3_server() as endpoint, gunicorn(tmp_path, JACIE_MODEL="scripted", **_s3(endpoint, bucket)) as running:
        assert "documents" in _ready(running)["down"]
        error = ask(running.url, "/chat/stream", QUESTION).terminal.data
        assert (error["code"], error["retryable"]) == ("document_unavailable", True)
        status, problem = running.post("/chat", QUESTION)
        assert (status, problem["code"]) == (502, "document_unavailable")
        client = s3_client(endpoint)
        client.create_bucket(Bucket=bucket)
        client.close()
        assert "no documents in the collection" in ask(running.url, "/chat/stream", QUESTION).terminal.data["response"]


def _s3(endpoint: str, bucket: str = BUCKET) -> dict[str, str]:
    return {
        "JACIE_DOCUMENTS": f"s3://{bucket}",
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def _ready(running: Running):
    import json
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(running.url + "/ready", timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            assert error.code == 503
            return json.load(error)


def test_data_that_cannot_be_written_stops_the_boot(tmp_path):
    """A JACIE_DATA that is a file is one line at the start, not a failed question later."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    command = [sys.executable, "-m", "gunicorn", "wsgi:app"]
    env = environment(tmp_path, JACIE_DATA=str(blocked))
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    assert done.stderr.startswith("jacie: JACIE_DATA holds")
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_second_server_on_the_address_starts_nothing(served, tmp_path):
    """A port in use ends the boot before a model or an ingestion is started."""
    running, _ = served
    command = [sys.executable, "-m", "gunicorn", "wsgi:app"]
    env = environment(tmp_path, HOST="127.0.0.1", PORT=running.url.rsplit(":", 1)[1], JACIE_INGEST="start")
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert (
        done.stderr.splitlines()[-1]
        == f"jacie: {running.url.removeprefix('http://')} is taken: stop what listens there, or set PORT"
    )
    assert "in use" not in done.stderr
    assert "answerable" not in done.stderr
    assert not list(tmp_path.glob("ledger*"))


@pytest.mark.soak
def test_an_ingestion_that_was_killed_goes_on(tmp_path):
    """kill -9 of the ingestion beside a server: it is started again and everything is indexed."""
    with gunicorn(tmp_path, JACIE_MODEL="scripted", JACIE_INGEST="start") as running:
        listed = subprocess.run(
            ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(running.process.pid)], capture_output=True, text=True, check=True
        )
        (pid,) = [int(line.split()[0]) for line in listed.stdout.splitlines() if "background-ingest" in line]
        os.kill(pid, signal.SIGKILL)
        running.wait_until_indexed()


def test_a_signal_to_the_whole_group_lets_answers_end(tmp_path):
    """SIGTERM to the process group, as service managers send it, ends the master's children after the last answer."""
    with (
        OpenAIServer(Script(total_s=1.5)) as model,
        gunicorn(tmp_path, start_new_session=True, OPENAI_BASE_URL=model.url, JACIE_INGEST="start") as running,
    ):
        question = {**QUESTION, "auto_load_documents": False}
        received: list = []
        reader = threading.Thread(target=lambda: received.append(ask(running.url, "/fast_chat/stream", question)))
        reader.start()
        wait_for(lambda: model.chats)
        os.killpg(running.process.pid, signal.SIGTERM)
        reader.join(60)
        assert received[0].terminal.name == "result"
        running.process.wait(60)
