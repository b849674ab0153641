"""Workers in Redis: their leases, what they tell each other, and what they count together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jacie_flask.runs import redis_scripts
from jacie_flask.runs.redis_connection import ANSWER_S, connect, text, translated
from jacie_flask.runs.redis_rows import RecordDamaged

BLOCK_S = 1.0
_INBOX_LENGTH = 1000
_INBOX_S = 60


class RedisWorkers:
    """The keys of the workers of one collection of runs, seen by one of them; a run is kept ``ttl_s`` seconds while it goes on."""

    def __init__(self, url: str, worker: str, *, ttl_s: float, prefix: str) -> None:
        self._prefix = prefix
        self.worker = worker
        self._ttl_s = max(1, round(ttl_s))
        self._redis = connect(url)
        self._blocking = connect(url, BLOCK_S + ANSWER_S)
        self._occupy = self._redis.register_script(redis_scripts.OCCUPY)

    def recorded(self) -> set[str]:
        """Return the runs that are recorded as being worked on by this worker."""
        key = self._key("runs", self.worker)
        return set(map(text, self._mended(lambda: self._redis.smembers(key), {key: "set"})))

    def server(self) -> str:
        """Return what tells this Redis from one that was started later or took its place."""
        with translated():
            return str(self._redis.info("server")["run_id"])

    def beat(self, state: str, lease_ms: int) -> tuple[int, dict[str, str]]:
        """Renew this worker's lease; return how many runs are recorded as its own, and the other workers: "" is a dead one."""
        kinds = {self._key("workers"): "set", self._key("runs", self.worker): "set"}
        mine, members = self._mended(lambda: self._renew(state, lease_ms), kinds)
        others = sorted({text(name) for name in members} - {self.worker})
        with translated():
            states: Any = self._redis.mget([self._key("worker", name) for name in others]) if others else []
        return mine, {name: text(state or b"") for name, state in zip(others, states, strict=True)}

    def _renew(self, state: str, lease_ms: int) -> tuple[int, list[bytes]]:
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(self._key("worker", self.worker), state, px=lease_ms)
            pipe.sadd(self._key("workers"), self.worker)
            pipe.expire(self._key("inbox", self.worker), _INBOX_S)
            pipe.expire(self._key("runs", self.worker), self._ttl_s)
            pipe.scard(self._key("runs", self.worker))
            pipe.smembers(self._key("workers"))
            *_, mine, members = pipe.execute()
            return mine, list(members)

    def runs_of(self, worker: str, lock_ms: int) -> list[str] | None:
        """Return the runs of a dead worker, or None while another worker sees to them."""
        with translated():
            if not self._redis.set(self._key("rescue", worker), self.worker, nx=True, px=lock_ms):
                return None
        key = self._key("runs", worker)
        return sorted(map(text, self._mended(lambda: self._redis.smembers(key), {key: "set"})))

    def bury(self, worker: str) -> None:
        """Forget a worker."""
        workers = self._key("workers")
        self._mended(lambda: self._redis.srem(workers, worker), {workers: "set"})
        with translated():
            self._redis.delete(*(self._key(kind, worker) for kind in ("worker", "runs", "inbox", "rescue")))

    def leave(self) -> None:
        """Give up the lease at once: what this worker has not finished is free."""
        with translated():
            self._redis.delete(self._key("worker", self.worker))

    def tell(self, worker: str, kind: str, run_ids: Sequence[str]) -> None:
        """Send a worker a word about runs."""
        inbox = self._key("inbox", worker)
        self._mended(lambda: self._put(inbox, {kind: " ".join(run_ids)}), {inbox: "stream"})

    def _put(self, inbox: str, word: dict[Any, Any]) -> None:
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.xadd(inbox, word, maxlen=_INBOX_LENGTH, approximate=True)
            pipe.expire(inbox, _INBOX_S)  # its reader may be gone for good
            pipe.execute()

    def count(self, name: str, amount: int, keep_s: int) -> int:
        """Add to a count that is kept ``keep_s`` seconds, and return what it is."""
        key = self._key("count", name)
        return int(self._mended(lambda: self._add(key, amount, keep_s), {key: ""}))

    def _add(self, key: str, amount: int, keep_s: int) -> int:
        if not amount:
            found: Any = self._redis.get(key)
            return int(found or 0)
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.incrby(key, amount)
            pipe.expire(key, keep_s)
            return int(pipe.execute()[0])

    def occupy(self, caller: str, more: int, most: int, truly: int | None) -> bool:
        """Have ``more`` runs of a caller, or ``truly`` so many, unless all living workers then had more than ``most`` (0: any)."""
        told: list[Any] = [self.worker, more, most, "" if truly is None else truly, self._ttl_s, self._key("worker", "")]
        with translated():
            return bool(self._occupy([self._key("places", caller)], told))

    def close(self) -> None:
        """Close all connections."""
        self._redis.close()
        self._blocking.close()

    def _mended(self, exchange: Callable[[], Any], kinds: Mapping[str, str]) -> Any:
        """Make an exchange; where it meets a value that is not of its key's kind remove that, and make it once more."""
        try:
            with translated():
                return exchange()
        except RecordDamaged:
            self._remove_unlike(kinds)
            with translated():
                return exchange()

    def _remove_unlike(self, kinds: Mapping[str, str]) -> None:
        """Remove the values whose kind is not their key's, such as "hash"; none is the kind of any value that is removed anyway."""
        with translated():
            for key, kind in kinds.items():
                if text(self._redis.type(key)) != kind:
                    self._redis.delete(key)

    def _key(self, kind: str, name: str | None = None) -> str:
        return f"{self._prefix}:{kind}" if name is None else f"{self._prefix}:{kind}:{name}"
