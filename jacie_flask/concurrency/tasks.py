"""What runs beside its caller: tasks that can be ended, pools for upstream calls, native threads for C code."""

import _thread
import contextvars
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from jacie_flask.concurrency.patching import patched
from jacie_flask.concurrency.turns import placed

log = logging.getLogger(__package__)


class Task(Protocol):
    """A running function that can be ended from outside where the platform allows it."""

    def kill(self, unless: Callable[[], bool]) -> bool:
        """Interrupt the function where it waits, unless ``unless()`` holds at that moment; False where threads cannot be."""


def spawn(function: Callable[[], None], name: str) -> Task:
    """Run ``function`` beside the caller, named ``name``; what it raises is logged, never lost."""
    guarded = _logged(function, name)
    if patched():
        import gevent  # noqa: PLC0415

        greenlet = gevent.spawn(placed(guarded))
        greenlet.name = name
        return _Greenlet(greenlet)
    thread = threading.Thread(target=guarded, name=name, daemon=True)
    thread.start()
    return _Thread()


def beside(function: Callable[[], Any]) -> None:
    """Run CPU-heavy C code in a native thread even where threads are greenlets; what it raises is logged."""
    start: Callable[..., Any] = _thread.start_new_thread
    if patched():
        from gevent import monkey  # noqa: PLC0415

        start = monkey.get_original("_thread", "start_new_thread")
    start(_logged(function, "native thread"), ())


def pool(size: int, name: str) -> ThreadPoolExecutor:
    """Return a bounded pool for upstream calls: greenlets when patched, threads otherwise; they know what they work for."""
    return _Pool(max_workers=size, thread_name_prefix=name)


class _Pool(ThreadPoolExecutor):
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return super().submit(contextvars.copy_context().run, fn, *args, **kwargs)


class _Greenlet:
    def __init__(self, greenlet: Any) -> None:
        self._greenlet = greenlet

    def kill(self, unless: Callable[[], bool]) -> bool:
        # Greenlet.kill would throw a moment from now, wherever the function is by then
        self._greenlet.loop.run_callback(self._throw, unless)
        return True

    def _throw(self, unless: Callable[[], bool]) -> None:
        if not (unless() or self._greenlet.dead):
            self._greenlet.throw()


class _Thread:
    def kill(self, unless: Callable[[], bool]) -> bool:
        return False


def _logged(function: Callable[[], None], name: str) -> Callable[[], None]:
    def run() -> None:
        try:
            function()
        except Exception:  # the last frame of a thread: nobody above could report it
            log.exception("%s failed", name)

    return run
