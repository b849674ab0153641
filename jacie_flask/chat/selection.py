"""Which documents a question is about, from the catalog alone, and the reason in words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from jacie_flask.chat.companies import CompanyNames, Mention, company_in_filename, strangers
from jacie_flask.chat.followups import resolve
from jacie_flask.chat.kinds import ANNUAL, CURRENT, EARNINGS, OTHER, QUARTERLY, kind_cues, kind_of
from jacie_flask.chat.periods import Periods, periods
from jacie_flask.chat.titles import Titles
from jacie_flask.events import Turn
from jacie_flask.interfaces import CatalogDocument, Passage

COMPANY_POINTS, YEAR_POINTS, DATE_POINTS, QUARTER_POINTS, DEFAULT_ANNUAL = 20.0, 6.0, 10.0, 5.0, 2.0
TITLE_POINTS, FULL = 2.0, 6.0
EVIDENCE, DECIDED = 0.15, 4.0


@dataclass(frozen=True)
class SelectedDocument:
    """A chosen document, how well it fits (0-1) and why."""

    document: CatalogDocument
    score: float
    reason: str


@dataclass(frozen=True)
class Selection:
    """What was chosen for a question.

    ``documents`` are the best, at most the limit; ``scores`` has all documents worth searching (document_id → 0-1).
    ``confident``: a company was recognised (or asked for by filter), so the search may stay inside ``scores``.
    ``question`` is the question with what the conversation adds to it; ``names`` are the words in it that name companies, ``unknown`` those that seem to name one that is not here.
    """

    documents: list[SelectedDocument]
    message: str
    confident: bool
    question: str
    scores: dict[str, float] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    companies: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Facts:
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


class _Catalog:
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


_prepared: dict[tuple[int, ...], _Catalog] = {}


def _prepare(documents: Sequence[CatalogDocument]) -> _Catalog:
    """Return the prepared catalog; the last few are kept, with their documents, so that ids stay theirs."""
    key = tuple(map(id, documents))
    catalog = _prepared.get(key)
    if catalog is None:
        catalog = _Catalog(documents)
        while len(_prepared) >= 4:
            _prepared.pop(next(iter(_prepared)), None)
        _prepared[key] = catalog
    return catalog


def select(
    query: str,
    catalog: Sequence[CatalogDocument],
    *,
    history: Sequence[Turn] = (),
    filters: Mapping[str, str] | None = None,
    limit: int = 6,
) -> Selection:
    """Choose the documents that a question is about.

    ``filters`` (company, period, document_type) are hard: no match is an empty selection. Rejected documents are never chosen.
    """
    prepared = _prepare(catalog)
    question = resolve(query, history, prepared.names)
    facts = [one for one in prepared.facts if one.document.status != "rejected"]
    filters = {key: value for key, value in (filters or {}).items() if value}
    if filters:
        facts = [one for one in facts if _passes(one, filters)]
    mentions = prepared.names.mentions(question)
    names = tuple(dict.fromkeys(question[start:end] for start, end in prepared.names.spans(question, mentions)))
    if not facts:
        return Selection([], _nothing(filters, catalog), bool(filters), question, names=names)
    named = {mention.company: mention for mention in mentions}
    of_company = [one for one in facts if one.company in named]
    strange = strangers(question, mentions) if prepared.names.companies and not of_company else []
    pool = of_company or facts
    single = len({one.company for one in facts}) == 1 and bool(facts[0].company) and not strange
    confident = bool(of_company) or bool(filters) or single
    scored = _scored(question, pool, named, prepared.titles.named_by(question))
    return _selection(question, scored, confident, strange, limit, names)


def with_evidence(selection: Selection, passages: Sequence[Passage]) -> Selection:
    """Return the selection in the order that the pages found speak for: what the catalog cannot tell apart, pages can.

    A document gains by its best page against the best page of all: a little where a company was recognised, otherwise as
    much as a selection can give. Scores stay between 0 and 1.
    """
    if not passages:
        return selection
    top = max(passage.score for passage in passages) or 1.0
    weight = EVIDENCE if selection.confident else 1.0
    gain: dict[str, float] = {}
    for passage in passages:
        gain[passage.document_id] = max(gain.get(passage.document_id, 0.0), weight * passage.score / top)
    scores = {key: round(min(score + gain.get(key, 0.0), 1.0), 4) for key, score in selection.scores.items()}
    order = {key: score + gain.get(key, 0.0) for key, score in selection.scores.items()}
    documents = [replace(one, score=scores[one.document.document_id]) for one in selection.documents]
    documents.sort(key=lambda one: -order[one.document.document_id])
    return replace(selection, documents=documents, scores=dict(sorted(scores.items(), key=lambda item: -order[item[0]])))


def _facts(document: CatalogDocument) -> _Facts:
    """Read one document's catalog entry and file name."""
    by_name, by_period = periods(document.filename), periods(document.period)
    quarters = by_period.quarters or by_name.quarters
    years = by_period.years or by_name.years or _loose_years(document.filename)
    return _Facts(
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


def _passes(one: _Facts, filters: Mapping[str, str]) -> bool:
    """Say whether a document passes every filter, whatever the letter case."""
    document = one.document
    company, period, kind = (filters.get(key, "").strip().lower() for key in ("company", "period", "document_type"))
    if company and company not in {one.company.lower(), document.company.lower(), *map(str.lower, document.aliases)}:
        return False
    if period and period != document.period.lower():
        asked = periods(period)
        if not asked.years or not set(asked.years) & one.years:
            return False
        if asked.quarters and one.quarter not in asked.quarters:
            return False
    if not kind or kind == document.document_type.lower():
        return True
    return kind_of(kind) == one.kind


def _scored(
    question: str, pool: Sequence[_Facts], named: Mapping[str, Mention], titled: Mapping[str, float]
) -> list[tuple[float, _Facts, str]]:
    """Score the documents in question from 0 to 1, best first; the same score goes to the later document."""
    asked = periods(question)
    cues = kind_cues(question)
    decided = max(cues.values(), default=0.0) >= DECIDED
    newest: dict[tuple[str, str], tuple[int, int, date]] = {}
    for one in pool:
        newest[one.company, one.kind] = max(one.order, newest.get((one.company, one.kind), one.order))
    scored: list[tuple[float, _Facts, str]] = []
    for one in pool:
        reasons: list[str] = []
        points = 0.0
        if one.company in named:
            points += COMPANY_POINTS * named[one.company].strength
            reasons.append(f"company {one.company}")
        if title := titled.get(one.document.document_id):
            points += TITLE_POINTS * title
            reasons.append("its title")
        points += _period_points(asked, one, reasons) + _kind_points(asked, cues, one, reasons)
        default = not asked.years and one.kind != CURRENT and (one.kind in cues or not decided)
        if one.company and one.order == newest[one.company, one.kind] and (asked.latest or default):
            points += YEAR_POINTS if asked.latest else YEAR_POINTS / 2
            reasons.append("the latest")
        scored.append((points, one, ", ".join(reasons) or "in the catalog"))
    best = max(points for points, _, _ in scored)
    base = COMPANY_POINTS if named else 0.0
    span = max(best - base, 1.0)
    relative = [
        (0.4 + 0.6 * max(points - base, 0.0) / span if named else points / max(best, FULL), one, why)
        for points, one, why in scored
    ]
    return sorted(relative, key=lambda row: (row[0], row[1].order), reverse=True)


def _period_points(asked: Periods, one: _Facts, reasons: list[str]) -> float:
    """Score how well a document's period answers the one asked for."""
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


def _kind_points(asked: Periods, cues: Mapping[str, float], one: _Facts, reasons: list[str]) -> float:
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


def _selection(
    question: str,
    scored: list[tuple[float, _Facts, str]],
    confident: bool,
    strange: Sequence[str],
    limit: int,
    names: tuple[str, ...],
) -> Selection:
    """Pick the documents: every company and every period asked for gets its best one before second-best ones come."""
    weight = 1.0 if confident else 0.4
    best_first = _spread(question, scored) if names else scored
    documents = [SelectedDocument(one.document, round(score * weight, 4), why) for score, one, why in best_first[:limit]]
    companies = tuple(dict.fromkeys(one.company for _, one, _ in scored if one.company)) if confident else ()
    return Selection(
        documents=documents,
        message=_message(documents, confident, strange, len(scored), any(one.company for _, one, _ in scored)),
        confident=confident,
        question=question,
        scores={one.document.document_id: round(score * weight, 4) for score, one, _ in best_first},
        names=names,
        companies=companies,
        unknown=tuple(strange),
    )


def _spread(question: str, scored: list[tuple[float, _Facts, str]]) -> list[tuple[float, _Facts, str]]:
    """Put the best document of each company, and of each far-apart year asked for, in front with the top score."""
    asked = periods(question).years
    wanted = [year for year in asked if year == max(asked) or (max(asked) - year) % 3 == 0 or max(asked) - year > 2]
    front: dict[str, tuple[float, _Facts, str]] = {}
    companies = list(dict.fromkeys(one.company for _, one, _ in scored))
    for company in companies if len(companies) <= 6 else ():
        mine = [row for row in scored if row[1].company == company]
        front.setdefault(mine[0][1].document.document_id, mine[0])
        for year in wanted if len(wanted) > 1 else ():
            fitting = next((row for row in mine if year in row[1].years), None)
            if fitting:
                front.setdefault(fitting[1].document.document_id, fitting)
    rest = [row for row in scored if row[1].document.document_id not in front]
    top = scored[0][0]
    return [(max(row[0], top * 0.97), *row[1:]) if len(front) > 1 else row for row in front.values()] + rest


def _message(
    documents: Sequence[SelectedDocument], confident: bool, strange: Sequence[str], considered: int, companies: bool
) -> str:
    """Say what was chosen and why, in a sentence or two."""
    first = f"Selected {documents[0].document.filename} ({documents[0].reason})"
    more = f" and {len(documents) - 1} more" if len(documents) > 1 else ""
    if strange:
        return f"No company in the catalog matches “{strange[0]}”; searching all {considered} documents."
    if not confident:
        why = "No company of the catalog was named; searching" if companies else "Searching"
        return f"{why} all {considered} documents, {documents[0].document.filename} first."
    return f"{first}{more}."


def _nothing(filters: Mapping[str, str], catalog: Sequence[CatalogDocument]) -> str:
    """Say why nothing could be chosen."""
    if not catalog:
        return "The catalog holds no documents."
    if not filters:
        return "None of the catalog's documents can be read."
    asked = ", ".join(f"{key.replace('_', ' ')} “{value}”" for key, value in filters.items())
    return f"No document of the catalog matches {asked}."
