"""The long runs (``make soak``): what the fast tests do a little, until rare things have happened; figures go to var/soak.md.

JACIE_SOAK_CUTS, _KILLS, _CYCLES, _STREAMS and _CANCELS set how much.
"""

import os
import random
import signal
import threading
import time
from datetime import UTC, datetime

import pytest

from tests.support import scenarios, told_model
from tests.support.cutting import CuttingClient
from tests.support.jacie import ROOT, ingested_samples
from tests.support.openai_server import OpenAIServer
from tests.support.redis_server import MISSING, REDIS, RedisServer
from tests.support.scenarios import percentile, two_workers
from tests.support.servers import OwnProcess
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.soak, pytest.mark.timeout(7200), pytest.mark.skipif(REDIS is None, reason=MISSING)]

MIB = 1024 * 1024


def size(name, default):
    """Return how much of something is asked for."""
    return int(os.environ.get(f"JACIE_SOAK_{name}", default))


def figure(text):
    """Print a figure and keep it."""
    print(text)
    path = ROOT / "var" / "soak.md"
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as report:
        report.write(f"- {datetime.now(UTC):%Y-%m-%d %H:%M} {text}\n")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Jacie with two workers; its model has a process of its own."""
    data = ingested_samples(tmp_path_factory.getbasetemp())
    with OwnProcess("told_model.py") as model, RedisServer() as redis, two_workers(data, redis, model.url) as both:
        both.wait_for_workers()
        yield both


def test_cuts(shared):
    """Thousands of connections cut at random bytes lose, double and reorder no character."""
    wanted = size("CUTS", 10_000)
    tally, began, seed = scenarios.Cuts(), time.monotonic(), 0
    while tally.cuts < wanted:
        seed += 1
        tally.add(scenarios.cut(shared.running.url, runs=100, cuts_each=8, seed=seed, words=120, total_s=2.0, threads=50))
    figure(f"{tally} ({time.monotonic() - began:.0f} s)")
    assert tally.unfinished == []
    assert (tally.wrong, tally.doubled) == (0, 0)


def test_kills(shared):
    """After kill -9 of workers at random moments every run has a terminal event within 5 s."""
    began = time.monotonic()
    tally = scenarios.kill(shared, kills=size("KILLS", 200), runs=10, seed=5)
    figure(f"{tally} ({time.monotonic() - began:.0f} s)")
    assert tally.endless == []
    assert tally.slowest_s <= 5
    assert tally.wrong == []


def test_cycles(tmp_path_factory):
    """Thousands of clients that start a run and leave it leave nothing behind, in either worker or in Redis."""
    data = ingested_samples(tmp_path_factory.getbasetemp())
    with OwnProcess("told_model.py") as model, RedisServer() as redis, two_workers(data, redis, model.url) as shared:
        shared.wait_for_workers()

        def settled():
            wait_for(lambda: sum(shared.running.get("/ready")["parts"]["runs"]["active"] for _ in range(8)) == 0, 60)
            wait_for(lambda: not redis.keys("jacie:run:*"), 60)
            time.sleep(1)
            return len(redis.keys()), shared.descriptors(), shared.greenlets(), shared.resident()

        scenarios.start_and_leave(shared.running.url, times=size("WARM", 2000), seed=1)
        before = settled()
        times = size("CYCLES", 10_000)
        began = time.monotonic()
        scenarios.start_and_leave(shared.running.url, times=times, seed=2)
        took = time.monotonic() - began
        after = settled()
    keys, descriptors, greenlets, resident = (b - a for a, b in zip(before, after, strict=True))
    figure(
        f"{times} start-disconnect cycles ({took:.0f} s): Redis keys {before[0]} {keys:+}, descriptors {before[1]} {descriptors:+}, "
        f"greenlets {before[2]} {greenlets:+}, resident {before[3] / MIB:.1f} MiB {resident / MIB:+.1f} over both workers"
    )
    assert keys <= 0
    assert descriptors <= 8
    assert greenlets <= 0
    assert resident < 2 * 5 * MIB


def test_the_master_stops_under_streams(tmp_path_factory):
    """SIGTERM to the master under live streams on two workers loses none."""
    count = size("STREAMS", 200)
    data = ingested_samples(tmp_path_factory.getbasetemp())
    with OwnProcess("told_model.py") as model, RedisServer() as redis, two_workers(data, redis, model.url) as shared:
        shared.wait_for_workers()
        questions = [told_model.question(n, 100, total_s=6.0) for n in range(count)]
        clients = [CuttingClient(shared.running.url, question, random.Random(n)) for n, question in enumerate(questions)]
        threads = [threading.Thread(target=client.run) for client in clients]
        for thread in threads:
            thread.start()
        wait_for(lambda: all(client.told.connections for client in clients))
        time.sleep(2)
        shared.running.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        shared.running.process.wait(20)
    lost = [n for n, client in enumerate(clients) if client.told.text != told_model.answer(n, 100) or client.told.end != "result"]
    again = sum(client.told.connections > 1 for client in clients)
    figure(f"SIGTERM of the master under {count} live streams: {len(lost)} lost, {again} had to reconnect")
    assert lost == []


@pytest.mark.parametrize("how", ["cancel", "leave"])
def test_cancels(tmp_path_factory, how):
    """A cancel from any worker, and a client's leaving, close the model's connection at once."""
    data = ingested_samples(tmp_path_factory.getbasetemp())
    with OpenAIServer(told_model.told) as model, RedisServer() as redis, two_workers(data, redis, model.url) as shared:
        shared.wait_for_workers()
        scenarios.cancelled_after(shared.running.url, model, times=40, how=how)
        times = scenarios.cancelled_after(shared.running.url, model, times=size("CANCELS", 500), how=how, threads=4)
    p50, p99 = (percentile(times, share) * 1000 for share in (0.5, 0.99))
    figure(f"{how} to upstream closed, {len(times)} times over two workers: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    assert p50 < 100
