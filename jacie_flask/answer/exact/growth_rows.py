"""Rows that are growth themselves: comparable and organic sales, in percent against the year before."""

from jacie_flask.answer.exact.draft import Draft
from jacie_flask.answer.exact.figures import Company, Request, figure, periods, spoken
from jacie_flask.computation.operands import Missing
from jacie_flask.question.plan import Item, Measure

_GROWING = ("comparable", "organic", "same store", "same-store", "like for like", "like-for-like", "constant currency")


def stated_growth(request: Request, draft: Draft, company: Company, measure: Measure) -> bool:
    """Say the figure of a row that is growth itself; return whether it is one; raise Missing where the row states amounts.

    Filings compare such sales with a year before that is adjusted alike: the change between two years' rows is another figure.
    """
    phrase = measure.expression.phrase.lower() if isinstance(measure.expression, Item) else ""
    asked = periods(request, company, measure) if any(word in phrase for word in _GROWING) else []
    if len(asked) != 1:
        return False
    one = figure(measure, company, asked[0], request.plan.wishes)
    if one.amount.unit != "percent":
        raise Missing(f"the rows named “{phrase}” state amounts, and how much these grew on an equal basis is not computed")
    draft.say(f"{spoken(one)}{draft.marks(one.computed.operands)}.")
    return True
