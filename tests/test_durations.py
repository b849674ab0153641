"""The rule that no test compares a measured time: which comparisons it finds, and what it permits."""

import pytest

from tests.support.durations import duration_comparisons

MEASURED = {
    "a difference": "began = time.monotonic()\nassert time.monotonic() - began < 5",
    "a lower bound": "began = time.perf_counter()\nassert 0.1 <= time.perf_counter() - began",
    "a moment": "end = time.monotonic() + 5\nwhile busy():\n    assert time.monotonic() < end",
    "an imported clock": "from time import monotonic\nassert monotonic() < 5",
    "arithmetic": "took = [time.time_ns() for _ in range(5)]\nassert statistics.median(took) < 3",
    "a list that grows": "times = []\ntimes.append((1, time.process_time()))\nassert max(times[0]) < 1",
    "a pair": "done, began = [], time.thread_time()\nassert time.thread_time() - began < 1, done",
    "a function": "def timed():\n    return time.monotonic() - began\nassert timed() < 1",
    "an attribute": "class A:\n    def f(self):\n        self.ended = time.monotonic()\nassert a.ended < 1",
    "a field": "@dataclass\nclass A:\n    n: int\n    took: float\none = A(1, time.monotonic() - began)\nassert one.took < 1",
    "an attribute from elsewhere": "assert frames[1].at - frames[0].at > 0.3",
    "outside of an assertion": "if time.monotonic() - began > 5:\n    late.append(1)",
    "a closure": "ends = []\ndef end():\n    ends.append(time.monotonic())\nassert ends[0] < 5",
    "a program": 'run("""\n    import time\n    began = time.monotonic()\n    print(time.monotonic() - began < 5)\n""")',
}
NOT_MEASURED = {
    "a loop": "end = time.monotonic() + 5\nwhile busy() and time.monotonic() < end:\n    time.sleep(0.1)",
    "a value made of the time": "key = made(expires_at=time.time() - 60)\nassert key.uses < 5",
    "a long run": "@pytest.mark.soak\ndef test_it():\n    began = time.monotonic()\n    assert time.monotonic() - began < 5",
    "another function's name": "def one():\n    end = time.monotonic()\ndef two():\n    end = 3\n    assert end < 5",
    "a count": "times = [time.monotonic() for _ in range(3)]\nassert len(times) > 2",
    "a sentence": "assert 1 < 2, 'time. It is over'",
}


@pytest.mark.parametrize("source", MEASURED.values(), ids=MEASURED)
def test_a_comparison_with_a_measured_time_is_found(source):
    """Whichever way the time comes to the comparison."""
    assert duration_comparisons(source, frozenset({"at"})) != []


@pytest.mark.parametrize("source", NOT_MEASURED.values(), ids=NOT_MEASURED)
def test_other_uses_of_a_clock_are_permitted(source):
    """Bounded waits, times as values, and what is called alike."""
    assert duration_comparisons(source, frozenset({"at"})) == []
