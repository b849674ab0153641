"""Sentences, points and rows of people: what a page tells, beside its figures, under which of its headings."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from jacie_flask.chat.asking import asks_for_agenda, asks_for_business, asks_for_people, asks_for_words
from jacie_flask.chat.citations import Evidence, sentences
from jacie_flask.chat.units import Unit, amounts_in, is_row, names_columns, rank_units
from jacie_flask.text.chunking import heading_level
from jacie_flask.text.terms import is_number, term_counts, term_ids

_SPACES = re.compile(r"\s+")
_SENTENCE_ENDS = re.compile(r"[.!?:;][\"'”’)]*$")
_BULLET = re.compile(r"(?:[•·●▪–—*-]|\(?\d{1,2}[.)]|\([a-z]\))\s+")
_RUN_IN = re.compile(r"[A-Z][^.:;!?]{2,60}[.:] (?=[A-Z])")
_RUN_IN_WORDS = 7
_SINCE = re.compile(r"\D+ (?:19|20)\d\d")
_ABOUT = re.compile(
    r"(?:about (?!this\b)|(?:item 1\. )?(?:(?:our|the) )?(?:business|company)\b(?! segment)|(?:company )?overview\b)", re.I
)
_DOES = frozenset(
    term_ids("sells builds makes develops provides offers produces operates designs manufactures supplier provider")
)
_ITEM = re.compile(r"item \d\.\d\d\b", re.I)
_REPORTED = re.compile(r"item (?!9\.01)\d\.\d\d\b", re.I)  # 9.01 lists the exhibits
_ROLES = {"ceo": "chief executive", "cfo": "chief financial", "coo": "chief operating", "cto": "chief technology"}
_ROLE = re.compile(r"\b(?:c[efot]o|chief (?:executive|financial|operating|technology))\b", re.IGNORECASE)
_OTHER_ROLE, _ANNOUNCES = 0.5, 0.5
_OPENING_LINES = 5
_LONG = 20
_WHOLE_WORDS = 12
_POINT_WORDS = 8
_UNDER, _TITLE, _OF_PEOPLE = 0.8, 0.5, 0.5
_TOPIC, _SUBJECT = 0.8, 1.6
_POINT, _PERSON = 1.5, 1.5
_SPEAKS = 0.4
"""The share of the question's weight that a unit and its headings must hold to speak of it."""


@dataclass(frozen=True)
class _Told:
    """Something that a page tells: under which heading and title, whether it is one of several points or a row of people."""

    text: str
    section: str
    title: str
    point: bool = False
    person: bool = False


def best_units(question: str, terms: Mapping[int, float], evidence: Sequence[Evidence]) -> list[Unit]:
    """Return what the pages say to a question, best first: rows and sentences with figures, or words where it is for those."""
    if asks_for_words(question):
        return told_units(question, terms, evidence)
    return rank_units(question, terms, evidence) or told_units(question, terms, evidence)


def told_units(question: str, terms: Mapping[int, float], evidence: Sequence[Evidence]) -> list[Unit]:
    """Return what pages tell of a question without its figures, best first; a heading speaks for what stands under it."""
    asked = {term: weight for term, weight in terms.items() if not is_number(term)}
    people, topic, role = asks_for_people(question), _topic(question), _role(question)
    if topic is _ABOUT:
        asked = {**dict.fromkeys(_DOES, 0.7), **asked}
    needed = _SPEAKS * max(1.0, sum(weight for weight in asked.values() if weight >= 1.0))
    needed = min(needed, _TOPIC) if topic else needed
    found: list[Unit] = []
    for rank, item in enumerate(evidence):
        for told in _told(item.text):
            if told.person and not people:
                continue
            own = _weight(asked, term_counts(told.text))
            under = _of_headings(told, asked) * (_OF_PEOPLE if people else 1.0)
            under += _of_topic(told, topic, item.source.company, own) if topic else 0.0
            if own + under >= needed:
                score = _score(told, own + under, of_points=under > 0 and not topic, people=people)
                score *= 1.0 if role in told.text.lower() else _OTHER_ROLE
                found.append(_unit(told, item, score / (1 + 0.15 * rank)))
    return sorted(found, key=lambda unit: -unit.score)


