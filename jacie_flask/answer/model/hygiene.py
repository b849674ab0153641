"""Cleans a model's text while it comes: what belongs to the prompt or its template is taken out, and what is no answer is recognised."""

import re
from collections.abc import Iterable

from jacie_flask.answer.model.repetition import Repetition
from jacie_flask.answer.model.template_marks import TemplateMarks

_MARKERS_ONLY = re.compile(r"[\s.,;:*()-]*(?:\[\d{1,3}\][\s.,;:*()-]*)*")
_BEYOND_MARKERS = re.compile(r"[^\s\d\[\].,;:*()-]")
_MOST_HELD = 200
_DECORATION = " \t\r*_>#-"
_MOST_DECORATION = 16
_LINE_TO_LOOK_AT = re.compile(r"\n[ \t]{0,8}[\[#*>_-]")
_PAGE = re.compile(r", page \d")
_OTHERS_ROLES = ("### instruction:", "### human:", "### user:", "### system:", "### input:")
_OWN_ROLES = ("### response:", "### assistant:")
_ROLES = _OTHERS_ROLES + _OWN_ROLES


class Hygiene:
    """Takes the pieces of one answer and gives back what may be shown.

    ``stopped`` says that nothing of what still comes can belong to the answer, ``repetition`` whether the text repeats itself,
    ``markers_only`` at its end that it is nothing but numbers of excerpts, like "[1]", which are not shown.
    """

    def __init__(self, headers: Iterable[str] = ()) -> None:
        """Take out lines that repeat one of ``headers``, the lines above the prompt's excerpts."""
        self.repetition = Repetition()
        self.stopped = self.markers_only = False
        self._headers = tuple(headers)
        self._marks = TemplateMarks()
        self._begun: list[str] | None = []
        self._line = ""
        self._last = "\n"
        self._plain = self._spoke = self._removed = False

    def feed(self, text: str) -> str:
        """Return what of the answer can be shown by now."""
        if self.stopped or not text:
            return ""
        if not self._plain or self._last == "\n" or "<" in text or "[" in text or "\n" in text:
            text = self._cleaned(text)
            if not text:
                return ""
        self._last = text[-1]
        self.repetition.feed(text)
        if self.repetition.found:
            self.stopped = True
        return text

    def end(self) -> str:
        """Return what was kept back."""
        text = "" if self.repetition.found else self._lines(self._marks.end(), last=True)
        if self._begun is None:
            return text
        text = "".join((*self._begun, text))
        self._begun = None
        self.markers_only = is_markers_only(text)
        return "" if self.markers_only or text.isspace() else text

    def _cleaned(self, text: str) -> str:
        """Return what can be shown of a piece that may hold what is taken out."""
        if self._plain and self._last != "\n" and not TemplateMarks.in_text(text) and not _LINE_TO_LOOK_AT.search(text):
            return text
        text = self._begin(self._lines(self._marks.feed(text)))
        self.stopped = self.stopped or self._marks.over
        self._plain = self._begun is None and not self._line and self._marks.idle
        return text

    def _begin(self, text: str) -> str:
        """Keep the beginning of an answer until it holds more than the numbers of excerpts."""
        if self._begun is None:
            return text
        self._begun.append(text)
        if not _BEYOND_MARKERS.search(text) and sum(map(len, self._begun)) <= _MOST_HELD:
            return ""
        begun, self._begun = "".join(self._begun), None
        return begun.lstrip() if self._removed or self._marks.marked else begun

    def _lines(self, text: str, *, last: bool = False) -> str:
        """Return a text without the lines that head an excerpt or name a speaker."""
        shown: list[str] = []
        begins = bool(self._line) or self._last == "\n"
        lines = text.split("\n")
        for number, piece in enumerate(lines):
            ends = number < len(lines) - 1
            line, self._line = self._line + piece + "\n" * ends, ""
            if begins:
                line = self._checked_line(line, ends=ends or last)
            if self.stopped:
                break
            self._spoke = self._spoke or not (line.isspace() or not line)
            shown.append(line)
            begins = ends
        return "".join(shown)

    def _checked_line(self, line: str, *, ends: bool) -> str:
        """Return what of a line is shown; what may become a header waits."""
        words = line.lstrip().lower()
        if words.startswith(_OWN_ROLES):
            self._removed = True
            return line.partition(":")[2]
        if words.startswith(_OTHERS_ROLES):
            self.stopped = self._spoke
            if not ends:
                self._line = line
            return ""
        if not ends and self._may_become_header(line):
            self._line = line
            return ""
        if ends and self._is_header(line):
            self._removed = True
            return ""
        return line

    def _may_become_header(self, line: str) -> bool:
        words = line.lstrip(_DECORATION)
        if line.lstrip().startswith("#") and any(role.startswith(line.lstrip().lower()) for role in _ROLES):
            return True
        if not words:
            return 0 < len(line) <= _MOST_DECORATION
        words = words.rstrip(_DECORATION)
        return words.startswith("[") and any(header.startswith(words) for header in self._headers)

    def _is_header(self, line: str) -> bool:
        words = line.strip().strip(_DECORATION + ":")
        if not words.startswith("["):
            return False
        return any(header.rstrip(":") == words or (header.startswith(words) and _PAGE.search(words)) for header in self._headers)


def is_markers_only(answer: str) -> bool:
    """Say whether an answer holds nothing but numbers of excerpts, like "[1]", and punctuation."""
    return "[" in answer and _MARKERS_ONLY.fullmatch(answer) is not None
