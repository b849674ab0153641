"""What a follow-up takes over from the questions before it: measures, operator, periods, companies and wishes."""

from dataclasses import dataclass, replace

from jacie_flask.facts.expressions import Call, Item
from jacie_flask.question.marks import Marked
from jacie_flask.question.plan import Measure, Plan, Wishes
from jacie_flask.question.spans import ENDPOINTS, period_key
from jacie_flask.question.vocabulary import vocabulary

_ASKING = frozenset(
    {"what", "how", "which", "is", "was", "were", "are", "did", "do", "does", "has", "have", "had", "who", "when", "where"}
)
_COMPARING = frozenset({"versus", "vs", "compared", "compare"})


@dataclass(frozen=True)
class Context:
    """What stands before a question: the plan before, whether the question opens as a follow-up and names periods of its own.

    ``taken`` is the plan whose measures are taken over, None where the question has its own.
    """

    before: Plan | None = None
    opened: bool = False
    taken: Plan | None = None
    dated: bool = False


def explain_opening(question: Marked) -> bool:
    """Explain "and", "what about", "compared to" at the beginning of a question; say whether there was one."""
    end, meanings = vocabulary().openings.longest(question.tokens, 0, len(question.tokens))
    if not meanings:
        return False
    question.explained.update(range(end))
    return True


def takes_over(question: Marked) -> bool:
    """Say whether a question without measures of its own contributes something and leaves nothing unknown."""
    opened = question.open_marks()
    known = all(
        mark.operators
        or mark.has("fillers", "reporting", "neutral", "period", "relative", "company", "wish")
        or question.sign(mark)
        for mark in opened
    )
    wanted = any(mark.operators or mark.has("period", "relative") for mark in opened)
    return known and (wanted or any(mark.has("company", "wish") for mark in question.marks))


def continued(plan: Plan, context: Context, question: Marked) -> Plan:
    """Return the plan of a question with what it leaves out filled in from the plan before it."""
    before = context.before
    if before is None:
        return plan
    if context.taken is not None:
        return _modified(plan, context.taken, context, question)
    if not plan.measures and not plan.group and plan.operator != "highlights":
        return replace(plan, companies=plan.companies or before.companies)
    if (ratio := _ratio(plan, before, question)) is not None:
        return replace(
            _undated(plan, before, context), measures=(ratio,), companies=plan.companies or before.companies, unexplained=()
        )
    if (context.opened or not _asks(question)) and (narrowed := _narrowed(plan, before, question, context)) is not None:
        plan = narrowed
    leaning = context.opened or not plan.companies
    if leaning:
        plan = _undated(plan, before, context)
    if context.opened and plan.operator == "value" and not _asks(question):
        plan = replace(plan, operator=before.operator, group=before.group, direction=before.direction, threshold=before.threshold)
    wishes = replace(
        plan.wishes, scale=plan.wishes.scale or before.wishes.scale, currency=plan.wishes.currency or before.wishes.currency
    )
    return replace(plan, companies=plan.companies or before.companies, wishes=wishes)


def _narrowed(plan: Plan, before: Plan, question: Marked, context: Context) -> Plan | None:
    """Read "and in Europe?": the line item before, in the row that a place, a part or a product names."""
    if len(plan.measures) != 1 or len(before.measures) != 1:
        return None
    item, measure = plan.measures[0].expression, before.measures[0]
    if not isinstance(item, Item) or not item.phrase:
        return None
    start = question.text.find(item.phrase.split()[0])
    preposition = question.text[:start].split()[-1:] in (["in"], ["for"], ["from"], ["of"])
    if context.opened and not preposition and not item.phrase[:1].isupper():
        return None
    if not isinstance(measure.expression, Item):
        return replace(plan, reason=f"{measure.name} is not known for “{item.phrase}”")
    phrase = f"{measure.name} {item.phrase}"
    return replace(plan, measures=(Measure(phrase, Item(phrase=phrase), measure.unit),))


def _undated(plan: Plan, before: Plan, context: Context) -> Plan:
    return plan if context.dated else replace(plan, spans=before.spans)


def _asks(question: Marked) -> bool:
    """Say whether a follow-up is a question of its own behind its opening."""
    return any(question.tokens[mark.first].text.lower() in _ASKING for mark in question.open_marks())


def _modified(plan: Plan, before: Plan, context: Context, question: Marked) -> Plan:
    """Return the plan before with the companies, periods, operator and wishes that a follow-up names."""
    if before.group and plan.operator == "which_year":
        return replace(before, operator="smallest" if plan.direction == "down" else "largest", direction=plan.direction)
    comparing = question.tokens[0].key in _COMPARING or "compare" in {kind for mark in question.marks for kind in mark.operators}
    spans, companies = plan.spans if context.dated else before.spans, plan.companies or before.companies
    single = len(plan.spans) == 1 and plan.operator in ENDPOINTS
    if comparing and context.dated and (single or plan.operator in {"value", "compare"}):
        spans = tuple(sorted({*before.spans, *plan.spans}, key=period_key))
    if comparing and plan.companies:
        companies = tuple(dict.fromkeys((*before.companies, *plan.companies)))
    same = plan.operator == "value" and not comparing
    operator = before.operator if same else "compare" if plan.operator == "value" else plan.operator
    return replace(
        before,
        companies=companies,
        spans=spans,
        operator=operator,
        direction=before.direction if same else plan.direction,
        group=before.group if same else plan.group,
        threshold=before.threshold if same else plan.threshold,
        statement=plan.statement or before.statement,
        wishes=_merged(plan.wishes, before.wishes),
        unexplained=(*before.unexplained, *plan.unexplained),
        reason=before.reason or plan.reason,
    )


def _merged(wishes: Wishes, before: Wishes) -> Wishes:
    """Return the wishes of a follow-up, and those of the question before where it has none."""
    return Wishes(
        scale=wishes.scale if wishes.scale is not None else before.scale,
        decimals=wishes.decimals if wishes.decimals is not None else before.decimals,
        percent=wishes.percent if wishes.percent is not None else before.percent,
        currency=wishes.currency or before.currency,
        table=wishes.table or before.table,
        brief=wishes.brief or before.brief,
    )


def _ratio(plan: Plan, before: Plan, question: Marked) -> Measure | None:
    """Read "as a % of revenue": the measure before in relation to the one that the follow-up names."""
    related = [mark for mark in question.marks if "ratio_of" in mark.operators]
    if not related or len(plan.measures) != 1 or len(before.measures) != 1 or related[0].first > 1:
        return None
    if len(plan.unexplained) > 1:
        return None
    one, other = before.measures[0], plan.measures[0]
    name = f"{one.name} as a percentage of {other.name}"
    return Measure(name, Call("/", (one.expression, other.expression)), "percent", f"{one.name} / {other.name}", "", one.defined)
