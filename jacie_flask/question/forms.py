"""The form of a question: what decides on its operator, and the operator decided on."""

import re
from dataclasses import dataclass

from jacie_flask.question.marks import Mark, Marked

YES_NO = frozenset({"did", "do", "does", "has", "have", "had", "is", "are", "was", "were", "can"})
_PREPOSITIONS = frozenset(
    {"between", "from", "over", "to", "in", "for", "at", "during", "of", "as", "by", "on", "since", "and", "so", "the"}
)
_SPEAKERS = frozenset({"i", "you", "we"})
_WHETHER = re.compile(r"(?i)\bwhether\b|\b(?:check|see|know|tell me|verify) if\b")


@dataclass(frozen=True)
class Decision:
    """The operator with its direction, group and threshold.

    ``grouped`` is the first token of the group's words, -1 for none. ``shared`` says that it is applied to a share of two measures.
    """

    operator: str
    direction: str = ""
    group: str = ""
    threshold: float | None = None
    grouped: int = -1
    shared: bool = False


@dataclass(frozen=True)
class Form:
    """What of a question decides on its operator: the kinds of operators that its open words name, and what it names."""

    marked: Marked
    kinds: frozenset[str]
    measures: int
    periods: int
    companies: int
    yes_no: bool
    several: bool = False

    def has(self, *kinds: str) -> bool:
        """Say whether words of one of these kinds are there."""
        return not self.kinds.isdisjoint(kinds)


def form_of(marked: Marked, measures: int, companies: int) -> Form:
    """Return the form of a marked question."""
    opened = marked.open_marks()
    kinds = frozenset(kind for mark in opened for kind in mark.operators)
    periods = sum(len(mark.period.spans) for mark in opened if mark.period is not None)
    periods += sum(mark.has("relative") for mark in opened)
    several = periods > 1 or any(mark.period is not None and mark.period.count for mark in opened)
    return Form(marked, kinds, measures, periods, companies, asks_yes_or_no(marked), several)


def asks_yes_or_no(marked: Marked) -> bool:
    """Say whether the question opens with an auxiliary verb, before which only a period or "for" a company may stand."""
    if _WHETHER.search(marked.text):
        return True
    before = ""
    for mark in marked.marks:
        word = marked.tokens[mark.first].text.lower()
        if mark.has("company") and before not in _PREPOSITIONS and not _addressed(marked, mark):
            return False
        if mark.has("wish") and word == "how":
            return False
        passed = mark.first in marked.explained or not marked.tokens[mark.first].word or mark.period is not None
        if not passed and word not in _PREPOSITIONS and "compare" not in mark.operators:
            following = marked.tokens[mark.last].text.lower() if mark.last < len(marked.tokens) else ""
            return word in YES_NO and following not in _SPEAKERS
        before = word
    return False


def _addressed(marked: Marked, mark: Mark) -> bool:
    """Say whether a company is named before the question itself: "Averlinde: did the margin rise"."""
    return mark.last < len(marked.tokens) and marked.tokens[mark.last].text in {":", ",", "-", "–", "—"}


def explain(form: Form, *kinds: str) -> None:
    """Explain the open words of these kinds of operators."""
    for mark in form.marked.open_marks():
        if any(kind in kinds for kind in mark.operators):
            form.marked.explain(mark)


def explain_companies(form: Form) -> None:
    """Explain the words that stand for the companies that are compared."""
    form.marked.explain(*(mark for mark in form.marked.open_marks() if mark.has("group:companies")))
