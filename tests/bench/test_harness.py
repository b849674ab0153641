"""The benchmark's own parts: what it counts, how it searches, what it reports."""

import json

import pytest

from bench.streams.counting import CHUNKS, EVENTS, Missing, arrivals, check_so_far, check_whole, unchunked
from bench.streams.figures import Figure, percentile, ratio
from bench.streams.measurements import MOST_STREAMS, next_count
from bench.streams.plan import Plan, find, stamped, words
from bench.streams.profile import shares
from bench.streams.report import GOALS, Results, table_of_figures, table_of_goals
from bench.streams.upstream import event, poured, token

PLAN = Plan(12)
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def answer(tokens: list[str], response: str | None = None, newline: str = "\n") -> bytes:
    """Return a stream of ours as it comes over the wire."""
    frames = [f'id: 1.{n}{newline}event: token{newline}data: {{"text":{json.dumps(text)}}}' for n, text in enumerate(tokens, 1)]
    frames.append(
        f"event: result{newline}data: {json.dumps({'response': response if response is not None else ''.join(tokens)})}"
    )
    chunks = [f"{frame}{newline}{newline}".encode() for frame in frames]
    return HEAD + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


@pytest.mark.parametrize("plan", [Plan(2000), Plan(4, 50), Plan(1, wait=True, name="leaving-3")])
def test_a_plan_survives_the_way_to_the_upstream(plan):
    """Whatever a contender wraps around the question, the upstream finds what it is to send."""
    assert find(json.dumps({"messages": [{"role": "user", "content": f"Context.\n{plan.question()}"}]}).encode()) == plan


def test_a_whole_answer_counts_however_it_is_cut():
    """Joined tokens are as good as single ones, and line ends are the server's choice."""
    texts = list(words(12))
    check_whole(answer(texts), EVENTS, PLAN)
    check_whole(answer(["".join(texts[:7]), "".join(texts[7:])]), EVENTS, PLAN)
    check_whole(answer(texts, newline="\r\n"), EVENTS, PLAN)
    check_whole(poured(12, usage=True), CHUNKS, PLAN)


@pytest.mark.parametrize(
    "spoil", [lambda t: t[:-1], lambda t: [*t[:5], t[5][:-1], *t[6:]], lambda t: [t[0], *t], lambda t: [t[1], t[0], *t[2:]]]
)
def test_lost_doubled_and_swapped_characters_are_refused(spoil):
    """A server is not faster for what it leaves out."""
    with pytest.raises(Missing):
        check_whole(answer(spoil(list(words(12)))), EVENTS, PLAN)


def test_a_result_that_says_something_else_is_refused():
    """The tokens and the result are one answer."""
    with pytest.raises(Missing):
        check_whole(answer(list(words(12)), response="something else"), EVENTS, PLAN)


def test_paced_tokens_must_be_there_in_order():
    """Numbers without a gap from the first on; an unfinished stream may end anywhere."""
    texts = [stamped(number) for number in range(5)]
    assert check_so_far(answer(texts)[:-150], EVENTS) <= 5
    check_whole(answer(texts), EVENTS, Plan(5, 50))
    with pytest.raises(Missing):
        check_so_far(answer([texts[0], texts[2]]), EVENTS)
    with pytest.raises(Missing):
        check_whole(answer(texts[:4]), EVENTS, Plan(5, 50))


def test_each_paced_token_has_its_arrival_however_the_reads_were_cut():
    """A token that came in two reads came with the second; the result's copy of the text does not count."""
    raw = answer([stamped(number) for number in range(9)])
    for size in (7, 64, 1000):
        pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
        assert len(arrivals([1e9 + n for n in range(len(pieces))], pieces, EVENTS)) == 9


def test_tokens_look_like_the_events_of_the_upstream():
    """The fast way to build a token's chunk gives what the JSON encoder gives."""
    assert token(" ba") == event({"content": " ba"})
    assert json.loads(unchunked(HEAD + token(" ba"))[6:])["choices"][0]["delta"] == {"content": " ba"}


def test_the_search_for_streams_per_core_ends():
    """It climbs while nothing was too much, then closes in."""
    for limit in (3, 61, 337, 5000):
        good, bad, tried = 0, 0, 0
        count = 40
        while not (good >= MOST_STREAMS or (bad and bad <= max(good * 1.05, good + 1))):
            good, bad = (count, bad) if count <= limit else (good, count)
            count = next_count(good, bad, min(1.0, max(good, 1) / limit))
            tried += 1
        assert good <= limit or good == MOST_STREAMS
        assert good * 1.06 + 1 >= min(limit, MOST_STREAMS)
        assert tried < 25


def test_figures():
    """Medians with their spread; ratios within rounds; percentiles by nearest rank."""
    assert Figure.of([3, 1, 2]) == Figure(2, 1, 3)
    assert ratio([(10, 1), (40, 2)]) == Figure(15, 10, 20)
    assert percentile(range(1, 101), 99) == 99
    assert percentile([5], 99) == 5


def test_the_report_says_what_was_reached_and_what_was_not_measured():
    """Every line of the table stands there, measured or not."""
    results = Results({"burst": {"jacie": [{"tokens_per_cpu_s": 200.0}], "peer": [{"tokens_per_cpu_s": 10.0}]}})
    lines = table_of_goals(results)
    assert len(lines) == len(GOALS) + 2
    assert lines[2].endswith("| 200 | – | 10 | – | 20 x | 15 x | 28 x | floor |")
    assert all(line.endswith("| not measured |") for line in lines[3:])
    assert table_of_figures(results)[2] == "| tokens per CPU-second, poured | 200 | – | 10 | – | – |"


def test_idle_threads_are_not_work():
    """A sampled thread that waits for a job is no share of the CPU."""
    stacks = ["run (a.py:1);send (b.py:2) 3", "run (a.py:9) 1", "w (c.py:1);acquire_with_timeout (gevent/_threading.py:36) 50"]
    alone, within, total = shares(stacks)
    assert (alone["send (b.py)"], within["run (a.py)"], total) == (3, 4, 4)
