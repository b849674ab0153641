"""The shared record among workers: followed, cancelled, rescued and fenced over a real Redis that may die, freeze or forget.

These tests wait for leases to run out, so they run side by side, each with a Redis of its redis.
"""

import contextlib
import itertools
import json
import threading
import time

import pytest

from jacie_flask.errors import Cancelled, Conflict, JacieError, NotFound, Overloaded, StateLost
from jacie_flask.interfaces import Claim
from jacie_flask.runs import reader
from jacie_flask.runs.redis_store import RedisStore
from tests.support.log_worker import WorkerProcess, answer, gate, question, read_all, text_of, worker
from tests.support.redis_server import MISSING, REDIS, RedisServer
from tests.support.side_by_side import SideBySide
from tests.support.waiting import HANG_S, wait_for

pytestmark = pytest.mark.skipif(REDIS is None, reason=MISSING)

SLOW = question(words=40, word_s=0.02)


beside_the_others = SideBySide(redis=RedisServer)


@pytest.fixture(scope="module")
def side_by_side(request):
    """Run the tests of this module at once."""
    yield from beside_the_others.run(request)


def recorded(redis, run_id):
    """Say whether Redis has some of a run's entries."""
    return redis.client.exists(f"jacie:log:{run_id}")


def started(runs, asked, run_id="r", claim=None):
    """Start a run and return its id."""
    return runs.start(run_id, asked, "q", claim)


