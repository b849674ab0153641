"""What a model has written as an answer: its cleaned text piece by piece, and whether it is an answer at all."""

from collections.abc import Generator, Iterable, Iterator

from jacie_flask.answer.model.hygiene import Hygiene, is_markers_only
from jacie_flask.events import Usage
from jacie_flask.interfaces import Delta

LENGTH = "The answer reached the language model's length limit and is cut off there."
FILTERED = "The content filter of the language model's server ended the answer, so the answer may be incomplete."
REFUSED = "The language model declined to go on, so its answer may be incomplete."
UNCONFIRMED = "The language model's server did not confirm the end of the answer, so the answer may be incomplete."
CALLED = "The language model asked for a tool, which Jacie does not offer, so its answer may be incomplete."
BLANK = "The language model went on with white space after its answer, which was left out."
_ENDINGS = {"length": LENGTH, "content_filter": FILTERED}
_NOTHING = {
    "content_filter": "The content filter of the language model's server let no answer through",
    "refused": "The language model declined to answer",
    "called": "The language model asked for a tool instead of answering",
    "length": "The language model reached its length limit before it began to answer",
    "": "The language model gave no answer",
}
_REPEATED = "The language model repeated itself without end"
_MARKERS = "The language model answered with nothing but numbers of sources"


class ModelAnswer:
    """One answer while it comes; ``usage`` and ``finish_reason`` are those of the deltas so far."""

    def __init__(self, deltas: Iterator[Delta], headers: Iterable[str] = ()) -> None:
        """Read ``deltas``; ``headers`` are the lines above the excerpts of the prompt."""
        self.usage = Usage()
        self.finish_reason = ""
        self._deltas = deltas
        self._headers = tuple(headers)
        self._hygiene = Hygiene(self._headers)
        self._shown: list[str] = []
        self._last = Delta()

    def pieces(self) -> Iterator[Delta]:
        """Yield the deltas with their cleaned text, up to where the answer ends; ``void`` takes back the text before it."""
        for delta in self._deltas:
            if delta.void:
                self._hygiene = Hygiene(self._headers)
                self._shown = []
            if delta.finish_reason is not None:
                self._last, self.finish_reason = delta, delta.finish_reason
            self.usage = delta.usage or self.usage
            text = self._hygiene.feed(delta.text)
            self._shown.append(text)
            yield Delta(text=text, tokens=delta.tokens, reasoning=delta.reasoning, void=delta.void)
            if self._hygiene.stopped:
                self._stop()
                break
        rest = self._hygiene.end()
        if rest:
            self._shown.append(rest)
            yield Delta(text=rest)

    def fault(self) -> str:
        """Return why this is no answer, as a sentence without its full stop; "" where it is one."""
        text = "".join(self._shown)
        if self._hygiene.markers_only or is_markers_only(text):
            return _MARKERS
        if not text.strip():
            return self._missing()
        if self._hygiene.repetition.found and not self._hygiene.repetition.blank:
            return _REPEATED
        return ""

    def notes(self) -> list[str]:
        """Return what a reader of the answer has to know about its end."""
        last = self._last
        notes = [_ENDINGS[last.finish_reason]] if last.finish_reason in _ENDINGS else []
        notes += [REFUSED] if last.refused else []
        notes += [] if last.confirmed else [UNCONFIRMED]
        notes += [CALLED] if last.called else []
        return notes + ([BLANK] if self._hygiene.repetition.blank else [])

    def _missing(self) -> str:
        """Return why there is no text; the server's filter goes before what the model wrote beside its text."""
        last = self._last
        kind = last.finish_reason or ""
        if kind != "content_filter":
            kind = "refused" if last.refused else "called" if last.called else kind
        return _NOTHING.get(kind, _NOTHING[""])

    def _stop(self) -> None:
        """Close the model's stream: nothing of what it would still send belongs to the answer."""
        self.finish_reason = self.finish_reason or "stop"
        if isinstance(self._deltas, Generator):
            self._deltas.close()
