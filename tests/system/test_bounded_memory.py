"""What finished runs keep: a bound on all of it, questions and conversations included, in the worker and in Redis."""

import contextlib
import http.client
import json
import os
import threading
from pathlib import Path

import pytest

from tests.support import told_model
from tests.support.jacie import gunicorn
from tests.support.redis_server import REDIS, RedisServer
from tests.support.reliability import record
from tests.support.servers import OwnProcess
from tests.support.waiting import wait_for

LARGE = 124_000
KEPT_EACH = 8_000  # bytes that a cancelled run is counted with, its end and its steps
SLACK = 20_000_000


def resident(pid: int) -> int:
    """Return the bytes of memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def ask_and_cancel(url: str, number: int) -> None:
    """Start a run with a long conversation that nobody reads, and cancel it."""
    turns = [
        {"role": role, "content": f"{number} {n} ".ljust(LARGE // 10, "x")} for n in range(5) for role in ("user", "assistant")
    ]
    question = told_model.question(number, silent_s=60.0, conversation_history=turns)
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    headers = {"Content-Type": "application/json", "Prefer": "respond-async"}
    connection.request("POST", "/chat/stream", json.dumps({**question, "memory_enabled": True}), headers)
    accepted = json.loads(connection.getresponse().read())
    connection.request("POST", accepted["cancel_url"])
    connection.getresponse().read()
    connection.close()


def many(url: str, numbers: range) -> None:
    """Start and cancel runs, some side by side."""
    threads = [threading.Thread(target=lambda part=part: [ask_and_cancel(url, n) for n in numbers[part::6]]) for part in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


pytestmark = pytest.mark.timeout(300)
MANY = pytest.param(2000, marks=[pytest.mark.soak, pytest.mark.reliability])


@pytest.mark.parametrize("runs", [400, MANY])
@pytest.mark.parametrize("shared", [False, True], ids=["memory", "redis"])
def test_large_cancelled_runs_leave_little(tmp_path, shared, runs):
    """Their questions of 124 KB, 50 MB of 400 runs, are gone with their ends: what is left is counted, and 20 MB at most beside it."""
    if shared and REDIS is None:
        pytest.skip("redis-server is not installed: the memory of shared runs is NOT TESTED")
    with OwnProcess("told_model.py") as model, contextlib.ExitStack() as stack:
        redis = stack.enter_context(RedisServer()) if shared else None
        settings = {"JACIE_RATE_LIMIT": "off", "JACIE_POLL_RATE_LIMIT": "off", "JACIE_RUNS_PER_KEY": "0"}
        settings |= {"JACIE_RUNS": redis.url} if shared else {}
        with gunicorn(tmp_path, OPENAI_BASE_URL=model.url, **settings) as running:
            children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text().split()
            many(running.url, range(60))
            worker = max(map(int, children), key=resident)
            before, stored = resident(worker), redis.client.info("memory")["used_memory"] if shared else 0
            many(running.url, range(100, 100 + runs))
            wait_for(lambda: running.get("/ready")["parts"]["runs"]["active"] == 0)
            if shared:
                wait_for(lambda: not redis.keys("jacie:runs:*"))
            grown = resident(worker) - before
            kept = redis.client.info("memory")["used_memory"] - stored if shared else 0
    where = "Redis" if shared else "memory"
    figures = {"runs in": where, "worker grew by, MB": round(grown / 1e6, 1), "Redis grew by, MB": round(kept / 1e6, 1)}
    record(
        f"39-finished-runs-{where}",
        f"Memory of finished runs ({where})",
        f"{runs:,} cancelled questions of 124 KB each.",
        [figures],
    )
    print(figures)
    assert grown < runs * KEPT_EACH + SLACK
    assert kept < runs * KEPT_EACH + SLACK
