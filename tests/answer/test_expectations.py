"""What is expected of an answer: learnt from those before it, forgotten in time, and told only when it is known well enough."""

import random
import threading

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jacie_flask.answer.expectations import (
    ENOUGH,
    KEPT,
    NOTHING_KNOWN,
    RecentAnswers,
    expected_tokens,
    known_well_enough,
    left_at_pace,
    left_to_write,
)
from jacie_flask.answer.model.progress import SHORTEST, Writing, share_written
from jacie_flask.answer.steps import CHAT, Steps
from jacie_flask.interfaces import Estimate, Taken

DOCUMENTS = 4


class Clock:
    """A clock that a test sets, in seconds since the epoch."""

    now = 1_767_225_600.0

    def __call__(self):
        """Return the time."""
        return self.now


def taken(tokens=100, token_ms=20.0, **rest_ms):
    """Return what an answer took; ``finalizing=50`` is 50 ms from the begin of that step to the result."""
    return Taken(tokens=tokens, token_ms=token_ms, rest_ms={(step, False): ms for step, ms in rest_ms.items()})


def learnt(*answers):
    """Return the forecast after these answers."""
    recent = RecentAnswers()
    for answer in answers:
        recent.learn("chat", "m", answer)
    return recent.of("chat", "m")


def answer(forecast, *, tokens=200, document_s=0.5, first_s=2.0, token_s=0.02, jitter=lambda: 1.0):
    """Play an answer on a clock of its own; return its progress, the moment of each and of the result, and what it took."""
    clock, events = Clock(), []
    steps = Steps(CHAT, lambda event: events.append((clock.now, event)), store="S3", forecast=forecast, clock=clock)
    steps.at("start")
    steps.at("doc_selection")
    clock.now += 0.05
    steps.at("doc_selection", 1.0)
    steps.at("doc_loading")
    for k in range(1, DOCUMENTS + 1):
        clock.now += document_s * jitter()
        steps.at("doc_loading", k / DOCUMENTS, left=steps.left_at_pace("doc_loading", k / DOCUMENTS))
    steps.at("ai_generation")
    clock.now += first_s * jitter()
    writing, report_at = Writing(steps, forecast, 250), Writing.FIRST
    for written in range(1, tokens + 1):
        clock.now += token_s * jitter() if written > 1 else 0
        if written >= report_at:
            report_at = writing.reached(written)
    writing.ended(tokens)
    steps.at("finalizing")
    clock.now += 0.1
    steps.at("complete")
    return events, clock.now, Taken(tokens=writing.tokens, token_ms=writing.token_ms, rest_ms=steps.rest_ms())


def etas(events):
    """Return (step, moment, eta_ms) of the events that have one."""
    return [(event.step, at, event.details["eta_ms"]) for at, event in events if "eta_ms" in event.details]


# --------------------------------------------------------------------------------------------------- learning


def test_nothing_is_known_before_the_first_answer():
    """The default length holds, and nothing is said about time."""
    assert expected_tokens(NOTHING_KNOWN, 250) == 250
    assert left_to_write(NOTHING_KNOWN, 10, 20.0) is None
    assert left_at_pace(NOTHING_KNOWN, "doc_loading", 0.5, 100.0) is None
    assert etas(answer(NOTHING_KNOWN)[0]) == []


def test_the_first_answer_already_counts():
    """From the second answer on, the expected length is the median of those seen."""
    assert expected_tokens(learnt(taken(40)), 250) == 40
    assert expected_tokens(learnt(taken(40), taken(1000), taken(60)), 250) == 60


def test_modes_and_models_learn_apart():
    """What one model does in one mode says nothing about another."""
    recent = RecentAnswers()
    recent.learn("chat", "a", taken(40))
    assert recent.of("chat", "b") == recent.of("fast_chat", "a") == NOTHING_KNOWN


def test_an_answer_without_tokens_says_nothing():
    """A model that said nothing has no usual length."""
    assert learnt(taken(0)) == NOTHING_KNOWN


def test_old_answers_are_forgotten():
    """A model that changed its ways is known again after as many answers as are kept, and memory stays bounded."""
    forecast = learnt(*[taken(400, finalizing=9000)] * 500, *[taken(40, finalizing=10)] * KEPT)
    assert forecast.lengths == (40,) * KEPT
    assert forecast.rest_ms["finalizing", False] == Estimate(ms=10, spread=0)


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=130))
def test_the_last_answers_are_kept_whatever_they_are(lengths):
    """The lengths of a forecast are those of the last answers, in order of size."""
    assert list(learnt(*map(taken, lengths)).lengths) == sorted(lengths[-KEPT:])


