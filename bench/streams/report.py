"""The results as a person reads them (RESULTS.md) and as a program does (results.json)."""

import importlib.metadata
import json
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.streams.figures import Figure, ratio
from bench.streams.measurements import ALL, Sample
from bench.streams.servers import CONTENDERS, PEER_PYTHON, ROOT, load_cores, server_core

_JACIE_VERSIONS = ("flask", "gunicorn", "gevent", "openai", "httpx2", "msgspec", "redis")
_PEER_VERSIONS = ("fastapi", "starlette", "sse-starlette", "uvicorn", "uvloop", "httptools", "openai", "httpx2", "pydantic")


@dataclass
class Results:
    """Samples by measurement and contender, one a round (empty where it failed), and what could not be measured."""

    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def values(self, measurement: str, contender: str, metric: str) -> list[float]:
        """Return one metric of all rounds; empty where nothing was measured."""
        samples = self.samples.get(measurement, {}).get(contender, [])
        return [sample[metric] for sample in samples if metric in sample]

    def pairs(self, measurement: str, one: str, other: str, metric: str) -> list[tuple[float, float]]:
        """Return one metric of two contenders for all rounds in which both were measured."""
        samples = self.samples.get(measurement, {})
        rounds = zip(samples.get(one, []), samples.get(other, []), strict=False)
        return [(mine[metric], theirs[metric]) for mine, theirs in rounds if metric in mine and metric in theirs]


@dataclass(frozen=True)
class Goal:
    """A line of the issue's table: one contender's metric, by itself or against another's.

    ``more`` says that a larger number is better; ``inverse`` forms other/one, so that "times better" is above 1.
    """

    title: str
    measurement: str
    metric: str
    floor: float | None
    aim: float
    unit: str = "x"
    one: str = "jacie"
    other: str = "peer"
    more: bool = False
    inverse: bool = False

    def figure(self, results: Results) -> Figure | None:
        """Return what was reached, None where it was not measured."""
        own = results.values(self.measurement, self.one, self.metric)
        if not self.other:
            return Figure.of(own) if own else None
        pairs = results.pairs(self.measurement, self.one, self.other, self.metric)
        if not pairs:
            return None
        return ratio([(other, own) for own, other in pairs] if self.inverse else pairs)

    def verdict(self, reached: Figure | None) -> str:
        """Say in a word whether the floor and the aim are reached."""
        if reached is None:
            return "not measured"
        if self._reaches(reached, self.aim):
            return "aim"
        if self.floor is None:
            return "not the aim"
        return "floor" if self._reaches(reached, self.floor) else "**not the floor**"

    def _reaches(self, reached: Figure, bound: float) -> bool:
        return reached.median >= bound if self.more else reached.median <= bound


GOALS = (
    Goal("burst: tokens per CPU-second, against the peer", "burst", "tokens_per_cpu_s", 15, 28, more=True),
    Goal(
        "paced, 40 streams: CPU per token (µs), times less than the peer",
        "paced",
        "cpu_us_per_token",
        3,
        4,
        more=True,
        inverse=True,
    ),
    Goal(
        "paced, 40 streams: CPU per token (µs), the byte proxy's share of it",
        "paced",
        "cpu_us_per_token",
        None,
        0.75,
        other="proxy",
        more=True,
        inverse=True,
    ),
    Goal("streams per core at p99 < 50 ms, against the peer", "streams", "streams", 4, 5.5, more=True),
    Goal("3,000 idle streams: CPU of a heartbeat (µs), against the peer", "idle", "cpu_us_per_heartbeat", 0.5, 0.35),
    Goal("5,000 idle streams on one worker: memory of each (KiB)", "idle_many", "rss_kib_per_stream", 40, 20, "KiB", other=""),
    Goal("first event, 1 stream, p50 (ms), against the peer", "first", "event_1_p50_ms", 1, 0.8),
    Goal("first event, 100 at once, p99 (ms), against the peer", "first", "event_100_p99_ms", 0.2, 0.1),
    Goal(
        "paced: CPU per token (µs), Redis log against memory log",
        "paced",
        "cpu_us_per_token",
        1.3,
        1.1,
        one="jacie_redis",
        other="jacie",
    ),
    Goal("client gone (cancel policy) to upstream closed, silent model, p99 (ms)", "disconnect", "p99_ms", 50, 5, "ms", other=""),
    Goal(
        "client gone (cancel policy) to upstream closed, talking model, p99 (ms)",
        "disconnect",
        "talking_p99_ms",
        50,
        5,
        "ms",
        other="",
    ),
)
_SIDE_BY_SIDE = ("jacie", "jacie_redis", "peer", "proxy")

