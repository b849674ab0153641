"""Lanes: native threads of one owner for system calls that may never return, each awaited for a bounded time only."""

import threading
import time
from collections.abc import Callable
from typing import Any

from jacie_flask.concurrency.patching import patched


class Lane:
    """At most ``size`` calls at once, each awaited for ``patience_s``; calls that hang occupy this lane and no other.

    A stalled network mount holds its thread in the kernel for as long as it likes: nobody can end that, so its owner alone waits.
    """

    def __init__(self, size: int, patience_s: float) -> None:
        self._size = size
        self._patience_s = patience_s
        self._free = threading.BoundedSemaphore(size)
        self._pool: Any = None

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return or raise what the function does; raise TimeoutError when it, or a place in the lane, is not there in time."""
        end = time.monotonic() + self._patience_s
        if not self._free.acquire(timeout=self._patience_s):
            raise TimeoutError(f"{self._size} earlier calls have not returned")
        call = _Call(function, arguments)
        try:
            done = self._started(call)
        except BaseException:  # no thread to be had, or a kill: the place is free, and the caller hears of it
            self._free.release()
            raise
        if not done(max(0.0, end - time.monotonic()), self._free.release):
            raise TimeoutError(f"no answer within {self._patience_s:g} s")
        if call.error is not None:
            raise call.error
        return call.value

    def _started(self, call: "_Call") -> Callable[[float, Callable[[], None]], bool]:
        """Start a call in a native thread; return what waits for it and gives its place back once it has really ended."""
        return self._in_gevent(call) if patched() else _in_thread(call)

    def _in_gevent(self, call: "_Call") -> Callable[[float, Callable[[], None]], bool]:
        from gevent.threadpool import ThreadPool  # noqa: PLC0415

        if self._pool is None:
            self._pool = ThreadPool(self._size)
        result = self._pool.spawn(call.make)

        def wait(seconds: float, release: Callable[[], None]) -> bool:
            result.rawlink(lambda _: release())
            result.wait(timeout=seconds)
            return bool(result.ready())

        return wait


class _Call:
    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._function, self._arguments = function, arguments
        self.value: Any = None
        self.error: Exception | None = None

    def make(self) -> None:
        """Call the function and keep what it returns or raises."""
        try:
            self.value = self._function(*self._arguments)
        except Exception as error:  # noqa: BLE001  # whatever the call raises belongs to its caller: kept, and raised by run
            self.error = error


def _in_thread(call: _Call) -> Callable[[float, Callable[[], None]], bool]:
    ended = threading.Event()
    releases: list[Callable[[], None]] = []
    lock = threading.Lock()

    def work() -> None:
        call.make()
        with lock:
            ended.set()
            for release in releases:
                release()

    threading.Thread(target=work, name="lane", daemon=True).start()

    def wait(seconds: float, release: Callable[[], None]) -> bool:
        with lock:
            if ended.is_set():
                release()
            else:
                releases.append(release)
        return ended.wait(seconds)

    return wait
