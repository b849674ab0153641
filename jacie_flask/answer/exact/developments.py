"""How figures developed: changes, growth, compound growth, and growth from year to year."""

from decimal import Decimal
from itertools import pairwise

from jacie_flask.answer.exact.changes import changed, moved, of_both, plain, same
from jacie_flask.answer.exact.comparisons import from_to, note_computed, two_figures
from jacie_flask.answer.exact.draft import Draft
from jacie_flask.answer.exact.figures import Figure, Request, aside, figure, periods, subject
from jacie_flask.answer.exact.growth_rows import stated_growth
from jacie_flask.answer.exact.tabulation import by_period, operand_list
from jacie_flask.computation.amounts import Amount
from jacie_flask.computation.operands import Missing
from jacie_flask.text.phrasing import listed, was


def change(request: Request) -> Draft:
    """Answer with the change of each measure between two periods, as an amount and in percent."""
    draft = Draft()
    for company in request.companies:
        for measure in request.plan.measures:
            if stated_growth(request, draft, company, measure):
                continue
            _say_change(draft, *two_figures(request, company, measure), request)
    return draft


def _say_change(draft: Draft, before: Figure, after: Figure, request: Request) -> None:
    marks = draft.marks((*after.computed.operands, *before.computed.operands))
    spans = from_to(before, after)
    note_computed(draft, before)
    note_computed(draft, after)
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
            before, after = two_figures(request, company, measure)
            if after.rate or before.value <= 0 or after.value < 0:
                _say_change(draft, before, after, request)
                continue
            step = changed(draft, before, after, request.plan.wishes)
            marks = draft.marks((*after.computed.operands, *before.computed.operands))
            spans = from_to(before, after)
            verb = moved(step, up="grew", down="fell")
            draft.say(f"{subject(after)} {verb} by {plain(step)}, {spans}{aside(after)}{marks}.")
    return draft


def cagr(request: Request) -> Draft:
    """Answer with the compound annual growth rate between the first and the last year asked for."""
    draft = Draft()
    for company in request.companies:
        for measure in request.plan.measures:
            before, after = two_figures(request, company, measure)
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
            spans = from_to(before, after)
            draft.say(f"{subject(after)} {verb} by {text} a year (compound), {spans}{aside(after)}{marks}.")
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
