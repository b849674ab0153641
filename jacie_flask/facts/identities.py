"""Consistency checks of statements: what has to add up does, or its rows are not computed with; and signs made usable."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import msgspec

from jacie_flask.facts.concepts import absolute
from jacie_flask.facts.values import Cell, Fact, Row, Table

_MOST_BETWEEN = 7


@dataclass(frozen=True)
class Check:
    """What a check found: the concepts whose rows it compared, and whether their figures agree in every column."""

    name: str
    concepts: tuple[str, ...]
    passed: bool


@dataclass(frozen=True)
class _Statement:
    """A table's rows by concept, with the positions of the rows."""

    rows: Sequence[Row]
    at: dict[str, int]
    columns: frozenset[int]

    def values(self, concept: str) -> dict[int, Cell]:
        """Return the figures of a concept by column; {} where the statement has no such row."""
        if concept not in self.at:
            return {}
        return {cell.column: cell for cell in self.rows[self.at[concept]].cells if cell.column in self.columns}

    def between(self, first: str, last: str) -> Sequence[Row]:
        """Return the rows that stand between those of two concepts."""
        return self.rows[self.at[first] + 1 : self.at[last]]


def checked(tables: Sequence[Table]) -> list[Table]:
    """Return tables in which the rows of statements that fail a check, and pass no other, say so in ``suspect``."""
    return [_checked(table) if table.statement else table for table in tables]


def checks(table: Table) -> list[Check]:
    """Return the checks of a statement's table for which it has the rows."""
    at: dict[str, int] = {}
    for position, row in enumerate(table.rows):
        if row.concept:
            at.setdefault(row.concept, position)
    columns = frozenset(number for number, column in enumerate(table.columns) if column.role == "value")
    statement = _Statement(table.rows, at, columns)
    return [check for one in _CHECKS for check in one(statement)]


def sign(fact: Fact) -> int:
    """Return 1 or -1: what the printed amount of a fact is multiplied by before it is computed with.

    Expenses and payments become positive, a tax benefit negative. The printed sign of an expense or payment is a matter of style;
    whether a tax is an expense is what lies between the profits before and after it in the same column.
    """
    concept = fact.row.concept
    if concept == "income_tax":
        return -1 if _tax(fact) != fact.amount else 1
    if absolute(concept) and fact.amount < 0:
        return -1
    return 1


def signed_amount(fact: Fact) -> float:
    """Return a fact's amount with a sign to compute with, as ``sign`` says."""
    return sign(fact) * fact.amount


def _tax(fact: Fact) -> float:
    figures = {
        row.concept: cell.value
        for row in fact.table.rows
        for cell in row.cells
        if row.concept and cell.column == fact.cell.column
    }
    pretax, net = figures.get("pretax_income"), figures.get("net_income")
    size = abs(fact.amount)
    if pretax is None or net is None:
        return fact.amount
    unit = 10.0**fact.row.scale
    expense, benefit = abs(pretax * unit - size - net * unit), abs(pretax * unit + size - net * unit)
    return size if expense <= benefit else -size


def _checked(table: Table) -> Table:
    found = checks(table)
    passed = {concept for check in found if check.passed for concept in check.concepts}
    failed = {concept: check.name for check in found if not check.passed for concept in check.concepts if concept not in passed}
    if not failed:
        return table
    rows = [msgspec.structs.replace(row, suspect=failed[row.concept]) if row.concept in failed else row for row in table.rows]
    return msgspec.structs.replace(table, rows=rows)


def _compare(name: str, statement: _Statement, concepts: tuple[str, ...], agree: Callable[..., bool]) -> Iterator[Check]:
    """Check every column in which all concepts have a figure."""
    figures = [statement.values(concept) for concept in concepts]
    columns = set.intersection(*(set(one) for one in figures)) if figures else set()
    if columns:
        yield Check(name, concepts, all(agree(*(one[column] for one in figures)) for column in sorted(columns)))


def _near(difference: float, cells: Iterable[Cell]) -> bool:
    """Say whether a difference is no more than the rounding of the figures that it is between."""
    parts = list(cells)
    return abs(difference) <= 0.51 * (len(parts) + 1) * 10.0 ** -min(cell.decimals for cell in parts)


def _balances(statement: _Statement) -> Iterator[Check]:
    yield from _compare(
        "total assets are not total liabilities and equity",
        statement,
        ("total_assets", "liabilities_and_equity"),
        lambda assets, both: _near(assets.value - both.value, (assets, both)),
    )
    for equity in ("total_equity", "equity"):
        concepts = ("total_liabilities", equity, "total_assets")
        if not all(concept in statement.at for concept in concepts):
            continue
        first, last = sorted((statement.at["total_liabilities"], statement.at[equity]))
        rest = statement.rows[first + 1 : last]
        yield from _compare("total assets are not liabilities plus equity", statement, concepts, _with_others(rest))
        return


