"""Redis as the place of shared runs: one exchange a method, and the only home of its SDK.

Keys, all below a prefix: ``run:ID`` (hash: info, owner, finished, updated, cancel), ``log:ID`` (stream), ``key:DIGEST`` (string:
fingerprint and run), ``count:NAME`` (number), ``places:CALLER`` (hash: worker, how many runs it works on for the caller), ``worker:W`` (string with a lease: serving or leaving), ``workers`` (set), ``runs:W`` (set of the runs that
W works on) and ``inbox:W`` (stream of what W is told). A stream's ids are the events' own, ``attempt-offset``: Redis itself
refuses the entry of a worker that has been replaced.
"""

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from jacie_flask.errors import Conflict
from jacie_flask.interfaces import Claim, Entry, RunInfo
from jacie_flask.runs import redis_scripts
from jacie_flask.runs.reader import Position
from jacie_flask.runs.redis_rows import Facts, News, Row, StoreDown, Write, encode, entries_of, id_of

_CONNECT_S = 0.5
_ANSWER_S = 1.0
_BLOCK_S = 1.0
_INBOX_LENGTH = 1000
_INBOX_S = 60


class RedisStore:
    """The keys of one collection of runs; a running one is kept ``ttl_s`` seconds, a finished one ``keep_s``."""

    def __init__(self, url: str, worker: str, *, ttl_s: float, keep_s: float, prefix: str = "jacie") -> None:
        self._prefix = prefix
        self.worker = worker
        self._ttl_s = max(1, round(ttl_s))
        self._keep_s = max(1, round(keep_s))
        patience: dict[str, Any] = {"socket_connect_timeout": _CONNECT_S, "retry": Retry(NoBackoff(), 0)}
        self._redis = redis.Redis.from_url(url, socket_timeout=_ANSWER_S, **patience)
        self._blocking = redis.Redis.from_url(url, socket_timeout=_BLOCK_S + _ANSWER_S, **patience)
        self._create = self._redis.register_script(redis_scripts.CREATE)
        self._rewrite = self._redis.register_script(redis_scripts.REWRITE)
        self._adopt = self._redis.register_script(redis_scripts.ADOPT)
        self._cancel = self._redis.register_script(redis_scripts.CANCEL)
        self._occupy = self._redis.register_script(redis_scripts.OCCUPY)

    def create(self, info: RunInfo, claim: Claim | None) -> str:
        """Record a new run of this worker and return its id, or the id that the claim stands for; raise Conflict."""
        keys = [self._key("run", info.run_id), self._key("runs", self.worker)]
        print_of = ""
        if claim:
            keys.append(self._key("key", claim.key))
            print_of = claim.fingerprint
        told: list[Any] = [msgspec.json.encode(info), self.worker, info.run_id, self._ttl_s, print_of, self._key("run", "")]
        with _translated():
            outcome, run_id = self._create(keys, told)
        if outcome == b"conflict":
            raise Conflict("the idempotency key was used with another body")
        return str(run_id.decode())

    def write(self, writes: Sequence[Write]) -> list[str]:
        """Append to many runs in one exchange; say of each: written, missing (its stream is gone) or refused (out of order)."""
        with _translated(), self._redis.pipeline(transaction=False) as pipe:
            places = []
            for one in writes:
                places.append(len(pipe))
                last, stream = one.entries[-1], self._key("log", one.info.run_id)
                place = id_of((last.attempt, last.offset))
                pipe.xadd(stream, {"e": encode(one.entries)}, id=place, nomkstream=not one.first)
                if one.first:
                    pipe.expire(stream, self._ttl_s)
            replies = pipe.execute(raise_on_error=False)
            outcomes = [_outcome(replies[at]) for at in places]
            for one, outcome in zip(writes, outcomes, strict=True):
                if one.info.finished and outcome == "written":  # what was refused is not this worker's to end
                    self._end(pipe, one.info)
            pipe.execute()
        return outcomes

    def rewrite(self, info: RunInfo, entries: Sequence[Entry], claim: Claim | None) -> bool:
        """Record a whole run anew, in place of what is there; False when it is another worker's by now."""
        run_id = info.run_id
        keys = [self._key("run", run_id), self._key("log", run_id), self._key("runs", self.worker)]
        if claim:
            keys.append(self._key("key", claim.key))
        told: list[Any] = [
            msgspec.json.encode(info),
            self.worker,
            run_id,
            self._keep_s if info.finished else self._ttl_s,
            id_of((entries[-1].attempt, entries[-1].offset)) if entries else "",
            encode(entries),
            str(info.updated_at) if info.finished else "",
            claim.fingerprint if claim else "",
        ]
        with _translated():
            return bool(self._rewrite(keys, told))

    def adopt(self, info: RunInfo, entry: Entry, last: Position | None) -> bool:
        """Continue a run whose log ends with ``last``, as its new worker; False when it goes on otherwise by now."""
        keys = [self._key("log", info.run_id), self._key("run", info.run_id), self._key("runs", self.worker)]
        finished = str(info.updated_at) if entry.terminal else ""
        keep_s = self._keep_s if entry.terminal else self._ttl_s
        told: list[Any] = [
            id_of(last) if last else "",
            id_of((entry.attempt, entry.offset)),
            encode([entry]),
            self.worker,
            info.run_id,
            keep_s,
        ]
        with _translated():
            return bool(self._adopt(keys, [*told, finished]))

    def fetch(self, run_id: str) -> Row | None:
        """Return all of a run, or None where there is none, or where its end is recorded and its entries are gone."""
        with _translated(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(self._key("run", run_id))
            pipe.xrange(self._key("log", run_id))
            known, items = pipe.execute()
        with _translated():
            entries = entries_of(items)
        ended = bool(entries) and entries[-1].terminal
        if b"info" not in known or (b"finished" in known and not ended):
            return None
        info = msgspec.json.decode(known[b"info"], type=RunInfo)
        info = msgspec.structs.replace(
            info,
            finished=ended,
            cancel_requested=b"cancel" in known,
            updated_at=float(known.get(b"updated", time.time() if ended else info.updated_at)),
        )
        return Row(info, known.get(b"owner", b"").decode(), entries)

    def request_cancel(self, run_id: str) -> str:
        """Note the wish on the run and return its worker, "" where there is no such run."""
        with _translated():
            return str((self._cancel([self._key("run", run_id)]) or b"").decode())

    def owners(self, run_ids: Sequence[str]) -> dict[str, str]:
        """Return the worker of each run that can still be read; of one that has ended its entries must be there as well."""
        with _translated(), self._redis.pipeline(transaction=False) as pipe:
            for run_id in run_ids:
                pipe.hmget(self._key("run", run_id), "owner", "finished")
                pipe.exists(self._key("log", run_id))
            replies = pipe.execute()
        known = zip(run_ids, replies[::2], replies[1::2], strict=True)
        return {run_id: owner.decode() for run_id, (owner, ended), there in known if owner and (there or not ended)}

    def claimed(self, claim: Claim) -> str:
        """Return the run that the claim stands for, or ""; raise Conflict."""
        with _translated():
            held: Any = self._redis.get(self._key("key", claim.key)) or b""
            fingerprint, _, run_id = held.decode().partition(" ")
            if not run_id or not self._redis.exists(self._key("run", run_id)):
                return ""
        if fingerprint != claim.fingerprint:
            raise Conflict("the idempotency key was used with another body")
        return str(run_id)

    def count(self, name: str, amount: int, keep_s: int) -> int:
        """Add to a count that is kept ``keep_s`` seconds, and return what it is."""
        key = self._key("count", name)
        with _translated():
            if not amount:
                return int(self._redis.get(key) or 0)
            with self._redis.pipeline(transaction=True) as pipe:
                pipe.incrby(key, amount)
                pipe.expire(key, keep_s)
                return int(pipe.execute()[0])

    def occupy(self, caller: str, more: int, most: int, truly: int | None) -> bool:
        """Have ``more`` runs of a caller, or ``truly`` so many, unless all living workers then had more than ``most`` (0: any)."""
        told: list[Any] = [self.worker, more, most, "" if truly is None else truly, self._ttl_s, self._key("worker", "")]
        with _translated():
            return bool(self._occupy([self._key("places", caller)], told))

    def recorded(self) -> set[str]:
        """Return the runs that are recorded as being worked on by this worker."""
        with _translated():
            return {name.decode() for name in self._redis.smembers(self._key("runs", self.worker))}  # type: ignore[union-attr]

    def server(self) -> str:
        """Return what tells this Redis from one that was started later or took its place."""
        with _translated():
            return str(self._redis.info("server")["run_id"])

    # -------------------------------------------------------------------------------------------------------- workers

    def beat(self, state: str, lease_ms: int) -> tuple[int, dict[str, str]]:
        """Renew this worker's lease; return how many runs are recorded as its own, and the other workers: "" is a dead one."""
        with _translated(), self._redis.pipeline(transaction=True) as pipe:
            pipe.set(self._key("worker", self.worker), state, px=lease_ms)
            pipe.sadd(self._key("workers"), self.worker)
            pipe.expire(self._key("inbox", self.worker), _INBOX_S)
            pipe.expire(self._key("runs", self.worker), self._ttl_s)
            pipe.scard(self._key("runs", self.worker))
            pipe.smembers(self._key("workers"))
            *_, mine, members = pipe.execute()
            others = sorted(name.decode() for name in members if name.decode() != self.worker)
            states: Any = self._redis.mget([self._key("worker", name) for name in others]) if others else []
        return mine, {name: (state or b"").decode() for name, state in zip(others, states, strict=True)}

    def runs_of(self, worker: str, lock_ms: int) -> list[str] | None:
        """Return the runs of a dead worker, or None while another worker sees to them."""
        with _translated():
            if not self._redis.set(self._key("rescue", worker), self.worker, nx=True, px=lock_ms):
                return None
            return sorted(name.decode() for name in self._redis.smembers(self._key("runs", worker)))  # type: ignore[union-attr]

    def bury(self, worker: str) -> None:
        """Forget a worker."""
        with _translated():
            self._redis.srem(self._key("workers"), worker)
            self._redis.delete(*(self._key(kind, worker) for kind in ("worker", "runs", "inbox", "rescue")))

    def leave(self) -> None:
        """Give up the lease at once: what this worker has not finished is free."""
        with _translated():
            self._redis.delete(self._key("worker", self.worker))

    def tell(self, worker: str, kind: str, run_ids: Sequence[str]) -> None:
        """Send a worker a word about runs."""
        inbox = self._key("inbox", worker)
        with _translated(), self._redis.pipeline(transaction=False) as pipe:
            pipe.xadd(inbox, {kind: " ".join(run_ids)}, maxlen=_INBOX_LENGTH, approximate=True)
            pipe.expire(inbox, _INBOX_S)  # its reader may be gone for good
            pipe.execute()

    def listen(self, positions: Mapping[str, Position], inbox: str) -> News:
        """Wait up to a second for news of the followed runs and for words to this worker, all on one connection."""
        mine = self._key("inbox", self.worker)
        streams: dict[Any, Any] = {mine: inbox, **{self._key("log", run_id): id_of(at) for run_id, at in positions.items()}}
        with _translated():
            replies: Any = self._blocking.xread(streams, block=round(_BLOCK_S * 1000))
        words: list[tuple[str, str]] = []
        news: dict[str, list[Entry]] = {}
        for key, items in replies:
            if key.decode() == mine:
                inbox = items[-1][0].decode()
                words += [(kind.decode(), told.decode()) for _, fields in items for kind, told in fields.items()]
            else:
                with _translated():
                    news[key.decode().rpartition(":")[2]] = entries_of(items)
        return News(inbox, words, news)

    def close(self) -> None:
        """Close all connections."""
        self._redis.close()
        self._blocking.close()

    def _end(self, pipe: Any, info: RunInfo) -> None:
        run = self._key("run", info.run_id)
        pipe.hset(run, mapping={"finished": "1", "updated": str(info.updated_at)})
        pipe.expire(run, self._keep_s)
        pipe.expire(self._key("log", info.run_id), self._keep_s)
        pipe.srem(self._key("runs", self.worker), info.run_id)

    def _key(self, kind: str, name: str | None = None) -> str:
        return f"{self._prefix}:{kind}" if name is None else f"{self._prefix}:{kind}:{name}"


def redis_facts(url: str) -> Facts:
    """Ask a Redis what it is, having done in it what runs need (a script, a stream); raise StoreDown."""
    client = redis.Redis.from_url(url, socket_connect_timeout=_ANSWER_S, socket_timeout=_ANSWER_S, retry=Retry(NoBackoff(), 0))
    probe = f"jacie:doctor:{secrets.token_hex(8)}"
    with _translated(), client:
        client.eval("return redis.call('XADD', KEYS[1], '1-1', 'e', 'x')", 1, probe)
        client.delete(probe)
        told: dict[str, Any] = client.info()
        seconds, micros = client.time()
    return Facts(
        version=str(told["redis_version"]),
        policy=str(told.get("maxmemory_policy", "unknown")),
        used_bytes=int(told.get("used_memory", 0)),
        most_bytes=int(told.get("maxmemory", 0)),
        cluster=bool(told.get("cluster_enabled")),
        clock_s=seconds + micros / 1e6,
    )


def _outcome(reply: Any) -> str:
    """Say what became of an XADD: no stream is ``missing``, an id behind its last one is ``refused``."""
    if isinstance(reply, redis.ResponseError) and "equal or smaller" in str(reply):
        return "refused"
    if isinstance(reply, Exception):
        raise reply
    return "missing" if reply is None else "written"


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError, msgspec.DecodeError) as error:
        raise StoreDown(f"redis: {type(error).__name__}: {error}") from error
