"""What is done to a Jacie of several workers, in fast tests a little and in the long runs much: cuts, kills, leaving, cancelling."""

import contextlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.support import told_model
from tests.support.cutting import CuttingClient, Told, wrong_characters
from tests.support.jacie import ROOT, Running, gunicorn
from tests.support.openai_server import OpenAIServer
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_for

T = TypeVar("T")
COUNTED = ROOT / "tests" / "support" / "counted.conf.py"


@dataclass
class Shared:
    """A Jacie of two workers, its Redis and where its model is."""

    running: Running
    redis: RedisServer
    counts: Path

    def workers(self) -> list[int]:
        """Return the process ids of the workers that serve."""
        master = self.running.process.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        booted = self.running.log.read_text()
        return [int(pid) for pid in children if f"Booting worker with pid: {pid}\n" in booted]

    def wait_for_workers(self, count: int = 2) -> list[int]:
        """Return the workers once so many have joined."""

        def joined() -> list[int]:
            with contextlib.suppress(OSError):
                if len(self.redis.keys("jacie:worker:*")) == count == len(pids := self.workers()):
                    return pids
            return []

        return wait_for(joined)

    def greenlets(self) -> int:
        """Return how many greenlets live in all workers that they did not begin with; those of native threads do not count."""
        pids = self.workers()
        for pid in pids:
            (self.counts / str(pid)).unlink(missing_ok=True)
            os.kill(pid, signal.SIGUSR2)
        found = [wait_for(lambda pid=pid: _text(self.counts / str(pid))) for pid in pids]
        return "\n".join(found).count("<Greenlet ")

    def descriptors(self) -> int:
        """Return how many descriptors are open in all workers."""
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.workers())

    def resident(self) -> int:
        """Return the bytes of memory of all workers."""
        pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.workers())
        return sum(pages) * os.sysconf("SC_PAGE_SIZE")

    def worker_of(self, connection: http.client.HTTPConnection) -> int:
        """Return the process id of the worker that serves a kept connection."""
        server, client = (f":{port:04X}" for port in (connection.sock.getpeername()[1], connection.sock.getsockname()[1]))
        sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        (inode,) = [facts[9] for facts in sockets if facts[1].endswith(server) and facts[2].endswith(client)]
        for pid in self.workers():
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    if os.readlink(descriptor) == f"socket:[{inode}]":
                        return pid
        raise AssertionError("no worker has the connection")

    @contextlib.contextmanager
    def connection(self, *, owner: bool, active: int = 1) -> Iterator[http.client.HTTPConnection]:
        """Return a connection to the worker that has ``active`` runs, or to one that has none."""
        for _ in range(200):
            kept = http.client.HTTPConnection(self.running.url.removeprefix("http://"), timeout=60)
            kept.request("GET", "/ready")
            here = json.load(kept.getresponse())["parts"]["runs"]["active"]
            if here == (active if owner else 0):
                with contextlib.closing(kept):
                    yield kept
                return
            kept.close()
        raise AssertionError("no such worker was found")


@contextlib.contextmanager
def two_workers(data: Path, redis: RedisServer, model_url: str, **settings: str) -> Iterator[Shared]:
    """Serve with two workers, without ingestion."""
    counts = Path(tempfile.mkdtemp(prefix="counts-"))  # not in the data, which later tests take as a server left it
    values = {
        "JACIE_RUNS": redis.url, "WEB_CONCURRENCY": "2", "OPENAI_BASE_URL": model_url,
        "JACIE_KEEP_RUNS_S": "2", "JACIE_DEADLINE_S": "60", "JACIE_RATE_LIMIT": "off", "JACIE_POLL_RATE_LIMIT": "off", "COUNTS": str(counts), **settings,
    }  # fmt: skip
    try:
        with gunicorn(data, config=COUNTED, **values) as running:
            yield Shared(running, redis, counts)
    finally:
        shutil.rmtree(counts, ignore_errors=True)


def at_once(calls: Iterable[Callable[[], T]], threads: int = 64) -> list[T]:
    """Make calls side by side and return what they gave, in order."""
    with ThreadPoolExecutor(threads) as pool:
        return [job.result() for job in [pool.submit(call) for call in calls]]


# ----------------------------------------------------------------------------------------------------------------- cuts


@dataclass
class Cuts:
    """What so many cuts did to the texts."""

    runs: int = 0
    cuts: int = 0
    characters: int = 0
    wrong: int = 0
    doubled: int = 0
    unfinished: list[str] = field(default_factory=list)

    def add(self, other: "Cuts") -> None:
        """Count in others."""
        self.runs, self.cuts, self.characters = self.runs + other.runs, self.cuts + other.cuts, self.characters + other.characters
        self.wrong, self.doubled = self.wrong + other.wrong, self.doubled + other.doubled
        self.unfinished += other.unfinished

    def __str__(self) -> str:
        return (
            f"{self.cuts} cuts of {self.runs} runs: {self.wrong} of {self.characters} characters lost, doubled or reordered, "
            f"{self.doubled} events sent twice, {len(self.unfinished)} runs without their result"
        )


def cut(url: str, *, runs: int, cuts_each: int, seed: int, words: int = 60, total_s: float = 1.0, threads: int = 60) -> Cuts:
    """Ask many questions at once over connections that are cut at random bytes."""

    def ask(number: int) -> Told:
        source = random.Random(seed * 1_000_003 + number)
        question = told_model.question(number, words, total_s=total_s)
        return CuttingClient(url, question, source, cuts_each).run()

    tally = Cuts()
    for number, told in enumerate(at_once([lambda n=n: ask(n) for n in range(runs)], threads)):
        meant = told_model.answer(number, words)
        tally.runs += 1
        tally.cuts += told.cuts
        tally.characters += len(meant)
        tally.doubled += told.doubled
        tally.wrong += wrong_characters(told.text, meant)
        if told.end != "result" or told.data.get("response") != meant:
            tally.unfinished.append(f"{told.run_id}: {told.end} {told.refusals}")
    return tally


