"""Operands from the filings of one company: the version of the filing that was asked for, or the newest."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from jacie_flask.computation.amounts import exact, shown
from jacie_flask.computation.operands import NEAR_DAYS, Missing, Operand, Period
from jacie_flask.facts.book import STATEMENTS, Book, Found, RowMatch, equal, fits, places
from jacie_flask.facts.identities import sign
from jacie_flask.facts.values import Fact, Row
from jacie_flask.question.plan import Item, Wishes
from jacie_flask.question.vocabulary import vocabulary
from jacie_flask.text.hostile import one_line, unnumbered
from jacie_flask.text.phrasing import listed
from jacie_flask.text.terms import term_ids

_YEAR_END = "-12-"
_MOST_NAMED = 6
_LONGEST_LABEL = 160
_SAME_END_DAYS = 20
_YEAR_MONTHS = 12
_CURRENCY_SIGN = re.compile(r"[$€£¥₹₦₩]|\b(?:USD|EUR|GBP|ZAR|CHF|JPY|INR|NGN|KES|R)\b")
_ANNUAL = "annual report"


@dataclass(frozen=True)
class BookLookup:
    """Finds the figures of one company in its book; those of the filing for ``home`` win over other versions."""

    book: Book
    home: Period | None = None
    statement: str = ""

    def operand(self, item: Item, period: Period) -> Operand:
        """Return the figure of an item for a period; raise Missing where no filing states it, or several rows fit equally."""
        return self._of_concept(item, period) if item.concept else self._of_phrase(item.phrase, period)

    def stated(self, name: str, period: Period) -> Operand | None:
        """Return the figure of the row whose label is just this name, None where no filing has one or several differ."""
        wanted = term_ids(name)
        exact_rows = [one for one in self._rows(name, period, period.months) if term_ids(one.fact.row.label) == wanted]
        if not exact_rows:
            return None
        chosen = self._preferred(exact_rows)
        if any(one.filing == chosen.filing and not equal(one.fact, chosen.fact) for one in exact_rows):
            return None
        return self._operand(chosen, exact_rows, period)

    def periods(self, item: Item, period: Period) -> list[Period]:
        """Return the periods of that duration for which the item is known, oldest first."""
        if item.concept:
            known = self.book.periods(item.concept, period.months)
        else:
            columns = [one.fact.column for one in self._rows(item.phrase, None, period.months)]
            known = sorted({place for column in columns for place in places(column, period.months)})
        return [Period(year, quarter, period.months) for year, quarter in known]

    def last_day(self, period: Period) -> str:
        """Return the day (ISO) on which a period ends, as any table of the filings says; "" where none does or they differ."""
        days = self.book.last_days(period.year, period.quarter)
        return days[-1] if days and _apart(days[0], days[-1]) <= NEAR_DAYS else ""

    # ------------------------------------------------------------------------------------------------------ concepts

    def version(self, concept: str, period: Period) -> Found:
        """Return the version of a concept's figure that answers are computed with; raise Missing."""
        return self._preferred(self._versions(concept, period))

    def of_fact(self, fact: Fact, whole: Found, period: Period) -> Operand:
        """Return a fact of the filing that ``whole`` is of as an operand."""
        part = Found(fact, whole.filing)
        return self._operand(part, [part], period)

    def _of_concept(self, item: Item, period: Period) -> Operand:
        found = self._versions(item.concept, period)
        chosen = self._preferred(found)
        named = self._named_row(chosen, item.written, period)
        return self._operand(named, [named], period) if named else self._operand(chosen, found, period)

    def _named_row(self, chosen: Found, written: str, period: Period) -> Found | None:
        """Return the row of the same statement that has just the name that was asked for, None where the chosen one has it or none does."""
        wanted = term_ids(written)
        if not wanted or term_ids(chosen.fact.row.label) == wanted:
            return None
        table = chosen.fact.table
        rows = [row for row in table.rows if term_ids(row.label) == wanted and not row.suspect]
        facts = [
            Fact(table=table, row=row, column=table.columns[cell.column], cell=cell)
            for row in rows
            for cell in row.cells
            if fits(table.columns[cell.column], period.year, period.quarter, period.months)
        ]
        return Found(facts[0], chosen.filing) if len(facts) == 1 else None

    def _versions(self, concept: str, period: Period) -> list[Found]:
        found = ending_with(self.book.find(concept, period.year, period.quarter, period.months), period)
        if self.statement:
            found = [one for one in found if one.fact.table.statement.startswith(self.statement)] or found
        if not found:
            raise Missing(
                _absent(
                    f"{vocabulary().names.get(concept, concept)} for {period.text} is in no filing here",
                    [_known(one, period) for one in self.book.periods(concept, period.months)],
                )
            )
        _check_ends(found, period)
        return found

    def _preferred(self, found: Sequence[Found]) -> Found:
        """Return the version of the filing for the home period, else the first one."""
        home = (self.home.year, self.home.quarter % 4) if self.home else None
        of_home = [one for one in found if (one.filing.year, one.filing.quarter) == home]
        statements = [one for one in of_home if one.fact.table.statement in STATEMENTS]
        return min(statements or of_home or found[:1], key=lambda one: one.filing.kind != _ANNUAL)

    # --------------------------------------------------------------------------------------------------------- rows

    def _of_phrase(self, phrase: str, period: Period) -> Operand:
        found = self._rows(phrase, period, period.months)
        if not found:
            known = sorted({one.fact.column.year for one in self._rows(phrase, None, period.months)})
            reason = f"no row of the filings here was recognised as “{phrase}” for {period.text}"
            raise Missing(_absent(reason, [Period(year, 0, 12) for year in known if year]))
        chosen = self._preferred(found)
        rivals = [one for one in found if one.filing == chosen.filing and not equal(one.fact, chosen.fact)]
        if rivals:
            labels = listed(list(dict.fromkeys(f"“{_whole_label(one.fact.row)}”" for one in (chosen, *rivals)))[:_MOST_NAMED])
            raise Missing(f"several rows fit “{phrase}” ({labels})")
        return self._operand(chosen, found, period)

    def _rows(self, phrase: str, period: Period | None, months: int) -> list[Found]:
        """Return the facts of the rows that fit a phrase closest, newest filing first."""
        matches = self.book.rows(phrase)
        closest = [one for one in matches if _closeness(one) == _closeness(matches[0])]
        found: list[Found] = []
        for match in closest:
            for cell in match.row.cells:
                column = match.table.columns[cell.column]
                fact = Fact(table=match.table, row=match.row, column=column, cell=cell)
                if period and not (fits(column, period.year, period.quarter, months) and ends_with(column.end, period)):
                    continue
                if not period and (not column.year or column.months not in (0, months)):
                    continue
                found.append(Found(fact, match.filing))
        return sorted(found, key=lambda one: one.filing.order, reverse=True)

    # ------------------------------------------------------------------------------------------------------ operands

    def _operand(self, chosen: Found, versions: Sequence[Found], period: Period) -> Operand:
        fact = chosen.fact
        unit = "percent" if fact.cell.unit else fact.row.unit or "money"
        unit = unit if _prints_money(fact) else "count"
        amount = exact(fact.cell.value).scaleb(fact.row.scale)
        return Operand(
            label=unnumbered(one_line(fact.row.label, _LONGEST_LABEL)).replace("|", "/"),
            amount=amount * sign(fact),
            unit=unit,
            period=Period(period.year, period.quarter, period.months, calendar=_calendar(fact)),
            document_id=chosen.filing.document_id,
            page=chosen.page,
            quote=fact.row.text,
            concept=fact.row.concept,
            currency=fact.row.currency or fact.table.currency,
            scale=fact.row.scale,
            decimals=fact.cell.decimals,
            end=fact.column.end,
            differs=_difference(chosen, versions, period, unit),
        )


