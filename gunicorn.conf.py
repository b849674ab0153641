"""How gunicorn serves Jacie: gevent workers, and the processes that the master owns beside them."""

import gevent
from gevent import monkey

monkey.patch_all()
gevent.config.track_greenlet_tree = False  # who spawned whom costs two kilobytes a stream, and nobody asks

import gc
import os
import sys

from jacie_flask import logs, services
from jacie_flask.config import load
from jacie_flask.errors import ConfigurationError

try:
    _settings = load()
    _background = services.background(_settings)
except ConfigurationError as error:
    sys.exit(f"jacie: {error}")

bind = f"{_settings.host}:{_settings.port}"
workers = _settings.workers
worker_class = "jacie_flask.web.worker.DrainingWorker"
worker_connections = 10_000  # gunicorn lets one connection more hang without an answer; Jacie refuses work itself, with a reason
timeout = 60
graceful_timeout = 60  # the master kills then; an answer under way has until 3 s before
keepalive = 15  # also how long a head may take to arrive
max_requests = 0  # recycling a worker would cut its live streams
control_socket_disable = True
proc_name = "jacie"
loglevel = _settings.log_level.lower()
logs.configure(_settings.log_level)


def post_worker_init(worker):
    """Make every first call before the worker takes its first request, and spare it looking for garbage among what stays."""
    worker.wsgi.extensions["jacie"].warm()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)  # a full collection over thousands of streams would hold them all up


def when_ready(server):
    """Start the built-in model and the ingestion, tell the workers where they are, and say where Jacie is.

    Here, because the address is taken by now: a second server on it would have ended before it started anything.
    """
    _background.start()
    os.environ.update(_background.environment())
    server.log.info("Jacie answers at http://%s:%s", _settings.host, server.LISTENERS[0].getsockname()[1])


def on_exit(server):
    """End the processes that this master started."""
    _background.stop()
