"""Redis holds something else of one run than what was written: that run's readers hear of it, nobody else notices."""

import contextlib
import json

import msgspec
import pytest

from jacie_flask.errors import Cancelled, JacieError, NotFound, StateLost
from jacie_flask.interfaces import Claim, Entry
from jacie_flask.runs import reader
from tests.runs.test_redis_log import eventually
from tests.support.log_worker import answer, question, read_all, text_of, worker
from tests.support.redis_server import MISSING, REDIS, RedisServer
from tests.support.reliability import record

pytestmark = [pytest.mark.skipif(REDIS is None, reason=MISSING), pytest.mark.reliability, pytest.mark.timeout(240)]

RUN, LOG = "jacie:run:{0}", "jacie:log:{0}"


def another_info(redis, key):
    """Give a run the information of another one, whole in itself."""
    info = json.loads(redis.client.hget(key, "info"))
    redis.client.hset(key, "info", json.dumps({**info, "run_id": "another"}))


def entry(name="token", data=b'{"text":"x"}', attempt=9, offset=9):
    """Return what a stream's item holds."""
    return msgspec.msgpack.encode([Entry(attempt, offset, name, data, False)])


def replaced(kind):
    """Return what puts a value of another kind in the place of one."""

    def damage(redis, key):
        redis.client.delete(key)
        puts = {
            "string": lambda: redis.client.set(key, "x"),
            "list": lambda: redis.client.rpush(key, "x"),
            "hash": lambda: redis.client.hset(key, "x", "y"),
            "stream": lambda: redis.client.xadd(key, {"x": "y"}),
        }
        puts[kind]()

    return damage


DAMAGES = {
    "the run is a string": (RUN, replaced("string")),
    "the run is a list": (RUN, replaced("list")),
    "the run is a hash of something else": (RUN, replaced("hash")),
    "the log is a string": (LOG, replaced("string")),
    "the log is a hash": (LOG, replaced("hash")),
    "the log is a stream of something else": (LOG, replaced("stream")),
    "the information is cut": (RUN, lambda redis, key: redis.client.hset(key, "info", '{"run_id": "')),
    "the information is empty": (RUN, lambda redis, key: redis.client.hset(key, "info", "")),
    "the information is null": (RUN, lambda redis, key: redis.client.hset(key, "info", "null")),
    "the information is no text": (RUN, lambda redis, key: redis.client.hset(key, "info", b"\xff\xfe\x00")),
    "the information is another run's": (RUN, another_info),
    "the owner is no text": (RUN, lambda redis, key: redis.client.hset(key, "owner", b"\xff\xfe")),
    "the time is no number": (RUN, lambda redis, key: redis.client.hset(key, "updated", "yesterday")),
    "an entry is cut": (LOG, lambda redis, key: redis.client.xadd(key, {"e": entry()[:-3]}, id="9-9")),
    "an entry is text": (LOG, lambda redis, key: redis.client.xadd(key, {"e": "hello"}, id="9-9")),
    "an entry has no name": (LOG, lambda redis, key: redis.client.xadd(key, {"e": entry(name="")}, id="9-9")),
    "an entry forges a frame": (LOG, lambda redis, key: redis.client.xadd(key, {"e": entry(data=b"x\n\nevent: y")}, id="9-9")),
    "an entry leaves others out": (LOG, lambda redis, key: redis.client.xadd(key, {"e": entry()}, id="9-9")),
    "an item has other fields": (LOG, lambda redis, key: redis.client.xadd(key, {"f": "x"}, id="9-9")),
}


def read_on(runs, run_id):
    """Read a run to whatever ends it, as a stream does: its events or an error of ours."""
    with contextlib.suppress(StopIteration):
        return b"".join(reader.stream(runs.log, run_id, reader.START, 0.5, "q"))


@pytest.mark.parametrize("finished", [False, True], ids=["running", "finished"])
def test_a_damaged_record_costs_its_own_run_alone(finished):
    """Whatever is damaged, while the run is followed or before: Redis stays up, other runs go on, nobody gets anything but our errors."""
    rows = []
    with RedisServer() as redis, worker(redis.url) as here, worker(redis.url) as there:
        for number, (name, (key, damage)) in enumerate(DAMAGES.items()):
            hurt, whole = f"hurt-{number}", f"whole-{number}"
            asked = question(words=3) if finished else question(words=8, word_s=0.1)
            here.start(hurt, asked, "q")
            here.start(whole, question(words=8, word_s=0.05), "q")
            eventually(lambda hurt=hurt: redis.client.hget(f"jacie:run:{hurt}", "finished") or not finished)
            if not finished:
                eventually(lambda hurt=hurt: there.log.read(hurt, reader.START, 0.2))
            damage(redis, key.format(hurt))
            seen = read_on(there, hurt)
            for ask in (reader.state, reader.status):
                with contextlib.suppress(StateLost, NotFound):
                    ask(there.log, hurt)
            with contextlib.suppress(JacieError):
                there.cancel(hurt)
            assert text_of(read_all(there, whole)) == answer(question(words=8)), name
            assert here.log.resumable, name
            assert there.log.resumable, name
            here.stop(hurt, Cancelled())
            ending = "the answer" if b"event: result" in seen else "cancelled" if b'"cancelled"' in seen else "state_lost"
            rows.append({"damage": name, "readers elsewhere get": ending, "other runs": "whole", "Redis taken for down": "no"})
        eventually(lambda: here.active == 0)
    state = "finished" if finished else "running"
    record(f"38-damaged-records-{state}", f"Damaged records of {state} runs in Redis", "One run's record is damaged.", rows)


def test_what_workers_keep_beside_runs_is_mended():
    """Keys, counts, places, the list of workers, of runs and an inbox that are something else are removed, and work again."""
    with RedisServer() as redis, worker(redis.url) as here, worker(redis.url) as there:
        here.log.count("rate:a:1", 1, 60)
        claim = Claim(key="k", fingerprint="f")
        here.start("r", question(words=1), "q", claim)
        here.log.occupy("a", 1, 1, 5)
        eventually(lambda: redis.client.hget("jacie:run:r", "finished"))
        names = ["workers", f"runs:{here.log.worker}", f"inbox:{here.log.worker}", "count:rate:a:1", "places:a", "key:k"]
        for kind in ("string", "list", "hash"):
            for name in names:
                replaced(kind)(redis, f"jacie:{name}")
            assert here.log.count("rate:a:1", 1, 60) == 1
            assert here.log.occupy("a", 1, 1, 5)
            assert here.log.claimed(claim) == ""
            run_id = f"run-{kind}"
            here.start(run_id, question(words=4, word_s=0.05), "q", Claim(key=kind, fingerprint="f"))
            assert text_of(read_all(there, run_id)) == answer(question(words=4))
            long = f"long-{kind}"
            here.start(long, question(words=1000, word_s=0.05), "q")
            eventually(lambda long=long: there.log.read(long, reader.START, 0.2))
            there.cancel(long)
            assert json.loads(read_all(there, long)[-1].data)["code"] == "cancelled"
            assert here.log.resumable
            assert there.log.resumable
