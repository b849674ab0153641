"""How long `/health` waits while long answers are written, checked and polled: `python bench/responsiveness.py`.

One gunicorn worker against a model in a process of its own. The delay of `/health` is measured on one kept connection, with nothing
else to do first; the machine's own lateness (a nap of 10 ms beside the measurement) is shown with it.
"""

import contextlib
import http.client
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.support import told_model
from tests.support.busyness import Busyness
from tests.support.jacie import Running, gunicorn
from tests.support.servers import OwnProcess
from tests.support.waiting import wait_for

POLLERS = 16
LONG_WORDS = 34_000  # 200,000 characters
LARGEST_CHARS = 900_000
EVERY_S = 0.01


def health(url: str, done: Callable[[], bool]) -> list[float]:
    """Ask for /health until it is done, and return how long each answer took, in ms."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    found = []
    while not done() or len(found) < 100:
        began = time.monotonic()
        connection.request("GET", "/health")
        connection.getresponse().read()
        found.append(1000 * (time.monotonic() - began))
        time.sleep(EVERY_S)
    connection.close()
    return found


def figures(load: str, delays: list[float], busyness: Busyness) -> dict[str, object]:
    """Return the row of one load."""
    ordered = sorted(delays)
    return {
        "while": load,
        "requests": len(ordered),
        "median, ms": round(ordered[len(ordered) // 2], 1),
        "99 %, ms": round(ordered[int(0.99 * len(ordered))], 1),
        "longest, ms": round(ordered[-1], 1),
        "longest nap too late, ms": round(1000 * busyness.longest_s, 1),
    }


def start(url: str, body: dict[str, object]) -> str:
    """Start a run and return its path."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    headers = {"Content-Type": "application/json", "Prefer": "respond-async"}
    connection.request("POST", "/chat/stream", json.dumps(body), headers)
    accepted = json.loads(connection.getresponse().read())
    connection.close()
    return f"/runs/{accepted['run_id']}"


def fetch(url: str, path: str) -> bytes:
    """Return the body of a GET."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().read()


def ended(url: str, path: str) -> bool:
    """Say whether a run has ended."""
    return json.loads(fetch(url, path))["status"] not in ("queued", "running")


@contextlib.contextmanager
def pollers(url: str, path: str) -> Iterator[list[int]]:
    """Poll a run from many connections at once for as long as the block runs; yield the sizes of what came."""
    stop, sizes = threading.Event(), []

    def poll() -> None:
        while not stop.is_set():
            sizes.append(len(fetch(url, path)))

    threads = [threading.Thread(target=poll) for _ in range(POLLERS)]
    for thread in threads:
        thread.start()
    try:
        yield sizes
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def measured(running: Running) -> list[dict[str, object]]:
    """Return a row for each load."""
    url, rows = running.url, []
    with Busyness() as busyness:
        rows.append(figures("nothing else", health(url, lambda: True), busyness))
    long = told_model.question(1, LONG_WORDS, total_s=4.0, auto_load_documents=True)
    long["query"] = f"What was Zanobela's revenue in 2024? {long['query']}"
    path = start(url, long)
    finished = threading.Event()
    watcher = threading.Thread(target=lambda: (wait_for(lambda: ended(url, path), 120), finished.set()))
    watcher.start()
    with Busyness() as busyness:
        delays = health(url, finished.is_set)
    watcher.join()
    answer = json.loads(fetch(url, path))["result"]["response"]
    rows.append(figures(f"an answer of {len(answer):,} characters", delays, busyness))
    large = start(url, told_model.question(2, LARGEST_CHARS // 8, total_s=0.0))
    wait_for(lambda: ended(url, large), 120)
    with pollers(url, large) as sizes, Busyness() as busyness:
        until = time.monotonic() + 8.0
        delays = health(url, lambda: time.monotonic() > until)
    rows.append(figures(f"{POLLERS} pollers of a run of {max(sizes) / 1e6:.1f} MB ({len(sizes)} polls)", delays, busyness))
    return rows


def run(folder: Path) -> list[dict[str, object]]:
    """Serve, measure and return the rows."""
    limits = {"JACIE_RATE_LIMIT": "off", "JACIE_POLL_RATE_LIMIT": "off"}
    with OwnProcess("told_model.py") as model, gunicorn(folder, OPENAI_BASE_URL=model.url, **limits) as running:
        running.get("/ready")
        return measured(running)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        for row in run(Path(name)):
            print(row)
