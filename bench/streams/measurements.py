"""The seven measurements, each a function from a served contender to the figures of one round."""

import gc
import itertools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from bench.streams import processes
from bench.streams.counting import Missing, arrivals, check_so_far, check_whole
from bench.streams.figures import percentile
from bench.streams.load import Load, Refused, Stream
from bench.streams.plan import Plan
from bench.streams.servers import DIRECT, JACIE, JACIE_REDIS, PEER, PROXY, Contender, Server, Upstream, server_core

Sample = dict[str, float]

ANSWER_TOKENS = 2000
BURST_STREAMS = 8
RATE = 50
PACED_STREAMS = 40
BOUND_S = 0.050
MOST_STREAMS = 800  # what one core can send and read with certainty; a result of 800 means "or more"
IDLE_STREAMS = 3000
MANY_IDLE_STREAMS = 5000
HEARTBEAT_S = 1
SEQUENTIAL = 100
AT_ONCE = 100
AT_ONCE_TIMES = 3
LEAVING = 120
TALKING = 20

_FIRST_PROBE = 40
_NEAR_ENOUGH = 1.05
_PROBES = 8
_HOPELESS = 5
QUIET = 0.15  # the share of the servers' core up to which others do not disturb
_FEWEST_BEATS = 0.25
_TRIES = 3
RECOVERY_S = 30.0
_names = itertools.count()


@dataclass(frozen=True)
class Lengths:
    """How long the measured windows are and what lies before and after them, in seconds; how many streams idle and leave."""

    burst_s: float = 2.5
    answer_tokens: int = ANSWER_TOKENS
    paced_s: float = 4.0
    probe_s: float = 2.0
    idle_s: float = 6.0
    settle_s: float = 0.5
    margin_s: float = 2.0
    quiet_s: float = 2.0
    idle_streams: int = IDLE_STREAMS
    many_idle_streams: int = MANY_IDLE_STREAMS
    leaving: int = LEAVING


@dataclass(frozen=True)
class Bench:
    """What every measurement has at hand."""

    model: Upstream
    lengths: Lengths = Lengths()
    carried: dict[str, int] = field(default_factory=dict)  # streams per core of the round before: where to begin


@dataclass(frozen=True)
class Measurement:
    """A measurement: who takes part, and how its servers are started.

    ``fresh`` starts a server for every sample, where what it did before would show. ``most_rounds`` bounds the long ones. ``tries``
    is how often it is measured again while others disturb it; the least disturbed one counts.
    """

    key: str
    title: str
    run: Callable[[Bench, Server], Sample]
    contenders: tuple[Contender, ...]
    heartbeat_s: int = 15
    fresh: bool = False
    most_rounds: int = 99
    tries: int = 1


@contextmanager
def without_collections() -> Iterator[None]:
    """Keep this process's garbage collector out of the measured delays."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@dataclass(frozen=True)
class Window:
    """A stretch of time that was measured, and the CPU that each process spent in it.

    ``others_cpu`` is what processes that have nothing to do with it took from the server's core.
    """

    began: float
    ended: float
    server_cpu: float
    master_cpu: float
    generator_cpu: float
    redis_cpu: float
    others_cpu: float

    @property
    def seconds(self) -> float:
        """Return its length."""
        return self.ended - self.began

    @property
    def others_share(self) -> float:
        """Return the share of the server's core that strangers took."""
        return max(0.0, self.others_cpu) / self.seconds

    def sample(self) -> Sample:
        """Return how busy each side was, as shares of one core."""
        return {
            "busy": self.server_cpu / self.seconds,
            "master_busy": self.master_cpu / self.seconds,
            "generator_busy": self.generator_cpu / self.seconds,
            "redis_busy": self.redis_cpu / self.seconds,
            "others_busy": self.others_share,
        }


def watch(bench: Bench, server: Server, work: Callable[[], object]) -> Window:
    """Do ``work`` and say what it cost."""

    def clocks() -> tuple[float, ...]:
        worker = processes.cpu_seconds(server.worker)
        master = processes.cpu_seconds(server.master) if server.master != server.worker else 0.0
        generator = time.process_time() + processes.cpu_seconds(bench.model.pid)
        redis = processes.cpu_seconds(server.redis) if server.redis else 0.0
        measured = 0.0 if server.contender is DIRECT else worker + master
        return worker, master, generator, redis, processes.core_seconds(server_core()) - measured

    began, before = time.monotonic(), clocks()
    work()
    after, ended = clocks(), time.monotonic()
    return Window(began, ended, *(late - early for early, late in zip(before, after, strict=True)))


