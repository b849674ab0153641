"""Questions answered by yes or no from figures: improving, positive, there at all, consistent."""

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise

from jacie_flask.answer.exact.changes import changed, difference, moved, plain, same
from jacie_flask.answer.exact.comparisons import from_to, note_computed, period_range, two_figures
from jacie_flask.answer.exact.draft import Draft
from jacie_flask.answer.exact.figures import Figure, Request, aside, figure, known_periods, periods, spoken, subject
from jacie_flask.answer.exact.tabulation import by_period, operand_list
from jacie_flask.computation.operands import Missing
from jacie_flask.facts.formulas import formulas
from jacie_flask.question.plan import Item, Measure

_BETTER_LOWER = frozenset(
    {"cost_of_sales", "sga", "operating_expenses", "interest_expense", "long_term_debt", "short_term_debt", "total_liabilities"}
)


def improving(request: Request) -> Draft:
    """Answer yes or no: whether a measure went the way that is better, or the way that the question names."""
    draft = Draft()
    measure = request.plan.measures[0]
    for company in request.companies:
        before, after = two_figures(request, company, measure)
        either = request.plan.direction == "either"
        better = _wanted("" if either else request.plan.direction, measure)
        step = changed(draft, before, after, request.plan.wishes)
        yes = step.value > 0 if better == "up" else step.value < 0
        note_computed(draft, before)
        note_computed(draft, after)
        verb = "did not change" if same(before, after) else moved(step, up="rose", down="fell") + f" by {plain(step)}"
        marks = draft.marks((*after.computed.operands, *before.computed.operands))
        spans = from_to(before, after)
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


def _better(measure: Measure) -> str:
    """Return the direction in which a measure improves."""
    formula = formulas().get(measure.formula_id)
    concept = measure.expression.concept if isinstance(measure.expression, Item) else ""
    return "down" if (formula and formula.better == "lower") or concept in _BETTER_LOWER else "up"


def exists(request: Request) -> Draft:
    """Answer yes or no: whether a figure that filings state is not nil."""
    return _yes_or_no(request, lambda one: bool(one.value), operands=False)


def positive(request: Request) -> Draft:
    """Answer yes or no: whether a measure is above zero."""
    below = request.plan.direction == "down"
    return _yes_or_no(request, lambda one: one.value < 0 if below else one.value > 0, operands=True)


def _yes_or_no(request: Request, holds: Callable[[Figure], bool], *, operands: bool) -> Draft:
    """Answer for each figure asked for whether something holds of it, with the figure and, where they are wanted, its operands."""
    draft = Draft()
    for company in request.companies:
        for measure in request.plan.measures:
            for period in periods(request, company, measure):
                one = figure(measure, company, period, request.plan.wishes)
                note_computed(draft, one)
                draft.say(f"{'Yes' if holds(one) else 'No'}. {spoken(one)}{draft.marks(one.computed.operands)}.")
                draft.say(operand_list(draft, [one]) if operands else "")
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
                f"{'Yes' if yes else 'No'}. {subject(figures[-1])} over {period_range(figures)}: {verdict}{draft.marks(operands)}."
            )
            by_period(draft, figures)
    return draft
