"""Tasks, pools and native threads: none dies silently, and what works for a question knows for which."""

import contextvars
import threading

from jacie_flask import concurrency
from tests.support.patched_process import under_gevent, unpatched


def test_the_folder_costs_no_gevent():
    """Importing it does not import gevent: processes that never wait do not pay for it."""
    assert unpatched("import sys; from jacie_flask import concurrency; print('gevent' in sys.modules)") == "False\n"


def test_what_a_task_raises_is_logged(caplog):
    """The end of a task is one line with its name and the traceback, in threads and in native threads."""
    done = threading.Event()

    def fail():
        done.set()
        raise ValueError("torn")

    for start in (lambda: concurrency.spawn(fail, "the task"), lambda: concurrency.beside(fail)):
        start()
        assert done.wait(60)
        done.clear()
    while len(caplog.records) < 2:
        done.wait(0.01)
    assert sorted(record.getMessage() for record in caplog.records) == ["native thread failed", "the task failed"]
    assert {record.name for record in caplog.records} == {"jacie_flask.concurrency"}


def test_a_thread_cannot_be_killed():
    """It says so, and its function goes on."""
    go_on, ended = threading.Event(), threading.Event()
    task = concurrency.spawn(lambda: (go_on.wait(60), ended.set()), "stubborn")
    assert not task.kill(unless=lambda: False)
    go_on.set()
    assert ended.wait(60)


def test_a_greenlet_is_killed_where_it_waits_unless():
    """A kill arrives in a moment, but not where it is not wanted any more by then."""
    said = under_gevent(
        """
        waiting, ended = [], []
        def wait(name):
            waiting.append(name)
            try:
                time.sleep(3600)
            except BaseException:
                ended.append(name)
                raise
        first, second = (concurrency.spawn(lambda name=name: wait(name), name) for name in ("first", "second"))
        while len(waiting) < 2:
            time.sleep(0.001)
        print(first.kill(unless=lambda: False), second.kill(unless=lambda: True))
        while not ended:
            time.sleep(0.001)
        for _ in range(20):  # a kill of the second, made just behind that of the first, would arrive now
            time.sleep(0)
        print(ended)
        """
    )
    assert said == "True True\n['first']\n"


def test_a_pool_knows_what_it_works_for():
    """Context variables go along with what is submitted."""
    question = contextvars.ContextVar("question", default="")
    question.set("which?")
    with concurrency.pool(1, "load") as pool:
        assert pool.submit(question.get).result(60) == "which?"