_FIGURES = (
    ("burst", "tokens_per_cpu_s", "tokens per CPU-second, poured"),
    ("burst", "cpu_us_per_token", "CPU per token, poured, µs"),
    ("paced", "cpu_us_per_token", "CPU per token, paced, µs"),
    ("paced", "p50_ms", "delay of a token, paced, p50, ms"),
    ("paced", "p99_ms", "delay of a token, paced, p99, ms"),
    ("streams", "streams", "streams per core at p99 < 50 ms"),
    ("streams", "busy", "… of the core used by the server then"),
    ("streams", "generator_busy", "… of a core used by upstream and load then"),
    ("first", "event_1_p50_ms", "first event, 1 stream, p50, ms"),
    ("first", "event_100_p99_ms", "first event, 100 at once, p99, ms"),
    ("first", "token_1_p50_ms", "first token, 1 stream, p50, ms"),
    ("first", "token_100_p99_ms", "first token, 100 at once, p99, ms"),
    ("disconnect", "p50_ms", "client gone to upstream closed, silent model, p50, ms"),
    ("disconnect", "p99_ms", "client gone to upstream closed, silent model, p99, ms"),
    ("disconnect", "talking_p50_ms", "client gone to upstream closed, talking model, p50, ms"),
    ("disconnect", "talking_p99_ms", "client gone to upstream closed, talking model, p99, ms"),
    ("idle", "rss_kib_per_stream", "memory (RSS) per idle stream, 3,000, KiB"),
    ("idle", "pss_kib_per_stream", "memory (PSS) per idle stream, 3,000, KiB"),
    ("idle", "cpu_us_per_heartbeat", "CPU of a heartbeat, 3,000 streams, µs"),
    ("idle_many", "rss_kib_per_stream", "memory (RSS) per idle stream, 5,000, KiB"),
    ("idle_many", "pss_kib_per_stream", "memory (PSS) per idle stream, 5,000, KiB"),
)

_HOW = """## How it is measured

- Every server is one process on one core (Jacie's gunicorn master and worker, the peer, the proxy); the upstream, the client and
  Redis have the other cores. CPU is the serving process's own, user and system, to the nanosecond; that of gunicorn's master and of
  Redis is in the JSON.
- Jacie is served as `make run` serves it (gunicorn, the repository's gunicorn.conf.py, one worker) with its log, ids, metrics and
  checks on. The questions say `"auto_load_documents": false`: retrieval plays no part, only the live run and its relay do. They say
  `"on_disconnect": "cancel"`, so that a client that leaves leaves nothing behind. Raised for room: JACIE_MAX_RUNS, JACIE_DEADLINE_S,
  JACIE_MODEL_TIMEOUT_S; the heartbeat interval is 1 s for the idle streams, for the peer as well.
- The peer is `bench/streams/peer.py`: FastAPI, AsyncOpenAI with one shared client and an unbounded pool, sse-starlette; uvicorn with
  uvloop and httptools, one worker, no access log. It keeps no log, sends no ids and resumes nothing.
- The byte proxy is a gevent server that passes on what it reads and looks at nothing: the limit of this machine for one process.
- The upstream speaks chat completions as OpenAI streams them, one event an HTTP chunk, about 250 bytes a token.
- The contenders take turns within each round, in another order each time. A ratio is formed within a round; the table has the median
  of the rounds and, in brackets, the lowest and the highest.
- Nothing counts unless every character arrived: after each stream its tokens are parsed and their joined text is compared with what
  the upstream sent, and with the result's `response`. Joined tokens are allowed, missing or doubled ones fail the measurement.
- burst, paced, first event and heartbeats are measured again, at most twice, when others took more than 15 % of the servers' core meanwhile; the least
  disturbed try counts. A disturbed server joins tokens and looks cheaper than it is.
- burst: 8 streams at a time, answers of 2,000 tokens, poured as fast as they are read.
- paced: 40 streams at 50 tokens a second; CPU of the steady part. A token carries the time it was sent; its delay is until the client
  has read it.
- streams per core: the number of paced streams is bisected to 5 %; a number that is too many by little is tried twice. 800 means "or more".
- idle: the model has sent one token and is silent. Memory is the growth of the worker over a warm one, divided by the streams.
- first event: from the request's last byte to the first event (`progress`), 100 times alone and 3 times 100 at once.
- disconnect: 120 clients leave while their model is silent, and 120, 20 at a time, while it sends 50 tokens a second; until the
  upstream has seen the connection close.
"""


def write(results: Results, folder: Path, rounds: int) -> Path:
    """Write RESULTS.md and results.json into a folder and return the former's path."""
    folder.mkdir(parents=True, exist_ok=True)
    about = surroundings()
    text = "\n".join((*_heading(results, about, rounds), *table_of_goals(results), "", *table_of_figures(results), "", _HOW))
    (folder / "RESULTS.md").write_text(text)
    (folder / "results.json").write_text(json.dumps(_as_json(results, about, rounds), indent=1) + "\n")
    return folder / "RESULTS.md"


