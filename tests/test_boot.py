"""What a boot imports: the SDKs that its settings need before it forks, and no others."""

import json
import subprocess
import sys

from tests.support.jacie import ROOT, environment

SDKS = {"boto3", "botocore", "redis", "pinecone", "openai", "jwt", "opentelemetry", "onnxruntime", "xllamacpp", "pypdfium2"}
ELSEWHERE = {
    "JACIE_DOCUMENTS": "s3://filings/annual", "JACIE_INDEX": "pinecone://filings", "PINECONE_API_KEY": "none",
    "JACIE_EMBEDDINGS": "openai", "OPENAI_API_KEY": "none", "JACIE_RUNS": "redis://127.0.0.1:1/0",
    "JACIE_OIDC_ISSUER": "https://login.example", "JACIE_OIDC_AUDIENCE": "jacie", "JACIE_OIDC_JWKS_URL": "https://login.example/keys",
    "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": "eu-central-1",
}  # fmt: skip
BOOT = """
import json, runpy, sys
from jacie_flask import config, services
found = [lambda: runpy.run_path("gunicorn.conf.py"), lambda: __import__("wsgi")]
found += [lambda s=s: services.load([config.load(model="scripted"), config.load(**s)]) for s in json.loads(sys.argv[1])]
for step in found:
    before = set(sys.modules)
    step()
    print(json.dumps(sorted(set(sys.modules) - before)))
"""
IN_TURN = {
    "boto3 botocore": {"model": "scripted", "documents": "s3://filings"},
    "pinecone": {"model": "scripted", "index": "pinecone://filings", "pinecone_api_key": "none"},
    "redis opentelemetry": {"model": "scripted", "runs": "redis://127.0.0.1:1/0"},
    "jwt": {
        "model": "scripted",
        "oidc_issuer": "https://login.example",
        "oidc_audience": "jacie",
        "oidc_jwks_url": "https://login.example/keys",
    },
    "openai": {"model": "", "openai_base_url": "http://127.0.0.1:1/v1"},
}


def booted(data, *then: dict[str, str], **settings: str) -> list[set[str]]:
    """Return the SDKs that are new after the master's configuration, after a worker's application, and after each load ``then``."""
    command = [sys.executable, "-c", BOOT, json.dumps(then)]
    run = subprocess.run(command, cwd=ROOT, env=environment(data, **settings), capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return [{name.partition(".")[0] for name in json.loads(line)} & SDKS for line in run.stdout.splitlines()]


def test_a_setting_brings_its_own_sdk_and_no_setting_none(tmp_path):
    """Neither the master nor a worker pays for what its settings do not name; one part elsewhere, in any tenant, costs one SDK."""
    in_master, in_worker, *loaded = booted(tmp_path, *IN_TURN.values(), JACIE_MODEL="scripted")
    assert in_master == in_worker == set()
    assert loaded == [set(names.split()) for names in IN_TURN]


def test_what_the_settings_need_is_there_before_the_workers(tmp_path):
    """The master has imported each SDK when it forks: workers share them, and no request waits for one."""
    in_master, in_worker = booted(tmp_path, **ELSEWHERE)
    assert in_master == {"boto3", "botocore", "redis", "opentelemetry", "pinecone", "openai", "jwt"}
    assert in_worker <= in_master  # making a client, boto3 imports a little more of its own
