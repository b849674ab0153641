"""Largest and smallest: of years, of companies, of the rows or columns of a group."""

import re

from jacie_flask.question.forms import Decision, Form, explain, explain_companies
from jacie_flask.question.marks import Mark

_LISTED = frozenset({"group:segments", "group:geographies", "group:products"})
_PLURAL = re.compile(r"[^s]s$", re.IGNORECASE)
_PEAKS = frozenset({"peak", "peaked", "highest", "lowest"})


def which_year(form: Form) -> Decision | None:
    """Read "in which year was revenue highest"."""
    if not form.has("which_year") or not form.has("largest", "smallest") or not form.measures:
        return None
    direction = "down" if form.has("smallest") else "up"
    explain(form, "which_year", "largest", "smallest", "exists")
    return Decision("which_year", direction)


def extreme(form: Form) -> Decision | None:
    """Read "the largest liability", "which segment had the lowest revenue", "which company has the highest margin"."""
    if not form.has("largest", "smallest") or form.has("largest") == form.has("smallest"):
        return None
    group = _group(form)
    if group is None:
        return _of_all_companies(form) or _of_companies(form) or _of_years(form)
    operator = "largest" if form.has("largest") else "smallest"
    form.marked.explain(group)
    form.marked.explain(*(mark for mark in form.marked.open_marks() if _kinds(mark) == _kinds(group)))
    explain(form, "largest", "smallest")
    name = next(kind.partition(":")[2] for kind in group.meanings if kind.startswith("group:"))
    direction = "up" if operator == "largest" else "down"
    if name == "quarters":
        return Decision("which_year", direction, name)
    if name == "activities":
        form.marked.explain(*(mark for mark in form.marked.open_marks() if mark.has("ambiguous")))
    return Decision(operator, direction, name, grouped=group.first)


def members(form: Form) -> Decision | None:
    """Read "which segments does it have" and "what are the regions it operates in": the parts of its revenue."""
    if form.measures or form.yes_no or form.kinds - {"members", "exists"}:
        return None
    group = _group(form)
    kinds = _kinds(group) if group else set()
    plural = group is not None and bool(_PLURAL.search(form.marked.tokens[group.last - 1].text))
    if not group or not kinds <= _LISTED or not plural:
        return None
    form.marked.explain(*(mark for mark in form.marked.open_marks() if _kinds(mark) == kinds))
    explain(form, "members", "exists")
    return Decision("members", group=next(iter(kinds)).partition(":")[2])


def _of_all_companies(form: Form) -> Decision | None:
    """Read "which company had the highest revenue": no company is named, so all are compared."""
    asked = any(mark.has("group:companies") for mark in form.marked.open_marks())
    if form.companies or not form.measures or not asked:
        return None
    operator = "largest" if form.has("largest") else "smallest"
    explain(form, "largest", "smallest", "compare")
    explain_companies(form)
    return Decision(operator, "up" if operator == "largest" else "down", "companies")


def _of_companies(form: Form) -> Decision | None:
    """Read "which of the two had the highest margin": the companies are compared."""
    if form.companies < 2 or not form.measures:
        return None
    direction = "up" if form.has("largest") else "down"
    explain(form, "largest", "smallest", "compare", "than")
    explain_companies(form)
    return Decision("compare", direction)


def _of_years(form: Form) -> Decision | None:
    """Read "the lowest margin between 2018 and 2022" and "peak revenue": the year is asked for as well."""
    marks = [mark for mark in form.marked.open_marks() if {"largest", "smallest"} & set(mark.operators)]
    words = {form.marked.tokens[mark.first].key for mark in marks}
    if form.measures != 1 or len(marks) != 1 or not (form.several or words & _PEAKS):
        return None
    direction = "up" if form.has("largest") else "down"
    explain(form, "largest", "smallest", "exists")
    return Decision("which_year", direction)


def _group(form: Form) -> Mark | None:
    """Return the first mark of the one group that is named; companies are compared otherwise."""
    found = [
        mark
        for position, mark in enumerate(form.marked.marks)
        if _kinds(mark) and (mark.first not in form.marked.explained or _compared(form, position))
    ]
    return found[0] if len({name for mark in found for name in _kinds(mark)}) == 1 else None


def _kinds(mark: Mark) -> set[str]:
    """Return the groups that a mark names, companies left out."""
    return {kind for kind in mark.meanings if kind.startswith("group:")} - {"group:companies"}


def _compared(form: Form, position: int) -> bool:
    """Say whether "largest" or "which" stands right before a mark: "largest liability"."""
    before = form.marked.marks[position - 1] if position else None
    return before is not None and (
        not {"largest", "smallest"}.isdisjoint(before.operators) or form.marked.tokens[before.last - 1].key == "which"
    )
