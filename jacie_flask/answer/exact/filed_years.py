"""Years that a question names as the collection files them: the fiscal year 2022 that ends in January 2023 under 2023."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from jacie_flask.facts.book import Book
from jacie_flask.question.plan import Plan


def filed_years(plan: Plan, books: Mapping[str, Book]) -> tuple[Plan, str] | None:
    """Return the plan for the fiscal years that the company calls otherwise, and the sentence that says so; None where there are none.

    A document is filed under the year, no statement has it for a fiscal year of the company, and the one before ends within it.
    """
    years = {span.year for span in plan.spans}
    if len(books) != 1 or not years or any(span.kind != "year" or span.end or not span.year for span in plan.spans):
        return None
    ((name, book),) = books.items()
    ends = {year: book.last_days(year - 1, 0) for year in years}
    last = max(years)
    filed = any(filing.year == last for filing, _ in book.filings)
    if (
        not filed
        or book.last_days(last, 0)
        or any(not days or {day[:4] for day in days} != {str(year)} for year, days in ends.items())
    ):
        return None
    day = date.fromisoformat(ends[last][-1])
    spans = tuple(replace(span, year=span.year - 1) for span in plan.spans)
    text = f"{name} calls the year to {day.day} {day:%B %Y} fiscal {last - 1}; its fiscal {last} is in no filing here, so this is the year that ends in {last}."
    return replace(plan, spans=spans), text
