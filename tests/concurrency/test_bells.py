"""Bells wake all that wait, soon, with greenlets and with threads; nobody waits for what is there or for ever."""

import contextlib
import threading
import time

import pytest

from jacie_flask import concurrency
from tests.support.patched_process import under_gevent
from tests.support.waiting import wait_for


def test_a_ring_wakes_all_threads_that_wait():
    """Every thread at the bell goes on, long before its time is over."""
    bell, woken = concurrency.bell(), []
    threads = [threading.Thread(target=lambda: woken.append(bell.wait(3600, lambda: False)), daemon=True) for _ in range(5)]
    for thread in threads:
        thread.start()
    wait_for(lambda: bell.ring() or len(woken) == 5)


def test_a_ring_wakes_all_greenlets_that_wait():
    """Every greenlet at the bell goes on in order of arrival; a bell at which nobody waits rings for nobody."""
    said = under_gevent(
        """
        bell, woken = concurrency.bell(), []
        def wait(number):
            bell.wait(3600, lambda: False)
            woken.append(number)
        bell.ring()
        tasks = [gevent.spawn(wait, number) for number in range(5)]
        gevent.sleep(0)
        assert woken == []
        bell.ring()
        gevent.joinall(tasks, timeout=60)
        print(woken)
        """
    )
    assert said == "[0, 1, 2, 3, 4]\n"


def test_what_is_there_already_is_not_waited_for():
    """A wait whose condition holds, or that has no time, returns at once."""
    bell = concurrency.bell()
    assert bell.wait(3600, lambda: True) is None
    assert bell.wait(0, lambda: False) is None


def test_a_wait_under_gevent_ends_by_itself():
    """Without a ring a wait ends behind an alarm that is due before it, and nothing of it stays on the clock."""
    said = under_gevent(
        """
        passed = []
        concurrency.later(0.01, lambda: passed.append("an alarm"))
        concurrency.bell().wait(0.35, lambda: False)
        passed.append("the wait")
        print(passed, len(concurrency.ticker))
        """
    )
    assert said == "['an alarm', 'the wait'] 0\n"


def test_a_killed_wait_leaves_nothing():
    """A greenlet that is killed at the bell is not rung for later, and its time is not watched any more."""
    said = under_gevent(
        """
        bell, woken = concurrency.bell(), []
        def wait():
            bell.wait(3600, lambda: False)
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


def test_an_interrupt_ends_the_wait_of_its_thread_alone():
    """It is told where it waits, at once and once; the others at the bell wait on; what was told before is met at the next wait."""
    bell, told, ended = concurrency.bell(), concurrency.Interrupt(), []

    def wait(*within):
        with contextlib.ExitStack() as stack:
            for one in within:
                stack.enter_context(one)
            try:
                ended.append(bell.wait(3600, lambda: False))
            except ValueError as reason:
                ended.append(str(reason))

    threads = [threading.Thread(target=wait, args=args, daemon=True) for args in ((told,), ())]
    for thread in threads:
        thread.start()
    while told.wake is None:
        time.sleep(0.001)
    told.tell(ValueError("enough"))
    told.tell(ValueError("and again"))
    threads[0].join(60)
    assert ended == ["enough"]
    while threads[1].is_alive():
        bell.ring()
        time.sleep(0.001)
    assert ended == ["enough", None]
    with told:
        bell.wait(0.01, lambda: False)
    early = concurrency.Interrupt()
    early.tell(ValueError("before"))
    with early, pytest.raises(ValueError, match="before"):
        bell.wait(3600, lambda: False)