def beside(function):
    """Call a function in a thread and return a way to wait for its value."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function()), daemon=True)
    thread.start()

    def value():
        thread.join(HANG_S)
        assert found, "it did not return"
        return found[0]

    return value


def last(entries):
    """Return the data of the terminal entry."""
    assert entries[-1].terminal
    return json.loads(entries[-1].data)


def in_order(entries):
    """Say whether entries are each one behind the other."""
    return all(after.offset == before.offset + 1 for before, after in itertools.pairwise(entries))


# ------------------------------------------------------------------------------------------------------------- followed


@beside_the_others
def test_another_worker_follows_live(redis):
    """A reader elsewhere has the first words while the answer is not complete, and in the end the same ones."""
    with gate() as half, worker(redis.url) as here, worker(redis.url) as there:
        asked = question(words=40, gate=half, before=20)
        started(here, asked)
        first = wait_for(lambda: text_of(seen := there.log.read("r", reader.START, 0.5)) and seen)
        assert not first[-1].terminal
        half.open()
        rest = read_all(there, "r", (first[-1].attempt, first[-1].offset))
        assert first + rest == here.log.read("r", reader.START, 0)
        assert text_of(first + rest) == answer(asked)


@beside_the_others
def test_a_position_that_is_on_its_way_is_waited_for(redis):
    """A reader that has seen more than Redis knows goes on as soon as it is recorded."""
    with worker(redis.url) as here, worker(redis.url) as there:
        started(here, question(words=500, word_s=0.02))
        wait_for(lambda: there.log.read("r", reader.START, 0.1))
        ahead = (1, len(here.log.read("r", reader.START, 0)) + 20)
        rest = there.log.read("r", ahead, HANG_S)
        assert rest[0].offset == ahead[1] + 1


@beside_the_others
def test_a_position_that_never_comes_is_lost(redis):
    """Nobody waits for ever for what was never written."""
    with worker(redis.url) as here, worker(redis.url) as there:
        started(here, question(words=1))
        wait_for(lambda: there.log.info("r").finished)
        with pytest.raises(StateLost):
            there.log.read("r", (1, 99), 5)


@beside_the_others
def test_following_takes_one_connection(redis):
    """However many runs are followed, the waiting for them is one connection, and readers cost none."""
    with worker(redis.url) as here, worker(redis.url) as there:
        for number in range(30):
            started(here, question(words=30, word_s=0.03), str(number))
        for number in range(30):
            wait_for(lambda number=number: there.log.read(str(number), reader.START, 0.1))
        readers = [beside(lambda number=number: read_all(there, str(number))) for number in range(30)]
        blocked = [
            info
            for _ in range(5)
            for info in [[one for one in redis.client.client_list() if one["cmd"] == "xread"]]
            if not time.sleep(0.02)
        ]
        assert max(map(len, blocked)) <= 2  # one of each worker
        for wait in readers:
            assert text_of(wait()) == answer(question(words=30))


@beside_the_others
def test_readers_elsewhere_keep_a_run(redis):
    """A run whose own reader left goes on past its grace while it is read elsewhere, and ends soon after."""
    with worker(redis.url, grace_s=1.5) as here, worker(redis.url) as there:
        asked = question(words=2000, word_s=0.1)
        started(here, asked)
        here.reader_came("r")
        here.reader_left("r")
        end, after = time.monotonic() + 3.0, reader.START
        while time.monotonic() < end:
            found = there.log.read("r", after, 0.2)
            after = (found[-1].attempt, found[-1].offset) if found else after
        assert not there.log.info("r").finished
        wait_for(lambda: here.active == 0)
        assert last(here.log.read("r", reader.START, 0))["code"] == "cancelled"


@beside_the_others
def test_a_cancel_from_elsewhere_arrives(redis):
    """Any worker may stop a run; it keeps its partial answer, and doing it again changes nothing."""
    with worker(redis.url) as here, worker(redis.url) as there:
        started(here, question(words=100_000, word_s=0.05))
        wait_for(lambda: len(there.log.read("r", reader.START, 0.1)) > 5)
        for _ in range(2):
            there.cancel("r")
        wait_for(lambda: here.active == 0)
        entries = read_all(there, "r")
        assert last(entries)["code"] == "cancelled"
        assert last(entries)["partial_response"] == text_of(entries)
        there.cancel("r")


# -------------------------------------------------------------------------------------------------------------- rescued


@beside_the_others
def test_a_killed_workers_answer_is_ended(redis):
    """After kill -9 a reader elsewhere hears that the run is lost, with what had been said."""
    with WorkerProcess(redis.url) as other, worker(redis.url) as here:
        run_id = other.start(question(words=1000, word_s=0.02))
        wait_for(lambda: len(here.log.read(run_id, reader.START, 0.1)) > 10)
        other.kill()
        entries = read_all(here, run_id)
        assert last(entries)["code"] == "producer_lost"
        assert last(entries)["partial_response"] == text_of(entries)
        assert entries[-1].attempt == 2
        assert in_order(entries)


@beside_the_others
def test_a_killed_workers_silence_is_begun_again(redis):
    """A run without a word yet begins again elsewhere, says so, and has its whole answer."""
    asked = question(words=5, silent_s=2.0)
    with WorkerProcess(redis.url) as other, worker(redis.url) as here:
        run_id = other.start(asked)
        wait_for(lambda: here.log.read(run_id, reader.START, 0.1))
        other.kill()
        entries = read_all(here, run_id)
        assert [item.data for item in entries if item.name == "reset"] == [b'{"attempt":2}']
        assert text_of(entries) == answer(asked) == last(entries)["response"]
        assert in_order(entries)
        wait_for(lambda: here.active == 0)


@beside_the_others
def test_what_a_killed_worker_had_said_before_it_was_recorded_is_overtaken(redis):
    """A reader that saw events nobody else knows goes on with the new attempt, also when nothing at all was recorded."""
    asked = question(words=3, silent_s=1.0)
    with WorkerProcess(redis.url) as other, worker(redis.url) as here:
        run_id = other.start(asked)
        other.kill()
        wait = beside(lambda: read_all(here, run_id, (1, 2)))
        entries = wait()
        assert entries[0].name == "reset"
        assert text_of(entries) == answer(asked)


@beside_the_others
def test_a_question_that_kills_its_workers_gets_two_attempts(redis):
    """The second worker that dies with it is the last."""
    asked = question(words=5, silent_s=20.0)
    with contextlib.ExitStack() as stack:
        victims = [stack.enter_context(WorkerProcess(redis.url)) for _ in range(2)]
        run_id = victims[0].start(asked)
        wait_for(lambda: recorded(redis, run_id))
        victims[0].kill()
        wait_for(lambda: redis.client.hget(f"jacie:run:{run_id}", "owner") == victims[1].name)
        here = stack.enter_context(worker(redis.url))  # later, or it would be the one that takes over
        wait_for(lambda: len(here.log.read(run_id, reader.START, 0.1)) > 3)
        victims[1].kill()
        entries = read_all(here, run_id)
        assert [item.name for item in entries if item.name in ("reset", "error")] == ["reset", "error"]
        assert last(entries)["code"] == "producer_lost"


@beside_the_others
def test_a_cancelled_orphan_ends_as_cancelled(redis):
    """Who pressed stop does not hear of a lost worker."""
    with WorkerProcess(redis.url) as other, worker(redis.url) as here:
        run_id = other.start(question(words=5, silent_s=20.0))
        wait_for(lambda: here.log.read(run_id, reader.START, 0.1))
        other.freeze()
        here.cancel(run_id)
        other.kill()
        assert last(read_all(here, run_id))["code"] == "cancelled"


@beside_the_others
def test_many_orphans_are_shared_out_once(redis):
    """Two workers that find the same dead one end each of its runs once."""
    with WorkerProcess(redis.url) as other, worker(redis.url) as here, worker(redis.url) as there:
        run_ids = [other.start(question(words=1000, word_s=0.05)) for _ in range(20)]
        for run_id in run_ids:
            wait_for(lambda run_id=run_id: len(here.log.read(run_id, reader.START, 0.1)) > 2)
        other.kill()
        for run_id in run_ids:
            for runs in (here, there):
                entries = read_all(runs, run_id)
                assert [item.terminal for item in entries] == [False] * (len(entries) - 1) + [True]
                assert in_order(entries)
        wait_for(lambda: not redis.keys(f"jacie:*:{other.name}"))


@contextlib.contextmanager
def asleep_until_replaced(redis, asked):
    """Yield a worker that slept while its run was taken over, the one that has it now, and the run."""
    with WorkerProcess(redis.url) as other, worker(redis.url) as here:
        run_id = other.start(asked)
        wait_for(lambda: here.log.read(run_id, reader.START, 0.1))
        other.freeze()
        wait_for(lambda: here.active == 1)
        other.thaw()
        yield other, here, run_id


@beside_the_others
def test_a_worker_that_was_only_asleep_is_fenced(redis):
    """Declared dead and replaced, it leaves its run to the new one, and so do its readers."""
    asked = question(words=6, silent_s=4.0)
    with asleep_until_replaced(redis, asked) as (other, here, run_id):
        entries = read_all(here, run_id)
        assert text_of(entries) == answer(asked)
        assert last(entries).get("code") is None
        told = other.text(run_id)
        assert (told["text"], told["end"]) == (answer(asked), "result")
        assert redis.client.hget(f"jacie:run:{run_id}", "owner") == here.log.worker


def revived_behind_its_end(redis, *, cut):
    """Let a worker sleep until its run was ended elsewhere; its connections to Redis may be cut meanwhile."""
    with worker(redis.url) as here:
        wait_for(lambda: here.log.resumable)
        before = {one["id"] for one in redis.client.client_list()}
        with WorkerProcess(redis.url) as other:
            run_id = other.start(question(words=2, word_s=2.5))
            other.follow(run_id)
            wait_for(lambda: text_of(here.log.read(run_id, reader.START, 0.1)))
            other.freeze()
            for one in redis.client.client_list() if cut else ():
                if one["id"] not in before:
                    redis.client.client_kill_filter(_id=one["id"])
            assert last(read_all(here, run_id))["code"] == "producer_lost"
            other.thaw()
            assert other.followed(run_id) in ("moved", "producer_lost")
            assert other.text(run_id)["end"] == "producer_lost"


@beside_the_others
def test_a_revived_workers_readers_hear_the_end_that_is_recorded(redis):
    """Its run ends in the moment in which it is revived: its readers do not get an end that nobody else gets."""
    revived_behind_its_end(redis, cut=False)


@beside_the_others
def test_a_worker_that_wakes_with_cut_connections_asks_redis_again_before_it_ends_a_run(redis):
    """What failed while it slept says nothing about Redis: the end that is recorded counts."""
    revived_behind_its_end(redis, cut=True)


@beside_the_others
def test_a_sleeper_that_nobody_replaced_ends_its_run_itself(redis):
    """The end behind a lease that was over is recorded first, and is everybody's."""
    with WorkerProcess(redis.url) as other:
        run_id = other.start(question(words=2, word_s=1.5))
        other.follow(run_id)
        wait_for(lambda: recorded(redis, run_id))
        other.freeze()
        time.sleep(3.5)
        other.thaw()
        assert other.followed(run_id) == "result"
        with worker(redis.url) as here:
            assert text_of(read_all(here, run_id)) == answer(question(words=2))


