"""Jacie's own gunicorn configuration, with gevent's monitor on the worker's main hub: blocks over 50 ms are reported."""

from pathlib import Path

exec(compile((Path(__file__).parents[2] / "gunicorn.conf.py").read_text(), "gunicorn.conf.py", "exec"))
_warm = post_worker_init  # noqa: F821  # comes from the configuration above


def post_worker_init(worker):
    """Warm up first, then watch: what happens before the first request may block."""
    _warm(worker)
    import gevent

    gevent.config.max_blocking_time = 0.05
    gevent.get_hub().start_periodic_monitoring_thread()
