"""Several companies in one question: pages of each of them."""

import re
from collections.abc import Callable, Sequence
from itertools import chain, zip_longest

from jacie_flask.evidence.selection import Selection
from jacie_flask.interfaces import Passage

WIDER = 4
"""How many times as many pages are ranked where several companies have to be among them."""
_WHICH_COMPANY = re.compile(
    r"\bwhich (?:of (?:the|these|all) )?(?:\w+ )?(?:company|companies|firms?|groups?|business(?:es)?) (?!segment|unit)"
    r"|\b(?:compare|rank) (?:all )?(?:the )?companies\b|\bwho (?:had|has|made|earned|reported) the (?:highest|lowest|largest|most|least)\b",
    re.IGNORECASE,
)


def compares(selection: Selection) -> bool:
    """Say whether a question is asked of several companies, by their names or of all that are here."""
    return len(selection.names) > 1 < len(selection.companies) or bool(_WHICH_COMPANY.search(selection.question))


def spread(passages: Sequence[Passage], company_of: Callable[[str], str], most: int) -> list[Passage]:
    """Return the best passages of every company in turn, at most ``most``, best first as they came."""
    each: dict[str, list[int]] = {}
    for place, passage in enumerate(passages):
        each.setdefault(company_of(passage.document_id), []).append(place)
    in_turn = [place for place in chain.from_iterable(zip_longest(*each.values())) if place is not None]
    return [passages[place] for place in sorted(in_turn[:most])]
