"""Runs a command and prints the CPU time of the whole process tree below it: ``python -m tools.cpu_time make check``."""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress

_ADOPT = 36  # PR_SET_CHILD_SUBREAPER of <sys/prctl.h>
_GRACE_S = 10.0


def main(command: list[str]) -> int:
    """Run the command to its end and return its exit code; processes that outlive it have ten seconds to end."""
    adopted = _adopt_orphans()
    # Ctrl-C reaches the command as well, and what it prints about it is waited for.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process = subprocess.Popen(command, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGTERM))
    code = _wait_for(process.pid)
    alive = _wait_for_the_rest() if adopted else 0
    sys.stdout.write(_summary(adopted, alive) + "\n")
    return code if code >= 0 else 128 - code


def _adopt_orphans() -> bool:
    """Have processes whose parents end counted here (Linux); elsewhere only those that somebody waited for are counted."""
    with suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None).prctl(_ADOPT, 1, 0, 0, 0) == 0)
    return False


def _wait_for(wanted: int) -> int:
    while True:
        pid, status = os.wait()
        if pid == wanted:
            return os.waitstatus_to_exitcode(status)


def _wait_for_the_rest() -> int:
    """Wait for adopted processes and return 1 if any is still alive, otherwise 0."""
    end = time.monotonic() + _GRACE_S
    while time.monotonic() < end:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return 0
        if pid == 0:
            time.sleep(0.05)
    return 1


def _summary(adopted: bool, alive: int) -> str:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = f"CPU time of all processes: {used.ru_utime + used.ru_stime:.0f} s"
    text += f" (user {used.ru_utime:.0f} s, system {used.ru_stime:.0f} s)"
    if not adopted:
        text += ", without processes that nobody waited for"
    return text + (", without processes that are still running" if alive else "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
