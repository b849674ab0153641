"""Measure how Jacie streams, against the FastAPI peer and a byte proxy.

    make bench                                  everything, 3 rounds: bench/RESULTS.md and bench/results.json
    make bench ONLY=burst,paced ROUNDS=1        some measurements, once: printed, and written below var/bench
    make bench CONTENDERS=jacie,peer            some servers
    make bench-profile LOAD=burst SECONDS=8     where Jacie's worker spends its time (bench/streams/profile.py)

Without make, once `make bench` has built the peer's venv:

    .venv/bin/python -m bench.streams --only burst --contenders jacie,proxy --rounds 1

Measurements: burst, paced, streams, first, disconnect, idle, idle_many. Contenders: jacie, jacie_redis, peer, proxy, direct
(no server between: what the harness itself adds). Ratios need both of their sides. A quiet machine is half of the measurement:
the report says how much of the servers' core others took.
"""

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.streams import report
from bench.streams.counting import Missing
from bench.streams.load import Refused
from bench.streams.measurements import ALL, QUIET, RECOVERY_S, Bench, Measurement, Sample
from bench.streams.report import Results
from bench.streams.servers import CONTENDERS, ROOT, Contender, Server, Unavailable, prepare, serve, upstream

_ROUNDS = 3
_FAILURES = (Missing, Refused, OSError)


class Session:
    """One run of the benchmark: who takes part in what, how often, and what came of it."""

    def __init__(self, bench: Bench, contenders: list[Contender], rounds: int) -> None:
        self.bench = bench
        self.contenders = contenders
        self.rounds = rounds
        self.results = Results()
        self.unavailable: set[Contender] = set()

    def measure(self, measurement: Measurement) -> None:
        """Measure all contenders in turns, in another order each round."""
        turns = [
            contender
            for contender in measurement.contenders
            if contender in self.contenders and contender not in self.unavailable
        ]
        with contextlib.ExitStack() as stack:
            servers = {} if measurement.fresh else self._serve_all(stack, measurement, turns)
            for _ in range(min(self.rounds, measurement.most_rounds)):
                for contender in turns:
                    self._turn(measurement, contender, servers.get(contender))
                turns = turns[1:] + turns[:1]

    def _serve_all(
        self, stack: contextlib.ExitStack, measurement: Measurement, turns: list[Contender]
    ) -> dict[Contender, Server]:
        servers = {}
        for contender in turns:
            with self._noted(contender):
                servers[contender] = stack.enter_context(serve(contender, self.bench.model, heartbeat_s=measurement.heartbeat_s))
        return servers

    def _turn(self, measurement: Measurement, contender: Contender, server: Server | None) -> None:
        if contender in self.unavailable:
            return
        if left := self.bench.model.left_open(RECOVERY_S):
            print(f"  {left} answers of the measurement before were still open", flush=True)
        began = time.monotonic()
        try:
            if server is not None:
                sample = self._least_disturbed(measurement, server)
            else:
                with self._noted(contender), serve(contender, self.bench.model, heartbeat_s=measurement.heartbeat_s) as fresh:
                    sample = measurement.run(self.bench, fresh)
        except _FAILURES as error:
            self.results.failures.append(f"{measurement.title}, {contender.label}: {str(error)[:300]}")
            print(f"{measurement.key:11} {contender.key:12} FAILED {error}", flush=True)
            sample = {}
        if contender not in self.unavailable:
            self.results.samples.setdefault(measurement.key, {}).setdefault(contender.key, []).append(sample)
            _show(measurement, contender, sample, time.monotonic() - began)

    def _least_disturbed(self, measurement: Measurement, server: Server) -> Sample:
        """Measure until others leave the server's core alone, or the tries are used up."""
        samples: list[Sample] = []
        while not samples or (samples[-1].get("others_busy", 0.0) > QUIET and len(samples) < measurement.tries):
            samples.append(measurement.run(self.bench, server))
        return min(samples, key=lambda sample: sample.get("others_busy", 0.0))

    @contextlib.contextmanager
    def _noted(self, contender: Contender) -> Iterator[None]:
        """Note a contender that cannot be served here, once, and go on without it."""
        try:
            yield
        except Unavailable as reason:
            self.unavailable.add(contender)
            self.results.skipped.append(f"{contender.label}: {reason}")
            print(f"NOT MEASURED {contender.label}: {reason}", flush=True)


def _show(measurement: Measurement, contender: Contender, sample: Sample, seconds: float) -> None:
    figures = "  ".join(f"{name} {value:,.2f}" for name, value in sample.items())
    print(f"{measurement.key:11} {contender.key:12} {figures}  [{seconds:.0f} s]", flush=True)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="bench.streams", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    keys = [measurement.key for measurement in ALL]
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="how often everything is measured")
    parser.add_argument("--only", type=_names(keys), default=keys, help=",".join(keys))
    parser.add_argument("--contenders", type=_names(list(CONTENDERS)), default=list(CONTENDERS), help=",".join(CONTENDERS))
    parser.add_argument("--out", type=Path, help="the folder of the results; default: bench for a whole run, var/bench otherwise")
    asked = parser.parse_args()
    whole = asked.only == keys and asked.contenders == list(CONTENDERS) and asked.rounds >= _ROUNDS
    asked.out = asked.out or ROOT / ("bench" if whole else "var/bench")
    return asked


def _names(known: list[str]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        found = text.split(",")
        if unknown := set(found) - set(known):
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(known)}")
        return found

    return names


def main() -> None:
    """Measure, print and write."""
    asked = arguments()
    prepare()
    began = time.monotonic()
    with upstream() as model:
        session = Session(Bench(model), [CONTENDERS[key] for key in asked.contenders], asked.rounds)
        for measurement in ALL:
            if measurement.key in asked.only:
                session.measure(measurement)
    results = session.results
    results.seconds = time.monotonic() - began
    path = report.write(results, asked.out, asked.rounds)
    print("", *report.table_of_goals(results), "", *report.table_of_figures(results), "", f"written to {path}", sep="\n")
    sys.exit(1 if results.failures else 0)


if __name__ == "__main__":
    main()
