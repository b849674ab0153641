"""Greenlets where the process is gevent-patched, threads where it is not: the package's only importer of gevent."""

import _thread
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

log = logging.getLogger(__name__)


class Task(Protocol):
    """A running function that can be ended from outside where the platform allows it."""

    def kill(self, unless: Callable[[], bool]) -> bool:
        """Interrupt the function where it waits, unless ``unless()`` holds at that moment; False where threads cannot be."""


def patched() -> bool:
    """Return whether the standard library's sockets and threads are gevent's."""
    try:
        from gevent import monkey  # noqa: PLC0415  # a process without gevent must not pay for it
    except ImportError:
        return False
    return bool(monkey.is_module_patched("socket"))


def spawn(function: Callable[[], None], name: str) -> Task:
    """Run ``function`` beside the caller, named ``name``; what it raises is logged, never lost."""
    guarded = _logged(function, name)
    if patched():
        import gevent  # noqa: PLC0415

        greenlet = gevent.spawn(guarded)
        greenlet.name = name
        return _Greenlet(greenlet)
    thread = threading.Thread(target=guarded, name=name, daemon=True)
    thread.start()
    return _Thread()


class Alarm(Protocol):
    """A function that will be called later unless it is cancelled."""

    def cancel(self) -> None:
        """Forget about the call."""


def later(seconds: float, function: Callable[[], Any]) -> Alarm:
    """Call ``function`` in ``seconds``."""
    if patched():
        import gevent  # noqa: PLC0415

        return _Greenlet(gevent.spawn_later(seconds, function))
    timer = threading.Timer(seconds, function)
    timer.daemon = True
    timer.start()
    return timer


def breathe() -> None:
    """Let others go first, once: what was just reported leaves before the work after it begins."""
    time.sleep(0)  # gevent's when patched


def offload(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run C code that drops the GIL (numpy, onnxruntime, sqlite) without holding up other greenlets; return its value."""
    if patched():
        import gevent  # noqa: PLC0415

        return gevent.get_hub().threadpool.apply(function, args, kwargs)
    return function(*args, **kwargs)


def beside(function: Callable[[], Any]) -> None:
    """Run CPU-heavy C code in a native thread even where threads are greenlets; what it raises is logged."""
    start: Callable[..., Any] = _thread.start_new_thread
    if patched():
        from gevent import monkey  # noqa: PLC0415

        start = monkey.get_original("_thread", "start_new_thread")
    start(_logged(function, "native thread"), ())


def pool(size: int, name: str) -> ThreadPoolExecutor:
    """Return a bounded pool for upstream calls: greenlets when patched, threads otherwise."""
    return ThreadPoolExecutor(max_workers=size, thread_name_prefix=name)


class _Greenlet:
    def __init__(self, greenlet: Any) -> None:
        self._greenlet = greenlet

    def kill(self, unless: Callable[[], bool]) -> bool:
        # Greenlet.kill would throw a moment from now, wherever the function is by then
        self._greenlet.loop.run_callback(self._throw, unless)
        return True

    def cancel(self) -> None:
        self._greenlet.kill(block=False)

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