# --------------------------------------------------------------------------------------------------------------- burst


def burst(bench: Bench, server: Server) -> Sample:
    """Pour long answers through a few streams, one after the other, and count tokens per second of the server's CPU."""
    plan = Plan(bench.lengths.answer_tokens)
    contender = server.contender
    checked: list[bytes] = [b""]
    answers = 0

    def ended(stream: Stream) -> None:
        nonlocal answers
        raw = stream.raw
        if raw != checked[0]:  # a proxy's answers are all alike
            check_whole(raw, contender.dialect, plan)
            checked[0] = raw
        answers += 1
        if time.monotonic() < end:
            load.ask([contender.stream(plan)])

    with Load(server.port) as load, without_collections():
        load.on_end = ended
        end = time.monotonic() + bench.lengths.burst_s

        def pour() -> None:
            load.ask(contender.stream(plan) for _ in range(BURST_STREAMS))
            load.run(until=lambda: not load.open)

        window = watch(bench, server, pour)
    tokens = answers * plan.tokens
    return {
        "tokens_per_cpu_s": tokens / window.server_cpu,
        "cpu_us_per_token": window.server_cpu / tokens * 1e6,
        "tokens": tokens,
        **window.sample(),
    }


# --------------------------------------------------------------------------------------------------------------- paced


def paced(bench: Bench, server: Server) -> Sample:
    """Read 40 answers at 50 tokens a second; what one token costs the server, and how late it comes."""
    seconds = bench.lengths.paced_s
    plan = Plan(int(RATE * (seconds + bench.lengths.margin_s)), RATE)
    streams = [server.contender.stream(plan) for _ in range(PACED_STREAMS)]
    with Load(server.port) as load, without_collections():
        load.ask(streams)
        load.run_until_answering(streams)
        bench.model.go()
        load.run(seconds=bench.lengths.settle_s)
        window = watch(bench, server, lambda: load.run(seconds=seconds))
        if len(load.open) < len(streams):
            raise Refused("an answer ended before the measured window did")
        load.run(until=lambda: not load.open)
    for stream in streams:
        check_whole(stream.raw, server.contender.dialect, plan)
    return _of_window(server, window, _delays(streams, window, plan.tokens))


def _delays(streams: list[Stream], window: Window, tokens: int | None = None) -> list[float]:
    """Return how late each token of the window came; raise Missing when a stream does not show all its ``tokens``."""
    delays = []
    for stream in streams:
        came = arrivals(stream.times, stream.pieces, stream.dialect)
        if tokens is not None and len(came) != tokens:
            raise Missing(f"{len(came)} of {tokens} tokens with their times")
        delays += [delay for at, delay in came if window.began <= at < window.ended]
    return delays


def _of_window(server: Server, window: Window, delays: list[float]) -> Sample:
    if not delays:
        raise Refused(f"no token came for {window.seconds:.1f} s")
    late = {"p50_ms": percentile(delays, 50) * 1e3, "p99_ms": percentile(delays, 99) * 1e3, "tokens": float(len(delays))}
    if server.contender is DIRECT:
        return late
    return {"cpu_us_per_token": window.server_cpu / len(delays) * 1e6, **late, **window.sample()}


# ------------------------------------------------------------------------------------------------------------- streams


def streams_per_core(bench: Bench, server: Server) -> Sample:
    """Find how many paced streams a server carries while 99 of 100 tokens come within the bound, to 5 %."""
    good, bad, count = 0, 0, bench.carried.get(server.contender.key, _FIRST_PROBE)
    best: Sample = {}
    for _ in range(_PROBES):
        sample = probe(bench, server, count)
        if sample["p99_ms"] < BOUND_S * 1e3:
            good, best = count, sample
        else:
            bad = count
        if good >= MOST_STREAMS or (bad and bad <= max(good * _NEAR_ENOUGH, good + 1)):
            break
        count = next_count(good, bad, best.get("busy", 1.0))
    bench.carried[server.contender.key] = good or _FIRST_PROBE
    if not good:
        raise Refused(f"not even {bad} streams were within the bound")
    return {**best, "streams": good}