@beside_the_others
def test_a_sleeper_that_finishes_late_does_not_end_the_new_attempt(redis):
    """What it writes behind the end of its lease is refused as a whole, the end of the run included."""
    asked = question(words=3, silent_s=2.6)
    with asleep_until_replaced(redis, asked) as (other, here, run_id):
        assert other.text(run_id)["end"] == "result"  # from the record that both share
        entries = read_all(here, run_id)
        assert len([item for item in entries if item.terminal]) == 1
        assert entries[-1].attempt == 2
        assert text_of(entries) == answer(asked)


# ------------------------------------------------------------------------------------------------- Redis forgets or dies


@beside_the_others
def test_redis_forgets_everything_in_the_middle(redis):
    """Running runs are written anew with their claims; readers elsewhere miss nothing."""
    with gate() as last_word, worker(redis.url) as here, worker(redis.url) as there:
        asked = question(words=60, word_s=0.005, gate=last_word, before=59)
        claim = Claim(key="k", fingerprint="f")
        started(here, asked, claim=claim)
        wait = beside(lambda: read_all(there, "r"))
        for _ in range(3):
            wait_for(lambda: recorded(redis, "r"))
            time.sleep(0.15)
            redis.flush()
        wait_for(lambda: redis.keys("jacie:key:*"))
        assert started(there, asked, "s", claim) == "r"
        last_word.open()
        entries = wait()
        assert in_order(entries)
        assert text_of(entries) == answer(asked)
        assert text_of(read_all(there, "r")) == answer(asked)


