"""Sentences that define a measure: which names they define, and where their expression stands."""

from dataclasses import dataclass
from itertools import pairwise

from jacie_flask.question.marks import Mark, Marked, phrases
from jacie_flask.question.vocabulary import vocabulary

_VERBS = frozenset({"defined", "calculated", "computed", "measured", "determined"})
_COPULAS = frozenset(
    {
        "if",
        "is",
        "are",
        "be",
        "being",
        "was",
        "a",
        "an",
        "the",
        "here",
        "where",
        "with",
        "and",
        "then",
        "let",
        "this",
        ",",
        "(",
        '"',
        "“",
        "”",
        "'",
    }
)
_TASKS = frozenset({"calculate", "compute", "determine", "measure", "treat", "take"})
_RELATING = frozenset({"a", "an", "%", "percent", "percentage", "of", "share", "reported"})
_OPERATORS = frozenset("+-*/×÷−–")
_INTRODUCTIONS = frozenset({"where", "whereby", ":"})
_RESTATING = frozenset({":", "i", "ie"})
_ENDS = frozenset({"?", "!", ";"})
_COPULA_VERBS = frozenset({"is", "are", "be", "being", "was", "were", "here", "hereby"})
_PRONOUNS = frozenset({"it", "this", "that", "ratio", "metric", "measure", "the", "which"})
_OPENERS = frozenset({",", ":", "("})


@dataclass(frozen=True)
class Definition:
    """A definition as written: its names, folded, the tokens of the whole of it, and those of its expression."""

    names: tuple[str, ...]
    first: int
    last: int
    begin: int
    end: int


def sentences(marked: Marked) -> list[tuple[int, int]]:
    """Return the sentences of a text as ranges of tokens, their closing signs included."""
    found: list[tuple[int, int]] = []
    first = 0
    for position, token in enumerate(marked.tokens):
        if token.text in _ENDS or (token.text == "." and _closes(marked, position)):
            found.append((first, position + 1))
            first = position + 1
    if first < len(marked.tokens):
        found.append((first, len(marked.tokens)))
    return found


def _closes(marked: Marked, position: int) -> bool:
    """Say whether a full stop ends a sentence rather than an abbreviation."""
    before = marked.tokens[position - 1] if position else None
    after = marked.tokens[position + 1] if position + 1 < len(marked.tokens) else None
    if before is None or (after is not None and after.start == marked.tokens[position].end):
        return False
    return not (len(before.text) == 1 and before.text.isalpha() and before.text.isupper()) and before.key not in {
        "e",
        "g",
        "v",
        "vs",
        "avg",
        "approx",
    }


def find_definitions(marked: Marked) -> list[Definition]:
    """Return the definitions that a question spells out, in order."""
    found = []
    for first, last in sentences(marked):
        if sum(token.text == "=" for token in marked.tokens[first:last]) > 1:
            found += _equations(marked, first, last)
            continue
        definition = _definition(marked, first, last)
        if definition is not None:
            found.append(definition)
    return found


def _definition(marked: Marked, first: int, last: int) -> Definition | None:
    """Return the definition in one sentence, if there is one."""
    tokens = marked.tokens
    end = last
    while end > first and not tokens[end - 1].word and tokens[end - 1].text not in ")]":
        end -= 1
    for position in range(first, end - 1):
        key = tokens[position].key
        if key == "define":
            middle = next((at for at in range(position + 1, end) if tokens[at].key == "as"), None)
            if middle is not None:
                return Definition(_names(marked, position + 1, middle), position, last, middle + 1, end)
        if key in _VERBS and tokens[position + 1].key == "as":
            return _stated(marked, first, position, position + 2, end, last)
        if key in _TASKS and (found := _task(marked, position, end, last)) is not None:
            return found
        if tokens[position].text == "(" and (found := _bracketed(marked, position, end)) is not None:
            return found
        if key in _RESTATING and (found := _restated(marked, position, end, last)) is not None:
            return found
        if key == "=":
            return _equation(marked, first, position, end, last)
    return None


def _task(marked: Marked, position: int, end: int, last: int) -> Definition | None:
    """Return "calculate X as E"; "calculate X as a percentage of Y" is none."""
    tokens = marked.tokens
    middle = next((at for at in range(position + 1, end - 1) if tokens[at].key == "as"), None)
    if (
        middle is None
        or tokens[middle - 1].key in _VERBS
        or tokens[middle + 1].key in _RELATING
        or not _calculates(marked, middle + 1, end)
    ):
        return None
    names = _measure_before(marked, position + 1, middle)
    return Definition(names, middle, last, middle + 1, end) if names else None


def _bracketed(marked: Marked, position: int, end: int) -> Definition | None:
    """Return "X (E)": arithmetic in brackets behind a measure, with nothing but the company and the period between them."""
    named = _named_before(marked, position)
    closing = _closing(marked, position + 1, end)
    if named is None or marked.tokens[position + 1].key in _VERBS:
        return None
    if "=" in {token.text for token in marked.tokens[position:closing]} or not _calculates(marked, position + 1, closing):
        return None
    return Definition(_names(marked, named.first, named.last), position, closing + 1, position + 1, closing)


def _named_before(marked: Marked, position: int) -> Mark | None:
    """Return the measure before a token with nothing but signs, the company and the period between them."""
    before = [mark for mark in marked.marks if mark.last <= position]
    while before and not before[-1].measure and (marked.sign(before[-1]) or before[-1].has("company", "period", "fillers")):
        before.pop()
    return before[-1] if before and before[-1].measure else None


