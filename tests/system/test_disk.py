"""A disk that is full, cannot be written or holds damaged files: answers go on, nothing dies, and what is not kept is said."""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from jacie_flask import create_app, keeping
from jacie_flask.config import load
from tests.support.damage import KINDS, restored, swap
from tests.support.jacie import ROOT, Running, ask, copy_of_ingested_samples, gunicorn, ingest
from tests.support.reliability import record
from tests.support.tenants import close
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(900)]
QUESTION = {"query": "What was Zanobela's revenue in 2024?"}
QUICK = sorted(KINDS)[::11]


@pytest.fixture
def disk(tmp_path):
    """A disk of 24 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("NOT TESTED: a full disk and one that is read-only (this user may not mount a tmpfs)")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def served(folder: Path, logs: Path, **settings: str):
    """Run Jacie with its data on a disk and its log elsewhere."""
    places = {"JACIE_DATA": str(folder / "data"), "JACIE_INDEX": f"sqlite:{folder}/data/index.db", "JACIE_MODEL": "scripted"}
    with gunicorn(logs, **places, **settings) as running:
        yield running


def fill(folder: Path) -> Path:
    """Write until nothing fits any more."""
    path = folder / "filler"
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return path


def ready(running: Running) -> dict:
    """Return /ready, whatever its status."""
    try:
        return running.get("/ready")
    except urllib.error.HTTPError as error:
        with error:
            return {"status": error.code}


def worker_of(running: Running) -> int:
    """Return the process id of the one worker."""
    listed = subprocess.run(
        ["pgrep", "-f", "-P", str(running.process.pid), "gunicorn"], capture_output=True, text=True, check=True
    )
    return int(listed.stdout.split()[0])


def answered(running: Running) -> dict:
    """Ask both ways, and return the result of the indexed one; each has to come with sources."""
    found = {}
    for mode in ("chat", "fast_chat"):
        terminal = ask(running.url, f"/{mode}/stream", QUESTION).terminal
        assert terminal.name == "result", terminal.data
        assert terminal.data["sources"]
        found = terminal.data
    return found


def test_a_full_disk_costs_what_is_kept_and_nothing_else(disk, tmp_path):
    """Full at run time, at a worker's restart and at the boot: questions are answered, /ready and `degraded` say what is lost."""
    with served(disk, tmp_path / "first") as running:
        filler = fill(disk)
        degraded = answered(running)["degraded"]
        assert any("not being kept" in note and "No space left on device" in note for note in degraded), degraded
        assert ready(running)["parts"]["data"]["not_kept"]
        pages = running.get("/documents")["documents"][0]["document_id"]
        assert running.get(f"/documents/{pages}/pages/1")["text"]
        with urllib.request.urlopen(f"{running.url}/documents/{pages}/pages/1.png", timeout=30) as picture:
            assert picture.read(4) == b"\x89PNG"
        with urllib.request.urlopen(f"{running.url}/metrics", timeout=30) as metrics:
            assert b"jacie_runs_started_total" in metrics.read()
        assert running.log.read_text().count("Booting worker") == 1
        before = worker_of(running)
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: running.log.read_text().count("Booting worker") == 2, 30)
        answered(running)
    with served(disk, tmp_path / "second") as running:
        assert any("not being kept" in note for note in answered(running)["degraded"])
        filler.unlink()
        assert not any("No space" in note for note in map(str, ready(running)["parts"]["data"]["not_kept"].values()))
        answered(running)
        assert running.log.read_text().count("Booting worker") == 1
    row = {
        "fault": "JACIE_DATA is full, at run time, at a worker's restart, at the boot",
        "seen": "answers with sources; degraded and /ready say what is not kept",
        "dead processes": 0,
    }
    record("76-disk-full", "A full disk", "On a tmpfs of 24 MB that is filled to its last page.", [row])


