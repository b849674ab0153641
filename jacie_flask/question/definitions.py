"""Definitions that a question spells out: which name, which tokens, and the expression that they are read as."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from jacie_flask.facts.expressions import Expression, UnreadExpressionError
from jacie_flask.question.expressions import read_expression
from jacie_flask.question.marks import Mark, Marked, phrases
from jacie_flask.question.vocabulary import vocabulary

_VERBS = frozenset({"defined", "calculated", "computed", "measured", "determined"})
_COPULAS = frozenset(
    {
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
_ENDS = frozenset({"?", "!", ";"})
_CUTS = frozenset({",", "for", "in", "of", "at"})
_MOST_CUTS = 12


@dataclass(frozen=True)
class Definition:
    """A definition as written: its names, folded, the tokens of the whole of it, and those of its expression."""

    names: tuple[str, ...]
    first: int
    last: int
    begin: int
    end: int


@dataclass
class Definitions:
    """What a question defines: expressions by name, the texts they were read from, and why one was not read."""

    expressions: dict[str, Expression] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    nested: set[str] = field(default_factory=set)
    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    reason: str = ""


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
        "v",
        "vs",
        "avg",
        "approx",
    }


def find_definitions(marked: Marked) -> list[Definition]:
    """Return the definitions that a question spells out, in order."""
    found = []
    for first, last in sentences(marked):
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
        if tokens[position].text == "(" and (found := _bracketed(marked, first, position, end)) is not None:
            return found
        if key == "=":
            return _stated(marked, first, position, position + 1, end, last)
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


def _bracketed(marked: Marked, first: int, position: int, end: int) -> Definition | None:
    """Return "X (E)": arithmetic in brackets right behind a measure."""
    named = next((mark for mark in marked.marks if mark.measure and mark.last == position), None)
    closing = _closing(marked, position + 1, end)
    if named is None or marked.tokens[position + 1].key in _VERBS or not _calculates(marked, position + 1, closing):
        return None
    return Definition(_names(marked, max(first, named.first), position), position, closing + 1, position + 1, closing)


def _calculates(marked: Marked, first: int, last: int) -> bool:
    """Say whether there is arithmetic between measures in a range of tokens."""
    marks = phrases(marked.tokens, vocabulary().defining, first, last)
    joined = [m for m in marks if marked.tokens[m.first].text in _OPERATORS or m.meanings.get("math", "-and") in "+-*/"]
    return bool(joined) and sum(mark.measure for mark in marks) > 1


def _stated(marked: Marked, first: int, verb: int, begin: int, end: int, last: int) -> Definition:
    """Return "X is defined as E", or "(defined as E)" and ", defined as E" behind the measure that they define."""
    tokens = marked.tokens
    opening = tokens[verb - 1].text if verb > first else ""
    if opening in {"(", ","}:
        names = _measure_before(marked, first, verb - 1)
        if opening == "(":
            end = _closing(marked, begin, end)
            return Definition(names, verb - 1, end + 1, begin, end)
        return Definition(names, verb - 1, last, begin, end)
    introduced = [at + 1 for at in range(first, verb) if tokens[at].key in _INTRODUCTIONS]
    start = introduced[-1] if introduced else first
    return Definition(_names(marked, start, verb), start, last, begin, end)


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
    for token in marked.tokens[first:last]:
        depth += (token.text == "(") - (token.text == ")")
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


def read_definitions(marked: Marked, found: Sequence[Definition]) -> Definitions:
    """Read all definitions, those first on which others rest; the reason says which could not be read."""
    result = Definitions()
    by_name = {name: definition for definition in found for name in definition.names}
    waiting: list[Definition] = []

    def visit(definition: Definition) -> None:
        if definition in waiting:
            raise UnreadExpressionError("it refers to itself")
        if not definition.names or definition.names[0] in result.expressions:
            if not definition.names:
                raise UnreadExpressionError("it names nothing")
            return
        waiting.append(definition)
        for name, other in by_name.items():
            if other is not definition and _occurs(marked, name, definition.begin, definition.end):
                visit(other)
                result.nested.add(other.names[0])
        waiting.remove(definition)
        expression = _read(marked, definition, result.expressions)
        for name in definition.names:
            result.expressions[name] = expression
            result.texts[name] = marked.words(definition.begin, definition.end)
            result.aliases[name] = definition.names

    for definition in found:
        try:
            visit(definition)
        except UnreadExpressionError as error:
            name = " ".join(definition.names[:1]) or "what is asked"
            result.reason = f"the definition of {name} was not fully understood: {error}"
            break
    return result


def _occurs(marked: Marked, name: str, begin: int, end: int) -> bool:
    size = len(name.split())
    return any(
        " ".join(token.key for token in marked.tokens[position : position + size]) == name
        for position in range(begin, end - size + 1)
    )


def _read(marked: Marked, definition: Definition, known: dict[str, Expression]) -> Expression:
    """Read one definition, if need be without the company, period and manner that follow it in its sentence."""
    try:
        expression = read_expression(marked, definition.begin, definition.end, known)
    except UnreadExpressionError as error:
        failure = error
    else:
        marked.explained.update(range(definition.first, definition.last))
        return expression
    cuts = [at for at in range(definition.end - 1, definition.begin, -1) if marked.tokens[at].key in _CUTS][:_MOST_CUTS]
    for cut in cuts:
        rest = [mark for mark in marked.marks if mark.first >= cut and mark.last <= definition.last]
        if not all(_manner(marked, mark) for mark in rest):
            break
        try:
            expression = read_expression(marked, definition.begin, cut, known)
        except UnreadExpressionError:
            continue
        marked.explained.update(range(definition.first, cut))
        return expression
    raise failure


def _manner(marked: Marked, mark: Mark) -> bool:
    """Say whether a mark can follow a definition without being a part of it."""
    return mark.has("company", "period", "wish", "fillers", "statement") or not marked.tokens[mark.first].word


def meaning_of(marked: Marked, name: str) -> tuple[str, str]:
    """Return the kind and id that the vocabulary gives a defined name as a whole; ("", "") for a name of the question's own."""
    words = name.split()
    for position in range(len(marked.tokens) - len(words) + 1):
        if [token.key for token in marked.tokens[position : position + len(words)]] == words:
            marks = phrases(marked.tokens, vocabulary().asking, position, position + len(words))
            if len(marks) == 1:
                for kind in ("formula", "concept"):
                    if kind in marks[0].meanings:
                        return kind, marks[0].meanings[kind]
    return "", ""
