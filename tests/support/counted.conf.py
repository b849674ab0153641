"""Jacie's own gunicorn configuration; on SIGUSR2 a worker writes the greenlets that live in it into ``$COUNTS/<pid>``."""

from pathlib import Path

exec(compile((Path(__file__).parents[2] / "gunicorn.conf.py").read_text(), "gunicorn.conf.py", "exec"))
_warm = post_worker_init  # noqa: F821  # comes from the configuration above


def post_worker_init(worker):
    """Warm up first, then listen for the signal."""
    _warm(worker)
    import gc
    import os
    import signal

    import gevent
    import greenlet

    def count():
        gc.collect()
        living = [one for one in gc.get_objects() if isinstance(one, greenlet.greenlet) and not one.dead]
        place = Path(os.environ["COUNTS"], str(os.getpid()))
        place.with_suffix(".new").write_text("\n".join(map(repr, living)))
        place.with_suffix(".new").rename(place)

    gevent.signal_handler(signal.SIGUSR2, count)