@beside_the_others
def test_a_silent_run_is_written_anew_too(redis):
    """A run that says nothing is back in Redis after a FLUSHALL before its first word."""
    with gate() as first_word, worker(redis.url) as here, worker(redis.url) as there:
        started(here, question(words=1, gate=first_word))
        wait_for(lambda: recorded(redis, "r"))
        redis.flush()
        wait_for(lambda: recorded(redis, "r"))
        first_word.open()
        assert text_of(read_all(there, "r")) == "w0 "


@beside_the_others
def test_the_record_of_a_finished_run_that_is_gone_is_not_found(redis):
    """Whether Redis forgot all of it or evicted its entries only, nobody waits for what cannot come."""
    with worker(redis.url) as here, worker(redis.url) as there:
        for run_id, forget in (("a", redis.flush), ("b", lambda: redis.client.delete("jacie:log:b"))):
            started(here, question(words=1), run_id)
            wait_for(lambda run_id=run_id: redis.client.hget(f"jacie:run:{run_id}", "finished"))
            forget()
            with pytest.raises(NotFound):
                there.log.read(run_id, reader.START, 0.1)


@beside_the_others
def test_a_reader_whose_run_is_evicted_hears_of_it(redis):
    """The end was recorded and dropped before this reader saw it: the stream ends with state_lost, not with silence."""
    with gate() as closed, WorkerProcess(redis.url) as other, worker(redis.url) as here:
        run_id = other.start(question(words=30, gate=closed, before=29))
        wait_for(lambda: len(here.log.read(run_id, reader.START, 0.1)) > 3)
        for one in redis.client.client_list():  # who followed has to connect again, and misses what happens meanwhile
            if one["cmd"] == "xread":
                redis.client.client_kill_filter(_id=one["id"])
        wait = beside(lambda: b"".join(reader.stream(here.log, run_id, reader.START, 0.2, "q")))
        other.freeze()
        pipe = redis.client.pipeline()
        pipe.delete(f"jacie:log:{run_id}").hset(f"jacie:run:{run_id}", "finished", "1").execute()
        said = wait()
        assert b'"code":"state_lost"' in said[-600:]


@beside_the_others
def test_answers_work_without_redis_and_are_shared_when_it_comes(redis):
    """Down at the start: answers say that they cannot be resumed elsewhere; back again: the running ones can."""
    redis.kill()
    with gate() as last_word, worker(redis.url) as here:
        assert not here.log.resumable
        started(here, question(words=2), "a")
        entries = read_all(here, "a")
        assert "one server only" in last(entries)["degraded"][0]
        asked = question(words=60, gate=last_word, before=59)
        started(here, asked, "b", Claim(key="k", fingerprint="f"))
        redis.start()
        with worker(redis.url) as there:
            wait_for(lambda: here.log.resumable)
            wait_for(lambda: recorded(redis, "b"))
            assert started(there, asked, "c", Claim(key="k", fingerprint="f")) == "b"
            last_word.open()
            entries = read_all(there, "b")
            assert text_of(entries) == answer(asked)
            assert last(entries)["degraded"] == []
            assert text_of(read_all(there, "a")) == answer(question(words=2))


