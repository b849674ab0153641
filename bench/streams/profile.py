"""Where a server spends its CPU under one of the loads, sampled from outside with py-spy.

    make bench-profile                                 Jacie's worker, poured
    make bench-profile LOAD=paced SECONDS=10           paced at 50 tokens a second, 40 streams
    make bench-profile CONTENDERS=jacie_redis          any contender; NATIVE=1 also shows what happens below Python

Prints the functions with most samples, by themselves and with what they call, as shares of all samples in which the process
ran, and writes the stacks to var/bench/profile-<contender>-<load>.folded, as flame graph viewers read them.
"""

import argparse
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from bench.streams.measurements import ALL, Bench, Lengths
from bench.streams.servers import CONTENDERS, PEER_PYTHON, ROOT, Contender, Server, Unavailable, prepare, serve, upstream

_LOADS = ("burst", "paced", "first", "idle")
_PER_SECOND = 200
_START_S = 1.5
_TOP = 30
_WAITING = re.compile(r"acquire_with_timeout \(gevent/_threading\.py:\d+\)$")  # an idle thread of gevent's pool
_LINE = re.compile(r":\d+\)$")


def record(pid: int, seconds: float, out: Path, *, native: bool) -> None:
    """Sample a process for a while and write its folded stacks."""
    program = PEER_PYTHON.parent / "py-spy"
    command = [str(program), "record", "--pid", str(pid), "--duration", str(int(seconds)), "--rate", str(_PER_SECOND)]
    command += ["--format", "raw", "--output", str(out), *(["--native"] if native else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not out.exists():
        raise Unavailable(f"py-spy: {done.stderr.strip()[-400:]}")


def sampled(contender: Contender, load: str, seconds: float, out: Path, *, native: bool) -> None:
    """Serve a contender, put the load on it and record its worker in the middle of that."""
    measurement = next(one for one in ALL if one.key == load)
    lengths = Lengths(burst_s=seconds + 2 * _START_S, paced_s=seconds + _START_S, idle_s=seconds)
    with upstream() as model, serve(contender, model, heartbeat_s=measurement.heartbeat_s) as server:
        bench = Bench(model, lengths)
        recording = threading.Timer(_START_S, record, (server.worker, seconds, out), {"native": native})
        recording.start()
        print({name: round(value, 2) for name, value in _loaded(load, bench, server, recording).items()})
        recording.join()


def _loaded(load: str, bench: Bench, server: Server, recording: threading.Thread) -> dict[str, float]:
    run = next(one.run for one in ALL if one.key == load)
    sample = run(bench, server)
    while load == "first" and recording.is_alive():
        sample = run(bench, server)
    return sample


def shares(stacks: Iterable[str]) -> tuple[Counter[str], Counter[str], int]:
    """Return the samples of each function by itself, those of it with what it calls, and all samples."""
    alone: Counter[str] = Counter()
    within: Counter[str] = Counter()
    total = 0
    for line in stacks:
        stack, _, count = line.rstrip().rpartition(" ")
        if not stack or _WAITING.search(stack):
            continue
        frames = [_LINE.sub(")", frame) for frame in stack.split(";")]
        total += int(count)
        alone[frames[-1]] += int(count)
        for frame in set(frames):
            within[frame] += int(count)
    return alone, within, total


def _print_top(title: str, counted: Counter[str], total: int) -> None:
    print(f"\n{title}")
    for frame, count in counted.most_common(_TOP):
        print(f"  {100 * count / total:5.1f} %  {frame}")


def main() -> None:
    """Record, print the leaders and say where the stacks are."""
    parser = argparse.ArgumentParser(
        prog="bench.streams.profile", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--load", choices=_LOADS, default="burst")
    parser.add_argument("--contender", choices=list(CONTENDERS), default="jacie")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--native", action="store_true")
    asked = parser.parse_args()
    prepare()
    out = ROOT / "var" / "bench" / f"profile-{asked.contender}-{asked.load}.folded"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)
    try:
        sampled(CONTENDERS[asked.contender], asked.load, asked.seconds, out, native=asked.native)
    except Unavailable as reason:
        sys.exit(f"bench-profile: {reason}")
    if not out.exists():
        sys.exit("bench-profile: py-spy could not look into the worker; it needs the right to trace (CAP_SYS_PTRACE or root)")
    alone, within, total = shares(out.read_text().splitlines())
    _print_top("by themselves", alone, total)
    _print_top("with what they call", within, total)
    print(f"\n{total} samples; stacks in {out}")


if __name__ == "__main__":
    main()
