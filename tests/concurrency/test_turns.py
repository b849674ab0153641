"""Work in native threads under gevent: who began first is done first, and a kill loses no turn."""

from tests.support.patched_process import under_gevent


def test_who_began_first_is_done_first():
    """Of 30 that begin together and need three turns each, half are done when little more than half of all turns are taken."""
    said = under_gevent(
        """
        ends, turns = [], []
        def three_turns(number):
            for _ in range(3):
                concurrency.offload(sleep, 0.01)
                turns.append(number)
            ends.append((number, len(turns)))
        for number in range(30):
            concurrency.spawn(lambda number=number: three_turns(number), "turns")
        while len(ends) < 30:
            time.sleep(0.01)
        assert ends[14][1] < 0.75 * 90, ends
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


def test_who_was_spawned_first_goes_on_first():
    """Of ten that report at the same time, step by step, the first is through all its steps before the last has made its second."""
    said = under_gevent(
        """
        steps = []
        def three_steps(number):
            for _ in range(3):
                concurrency.queue()
                steps.append(number)
        for number in range(10):
            concurrency.spawn(lambda number=number: three_steps(number), "steps")
        while len(steps) < 30:
            time.sleep(0.01)
        print(steps == sorted(steps), steps[:4])
        """
    )
    assert said == "True [0, 0, 0, 1]\n"


def test_what_runs_in_a_pool_stands_where_its_task_stands():
    """What a pool does for a late task lets the early tasks go first."""
    said = under_gevent(
        """
        order = []
        def steps(name):
            for _ in range(6):
                concurrency.queue()
                order.append(name)
        workers = concurrency.pool(2, "pool")
        for _ in range(3):
            concurrency.spawn(lambda: steps("early"), "early")
        concurrency.spawn(lambda: workers.submit(steps, "late").result(), "late")
        while len(order) < 24:
            time.sleep(0.01)
        print(set(order[:18]), set(order[18:]))
        """
    )
    assert said == "{'early'} {'late'}\n"


def test_sockets_are_looked_after_between_two_of_the_line():
    """A connection's data arrives while many others wait in line, not after them."""
    said = under_gevent(
        """
        import socket
        here, there = socket.socketpair()
        gone = []
        def step():
            concurrency.queue()
            gone.append(1)
            sleep(0.005)  # work that waits for nothing
        def answer():
            there.recv(1)
            there.sendall(b"y")
        gevent.spawn(answer)
        for _ in range(40):
            concurrency.spawn(step, "step")
        here.sendall(b"x")
        here.recv(1)
        print(len(gone) < 20)
        """
    )
    assert said == "True\n"


def test_a_kill_in_the_line_holds_nobody_up():
    """Those behind one that is ended while it waits go on."""
    said = under_gevent(
        """
        passed = []
        def step(number):
            concurrency.queue()
            passed.append(number)
        tasks = [concurrency.spawn(lambda number=number: step(number), "step") for number in range(6)]
        gevent.sleep(0)
        for task in tasks[::2]:
            task.kill(unless=lambda: False)
        from jacie_flask.concurrency.turns import _line
        while len(passed) < 3 or _line._timer is not None:
            gevent.sleep(0.001)
        print(passed, _line._waiting, _line._timer)
        concurrency.queue()
        """
    )
    assert said == "[1, 3, 5] [] None\n"


def test_what_a_native_thread_raises_reaches_the_caller_alone():
    """A file that is not there is an answer to who asked, no traceback in the log."""
    said = under_gevent(
        """
        import io, sys
        printed = sys.stderr = io.StringIO()
        try:
            concurrency.offload(open, "/no/such/file")
        except FileNotFoundError as error:
            print(error.filename, repr(printed.getvalue()))
        """
    )
    assert said == "/no/such/file ''\n"