def _restated(marked: Marked, position: int, end: int, last: int) -> Definition | None:
    """Return "X: E" and "X, i.e. E": arithmetic that says what a measure is."""
    keys = [token.key for token in marked.tokens[position : position + 4]]
    length = 1 if keys[0] in {":", "ie"} else 4 if keys == ["i", ".", "e", "."] else 0
    named = _named_before(marked, position)
    if not length or named is None or not _calculates(marked, position + length, end):
        return None
    return Definition(_names(marked, named.first, named.last), position, last, position + length, end)


def _calculates(marked: Marked, first: int, last: int) -> bool:
    """Say whether there is arithmetic between measures in a range of tokens."""
    marks = phrases(marked.tokens, vocabulary().defining, first, last)
    joined = [m for m in marks if marked.tokens[m.first].text in _OPERATORS or m.meanings.get("math", "-and") in "+-*/"]
    return bool(joined) and sum(mark.measure for mark in marks) > 1


def _stated(marked: Marked, first: int, verb: int, begin: int, end: int, last: int) -> Definition:
    """Return "X is defined as E", or "(defined as E)", ", defined as E" and "X defined as E" behind the measure that they define."""
    tokens = marked.tokens
    opening = tokens[verb - 1] if verb > first else None
    if opening is not None and opening.text == "(":
        end = _closing(marked, begin, end)
        return Definition(_measure_before(marked, first, verb - 1), verb - 1, end + 1, begin, end)
    if opening is not None and opening.key not in _COPULA_VERBS:
        start = verb - 1 if opening.text == "," else verb
        return Definition(_measure_before(marked, first, start), start, last, begin, end)
    introduced = [at + 1 for at in range(first, verb) if tokens[at].key in _INTRODUCTIONS]
    start = introduced[-1] if introduced else first
    names = _names(marked, start, verb)
    if set(" ".join(names).split()) <= _PRONOUNS:
        names = _measure_before(marked, 0, start)
    return Definition(names, start, last, begin, end)


def _equation(marked: Marked, first: int, position: int, end: int, last: int) -> Definition:
    """Return "X = E", whatever stands before X, or "(X = E)"."""
    starts = [
        at + 1 for at in range(first, position) if marked.tokens[at].text in _OPENERS or marked.tokens[at].key in _INTRODUCTIONS
    ]
    start = starts[-1] if starts else first
    if start > first and marked.tokens[start - 1].text == "(":
        end = _closing(marked, position + 1, end)
        return Definition(_names(marked, start, position), start - 1, end + 1, position + 1, end)
    names = _names(marked, start, position)
    asked = any(mark.has("company", "period") and start <= mark.first < position for mark in marked.marks)
    return Definition(names, position if asked else start, last, position + 1, end)


def _equations(marked: Marked, first: int, last: int) -> list[Definition]:
    """Return the definitions of "where A = E and B = F": each begins behind the last "and" or comma before its sign."""
    signs = [at for at in range(first, last) if marked.tokens[at].text == "="]
    breaks = [first]
    for one, other in pairwise(signs):
        between = [at for at in range(one + 1, other) if marked.tokens[at].key in {"and", ",", ";"}]
        breaks.append(between[-1] if between else one)
    limits = [*breaks[1:], last]
    found = [_definition(marked, begin, limit) for begin, limit in zip(breaks, limits, strict=True)]
    return [one for one in found if one is not None]


def _closing(marked: Marked, begin: int, end: int) -> int:
    """Return the position of the bracket that closes the one before ``begin``."""
    depth = 0
    for position in range(begin, end):
        text = marked.tokens[position].text
        if text == ")" and depth == 0:
            return position
        depth += (text == "(") - (text == ")")
    return end


def _names(marked: Marked, first: int, last: int) -> tuple[str, ...]:
    """Return the names in "cash conversion cycle (CCC)": with and without the abbreviation."""
    while last > first and marked.tokens[last - 1].key in _COPULAS:
        last -= 1
    while first < last and marked.tokens[first].key in _COPULAS:
        first += 1
    outside: list[str] = []
    inside: list[str] = []
    depth = 0
    named = {at for mark in marked.marks if mark.has("company", "period") for at in range(mark.first, mark.last)}
    for position, token in enumerate(marked.tokens[first:last], start=first):
        depth += (token.text == "(") - (token.text == ")")
        if position in named:
            continue
        if token.word or token.text == "%":
            (inside if depth else outside).append(token.key)
    return tuple(name for name in (" ".join(outside), " ".join(inside)) if name)


def _measure_before(marked: Marked, first: int, last: int) -> tuple[str, ...]:
    """Return the names of the measure that ends right before a position."""
    before = [mark for mark in marked.marks if first <= mark.first and mark.last <= last]
    start = last
    for mark in reversed(before):
        sign = not marked.tokens[mark.first].word
        if not (mark.measure or sign or mark.has("neutral", "ambiguous") or not mark.meanings):
            break
        start = mark.first
    if start < last:
        return _names(marked, start, last)
    named = [mark for mark in before if mark.measure] or [mark for mark in before if mark.has("ambiguous")]
    return _names(marked, named[0].first, named[0].last) if len(named) == 1 else ()
