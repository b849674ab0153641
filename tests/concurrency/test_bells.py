"""Bells wake all that wait, soon, with greenlets and with threads; nobody waits for what is there or for ever."""

import threading
import time

from jacie_flask import concurrency
from tests.support.patched_process import under_gevent


def test_a_ring_wakes_all_threads_that_wait():
    """Every thread at the bell goes on, long before its time is over."""
    bell, woken = concurrency.bell(), []
    threads = [threading.Thread(target=lambda: woken.append(bell.wait(20, lambda: False)), daemon=True) for _ in range(5)]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    while len(woken) < 5:
        bell.ring()
        time.sleep(0.005)
        assert time.monotonic() - began < 5


def test_a_ring_wakes_all_greenlets_that_wait():
    """Every greenlet at the bell goes on in order of arrival; a bell at which nobody waits rings for nobody."""
    said = under_gevent(
        """
        bell, woken = concurrency.bell(), []
        def wait(number):
            bell.wait(20, lambda: False)
            woken.append(number)
        bell.ring()
        tasks = [gevent.spawn(wait, number) for number in range(5)]
        gevent.sleep(0)
        assert woken == []
        bell.ring()
        gevent.joinall(tasks, timeout=5)
        print(woken)
        """
    )
    assert said == "[0, 1, 2, 3, 4]\n"


def test_what_is_there_already_is_not_waited_for():
    """A wait whose condition holds, or that has no time, returns at once."""
    bell = concurrency.bell()
    began = time.monotonic()
    bell.wait(20, lambda: True)
    bell.wait(0, lambda: False)
    assert time.monotonic() - began < 1


def test_a_wait_under_gevent_ends_by_itself():
    """Without a ring a wait takes its time, to a tick of the clock, and nothing of it stays on the clock."""
    said = under_gevent(
        """
        began = time.monotonic()
        concurrency.bell().wait(0.15, lambda: False)
        took = time.monotonic() - began
        assert 0.15 <= took < 1, took
        print(len(concurrency.ticker))
        """
    )
    assert said == "0\n"


def test_a_killed_wait_leaves_nothing():
    """A greenlet that is killed at the bell is not rung for later, and its time is not watched any more."""
    said = under_gevent(
        """
        bell, woken = concurrency.bell(), []
        def wait():
            bell.wait(20, lambda: False)
            woken.append(1)
        task = gevent.spawn(wait)
        gevent.sleep(0)
        task.kill()
        bell.ring()
        gevent.sleep(0)
        print(woken, len(concurrency.ticker))
        """
    )
    assert said == "[] 0\n"
