"""Greenlets where the process is gevent-patched, threads where it is not: the package's only importer of gevent."""

import _thread
import contextvars
import functools
import heapq
import itertools
import logging
import math
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

log = logging.getLogger(__name__)


class Task(Protocol):
    """A running function that can be ended from outside where the platform allows it."""

    def kill(self, unless: Callable[[], bool]) -> bool:
        """Interrupt the function where it waits, unless ``unless()`` holds at that moment; False where threads cannot be."""


@functools.cache
def patched() -> bool:
    """Return whether the standard library's sockets and threads are gevent's; asked first when all patching is done."""
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

        greenlet = gevent.spawn(_placed(guarded))
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
    """Call ``function`` in ``seconds``, to a tenth of a second."""
    if patched():
        return _GreenAlarm(seconds, function)
    timer = threading.Timer(seconds, function)
    timer.daemon = True
    timer.start()
    return timer


class Waiting:
    """Something that must not wait for ever; ``due_at`` is in seconds of ``time.monotonic`` and may move while it is watched."""

    __slots__ = ("_tick", "due_at")

    due_at: float
    _tick: int

    def late(self) -> None:
        """Hear that ``due_at`` has passed; called in the hub, so it may wake greenlets and must not wait itself."""


class Ticker:
    """One coarse clock for all waits of a gevent process: a timer for each of thousands would cost more than their work.

    Waits are kept by the tick in which they end, so a tick touches none but its own. Thousands may be late at once: the loop
    looks after sockets every few milliseconds while it wakes them.
    """

    EVERY_S = 0.1
    LOOK_AGAIN_S = 2.0

    def __init__(self) -> None:
        self._waits: dict[int, set[Waiting]] = {}
        self._timer: Any = None
        self._ticked = 0

    def __len__(self) -> int:
        return sum(map(len, self._waits.values()))

    def watch(self, waiting: Waiting) -> None:
        """Call ``waiting.late()`` within a moment after its ``due_at``, unless it was forgotten before."""
        due_at = waiting.due_at
        tick = int((due_at if due_at != math.inf else time.monotonic() + self.LOOK_AGAIN_S) / self.EVERY_S) + 1
        waiting._tick = tick = max(tick, self._ticked + 1)
        waits = self._waits.get(tick)
        if waits is None:
            waits = self._waits[tick] = set()
        waits.add(waiting)
        if self._timer is None:
            self._start()

    def sooner(self, waiting: Waiting) -> None:
        """Take note that ``due_at`` of something watched may have come nearer; that it moved away is noticed anyway."""
        if waiting.due_at < waiting._tick * self.EVERY_S:
            self.forget(waiting)
            self.watch(waiting)

    def forget(self, waiting: Waiting) -> None:
        """Do not call it any more; unknown ones are fine."""
        waits = self._waits.get(waiting._tick)
        if waits is not None:
            waits.discard(waiting)

    def _start(self) -> None:
        import gevent  # noqa: PLC0415

        self._ticked = int(time.monotonic() / self.EVERY_S)
        self._timer = gevent.get_hub().loop.timer(self.EVERY_S, self.EVERY_S)
        self._timer.start(self._look)

    def _look(self) -> None:
        now = time.monotonic()
        current = int(now / self.EVERY_S)
        for tick in range(self._ticked + 1, current + 1):
            self._ticked = tick
            for waiting in self._waits.pop(tick, ()):
                if waiting.due_at <= now:
                    waiting.late()
                else:
                    self.watch(waiting)
        if not self._waits:
            self._timer.close()
            self._timer = None


ticker = Ticker()


class Bell(Protocol):
    """Wakes all that wait for something new; whoever waits has checked before that there is nothing."""

    def ring(self) -> None:
        """Wake everybody who waits."""

    def wait(self, timeout_s: float, ready: Callable[[], bool]) -> None:
        """Wait until the bell rings or ``timeout_s`` has passed, unless ``ready()`` holds already."""


def bell() -> Bell:
    """Return a new bell."""
    return _GreenBell() if patched() else _ThreadBell()


