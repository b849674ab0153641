"""Cleans a model's text while it comes: what belongs to the prompt or its template is taken out, and what is no answer is recognised."""

import re
from collections.abc import Iterable

from jacie_flask.answer.repetition import Repetition
from jacie_flask.answer.template_marks import TemplateMarks

_MARKERS_ONLY = re.compile(r"[\s.,;:*()-]*(?:\[\d{1,3}\][\s.,;:*()-]*)*")
_BEYOND_MARKERS = re.compile(r"[^\s\d\[\].,;:*()-]")
_MOST_HELD = 200
_DECORATION = " \t*_>#-"
_MOST_DECORATION = 16
_LINE_TO_LOOK_AT = re.compile(r"\n[ \t]{0,8}[\[#*>_-]")
_PAGE = re.compile(r", page \d")
_ROLES = tuple(f"### {role}:" for role in ("instruction", "response", "assistant", "human", "user", "system", "input"))
_OTHERS_ROLES = ("### instruction", "### human", "### user", "### system", "### input")


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
        self._plain = False

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
        begun, self._begun = self._begun, None
        return "".join(begun)

    def _lines(self, text: str, *, last: bool = False) -> str:
        """Return a text without the lines that head an excerpt or name a speaker."""
        shown: list[str] = []
        begins = bool(self._line) or self._last == "\n"
        for piece in text.splitlines(keepends=True) or [""]:
            line, self._line = self._line + piece, ""
            ends = last or line.endswith("\n")
            if not begins:
                shown.append(line)
            elif not ends and self._may_become_header(line):
                self._line = line
            elif not (ends and self._is_header(line)):
                shown.append(line)
            begins = ends
            if self.stopped:
                break
        return "".join(shown)

    def _may_become_header(self, line: str) -> bool:
        words = line.lstrip(_DECORATION)
        if not words:
            return 0 < len(line) <= _MOST_DECORATION
        if line.lstrip().startswith("#"):
            return any(role.startswith(line.strip().lower()) for role in _ROLES)
        words = words.rstrip(_DECORATION)
        return words.startswith("[") and any(header.startswith(words) for header in self._headers)

    def _is_header(self, line: str) -> bool:
        heading = line.strip().lower()
        if heading in _ROLES:
            self.stopped = heading.startswith(_OTHERS_ROLES) and self._begun is None
            return True
        words = line.strip().strip(_DECORATION + ":")
        if not words.startswith("["):
            return False
        return any(header.rstrip(":") == words or (header.startswith(words) and _PAGE.search(words)) for header in self._headers)


def is_markers_only(answer: str) -> bool:
    """Say whether an answer holds nothing but numbers of excerpts, like "[1]", and punctuation."""
    return "[" in answer and _MARKERS_ONLY.fullmatch(answer) is not None
