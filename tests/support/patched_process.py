"""A gevent-patched process of its own, for what cannot be seen in the threads of the tests."""

import subprocess
import sys
import textwrap

_HEAD = """
from gevent import monkey; monkey.patch_all()
import time, gevent
from jacie_flask import concurrency
sleep = monkey.get_original('time', 'sleep')
"""


def under_gevent(program: str) -> str:
    """Run a program in a patched process that knows ``concurrency`` and a blocking ``sleep``; return what it printed."""
    return _printed(_HEAD + textwrap.dedent(program))


def unpatched(program: str) -> str:
    """Run a program in a fresh process of threads and return what it printed."""
    return _printed(textwrap.dedent(program))


def _printed(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