def _with_others(rows: Sequence[Row]) -> Callable[[Cell, Cell, Cell], bool]:
    """Return the check that liabilities and equity are the assets, alone or with one or two rows between the totals (redeemable equity)."""

    def agree(liabilities: Cell, equity: Cell, assets: Cell) -> bool:
        missing = assets.value - liabilities.value - equity.value
        others = [cell for row in rows for cell in row.cells if cell.column == assets.column and cell.value]
        options = [
            0.0,
            *(cell.value for cell in others),
            *(one.value + two.value for one, two in pairwise(others)),
        ]
        return any(_near(missing - option, (liabilities, equity, assets)) for option in options)

    return agree


def _gross(statement: _Statement) -> Iterator[Check]:
    for sales in ("revenue", "net_sales"):
        concepts = (sales, "cost_of_sales", "gross_profit")
        found = list(
            _compare(
                "revenue less cost of sales is not gross profit",
                statement,
                concepts,
                lambda sales, cost, gross: _near(sales.value - abs(cost.value) - gross.value, (sales, cost, gross)),
            )
        )
        if found and found[0].passed:
            yield from found
            return
        if found and sales == "net_sales":
            yield from found
    if "net_sales" not in statement.at:
        yield from _first_gross(statement)


def _first_gross(statement: _Statement) -> Iterator[Check]:
    yield from _compare(
        "revenue less cost of sales is not gross profit",
        statement,
        ("revenue", "cost_of_sales", "gross_profit"),
        lambda sales, cost, gross: _near(sales.value - abs(cost.value) - gross.value, (sales, cost, gross)),
    )


def _profits(statement: _Statement) -> Iterator[Check]:
    """Profit before tax, the tax and what stands between them and net income add up, with some signs."""
    if not all(concept in statement.at for concept in ("pretax_income", "income_tax", "net_income")):
        return
    between = [
        row for row in statement.between("pretax_income", "net_income") if row.concept != "income_tax" and row.unit == "money"
    ]

    def agree(pretax: Cell, tax: Cell, net: Cell) -> bool:
        others = [cell for row in between for cell in row.cells if cell.column == pretax.column and cell.value]
        if len(others) > _MOST_BETWEEN:
            return True
        missing = net.value - pretax.value
        sums = (
            sign * tax.value + sum(factor * cell.value for factor, cell in zip(factors, others, strict=True))
            for sign in (-1, 1)
            for factors in product((0, 1, -1), repeat=len(others))
        )
        return any(_near(missing - one, (pretax, tax, net)) for one in sums)

    yield from _compare(
        "profit before tax, tax and net income do not add up", statement, ("pretax_income", "income_tax", "net_income"), agree
    )


def _cash(statement: _Statement) -> Iterator[Check]:
    yield from _compare(
        "cash at the beginning and its change are not cash at the end",
        statement,
        ("cash_beginning", "net_change_in_cash", "cash_end"),
        _with_outside(statement, lambda first, change, last: last.value - first.value - change.value),
    )
    yield from _compare(
        "the cash flows do not add up to the change in cash",
        statement,
        ("operating_cash_flow", "investing_cash_flow", "financing_cash_flow", "net_change_in_cash"),
        _with_outside(statement, lambda *flows: flows[3].value - sum(flow.value for flow in flows[:3])),
    )


def _with_outside(statement: _Statement, difference: Callable[..., float]) -> Callable[..., bool]:
    """Return the check that a difference is nothing, or made of exchange rates and of what is discontinued or held for sale."""
    rest = [row for row in statement.rows if _outside(row) and not row.concept]

    def agree(*cells: Cell) -> bool:
        missing = difference(*cells)
        others = [cell.value for row in rest for cell in row.cells if cell.column == cells[0].column and cell.value]
        return any(_near(missing - one, cells) for one in _sums(others[:_MOST_BETWEEN]))

    return agree


def _outside(row: Row) -> bool:
    label = row.label.lower()
    return any(
        word in label for word in ("exchange", "currency", "discontinued", "held for sale", "held-for-sale", "translation")
    )


def _sums(values: Sequence[float]) -> Iterator[float]:
    return (
        sum(factor * value for factor, value in zip(factors, values, strict=True))
        for factors in product((0, 1, -1), repeat=len(values))
    )


_CHECKS = (_balances, _gross, _profits, _cash)
