"""Jacie's own gunicorn configuration, with gevent's monitor on the worker's main hub: blocks over 50 ms are reported.

A hub that waits for a processor because others have them all blocks nobody by its own doing, so such waiting is not counted.
"""

import os
import time
from pathlib import Path

exec(compile((Path(__file__).parents[2] / "gunicorn.conf.py").read_text(), "gunicorn.conf.py", "exec"))
_warm = post_worker_init  # noqa: F821  # comes from the configuration above


_BLOCKED_S = 0.05
_SHARE = 0.9  # the monitor's rounds are not exact


def _waited_s():
    """Return how long this process's main thread has waited for a processor in its life (Linux, schedstat)."""
    try:
        return int(Path(f"/proc/{os.getpid()}/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


def post_worker_init(worker):
    """Warm up first, then watch: what happens before the first request may block."""
    _warm(worker)
    import gevent
    import gevent.events

    last = [time.monotonic(), _waited_s()]

    def look(_):
        last[:] = time.monotonic(), _waited_s()

    def judge(event):
        blocked = isinstance(event, gevent.events.EventLoopBlocked)
        if blocked and time.monotonic() - last[0] - (_waited_s() - last[1]) < _SHARE * _BLOCKED_S:
            event.report.clear()

    gevent.config.monitor_thread = True
    gevent.config.max_blocking_time = _BLOCKED_S
    gevent.events.subscribers.append(judge)
    hub = gevent.get_hub()
    hub.start_periodic_monitoring_thread()
    hub.periodic_monitoring_thread.add_monitoring_function(look, _BLOCKED_S)
