"""Measures that are no known concept: the question's own words for a row, explained only by a row that has them all."""

import re
from dataclasses import replace

from jacie_flask.question.forms import YES_NO, asks_yes_or_no
from jacie_flask.question.marks import Mark, Marked
from jacie_flask.question.plan import Item, Measure
from jacie_flask.question.vocabulary import vocabulary
from jacie_flask.text.terms import term_ids

_LONGEST = 6
_US = re.compile(r"(?<![\w.])USA?(?![\w.])")
_ADJUSTED = re.compile(r"(?i)\badjusted\b")
_NON_GAAP = re.compile(r"(?i)\bnon[- ]?gaap ")
_POSSESSIVE = re.compile(r"['’]s$")
_NUMBER = re.compile(r"(?i)\bnumber of\b")
_COUNTED = frozenset({"employee", "headcount", "store", "shop", "subscriber", "associate"})
_HOW_MUCH = re.compile(r"(?i)\b(?:by how (?:much|many)|how (?:much|fast|quickly)|by what (?:percent|percentage|amount))\b")
_CHANGES = frozenset({"change", "growth", "up", "down", "year_over_year", "cagr", "yearly"})
_JOINING = frozenset({"before", "after", "under", "and", "of", "in", "from", "to", "at", "for", "on", "with", "by"})


def phrase_measure(question: Marked, measures: tuple[Measure, ...]) -> tuple[Measure, ...]:
    """Return the one measure that all open words and the measure among them name together, and explain them.

    "Adjusted EBITDA" is a row of that name and never the formula. Return the measures as they are where nothing is open, or
    where the question asks for no figure.
    """
    opened = _without_like(question, [mark for mark in question.open_marks() if not _manner(question, mark)])
    if (
        not opened
        or len(opened) > _LONGEST
        or _asks_no_figure(question, measures)
        or any(_refused(question, mark) for mark in opened)
    ):
        return measures
    if not measures and all(mark.has("fillers") or question.tokens[mark.first].key in {"per", "share"} for mark in opened):
        return measures
    if any(measure.defined for measure in measures) or all(mark.has("ambiguous") for mark in opened):
        return measures
    named = [mark for mark in question.marks if mark.measure and mark.first in question.explained] if measures else []
    words = sorted([*opened, *named], key=lambda mark: mark.first)
    if _crossed(question, words):
        return measures
    if len(named) > 1 and any(mark.has("formula") for mark in named):
        return measures
    words = [mark for mark in question.marks if mark in words or _between(question, mark, words)]
    question.explain(*opened)
    paid = [mark for mark in question.marks if mark.first == words[-1].last and question.tokens[mark.first].key == "paid"]
    return (phrase_of(question, [*words, *paid]),)


def changed_row(question: Marked) -> Measure | None:
    """Return the row that all open words without another meaning name where a change is asked for: "how much did X rise".

    They are explained. Return None for a question for yes or no, and where words of another kind stand among them.
    """
    opened = [mark for mark in question.open_marks() if not (_manner(question, mark) or mark.has("company", "wish"))]
    changes = [mark for mark in opened if mark.operators]
    words = [mark for mark in opened if not mark.operators]
    if not changes or not all(_CHANGES.issuperset(mark.operators) for mark in changes) or asks_yes_or_no(question):
        return None
    if (
        not _HOW_MUCH.search(question.text)
        or not words
        or len(words) > _LONGEST
        or any(_refused(question, mark) for mark in words)
    ):
        return None
    inside = [mark for mark in question.marks if words[0].first < mark.first < words[-1].first and mark not in words]
    if all(mark.has("ambiguous") for mark in words) or any(question.tokens[mark.first].key not in _JOINING for mark in inside):
        return None
    question.explain(*words)
    return phrase_of(question, words)


def _without_like(question: Marked, opened: list[Mark]) -> list[Mark]:
    """Leave out the last word of "what was X like", and explain it."""
    keys = [question.tokens[mark.first].key for mark in opened]
    if keys.count("like") != 1 or keys[-1] != "like" or len(keys) < 2:
        return opened
    question.explain(opened[-1])
    return opened[:-1]


