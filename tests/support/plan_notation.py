"""Plans in a compact notation, one line each, so that a table of questions can say what is expected."""

from jacie_flask.facts.expressions import Call, Expression, Item, Number
from jacie_flask.question.plan import Measure, Plan, Span


def notation(plan: Plan) -> str:
    """Return a plan as "companies | operator | measures | periods | the rest"; a plan that declines begins with "--"."""
    rest = [
        f"{name}={value}"
        for name in ("group", "direction", "threshold", "statement")
        if (value := getattr(plan, name)) not in ("", None)
    ]
    wishes = plan.wishes
    rest += [f"e{wishes.scale}"] if wishes.scale is not None else []
    rest += [f"{wishes.decimals}dp"] if wishes.decimals is not None else []
    rest += [word for word, wanted in (("%", wishes.percent), ("table", wishes.table), ("brief", wishes.brief)) if wanted]
    rest += [wishes.currency] if wishes.currency else []
    if not plan.complete:
        reason = plan.reason.split(":")[0]
        return f"-- {', '.join(plan.unexplained)}{f' ({reason})' if reason else ''}"
    measures = " & ".join(map(_measure, plan.measures))
    return " | ".join([", ".join(plan.companies), plan.operator, measures, " ".join(map(_span, plan.spans)), " ".join(rest)])


def _measure(measure: Measure) -> str:
    unit = "" if measure.unit == "money" else f"[{measure.unit}]"
    name = measure.formula_id or _expression(measure.expression)
    return f"{name}{unit}{'!' if measure.defined else ''}"


def _expression(expression: Expression) -> str:
    if isinstance(expression, Item):
        name = expression.concept or f"'{expression.phrase}'"
        return f"{name}@{_span(expression.span)}" if expression.span else name
    if isinstance(expression, Number):
        return f"{expression.value:g}"
    return _call(expression)


def _call(call: Call) -> str:
    arguments = [_expression(argument) for argument in call.arguments]
    if call.operator in {"+", "-", "*", "/"}:
        return f"({f' {call.operator} '.join(arguments)})"
    spans = "".join(f";{_span(span)}" for span in call.spans)
    return f"{call.operator}({', '.join(arguments)}{spans})"


def _span(span: Span) -> str:
    if span.kind == "latest":
        quarter = "" if span.months == 12 else f"/{span.months}M"
        return (f"latest-{span.number}" if span.number else "latest") + quarter
    if span.kind in {"quarter", "half"}:
        return f"{span.kind[0].upper()}{span.number}/{span.year}"
    if span.kind == "months":
        return f"{span.months}M/{span.end or span.year}"
    return span.end or (str(span.year) if span.year else span.kind)
