"""Key figures of a company with their changes against the year before."""

from collections.abc import Sequence

from jacie_flask.answer.exact.changes import changed, growth_phrase, moved, plain, same
from jacie_flask.answer.exact.draft import Draft
from jacie_flask.answer.exact.figures import Company, Figure, Request, aside, figure, known_periods, period_of, spoken
from jacie_flask.computation.operands import Missing, Period
from jacie_flask.facts.formulas import formulas
from jacie_flask.question.plan import Item, Measure, Span, Wishes
from jacie_flask.question.vocabulary import vocabulary
from jacie_flask.text.phrasing import opened

_LEADING = ("revenue", "gross_profit", "operating_income", "net_income", "headline_eps", "eps_diluted")
_MARGINS = ("gross_margin", "operating_margin")
_FOLLOWING = ("operating_cash_flow", "capex", "total_assets", "total_equity")
_FEWEST = 2

Row = tuple[Figure, Figure | None]
"""A figure, and that of the year before where it is known."""


def highlights(request: Request) -> Draft:
    """Answer with the key figures of each company and their changes."""
    draft = Draft()
    if len(request.companies) > 1:
        return _side_by_side(request, draft)
    for company in request.companies:
        period = _period(request, company)
        rows = [row for measure in _measures() if (row := _row(measure, company, period))]
        if len(rows) < _FEWEST:
            raise Missing(f"statements of {company.name or 'the company'} for {period.text} are not here")
        after, before = rows[0]
        tail = growth_phrase(draft, before, after, Wishes()) if before else ""
        operands = (*after.computed.operands, *(before.computed.operands if before else ()))
        draft.say(f"{spoken(after)}{tail}{draft.marks(operands)}.")
        _table(draft, rows)
    return draft


def _side_by_side(request: Request, draft: Draft) -> Draft:
    """Answer with one line a company: revenue and net income of its newest year, with their changes."""
    lines = ["|  | Year | Revenue | Change | Net income | Change |", "| --- | --- | ---: | ---: | ---: | ---: |"]
    names = {
        concept: Measure(vocabulary().names.get(concept, concept), Item(concept=concept)) for concept in ("revenue", "net_income")
    }
    for company in request.companies:
        try:
            period = _period(request, company)
        except Missing:
            continue
        rows = [_row(measure, company, period) for measure in names.values()]
        if any(rows):
            cells = [cell for row in rows for cell in _pair(draft, row)]
            lines.append(f"| {company.name} | {period.text} | {' | '.join(cells)} |")
    if len(lines) <= _FEWEST:
        raise Missing("no statements of income are here")
    draft.say("The newest key figures of each company:")
    draft.say("\n".join(lines))
    return draft


def _pair(draft: Draft, row: Row | None) -> tuple[str, str]:
    if row is None:
        return "–", "–"
    after, before = row
    marks = draft.marks((*after.computed.operands, *(before.computed.operands if before else ())))
    return f"{_shown(draft, after)}{marks}", _change(draft, before, after)


def _period(request: Request, company: Company) -> Period:
    """Return the period asked for, or the newest year for which the company's figures are known."""
    spans = [span for span in request.plan.spans if span.kind != "latest"]
    measures = _measures()
    if spans:
        return period_of(spans[-1], request, company, measures[0])
    known = [period for measure in measures for period in known_periods(measure, company, Period(0))]
    if known:
        return max(known, key=lambda one: one.year)
    return period_of(Span("latest"), request, company, measures[0])


def _measures() -> list[Measure]:
    names, known = vocabulary().names, formulas()
    items = {concept: Measure(names.get(concept, concept), Item(concept=concept)) for concept in (*_LEADING, *_FOLLOWING)}
    margins = [Measure(known[one].name, known[one].expression, known[one].unit, formula_id=one) for one in _MARGINS]
    return [*(items[one] for one in _LEADING), *margins, *(items[one] for one in _FOLLOWING)]


def _row(measure: Measure, company: Company, period: Period) -> Row | None:
    """Return a measure's figures; None where that of the period is not known."""
    try:
        after = figure(measure, company, period, Wishes())
    except Missing:
        return None
    try:
        return after, figure(measure, company, period.earlier(), Wishes())
    except Missing:
        return after, None


def _table(draft: Draft, rows: Sequence[Row]) -> None:
    """Add a table of the figures, those of the year before, and the changes."""
    first = rows[0][0]
    lines = [
        f"|{aside(first) or '  '}| {first.period.text} | {first.period.earlier().text} | Change |",
        "| --- | ---: | ---: | ---: |",
    ]
    for after, before in rows:
        marks = draft.marks((*after.computed.operands, *(before.computed.operands if before else ())))
        earlier = _shown(draft, before) if before else "–"
        lines.append(
            f"| {opened(after.measure.name)} | {_shown(draft, after)}{marks} | {earlier} | {_change(draft, before, after)} |"
        )
    draft.say("\n".join(lines))


def _shown(draft: Draft, one: Figure) -> str:
    return one.amount.text if one.computed.single else draft.calculate(one.amount, one.computed)


def _change(draft: Draft, before: Figure | None, after: Figure) -> str:
    if before is None:
        return "–"
    if same(before, after):
        return "unchanged"
    step = changed(draft, before, after, Wishes())
    return f"{moved(step, up='+', down='−')}{plain(step)}"