class Receiver(Protocol):
    """Reads from one connected socket for one reader; ``close`` it before the socket is closed or lent to somebody else."""

    def recv(self, size: int) -> bytes:
        """Return what has come, at most ``size`` bytes, b"" at the end; raise TimeoutError, OSError."""

    def close(self) -> None:
        """Stop looking at the socket, which stays open; more than once is fine."""


def receiver(sock: socket.socket, timeout_s: float | None) -> Receiver:
    """Return the cheapest reader of ``sock`` there is here; each wait is bounded by ``timeout_s``, coarsely under gevent."""
    if patched():
        import gevent  # noqa: PLC0415

        if gevent.get_hub().main_hub:  # the ticker's
            return _GreenReceiver(sock, timeout_s)
    return _ThreadReceiver(sock, timeout_s)


def breathe() -> None:
    """Let others go first: what was just reported leaves, here and for all who report now, before the work after it begins."""
    time.sleep(0)  # gevent's when patched: readers that were woken stand behind this
    time.sleep(0)  # and here behind all of them


def queue() -> None:
    """Let others go first as ``breathe`` does, and then those who were spawned before: they have waited longest."""
    if not patched():
        time.sleep(0)
        return
    import gevent  # noqa: PLC0415

    if gevent.get_hub().main_hub:
        _line.wait()
    else:
        time.sleep(0)


def offload(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run C code that drops the GIL (numpy, onnxruntime, sqlite) without holding up other greenlets; return its value."""
    if not patched():
        return function(*args, **kwargs)
    import gevent  # noqa: PLC0415

    if not gevent.get_hub().main_hub:  # whose turns they are
        return gevent.get_hub().threadpool.apply(function, args, kwargs)
    _turns.take()
    try:
        return gevent.get_hub().threadpool.apply(function, args, kwargs)
    finally:
        _turns.give()


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


_births = itertools.count(1)
_place: contextvars.ContextVar[int] = contextvars.ContextVar("place", default=0)
"""Where a task stands among all that were spawned; what it has done in pools stands there as well."""


def _placed(function: Callable[[], None]) -> Callable[[], None]:
    place = next(_births)

    def run() -> None:
        _place.set(place)
        function()

    return run


class _Line:
    """Those who are ready to go on: each time the loop has looked after sockets, the one that was spawned first does.

    Were it each in turn, many questions at once would go through each step together and all be done at the end; so the first
    of them is done early, and half of them in half the time.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, Any]] = []
        self._timer: Any = None

    def wait(self) -> None:
        """Wait until nobody who was spawned before is ready, and the loop has come round once."""
        from gevent.hub import Waiter  # noqa: PLC0415

        waiter = Waiter()
        one = (_place.get(), next(_births), waiter)
        heapq.heappush(self._waiting, one)
        if self._timer is None:
            self._timer = waiter.hub.loop.timer(0.0)
            self._timer.start(self._next)
        try:
            waiter.get()
        except BaseException:  # a kill
            self._waiting.remove(one)
            heapq.heapify(self._waiting)
            raise

    def _next(self) -> None:
        self._timer.close()
        self._timer = None
        if not self._waiting:
            return
        waiter = heapq.heappop(self._waiting)[2]
        if self._waiting:
            self._timer = waiter.hub.loop.timer(0.0)
            self._timer.start(self._next)
        waiter.switch(None)


