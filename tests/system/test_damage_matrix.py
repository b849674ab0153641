"""Every kind of damage to every file of JACIE_DATA: a tenant for each kind, whose files are damaged at once under one server."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jacie_flask import create_app, services, tenants
from jacie_flask.access.keys import KeyFile
from jacie_flask.config import load
from jacie_flask.ingest import ingest
from jacie_flask.services.places import index_file
from tests.support.damage import KINDS, restored
from tests.support.jacie import Running, gunicorn
from tests.support.reliability import record
from tests.support.scenarios import wait_for
from tests.support.tenants import close, filing

pytestmark = [pytest.mark.soak, pytest.mark.reliability, pytest.mark.timeout(3600)]
SOUND = "sound"
OF_TENANTS = ("index", "index-wal", "index-shm", "ledger", "ledger lock", "text", "version", "picture")
SHARED = ("secret-key", "ended-sessions.json", "ingestion.done")


@dataclass
class Matrix:
    """Tenants by name, each with a key, a data folder saved whole, and the settings of all."""

    folder: Path
    saved: Path
    data: Path
    tokens: dict[str, str] = field(default_factory=dict)
    sound: dict[str, list[str]] = field(default_factory=dict)

    @property
    def places(self) -> dict[str, str]:
        """The settings that name the places."""
        listed = self.folder / "tenants.json"
        return {
            "documents": str(self.folder / "default"),
            "tenants": str(listed),
            "data": str(self.data),
            "index": f"sqlite:{self.data}/index.db",
            "model": "scripted",
            "ingest": "off",
        }

    def settings(self):
        """Return the settings of each tenant."""
        return tenants.settings_of(load(**self.places))

    def file(self, tenant: str, kind: str) -> Path:
        """Return one file of a tenant by its kind."""
        own = self.settings()[tenant]
        if kind.startswith("index"):
            path = index_file(self.data / "index.db", own)
            return path.with_name(path.name + kind.removeprefix("index"))
        pattern = {
            "ledger": "ledger-*.db", "ledger lock": "ledger-*.lock", "text": "cache/*.text", "version": "cache/*.version", "picture": "pictures/*",
        }[kind]  # fmt: skip
        return next(own.data.glob(pattern))


def names() -> dict[str, str]:
    """Return a tenant's name for each kind of damage."""
    return {f"kind-{number}": kind for number, kind in enumerate(KINDS)}


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    """Ingest a small collection for each kind of damage and one that stays sound, with all that a server makes of it."""
    folder = tmp_path_factory.mktemp("matrix")
    made = Matrix(folder, folder / "saved", folder / "data")
    listed = {}
    for name in ("default", SOUND, *names()):
        (folder / name).mkdir()
        filing(folder / name / "zanobela_2024_annual_report.pdf", "Zanobela")
        listed[name] = {"documents": str(folder / name)}
    del listed["default"]
    (folder / "tenants.json").write_text(json.dumps(listed))
    for one in made.settings().values():
        parts = services.ingestion(one)
        ingest(parts)
        parts.reader._extractor.close()
    keys = KeyFile(made.data / "keys.json", clock=time.time)
    for name in ("default", SOUND, *names()):
        made.tokens[name] = keys.create(name, tenant=name, scopes=frozenset({"ask", "search", "metrics"}))[1]
    (made.data / "ended-sessions.json").write_text('{"0123456789ab":{"opened_until":1.0,"expiry":{}}}')
    (made.data / "ingestion.done").touch()
    (made.data / "secret-key").write_text(secrets.token_hex(32))
    (made.data / "secret-key").chmod(0o600)
    with serve(made) as running:
        for name in made.tokens:
            made.sound[name] = use(made, running, name)
    shutil.rmtree(made.data / "metrics", ignore_errors=True)
    shutil.copytree(made.data, made.saved)
    return made


def serve(matrix: Matrix):
    """Run a real server over the data folder."""
    logs = matrix.folder / f"log-{time.time_ns()}"
    logs.mkdir()
    places = matrix.places
    limits = {"JACIE_RATE_LIMIT": "off", "JACIE_POLL_RATE_LIMIT": "off", "JACIE_PAGE_RATE_LIMIT": "off"}
    named = {f"JACIE_{name.upper()}": places[name] for name in ("documents", "tenants", "data", "index", "model")}
    return gunicorn(logs, **named, **limits)