def surroundings() -> dict[str, Any]:
    """Return the machine, the versions and the date."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M %Z"),
        "commit": _run(["git", "describe", "--always", "--dirty"]),
        "machine": f"{_processor()}, {len(load_cores() | {server_core()})} cores, Linux {platform.release()}",
        "python": platform.python_version(),
        "jacie": {name: _version(name) for name in _JACIE_VERSIONS},
        "peer": _peer_versions(),
        "redis": _run(["redis-server", "--version"]).partition(" sha")[0],
    }


def table_of_goals(results: Results) -> list[str]:
    """Return what was aimed at: the medians side by side, then what was reached (lowest–highest round), floor and aim."""
    labels = " | ".join(CONTENDERS[key].label for key in _SIDE_BY_SIDE)
    lines = [f"| what | {labels} | reached | floor | aim | verdict |", "| --- " * (len(_SIDE_BY_SIDE) + 5) + "|"]
    return lines + [_line(goal, results) for goal in GOALS]


def _line(goal: Goal, results: Results) -> str:
    reached = goal.figure(results)
    held = [results.values(goal.measurement, key, goal.metric) for key in _SIDE_BY_SIDE]
    cells = [
        goal.title,
        *(_number(Figure.of(values).median) if values else "–" for values in held),
        f"{_cell(reached)} {goal.unit}" if reached else "–",
        f"{_number(goal.floor)} {goal.unit}" if goal.floor is not None else "–",
        f"{_number(goal.aim)} {goal.unit}",
        goal.verdict(reached),
    ]
    return f"| {' | '.join(cells)} |"


def table_of_figures(results: Results) -> list[str]:
    """Return every figure of every contender."""
    keys = list(CONTENDERS)
    lines = ["| figure | " + " | ".join(CONTENDERS[key].label for key in keys) + " |", "| --- " * (len(keys) + 1) + "|"]
    for measurement, metric, title in _FIGURES:
        held = [results.values(measurement, key, metric) for key in keys]
        if any(held):
            lines.append(f"| {title} | " + " | ".join(_cell(Figure.of(values) if values else None) for values in held) + " |")
    return lines


def others(results: Results) -> float:
    """Return the median share of the server's core that strangers took while it was measured."""
    shares = [
        sample["others_busy"]
        for rounds in results.samples.values()
        for samples in rounds.values()
        for sample in samples
        if "others_busy" in sample
    ]
    return Figure.of(shares).median if shares else 0.0


def _heading(results: Results, about: Mapping[str, Any], rounds: int) -> list[str]:
    lines = [
        "# How fast Jacie streams",
        "",
        f"Written by `make bench` on {about['date']} at commit {about['commit']}: {rounds} rounds, {results.seconds / 60:.0f} minutes.",
        f"Machine: {about['machine']}; Python {about['python']}. Other processes took {others(results):.0%} of the servers' core while",
        "they were measured (median).",
        f"Jacie: {_listed(about['jacie'])}; {about['redis']}.",
        f"Peer: {_listed(about['peer'])}.",
        "",
    ]
    lines += [f"- not measured: {line}" for line in results.skipped]
    lines += [f"- failed: {line}" for line in results.failures]
    return [*lines, ""] if results.skipped or results.failures else lines


def _as_json(results: Results, about: Mapping[str, Any], rounds: int) -> dict[str, Any]:
    reached = [(goal, goal.figure(results)) for goal in GOALS]
    return {
        **about,
        "rounds": rounds,
        "seconds": round(results.seconds),
        "others_busy": others(results),
        "goals": [
            {
                "what": goal.title,
                "unit": goal.unit,
                "floor": goal.floor,
                "aim": goal.aim,
                "reached": figure and {"median": figure.median, "low": figure.low, "high": figure.high},
                "verdict": goal.verdict(figure).strip("*"),
            }
            for goal, figure in reached
        ],
        "measurements": {measurement.key: measurement.title for measurement in ALL},
        "samples": results.samples,
        "skipped": results.skipped,
        "failures": results.failures,
    }


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return "–"
    if figure.low == figure.high:
        return _number(figure.median)
    return f"{_number(figure.median)} ({_number(figure.low)}–{_number(figure.high)})"


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items() if version)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _peer_versions() -> dict[str, str]:
    if not PEER_PYTHON.exists():
        return {}
    asked = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    return dict(json.loads(_run([str(PEER_PYTHON), "-c", asked, *_PEER_VERSIONS]) or "{}"))


def _run(command: Sequence[str]) -> str:
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _processor() -> str:
    names = [
        line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()