class _Turns:
    """As many native threads as there are processors; of those who wait, what was spawned first goes first, as in the line."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: list[tuple[int, int, Any]] = []

    def take(self) -> None:
        """Wait for a turn."""
        if self._free:
            self._free -= 1
            return
        from gevent.event import Event  # noqa: PLC0415

        come = Event()
        place = (_place.get(), next(_births), come)
        heapq.heappush(self._waiting, place)
        try:
            come.wait()
        except BaseException:  # a kill
            if come.is_set():
                self.give()
            else:
                self._waiting.remove(place)
                heapq.heapify(self._waiting)
            raise

    def give(self) -> None:
        """Hand the turn on."""
        if self._waiting:
            heapq.heappop(self._waiting)[2].set()
        else:
            self._free += 1


_line = _Line()
_turns = _Turns(max(2, os.cpu_count() or 1))


class _GreenBell:
    """Waits cost one switch and no timer: the ticker wakes those whose time is up."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[_GreenWait] = []

    def ring(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for one in waiting:
                one.late()

    def wait(self, timeout_s: float, ready: Callable[[], bool]) -> None:
        if timeout_s <= 0 or ready():
            return
        one = _GreenWait(timeout_s)
        self._waiting.append(one)
        ticker.watch(one)
        try:
            one.waiter.get()
        finally:
            ticker.forget(one)
            if one in self._waiting:
                self._waiting.remove(one)


class _GreenWait(Waiting):
    __slots__ = ("waiter",)

    def __init__(self, timeout_s: float) -> None:
        from gevent.hub import Waiter  # noqa: PLC0415

        self.due_at = time.monotonic() + timeout_s
        self.waiter = Waiter()

    def late(self) -> None:
        self.waiter.hub.loop.run_callback(self.waiter.switch, None)


class _ThreadBell:
    def __init__(self) -> None:
        self._changed = threading.Condition()

    def ring(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def wait(self, timeout_s: float, ready: Callable[[], bool]) -> None:
        with self._changed:
            if timeout_s > 0 and not ready():
                self._changed.wait(timeout_s)


class _GreenReceiver(Waiting):
    """Keeps one watcher on the socket, so that a wait costs a switch: none is started, no timer is set, no recv is tried in vain."""

    __slots__ = ("_current", "_decrypted", "_greenlet", "_hub", "_sock", "_timeout_s", "_watcher", "_watching")

    def __init__(self, sock: socket.socket, timeout_s: float | None) -> None:
        import gevent  # noqa: PLC0415

        sock.settimeout(timeout_s)  # for a wake-up without data, after which gevent's own recv waits
        self._sock = sock
        # TLS has read whole records, of which the watcher knows nothing
        self._decrypted = sock.pending if isinstance(sock, ssl.SSLSocket) else None
        self._timeout_s = math.inf if timeout_s is None else timeout_s
        self._hub = gevent.get_hub()
        self._current = gevent.getcurrent
        self._watcher = self._hub.loop.io(sock.fileno(), 1)
        self._watching = False
        self._greenlet: Any = None
        self.due_at = math.inf
        ticker.watch(self)

    def recv(self, size: int) -> bytes:
        if self._decrypted is None or not self._decrypted():
            self._wait()
        return self._sock.recv(size)

    def late(self) -> None:
        if self._greenlet is not None:
            self._greenlet.switch(False)

    def close(self) -> None:
        ticker.forget(self)
        self._watching = False
        self._watcher.close()

    def _wait(self) -> None:
        self.due_at = time.monotonic() + self._timeout_s
        ticker.sooner(self)
        if not self._watching:
            self._watching = True
            self._watcher.start(self._ready)
        self._greenlet = self._current()
        try:
            in_time = self._hub.switch()
        finally:  # a kill arrives here
            self._greenlet = None
            self.due_at = math.inf
        if not in_time:
            raise TimeoutError("timed out")

    def _ready(self) -> None:
        if self._greenlet is not None:
            self._greenlet.switch(True)
        else:  # data for a reader that is busy elsewhere would call again and again
            self._watching = False
            self._watcher.stop()


class _ThreadReceiver:
    def __init__(self, sock: socket.socket, timeout_s: float | None) -> None:
        sock.settimeout(timeout_s)
        self.recv: Callable[[int], bytes] = sock.recv

    def close(self) -> None:
        return


class _GreenAlarm(Waiting):
    __slots__ = ("_function",)

    def __init__(self, seconds: float, function: Callable[[], Any]) -> None:
        self._function = function
        self.due_at = time.monotonic() + seconds
        ticker.watch(self)

    def late(self) -> None:
        import gevent  # noqa: PLC0415

        gevent.spawn(self._function)

    def cancel(self) -> None:
        ticker.forget(self)


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
