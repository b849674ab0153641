"""The largest or smallest of a group: segments, regions or products of a figure, lines of a statement, activities, companies."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from jacie_flask.answer.exact.draft import Draft
from jacie_flask.answer.exact.figures import Company, Request, figure, periods
from jacie_flask.answer.exact.tabulation import as_amount, by_company
from jacie_flask.computation.lookup import BookLookup
from jacie_flask.computation.operands import Missing, Operand, Period
from jacie_flask.facts.groups import lines_of, parts, parts_of_own_total
from jacie_flask.question.plan import Item, Measure
from jacie_flask.text.phrasing import listed, opened, was

_ACTIVITIES = {"operating_cash_flow": "operating", "investing_cash_flow": "investing", "financing_cash_flow": "financing"}
_TOTALS = {
    "liabilities": "total_liabilities",
    "current_liabilities": "current_liabilities",
    "assets": "total_assets",
    "current_assets": "current_assets",
}
_SHOWN = 12
_FEWEST = 2
_REMAINDER = re.compile(r"unallocated|eliminat|reconcil|all other|\bother\b", re.IGNORECASE)
"""Lines that only complete a total are no members of the group."""


@dataclass(frozen=True)
class Member:
    """A member of a group and its figure."""

    name: str
    operand: Operand


@dataclass(frozen=True)
class _OwnTotal:
    """The total of a group's table where the company's statement has another one."""

    total: Operand
    whole: Operand


def extreme(request: Request) -> Draft:
    """Answer with the member of a group whose figure is largest or smallest, and all members in a table."""
    draft = Draft()
    if request.plan.group == "companies":
        return _companies(request, draft)
    for company in request.companies:
        members, own = _members(request, company)
        smallest = request.plan.operator == "smallest"
        real = [one for one in members if not _REMAINDER.search(one.name)] or members
        top = (min if smallest else max)(real, key=lambda one: one.operand.amount)
        ties = [one for one in real if one.operand.amount == top.operand.amount]
        if len(ties) > 1:
            raise Missing("several are equal: " + ", ".join(one.name for one in ties))
        marks = draft.marks(one.operand for one in members)
        amount, period = as_amount(top.operand).text, top.operand.period.text
        draft.say(f"{top.name} {_verdict(request, top.name, smallest=smallest)} in {period}, at {amount}{_of(company)}{marks}.")
        _table(draft, members)
        _say_own_total(draft, own)
    return draft


def members(request: Request) -> Draft:
    """Answer with the names of the segments, regions or products that add up to the company's figure, and their figures in a table."""
    draft = Draft()
    for company in request.companies:
        found, own = _members(request, company)
        names = [one.name for one in found if not _REMAINDER.search(one.name)] or [one.name for one in found]
        marks, period = draft.marks(one.operand for one in found), found[0].operand.period.text
        draft.say(f"{opened(request.plan.measures[0].name)} in {period} is reported for {listed(names)}{_of(company)}{marks}.")
        _table(draft, found)
        _say_own_total(draft, own)
    return draft


def _companies(request: Request, draft: Draft) -> Draft:
    """Answer with the company whose figure is highest or lowest; figures in different currencies are shown and not compared."""
    if len(request.plan.measures) != 1:
        raise Missing("one figure is needed to compare companies")
    measure, figures = request.plan.measures[0], []
    for company in request.companies:
        try:
            figures.append(figure(measure, company, _period(request, company, measure), request.plan.wishes))
        except Missing:
            continue
    if len(figures) < _FEWEST:
        raise Missing(f"{measure.name} is not known for several companies here")
    if len({one.amount.currency for one in figures}) > 1:
        draft.say(f"The companies state {measure.name} in different currencies, so none is named as the highest or lowest:")
    else:
        smallest = request.plan.operator == "smallest"
        top = (min if smallest else max)(figures, key=lambda one: one.value)
        word = "lowest" if smallest else "highest"
        marks = draft.marks(top.computed.operands)
        draft.say(f"{top.company.name} had the {word} {measure.name} in {top.period.text}, at {top.amount.text}{marks}.")
    by_company(draft, figures)
    return draft


