"""Alarms ring in their time unless they are cancelled, on the coarse clock of greenlets and on the timers of threads."""

import threading

from jacie_flask import concurrency
from tests.support.patched_process import under_gevent


def test_an_alarm_rings_with_threads():
    """What is to happen later happens, and what was cancelled does not."""
    rung, cancelled = threading.Event(), threading.Event()
    concurrency.later(0.05, cancelled.set).cancel()
    concurrency.later(0.06, rung.set)
    assert rung.wait(5)
    assert not cancelled.is_set()


def test_alarms_ring_in_their_order_under_gevent():
    """Each rings behind its time by a tick or two, the cancelled one never, and then the clock stands still."""
    said = under_gevent(
        """
        rung, began = [], time.monotonic()
        def alarm(seconds):
            return concurrency.later(seconds, lambda: rung.append((seconds, time.monotonic() - began)))
        late, early, never = alarm(0.35), alarm(0.05), alarm(0.15)
        never.cancel()
        while len(rung) < 2:
            time.sleep(0.01)
            assert time.monotonic() - began < 5
        assert all(wanted <= came < wanted + 1 for wanted, came in rung), rung
        print([seconds for seconds, _ in rung], len(concurrency.ticker))
        """
    )
    assert said == "[0.05, 0.35] 0\n"


def test_a_time_that_comes_nearer_is_kept():
    """Something watched for much later is late in its new time once the clock was told."""
    said = under_gevent(
        """
        class Late(concurrency.Waiting):
            __slots__ = ("at",)
            def late(self):
                self.at = time.monotonic()
        one, began = Late(), time.monotonic()
        one.due_at, one.at = began + 60, 0.0
        concurrency.ticker.watch(one)
        one.due_at = began + 0.15
        concurrency.ticker.sooner(one)
        while not one.at:
            time.sleep(0.01)
            assert time.monotonic() - began < 5
        print(one.at >= one.due_at)
        """
    )
    assert said == "True\n"
