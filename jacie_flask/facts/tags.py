"""What inline XBRL says of rows and columns: concepts, periods, units and members."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from functools import cache, lru_cache
from importlib.resources import files

from jacie_flask.facts.grids import InlineFact

_DAYS_A_MONTH = 30.4375
_MEMBER = re.compile(r"Member$")
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@cache
def _concepts() -> dict[str, tuple[int, str]]:
    """Return the concept of each element's name, and the place of the element among those of its concept."""
    data = tomllib.loads(files("jacie_flask.facts").joinpath("tags.toml").read_text("utf-8"))
    return {element: (place, concept) for concept, elements in data.items() for place, element in enumerate(elements)}


def concept_of(element: str) -> str:
    """Return the concept that a standard element is ("us-gaap:Assets" is "total_assets"), "" for elements of other taxonomies."""
    return _ranked(element)[1]


def _ranked(element: str) -> tuple[int, str]:
    prefix, _, name = element.rpartition(":")
    return _concepts().get(name, (0, "")) if prefix in ("us-gaap", "ifrs-full") else (0, "")


def row_concepts(rows: Sequence[Sequence[InlineFact]]) -> list[str | None]:
    """Return the concept of each row by its facts: "" where they are of parts of the company, None where the tags do not say.

    Where the elements of several rows are one concept, the element that tags.toml lists first has it; several rows of one element have none.
    """
    names = [{fact.concept for fact in facts if not fact.dimensions} for facts in rows]
    ranked = [_ranked(next(iter(one))) if len(one) == 1 else (0, "") for one in names]
    best = {concept: min(place for place, other in ranked if other == concept) for _, concept in ranked if concept}
    first = Counter(one for one in ranked if one[1] and one[0] == best[one[1]])
    return [
        "" if facts and not name else one[1] if first.get(one) == 1 else None
        for facts, name, one in zip(rows, names, ranked, strict=True)
    ]


def period_of(facts: Iterable[InlineFact]) -> tuple[str, int] | None:
    """Return the end and the duration in months (0 for a balance) of most of a column's facts, None where there is no majority."""
    periods = Counter((fact.start, day_of(fact.end)) for fact in facts if day_of(fact.end))
    if not periods:
        return None
    (start, end), count = periods.most_common(1)[0]
    if 2 * count <= periods.total():
        return None
    return end, months_between(start, end)


def months_between(start: str, end: str) -> int:
    """Return the duration between two dates in months: 0 without a start, -1 where a date is none."""
    first, last = day_of(start), day_of(end)
    if not start:
        return 0
    if not first or not last:
        return -1
    days = (date.fromisoformat(last) - date.fromisoformat(first)).days + 1
    return max(1, round(days / _DAYS_A_MONTH))


@lru_cache(maxsize=1024)
def day_of(written: str) -> str:
    """Return the day of a date or a time as an ISO date, "" where it is none."""
    try:
        return date.fromisoformat(written[:10]).isoformat()
    except ValueError:
        return ""


def member_names(facts: Sequence[InlineFact]) -> str:
    """Return the name of the members that all facts of a column share, "" where one is of the whole company."""
    members = {fact.dimensions for fact in facts}
    if len(members) != 1:
        return ""
    names = (one.rpartition("=")[2].rpartition(":")[2] for one in members.pop())
    return ", ".join(_CAPITAL.sub(" ", _MEMBER.sub("", name)) for name in names)


def unit_of(facts: Sequence[InlineFact]) -> tuple[str, str]:
    """Return the unit of a row and its currency by the measures of its facts; empty where they differ or are not known."""
    measures = {fact.unit for fact in facts if fact.unit}
    if len(measures) != 1:
        return "", ""
    measure = measures.pop().lower()
    currency = measure.partition("iso4217:")[2][:3].upper()
    if currency:
        return ("per_share" if "/" in measure else "money"), currency
    if measure.endswith("shares"):
        return "shares", ""
    return ("percent", "") if measure.endswith("pure") and all(fact.scale == -2 for fact in facts) else ("", "")
