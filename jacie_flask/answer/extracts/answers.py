"""Extractive answers: the statements of the pages that answer a question, as the filing has them, each with its source."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from jacie_flask.answer.extracts import aims
from jacie_flask.answer.extracts.listings import (
    Listing,
    enumerates,
    event_phrases,
    headlines,
    points_under,
    reported_items,
    tells_event,
)
from jacie_flask.answer.extracts.people import auditor_of, holder_of, role_of
from jacie_flask.answer.extracts.statements import Statement, single_sentences, statements, with_continuations
from jacie_flask.answer.extracts.verdicts import (
    acts,
    as_cause,
    before_cause,
    compact,
    continues_heading,
    contradicts,
    counts,
    describes,
    hedged,
    is_boilerplate,
    is_definition,
    is_trade,
    is_whole,
    lacks_superlative,
    moves,
    settles,
    states_time,
)  # fmt: skip
from jacie_flask.text import figures
from jacie_flask.text.wordforms import Concept, concepts, word_forms

_NEAR = 0.85
_MOST, _MOST_POINTS = 2, 8
_LONG = 45
_RANK_LOSS, _AGE_LOSS = 0.05, 0.12
_RISK = "risk"
_FEWEST_CONCEPTS = 2
_OTHER_DURATION = 0.6
_PARTS_OF_YEARS = {
    "quarter": re.compile(r"\b(?:quarter(?:ly)?|Q[1-4]|three months|thirteen weeks|same period)\b", re.IGNORECASE),
    "half": re.compile(r"\b(?:half|six months|twenty-six weeks)\b", re.IGNORECASE),
    "nine months": re.compile(r"\b(?:nine months|thirty-nine weeks)\b", re.IGNORECASE),
}
_EACH = re.compile(r"\b(?:each|every|per)\s(?:\w+\s)?(?:quarter|half)\b|\bquarterly\b", re.IGNORECASE)
"""How often something happens: no part of a year that a sentence speaks of."""
_ABOUT = re.compile(r"\b(?:business|overview|about|who we are|company|general|profile|description)\b", re.IGNORECASE)
_PART = re.compile(r"\bsegment\b|\b(?:its|our) subsidiar", re.IGNORECASE)
"""What a sentence says that counts a part of a company."""
_OF_WHOLE = re.compile(r"\W*Of\b")
"""How a sentence begins that speaks of a part of what it names: "Of the total net sales, 11.8 billion related to ..."."""
_NAMED_BY_END = 2
"""How far the year before may be from the one asked for: a question may name a fiscal year by the calendar year in which it ends."""
_TITLE_WORDS = 1
"""What a heading may have beside the words of a question for the list under it to answer."""
_AUDITOR = word_forms("auditor audits independent registered public accounting firm")


@dataclass(frozen=True)
class Page:
    """A page that was found for a question: its number among the sources, its text, and the years and the document it is of."""

    number: int
    text: str
    years: frozenset[int] = frozenset()
    document: str = ""


@dataclass(frozen=True)
class Extract:
    """A statement that answers, the number of its source, and how well it fits."""

    statement: Statement
    number: int
    score: float


@dataclass(frozen=True)
class Request:
    """A question as extracts see it: what it speaks of, its years, its numbers, and the names of its companies."""

    question: str
    concepts: Sequence[Concept]
    years: frozenset[int]
    names: Sequence[str]
    pages: Sequence[Page]
    found: Sequence[tuple[Page, Sequence[Statement]]] = field(default_factory=list)


def extractive_answer(question: str, pages: Sequence[Page], names: Sequence[str] = (), original: str = "") -> list[str]:
    """Return the paragraphs of the answer, each with its marker; none where no statement answers the question.

    ``question`` has no names of companies, ``original`` has them, ``names`` are they.
    """
    years = frozenset(figures.years(question))
    wanted = [one for one in concepts(question) if not (one.words.isdigit() and int(one.words) in years)]
    fitting = [page for page in pages if not years or not page.years or years & page.years or max(years) + 1 in page.years]
    found = [(page, list(statements(page.text))) for page in fitting]
    request = Request(question, wanted, years, names, fitting, found)
    return _ANSWERS.get(aims.aim_of(original or question), _other)(request)


# ------------------------------------------------------------------------------------------------------ kinds of answer


def _reason(request: Request) -> list[str]:
    """Answer why with the sentences that give a cause of what is asked for."""

    def fits(one: Statement, forms: str) -> bool:
        if contradicts(request.question, one.text) or _of_a_part(request, before_cause(one.text)):
            return False
        heading = word_forms(one.heading)
        if request.concepts and all(concept.within(heading) for concept in request.concepts):
            return continues_heading(one.text) or as_cause(one.text, request.concepts[:1], request.names)
        named = all(concept.within(forms) for concept in request.concepts)
        return named and as_cause(one.text, request.concepts, request.names)

    request = replace(request, concepts=[one for one in request.concepts if not one.words.isdigit()])
    found = [(page, list(with_continuations(of_page))) for page, of_page in request.found]
    return _quoted(_ranked(replace(request, found=found), fits))


def _person(request: Request) -> list[str]:
    """Answer who has an office; other questions for people as any other."""
    known = [(page.number, page.text, max(page.years, default=0)) for page in request.pages]
    if any(item.within(_AUDITOR) for item in request.concepts) and (firm := auditor_of(known)):
        return [f"{firm[0]} signed the auditor’s report [{firm[1]}]."]
    role = role_of(request.question)
    if not role or any(_is_deed(concept, role) for concept in request.concepts):
        return _other(request) if len(request.concepts) > 1 else []
    holder = holder_of(role, known)
    if not holder:
        return []
    return [f"{holder[0]} is named as {role} [{holder[1]}]."]


def _is_deed(concept: Concept, role: str) -> bool:
    """Say whether a concept is no part of an office: "appointed", "wife"."""
    parts = word_forms(f"{role} board supervisory chairman chairwoman")
    return not any(f" {phrase} " in parts or phrase in ("ceo", "cfo", "coo") for phrase in concept.phrases)


def _activity(request: Request) -> list[str]:
    """Answer what a company does with the sentence that says so."""

    def fits(one: Statement, _: str) -> bool:
        return describes(one.text, request.names) and (is_trade(one.text) or bool(_ABOUT.search(one.heading)))

    ranked = _ranked(request, fits, plain=True)
    return _quoted([one for one in ranked if is_trade(one.statement.text)][:1] or ranked[:1])


def _amount(request: Request) -> list[str]:
    """Answer how much or how many with a sentence that has all that is asked for and its figure."""

    def fits(one: Statement, forms: str) -> bool:
        if _PART.search(one.text) and not _PART.search(request.question):
            return False
        if moves(one.text) and not moves(request.question):
            return False
        return counts(request.question, one.text, request.concepts) and all(item.within(forms) for item in request.concepts)

    return _quoted(_ranked(request, fits)[:1])


def _time(request: Request) -> list[str]:
    """Answer when with a sentence that has all that is asked for and a date."""

    def fits(one: Statement, forms: str) -> bool:
        return states_time(one.text) and all(item.within(forms) for item in request.concepts)

    return _quoted(_ranked(request, fits)[:1])


def _yes_no(request: Request) -> list[str]:
    """Answer yes or no where a statement says so outright; quote it alone where it settles the question in other words."""

    def fits(one: Statement, forms: str) -> bool:
        return (
            not hedged(request.question, one.text)
            and all(item.within(forms) for item in request.concepts)
            and compact(one.text, request.concepts)
            and acts(one.text, request.concepts, request.names)
        )

    ranked = _ranked(request, fits)[:1]
    if not ranked or len(request.concepts) < _FEWEST_CONCEPTS:
        return []
    verdict = settles(request.question, ranked[0].statement.text, request.concepts, request.names)
    return [f"{verdict}{one}" for one in _quoted(ranked)]


def _list(request: Request) -> list[str]:
    """Answer with the points under a heading, with headlines of risks, with events, or with a sentence that enumerates."""
    if not request.concepts:
        return []
    listing = None
    if [one.words for one in request.concepts] == [_RISK]:
        listing = headlines([(page.number, page.text) for page in _of_first_document(request)])
    listing = listing or points_under(request.concepts, _numbered(request)) or _events(request)
    if listing:
        return [_shown(listing)]

    def fits(one: Statement, forms: str) -> bool:
        return (
            enumerates(request.concepts, one.text)
            and not lacks_superlative(request.question, one.text)
            and not hedged(request.question, one.text)
            and any(item.within(forms) for item in request.concepts)
        )

    quoted = _quoted(_ranked(request, fits)[:1])
    return quoted or (_other(request) if len(request.concepts) > 1 else [])


def _events(request: Request) -> Listing | None:
    """Return the events that are asked for, one sentence each."""
    phrases = [phrase for concept in request.concepts for phrase in event_phrases(concept)]
    rest = [concept for concept in request.concepts if not event_phrases(concept)]
    points: dict[str, int] = {}
    for page, found in request.found:
        for one in found:
            told = tells_event(one.text, phrases, request.names) and not hedged("", one.text)
            forms = word_forms(f"{one.text} {one.heading}")
            if told and _of_years(one.text, request.years) and all(item.within(forms) for item in rest):
                points.setdefault(one.text, page.number)
    return Listing("", tuple(points.items())) if points else None


def _agenda(request: Request) -> list[str]:
    """Answer what a current report is about with its items."""
    items = list(reported_items([(page.number, page.text) for page in _of_first_document(request)]))
    points = tuple((f"{title}: {_plain(first)}", number) for title, first, number in items)
    return [_shown(Listing("", points))] if points else _other(request)


def _other(request: Request) -> list[str]:
    """Answer any other question with a statement that has all it speaks of; where that is one thing, a definition of it."""

    def fits(one: Statement, forms: str) -> bool:
        whole = f"{forms}{word_forms(f'{one.heading} {one.lead}')}"
        if hedged(request.question, one.text) or not all(item.within(whole) for item in request.concepts):
            return False
        if _OF_WHOLE.match(one.text) or lacks_superlative(request.question, one.text):
            return False
        if not compact(one.text, request.concepts):
            return False
        if len(request.concepts) == 1:
            return is_definition(one.text, request.concepts[0])
        return sum(item.within(forms) for item in request.concepts) >= max(2, 0.6 * len(request.concepts))

    listing = points_under(request.concepts, _numbered(request), _TITLE_WORDS) if request.concepts else None
    return [_shown(listing)] if listing else _quoted(_ranked(request, fits)[:1])


def _numbered(request: Request) -> list[tuple[int, Sequence[Statement]]]:
    return [(page.number, found) for page, found in request.found]


_ANSWERS: Mapping[str, Callable[[Request], list[str]]] = {
    aims.REASON: _reason, aims.PERSON: _person, aims.ACTIVITY: _activity, aims.AMOUNT: _amount, aims.TIME: _time,
    aims.YES_NO: _yes_no, aims.LIST: _list, aims.AGENDA: _agenda, aims.OTHER: _other,
}  # fmt: skip

# -------------------------------------------------------------------------------------------------------------- ranking


def _ranked(request: Request, fits: Callable[[Statement, str], bool], *, plain: bool = False) -> list[Extract]:
    """Return the statements that fit, best first: early pages, newest filings, what is asked for at their beginning, short ones."""
    if not request.concepts and not plain:
        return []
    wanted = _parts_of_years(request.question)
    newest = max((max(page.years, default=0) for page in request.pages), default=0)
    found: list[Extract] = []
    for place, (page, of_page) in enumerate(request.found):
        age = newest - max(page.years, default=newest) if not request.years else 0
        for one in single_sentences(of_page):
            if is_boilerplate(one.text) or not is_whole(one.text) or not _of_years(one.text, request.years, page.years):
                continue
            forms = word_forms(one.text)
            stated = _parts_of_years(one.text)
            if not fits(one, forms) or (not wanted and _of_undated_part(request, one.text)):
                continue
            positions = [position for item in request.concepts if (position := item.position(forms)) >= 0]
            early = 1 - min(min(positions, default=0), 200) / 400
            score = early * (1 - _RANK_LOSS * min(place, 10)) * (1 - _AGE_LOSS * min(age, 6))
            score *= 1.0 if wanted & stated or wanted == stated else _OTHER_DURATION
            score *= 1.2 if request.years & frozenset(figures.years(one.text)) else 1.0
            found.append(Extract(one, page.number, score / (1 + max(0, len(forms.split()) - _LONG) / _LONG)))
    return sorted(found, key=lambda one: -one.score)


def _of_a_part(request: Request, text: str) -> bool:
    """Say whether a text speaks of a quarter or half where the question speaks of a whole year."""
    return bool(_parts_of_years(text)) and not _parts_of_years(request.question)


def _of_undated_part(request: Request, text: str) -> bool:
    """Say whether a text speaks of a quarter or half without naming a year that was asked for: it may be one of any year."""
    if not request.years or request.years & frozenset(figures.years(text)):
        return False
    return bool(_parts_of_years(_EACH.sub("", text)))


def _parts_of_years(text: str) -> frozenset[str]:
    """Return which parts of years a text speaks of: "quarter", "half", "nine months"."""
    return frozenset(name for name, pattern in _PARTS_OF_YEARS.items() if pattern.search(text))


def _of_years(text: str, years: frozenset[int], of_page: frozenset[int] = frozenset()) -> bool:
    """Say whether a statement is of the years asked for: it names one of them, or none and its document is of them."""
    named = frozenset(figures.years(text))
    if not years or years & named:
        return True
    if named and ("compared" not in text or max(named) < max(years) - _NAMED_BY_END):
        return False
    return not of_page or bool(years & of_page) or (bool(named) and max(years) + 1 in of_page)


def _of_first_document(request: Request) -> list[Page]:
    """Return the pages of the document that was found first, in their order."""
    return [page for page in request.pages if page.document == request.pages[0].document]


# -------------------------------------------------------------------------------------------------------------- wording


def _quoted(ranked: Sequence[Extract]) -> list[str]:
    """Return the best statements as quotes: the first, and a second one that is nearly as good and says something else."""
    near = [one for one in reversed(ranked) if one.score >= _NEAR * ranked[0].score]
    kept = {word_forms(one.statement.text): one for one in near}
    return [f"“{_plain(one.statement.text)}” [{one.number}]" for one in list(kept.values())[::-1][:_MOST]]


def _shown(listing: Listing) -> str:
    points = listing.points[:_MOST_POINTS]
    more = f"\n\nand {len(listing.points) - len(points)} more on these pages." if len(listing.points) > len(points) else ""
    lines = [f"- {text} [{number}]" for text, number in points]
    return "\n".join([listing.lead, *lines] if listing.lead else lines) + more


def _plain(text: str) -> str:
    return text.replace("“", "‘").replace("”", "’")
