"""Work in native threads under gevent: who began first is done first, and a kill loses no turn."""

from tests.support.patched_process import under_gevent


def test_who_began_first_is_done_first():
    """Of 30 that begin together and need three turns each, half are done in about half the time."""
    said = under_gevent(
        """
        ends, began = [], time.monotonic()
        def three_turns(number):
            for _ in range(3):
                concurrency.offload(sleep, 0.01)
            ends.append((number, time.monotonic() - began))
        for number in range(30):
            concurrency.spawn(lambda number=number: three_turns(number), "turns")
        while len(ends) < 30:
            time.sleep(0.01)
        half, last = ends[14][1], ends[29][1]
        assert half < 0.75 * last, (half, last)
        early = {number for number, _ in ends[:15]}
        assert len(early & set(range(18))) >= 13, ends
        print("in order")
        """
    )
    assert said == "in order\n"


def test_a_kill_while_waiting_loses_no_turn():
    """Tasks that are ended while they wait, and while they work, leave as many turns as there were."""
    said = under_gevent(
        """
        from jacie_flask.concurrency.turns import _turns
        most = _turns._free
        tasks = [concurrency.spawn(lambda: concurrency.offload(sleep, 0.02), "turns") for _ in range(40)]
        time.sleep(0.03)
        for task in tasks[::2]:
            task.kill(unless=lambda: False)
        time.sleep(0.03)
        while _turns._waiting or _turns._free < most:
            time.sleep(0.01)
        assert _turns._free == most
        print(concurrency.offload(pow, 2, 5))
        """
    )
    assert said == "32\n"
