"""Which documents a question is about, from the catalog alone, and the reason in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from jacie_flask.events import Turn
from jacie_flask.evidence.entries import KnownCatalog
from jacie_flask.evidence.scores import Scored, score
from jacie_flask.interfaces import CatalogDocument, Passage
from jacie_flask.question.carryover import resolve
from jacie_flask.question.companies import Mention, strangers
from jacie_flask.text.periods import periods

EVIDENCE = 0.15


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
    ``question`` is the question with what the conversation adds to it; ``names`` are the words in it that name companies, ``unknown`` those that seem to name one that is not here;
    ``misspelt`` says in sentences which were taken for a company of nearly that name.
    """

    documents: list[SelectedDocument]
    message: str
    confident: bool
    question: str
    scores: dict[str, float] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    companies: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    misspelt: tuple[str, ...] = ()


def select(
    query: str,
    catalog: Sequence[CatalogDocument],
    *,
    history: Sequence[Turn] = (),
    filters: Mapping[str, str] | None = None,
    limit: int = 6,
) -> Selection:
    """Choose the documents that a question is about, from a catalog that is prepared for it alone; see ``select_from``."""
    return select_from(KnownCatalog(catalog), query, history=history, filters=filters, limit=limit)


def select_from(
    held: KnownCatalog,
    query: str,
    *,
    history: Sequence[Turn] = (),
    filters: Mapping[str, str] | None = None,
    limit: int = 6,
) -> Selection:
    """Choose the documents that a question is about from a prepared catalog.

    ``filters`` (company, period, document_type) are hard: no match is an empty selection. Rejected documents are never chosen.
    """
    question = resolve(query, history, held.names)
    facts = [one for one in held.facts if one.document.status != "rejected"]
    filters = {key: value for key, value in (filters or {}).items() if value}
    if filters:
        facts = [one for one in facts if one.passes(filters)]
    mentions = held.names.mentions(question)
    names = tuple(dict.fromkeys(question[start:end] for start, end in held.names.spans(question, mentions)))
    if not facts:
        return Selection([], _nothing(filters, held.documents), bool(filters), question, names=names)
    named = {mention.company: mention for mention in mentions}
    of_company = [one for one in facts if one.company in named]
    strange = strangers(question, mentions) if held.names.companies and not of_company else []
    single = len({one.company for one in facts}) == 1 and bool(facts[0].company) and not strange
    confident = bool(of_company) or bool(filters) or single
    scored = score(question, of_company or facts, named, held.titles.named_by(question))
    found = _selection(question, scored, confident, strange, limit, names)
    taken = _taken([mention for mention in mentions if mention.company in {one.company for one in of_company}])
    as_named = tuple(company for company in named if company in found.companies)
    message = " ".join((*taken, found.message))
    return replace(found, companies=as_named or found.companies, misspelt=taken, message=message)


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


def without_match(selection: Selection) -> Selection:
    """Return the selection of a question that no page of it matches, saying so."""
    if not selection.documents:
        return selection
    nothing = f"No page of the {len(selection.scores)} documents matches the question."
    if selection.unknown:
        nothing = f"No company in the catalog matches “{selection.unknown[0]}”. {nothing}"
    elif selection.confident:
        nothing = f"{selection.message} No page of them matches the question."
    return replace(selection, message=nothing)


def _selection(
    question: str, scored: list[Scored], confident: bool, strange: Sequence[str], limit: int, names: tuple[str, ...]
) -> Selection:
    """Pick the documents: every company and every period asked for gets its best one before second-best ones come."""
    weight = 1.0 if confident else 0.4
    best_first = _spread(question, scored) if names else scored
    documents = [SelectedDocument(one.document, round(points * weight, 4), why) for points, one, why in best_first[:limit]]
    companies = tuple(dict.fromkeys(one.company for _, one, _ in scored if one.company))
    return Selection(
        documents=documents,
        message=_message(documents, confident, strange, len(scored), bool(companies)),
        confident=confident,
        question=question,
        scores={one.document.document_id: round(points * weight, 4) for points, one, _ in best_first},
        names=names,
        companies=companies if confident else (),
        unknown=tuple(strange),
    )


def _taken(mentions: Sequence[Mention]) -> tuple[str, ...]:
    """Say of each misspelt name which companies it was taken for."""
    meant: dict[str, list[str]] = {}
    for mention in mentions:
        if mention.misspelt:
            meant.setdefault(mention.written, []).append(mention.company)
    return tuple(
        f"No company is called “{written}”: taken as {' and '.join(names).rstrip('.')}." for written, names in meant.items()
    )


def _spread(question: str, scored: list[Scored]) -> list[Scored]:
    """Put the best document of each company, and of each far-apart year asked for, in front with the top score."""
    asked = periods(question).years
    wanted = [year for year in asked if year == max(asked) or (max(asked) - year) % 3 == 0 or max(asked) - year > 2]
    front: dict[str, Scored] = {}
    companies = list(dict.fromkeys(row.facts.company for row in scored))
    for company in companies if len(companies) <= 6 else ():
        mine = [row for row in scored if row.facts.company == company]
        front.setdefault(mine[0].facts.document.document_id, mine[0])
        for year in wanted if len(wanted) > 1 else ():
            fitting = next((row for row in mine if year in row.facts.years), None)
            if fitting:
                front.setdefault(fitting.facts.document.document_id, fitting)
    rest = [row for row in scored if row.facts.document.document_id not in front]
    if len(front) < 2:
        return [*front.values(), *rest]
    top = scored[0].score
    return [row._replace(score=max(row.score, top * 0.97)) for row in front.values()] + rest


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
