"""The operator of a plan: what a question wants done with its measures, and which of its words say so."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from jacie_flask.question.marks import Mark, Marked

YES_NO = frozenset({"did", "do", "does", "has", "have", "had", "is", "are", "was", "were", "can"})
_PREPOSITIONS = frozenset({"in", "for", "at", "during", "of", "as", "by", "on", "since", "and", "so", "the"})
_PEAKS = frozenset({"peak", "peaked", "record", "highest", "lowest"})
_SPEAKERS = frozenset({"i", "you", "we"})
_CHANGING = ("change", "growth", "up", "down", "better", "worse", "year_over_year", "trend", "compare", "than", "exists")
_WHETHER = re.compile(r"(?i)\bwhether\b|\b(?:check|see|know|tell me|verify) if\b")
_WITHIN = re.compile(
    r"(?i)(?:within|by less than|less than|under|below|by no more than|no more than) (\d{1,4}(?:\.\d{1,4})?) ?(?:%|percent)"
)


@dataclass(frozen=True)
class Decision:
    """The operator with its direction, group and threshold; ``grouped`` is the first token of the group's words, -1 for none."""

    operator: str
    direction: str = ""
    group: str = ""
    threshold: float | None = None
    grouped: int = -1


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
    return Form(marked, kinds, measures, periods, companies, _asks_yes_or_no(marked), several)


def _asks_yes_or_no(marked: Marked) -> bool:
    """Say whether the question opens with an auxiliary verb, before which only a period or "for" a company may stand."""
    if _WHETHER.search(marked.text):
        return True
    before = ""
    for mark in marked.marks:
        word = marked.tokens[mark.first].text.lower()
        if mark.has("company") and before not in _PREPOSITIONS:
            return False
        passed = mark.first in marked.explained or not marked.tokens[mark.first].word or mark.period is not None
        if not passed and word not in _PREPOSITIONS:
            following = marked.tokens[mark.last].text.lower() if mark.last < len(marked.tokens) else ""
            return word in YES_NO and following not in _SPEAKERS
        before = word
    return False


def decide(form: Form) -> Decision:
    """Return the operator that fits a question, and explain the words that say so."""
    for rule in RULES:
        decision = rule(form)
        if decision is not None:
            return decision
    return Decision("value")


def _explain(form: Form, *kinds: str) -> None:
    for mark in form.marked.open_marks():
        if any(kind in kinds for kind in mark.operators):
            form.marked.explain(mark)


def _direction(form: Form) -> str:
    if form.has("up") and not form.has("down"):
        return "up"
    return "down" if form.has("down") and not form.has("up") else ""


def _highlights(form: Form) -> Decision | None:
    if not form.has("highlights") or form.measures:
        return None
    _explain(form, "highlights", "year_over_year")
    return Decision("highlights")


def _drivers(form: Form) -> Decision | None:
    if not form.has("drivers") or not form.measures:
        return None
    direction = _direction(form)
    _explain(form, "drivers", *_CHANGING)
    return Decision("drivers", direction)


def _which_year(form: Form) -> Decision | None:
    if not form.has("which_year") or not form.has("largest", "smallest") or not form.measures:
        return None
    direction = "down" if form.has("smallest") else "up"
    _explain(form, "which_year", "largest", "smallest")
    return Decision("which_year", direction)


def _extreme(form: Form) -> Decision | None:
    """Read "the largest liability", "which segment had the lowest revenue", "which company has the highest margin"."""
    if not form.has("largest", "smallest") or form.has("largest") == form.has("smallest"):
        return None
    group = _group(form)
    if group is None:
        return _of_companies(form) or _of_years(form)
    operator = "largest" if form.has("largest") else "smallest"
    form.marked.explain(group)
    _explain(form, "largest", "smallest")
    name = next(kind.partition(":")[2] for kind in group.meanings if kind.startswith("group:"))
    direction = "up" if operator == "largest" else "down"
    if name == "quarters":
        return Decision("which_year", direction, name)
    if name == "activities":
        form.marked.explain(*(mark for mark in form.marked.open_marks() if mark.has("ambiguous")))
    return Decision(operator, direction, name, grouped=group.first)


def _of_companies(form: Form) -> Decision | None:
    """Read "which of the two had the highest margin": the companies are compared."""
    if form.companies < 2 or not form.measures:
        return None
    direction = "up" if form.has("largest") else "down"
    _explain(form, "largest", "smallest", "compare", "than")
    _explain_companies(form)
    return Decision("compare", direction)


def _of_years(form: Form) -> Decision | None:
    """Read "the lowest margin between 2018 and 2022" and "peak revenue": the year is asked for as well."""
    marks = [mark for mark in form.marked.open_marks() if {"largest", "smallest"} & set(mark.operators)]
    words = {form.marked.tokens[mark.first].key for mark in marks}
    if form.measures != 1 or len(marks) != 1 or not (form.several or words & _PEAKS):
        return None
    direction = "up" if form.has("largest") else "down"
    form.marked.explain(*marks)
    return Decision("which_year", direction)


