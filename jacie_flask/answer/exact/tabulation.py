"""Small Markdown tables of figures, by year or by company, and the list of a computed figure's operands."""

from collections.abc import Sequence

from jacie_flask.answer.exact.draft import Draft
from jacie_flask.answer.exact.figures import Figure
from jacie_flask.computation.amounts import Amount, shown
from jacie_flask.computation.operands import Operand, Period
from jacie_flask.question.plan import Wishes
from jacie_flask.text.phrasing import opened


def by_period(draft: Draft, figures: Sequence[Figure]) -> None:
    """Add a table with a row a measure and a column a period."""
    names = list(dict.fromkeys(one.period.text for one in figures))
    rows: dict[str, dict[str, Figure]] = {}
    for one in figures:
        rows.setdefault(one.measure.name, {})[one.period.text] = one
    _table(draft, "", names, {opened(name): row for name, row in rows.items()})


def by_company(draft: Draft, figures: Sequence[Figure]) -> None:
    """Add a table with a row a company (and measure) and a column a period; fiscal years of one name share a column."""
    keys = sorted({_key(one) for one in figures})
    several = len({one.measure.name for one in figures}) > 1
    rows: dict[str, dict[str, Figure]] = {}
    for one in figures:
        label = f"{one.company.name}, {one.measure.name}" if several else one.company.name
        rows.setdefault(label, {})[_column(_key(one))] = one
    _table(draft, "" if several else opened(figures[0].measure.name), [_column(key) for key in keys], rows)


def _key(one: Figure) -> tuple[int, int, int]:
    return one.period.year, one.period.quarter, one.period.months


def _column(key: tuple[int, int, int]) -> str:
    return Period(*key).text


def _table(draft: Draft, corner: str, names: Sequence[str], rows: dict[str, dict[str, Figure]]) -> None:
    lines = [f"| {corner} | {' | '.join(names)} |", f"| --- |{' ---: |' * len(names)}"]
    for label, row in rows.items():
        cells = [_cell(draft, row.get(name)) for name in names]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    draft.say("\n".join(lines))


def _cell(draft: Draft, one: Figure | None) -> str:
    if one is None:
        return "–"
    if not one.computed.single and not any(item.text == one.amount.text for item in draft.calculations):
        draft.calculate(one.amount, one.computed)
    return f"{one.amount.text}{draft.marks(one.computed.operands)}"


def operand_list(draft: Draft, figures: Sequence[Figure]) -> str:
    """Return the formula and the operands of computed figures, a line each; "" where all stand on a page as they are."""
    computed = [one for one in figures if not one.computed.single]
    if not computed:
        return ""
    lines = [f"{opened(computed[0].measure.name)} = {computed[0].computed.formula}"]
    operands = dict.fromkeys(operand for one in computed for operand in one.computed.operands)
    by_label: dict[str, list[Operand]] = {}
    for operand in operands:
        by_label.setdefault(operand.label, []).append(operand)
    for label, group in by_label.items():
        ordered = sorted(group, key=lambda one: (-one.period.year, -one.period.quarter))
        values = [f"{as_amount(one).text} in {one.period.text}{draft.marks([one])}" for one in ordered]
        lines.append(f"- {opened(label)}: {', '.join(values)}")
    return "\n".join(lines)


def as_amount(operand: Operand) -> Amount:
    """Return an operand as the page prints it."""
    return shown(operand.amount, operand.unit, operand.currency, operand.scale, operand.decimals, Wishes())