def test_a_disk_that_cannot_be_written_is_read(disk, tmp_path):
    """The index, its ledger and the caches serve as they are."""
    folder = tmp_path / "filings"
    folder.mkdir()
    shutil.copy(ROOT / "sample_documents" / "zanobela_telecom_2024_annual_report.pdf", folder)
    places = {"JACIE_DATA": str(disk / "data"), "JACIE_INDEX": f"sqlite:{disk}/data/index.db", "JACIE_DOCUMENTS": str(folder)}
    ingest(tmp_path / "ingest", **places, JACIE_MODEL="scripted")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with served(disk, tmp_path / "first", JACIE_DOCUMENTS=str(folder)) as running:
        result = answered(running)
        assert any("not being kept" in note and "Read-only file system" in note for note in result["degraded"]), result[
            "degraded"
        ]
        assert not any("cannot be searched" in note for note in result["degraded"]), "the index is there and was not read"
        state = ready(running)["parts"]
        assert state["data"]["not_kept"]
        assert state["index"]["documents"] == 1
        assert running.log.read_text().count("Booting worker") == 1
    row = {
        "fault": "JACIE_DATA is read-only",
        "seen": "answers from the index; degraded and /ready say that nothing new is kept",
        "dead processes": 0,
    }
    record("77-disk-read-only", "A read-only disk", "On a tmpfs that is remounted before the boot.", [row])


