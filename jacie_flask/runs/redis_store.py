"""Redis as the place of shared runs: one exchange a method, each of which may raise StoreDown or RecordDamaged.

Keys, all below a prefix: ``run:ID`` (hash: info, owner, finished, updated, cancel), ``log:ID`` (stream), ``key:DIGEST`` (string:
fingerprint and run), ``count:NAME`` (number), ``places:CALLER`` (hash: worker, how many runs it works on for the caller), ``worker:W`` (string with a lease: serving or leaving), ``workers`` (set), ``runs:W`` (set of the runs that
W works on) and ``inbox:W`` (stream of what W is told). A stream's ids are the events' own, ``attempt-offset``: Redis itself
refuses the entry of a worker that has been replaced.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from jacie_flask.errors import Conflict
from jacie_flask.interfaces import Claim, Entry, RunInfo
from jacie_flask.runs import redis_scripts
from jacie_flask.runs.reader import Position
from jacie_flask.runs.redis_connection import damage, outcome, text, translated
from jacie_flask.runs.redis_rows import News, RecordDamaged, Row, Write, encode, entries_of, id_of
from jacie_flask.runs.redis_workers import BLOCK_S, RedisWorkers


class RedisStore(RedisWorkers):
    """The keys of one collection of runs; a running one is kept ``ttl_s`` seconds, a finished one ``keep_s``."""

    def __init__(self, url: str, worker: str, *, ttl_s: float, keep_s: float, prefix: str = "jacie") -> None:
        super().__init__(url, worker, ttl_s=ttl_s, prefix=prefix)
        self._keep_s = max(1, round(keep_s))
        self._create = self._redis.register_script(redis_scripts.CREATE)
        self._rewrite = self._redis.register_script(redis_scripts.REWRITE)
        self._adopt = self._redis.register_script(redis_scripts.ADOPT)
        self._cancel = self._redis.register_script(redis_scripts.CANCEL)

    def create(self, info: RunInfo, claim: Claim | None) -> str:
        """Record a new run of this worker and return its id, or the id that the claim stands for; raise Conflict."""
        keys = [self._key("run", info.run_id), self._key("runs", self.worker)]
        print_of = ""
        if claim:
            keys.append(self._key("key", claim.key))
            print_of = claim.fingerprint
        told: list[Any] = [msgspec.json.encode(info), self.worker, info.run_id, self._ttl_s, print_of, self._key("run", "")]
        kinds = dict(zip(keys, ("hash", "set"), strict=False))
        answer, run_id = self._mended(lambda: self._create(keys, told), kinds)
        if answer == b"conflict":
            raise Conflict("the idempotency key was used with another body")
        return str(run_id.decode())

    def write(self, writes: Sequence[Write]) -> list[str]:
        """Append to many runs in one exchange; say of each: written, missing (no stream), refused (out of order) or damaged."""
        with translated(), self._redis.pipeline(transaction=False) as pipe:
            places = []
            for one in writes:
                places.append(len(pipe))
                last, stream = one.entries[-1], self._key("log", one.info.run_id)
                place = id_of((last.attempt, last.offset))
                pipe.xadd(stream, {"e": encode(one.entries)}, id=place, nomkstream=not one.first)
                if one.first:
                    pipe.expire(stream, self._ttl_s)
            replies = pipe.execute(raise_on_error=False)
            outcomes = [outcome(replies[place]) for place in places]
            ended = [n for n, one in enumerate(writes) if one.info.finished and outcomes[n] == "written"]
            for number in ended:  # what was refused is not this worker's to end
                self._end(pipe, writes[number].info)
            replies = pipe.execute(raise_on_error=False)
            each = len(replies) // max(1, len(ended))
            for nth, number in enumerate(ended):
                for error in replies[nth * each : (nth + 1) * each]:
                    if isinstance(error, Exception):
                        outcomes[number] = damage(error)
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
        kinds = dict(zip(keys, ("hash", "stream", "set"), strict=False))
        return bool(self._mended(lambda: self._rewrite(keys, told), kinds))

    def end(self, info: RunInfo, entries: Sequence[Entry], written: int, claim: Claim | None) -> bool:
        """Record the end of a run of which so many entries are written; False when it is another worker's by now."""
        if self.write([Write(info, entries[written:], written == 0)]) == ["written"]:
            return True
        return self.rewrite(info, entries, claim)

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
        told += [finished, msgspec.json.encode(info), self._key("worker", "")]
        with translated():
            return bool(self._adopt(keys, told))

    def fetch(self, run_id: str) -> Row | None:
        """Return all of a run, or None where there is none, or where its end is recorded and its entries are gone."""
        with translated(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(self._key("run", run_id))
            pipe.xrange(self._key("log", run_id))
            pipe.pttl(self._key("run", run_id))
            known, items, left_ms = pipe.execute()
        with translated():
            return self._row(run_id, known, entries_of(items), left_ms)

    def _row(self, run_id: str, known: dict[bytes, bytes], entries: list[Entry], left_ms: int) -> Row | None:
        ended = bool(entries) and entries[-1].terminal
        if b"info" not in known or (b"finished" in known and not ended):
            return None
        info = msgspec.json.decode(known[b"info"], type=RunInfo)
        if info.run_id != run_id:
            raise RecordDamaged(f"the record of run {run_id} is another one's")
        info = msgspec.structs.replace(
            info,
            finished=ended,
            cancel_requested=b"cancel" in known,
            updated_at=float(known.get(b"updated", time.time() if ended else info.updated_at)),
        )
        ended_s = max(0.0, self._keep_s - left_ms / 1000) if ended and left_ms >= 0 else 0.0
        return Row(info, text(known.get(b"owner", b"")), entries, ended_s)

    def request_cancel(self, run_id: str) -> str:
        """Note the wish on the run and return its worker, "" where there is no such run."""
        with translated():
            return text(self._cancel([self._key("run", run_id)]) or b"")

    def owners(self, run_ids: Sequence[str]) -> dict[str, str]:
        """Return the worker of each run that can still be read; of one that has ended its entries must be there as well."""
        with translated(), self._redis.pipeline(transaction=False) as pipe:
            for run_id in run_ids:
                pipe.hmget(self._key("run", run_id), "owner", "finished")
                pipe.exists(self._key("log", run_id))
            replies = pipe.execute(raise_on_error=False)
        found = {}
        for run_id, known, there in zip(run_ids, replies[::2], replies[1::2], strict=True):
            if isinstance(known, Exception):
                damage(known)  # the run has no owner that could be read; raises where it is something else
            elif known[0] and (there or not known[1]):
                found[run_id] = text(known[0])
        return found

    def claimed(self, claim: Claim) -> str:
        """Return the run that the claim stands for, or ""; raise Conflict."""
        key = self._key("key", claim.key)
        held = self._mended(lambda: self._redis.get(key) or b"", {key: "string"})
        fingerprint, _, run_id = text(held).partition(" ")
        with translated():
            if not run_id or not self._redis.exists(self._key("run", run_id)):
                return ""
        if fingerprint != claim.fingerprint:
            raise Conflict("the idempotency key was used with another body")
        return str(run_id)

    def listen(self, positions: Mapping[str, Position], inbox: str) -> News:
        """Wait up to a second for news of the followed runs and for words to this worker, all on one connection."""
        mine = self._key("inbox", self.worker)
        streams: dict[Any, Any] = {mine: inbox, **{self._key("log", run_id): id_of(at) for run_id, at in positions.items()}}
        try:
            with translated():
                replies: Any = self._blocking.xread(streams, block=round(BLOCK_S * 1000))
        except RecordDamaged:
            return News(inbox, [], {}, self._damaged(positions))
        words: list[tuple[str, str]] = []
        news: dict[str, list[Entry]] = {}
        damaged: list[str] = []
        for key, items in replies:
            if key.decode() == mine:
                inbox = items[-1][0].decode()
                words += [(text(kind), text(told)) for _, fields in items for kind, told in fields.items()]
                continue
            run_id = key.decode().rpartition(":")[2]
            try:
                with translated():
                    news[run_id] = entries_of(items)
            except RecordDamaged:
                damaged.append(run_id)
        return News(inbox, words, news, damaged)

    def _damaged(self, run_ids: Iterable[str]) -> list[str]:
        """Return the runs whose log is something else than a stream; an inbox that is something else is removed."""
        names = list(run_ids)
        self._remove_unlike({self._key("inbox", self.worker): "stream"})
        with translated(), self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.type(self._key("log", name))
            kinds = pipe.execute()
        return [name for name, kind in zip(names, kinds, strict=True) if kind not in (b"stream", b"none")]

    def _end(self, pipe: Any, info: RunInfo) -> None:
        run = self._key("run", info.run_id)
        pipe.hset(run, mapping={"finished": "1", "updated": str(info.updated_at), "info": msgspec.json.encode(info)})
        pipe.expire(run, self._keep_s)
        pipe.expire(self._key("log", info.run_id), self._keep_s)
        pipe.srem(self._key("runs", self.worker), info.run_id)
