"""Child processes that belong to a parent: started, watched, started again when they die, and gone when it goes."""

import contextlib
import glob
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from jacie_flask import concurrency

log = logging.getLogger(__name__)

_POLL_S = 0.25
_BACKOFF_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_STEADY_S = 30.0


class OwnedProcess:
    """One child of this process, running ``python -m module args`` with this process's environment, ``without`` some of it.

    A child that dies is started again, with a growing pause when it dies at once, unless it has made the file ``done``. A
    forked copy of this object (a gunicorn worker's) watches nothing: only the process that started the child owns it.
    """

    def __init__(
        self,
        module: str,
        args: tuple[str, ...],
        env: Mapping[str, str],
        *,
        done: Path | None = None,
        without: Collection[str] = (),
    ) -> None:
        self._argv = [sys.executable, "-m", module, *args]
        kept = {name: value for name, value in os.environ.items() if name not in without}
        self._env = {**kept, "PYTHONPATH": import_path(), **env}
        self._done = done
        self._owner = 0
        self._pid = 0
        self._stopping = False
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        """The child's process id, 0 while there is none."""
        return self._pid

    def start(self) -> None:
        """Start the child and the watch over it."""
        self._owner = os.getpid()
        if self._done:
            with contextlib.suppress(OSError):  # on a disk that cannot be written it may stay: then there is nothing to do again
                self._done.unlink(missing_ok=True)
        self._spawn()
        concurrency.spawn(self._watch, f"watch {self._argv[2]}")

    def stop(self, grace_s: float = 2.0) -> None:
        """End the child: politely, then not."""
        if os.getpid() != self._owner:
            return
        with self._lock:  # the watch may be about to start the child again
            self._stopping = True
        for number, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 1.0)):
            end = time.monotonic() + wait_s
            while self._alive() and time.monotonic() < end:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._pid, number)
                time.sleep(0.05)
        self._pid = 0

    def _spawn(self) -> None:
        # posix_spawn, because gevent's subprocess would install a SIGCHLD handler over gunicorn's in its master
        env = {**self._env, "JACIE_PARENT_PID": str(os.getpid())}
        # in a group of its own: Ctrl-C and a service manager's signals reach the parent, which ends its children in its own time
        self._pid = os.posix_spawn(self._argv[0], self._argv, env, setpgroup=0)

    def _alive(self) -> bool:
        if not self._pid:
            return False
        try:
            return os.waitpid(self._pid, os.WNOHANG) == (0, 0)
        except ChildProcessError:  # gunicorn's master reaps every child of its own
            return False

    def _watch(self) -> None:
        deaths, started = 0, time.monotonic()
        while not self._stopping and os.getpid() == self._owner:
            time.sleep(_POLL_S)
            if os.getpid() != self._owner or self._stopping or self._alive():
                continue
            self._pid = 0
            if self._done and self._done.exists():
                continue  # who finds what the child made damaged takes the file away, and the child does its work again
            deaths = 1 if time.monotonic() - started > _STEADY_S else deaths + 1
            log.warning("%s ended unexpectedly; starting it again", self._argv[2])
            time.sleep(_BACKOFF_S[min(deaths - 1, len(_BACKOFF_S) - 1)])
            with self._lock:
                if os.getpid() == self._owner and not self._stopping:
                    self._spawn()
                    started = time.monotonic()


def own_folder(parent: Path) -> Path:
    """Return an empty folder below ``parent`` that belongs to this process; those of processes that are gone are removed.

    Machines that share ``parent`` leave each other's alone. Asked again, the same process gets the same folder as it is.
    """
    host = socket.gethostname()
    mine = parent / f"{host}-{os.getpid()}"
    for folder in parent.glob(f"{glob.escape(host)}-*"):
        if folder == mine or not _runs(folder.name.rpartition("-")[2]):
            shutil.rmtree(folder, ignore_errors=True)
    mine.mkdir(parents=True, exist_ok=True)
    return mine


def _runs(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def held_port(port: int = 0) -> socket.socket:
    """Return a socket that keeps a port of 127.0.0.1, 0 for a free one, for a listener to come: while it is open nobody else is given it.

    It is bound and never listens. A server that sets SO_REUSEADDR or SO_REUSEPORT, as they all do, may listen beside it.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind(("127.0.0.1", port))
    return holder


def import_path() -> str:
    """Return the PYTHONPATH with which a child finds this package, wherever its parent was started."""
    root = str(Path(__file__).parent.parent)
    return os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))


def end_with_parent() -> None:
    """Called in a child: end this process as soon as the parent that started it is gone."""
    parent = int(os.environ.get("JACIE_PARENT_PID", "0"))
    if parent:
        threading.Thread(target=_follow, args=(parent,), name="parent watch", daemon=True).start()


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_S)
    os._exit(0)
