"""The operator of a plan: what a question wants done with its measures, and which of its words say so."""

import re
from collections.abc import Callable

from jacie_flask.question.extremes import extreme, members, which_year
from jacie_flask.question.forms import Decision, Form, explain, explain_companies

_CHANGING = ("change", "growth", "up", "down", "better", "worse", "year_over_year", "trend", "compare", "than", "exists")
_WITHIN = re.compile(
    r"(?i)(?:within|by less than|less than|under|below|by no more than|no more than) (\d{1,4}(?:\.\d{1,4})?) ?(?:%|percent)"
)
_ALL = re.compile(
    r"(?i)\b(?:(?:all|each|every)(?: of)?(?: the)? (?:compan(?:ies|y)|firms?)|(?:by|per) (?:company|firm)"
    r"|(?:of|by|across|per|among|between) (?:(?:the|these|all|two|three|four|five) ){0,2}(?:companies|firms))$"
)
"""How a question speaks of every company there is."""


def decide(form: Form) -> Decision:
    """Return the operator that fits a question, and explain the words that say so."""
    for rule in RULES:
        decision = rule(form)
        if decision is not None:
            return decision
    return Decision("value")


def _direction(form: Form) -> str:
    if form.has("up") and not form.has("down"):
        return "up"
    return "down" if form.has("down") and not form.has("up") else ""


def _highlights(form: Form) -> Decision | None:
    if not form.has("highlights") or form.measures:
        return None
    explain(form, "highlights", "year_over_year")
    return Decision("highlights")


def _drivers(form: Form) -> Decision | None:
    if not form.has("drivers") or not form.measures:
        return None
    direction = _direction(form)
    explain(form, "drivers", *_CHANGING)
    return Decision("drivers", direction)


def _cagr(form: Form) -> Decision | None:
    if not form.has("cagr"):
        return None
    explain(form, "cagr", "growth")
    return Decision("cagr")


def _consistent(form: Form) -> Decision | None:
    if not form.has("consistent") or not form.measures:
        return None
    explain(form, "consistent", "year_over_year", "trend")
    match = _WITHIN.search(form.marked.text)
    if match is None:
        return Decision("consistent")
    tokens = form.marked.tokens
    form.marked.explained.update(at for at, token in enumerate(tokens) if match.start() <= token.start < match.end())
    return Decision("consistent", threshold=float(match.group(1)))


def _share(form: Form) -> Decision | None:
    if not form.has("share") or not form.measures:
        return None
    explain(form, "share")
    if form.has("average") and form.several and form.measures > 1:
        explain(form, "average")
        return Decision("average", shared=True)
    return Decision("share")


def _combined(form: Form) -> Decision | None:
    for operator in ("average", "sum"):
        if form.has(operator) and form.measures and form.several:
            explain(form, operator)
            return Decision(operator)
    return None


def _yearly(form: Form) -> Decision | None:
    """Read "growth per year": the growth of each year; a change per year is not the change between the first and the last."""
    if not form.has("yearly") or not form.measures:
        return None
    if form.has("growth") and form.several and not form.yes_no:
        explain(form, "yearly", "growth", "trend", "year_over_year")
        return Decision("yearly")
    if not form.has("growth", "change", "up", "down", "better", "worse"):
        explain(form, "yearly")
    return None


def _changing(form: Form) -> Decision | None:
    """Read changes: a yes or no where a direction is asked about, else the amount or the percentage."""
    if not form.has("change", "growth", "up", "down", "better", "worse", "year_over_year") or not form.measures:
        return None
    direction, both = _direction(form), form.has("up") and form.has("down")
    if form.companies < 2 and form.measures > 1 and (form.has("than") or not (form.yes_no or form.has("change", "growth"))):
        return None
    if form.companies > 1 and form.has("up", "down", "better", "worse") and not form.has("change", "growth", "year_over_year"):
        explain(form, "up", "down", "better", "worse", "than", "compare")
        explain_companies(form)
        return Decision("compare", direction)
    if form.has("better") and form.has("worse"):
        explain(form, *_CHANGING)
        return Decision("improving", "either")
    if form.has("better", "worse") and (form.yes_no or form.has("trend")):
        explain(form, *_CHANGING)
        return Decision("improving", "worse" if not form.has("better") else "")
    if form.yes_no and not both and (direction or form.has("growth")):
        explain(form, *_CHANGING)
        return Decision("improving", direction or "up")
    percent = (
        form.marked.wishes.percent or form.has("growth") or (form.has("year_over_year") and not form.has("change", "up", "down"))
    )
    explain(form, *_CHANGING)
    return Decision("growth" if percent and not form.has("better", "worse") else "change", direction)


def _comparing_all(form: Form) -> Decision | None:
    """Read "compare the net income of the companies" and "revenue of each company": none is named, so all are compared."""
    marks = [mark for mark in form.marked.open_marks() if mark.has("group:companies")]
    if form.companies or not form.measures or not marks:
        return None
    several = any(_ALL.search(form.marked.text[: form.marked.tokens[mark.last - 1].end]) for mark in marks)
    if not several:
        return None
    explain(form, "compare", "than")
    explain_companies(form)
    return Decision("compare", group="companies")


def _comparing(form: Form) -> Decision | None:
    if not form.measures or (form.companies < 2 and form.periods < 2):
        return None
    if form.has("compare", "than") or form.companies > 1:
        explain(form, "compare", "than", "trend")
        return Decision("compare")
    return None


def _sign(form: Form) -> Decision | None:
    if not form.has("positive", "negative", "profitable", "unprofitable") or not form.yes_no:
        return None
    if form.has("profitable", "unprofitable") and form.measures:
        return None
    direction = "up" if form.has("positive", "profitable") else "down"
    explain(form, "positive", "negative", "profitable", "unprofitable")
    return Decision("positive", direction)


def _evaluated(form: Form) -> Decision | None:
    """Read "is the quick ratio healthy" and "is it capital-intensive": the figures, without a verdict."""
    topical = any(mark.has("topic") for mark in form.marked.marks)
    if not form.measures or not (topical or (form.has("evaluation") and form.yes_no)):
        return None
    explain(form, "evaluation")
    form.marked.explain(*(mark for mark in form.marked.open_marks() if mark.has("topic")))
    return Decision("value")


def _exists(form: Form) -> Decision | None:
    if not form.yes_no or not form.measures or form.kinds - {"exists", "trend"}:
        return None
    explain(form, "exists")
    if any(token.key == "loss" for token in form.marked.tokens):
        return Decision("positive", "down")
    return Decision("exists")


def _over_time(form: Form) -> Decision | None:
    if not form.has("trend") or not form.measures:
        return None
    explain(form, "trend")
    return Decision("trend")


RULES: tuple[Callable[[Form], Decision | None], ...] = (
    _highlights,
    _drivers,
    which_year,
    extreme,
    _cagr,
    _consistent,
    _share,
    _yearly,
    _combined,
    _changing,
    _comparing_all,
    _comparing,
    _sign,
    _evaluated,
    _exists,
    _over_time,
    members,
)
