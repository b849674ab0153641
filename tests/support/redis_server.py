"""A real redis-server on a free port, that a test may stop, freeze, kill, empty and start again."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import redis

from tests.support.ports import free_port

REDIS = shutil.which("redis-server")
MISSING = "redis-server is not installed: run logs shared by workers are NOT TESTED (python tests/prepare.py installs it)"


class RedisServer:
    """One server in memory, its files in a folder of its own; a context manager."""

    def __init__(self, *options: str) -> None:
        """Start listening; ``options`` as on redis-server's command line."""
        assert REDIS, MISSING
        self._options = options
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis(port=self.port, socket_timeout=60, decode_responses=True)
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start, again if need be, and wait until it answers; what it knew before is gone unless ``save`` was called."""
        command = [REDIS, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        command += ["--save", "", "--appendonly", "no", *self._options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                self.client.ping()
                return
            except redis.RedisError:
                time.sleep(0.01)
        raise AssertionError("redis-server did not start")

    def save(self) -> None:
        """Write what there is to the disk, for the next start."""
        self.client.save()

    def kill(self) -> None:
        """End it as ``kill -9`` does; nothing is written."""
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        """Stop it in the middle: connections stay and nothing answers."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.process.pid, signal.SIGCONT)

    def flush(self) -> None:
        """Forget everything."""
        self.client.flushall()

    def keys(self, pattern: str = "*") -> set[str]:
        """Return the names of the keys."""
        return set(self.client.scan_iter(pattern, count=1000))

    def lasting_keys(self) -> set[str]:
        """Return the names of the keys that would stay for ever."""
        return {key for key in self.keys() if self.client.ttl(key) == -1}

    def __enter__(self) -> Self:
        """Return the running server."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it and remove its files."""
        self.kill()
        self.client.close()
        shutil.rmtree(self._folder, ignore_errors=True)
