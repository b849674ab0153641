"""How gunicorn serves Jacie: gevent workers, and the processes that the master owns beside them."""

import gevent
from gevent import monkey

monkey.patch_all()
gevent.config.track_greenlet_tree = False  # who spawned whom costs two kilobytes a stream, and nobody asks

import contextlib
import errno
import gc
import os
import shutil
import socket
import sys
import time

from gunicorn import systemd

from jacie_flask import data_folder, logs
from jacie_flask.access.secret import signing_secret
from jacie_flask.config import load
from jacie_flask.errors import ConfigurationError
from jacie_flask.processes import own_folder

try:
    _settings = load()
    data_folder.prepare(_settings.data)
    _place = data_folder.metrics_place(_settings.data, data_folder.metrics_bytes(_settings.workers + 1))
    _counts = own_folder(_place) if _place else None
    _started_by = os.getpid()
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    if _counts and data_folder.reserve_metrics(_counts, os.getpid()):
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_counts)  # decides how counts are kept, when what counts is imported
    if not _settings.secret_key and not data_folder.prepare(_settings.data):
        # a disk that keeps no secret: the workers take this one, so that they know each other's sessions
        os.environ["JACIE_SECRET_KEY"] = signing_secret("", _settings.data)
    else:
        signing_secret(_settings.secret_key, _settings.data)  # made or repaired once, before workers look for it
    from jacie_flask import measures, services, tenants
    from jacie_flask.web.origins import is_loopback

    _background = services.background(_settings)
    _tenants = tenants.settings_of(_settings)
    _gate = services.gate(_settings, _tenants)
    services.load(_tenants.values())  # before workers are forked, which share it then
except ConfigurationError as error:
    sys.exit(f"jacie: {error}")

bind = f"{_settings.listened_at}:{_settings.port}"
workers = _settings.workers
worker_class = "jacie_flask.web.worker.DrainingWorker"
worker_connections = 10_000  # gunicorn lets one connection more hang without an answer; Jacie refuses work itself, with a reason
timeout = 60
graceful_timeout = 60  # the master kills then; an answer under way has until 3 s before
keepalive = 15  # also how long a head may take to arrive
max_requests = 0  # recycling a worker would cut its live streams
control_socket_disable = True
secure_scheme_headers = {}  # who may speak for a client is the application's to say: JACIE_PROXIES, JACIE_TRUSTED_PROXIES
forwarded_allow_ips = ""  # nor may a header set SCRIPT_NAME or PATH_INFO
proc_name = "jacie"
loglevel = _settings.log_level.lower()
logger_class = "jacie_flask.web.gunicorn_log.PlainLogger"
accesslog = "-" if _settings.access_log == "on" else None
logs.configure(_settings)


def on_starting(server):
    """Say in one line that the address is taken, or is none; one that was inherited is whose it was."""
    begin_daemon()
    addresses = server.cfg.address
    inherited = server.master_pid or systemd.listen_fds(unset_environment=False) or any(isinstance(one, int) for one in addresses)
    for host, port in () if inherited else [one for one in addresses if isinstance(one, tuple)]:
        if refused := address_refused(host, port):
            shown = f"[{host}]" if ":" in host else host
            sys.exit(f"jacie: {shown}:{port} {refused}")


def begin_daemon():
    """Take over from the process that read this file, where gunicorn forks twice to run in the background and sets its own umask."""
    global _counts
    data_folder.make_files_private()
    if _counts and "PROMETHEUS_MULTIPROC_DIR" in os.environ and os.getpid() != _started_by:
        _counts = own_folder(_counts.parent)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_counts)
        data_folder.reserve_metrics(_counts, os.getpid())


def address_refused(host, port):
    """Return why an address cannot be listened at, "" where it can; a server that is just leaving has five seconds for it."""
    until = time.monotonic() + 5
    while True:
        try:
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tried.bind((host, port))
                return ""
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return f"cannot be listened at ({error.strerror}): set HOST and PORT"
        if time.monotonic() > until:
            return "is taken: stop what listens there, or set PORT"
        time.sleep(0.2)


def pre_fork(server, worker):
    """Tell the worker that keys are asked for, even if their file has gone meanwhile."""
    if _gate.keys.any():
        os.environ["JACIE_KEYS_SEEN"] = "yes"


def post_fork(server, worker):
    """Give the worker room for its counts before it counts; where there is none it does not count."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ and not data_folder.reserve_metrics(_counts, os.getpid()):
        measures.stop()


def post_worker_init(worker):
    """Make every first call before the worker takes its first request, and spare it looking for garbage among what stays."""
    worker.wsgi.extensions["jacie"].warm()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)  # a full collection over thousands of streams would hold them all up


def access_refused(server):
    """Return why these addresses may not be served as the settings are, "" where they may."""
    elsewhere = [sock.getsockname()[0] for sock in server.LISTENERS if sock.sock.family != socket.AF_UNIX]
    elsewhere = [address for address in elsewhere if not is_loopback(address)]
    if not elsewhere or _gate.safe_everywhere:
        return ""
    return (
        f"{elsewhere[0]} can be reached from other machines and there are no keys; allowed: HOST=127.0.0.1, a key "
        "(flask --app wsgi keys create NAME), or JACIE_OPEN=yes to let everybody ask"
    )


def when_ready(server):
    """Start the local model, if there is one, and the ingestion, tell the workers where they are, and say where Jacie is.

    Here, because the address is taken by now: a second server on it would have ended before it started anything.
    """
    if refused := access_refused(server):
        sys.exit(f"jacie: {refused}")
    if _settings.keys and not _settings.keys_file.exists():
        server.log.warning("JACIE_KEYS names %s, which is not there: nobody has a key until one is made", _settings.keys_file)
    if not _gate.closed and not _gate.open_to_all:
        server.log.warning("There are no keys: every program on this machine may ask, and a proxy that shows no sign of itself")
    _background.start()
    os.environ.update(_background.environment())
    server.log.info("Jacie answers at http://%s:%s", _settings.listened_at, server.LISTENERS[0].getsockname()[1])


def child_exit(server, worker):
    """Take what a worker that is gone had open out of the sums."""
    with contextlib.suppress(OSError):
        measures.forget(worker.pid)
    if _counts:
        data_folder.shrink_metrics(_counts, worker.pid)


def on_exit(server):
    """End the processes that this master started, and forget what its workers counted."""
    _background.stop()
    if _counts:
        shutil.rmtree(_counts, ignore_errors=True)
