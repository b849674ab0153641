"""The steps of a run: their order, percent and words are the protocol's, and their times add up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jacie_flask.answer.steps import CHAT, FAST_CHAT, Steps

PROTOCOL = {
    "chat": [
        ("start", 5, 5, "Starting chat processing..."),
        ("doc_selection", 10, 20, "Selecting relevant documents..."),
        ("doc_loading", 20, 60, "Loading documents from S3..."),
        ("ai_generation", 80, 94, "Generating AI response..."),
        ("finalizing", 95, 95, "Finalizing response..."),
        ("complete", 100, 100, "Response generation complete!"),
    ],
    "fast_chat": [
        ("start", 5, 5, "Starting chat processing..."),
        ("query_prep", 10, 10, "Preparing search query..."),
        ("doc_selection", 25, 35, "Selecting relevant documents..."),
        ("vector_search", 50, 65, "Searching vector database..."),
        ("ai_generation", 80, 94, "Generating AI response..."),
        ("finalizing", 95, 95, "Finalizing response..."),
        ("complete", 100, 100, "Response generation complete!"),
    ],
}
TABLES = {"chat": CHAT, "fast_chat": FAST_CHAT}


class Clock:
    """A clock that a test sets, in seconds since the epoch."""

    now = 1_767_225_600.0

    def __call__(self):
        """Return the time."""
        return self.now


def steps(table=CHAT, store="S3"):
    """Return steps, their events and their clock."""
    events, clock = [], Clock()
    return Steps(table, events.append, store=store, clock=clock), events, clock


@pytest.mark.parametrize("mode", sorted(PROTOCOL))
def test_the_table_is_the_protocols(mode):
    """Each step begins and ends at its percent, with its words."""
    made, events, _ = steps(TABLES[mode])
    for step, *_ in PROTOCOL[mode]:
        made.at(step)
        made.at(step, 1.0)
    told = [
        (begin.step, begin.progress, end.progress, begin.message) for begin, end in zip(events[::2], events[1::2], strict=True)
    ]
    assert told == PROTOCOL[mode]
    assert list(TABLES[mode]) == [step for step, *_ in PROTOCOL[mode]]


def test_a_local_store_is_called_by_its_name():
    """Documents of a folder are not said to come from S3, whatever the folder is called."""
    made, events, _ = steps(store="filings {0} {store}")
    made.at("doc_loading")
    assert events[0].message == "Loading documents from filings {0} {store}..."


def test_facts_and_words_of_a_step():
    """Details are passed on as they are, and a message of its own replaces the step's."""
    made, events, _ = steps()
    made.at("doc_loading", 0.5, "Loaded 1 of 2 documents from S3...", loaded=1, total=2)
    assert (events[0].message, events[0].progress, events[0].details) == (
        "Loaded 1 of 2 documents from S3...", 40.0, {"loaded": 1, "total": 2},
    )  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(sorted(CHAT)), st.floats(-2, 3, allow_nan=False)), max_size=20))
def test_percent_never_falls(reports):
    """In whatever order and to whatever fraction steps report, percent stays between 0 and 100 and never goes back."""
    made, events, _ = steps()
    for step, fraction in reports:
        made.at(step, fraction)
    percents = [event.progress for event in events]
    assert percents == sorted(percents)
    assert all(0 <= percent <= 100 for percent in percents)


def test_times_are_told():
    """The timestamp is ISO 8601 in UTC, and elapsed_ms counts from the start."""
    made, events, clock = steps()
    made.at("start")
    clock.now += 1.5
    made.at("doc_selection")
    assert [(event.timestamp, event.elapsed_ms) for event in events] == [
        ("2026-01-01T00:00:00.000Z", 0),
        ("2026-01-01T00:00:01.500Z", 1500),
    ]


def test_timings_add_up():
    """Each step's own time, the first token once, and the total."""
    made, _, clock = steps()
    for step, seconds in (("start", 0.25), ("doc_selection", 0.5), ("ai_generation", 2.0)):
        made.at(step)
        clock.now += seconds / 2
        made.mark("first_token")
        made.at(step, 1.0)
        clock.now += seconds / 2
    assert made.finish() == {"start": 250, "first_token": 125, "doc_selection": 500, "ai_generation": 2000, "total": 2750}
    assert made.elapsed_ms() == 2750


def test_what_the_callback_raises_reaches_the_pipeline():
    """A report is a place where a run can end."""

    def stop(_):
        raise TimeoutError

    with pytest.raises(TimeoutError):
        Steps(CHAT, stop, store="S3").at("start")