def next_count(good: int, bad: int, busy: float) -> int:
    """Return the next number to try: between what went well and what did not, or towards a core that is busy."""
    if not bad:
        return min(MOST_STREAMS, max(int(good * min(0.95 / busy, 4.0)), int(good * 1.1) + 1))
    if not good:
        return max(1, int(bad * 0.85))
    return max(good + 1, min(bad - 1, (good + bad) // 2))


def probe(bench: Bench, server: Server, count: int) -> Sample:
    """Read ``count`` paced streams for a while; twice when it was too slow by little or while disturbed, and the better of both."""
    sample = _probe(bench, server, count)
    slow = sample["p99_ms"] / (BOUND_S * 1e3)
    if 1 <= slow < _HOPELESS or (slow >= 1 and sample["others_busy"] > QUIET):
        sample = min(sample, _probe(bench, server, count), key=lambda one: one["p99_ms"])
    return sample


def _probe(bench: Bench, server: Server, count: int) -> Sample:
    """Read ``count`` paced streams; a server that cannot even open them is infinitely late."""
    try:
        sample = _paced_for_a_while(bench, server, count)
    except Refused as reason:
        print(f"  {server.contender.key} with {count} streams: {reason}", flush=True)
        sample = {"p99_ms": math.inf, "others_busy": 1.0}
    if left := bench.model.left_open(RECOVERY_S):
        print(
            f"  {server.contender.key} has {left} of {count} answers open {RECOVERY_S:.0f} s after their clients left", flush=True
        )
    time.sleep(bench.lengths.settle_s)
    return sample


def _paced_for_a_while(bench: Bench, server: Server, count: int) -> Sample:
    plan = Plan(100_000, RATE)
    streams = [server.contender.stream(plan) for _ in range(count)]
    with Load(server.port) as load, without_collections():
        load.ask(streams)
        load.run_until_answering(streams)
        bench.model.go()
        load.run(seconds=bench.lengths.settle_s)
        window = watch(bench, server, lambda: load.run(seconds=bench.lengths.probe_s))
    for stream in streams:
        check_so_far(stream.raw, stream.dialect)
    return _of_window(server, window, _delays(streams, window))


# ---------------------------------------------------------------------------------------------------------------- idle


def idle(bench: Bench, server: Server) -> Sample:
    """Hold 3,000 silent streams: what each keeps in memory, and what each heartbeat costs."""
    with Load(server.port) as load, without_collections():
        streams, held = _held(bench, server, load, bench.lengths.idle_streams)
        window = _quietest(lambda: watch(bench, server, lambda: load.run(seconds=bench.lengths.idle_s)))
    beats = sum(_beats(stream, window) for stream in streams)
    share = beats / (len(streams) * window.seconds / HEARTBEAT_S)
    if share < _FEWEST_BEATS:
        raise Missing(f"{beats} heartbeats of {len(streams)} streams in {window.seconds:.1f} s")
    return {
        **held,
        "cpu_us_per_heartbeat": window.server_cpu / beats * 1e6,
        "heartbeats": beats,
        "share": share,
        **window.sample(),
    }


def idle_many(bench: Bench, server: Server) -> Sample:
    """Hold 5,000 silent streams: what each keeps in memory."""
    with Load(server.port) as load, without_collections():
        return _held(bench, server, load, bench.lengths.many_idle_streams)[1]


def _held(bench: Bench, server: Server, load: Load, count: int) -> tuple[list[Stream], Sample]:
    """Open streams that stay silent and return them with what they added to a warm server's memory."""
    plan = Plan(1, wait=True)
    _warm(load, server, plan)
    time.sleep(bench.lengths.quiet_s)
    before = processes.memory(server.worker)
    streams = [server.contender.stream(plan) for _ in range(count)]
    load.ask(streams)
    load.run_until_answering(streams)
    load.run(seconds=bench.lengths.quiet_s)
    after = processes.memory(server.worker)
    return streams, {
        "rss_kib_per_stream": (after.rss - before.rss) / 1024 / count,
        "pss_kib_per_stream": (after.pss - before.pss) / 1024 / count,
        "rss_mib": after.rss / 2**20,
    }


def _quietest(watched: Callable[[], Window]) -> Window:
    """Return the first window in which others left the server's core alone, or the least disturbed one of all tries."""
    windows = [watched()]
    while windows[-1].others_share > QUIET and len(windows) < _TRIES:
        windows.append(watched())
    return min(windows, key=lambda window: window.others_share)


def _beats(stream: Stream, window: Window) -> int:
    """Return how many comments came within a window: heartbeats, whatever they say."""
    pieces = zip(stream.times, stream.pieces, strict=True)
    return sum(piece.count(b"\n: ") for at, piece in pieces if window.began <= at < window.ended)


def _warm(load: Load, server: Server, plan: Plan) -> None:
    """Open and close some streams, so that what a server builds once is not counted per stream."""
    streams = [server.contender.stream(plan) for _ in range(20)]
    load.ask(streams)
    load.run_until_answering(streams)
    load.close(streams)


# --------------------------------------------------------------------------------------------------- first, disconnect


def first_event(bench: Bench, server: Server) -> Sample:
    """Ask one at a time, then a hundred at once: how long until the first event and the first token are there."""
    alone: list[Stream] = []
    together: list[Stream] = []

    def ask() -> None:
        alone.extend(stream for _ in range(SEQUENTIAL) for stream in _answered(server, 1))
        together.extend(stream for _ in range(AT_ONCE_TIMES) for stream in _answered(server, AT_ONCE))

    with without_collections():
        window = watch(bench, server, ask)
    return {
        "event_1_p50_ms": percentile([stream.event_at - stream.asked_at for stream in alone], 50) * 1e3,
        "token_1_p50_ms": percentile([stream.token_at - stream.asked_at for stream in alone], 50) * 1e3,
        "event_100_p99_ms": percentile([stream.event_at - stream.asked_at for stream in together], 99) * 1e3,
        "token_100_p99_ms": percentile([stream.token_at - stream.asked_at for stream in together], 99) * 1e3,
        **window.sample(),
    }


def _answered(server: Server, count: int) -> list[Stream]:
    plan = Plan(1)
    streams = [server.contender.stream(plan) for _ in range(count)]
    with Load(server.port) as load:
        load.ask_at_once(streams)
        load.run(until=lambda: not load.open)
    for stream in streams:
        check_whole(stream.raw, server.contender.dialect, plan)
    return streams


def disconnect(bench: Bench, server: Server) -> Sample:
    """Leave streams one after the other: how long until the model's connection is closed, while it is silent and while it talks."""
    silent = _left(bench, server, bench.lengths.leaving, Plan(1, wait=True))
    batch = min(TALKING, bench.lengths.leaving)
    talking = [delay for _ in range(bench.lengths.leaving // batch) for delay in _left(bench, server, batch, Plan(100_000, RATE))]
    return {
        "p50_ms": percentile(silent, 50) * 1e3,
        "p99_ms": percentile(silent, 99) * 1e3,
        "talking_p50_ms": percentile(talking, 50) * 1e3,
        "talking_p99_ms": percentile(talking, 99) * 1e3,
    }


def _left(bench: Bench, server: Server, count: int, plan: Plan) -> list[float]:
    """Open streams, leave each of them, and return the seconds that each took to reach the model."""
    plans = [replace(plan, name=f"leaving-{next(_names)}") for _ in range(count)]
    streams = [server.contender.stream(plan) for plan in plans]
    with Load(server.port) as load, without_collections():
        load.ask(streams)
        load.run_until_answering(streams)
        bench.model.go()
        load.run(seconds=bench.lengths.settle_s)
        for stream in streams:
            load.close([stream])
            load.run(seconds=0.02)
    closed = _closings(bench.model, {plan.name for plan in plans})
    return [closed[plan.name] - stream.closed_at for plan, stream in zip(plans, streams, strict=True)]


def _closings(model: Upstream, names: set[str], seconds: float = 30.0) -> dict[str, float]:
    end = time.monotonic() + seconds
    while not names <= (closed := model.closed()).keys():
        if time.monotonic() > end:
            raise Missing(f"{len(names - closed.keys())} of {len(names)} connections to the model were never closed")
        time.sleep(0.1)
    return closed


SERVED = (JACIE, JACIE_REDIS, PEER)
ALL = (
    Measurement("burst", "tokens per CPU-second, poured", burst, (*SERVED, PROXY), tries=_TRIES),
    Measurement("paced", "40 streams at 50 tokens a second", paced, (*SERVED, PROXY, DIRECT), tries=_TRIES),
    Measurement("streams", "streams per core", streams_per_core, (*SERVED, PROXY), most_rounds=2),
    Measurement("first", "time to the first event", first_event, SERVED, tries=_TRIES),
    Measurement("disconnect", "client gone to upstream closed", disconnect, SERVED, most_rounds=3),
    Measurement("idle", "3,000 idle streams", idle, SERVED, heartbeat_s=HEARTBEAT_S, fresh=True, most_rounds=2),
    Measurement("idle_many", "5,000 idle streams", idle_many, (JACIE, JACIE_REDIS), fresh=True, most_rounds=1),
)
