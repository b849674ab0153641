"""The steps of a run: their words, their share of the percent, and how long each took."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from jacie_flask.answer.expectations import NOTHING_KNOWN, known_well_enough, left_at_pace
from jacie_flask.events import Progress, ProgressCallback
from jacie_flask.interfaces import Estimate, Forecast, Moment

Table = Mapping[str, tuple[float, float, str]]

CHAT: Table = {
    "start": (5, 5, "Starting chat processing..."),
    "doc_selection": (10, 20, "Selecting relevant documents..."),
    "doc_loading": (20, 60, "Loading documents from {store}..."),
    "ai_generation": (80, 94, "Generating AI response..."),
    "finalizing": (95, 95, "Finalizing response..."),
    "complete": (100, 100, "Response generation complete!"),
}
FAST_CHAT: Table = {
    "start": (5, 5, "Starting chat processing..."),
    "query_prep": (10, 10, "Preparing search query..."),
    "doc_selection": (25, 35, "Selecting relevant documents..."),
    "vector_search": (50, 65, "Searching vector database..."),
    "ai_generation": (80, 94, "Generating AI response..."),
    "finalizing": (95, 95, "Finalizing response..."),
    "complete": (100, 100, "Response generation complete!"),
}


class Steps:
    """Turns a pipeline's facts into Progress events: percent never falls, every step keeps its place in the table.

    Where ``forecast`` knows it well enough, their details say in how many milliseconds the result will be there: ``eta_ms``.
    """

    def __init__(
        self,
        table: Table,
        progress: ProgressCallback,
        *,
        store: str,
        forecast: Forecast = NOTHING_KNOWN,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._table = table
        self._progress = progress
        self._store = store
        self._forecast = forecast
        self._clock = clock
        self._began = clock()
        self._percent = 0.0
        self._step = ""
        self._step_began = self._began
        self._moments: dict[Moment, float] = {}
        self.timings_ms: dict[str, int] = {}

    def at(self, step: str, fraction: float = 0.0, message: str = "", *, left: Estimate | None = None, **details: Any) -> None:
        """Report that ``step`` is done to ``fraction`` (0 to 1), with its facts; ``message`` replaces the step's own words.

        ``left`` says what is left of the run in the midst of a step; at its begin and end past answers do.
        """
        now = self._clock()
        if step != self._step:
            self._close(now)
            self._step, self._step_began = step, now
        if not 0 < fraction < 1:
            moment = (step, fraction >= 1)
            self._moments.setdefault(moment, now)
            left = self._forecast.rest_ms.get(moment)
        if left and known_well_enough(left):
            details["eta_ms"] = round(left.ms)
        low, high, words = self._table[step]
        self._percent = max(self._percent, low + (high - low) * min(max(fraction, 0.0), 1.0))
        self._progress(
            Progress(
                step=step,
                message=message or words.format(store=self._store),
                progress=round(self._percent, 1),
                timestamp=datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                elapsed_ms=self.elapsed_ms(),
                details=details,
            )
        )

    def left_at_pace(self, step: str, share: float) -> Estimate | None:
        """Return what is left of the run when the step under way, ``step``, goes on as it did for a ``share`` of its work."""
        return left_at_pace(self._forecast, step, share, (self._clock() - self._step_began) * 1000)

    def mark(self, name: str) -> None:
        """Record how long after the start ``name`` happened, once."""
        if name not in self.timings_ms:
            self.timings_ms[name] = self.elapsed_ms()

    def elapsed_ms(self) -> int:
        """Return the milliseconds since the run began."""
        return round((self._clock() - self._began) * 1000)

    def finish(self) -> dict[str, int]:
        """Close the last step and return the milliseconds of each, with ``total``."""
        self._close(self._clock())
        return {**self.timings_ms, "total": self.elapsed_ms()}

    def rest_ms(self) -> dict[Moment, float]:
        """Return the milliseconds from the begin and the end of each step until now."""
        now = self._clock()
        return {moment: max(now - at, 0.0) * 1000 for moment, at in self._moments.items()}

    def _close(self, now: float) -> None:
        if self._step:
            self.timings_ms[self._step] = round((now - self._step_began) * 1000)