@beside_the_others
def test_a_frozen_redis_is_waited_for_once(redis):
    """The first questions wait up to their patience; hundreds behind them, one after the other, would never end if each of them did."""
    with worker(redis.url) as here:
        redis.freeze()
        waits = [beside(lambda number=number: started(here, question(words=1), f"first{number}")) for number in range(10)]
        assert [wait() for wait in waits] == [f"first{number}" for number in range(10)]
        assert not here.log.resumable
        for number in range(500):
            assert started(here, question(words=1), str(number)) == str(number)
            assert "one server only" in last(read_all(here, str(number)))["degraded"][0]
        redis.thaw()
        wait_for(lambda: here.log.resumable)
        wait_for(lambda: recorded(redis, "499"))


@beside_the_others
def test_one_cut_leaves_an_answer_shared(redis):
    """All connections are cut once while it comes: another worker follows it word for word, and it does not say that it cannot be resumed."""
    with gate() as half, worker(redis.url) as here, worker(redis.url) as there:
        asked = question(words=60, word_s=0.005, gate=half, before=30)
        started(here, asked)
        first = wait_for(lambda: there.log.read("r", reader.START, 0.5))
        assert redis.client.client_kill_filter(_type="normal", skipme=True) >= 2
        written = redis.client.xlen("jacie:log:r")
        wait_for(lambda: redis.client.xlen("jacie:log:r") > written + 20 and here.log.info("r").resumable)
        half.open()
        entries = first + read_all(there, "r", (first[-1].attempt, first[-1].offset))
        assert (text_of(entries), last(entries)["degraded"]) == (answer(asked), [])
        assert in_order(entries)
        with worker(redis.url) as later:
            assert read_all(later, "r") == entries


@beside_the_others
def test_a_freeze_orphans_nobody(redis):
    """Leases that ran out while Redis slept are nobody's death: all runs go on where they are, written once."""
    asked = question(words=80, word_s=0.1)
    with contextlib.ExitStack() as stack:
        all_runs = [stack.enter_context(worker(redis.url)) for _ in range(3)]
        for number, runs in enumerate(all_runs):
            started(runs, asked, str(number))
            wait_for(lambda number=number: recorded(redis, str(number)))
        readers = [beside(lambda number=number: read_all(all_runs[number], str(number))) for number in range(3)]
        redis.freeze()
        time.sleep(3.5)
        redis.thaw()
        elsewhere = [beside(lambda number=number: read_all(all_runs[number - 1], str(number))) for number in range(3)]
        for wait in [*readers, *elsewhere]:
            entries = wait()
            assert in_order(entries)
            assert {item.attempt for item in entries} == {1}
            assert text_of(entries) == answer(asked)


@beside_the_others
def test_redis_dies_under_readers(redis):
    """Where the answer is made it is read to the end; a reader elsewhere is sent to find it."""
    asked = question(words=80, word_s=0.08)
    with worker(redis.url) as here, worker(redis.url) as there:
        started(here, asked)
        mine = beside(lambda: read_all(here, "r"))
        other = beside(lambda: b"".join(reader.stream(there.log, "r", reader.START, 1, "q")))
        waiting = beside(lambda: _error_of(lambda: reader.wait(there.log, "r")))
        wait_for(lambda: there.log.read("r", reader.START, 0.1))
        redis.kill()
        assert other().rstrip().endswith(b'data: {"retry_ms":1000}')
        assert isinstance(waiting(), Overloaded)
        with pytest.raises(Overloaded):
            there.log.info("r")
        assert b"event: reconnect" in b"".join(reader.stream(there.log, "r", reader.START, 1, "q"))
        assert text_of(mine()) == answer(asked)


@beside_the_others
def test_redis_comes_back_empty(redis):
    """What is running is written anew for those who follow it elsewhere."""
    with gate() as half, worker(redis.url) as here, worker(redis.url) as there:
        asked = question(words=60, gate=half, before=30)
        started(here, asked)
        wait = beside(lambda: read_all(there, "r"))
        wait_for(lambda: there.log.read("r", reader.START, 0.1))
        redis.kill()
        redis.start()
        half.open()
        entries = wait()
        assert in_order(entries)
        assert text_of(entries) == answer(asked)
        assert text_of(read_all(there, "r")) == answer(asked)