def phrase_of(question: Marked, marks: list[Mark]) -> Measure:
    """Return the measure of a row that is named by the words of these marks."""
    joined: list[str] = []
    for before, mark in zip([None, *marks], marks, strict=False):
        between = question.words(before.last, mark.first) if before else ""
        joined += [between] if 0 < len(between) <= 4 and between.isalpha() else []
        written = _POSSESSIVE.sub("", question.words(mark.first, mark.last))
        if _attached(question, mark) and joined:
            joined[-1] += written
        else:
            joined.append(written)
    phrase = _as_printed(" ".join(joined))
    return Measure(phrase, Item(phrase=phrase), "count" if _counts(question, marks) else "")


def _counts(question: Marked, marks: list[Mark]) -> bool:
    """Say whether a number of things is asked for: by words that say so, or by what is counted."""
    before = question.text[: question.tokens[marks[0].first].start]
    if _NUMBER.search(before) or any(question.words(mark.first, mark.last).lower() == "how many" for mark in question.marks):
        return True
    keys = [token.key for mark in marks for token in question.tokens[mark.first : mark.last]]
    return keys[-1] in _COUNTED and _JOINING.isdisjoint(keys) and not any(mark.measure for mark in marks)


def _as_printed(phrase: str) -> str:
    """Return a phrase as filings print it: "US" is a word that a search passes over, and what is adjusted is never by GAAP."""
    phrase = _US.sub("U.S.", phrase)
    return _NON_GAAP.sub("", phrase) if _ADJUSTED.search(phrase) else phrase


def phrase_share(question: Marked, measures: tuple[Measure, ...]) -> tuple[Measure, ...]:
    """Return the part of a share in the question's own words, beside its whole: "what percentage of revenue came from Europe"."""
    opened = [mark for mark in question.open_marks() if not _manner(question, mark)]
    if not opened or len(opened) > _LONGEST or any(_refused(question, mark) for mark in opened):
        return measures
    question.explain(*opened)
    part = phrase_of(question, opened)
    return (replace(part, expression=Item(phrase=f"{part.name} {measures[0].name}")), measures[0])


def _crossed(question: Marked, words: list[Mark]) -> bool:
    """Say whether a verb or an operator stands inside of the words: then they are no one row."""
    inside = [mark for mark in question.marks if words[0].last <= mark.first < words[-1].first and mark not in words]
    return any(mark.operators or question.tokens[mark.first].text.lower() in YES_NO for mark in inside)


def _between(question: Marked, mark: Mark, words: list[Mark]) -> bool:
    """Say whether a word that mostly means nothing stands inside of a row's words: "non-GAAP", or one that is written as a name."""
    named = mark.has("reporting") and question.tokens[mark.first].text[0].isupper()
    return (mark.has("neutral") or named) and not mark.measure and words[0].first < mark.first < words[-1].first


def _asks_no_figure(question: Marked, measures: tuple[Measure, ...]) -> bool:
    """Say whether the question asks for something else than a figure: yes or no, which one, who."""
    opening = next((mark for mark in question.marks if not mark.has("company", "period") and not question.settled(mark)), None)
    if opening is None:
        return True
    words = {token.text.lower() for token in question.tokens[opening.first : opening.last + 1]}
    first = question.tokens[opening.first].text.lower()
    if first == "what" and not measures and _names_kind(question, opening):
        return True
    if first == "what" and measures:
        return False
    return first in YES_NO or not words.isdisjoint(vocabulary().no_figure)


def _names_kind(question: Marked, opening: Mark) -> bool:
    """Say whether "what" stands before a noun: "what acquisitions did they make" asks for names."""
    following = next((mark for mark in question.marks if mark.first >= opening.last), None)
    return following is not None and not _manner(question, following) and not following.has("company")


def _manner(question: Marked, mark: Mark) -> bool:
    return mark.has("fillers", "reporting", "neutral", "period", "relative") or question.sign(mark)


def _refused(question: Marked, mark: Mark) -> bool:
    token = question.tokens[mark.first]
    searched = term_ids(_as_printed(question.words(mark.first, mark.last))) or _attached(question, mark)
    if not searched and token.key not in _JOINING:
        return True  # a search for rows passes over such words
    if token.text.isdigit() and _attached(question, mark):
        return False  # "CET1"
    return bool(mark.operators) or token.key in vocabulary().no_row or not token.text[0].isalpha()


def _attached(question: Marked, mark: Mark) -> bool:
    """Say whether a number is written right behind a word."""
    return (
        mark.first > 0
        and question.tokens[mark.first].text.isdigit()
        and question.tokens[mark.first - 1].end == question.tokens[mark.first].start
    )
