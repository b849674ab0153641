"""Files of JACIE_DATA are their owner's alone, however Jacie is started and whenever they are made."""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.alive import alive
from tests.support.jacie import ROOT, ask, environment, gunicorn, serve
from tests.support.ports import free_port
from tests.support.reliability import record
from tests.support.scenarios import wait_for
from tests.system.test_serving import SERVERS

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(300)]
QUESTION = {"query": "What was Zanobela's revenue in 2024?"}


@pytest.fixture(autouse=True)
def _usual_umask():
    """Start everything as a shell would, where new files are readable by all users."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def settings(tmp_path) -> dict[str, str]:
    """Settings of a server whose one document is ingested in a moment: every kind of file is made, none of them is large."""
    folder = tmp_path / "filings"
    folder.mkdir()
    shutil.copy(ROOT / "sample_documents" / "zanobela_telecom_2024_annual_report.pdf", folder)
    return {"JACIE_DOCUMENTS": str(folder), "JACIE_MODEL": "scripted", "JACIE_INGEST": "start"}


@contextlib.contextmanager
def daemon(folder: Path, settings: dict[str, str]) -> Iterator[tuple[str, int]]:
    """Run gunicorn in the background, as ``-D`` does; yield its URL and the process id of its master."""
    folder.mkdir(parents=True, exist_ok=True)
    port, pid_file = free_port(), folder / "pid"
    values = environment(folder / "data", HOST="127.0.0.1", PORT=str(port), **settings)
    command = [sys.executable, "-m", "gunicorn", "-D", "-p", str(pid_file), "wsgi:app"]
    subprocess.run(command, cwd=ROOT, env=values, check=True, capture_output=True, timeout=60)
    url = f"http://127.0.0.1:{port}"
    wait_for(lambda: answers(url), 60)
    master = int(pid_file.read_text())
    try:
        yield url, master
    finally:
        os.kill(master, signal.SIGTERM)
        wait_for(lambda: not alive(master), 30)


def answers(url: str) -> bool:
    """Say whether a server is there."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=30) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def counted(url: str) -> float:
    """Return how many runs the server says that it has begun."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("jacie_runs_started_total"))


def use(url: str) -> None:
    """Have every kind of file made that requests make."""
    for mode in ("chat", "fast_chat"):
        assert ask(url, f"/{mode}/stream", QUESTION).terminal.name == "result"
    for page in ("1", "1.png"):
        source = ask(url, "/chat/stream", QUESTION).terminal.data["sources"][0]["document_id"]
        with urllib.request.urlopen(f"{url}/documents/{source}/pages/{page}", timeout=30) as answer:
            assert answer.read()


def private_files(data: Path) -> int:
    """Return how many files and folders there are; fail for one that others may use."""
    paths = [path for path in (data, *data.rglob("*")) if not path.name.startswith("server-")]  # those are the test's
    modes = {str(path): oct(stat.S_IMODE(path.lstat().st_mode)) for path in paths if path.exists()}
    assert {path: mode for path, mode in modes.items() if int(mode, 8) & 0o077} == {}
    assert len(modes) >= 10, modes
    return len(modes)


def test_however_it_is_started_its_files_are_private(tmp_path, settings):
    """In the foreground and the background, with a umask of its own, on threads, and on the command line."""
    rows = []
    with daemon(tmp_path / "daemon", settings) as (url, _):
        use(url)
        rows.append({"started as": "gunicorn -D", "files and folders": private_files(tmp_path / "daemon" / "data")})
    started = {"gunicorn": lambda data: gunicorn(data, **settings)}
    started["gunicorn --umask 0"] = lambda data: gunicorn(data, "--umask", "0", **settings)
    for name in ("waitress", "flask run"):
        started[name] = lambda data, name=name: serve(SERVERS[name], data, **settings)
    for number, (name, start) in enumerate(started.items()):
        with start(tmp_path / str(number)) as running:
            use(running.url)
            rows.append({"started as": name, "files and folders": private_files(tmp_path / str(number))})
    values = environment(tmp_path / "cli", **settings)
    for words in (["ingest"], ["keys", "create", "x"]):
        subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", *words], cwd=ROOT, env=values, check=True, capture_output=True
        )
    rows.append({"started as": "flask ingest, flask keys create", "files and folders": private_files(tmp_path / "cli")})
    told = [{**row, "readable by others": 0} for row in rows]
    record(
        "79-file-modes",
        "Who may read JACIE_DATA",
        "With a umask of 022; everything was used, so that every kind of file is made.",
        told,
    )


def test_a_daemon_keeps_its_counts(tmp_path, settings):
    """Another server that starts takes away what processes left that are gone; the daemon's master is not its first process."""
    with daemon(tmp_path / "daemon", settings) as (url, master):
        use(url)
        before = counted(url)
        assert before >= 4
        with gunicorn(tmp_path / "other", **settings):
            use(url)
            assert counted(url) == before * 2
            children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
            workers = [int(pid) for pid in children if b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes()]
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
            wait_for(lambda: not any(map(alive, workers)) and answers(url), 60)
            use(url)
            assert counted(url) >= before * 3
