"""The operators of a plan, one function each: from a request to the sentences of its answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

from jacie_flask.answer.amounts import Amount
from jacie_flask.answer.changes import changed, difference, growth_phrase, moved, of_both, plain, same
from jacie_flask.answer.draft import Draft
from jacie_flask.answer.figures import (
    Company,
    Figure,
    Request,
    aside,
    check_distinct,
    figure,
    known_periods,
    periods,
    spoken,
    subject,
)
from jacie_flask.answer.growth_rows import stated_growth
from jacie_flask.answer.operands import Missing, Period
from jacie_flask.answer.phrasing import listed, opened, was
from jacie_flask.answer.tabulation import by_company, by_period, operand_list
from jacie_flask.facts.formulas import formulas
from jacie_flask.question.plan import Item, Measure

_MOST_YEARS = 15
_BOTH = 2
_BETTER_LOWER = frozenset(
    {"cost_of_sales", "sga", "operating_expenses", "interest_expense", "long_term_debt", "short_term_debt", "total_liabilities"}
)


def value(request: Request) -> Draft:
    """Answer with each measure for each period and company: one sentence for one figure, a small table for several."""
    draft = Draft()
    figures = [
        [figure(measure, company, period, request.plan.wishes) for period in periods(request, company, measure)]
        for company in request.companies
        for measure in request.plan.measures
    ]
    flat = [one for row in figures for one in row]
    if len(flat) == 1:
        _single(request, draft, flat[0])
    elif len(request.companies) > 1:
        by_company(draft, flat)
    elif len(flat) <= 2 or len(request.plan.measures) == len(flat) <= 3:
        for one in flat:
            _noted(draft, one)
            draft.say(f"{spoken(one)}{draft.marks(one.computed.operands)}.")
    else:
        by_period(draft, flat)
    return draft


def _single(request: Request, draft: Draft, one: Figure) -> None:
    """Say one figure, with its change against the year before where it is a line item, and with its operands where it is not."""
    _noted(draft, one)
    tail = ""
    operands = list(one.computed.operands)
    if one.computed.single and not request.plan.wishes.brief:
        try:
            before = figure(one.measure, one.company, one.period.earlier(), request.plan.wishes)
        except Missing:
            before = None
        if before and before.computed.single and before.computed.operands[0].document_id == operands[0].document_id:
            tail = growth_phrase(draft, before, one, replace(request.plan.wishes, decimals=None))
            operands += before.computed.operands
    draft.say(f"{spoken(one)}{tail}{draft.marks(operands)}.")
    draft.say(operand_list(draft, [one]))


def _noted(draft: Draft, one: Figure) -> None:
    if not one.computed.single:
        draft.calculate(one.amount, one.computed)


def _two(request: Request, company: Company, measure: Measure) -> tuple[Figure, Figure]:
    """Return the figures of the earlier and the later period asked for; with one period, of the year before and of it."""
    asked = periods(request, company, measure)
    ordered = sorted(asked, key=lambda one: (one.year, one.quarter))
    first, last = (ordered[0], ordered[-1]) if len(ordered) > 1 else (ordered[0].earlier(), ordered[0])
    wishes = replace(request.plan.wishes, decimals=None) if request.plan.operator == "growth" else request.plan.wishes
    before, after = figure(measure, company, first, wishes), figure(measure, company, last, wishes)
    check_distinct(before, after)
    return before, after


def change(request: Request) -> Draft:
    """Answer with the change of each measure between two periods, as an amount and in percent."""
    draft = Draft()
    for company in request.companies:
        for measure in request.plan.measures:
            if stated_growth(request, draft, company, measure):
                continue
            _say_change(draft, *_two(request, company, measure), request)
    return draft


def _say_change(draft: Draft, before: Figure, after: Figure, request: Request) -> None:
    marks = draft.marks((*after.computed.operands, *before.computed.operands))
    spans = f"from {before.amount.text} in {before.period.text} to {after.amount.text} in {after.period.text}"
    _noted(draft, before)
    _noted(draft, after)
    if same(before, after):
        draft.say(f"{subject(after)} did not change: {was(after.measure.name)} {after.amount.text} in both periods{marks}.")
        return
    step = changed(draft, before, after, request.plan.wishes, amount=True)
    percent = ""
    if not after.rate and before.value > 0 and after.value >= 0:
        percent = f" ({plain(changed(draft, before, after, request.plan.wishes))})"
    verb = moved(step, up="rose", down="fell")
    draft.say(f"{subject(after)} {verb} by {plain(step)}{percent}, {spans}{aside(after)}{marks}.")
    draft.say(operand_list(draft, [after, before]))


def growth(request: Request) -> Draft:
    """Answer with the growth of each measure between two periods in percent."""
    draft = Draft()
    for company in request.companies:
        for measure in request.plan.measures:
            if stated_growth(request, draft, company, measure):
                continue
            before, after = _two(request, company, measure)
            if after.rate or before.value <= 0 or after.value < 0:
                _say_change(draft, before, after, request)
                continue
            step = changed(draft, before, after, request.plan.wishes)
            marks = draft.marks((*after.computed.operands, *before.computed.operands))
            spans = f"from {before.amount.text} in {before.period.text} to {after.amount.text} in {after.period.text}"
            verb = moved(step, up="grew", down="fell")
            draft.say(f"{subject(after)} {verb} by {plain(step)}, {spans}{aside(after)}{marks}.")
    return draft


def cagr(request: Request) -> Draft:
    """Answer with the compound annual growth rate between the first and the last year asked for."""
    draft = Draft()
    for company in request.companies:
        for measure in request.plan.measures:
            before, after = _two(request, company, measure)
            years = after.period.year - before.period.year
            if years < 1 or before.value <= 0 or after.value <= 0:
                raise Missing(f"a compound growth rate needs positive figures of two years; {measure.name} has none")
            rate = (float(after.value / before.value) ** (1 / years) - 1) * 100
            places = request.plan.wishes.decimals
            amount = Amount(Decimal(repr(rate)), "percent", decimals=1 if places is None else places)
            name = measure.name
            formula = f"({name} {after.period.text} / {name} {before.period.text})^(1/{years}) − 1"
            text = draft.calculate(amount, of_both(before, after, formula, amount.value), text=plain(amount))
            marks = draft.marks((*after.computed.operands, *before.computed.operands))
            verb = moved(amount, up="grew", down="fell")
            spans = f"from {before.amount.text} in {before.period.text} to {after.amount.text} in {after.period.text}"
            draft.say(f"{subject(after)} {verb} by {text} a year (compound), {spans}{aside(after)}{marks}.")
    return draft


def average(request: Request) -> Draft:
    """Answer with the average of a measure over the periods asked for."""
    return _over_periods(request, "averaged", lambda values: sum(values, Decimal(0)) / len(values), "average of")


def total(request: Request) -> Draft:
    """Answer with the sum of a measure over the periods asked for."""
    return _over_periods(request, "totalled", lambda values: sum(values, Decimal(0)), "sum of")


def _over_periods(request: Request, verb: str, combine: Callable[[Sequence[Decimal]], Decimal], words: str) -> Draft:
    draft = Draft()
    for company in request.companies:
        for measure in request.plan.measures:
            asked = periods(request, company, measure)
            if len(asked) < 2:
                raise Missing("the periods to combine are not clear")
            figures = [figure(measure, company, period, request.plan.wishes) for period in asked]
            newest = figures[-1]
            operands = tuple(dict.fromkeys(operand for one in figures for operand in one.computed.operands))
            decimals = newest.amount.decimals
            decimals = 1 if decimals is None and newest.amount.unit == "money" and verb == "averaged" else decimals
            combined = replace(newest.amount, value=combine([one.value for one in figures]), decimals=decimals)
            computed = replace(
                newest.computed, value=combined.value, operands=operands, formula=f"{words} {measure.name}", unit=""
            )
            text = draft.calculate(combined, computed, formula=f"{words} {measure.name} over {_range(figures)}")
            draft.say(f"{subject(newest)} {verb} {text} over {_range(figures)}{aside(newest)}{draft.marks(operands)}.")
            by_period(draft, figures)
    return draft


def _range(figures: Sequence[Figure]) -> str:
    names = [one.period.text for one in figures]
    return f"{names[0]} to {names[-1]}" if len(names) > 2 else listed(names)


def share(request: Request) -> Draft:
    """Answer with the first measure as a percentage of the second, or of one measure with a part of a year in the whole of it."""
    draft = Draft()
    for company in request.companies:
        for one, other in _shares(request, company):
            if not other.value:
                raise Missing(f"{other.measure.name} for {other.period.text} is zero")
            places = request.plan.wishes.decimals
            amount = Amount(one.value / other.value * 100, "percent", decimals=1 if places is None else places)
            of_period = other.measure is one.measure
            formula = f"{one.measure.name} {one.period.text} / {other.measure.name} {other.period.text}"
            text = draft.calculate(amount, of_both(other, one, formula, amount.value))
            marks = draft.marks((*one.computed.operands, *other.computed.operands))
            whole = f"that of {other.period.text}" if of_period else f"{other.measure.name} in {one.period.text}"
            when = f" in {one.period.text}" if of_period else ""
            figures = f"{one.amount.text} of {other.amount.text}"
            draft.say(f"{subject(one)}{when} {was(one.measure.name)} {text} of {whole}: {figures}{aside(one)}{marks}.")
    return draft


def _shares(request: Request, company: Company) -> list[tuple[Figure, Figure]]:
    """Return the parts with their wholes; raise Missing where the question names only one of them."""
    wishes, measures = request.plan.wishes, request.plan.measures
    asked = periods(request, company, measures[0])
    if len(measures) >= _BOTH:
        return [(figure(measures[0], company, one, wishes), figure(measures[1], company, one, wishes)) for one in asked]
    shortest, longest = min(asked, key=lambda one: one.months), max(asked, key=lambda one: one.months)
    if shortest.months == longest.months or shortest.year != longest.year:
        raise Missing(f"the whole that {measures[0].name} is a share of is not clear")
    return [(figure(measures[0], company, shortest, wishes), figure(measures[0], company, longest, wishes))]


def compare(request: Request) -> Draft:
    """Answer with the measures of companies, or of periods, side by side, and which is the higher one."""
    if len(request.companies) == 1:
        return change(request) if len(request.plan.spans) <= 2 else value(request)
    draft = Draft()
    for measure in request.plan.measures:
        figures = [
            figure(measure, company, period, request.plan.wishes)
            for company in request.companies
            for period in periods(request, company, measure)
        ]
        newest = [one for one in figures if one.period.year == max(other.period.year for other in figures)]
        currencies = {one.amount.currency for one in newest}
        if len(newest) == len(request.companies) and len(currencies) == 1:
            top = max(newest, key=lambda one: one.value)
            rest = listed([f"{one.amount.text} at {one.company.name}" for one in newest if one is not top])
            name = measure.name
            for one in newest:
                _noted(draft, one)
            marks = draft.marks(operand for one in newest for operand in one.computed.operands)
            draft.say(f"{opened(name)} {was(name)} highest at {top.company.name}, {top.amount.text}, against {rest}{marks}.")
        by_company(draft, figures)
    return draft


def which_year(request: Request) -> Draft:
    """Answer with the year in which a measure was largest or smallest."""
    draft = Draft()
    smallest = request.plan.direction == "down"
    for company in request.companies:
        for measure in request.plan.measures:
            asked = periods(request, company, measure) if len(request.plan.spans) > 1 else []
            asked = asked or known_periods(measure, company, Period(0))[-_MOST_YEARS:]
            figures = [figure(measure, company, period, request.plan.wishes) for period in asked]
            if len(figures) < 2:
                raise Missing(f"{measure.name} is known for one year only")
            top = (min if smallest else max)(figures, key=lambda one: one.value)
            word = "lowest" if smallest else "highest"
            _noted(draft, top)
            marks = draft.marks(operand for one in figures for operand in one.computed.operands)
            among = _range(figures)
            draft.say(
                f"{subject(top)} {was(measure.name)} {word} in {top.period.text}, at {top.amount.text} ({among}){aside(top)}{marks}."
            )
            by_period(draft, figures)
    return draft


def improving(request: Request) -> Draft:
    """Answer yes or no: whether a measure went the way that is better, or the way that the question names."""
    draft = Draft()
    measure = request.plan.measures[0]
    for company in request.companies:
        before, after = _two(request, company, measure)
        either = request.plan.direction == "either"
        better = _wanted("" if either else request.plan.direction, measure)
        step = changed(draft, before, after, request.plan.wishes)
        yes = step.value > 0 if better == "up" else step.value < 0
        _noted(draft, before)
        _noted(draft, after)
        verb = "did not change" if same(before, after) else moved(step, up="rose", down="fell") + f" by {plain(step)}"
        marks = draft.marks((*after.computed.operands, *before.computed.operands))
        spans = f"from {before.amount.text} in {before.period.text} to {after.amount.text} in {after.period.text}"
        verdict = "Yes." if yes else "No."
        if either:
            verdict = "It improved:" if yes else "It got worse:"
        if same(before, after):
            verdict = "Neither:" if either else "No."
        draft.say(f"{verdict} {subject(after)} {verb}, {spans}{aside(after)}{marks}.")
        draft.say(operand_list(draft, [after, before]))
    return draft


def _wanted(direction: str, measure: Measure) -> str:
    """Return the direction that answers yes: the one asked about, the better one, or for "worse" the other."""
    if direction in ("up", "down"):
        return direction
    better = _better(measure)
    return better if direction != "worse" else "down" if better == "up" else "up"


def exists(request: Request) -> Draft:
    """Answer yes or no: whether a figure that filings state is not nil."""
    draft = Draft()
    for company in request.companies:
        for measure in request.plan.measures:
            for period in periods(request, company, measure):
                one = figure(measure, company, period, request.plan.wishes)
                _noted(draft, one)
                draft.say(f"{'Yes' if one.value else 'No'}. {spoken(one)}{draft.marks(one.computed.operands)}.")
    return draft


def yearly(request: Request) -> Draft:
    """Answer with the growth of each year over the one before it, as a table."""
    draft = Draft()
    for company in request.companies:
        for measure in request.plan.measures:
            asked = sorted(periods(request, company, measure), key=lambda one: one.year)
            if len(asked) < 2:
                raise Missing("the years to compare are not clear")
            figures = [figure(measure, company, period, request.plan.wishes) for period in asked]
            steps = [(after, changed(draft, before, after, request.plan.wishes)) for before, after in pairwise(figures)]
            names = listed([f"{plain(step)} {moved(step, up='up', down='down')} in {after.period.text}" for after, step in steps])
            marks = draft.marks(operand for one in figures for operand in one.computed.operands)
            draft.say(f"{subject(figures[-1])} changed from year to year: {names}{aside(figures[-1])}{marks}.")
            by_period(draft, figures)
    return draft


def _better(measure: Measure) -> str:
    """Return the direction in which a measure improves."""
    formula = formulas().get(measure.formula_id)
    concept = measure.expression.concept if isinstance(measure.expression, Item) else ""
    return "down" if (formula and formula.better == "lower") or concept in _BETTER_LOWER else "up"


def positive(request: Request) -> Draft:
    """Answer yes or no: whether a measure is above zero."""
    draft = Draft()
    for company in request.companies:
        for measure in request.plan.measures:
            for period in periods(request, company, measure):
                one = figure(measure, company, period, request.plan.wishes)
                _noted(draft, one)
                wanted = one.value < 0 if request.plan.direction == "down" else one.value > 0
                draft.say(f"{'Yes' if wanted else 'No'}. {spoken(one)}{draft.marks(one.computed.operands)}.")
                draft.say(operand_list(draft, [one]))
    return draft


def consistent(request: Request) -> Draft:
    """Answer yes or no: whether a measure moved by no more than the threshold (percent, or points for rates) between years."""
    draft = Draft()
    threshold = Decimal(repr(request.plan.threshold if request.plan.threshold is not None else 2.0))
    for company in request.companies:
        for measure in request.plan.measures:
            asked = periods(request, company, measure)
            if len(asked) == 1:
                known = known_periods(measure, company, asked[0])
                asked = [one for one in known if one.year <= asked[0].year][-3:]
            figures = [figure(measure, company, period, request.plan.wishes) for period in asked]
            if len(figures) < 2:
                raise Missing(f"{measure.name} is known for one year only")
            steps = [difference(a, b) if b.rate else changed(Draft(), a, b, request.plan.wishes) for a, b in pairwise(figures)]
            widest = max(steps, key=lambda one: abs(one.value))
            yes = abs(widest.value) <= threshold
            limit = f"{threshold.normalize():f} {'percentage points' if figures[-1].rate else '%'}"
            verdict = f"its largest change was {plain(widest)}, {'within' if yes else 'more than'} {limit}"
            operands = [operand for one in figures for operand in one.computed.operands]
            draft.say(
                f"{'Yes' if yes else 'No'}. {subject(figures[-1])} over {_range(figures)}: {verdict}{draft.marks(operands)}."
            )
            by_period(draft, figures)
    return draft


OPERATORS: Mapping[str, Callable[[Request], Draft]] = {
    "value": value,
    "change": change,
    "growth": growth,
    "cagr": cagr,
    "average": average,
    "sum": total,
    "share": share,
    "compare": compare,
    "which_year": which_year,
    "improving": improving,
    "positive": positive,
    "consistent": consistent,
    "exists": exists,
    "yearly": yearly,
}