def _verdict(request: Request, name: str, *, smallest: bool) -> str:
    """Return "had the highest revenue", or "was the largest liability" where the group's lines are compared by their own amounts."""
    if request.plan.measures:
        return f"had the {'lowest' if smallest else 'highest'} {request.plan.measures[0].name}"
    group = request.plan.group.replace("_", " ")
    if group == "activities":
        return f"had the {'lowest' if smallest else 'highest'} cash flow"
    singular = group.replace("ies", "y") if group.endswith("ies") else group.removesuffix("s")
    return f"{was(name)} the {'smallest' if smallest else 'largest'} {singular}"


def _of(company: Company) -> str:
    return f" ({company.name})" if company.name else ""


def _table(draft: Draft, members: Sequence[Member]) -> None:
    """Add the members as a table, largest first."""
    ordered = sorted(members, key=lambda one: -one.operand.amount)[:_SHOWN]
    lines = [f"|  | {ordered[0].operand.period.text} |", "| --- | ---: |"]
    lines += [f"| {one.name} | {as_amount(one.operand).text}{draft.marks([one.operand])} |" for one in ordered]
    draft.say("\n".join(lines))


def _say_own_total(draft: Draft, own: _OwnTotal | None) -> None:
    if own:
        total, whole = as_amount(own.total).text, as_amount(own.whole).text
        first = f"These add up to {total}{draft.marks([own.total])}, the total of their own table"
        draft.say(f"{first}; the company’s statement has {whole}{draft.marks([own.whole])}.")


def _members(request: Request, company: Company) -> tuple[list[Member], _OwnTotal | None]:
    group = request.plan.group
    finder = _FINDERS.get(group)
    members, own = (finder(request, company), None) if finder else _parts_of_figure(request, company)
    if len(members) < 2:
        raise Missing(f"no table here has {group.replace('_', ' ')} that add up to the company’s total")
    return members, own


def _activities(request: Request, company: Company) -> list[Member]:
    period = _period(request, company, Measure("cash flow", Item(concept="operating_cash_flow")))
    return [
        Member(name.capitalize() + " activities", company.lookup.operand(Item(concept=id_), period))
        for id_, name in _ACTIVITIES.items()
    ]


def _period(request: Request, company: Company, measure: Measure) -> Period:
    asked = periods(request, company, measure)
    if len(asked) != 1:
        raise Missing("one period is needed to compare the members of a group")
    return asked[0]


def _statement_lines(request: Request, company: Company) -> list[Member]:
    """Return the lines of the balance sheet that make up a total."""
    concept = _TOTALS[request.plan.group]
    lookup = _book(company)
    period = _period(request, company, Measure("total assets", Item(concept="total_assets")))
    found = lookup.version("total_assets", period)
    lines = lines_of(found.fact.table, request.plan.group, found.fact.column)
    return [Member(fact.row.label, lookup.of_fact(fact, found, period)) for fact in lines] if lines else _none(concept)


def _none(concept: str) -> list[Member]:
    raise Missing(f"the lines of {concept.replace('_', ' ')} do not add up to their total")


def _parts_of_figure(request: Request, company: Company) -> tuple[list[Member], _OwnTotal | None]:
    """Return the parts of the measure's figure by rows or columns that add up to it, or to a total of their own."""
    measure = request.plan.measures[0] if len(request.plan.measures) == 1 else None
    if measure is None or not isinstance(measure.expression, Item):
        raise Missing("only line items are known by segment, region or product")
    concept = measure.expression.concept
    lookup = _book(company)
    period = _period(request, company, measure)
    if not concept:
        raise Missing(f"“{measure.name}” is not known by {request.plan.group}")
    figure(measure, company, period, request.plan.wishes)  # raises Missing with what there is, where the whole is not stated
    whole = lookup.version(concept, period)
    tables = [table for filing, tables in lookup.book.filings if filing == whole.filing for table in tables]
    found, own = parts(tables, request.plan.group, whole.fact), None
    if not found:
        found, total = parts_of_own_total(tables, request.plan.group, whole.fact)
        own = _OwnTotal(lookup.of_fact(total, whole, period), lookup.of_fact(whole.fact, whole, period)) if total else None
    return [Member(part.name, lookup.of_fact(part.fact, whole, period)) for part in found], own


def _book(company: Company) -> BookLookup:
    if not isinstance(company.lookup, BookLookup):
        raise Missing("the tables of this company are not here")
    return company.lookup


_FINDERS: Mapping[str, Callable[[Request, Company], list[Member]]] = {
    "activities": _activities,
    **dict.fromkeys(_TOTALS, _statement_lines),
}
