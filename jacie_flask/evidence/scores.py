"""How well each document fits a question by company, title, period and kind, and the reasons in words."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from jacie_flask.evidence.entries import Facts
from jacie_flask.evidence.kinds import ANNUAL, CURRENT, EARNINGS, QUARTERLY, kind_cues
from jacie_flask.question.companies import Mention
from jacie_flask.text.periods import Periods, periods

COMPANY_POINTS, YEAR_POINTS, DATE_POINTS, QUARTER_POINTS, DEFAULT_ANNUAL = 20.0, 6.0, 10.0, 5.0, 2.0
TITLE_POINTS, FULL = 2.0, 6.0
DECIDED = 4.0
OLDER_KIND = 1.5
"""What the newest document of a kind loses where a newer one of another kind is there and no kind is asked for."""
_ANY = ""
_AHEAD = re.compile(
    r"\b(?:guidance|outlook|forecast\w*|expect(?:s|ed|ations?)?|project(?:s|ed|ions?)|target(?:s|ed)?)\b", re.IGNORECASE
)
"""Questions about what is expected for a year: the report on the year before it says so."""


class Scored(NamedTuple):
    """A document with its score from 0 to 1 and the reason in words."""

    score: float
    facts: Facts
    why: str


def score(question: str, pool: Sequence[Facts], named: Mapping[str, Mention], titled: Mapping[str, float]) -> list[Scored]:
    """Score the documents in question from 0 to 1, best first; the same score goes to the later document."""
    asked = periods(question)
    cues = kind_cues(question)
    newest = _newest(pool)
    scored = []
    for one in pool:
        reasons: list[str] = []
        points = _name_points(one, named, titled, reasons)
        points += _period_points(asked, one, reasons, ahead=bool(_AHEAD.search(question)))
        points += _kind_points(asked, cues, one, reasons)
        if one.company and one.order == newest[one.company, one.kind]:
            overtaken = one.kind not in cues and one.order[:2] < newest[one.company, _ANY][:2]
            gained = _newest_points(asked, cues, one, reasons)
            points += max(gained - OLDER_KIND, 0.0) if overtaken else gained
        scored.append(Scored(points, one, ", ".join(reasons) or "in the catalog"))
    return sorted(_relative(scored, bool(named)), key=lambda row: (row.score, row.facts.order), reverse=True)


def _relative(scored: Sequence[Scored], named: bool) -> list[Scored]:
    """Return points as scores: of the documents of a company that was named, the best has 1 and none less than 0.4."""
    best = max(row.score for row in scored)
    if not named:
        return [row._replace(score=row.score / max(best, FULL)) for row in scored]
    span = max(best - COMPANY_POINTS, 1.0)
    return [row._replace(score=0.4 + 0.6 * max(row.score - COMPANY_POINTS, 0.0) / span) for row in scored]


def _newest(pool: Sequence[Facts]) -> dict[tuple[str, str], tuple[int, int, date]]:
    """Return how far each company's documents of each kind, and of any kind, go in time."""
    newest: dict[tuple[str, str], tuple[int, int, date]] = {}
    for one in pool:
        for kind in (one.kind, _ANY):
            newest[one.company, kind] = max(one.order, newest.get((one.company, kind), one.order))
    return newest


def _name_points(one: Facts, named: Mapping[str, Mention], titled: Mapping[str, float], reasons: list[str]) -> float:
    """Score a document whose company, or whose title, the question names."""
    points = 0.0
    if one.company in named:
        points += COMPANY_POINTS * named[one.company].strength
        reasons.append(f"company {one.company}")
    if title := titled.get(one.document.document_id):
        points += TITLE_POINTS * title
        reasons.append("its title")
    return points


def _newest_points(asked: Periods, cues: Mapping[str, float], one: Facts, reasons: list[str]) -> float:
    """Score the latest document of its kind: where it is asked for, and a little where no year is."""
    decided = max(cues.values(), default=0.0) >= DECIDED
    default = not asked.years and one.kind != CURRENT and (one.kind in cues or not decided)
    if not (asked.latest or default):
        return 0.0
    reasons.append("the latest")
    return YEAR_POINTS if asked.latest else YEAR_POINTS / 2


def _period_points(asked: Periods, one: Facts, reasons: list[str], *, ahead: bool = False) -> float:
    """Score how well a document's period answers the one asked for; what is expected for it (``ahead``) is said a year before."""
    points = 0.0
    if asked.days and set(asked.days) & set(one.days):
        points += DATE_POINTS
        reasons.append(f"dated {max(set(asked.days) & set(one.days)).isoformat()}")
    if not asked.years or not one.years:
        return points
    last = max(asked.years)
    if last in one.years:
        points += YEAR_POINTS
        reasons.append(f"period {last}")
    elif ahead and last - 1 in one.years:
        points += YEAR_POINTS * 0.9
        reasons.append(f"period {last - 1}, which looks ahead to {last}")
    elif set(asked.years) & one.years:
        points += YEAR_POINTS / 2 if last - max(set(asked.years) & one.years) <= 2 else YEAR_POINTS * 0.9
        reasons.append(f"period {max(set(asked.years) & one.years)}")
    elif last + 1 in one.years:
        points += 2.5
        reasons.append(f"period {last + 1}, which also shows {last}")
    elif last + 2 in one.years:
        points += 1.0
        reasons.append(f"period {last + 2}, which may show {last}")
    return points


def _kind_points(asked: Periods, cues: Mapping[str, float], one: Facts, reasons: list[str]) -> float:
    """Score how well a kind of document suits the question: quarters and cues first, else the annual report."""
    points = cues.get(one.kind, 0.0)
    if points:
        reasons.append(one.kind)
    if asked.quarters:
        if one.quarter in asked.quarters:
            points += QUARTER_POINTS
            reasons.append(f"quarter {one.quarter}")
        elif one.kind == QUARTERLY:
            points += 1.0
    elif max(cues.values(), default=0.0) >= DECIDED:
        return points
    elif one.kind == ANNUAL:
        points += DEFAULT_ANNUAL
    elif one.kind == EARNINGS and one.quarter in (4, None):
        points += DEFAULT_ANNUAL / 2
    return points
