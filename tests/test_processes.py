"""Owned processes: started, started again when they die, stopped, and gone when their parent is."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jacie_flask.processes import OwnedProcess
from tests.support.alive import alive
from tests.support.waiting import wait_for

CHILD = """
import os, signal, sys, time
from jacie_flask.processes import end_with_parent
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
end_with_parent()
with open(os.environ["STARTS"], "a") as file:
    file.write(f"{os.getpid()} {os.environ.get('EXTRA')}\\n")
if "finishing" in sys.argv:
    open(os.environ["DONE"], "w").close()
if "brief" in sys.argv:
    sys.exit()
time.sleep(600)
"""


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Return a way to own a child; all are stopped at the end."""
    (tmp_path / "owned_child.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("STARTS", str(tmp_path / "starts"))
    owned = []

    def own(*arguments, **more):
        owned.append(OwnedProcess("owned_child", arguments, {"EXTRA": "passed"}, **more))
        owned[-1].start()
        return owned[-1]

    yield own
    for process in owned:
        process.stop()


def starts(tmp_path, count):
    """Return what the first ``count`` children wrote when they started."""
    file = tmp_path / "starts"
    return wait_for(
        lambda: file.exists() and len(lines := file.read_text().splitlines()) >= count and [line.split() for line in lines]
    )


def gone(pid):
    """Wait until a process is gone."""
    return wait_for(lambda: not alive(pid))


def test_a_child_runs_with_its_environment(made, tmp_path):
    """What it is given arrives, and its process id is known."""
    process = made()
    ((pid, extra),) = starts(tmp_path, 1)
    assert (int(pid), extra) == (process.pid, "passed")


def test_a_child_that_is_killed_is_started_again(made, tmp_path):
    """Two deaths give three children, one at a time, with the same environment."""
    process = made()
    for count in (1, 2):
        os.kill(int(starts(tmp_path, count)[-1][0]), signal.SIGKILL)
    lines = starts(tmp_path, 3)
    assert len({line[0] for line in lines}) == 3
    assert {line[1] for line in lines} == {"passed"}
    assert [alive(line[0]) for line in lines] == [False, False, True]
    assert process.pid == int(lines[-1][0])


def test_a_child_that_dies_at_once_is_started_with_pauses(made, tmp_path):
    """A child that cannot live does not eat the machine."""
    made("brief")
    starts(tmp_path, 2)
    time.sleep(0.8)
    assert len(starts(tmp_path, 2)) <= 4


def test_a_child_that_is_done_is_not_started_again(made, tmp_path, monkeypatch):
    """An ingestion that made its file ends once; one that died without it would be started again."""
    done = tmp_path / "done"
    monkeypatch.setenv("DONE", str(done))
    process = made("finishing", "brief", done=done)
    starts(tmp_path, 1)
    wait_for(lambda: process.pid == 0)
    time.sleep(0.5)
    assert len(starts(tmp_path, 1)) == 1


@pytest.mark.parametrize(("how", "signals"), [((), "SIGTERM"), (("stubborn",), "SIGKILL")])
def test_stop_ends_a_child_for_good(made, tmp_path, how, signals):
    """Politely, then not; it is not started again, and stopping twice is fine."""
    process = made(*how)
    ((pid, *_),) = starts(tmp_path, 1)
    process.stop(grace_s=0.3)
    assert gone(pid), signals
    assert process.pid == 0
    process.stop()
    time.sleep(0.6)
    assert len(starts(tmp_path, 1)) == 1


def test_a_forked_copy_does_not_stop_the_child(made, tmp_path):
    """A worker that ends takes nothing of its master's with it."""
    process = made()
    ((pid, *_),) = starts(tmp_path, 1)
    fork = os.fork()
    if fork == 0:
        process.stop()
        os._exit(0)
    os.waitpid(fork, 0)
    assert alive(pid)


PARENT = """
import sys, time
from jacie_flask.processes import OwnedProcess
from tests.support.alive import alive
from tests.support.waiting import wait_for
OwnedProcess("owned_child", (), {}).start()
time.sleep(600)
"""


def test_a_child_ends_with_a_parent_that_was_killed(tmp_path):
    """SIGKILL leaves the parent no time for anything; the child notices by itself."""
    (tmp_path / "owned_child.py").write_text(CHILD)
    root = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{root}", "STARTS": str(tmp_path / "starts")}
    with subprocess.Popen([sys.executable, "-c", PARENT], cwd=tmp_path, env=environment) as parent:
        ((pid, *_),) = starts(tmp_path, 1)
        assert alive(pid)
        parent.kill()
    assert gone(pid)