def test_a_forecast_that_was_taken_stays():
    """A run's expectations do not change while it goes on."""
    recent = RecentAnswers()
    recent.learn("chat", "m", taken(40))
    before = recent.of("chat", "m")
    recent.learn("chat", "m", taken(400))
    assert before.lengths == (40,)


def test_threads_learn_side_by_side():
    """No answer is lost or counted twice when many end at once."""
    recent, begin = RecentAnswers(), threading.Barrier(5)

    def learn(length):
        begin.wait()
        for _ in range(10):
            recent.learn("chat", "m", taken(length))

    threads = [threading.Thread(target=learn, args=(n,)) for n in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recent.of("chat", "m").lengths == tuple(n for n in range(1, 6) for _ in range(10))


# -------------------------------------------------------------------------------------------------- confidence


@pytest.mark.parametrize(
    ("ms", "spread", "known"),
    [(10_000, 5_000, True), (10_000, 5_001, False), (100, 1_000, True), (100, 1_001, False), (0, 0, True)],
)
def test_known_well_enough(ms, spread, known):
    """The middle half of what was seen is at most half of the median wide, or a second."""
    assert known_well_enough(Estimate(ms=ms, spread=spread)) is known


def test_an_estimate_needs_five_answers():
    """Four are not enough for any moment of a run, five are."""
    assert learnt(*[taken(finalizing=50)] * (ENOUGH - 1)).rest_ms == {}
    assert left_to_write(learnt(*[taken(finalizing=50)] * (ENOUGH - 1)), 50, 20.0) is None
    assert left_to_write(learnt(*[taken(finalizing=50)] * ENOUGH), 50, 20.0) == Estimate(ms=50 * 20 + 50, spread=0)


def test_the_pace_is_the_answers_own_where_there_is_one():
    """The usual pace stands in where all text came at once."""
    forecast = learnt(*[taken(token_ms=30.0, finalizing=50)] * ENOUGH)
    assert left_to_write(forecast, 50, None).ms == 50 * 30 + 50
    assert left_to_write(forecast, 50, 10.0).ms == 50 * 10 + 50
    assert left_to_write(learnt(*[taken(token_ms=None, finalizing=50)] * ENOUGH), 50, None) is None


def test_a_long_answer_is_compared_with_long_ones():
    """An answer that outgrew the usual length is expected to get as long as those that did so before; beyond, nobody knows."""
    forecast = learnt(*[taken(length, finalizing=0) for length in [100] * 20 + [300, 400, 500]])
    assert left_to_write(forecast, 50, 1.0).ms == 50
    assert left_to_write(forecast, 150, 1.0).ms == 400 - 150
    assert left_to_write(forecast, 300, 1.0) is None


def test_where_times_differ_widely_nothing_is_said():
    """A server that takes 2 s or 40 s for the first token names no time before the model's step, but does within it."""
    recent = RecentAnswers()
    for n in range(12):
        recent.learn("chat", "m", answer(NOTHING_KNOWN, first_s=2.0 if n % 2 else 40.0)[2])
    told = {step for step, _, _ in etas(answer(recent.of("chat", "m"))[0])}
    assert "start" not in told
    events = [event for _, event in answer(recent.of("chat", "m"))[0] if event.step == "ai_generation"]
    assert "eta_ms" not in events[0].details
    assert "eta_ms" in events[1].details


# ------------------------------------------------------------------------------------------------------- time left


@given(
    st.integers(16, 800),
    st.floats(0.001, 2.0),
    st.floats(0.01, 60.0),
    st.floats(0.001, 0.2),
)
def test_steady_answers_are_foretold(tokens, document_s, first_s, token_s):
    """When all answers are alike, every report from the first on names the time to the result to within 2 % or 30 ms."""
    ways = {"tokens": tokens, "document_s": document_s, "first_s": first_s, "token_s": token_s}
    forecast = learnt(*[answer(NOTHING_KNOWN, **ways)[2]] * ENOUGH)
    events, end, _ = answer(forecast, **ways)
    told = etas(events)
    before_the_end = [event for _, event in events if event.details.get("tokens", 0) < tokens]
    assert len(told) >= len(before_the_end)
    for step, at, eta_ms in told:
        rest = (end - at) * 1000
        assert abs(eta_ms - rest) <= max(0.02 * rest, 30), (step, eta_ms, rest)


def test_answers_that_vary_are_foretold_roughly():
    """With everything up to a fifth faster or slower, nine of ten named times are less than 15 % off, all less than 40 %."""
    chance = random.Random(7)
    ways = {"jitter": lambda: chance.uniform(0.8, 1.2)}
    recent, errors = RecentAnswers(), []
    for n in range(80):
        events, end, took = answer(recent.of("chat", "m"), tokens=chance.randint(180, 220), **ways)
        recent.learn("chat", "m", took)
        if n >= ENOUGH:
            rests = [((end - at) * 1000, eta_ms) for _, at, eta_ms in etas(events)]
            errors += [abs(eta_ms - rest) / max(rest, 1500) for rest, eta_ms in rests]
    errors.sort()
    assert len(errors) > 1000
    assert errors[len(errors) * 9 // 10] < 0.15
    assert errors[-1] < 0.4


def test_documents_that_land_slower_than_usual_move_the_time():
    """The more documents have landed, the more their pace counts: nine tenths of the wait are known near the end."""
    forecast = learnt(*[answer(NOTHING_KNOWN, document_s=0.5)[2]] * ENOUGH)
    events, end, _ = answer(forecast, document_s=5.0)
    off = [abs(eta_ms - (end - at) * 1000) for step, at, eta_ms in etas(events) if step == "doc_loading"]
    assert len(off) == DOCUMENTS + 1
    assert off[0] > 15_000
    assert off == sorted(off, reverse=True)
    assert off[-2] < 2_000


def test_a_slower_model_moves_the_time():
    """The pace of the answer itself is used as soon as there is one."""
    forecast = learnt(*[answer(NOTHING_KNOWN)[2]] * ENOUGH)
    events, end, _ = answer(forecast, token_s=0.2)
    first, *later = [(at, eta) for step, at, eta in etas(events) if step == "ai_generation"]
    assert (end - first[0]) * 1000 > 4 * first[1]
    assert all(abs((end - at) * 1000 - eta) < 300 for at, eta in later)


# ------------------------------------------------------------------------------------------------ the model's step


def written(deltas, forecast=NOTHING_KNOWN, default=250):
    """Return the progress that deltas of so many tokens lead to, and how often more than a comparison was needed."""
    events, calls, tokens = [], 0, 0
    steps = Steps(CHAT, events.append, store="S3", clock=Clock())
    steps.at("ai_generation")
    writing, report_at = Writing(steps, forecast, default), Writing.FIRST
    for delta in deltas:
        tokens += delta
        if tokens >= report_at:
            calls += 1
            report_at = writing.reached(tokens)
            assert report_at > tokens
    writing.ended(tokens)
    return events, calls


@given(st.lists(st.integers(0, 60), max_size=300), st.lists(st.integers(1, 900), max_size=8), st.sampled_from([60, 250]))
@example([1] * 5000, [], 60)
@example([1] * 5000, [1], 250)
def test_percent_only_grows_and_stays_below_the_next_step(deltas, lengths, default):
    """Whatever comes, and whatever was learnt: reports grow, none reaches the end of the step, and there are few."""
    events, calls = written(deltas, learnt(*map(taken, lengths)), default)
    percent = [event.progress for event in events]
    assert percent == sorted(percent)
    assert percent[0] == 80
    assert percent[-1] <= 94
    assert calls <= len(events) <= 5 + sum(deltas).bit_length()


@pytest.mark.parametrize("factor", [0.5, 1, 2, 4, 8])
def test_an_answer_has_at_most_eight_reports(factor):
    """Up to eight times the expected length, with the one at its begin."""
    assert len(written([1] * int(250 * factor))[0]) <= 8


@given(st.floats(1, 1e6), st.floats(SHORTEST, 1e4), st.floats(1.01, 10))
def test_the_curve_never_stalls(tokens, expected, more):
    """More tokens are always more progress, and never all of it."""
    assert 0 < share_written(tokens, expected) < share_written(tokens * more, expected) < 1


def test_the_expected_length_is_four_fifths():
    """Half of all answers become longer, so there is room beyond the expected length."""
    assert [round(share_written(n, 100), 3) for n in (25, 50, 100, 200, 400)] == [0.2, 0.4, 0.8, 0.9, 0.95]


def test_reports_come_at_quarters_and_then_at_doublings():
    """Tokens and percent of the reports of an answer four times as long as expected."""
    events, calls = written([1] * 1000)
    assert [(event.details.get("tokens", 0), event.progress) for event in events] == [
        (0, 80), (63, 82.8), (125, 85.6), (188, 88.4), (250, 91.2), (500, 92.6), (1000, 93.3),
    ]  # fmt: skip
    assert calls == 7


def test_percent_follows_what_was_learnt():
    """The same half of an answer is little where answers are long, and almost all where they are short."""
    by_length = {length: written([1] * 100, learnt(taken(length)))[0][-1].progress for length in (50, 100, 400)}
    assert by_length == {50: 92.6, 100: 91.2, 400: 82.8}