# ------------------------------------------------------------------------------------------------------- damaged files


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A data folder with everything in it that a server makes: index, ledger, texts, pictures, secret, sessions that ended."""
    data = tmp_path_factory.mktemp("saved") / "data"
    copy_of_ingested_samples(tmp_path_factory.getbasetemp(), data)
    app = made(data)
    client = app.test_client()
    document = client.get("/documents").json["documents"][0]["document_id"]
    assert client.get(f"/documents/{document}/pages/1.png").status_code == 200
    assert client.post("/chat", json=QUESTION).status_code == 200
    (data / "ended-sessions.json").write_text('{"0123456789ab":{"opened_until":1.0,"expiry":{}}}')
    (data / "ingestion.done").touch()
    close(app)
    return data


def made(data: Path):
    """Return an application over a data folder."""
    return create_app(load(data=str(data), index=f"sqlite:{data}/index.db", model="scripted", ingest="off"))


def files_of(data: Path) -> list[Path]:
    """Return one file of each kind below a data folder."""
    names = (
        "index*.db",
        "ledger*.db",
        "ledger*.lock",
        "cache/*.text",
        "cache/*.version",
        "pictures/*",
        "secret-key",
        "ended-sessions.json",
        "ingestion.done",
    )
    found = [next(iter(sorted(data.glob(name))), None) for name in names]
    return [path.relative_to(data) for path in found if path is not None]


def use(client) -> None:
    """Do all that needs files; the first use after a damage may find it, no use may fail because of it."""
    for mode in ("fast_chat", "chat", "fast_chat"):
        answer = client.post(f"/{mode}", json=QUESTION)
        assert answer.status_code == 200, answer.json
        assert answer.json["sources"], answer.json
    assert client.post("/search", json=QUESTION).status_code in (200, 503)
    document = client.get("/documents").json["documents"][0]["document_id"]
    assert client.get(f"/documents/{document}/pages/1").json["text"]
    assert client.get(f"/documents/{document}/pages/1.png").status_code == 200
    assert client.get("/ready").status_code == 200


def damaged(saved: Path, data: Path, kinds) -> int:
    """Do each kind of damage to each file, before the boot and at run time; return how many times."""
    count = 0
    for name in files_of(saved):
        for kind in kinds:
            for at_boot in (True, False):
                restored(saved, data)
                app = None if at_boot else made(data)
                if app:
                    use(app.test_client())
                KINDS[kind](data / name)
                app = app or made(data)
                try:
                    use(app.test_client())
                except Exception as error:
                    raise AssertionError(f"{name} is {kind}, {'before the boot' if at_boot else 'at run time'}") from error
                finally:
                    close(app)
                count += 1
    return count


def test_damaged_files_are_made_anew(saved, tmp_path):
    """A share of all kinds of damage, test_damage_matrix.py has all: what was damaged costs no answer."""
    assert damaged(saved, tmp_path / "data", QUICK) >= 50


def first_pages(client) -> dict[str, str]:
    """Return the text of the first page of each document."""
    listed = client.get("/documents").json["documents"]
    return {one["filename"]: client.get(f"/documents/{one['document_id']}/pages/1").json["text"] for one in listed}


def test_swapped_files_are_noticed(saved, tmp_path):
    """The ledger in the place of the index, and the text of one document in that of another: each document has its own text."""
    data = tmp_path / "data"
    restored(saved, data)
    app = made(data)
    expected = first_pages(app.test_client())
    close(app)
    swap(next(data.glob("index*.db")), next(data.glob("ledger*.db")))
    texts = sorted((data / "cache").glob("*.text"))[:2]
    swap(*texts)
    app = made(data)
    try:
        use(app.test_client())
        assert len(set(expected.values())) > 1
        assert first_pages(app.test_client()) == expected
    finally:
        close(app)


@pytest.mark.parametrize("kinds", [QUICK, pytest.param(sorted(KINDS), marks=pytest.mark.soak)], ids=["some", "all"])
@pytest.mark.parametrize("ending", ["", "-wal", "-shm"])
def test_a_worker_outlives_damage_to_what_it_has_open(saved, tmp_path, ending, kinds):
    """A real server whose index, log and shared memory are damaged under it answers on with the same process."""
    data = tmp_path / "data"
    restored(saved, data)
    good = tmp_path / "good.db"
    index = next(data.glob("index*.db"))
    shutil.copy(index, good)
    with served(tmp_path, tmp_path / "log") as running:
        worker = worker_of(running)
        for kind in kinds:
            ask(running.url, "/fast_chat/stream", QUESTION)
            path = Path(f"{index}{ending}")
            if path.is_file():
                KINDS[kind](path)
            for _ in range(2):
                terminal = ask(running.url, "/fast_chat/stream", QUESTION).terminal
                assert terminal.name == "result", (kind, terminal.data)
                assert terminal.data["sources"], kind
            ready(running)
            if not ending:
                shutil.copy(good, f"{good}.new")
                for other in ("-wal", "-shm"):
                    Path(f"{index}{other}").unlink(missing_ok=True)
                os.replace(f"{good}.new", index)
        assert worker_of(running) == worker
        assert running.log.read_text().count("Booting worker") == 1


# ---------------------------------------------------------------------------------------------------------- permissions


def test_files_are_their_owners_alone(saved, tmp_path):
    """Also those that an earlier version made readable; a file that Jacie did not make is left as it is."""
    data = tmp_path / "data"
    restored(saved, data)
    mine = data / "notes.txt"
    mine.write_text("of somebody")
    for path in (data, *data.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    with served(tmp_path, tmp_path / "log") as running:
        answered(running)
        with urllib.request.urlopen(f"{running.url}/metrics", timeout=30):
            pass
        modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in (data, *data.rglob("*")) if path not in (mine,)}
    open_to_others = {path: oct(mode) for path, mode in modes.items() if mode & 0o077}
    assert open_to_others == {}
    assert stat.S_IMODE(mine.stat().st_mode) == 0o644


def test_what_is_not_kept_is_said_until_it_is():
    """A reason is told once in the log, and to users for as long as it holds."""
    keeping.failed("texts of documents", OSError(28, "No space left on device"))
    keeping.failed("pictures of pages", OSError(28, "No space left on device"))
    (note,) = keeping.notes()
    assert "pictures of pages, texts of documents: No space left on device" in note
    keeping.succeeded("texts of documents")
    assert set(keeping.lost()) == {"pictures of pages"}
    keeping.succeeded("pictures of pages")
    assert keeping.notes() == []