def _known(period: tuple[int, int], like: Period) -> Period:
    """Return a known (year, quarter) as a period; a balance at the end of a quarter is named by it."""
    year, quarter = period
    return Period(year, quarter, 3 if quarter and like.months == _YEAR_MONTHS else like.months)


def _closeness(match: RowMatch) -> tuple[bool, int, int]:
    return match.primary, match.missing, match.extra


def _prints_money(fact: Fact) -> bool:
    """Say whether a figure is money for sure: a statement's, or with a currency printed beside it or in its table's rows."""
    if fact.table.statement or fact.row.unit != "money":
        return True
    return any(_CURRENCY_SIGN.search(row.text) for row in fact.table.rows) or bool(_CURRENCY_SIGN.search(fact.table.title))


def ending_with(found: Sequence[Found], period: Period) -> list[Found]:
    """Return the facts that end on the last day of the period, where that is known."""
    return [one for one in found if ends_with(one.fact.column.end, period)]


def ends_with(end: str, period: Period) -> bool:
    """Say whether a column that ends on a day (ISO, "" for not known) can be of a period."""
    if not (end and period.end):
        return True
    return _apart(end, period.end) <= NEAR_DAYS


def _apart(one: str, other: str) -> int:
    """Return how many days lie between two days."""
    return abs((date.fromisoformat(one) - date.fromisoformat(other)).days)


def _calendar(fact: Fact) -> bool:
    """Say whether the fiscal year is the calendar's, as far as the column tells."""
    end = fact.column.end
    return not end or fact.column.quarter not in (0, 4) or (end[4:8] == _YEAR_END and end.startswith(str(fact.column.year)))


def _check_ends(found: Sequence[Found], period: Period) -> None:
    """Raise Missing where filings give the name of one fiscal year to periods that end at different times."""
    ends = sorted({date.fromisoformat(one.fact.column.end) for one in found if one.fact.column.end})
    if ends and (ends[-1] - ends[0]).days > _SAME_END_DAYS:
        days = listed([day.isoformat() for day in ends])
        raise Missing(f"the filings here call periods that end on {days} all {period.text}")


def _difference(chosen: Found, versions: Sequence[Found], period: Period, unit: str) -> str:
    """Say which later filing states another figure for the same period, "" where none does."""
    later = [one for one in versions if one.filing.order > chosen.filing.order and not equal(one.fact, chosen.fact)]
    if not later:
        return ""
    other = later[0]
    scale, decimals = other.fact.row.scale, other.fact.cell.decimals
    amount = shown(exact(other.fact.cell.value).scaleb(scale), unit, other.fact.row.currency, scale, decimals, Wishes())
    label = chosen.fact.row.label
    return f"A later filing ({other.filing.filename}) states {label} for {period.text} as {amount.text}."


def _whole_label(row: Row) -> str:
    return " – ".join((*row.headings[-1:], row.label))


def _absent(reason: str, known: Sequence[Period]) -> str:
    """Return a reason why a figure is missing, with the periods for which it is there."""
    years = list(dict.fromkeys(one.text for one in known))
    if not years:
        return reason
    shown_years = f"{years[0]} to {years[-1]}" if len(years) > _MOST_NAMED else listed(years)
    return f"{reason}; {shown_years} {'is' if len(years) == 1 else 'are'}"
