"""Greenlets where the process is gevent-patched, threads where it is not: the package's only importer of gevent.

Each room imports it inside its functions, so that a process without gevent does not pay for it.
"""

from jacie_flask.concurrency.bells import Bell, bell
from jacie_flask.concurrency.clock import Alarm, Ticker, Waiting, later, ticker
from jacie_flask.concurrency.interrupts import Interrupt
from jacie_flask.concurrency.lanes import Lane
from jacie_flask.concurrency.patching import patched
from jacie_flask.concurrency.receivers import Receiver, receiver
from jacie_flask.concurrency.tasks import Task, beside, pool, spawn
from jacie_flask.concurrency.turns import breathe, offload, queue

__all__ = [
    "Alarm",
    "Bell",
    "Interrupt",
    "Lane",
    "Receiver",
    "Task",
    "Ticker",
    "Waiting",
    "bell",
    "beside",
    "breathe",
    "later",
    "offload",
    "patched",
    "pool",
    "queue",
    "receiver",
    "spawn",
    "ticker",
]
