"""Redis holds something else of one run than what was written: that run's readers hear of it, nobody else notices."""

import contextlib
import json

import msgspec
import pytest

from jacie_flask.errors import Cancelled, JacieError, NotFound, StateLost
from jacie_flask.interfaces import Claim, Entry
from jacie_flask.runs import reader
from jacie_flask.runs.redis_connection import connect
from tests.support.log_worker import WorkerProcess, answer, question, read_all, text_of, worker
from tests.support.redis_server import MISSING, REDIS, RedisServer
from tests.support.reliability import record
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.skipif(REDIS is None, reason=MISSING), pytest.mark.reliability, pytest.mark.timeout(240)]

RUN, LOG = "jacie:run:{0}", "jacie:log:{0}"


def another_info(redis, key):
    """Give a run the information of another one, whole in itself."""
    info = json.loads(redis.client.hget(key, "info"))
    redis.client.hset(key, "info", json.dumps({**info, "run_id": "another"}))


def nested_info(redis, key):
    """Give a run's information a member that is nested 100,000 times."""
    info = redis.client.hget(key, "info")
    redis.client.hset(key, "info", f'{{"later": {"[" * 100_000}{"]" * 100_000}, {info[1:]}')


def rewritten(redis, run_id, kind, **changes):
    """Write a run's log anew, with something else in the events of one name."""
    with connect(redis.url) as client:
        key = LOG.format(run_id)
        items = [item for _, fields in client.xrange(key) for item in msgspec.msgpack.decode(fields[b"e"], type=list[Entry])]
        client.delete(key)
        for item in items:
            new = msgspec.structs.replace(item, **changes) if item.name == kind else item
            client.xadd(key, {"e": msgspec.msgpack.encode([new])}, id=f"{item.attempt}-{item.offset}")


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
    "the information nests deeply": (RUN, nested_info),
    "the owner is no text": (RUN, lambda redis, key: redis.client.hset(key, "owner", b"\xff\xfe")),
    "the time is no number": (RUN, lambda redis, key: redis.client.hset(key, "updated", "yesterday")),
    "the time is infinite": (RUN, lambda redis, key: redis.client.hset(key, "updated", "-inf")),
    "an entry nests deeply": (LOG, lambda redis, key: redis.client.xadd(key, {"e": b"\x91" * 100_000}, id="9-9")),
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
            wait_for(lambda hurt=hurt: redis.client.hget(f"jacie:run:{hurt}", "finished") or not finished)
            if not finished:
                wait_for(lambda hurt=hurt: there.log.read(hurt, reader.START, 0.2))
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
        wait_for(lambda: here.active == 0)
    state = "finished" if finished else "running"
    record(f"38-damaged-records-{state}", f"Damaged records of {state} runs in Redis", "One run's record is damaged.", rows)


NO_EVENTS = {
    "is no JSON": {"data": b"hello"},
    "is empty": {"data": b""},
    "is cut": {"data": b'{"text": "a'},
    "is two values": {"data": b'{"text": "a"}{"text": "b"}'},
    "is a list": {"data": b"[1]"},
    "is null": {"data": b"null"},
    "has NaN": {"data": b'{"text": NaN}'},
    "has a control character": {"data": b'{"text": "\x00"}'},
    "is not UTF-8": {"data": b'{"text": "\xff\xfe"}'},
    "nests deeply": {"data": b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"},
    "has line ends": {"data": b'{"text": "a",\n\n"more": 1}'},
    "is no event that is known": {"name": "surprise"},
    "is an end or none": {"terminal": None},
}


@pytest.mark.parametrize("name", ["progress", "token", "result"])
def test_what_is_no_event_is_sent_to_nobody(name):
    """Readers get recorded bytes as they are, so each entry is checked: what is no JSON of its event ends as state_lost."""
    rows = []
    with RedisServer() as redis, worker(redis.url) as here, worker(redis.url) as there:
        for number, (what, changes) in enumerate(NO_EVENTS.items()):
            run_id = f"run-{number}"
            here.start(run_id, question(words=3), "q")
            wait_for(lambda run_id=run_id: redis.client.hget(f"jacie:run:{run_id}", "finished"))
            rewritten(redis, run_id, name, **({"terminal": name != "result"} if "terminal" in changes else changes))
            seen = read_on(there, run_id)
            assert seen.count(b"event: ") == 1, what
            assert b'"code":"state_lost"' in seen, what
            for ask in (reader.state, reader.status):
                with pytest.raises((StateLost, NotFound)):
                    ask(there.log, run_id)
            assert there.log.resumable, what
            rows.append({"damage": f"a {name} {what}", "readers elsewhere get": "state_lost", "Redis taken for down": "no"})
    record(
        f"38-damaged-records-{name}", f"Damaged events in Redis: {name}", "An event of a finished run is something else.", rows
    )


@pytest.mark.parametrize("damage", [
    lambda redis, run_id: rewritten(redis, run_id, "token", data=b"hello"),
    lambda redis, run_id: rewritten(redis, run_id, "progress", data=b"[]"),
    lambda redis, run_id: nested_info(redis, RUN.format(run_id)),
    lambda redis, run_id: replaced("string")(redis, RUN.format(run_id)),
    lambda redis, run_id: replaced("list")(redis, LOG.format(run_id)),
    lambda redis, run_id: redis.client.hset(RUN.format(run_id), "updated", "nan"),
], ids=["token", "progress", "nested", "string", "list", "nan"])  # fmt: skip
def test_a_damaged_run_of_a_dead_worker_holds_up_no_other(damage):
    """Whoever looks after a dead worker's runs ends all that can be read, whatever one of them has become."""
    with RedisServer() as redis, WorkerProcess(redis.url) as dying, worker(redis.url) as there:
        run_ids = [dying.start(question(words=1000, word_s=0.05)) for _ in range(5)]
        for run_id in run_ids:
            wait_for(lambda run_id=run_id: there.log.read(run_id, reader.START, 0.2)[-1].name == "token")
        dying.kill()
        for run_id in run_ids[1:4:2]:
            damage(redis, run_id)
        for run_id in run_ids[::2]:
            assert json.loads(read_all(there, run_id)[-1].data)["code"] == "producer_lost"
        wait_for(lambda: dying.name not in there.log._beat._others)
        assert there.log.resumable


def test_what_workers_keep_beside_runs_is_mended():
    """Keys, counts, places, the list of workers, of runs and an inbox that are something else are removed, and work again."""
    with RedisServer() as redis, worker(redis.url) as here, worker(redis.url) as there:
        here.log.count("rate:a:1", 1, 60)
        claim = Claim(key="k", fingerprint="f")
        here.start("r", question(words=1), "q", claim)
        here.log.occupy("a", 1, 1, 5)
        wait_for(lambda: redis.client.hget("jacie:run:r", "finished"))
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
            wait_for(lambda long=long: there.log.read(long, reader.START, 0.2))
            there.cancel(long)
            assert json.loads(read_all(there, long)[-1].data)["code"] == "cancelled"
            assert here.log.resumable
            assert there.log.resumable
