"""What a catalog says, read once: of each document its company, years, quarter, days and kind, and the names of the companies."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from jacie_flask.evidence.kinds import OTHER, kind_of
from jacie_flask.evidence.titles import Titles
from jacie_flask.interfaces import CatalogDocument
from jacie_flask.question.companies import CompanyNames, company_in_filename
from jacie_flask.text.periods import periods


@dataclass(frozen=True)
class Facts:
    """What the catalog says of one document, read once."""

    document: CatalogDocument
    company: str
    years: frozenset[int]
    quarter: int | None
    days: tuple[date, ...]
    kind: str

    @property
    def order(self) -> tuple[int, int, date]:
        """Where the document stands in time."""
        return max(self.years, default=0), self.quarter or 4, max(self.days, default=date.min)

    def passes(self, filters: Mapping[str, str]) -> bool:
        """Say whether the document passes every filter, whatever the letter case."""
        document = self.document
        company, period, kind = (filters.get(key, "").strip().lower() for key in ("company", "period", "document_type"))
        if company and company not in {self.company.lower(), document.company.lower(), *map(str.lower, document.aliases)}:
            return False
        if period and period != document.period.lower():
            asked = periods(period)
            if not asked.years or not set(asked.years) & self.years:
                return False
            if asked.quarters and self.quarter not in asked.quarters:
                return False
        if not kind or kind == document.document_type.lower():
            return True
        return kind_of(kind) == self.kind


class KnownCatalog:
    """One catalog, prepared: facts of each document and the names of its companies."""

    def __init__(self, documents: Sequence[CatalogDocument]) -> None:
        self.documents = tuple(documents)
        self.facts = [_facts(document) for document in documents]
        companies: dict[str, list[str]] = {}
        for one in self.facts:
            if one.company:
                aliases = companies.setdefault(one.company, [])
                aliases.extend(alias for alias in one.document.aliases if alias not in aliases)
        self.names = CompanyNames(companies)
        self.titles = Titles({one.document.document_id: one.document.filename for one in self.facts if not one.company})


def _facts(document: CatalogDocument) -> Facts:
    """Read one document's catalog entry and file name."""
    by_name, by_period = periods(document.filename), periods(document.period)
    quarters = by_period.quarters or by_name.quarters
    years = by_period.years or by_name.years or _loose_years(document.filename)
    return Facts(
        document,
        document.company or company_in_filename(document.filename),
        frozenset(years),
        quarters[0] if len(quarters) == 1 else None,
        by_name.days or by_period.days,
        kind_of(document.document_type) or kind_of(document.filename.replace("_", " ")) or OTHER,
    )


def _loose_years(filename: str) -> tuple[int, ...]:
    """Return years in a file name wherever they stand."""
    return tuple(int(year) for year in re.findall(r"(?<!\d)(?:19[89]|20[0-4])\d(?!\d)", filename))
