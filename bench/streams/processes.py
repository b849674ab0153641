"""What the kernel knows of a process: its CPU time, its memory, its children."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_ALL_THREADS = 2  # the kernel's CPUCLOCK_SCHED; see clock_getcpuclockid(3)


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of a process with all its threads, to the nanosecond."""
    return time.clock_gettime_ns(~pid << 3 | _ALL_THREADS) / 1e9


def core_seconds(core: int) -> float:
    """Return how long a core has worked for anybody, in steps of a clock tick."""
    lines = Path("/proc/stat").read_text().splitlines()
    _name, *ticks = next(line for line in lines if line.startswith(f"cpu{core} ")).split()
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks[:8])
    return (user + nice + system + irq + softirq + steal) * _TICK_S


def children(pid: int) -> list[int]:
    """Return the children of a process."""
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]


def command(pid: int) -> bytes:
    """Return the command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@dataclass(frozen=True)
class Memory:
    """Resident memory of a process in bytes, and its share of it where pages are shared."""

    rss: int
    pss: int


def memory(pid: int) -> Memory:
    """Return what a process holds in memory."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    kib = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
    return Memory(kib["Rss"] * 1024, kib["Pss"] * 1024)