@beside_the_others
def test_redis_comes_back_knowing_less(redis):
    """After a failover to an older copy the record has no hole, and what ended meanwhile is known to have ended."""
    with gate() as last_word, worker(redis.url) as here, worker(redis.url) as there:
        asked = question(words=70, word_s=0.005, gate=last_word, before=69)
        started(here, asked, "long")
        started(here, question(words=8, word_s=0.05), "short")
        wait_for(lambda: recorded(redis, "long") and recorded(redis, "short"))
        redis.save()
        wait_for(lambda: redis.client.hget("jacie:run:short", "finished"))
        redis.kill()
        redis.start()
        last_word.open()
        for run_id, told in (("long", asked), ("short", question(words=8))):
            entries = read_all(there, run_id)
            assert in_order(entries)
            assert text_of(entries) == answer(told)


@beside_the_others
def test_a_full_redis_is_no_redis(redis):
    """Out of memory: answers work and say so; with room again they are shared."""
    with worker(redis.url) as here, worker(redis.url) as there:
        used = redis.client.info("memory")["used_memory"]
        redis.client.config_set("maxmemory", used // 2)
        started(here, question(words=2), "a")
        entries = read_all(here, "a")
        assert text_of(entries) == answer(question(words=2))
        wait_for(lambda: not here.log.resumable)
        redis.client.config_set("maxmemory", 0)
        assert text_of(wait_for(lambda: _read_or_none(there, "a"))) == answer(question(words=2))


def _error_of(function):
    try:
        return function()
    except JacieError as error:
        return error


def _read_or_none(runs, run_id):
    try:
        return read_all(runs, run_id)
    except (NotFound, Overloaded):
        return None


@beside_the_others
def test_what_cannot_be_written_does_not_pile_up(redis):
    """While Redis is away finished runs are dropped by memory's bound, not kept for it."""
    with worker(redis.url, max_bytes=40_000) as here:
        redis.kill()
        wait_for(lambda: not here.log.resumable)
        for number in range(60):
            started(here, question(words=2, size=500), str(number))
            read_all(here, str(number))
        time.sleep(1.0)  # two beats
        redis.start()
        wait_for(lambda: recorded(redis, "59"))
        assert 1 <= len(redis.keys("jacie:run:*")) < 40


# --------------------------------------------------------------------------------------------------- bounds and leftovers


@beside_the_others
def test_an_answer_has_a_bound(redis):
    """A run that is longer than a run may be ends as incomplete, for every reader."""
    with worker(redis.url, max_run_bytes=20_000) as here, worker(redis.url) as there:
        started(here, question(words=100, size=1000))
        entries = read_all(there, "r")
        assert last(entries)["code"] == "llm_incomplete"
        assert sum(len(item.data) for item in entries) < 50_000


@beside_the_others
def test_a_backlog_bigger_than_a_flush_is_written(redis):
    """What piled up while Redis was away goes out in pieces, however long one run is."""
    with worker(redis.url, max_run_bytes=20_000_000) as here, worker(redis.url, max_run_bytes=20_000_000) as there:
        asked = question(words=60, size=100_000, word_s=0.002)
        redis.freeze()
        wait_for(lambda: not here.log.resumable)
        started(here, asked)
        read_all(here, "r")
        redis.thaw()
        assert text_of(wait_for(lambda: _read_or_none(there, "r"))) == answer(asked)


@beside_the_others
def test_every_key_has_its_time(redis):
    """While runs go on, after they ended and after their readers left, no key but the list of workers would stay."""
    with worker(redis.url) as here, worker(redis.url) as there:
        claim = Claim(key="k", fingerprint="f")
        started(here, SLOW, "a", claim)
        started(here, question(words=3), "b")
        wait = beside(lambda: read_all(there, "a"))
        end = time.monotonic() + 1.2
        while time.monotonic() < end:
            assert redis.lasting_keys() <= {"jacie:workers"}
        wait()
        there.cancel("b")
    assert redis.lasting_keys() == set()


@beside_the_others
def test_a_word_to_a_dead_worker_does_not_stay(redis):
    """Inboxes that nobody will read again have their time as well."""
    with worker(redis.url) as here:
        with contextlib.closing(RedisStore(redis.url, here.log.worker, ttl_s=30, keep_s=30)) as store:
            store.tell("dead", "watched", ["r"])
        assert redis.client.exists("jacie:inbox:dead")
        assert redis.lasting_keys() <= {"jacie:workers"}


@beside_the_others
def test_nothing_is_left_when_all_have_left(redis):
    """With short times all keys are gone a moment after the workers, and the list of workers with them."""
    with WorkerProcess(redis.url, keep_s=1, deadline_s=2) as other, worker(redis.url, keep_s=1, deadline_s=2) as here:
        run_id = other.start(question(words=3), claim="k")
        read_all(here, run_id)
        started(here, question(words=3), "r", Claim(key="k2", fingerprint="f"))
        read_all(here, "r")
        wait_for(lambda: len(redis.client.smembers("jacie:workers")) == 2)
        other.leave()
        wait_for(lambda: redis.client.smembers("jacie:workers") == {here.log.worker})
    wait_for(lambda: not redis.keys("jacie:workers"))
    time.sleep(0.5)
    assert not redis.keys("jacie:work*"), "a worker that left came back"
    wait_for(lambda: not redis.keys())


@beside_the_others
def test_who_has_left_is_connected_no_more(redis):
    """Also a worker that leaves while its loops are just connecting, and none of them comes back to the list."""
    left = []
    for _ in range(20):
        with worker(redis.url) as here:
            left.append(here)
    wait_for(lambda: len(redis.client.client_list()) == 1)
    assert not redis.keys("jacie:work*")


@beside_the_others
def test_a_key_is_free_again_when_its_run_has_expired(redis):
    """A claim does not outlive what it stands for."""
    with worker(redis.url, keep_s=1, deadline_s=5) as here, worker(redis.url, keep_s=1, deadline_s=5) as there:
        assert started(here, question(words=1), "a", Claim(key="k", fingerprint="f")) == "a"
        with pytest.raises(Conflict):
            started(there, question(words=1), "b", Claim(key="k", fingerprint="g"))
        wait_for(lambda: not redis.keys("jacie:run:a"))
        assert started(there, question(words=1), "b", Claim(key="k", fingerprint="g")) == "b"


@beside_the_others
def test_one_key_is_one_run_on_all_workers(redis):
    """Fifty simultaneous questions with one key, over three workers, are one run that all of them read."""
    with contextlib.ExitStack() as stack:
        all_runs = [stack.enter_context(worker(redis.url)) for _ in range(3)]
        gate = threading.Barrier(50)

        def ask(number):
            gate.wait()
            runs = all_runs[number % 3]
            run_id = started(runs, SLOW, f"run{number}", Claim(key="k", fingerprint="f"))
            return run_id, text_of(read_all(runs, run_id))

        waits = [beside(lambda number=number: ask(number)) for number in range(50)]
        found = {wait() for wait in waits}
        assert len(found) == 1
        assert found.pop()[1] == answer(SLOW)
        assert sum(runs.active for runs in all_runs) <= 1
        assert len(redis.keys("jacie:run:*")) == 1
        with pytest.raises(Conflict):
            started(all_runs[1], SLOW, "other", Claim(key="k", fingerprint="g"))


@beside_the_others
def test_a_refused_run_leaves_nothing_behind(redis):
    """Where memory is full the run is refused before Redis hears of it, so its key is free for a worker with room."""
    with worker(redis.url, max_bytes=100) as full, worker(redis.url) as free:
        started(full, question(words=100, word_s=0.05), "a")
        wait_for(lambda: len(full.log.read("a", reader.START, 0.1)) > 1)
        with pytest.raises(Overloaded):
            started(full, SLOW, "b", Claim(key="k", fingerprint="f"))
        assert not redis.keys("jacie:run:b")
        assert started(free, SLOW, "c", Claim(key="k", fingerprint="f")) == "c"


@beside_the_others
def test_leaving_hands_everything_over(redis):
    """A worker that closes has written all it had and gives back its lease, so that what it did not finish is another's."""
    with worker(redis.url) as there:
        with worker(redis.url) as here:
            started(here, question(words=1), "done")
            started(here, question(words=1000, word_s=0.05), "torn")
            wait_for(lambda: len(there.log.read("torn", reader.START, 0.1)) > 2)
            wait_for(lambda: here.active == 1)
        assert not redis.client.exists(f"jacie:worker:{here.log.worker}")
        assert text_of(read_all(there, "done")) == "w0 "
        assert last(read_all(there, "torn"))["code"] == "producer_lost"
        here.stop("torn", Cancelled())
