"""Real reverse proxies on free ports, run from the configurations of deploy/ with their addresses and numbers replaced."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.jacie import ROOT
from tests.support.ports import free_port

DEPLOY = ROOT / "deploy"
FOUND = {name: shutil.which(name) for name in ("nginx", "haproxy")}
BACKENDS = re.compile(r"127\.0\.0\.1:800[01]")


class Proxy:
    """A proxy of deploy/ in front of two servers; ``changes`` replaces text of its configuration that must be there."""

    def __init__(self, kind: str, folder: Path, urls: Sequence[str], changes: Mapping[str, str] | None = None) -> None:
        if FOUND[kind] is None:
            pytest.skip(f"NOT TESTED: streaming through {kind} ({kind} is not installed; python tests/prepare.py installs it)")
        self.kind, self.folder = kind, folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._hosts = [url.removeprefix("http://") for url in urls]
        self.configure(changes or {})

    def configure(self, changes: Mapping[str, str]) -> None:
        """Write the configuration anew; a running proxy takes it with ``reload``."""
        (self._nginx if self.kind == "nginx" else self._haproxy)(changes)

    def check(self) -> str:
        """Have the proxy check its configuration; return what it said, which is its verdict."""
        arguments = ["-t"] if self.kind == "nginx" else ["-c"]
        done = subprocess.run([*self._command(), *arguments], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stderr + done.stdout

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        with open(self.folder / "proxy.log", "ab") as log:
            self.process = subprocess.Popen(self._command(), stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.02)
        raise AssertionError((self.folder / "proxy.log").read_text())

    def reload(self) -> None:
        """Have it take its configuration anew, as an operator does."""
        self.process.send_signal(signal.SIGHUP if self.kind == "nginx" else signal.SIGUSR2)

    def kill(self) -> None:
        """End it and its workers as ``kill -9`` does: every connection through it is cut."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _command(self) -> list[str]:
        if self.kind == "nginx":
            return [
                FOUND["nginx"],
                "-p",
                str(self.folder),
                "-c",
                str(self.folder / "nginx.conf"),
                "-e",
                str(self.folder / "error.log"),
            ]
        return [FOUND["haproxy"], "-W", "-q", "-f", str(self.folder / "haproxy.cfg")]

    def _nginx(self, changes: Mapping[str, str]) -> None:
        texts = {name: (DEPLOY / "nginx" / name).read_text() for name in ("jacie.conf", "jacie-proxy.inc")}
        texts = replaced(texts, {"listen 80;": f"listen 127.0.0.1:{self.port};", **changes})
        texts["jacie.conf"] = self._placed(texts["jacie.conf"])
        for name, text in texts.items():
            (self.folder / name).write_text(text)
        paths = " ".join(
            f"{kind}_temp_path {self.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;" if os.geteuid() == 0 else ""
        http = f"default_type application/octet-stream; access_log off; {paths} include {self.folder}/jacie.conf;"
        main = f"daemon off; {user} worker_processes 1; pid {self.folder}/nginx.pid; error_log {self.folder}/error.log;"
        (self.folder / "nginx.conf").write_text(f"{main} events {{}} http {{ {http} }}\n")

    def _haproxy(self, changes: Mapping[str, str]) -> None:
        texts = {"haproxy.cfg": (DEPLOY / "haproxy" / "haproxy.cfg").read_text()}
        texts = replaced(texts, {"bind :80\n": f"bind 127.0.0.1:{self.port}\n", **changes})
        (self.folder / "haproxy.cfg").write_text(self._placed(texts["haproxy.cfg"]))

    def _placed(self, text: str) -> str:
        hosts = dict(zip(("127.0.0.1:8000", "127.0.0.1:8001"), (*self._hosts, self._hosts[0])[:2], strict=True))
        return BACKENDS.sub(lambda found: hosts[found[0]], text)


def replaced(texts: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """Return the texts with each piece replaced; a piece that stands in none of them is a mistake of the test."""
    for old, new in changes.items():
        assert any(old in text for text in texts.values()), f"{old!r} is in no configuration"
        texts = {name: text.replace(old, new) for name, text in texts.items()}
    return dict(texts)


@contextlib.contextmanager
def proxy(kind: str, folder: Path, urls: Sequence[str], changes: Mapping[str, str] | None = None) -> Iterator[Proxy]:
    """Run a proxy of deploy/ in front of one or two servers."""
    made = Proxy(kind, folder, urls, changes)
    made.start()
    try:
        yield made
    finally:
        made.kill()
