"""Each part that answering needs, asked for real: documents, extraction, index, embeddings, model, runs."""

import time
from collections.abc import Iterator, Mapping
from functools import partial

import msgspec

from jacie_flask import services
from jacie_flask.config import Settings
from jacie_flask.doctor.findings import Check, Finding
from jacie_flask.errors import JacieError
from jacie_flask.interfaces import DEFAULT_TENANT, Prompt, Services
from jacie_flask.runs.redis_rows import Facts, StoreDown

_MODEL_WAIT_S = 20.0
_OLDEST_REDIS = (6, 2)
_REDIS_FULL = 0.8
_QUESTION = Prompt(messages=[{"role": "user", "content": "Say OK."}], max_tokens=8)


def checks(settings_of: Mapping[str, Settings], parts_of: Mapping[str, Services]) -> dict[str, Check]:
    """Return what there is to look at, by the name of the part: what all tenants share, then what each has of its own."""
    settings, parts = settings_of[DEFAULT_TENANT], parts_of[DEFAULT_TENANT]
    found: dict[str, Check] = {
        "extraction": lambda: _extraction(settings),
        "embeddings": lambda: _embeddings(parts),
        "model": lambda: _model(settings, parts),
        "runs": lambda: _runs(settings),
    }
    for tenant, own in settings_of.items():
        of = f" of {tenant}" if len(settings_of) > 1 else ""
        place = "JACIE_DOCUMENTS" if tenant == DEFAULT_TENANT else f"JACIE_TENANTS: {tenant}"
        found[f"documents{of}"] = partial(_of, of and tenant, _documents(f"documents{of}", place, own, parts_of[tenant]))
        found[f"index{of}"] = partial(_of, of and tenant, _index(f"index{of}", own, parts_of[tenant]))
    return found


def _of(tenant: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Look, and say whose it is; "" where there is one tenant."""
    return (msgspec.structs.replace(one, tenant=tenant) for one in findings)


def _documents(part: str, change: str, settings: Settings, parts: Services) -> Iterator[Finding]:
    place = change
    if settings.documents_folder is None:
        change += " (s3:ListBucket and s3:GetObject for it), AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL_S3"
    try:
        objects = parts.documents.list()
        found = len(parts.catalog.documents())
        if objects:
            parts.documents.read(min(objects, key=lambda one: one.size).key)
    except JacieError as error:
        yield Finding(part, "fail", str(error), change)
        return
    if not found:
        yield Finding(part, "warn", f"{settings.documents} holds no document that can be answered from", place)
        return
    for note in parts.catalog.notes:
        yield Finding(part, "warn", note, f"{settings.documents}: metadata.json or the permissions of its folders")
    yield Finding(part, "ok", f"{found} in {settings.documents}; one was read")


def _extraction(settings: Settings) -> Iterator[Finding]:
    extractor = services.extraction(settings)
    try:
        pages = extractor.analyse(b"Revenue was 12 million.", suffix=".txt", content_hash="doctor").pages
    finally:
        extractor.close()
    yield Finding("extraction", "ok", f"a child process read a text of {len(pages)} page")


def _index(part: str, settings: Settings, parts: Services) -> Iterator[Finding]:
    try:
        parts.index.check()
        held = parts.index.status()
    except JacieError as error:
        change = "JACIE_INDEX" if settings.index.startswith("sqlite:") else "JACIE_INDEX, PINECONE_API_KEY, PINECONE_INDEX_HOST"
        yield Finding(part, "fail", str(error), change)
        return
    said = f"{held.documents} documents, {held.chunks} passages, {held.vectors} vectors in {parts.index.label}"
    if not held.documents:
        yield Finding(part, "warn", said, "flask --app wsgi ingest (a server does so on start: JACIE_INGEST=start)")
        return
    if held.vectors < held.chunks:
        yield Finding(part, "warn", f"{said}: the rest is found by words only", "flask --app wsgi ingest")
        return
    yield Finding(part, "ok", said)


def _embeddings(parts: Services) -> Iterator[Finding]:
    try:
        wide = parts.embedder.embed(["What was the revenue?"]).shape[1]
    except JacieError as error:
        yield Finding(
            "embeddings", "fail", str(error), "OPENAI_API_KEY, OPENAI_BASE_URL, JACIE_EMBEDDING_MODEL, JACIE_EMBEDDING_DIMENSION"
        )
        return
    yield Finding("embeddings", "ok", f"{parts.embedder.label}, {wide} dimensions")


def _model(settings: Settings, parts: Services) -> Iterator[Finding]:
    if parts.model.absent:
        yield Finding(
            "model", "ok", "none: answers are computed from tables and quoted; OPENAI_BASE_URL or JACIE_MODEL_FILE adds one"
        )
        return
    local = settings.uses_local_model
    change = "JACIE_MODEL_FILE, memory of this machine" if local else "OPENAI_API_KEY, OPENAI_BASE_URL, JACIE_MODEL"
    try:
        _until_ready(parts, local=local)
        begun = time.monotonic()
        said = "".join(delta.text for delta in parts.model.stream(_QUESTION))
    except JacieError as error:
        yield Finding("model", "fail", str(error), change)
        return
    took_ms = round((time.monotonic() - begun) * 1000)
    if not said.strip():
        yield Finding("model", "warn", f"{parts.model.label} answered with nothing", change, took_ms)
        return
    yield Finding("model", "ok", f"{parts.model.label} completed a sentence", took_ms=took_ms)


def _until_ready(parts: Services, *, local: bool) -> None:
    """Wait for a local model, which has only just been started; another one that is not ready says why when it is asked."""
    end = time.monotonic() + (_MODEL_WAIT_S if local else 0.0)
    while not parts.model.ready() and time.monotonic() < end:
        time.sleep(0.1)


def _runs(settings: Settings) -> Iterator[Finding]:
    try:
        facts = services.runs_store(settings)
    except StoreDown as error:
        yield Finding("runs", "fail", str(error), "JACIE_RUNS; its address, password and rights (EVAL, XADD, DEL on jacie:*)")
        return
    if facts is None:
        yield Finding("runs", "ok", "in memory: one worker, and answers do not outlive it")
        return
    problems = list(_redis_problems(facts))
    yield from problems
    if not problems:
        yield Finding("runs", "ok", f"Redis {facts.version}, {facts.policy}, {facts.used_bytes >> 20} MiB used")


def _redis_problems(facts: Facts) -> Iterator[Finding]:
    if tuple(int(part) for part in facts.version.split(".")[:2]) < _OLDEST_REDIS:
        yield Finding("runs", "fail", f"Redis {facts.version} is older than 6.2", "the Redis server")
    if facts.cluster:
        yield Finding("runs", "fail", "a Redis Cluster: runs are kept in one Redis, replicated or not", "JACIE_RUNS")
    if facts.policy != "noeviction":
        said = f"Redis forgets running answers when it is full (maxmemory-policy {facts.policy})"
        yield Finding("runs", "fail" if facts.most_bytes else "warn", said, "redis.conf: maxmemory-policy noeviction")
    if facts.most_bytes and facts.used_bytes > _REDIS_FULL * facts.most_bytes:
        said = f"Redis uses {facts.used_bytes >> 20} of {facts.most_bytes >> 20} MiB"
        yield Finding("runs", "warn", said, "redis.conf: maxmemory, or JACIE_KEEP_RUNS_S")
    if abs(facts.clock_s - time.time()) > 2.0:
        said = f"the clocks of this machine and Redis differ by {abs(facts.clock_s - time.time()):.0f} s"
        yield Finding("runs", "warn", said, "synchronise the clocks (chrony, systemd-timesyncd)")