def ask(matrix: Matrix, running: Running, tenant: str, path: str, body: object = None) -> tuple[int, bytes]:
    """Send one request with a tenant's key."""
    headers = {"Authorization": f"Bearer {matrix.tokens[tenant]}", "Content-Type": "application/json"}
    request = urllib.request.Request(running.url + path, json.dumps(body).encode() if body else None, headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def use(matrix: Matrix, running: Running, tenant: str) -> list[str]:
    """Do all that needs files, and return the pages' words that were answered with; no use may fail."""
    question = {"query": "What was the revenue of Zanobela in 2024?"}
    snippets = []
    for path in ("/fast_chat", "/chat", "/fast_chat"):
        status, body = ask(matrix, running, tenant, path, question)
        assert status == 200, (path, body)
        sources = json.loads(body)["sources"]
        assert sources, (path, body)
        snippets += [source["snippet"] for source in sources]
    status, body = ask(matrix, running, tenant, "/search", question)
    assert status in (200, 503), body
    document = json.loads(ask(matrix, running, tenant, "/documents")[1])["documents"][0]["document_id"]
    status, body = ask(matrix, running, tenant, f"/documents/{document}/pages/1")
    assert status == 200, body
    status, picture = ask(matrix, running, tenant, f"/documents/{document}/pages/1.png")
    assert status == 200, picture
    assert picture.startswith(b"\x89PNG")
    return [*snippets, json.loads(body)["text"]]


def lines(texts: list[str]) -> set[str]:
    """Return the lines of texts."""
    return {line for text in texts for line in text.splitlines()}


def worker_of(running: Running) -> int:
    """Return the process id of the one worker."""
    command = ["pgrep", "-f", "-P", str(running.process.pid), "gunicorn"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0])


def harm(matrix: Matrix, kind: str) -> int:
    """Do each kind of damage to the file of the tenant that is there for it; return to how many."""
    count = 0
    for name, damage in names().items():
        path = matrix.file(name, kind)
        if not path.exists() and kind in ("index-wal", "index-shm"):
            path.write_bytes(bytes(32768))
        KINDS[damage](path)
        count += 1
    return count


def check(matrix: Matrix, running: Running, kind: str, when: str) -> None:
    """Use every tenant: the damaged ones are answered with the same words as before, the sound one as if nothing was."""
    for name, damage in (*names().items(), (SOUND, "sound"), ("default", "sound")):
        try:
            found = use(matrix, running, name)
        except (AssertionError, OSError) as error:
            raise AssertionError(f"{kind} is {damage}, {when}: {error}") from error
        assert lines(found) <= lines(matrix.sound[name]), (kind, damage, when, found)
        if damage == "sound":
            assert found == matrix.sound[name], (kind, when)


@pytest.fixture(scope="module")
def counted():
    """Count the damages that passed every check, and record them."""
    counts: dict[tuple[str, str], int] = {}
    yield counts
    files = sorted({kind for kind, _ in counts})
    rows = [
        {"file": kind, **{when: counts.get((kind, when), 0) for when in ("before the boot", "at run time")}, "dead processes": 0,
         "questions without an answer": 0, "other tenants affected": 0}
        for kind in files
    ]  # fmt: skip
    text = f"""{len(KINDS)} kinds of damage to each file of JACIE_DATA under a real server, {sum(counts.values())} in all: each kind to the file of a tenant of its own,
all at once, and every tenant asked afterwards; what was answered had only words of the documents."""
    record("78-damaged-files", "Damaged files", text, rows)


@pytest.mark.parametrize("when", ["before the boot", "at run time"])
@pytest.mark.parametrize("kind", OF_TENANTS)
def test_every_damage_to_a_file_of_a_tenant(matrix, counted, kind, when):
    """Nobody's question is left without an answer, no process dies, and no other tenant notices."""
    restored(matrix.saved, matrix.data)
    if when == "before the boot":
        harmed = harm(matrix, kind)
    with serve(matrix) as running:
        worker = worker_of(running)
        if when == "at run time":
            for name in names():
                ask(matrix, running, name, "/fast_chat", {"query": "What was the revenue of Zanobela in 2024?"})
            harmed = harm(matrix, kind)
        check(matrix, running, kind, when)
        assert worker_of(running) == worker
        assert running.log.read_text().count("Booting worker") == 1
        os.kill(worker, signal.SIGTERM)  # another one starts over what is left
        wait_for(lambda: not Path(f"/proc/{worker}").exists() and running.log.read_text().count("Booting worker") == 2, 60)
        check(matrix, running, kind, f"{when}, in the next worker")
    counted[kind, when] = harmed


@pytest.mark.parametrize("kind", SHARED)
def test_every_damage_to_a_file_of_all(matrix, counted, kind):
    """Files that all tenants share: one after the other under one server, and before a boot each."""
    restored(matrix.saved, matrix.data)
    path = matrix.data / kind
    good = path.read_bytes()

    def mend() -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.write_bytes(good)
        path.chmod(0o600)

    with serve(matrix) as running:
        worker = worker_of(running)
        for damage in KINDS.values():
            damage(path)
            assert use(matrix, running, SOUND) == matrix.sound[SOUND]
            mend()
        assert worker_of(running) == worker
    for name, damage in KINDS.items():
        damage(path)
        app = create_app(load(**{name: value for name, value in matrix.places.items() if name != "tenants"}))
        headers = {"Authorization": f"Bearer {matrix.tokens['default']}"}
        answer = app.test_client().post("/fast_chat", json={"query": "What was the revenue of Zanobela?"}, headers=headers)
        assert answer.status_code == 200, (kind, name, answer.json)
        close(app)
        mend()
    counted[kind, "at run time"] = counted[kind, "before the boot"] = len(KINDS)
