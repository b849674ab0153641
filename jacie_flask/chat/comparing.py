"""Several companies in one question: pages of each of them, and the line of each that answers best."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, zip_longest

from jacie_flask.chat.asking import asks_which_company
from jacie_flask.chat.citations import Evidence
from jacie_flask.chat.selection import Selection
from jacie_flask.chat.telling import best_units
from jacie_flask.chat.units import Unit, years_in
from jacie_flask.interfaces import Passage

MOST = 6
WIDER = 4
"""How many times as many pages are ranked where several companies have to be among them."""
_NEAR = 0.6


def compares(selection: Selection) -> bool:
    """Say whether a question is asked of several companies, by their names or of all that are here."""
    return len(selection.names) > 1 < len(selection.companies) or asks_which_company(selection.question)


def spread(passages: Sequence[Passage], company_of: Callable[[str], str], most: int) -> list[Passage]:
    """Return the best passages of every company in turn, at most ``most``, best first as they came."""
    each: dict[str, list[int]] = {}
    for place, passage in enumerate(passages):
        each.setdefault(company_of(passage.document_id), []).append(place)
    in_turn = [place for place in chain.from_iterable(zip_longest(*each.values())) if place is not None]
    return [passages[place] for place in sorted(in_turn[:most])]


def lines_of_each(
    question: str, terms: Mapping[int, float], evidence: Sequence[Evidence], companies: Sequence[str]
) -> dict[str, Unit | None]:
    """Return the best unit of each company, None where no page of it speaks of the question; at most six companies.

    Without ``companies`` they are the ones that the evidence is of, best first.
    """
    asked = companies or dict.fromkeys(item.source.company for item in evidence if item.source.company)
    pages = {company: [item for item in evidence if item.source.company == company] for company in list(asked)[:MOST]}
    return {company: _of_year(question, best_units(question, terms, items)) for company, items in pages.items()}


def _of_year(question: str, found: Sequence[Unit]) -> Unit | None:
    """Return the first unit; of those near it the first that speaks of a year that was asked for."""
    years = set(years_in(question))
    near = [unit for unit in found if unit.score >= _NEAR * found[0].score]
    return next((unit for unit in near if years & set(years_in(f"{unit.heading} {unit.text}"))), found[0] if found else None)
