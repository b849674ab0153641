"""Definitions that a question spells out, read as expressions; those on which others rest first."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from jacie_flask.facts.expressions import Expression, UnreadExpressionError
from jacie_flask.question.definition_sentences import Definition
from jacie_flask.question.expressions import read_expression
from jacie_flask.question.marks import Mark, Marked, phrases
from jacie_flask.question.vocabulary import vocabulary

_CUTS = frozenset({",", "for", "in", "of", "at"})
_MOST_CUTS = 12


@dataclass
class Definitions:
    """What a question defines: expressions by name, the texts they were read from, and why one was not read."""

    expressions: dict[str, Expression] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    nested: set[str] = field(default_factory=set)
    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    reason: str = ""


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