def _role(question: str) -> str:
    """Return the role that a question is for, in the words of pages; "" where it is for none."""
    named = _ROLE.search(question)
    return _ROLES.get(named.group().lower(), named.group().lower()) if named else ""


def _of_headings(told: _Told, asked: Mapping[int, float]) -> float:
    """Return the weight of what the headings of a unit add to its own words: the nearest one, else half of the page's title."""
    words, section, title = (term_counts(text).keys() for text in (told.text, told.section, told.title))
    return _UNDER * (_weight(asked, section - words) or _TITLE * _weight(asked, title - words))


def _topic(question: str) -> re.Pattern[str] | None:
    """Return how the headings begin under which a question is answered whatever its words are."""
    if asks_for_business(question):
        return _ABOUT
    return _REPORTED if asks_for_agenda(question) else None


def _of_topic(told: _Told, topic: re.Pattern[str], company: str, own: float) -> float:
    """Return what it weighs that a unit stands under such a heading, and that the company is the subject of what it says."""
    headed = bool(topic.match(told.section))
    subject = bool(company) and told.text.startswith(company.split(" ")[0]) and (headed or own > 0)
    return _TOPIC * headed + _SUBJECT * subject


def _weight(asked: Mapping[int, float], words: Collection[int]) -> float:
    return sum((weight for term, weight in asked.items() if term in words), 0.0)


def _score(told: _Told, held: float, *, of_points: bool, people: bool) -> float:
    """Return how well a unit fits by the weight it holds; points of what was asked are as good as one another."""
    if of_points and told.point:
        return float(_POINT * held / (4 + _POINT_WORDS) ** 0.5)
    length = min(len(term_counts(told.text)), _LONG)
    held *= _ANNOUNCES if told.text.endswith(":") else 1.0
    return float((_PERSON if people and told.person else 1.0) * held / (4 + length) ** 0.5)


def _unit(told: _Told, item: Evidence, score: float) -> Unit:
    return Unit(told.text, "", item, amounts_in(told.text), frozenset(term_counts(f"{told.text} {told.section}")), score)


def _told(text: str) -> Iterator[_Told]:
    """Yield what a page tells, in its order; the rows of its tables are left out, but for those of people."""
    section = title = ""
    prose: list[str] = []
    for place, line in enumerate([*text.splitlines(), ""]):
        folded = _SPACES.sub(" ", line).strip()
        heading = bool(heading_level(folded)) and (not prose or bool(_SENTENCE_ENDS.search(prose[-1])))
        heading = heading or bool(_ITEM.match(folded))
        table = is_row(folded) or names_columns(folded)
        if heading or table or not folded:
            yield from _paragraphs(prose, section, title)
            prose = []
            if table and _SINCE.fullmatch(folded):
                yield _Told(folded, section, title, person=True)
            elif heading and not table:
                section = folded
                title = folded if place < _OPENING_LINES else title
        else:
            prose.append(folded)


def _paragraphs(lines: Sequence[str], section: str, title: str) -> Iterator[_Told]:
    """Yield the sentences of some lines; a point is its own name, if it has one, with the sentence after it."""
    for point, paragraph in _parted(lines):
        said = [sentence for sentence in sentences(paragraph) if len(sentence.strip()) > 1]
        if point and len(said) > 1 and len(said[0].split()) <= _RUN_IN_WORDS:
            said[:2] = [said[0] + said[1]]
        for place, sentence in enumerate(said):
            if point or _SENTENCE_ENDS.search(sentence.strip()) or len(sentence.split()) >= _WHOLE_WORDS:
                yield _Told(sentence.strip(), section, title, point=point and place == 0)


def _parted(lines: Sequence[str]) -> Iterator[tuple[bool, str]]:
    """Yield (is it a point, text) for what stands between the beginnings of points."""
    held: list[str] = []
    point = False
    for line in lines:
        marked = _BULLET.match(line)
        if marked or (_names_point(line) and (not held or _SENTENCE_ENDS.search(held[-1]))):
            yield point, " ".join(held)
            held, point = [], True
        held.append(line[marked.end() :] if marked else line)
    yield point, " ".join(held)


def _names_point(line: str) -> bool:
    name = _RUN_IN.match(line)
    return name is not None and len(name.group().split()) <= _RUN_IN_WORDS
