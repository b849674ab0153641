"""Alarms ring in their time unless they are cancelled, on the coarse clock of greenlets and on the timers of threads."""

import threading

from jacie_flask import concurrency
from tests.support.patched_process import under_gevent


def test_an_alarm_rings_with_threads():
    """What is to happen later happens, and what was cancelled does not."""
    rung, cancelled = threading.Event(), threading.Event()
    concurrency.later(0.05, cancelled.set).cancel()
    concurrency.later(0.06, rung.set)
    assert rung.wait(60)
    assert not cancelled.is_set()


def test_alarms_ring_in_their_order_under_gevent():
    """The one that is due first rings first, the cancelled one never, and then the clock stands still."""
    said = under_gevent(
        """
        rung = []
        def alarm(seconds):
            return concurrency.later(seconds, lambda: rung.append(seconds))
        late, early, never = alarm(0.35), alarm(0.05), alarm(0.15)
        never.cancel()
        while len(rung) < 2:
            time.sleep(0.01)
        print(rung, len(concurrency.ticker))
        """
    )
    assert said == "[0.05, 0.35] 0\n"


def test_a_time_that_comes_nearer_is_kept():
    """Something watched for much later is late in its new time once the clock was told."""
    said = under_gevent(
        """
        class Late(concurrency.Waiting):
            __slots__ = ("rung",)
            def late(self):
                self.rung = True
        one, began = Late(), time.monotonic()
        one.due_at, one.rung = began + 3600, False
        concurrency.ticker.watch(one)
        one.due_at = began + 0.15
        concurrency.ticker.sooner(one)
        while not one.rung:
            time.sleep(0.01)
        print(len(concurrency.ticker))
        """
    )
    assert said == "0\n"