def _explain_companies(form: Form) -> None:
    form.marked.explain(*(mark for mark in form.marked.open_marks() if mark.has("group:companies")))


def _group(form: Form) -> Mark | None:
    """Return the one mark of a group; companies are compared otherwise."""
    found = [
        mark
        for position, mark in enumerate(form.marked.marks)
        for kind in mark.meanings
        if (mark.first not in form.marked.explained or _follows_extreme(form, position))
        and kind.startswith("group:")
        and kind != "group:companies"
    ]
    return found[0] if len(found) == 1 else None


def _follows_extreme(form: Form, position: int) -> bool:
    """Say whether "largest" stands right before a mark: "largest liability"."""
    before = form.marked.marks[position - 1] if position else None
    return before is not None and not {"largest", "smallest"}.isdisjoint(before.operators)


def _cagr(form: Form) -> Decision | None:
    if not form.has("cagr"):
        return None
    _explain(form, "cagr", "growth")
    return Decision("cagr")


def _consistent(form: Form) -> Decision | None:
    if not form.has("consistent") or not form.measures:
        return None
    _explain(form, "consistent", "year_over_year", "trend")
    match = _WITHIN.search(form.marked.text)
    if match is None:
        return Decision("consistent")
    tokens = form.marked.tokens
    form.marked.explained.update(at for at, token in enumerate(tokens) if match.start() <= token.start < match.end())
    return Decision("consistent", threshold=float(match.group(1)))


def _share(form: Form) -> Decision | None:
    if not form.has("share") or not form.measures:
        return None
    _explain(form, "share")
    return Decision("share")


def _combined(form: Form) -> Decision | None:
    for operator in ("average", "sum"):
        if form.has(operator) and form.measures and form.several:
            _explain(form, operator)
            return Decision(operator)
    return None


def _changing(form: Form) -> Decision | None:
    """Read changes: a yes or no where a direction is asked about, else the amount or the percentage."""
    if not form.has("change", "growth", "up", "down", "better", "worse", "year_over_year") or not form.measures:
        return None
    direction, both = _direction(form), form.has("up") and form.has("down")
    if form.companies < 2 and form.measures > 1 and (form.has("than") or not (form.yes_no or form.has("change", "growth"))):
        return None
    if form.companies > 1 and form.has("up", "down", "better", "worse") and not form.has("change", "growth", "year_over_year"):
        _explain(form, "up", "down", "better", "worse", "than", "compare")
        _explain_companies(form)
        return Decision("compare", direction)
    if form.has("better", "worse") and (form.yes_no or form.has("trend")):
        _explain(form, *_CHANGING)
        return Decision("improving", "worse" if not form.has("better") else "")
    if form.yes_no and not both and (direction or form.has("growth")):
        _explain(form, *_CHANGING)
        return Decision("improving", direction or "up")
    percent = (
        form.marked.wishes.percent or form.has("growth") or (form.has("year_over_year") and not form.has("change", "up", "down"))
    )
    _explain(form, *_CHANGING)
    return Decision("growth" if percent and not form.has("better", "worse") else "change", direction)


def _comparing(form: Form) -> Decision | None:
    if not form.measures or (form.companies < 2 and form.periods < 2):
        return None
    if form.has("compare", "than") or form.companies > 1:
        _explain(form, "compare", "than", "trend")
        return Decision("compare")
    return None


def _sign(form: Form) -> Decision | None:
    if not form.has("positive", "negative", "profitable", "unprofitable") or not form.yes_no:
        return None
    if form.has("profitable", "unprofitable") and form.measures:
        return None
    direction = "up" if form.has("positive", "profitable") else "down"
    _explain(form, "positive", "negative", "profitable", "unprofitable")
    return Decision("positive", direction)


def _evaluated(form: Form) -> Decision | None:
    """Read "is the quick ratio healthy" and "is it capital-intensive": the figures, without a verdict."""
    topical = any(mark.has("topic") for mark in form.marked.marks)
    if not form.measures or not (topical or (form.has("evaluation") and form.yes_no)):
        return None
    _explain(form, "evaluation")
    form.marked.explain(*(mark for mark in form.marked.open_marks() if mark.has("topic")))
    return Decision("value")


def _exists(form: Form) -> Decision | None:
    if not form.yes_no or not form.measures or form.kinds - {"exists", "trend"}:
        return None
    _explain(form, "exists")
    if any(token.key == "loss" for token in form.marked.tokens):
        return Decision("positive", "down")
    return Decision("exists")


def _over_time(form: Form) -> Decision | None:
    if not form.has("trend") or not form.measures:
        return None
    _explain(form, "trend")
    return Decision("trend")


RULES: tuple[Callable[[Form], Decision | None], ...] = (
    _highlights,
    _drivers,
    _which_year,
    _extreme,
    _cagr,
    _consistent,
    _share,
    _combined,
    _changing,
    _comparing,
    _sign,
    _evaluated,
    _exists,
    _over_time,
)
