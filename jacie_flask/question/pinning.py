"""Periods inside of definitions: found for the plan, and made relative to it where they say the same."""

from collections.abc import Sequence
from dataclasses import replace

from jacie_flask.facts.expressions import Call, Expression, Item, at
from jacie_flask.question.periods import moved
from jacie_flask.question.plan import Measure, Span


def pinned(measures: Sequence[Measure]) -> list[Span]:
    """Return the periods that definitions name, oldest first."""
    found = {span for measure in measures for span in _spans(measure.expression)}
    return sorted(found, key=lambda span: (span.year, span.number))


def _spans(expression: Expression) -> list[Span]:
    if isinstance(expression, Item):
        return [expression.span] if expression.span else []
    if isinstance(expression, Call):
        return [*expression.spans, *(span for argument in expression.arguments for span in _spans(argument))]
    return []


def relative(measures: Sequence[Measure], spans: Sequence[Span]) -> tuple[Measure, ...]:
    """Return measures whose definitions name no period that the plan's only one implies."""
    if len(spans) != 1:
        return tuple(measures)
    return tuple(replace(measure, expression=_relative(measure.expression, spans[0])) for measure in measures)


def _relative(expression: Expression, span: Span) -> Expression:
    if isinstance(expression, Item):
        return replace(expression, span=None) if expression.span == span else expression
    if isinstance(expression, Call):
        usual = expression.spans == (moved(span, -1), span)
        arguments = tuple(_relative(argument, span) for argument in expression.arguments)
        return replace(expression, arguments=arguments, spans=() if usual else expression.spans)
    return expression


def parted(measure: Measure, spans: Sequence[Span], *, apart: bool = False) -> tuple[tuple[Measure, ...], tuple[Span, ...]]:
    """Return a part of a year's figure and the whole year's: "what share of 2022's dividends was paid in the fourth quarter".

    ``apart`` says that the question names the year and the part of it at different places.
    """
    years = [span for span in spans if span.kind == "year"]
    parts = [span for span in spans if span.kind in {"quarter", "half", "months"}]
    if len(spans) == len(parts) == 1 and apart and not parts[0].end:
        years, spans = [Span("year", parts[0].year)], (*spans, Span("year", parts[0].year))
    if len(spans) != 2 or len(years) != 1 or len(parts) != 1 or years[0].year != parts[0].year:
        return (measure,), tuple(spans)
    return (replace(measure, expression=at(measure.expression, parts[0])), measure), tuple(years)


def quotient(measures: Sequence[Measure]) -> tuple[Measure, ...]:
    """Return the first of two measures in percent of the second as one measure; others are returned as they are."""
    if len(measures) != 2:
        return tuple(measures)
    part, whole = measures
    text = f"{part.name} / {whole.name}"
    return (Measure(f"share of {part.name} in {whole.name}", Call("/", (part.expression, whole.expression)), "percent", text),)


def quarters(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Return the quarters of the years."""
    years = [span.year for span in spans if span.kind == "year"]
    return tuple(Span("quarter", year, number, 3) for year in years for number in (1, 2, 3, 4)) or tuple(spans)