# ---------------------------------------------------------------------------------------------------------------- kills


@dataclass
class Kills:
    """How the runs ended under which workers were killed."""

    kills: int = 0
    runs: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    slowest_s: float = 0.0
    endless: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills under {self.runs} runs: {len(self.endless)} without a terminal event "
            f"(slowest {self.slowest_s:.2f} s), {len(self.wrong)} with a wrong text; ends {self.ends}"
        )


def kill(shared: Shared, *, kills: int, runs: int, seed: int) -> Kills:
    """Kill a random worker at a random moment under several runs, again and again."""
    source = random.Random(seed)
    tally = Kills()
    for round_ in range(kills):
        pids = shared.wait_for_workers()
        asked = [(round_ * runs + n, source.choice((0.0, 0.0, 0.7)), source.uniform(0.3, 2.0)) for n in range(runs)]
        clients = [
            CuttingClient(shared.running.url, told_model.question(n, 50, silent_s=silent, total_s=total), source)
            for n, silent, total in asked
        ]
        threads = [threading.Thread(target=client.run, args=(60,)) for client in clients]
        for thread in threads:
            thread.start()
        time.sleep(source.uniform(0.05, 1.0))
        os.kill(source.choice(pids), signal.SIGKILL)
        killed_at = time.monotonic()
        for thread in threads:
            thread.join()
        tally.kills += 1
        for (number, silent, total), client in zip(asked, clients, strict=True):
            told = client.told
            # a run that begins again after the lease has its whole time once more
            took = told.ended_at - killed_at - (silent + total if told.end == "result" else 0)
            meant = told_model.answer(number, 50)
            tally.runs += 1
            tally.slowest_s = max(tally.slowest_s, took)
            tally.ends[told.end] = tally.ends.get(told.end, 0) + 1
            if told.end not in ("result", "producer_lost"):
                tally.endless.append(f"{told.run_id}: {told.end or 'no end'} {told.refusals}")
            good = told.text == meant if told.end == "result" else meant.startswith(told.text)
            if not good or told.doubled:
                tally.wrong.append(f"{told.run_id}: {told.end} {told.text[-60:]!r} {told.doubled}")
    return tally


# --------------------------------------------------------------------------------------------------- leaving, cancelling


def post(question: dict[str, Any], path: str = "/chat/stream") -> bytes:
    """Return a question as it goes over the wire."""
    body = json.dumps(question).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def start_and_leave(url: str, *, times: int, seed: int, threads: int = 8) -> None:
    """Ask, read nothing or something, and go, many times over."""
    port = int(url.rpartition(":")[2])
    source = random.Random(seed)
    waits = [(n, source.choice((0, 1, 2200, 3000))) for n in range(times)]

    def once(number: int, size: int) -> None:
        question = told_model.question(number, silent_s=30, on_disconnect="cancel")
        with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
            sock.sendall(post(question))
            seen = 0
            while seen < size and (data := sock.recv(65536)):
                seen += len(data)
                if b"ai_generation" in data:
                    break

    at_once([lambda n=n, s=s: once(n, s) for n, s in waits], threads)


def cancelled_after(url: str, model: OpenAIServer, *, times: int, how: str, threads: int = 8) -> list[float]:
    """Return the seconds from a cancel, or from leaving with on_disconnect=cancel, to the model's connection being closed, sorted."""
    port = int(url.rpartition(":")[2])

    def once(number: int) -> float:
        question = told_model.question(number, 400, total_s=40.0, on_disconnect="cancel")
        mark = f"seed {number}, 400 words".encode()
        with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
            sock.sendall(post(question))
            seen = b""
            while b"event: token" not in seen:
                seen += sock.recv(65536)
            upstream = next(chat for chat in model.chats if mark in chat.body)
            run_id = seen.partition(b"X-Run-Id: ")[2].partition(b"\r\n")[0].decode()
            if how == "cancel":
                kept = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                kept.connect()
                began = time.monotonic()
                kept.request("POST", f"/runs/{run_id}/cancel")
                assert kept.getresponse().status == 202
                kept.close()
            else:
                began = time.monotonic()
                sock.shutdown(socket.SHUT_RDWR)
            assert upstream.client_closed.wait(60), run_id
            return upstream.client_closed_at - began

    first = random.randrange(1_000_000)
    return sorted(at_once([lambda n=n: once(first + n) for n in range(times)], threads))


def accepted(shared: Shared, question: dict[str, Any]) -> str:
    """Start a run without a reader and return its id."""
    status, told = shared.running.post("/chat/stream", question, headers={"Prefer": "respond-async"})
    assert status == 202
    return str(told["run_id"])


def followed(connection: http.client.HTTPConnection, run_id: str, last_id: str = "") -> tuple[str, str]:
    """Return the text that a reader gets on a kept connection from an id on, and the name of the last event."""
    connection.request("GET", f"/runs/{run_id}/events", headers={"Last-Event-ID": last_id} if last_id else {})
    body = connection.getresponse().read().decode()
    names = re.findall(r"^event: (\w+)$", body, re.MULTILINE)
    texts = re.findall(r"^event: token\ndata: (.*)$", body, re.MULTILINE)
    return "".join(json.loads(text)["text"] for text in texts), names[-1]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of the sorted values is."""
    return values[min(len(values) - 1, int(len(values) * share))]


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
