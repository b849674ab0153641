"""Expressions in the words of a question: tokens become lexemes for the parser that formulas use too."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from jacie_flask.facts.expressions import Call, Expression, Item, Lexeme, Number, Span, UnreadExpressionError, parse
from jacie_flask.facts.formulas import dimension, formulas
from jacie_flask.question.marks import Mark, Marked, phrases
from jacie_flask.question.vocabulary import vocabulary

_SIGNS = {
    "+": "+",
    "-": "-",
    "–": "-",
    "−": "-",
    "*": "*",
    "×": "*",
    "/": "/",
    "÷": "/",
    "(": "(",
    ")": ")",
    "[": "(",
    "]": ")",
    ",": ",",
}
_BEFORE_SPANS = frozenset({"between", "from", "for", "in", "of", "at", "over", "during", "the", "end", "year", "as"})
_LISTS = {"ratio": "/", "sum": "+", "difference": "-"}


def read_expression(marked: Marked, first: int, last: int, defined: Mapping[str, Expression]) -> Expression:
    """Read tokens ``first`` to ``last`` as an expression; names of ``defined`` stand for theirs; raise UnreadExpressionError."""
    return parse(lexemes(marked, first, last, defined), dimension)


def lexemes(marked: Marked, first: int, last: int, defined: Mapping[str, Expression]) -> list[Lexeme]:
    """Return the lexemes of tokens ``first`` to ``last``; raise UnreadExpressionError for words that mean nothing there."""
    fixed = [mark for mark in marked.marks if mark.has("period", "company") and first <= mark.first and mark.last <= last]
    found: list[Lexeme] = []
    marks = phrases(marked.tokens, vocabulary().defining, first, last, [*fixed, *_names(marked, first, last, defined, fixed)])
    pending: Span | None = None
    early: tuple[Span, ...] = ()
    inside, brackets = _dated_brackets(marked, marks)
    for position, mark in enumerate(marks):
        if mark.first in brackets:
            continue
        if mark.has("period"):
            spans = _spans(mark)
            if pending and len(spans) == 1 and [lexeme.kind for lexeme in found[-2:]] == ["function", "operator"]:
                early, pending = (pending, *spans), None
                found.pop()
            elif found and found[-1].kind == "spans":
                found[-1] = replace(found[-1], spans=found[-1].spans + spans)
            elif ((mark.first in inside or _follows(marked, marks, position)) and found and found[-1].kind == "item") or (
                found and found[-1].text == ")"
            ):
                found.append(Lexeme("spans", spans=spans))
            elif len(spans) == 1:
                pending = spans[0]
            else:
                raise UnreadExpressionError(f"{marked.words(mark.first, mark.last)!r} belongs to nothing")
            continue
        for lexeme in _lexemes(marked, mark, defined, found):
            if pending and lexeme.kind == "item" and isinstance(lexeme.value, Item | Call):
                found += [Lexeme("operator", "("), lexeme, Lexeme("spans", spans=(pending,)), Lexeme("operator", ")")]
                pending = None
            else:
                found.append(lexeme)
            if early and lexeme.kind == "item":
                found.append(Lexeme("spans", spans=early))
                early = ()
    if pending:
        raise UnreadExpressionError("a period belongs to nothing")
    return _without_empty_brackets(found)


def _dated_brackets(marked: Marked, marks: Sequence[Mark]) -> tuple[set[int], set[int]]:
    """Return where periods stand in brackets of their own, and where these brackets and the signs in them stand."""
    inside: set[int] = set()
    signs: set[int] = set()
    for at, mark in enumerate(marks):
        if marked.tokens[mark.first].text != "(":
            continue
        end = next((to for to in range(at + 1, len(marks)) if marked.tokens[marks[to].first].text == ")"), at)
        within = marks[at + 1 : end]
        rest = [one for one in within if not one.has("period")]
        if len(rest) < len(within) and all(marked.tokens[one.first].key in {",", "and", "&"} for one in rest):
            inside |= {one.first for one in within if one.has("period")}
            signs |= {mark.first, marks[end].first, *(one.first for one in rest)}
    return inside, signs


def _without_empty_brackets(found: Sequence[Lexeme]) -> list[Lexeme]:
    """Leave out brackets of which nothing is left: "depreciation [from the cash flow statement]"."""
    kept: list[Lexeme] = []
    for lexeme in found:
        if lexeme.text == ")" and kept and kept[-1].text == "(":
            kept.pop()
        else:
            kept.append(lexeme)
    return kept


def _spans(mark: Mark) -> tuple[Span, ...]:
    if mark.period is None or mark.period.count or not mark.period.spans:
        raise UnreadExpressionError("a number of years belongs to nothing")
    return mark.period.spans


def _follows(marked: Marked, marks: Sequence[Mark], position: int) -> bool:
    """Say whether a period is joined to what stands before it: "between FY1 and FY2", "in FY1"."""
    before = marks[position - 1] if position else None
    return before is not None and marked.tokens[before.last - 1].key in _BEFORE_SPANS


def _lexemes(marked: Marked, mark: Mark, defined: Mapping[str, Expression], found: list[Lexeme]) -> list[Lexeme]:
    """Return what one mark is in an expression: one lexeme, or none for words without content."""
    text = marked.words(mark.first, mark.last)
    if mark.has("company"):
        return []
    if mark.has("defined"):
        return [Lexeme("item", text, defined[mark.meanings["defined"]])]
    if mark.measure:
        return [Lexeme("item", text, expression_of(mark))]
    if mark.has("math") and mark.meanings["math"] == "(/)":
        found[:] = [Lexeme("operator", "("), *found, Lexeme("operator", ")")]
        return [Lexeme("operator", "/")]
    if mark.has("math"):
        return _mathematics(mark.meanings["math"], text, listed=any(lexeme.kind == "list" for lexeme in found))
    if len(text) == 1 and text in _SIGNS:
        return [Lexeme("operator", _SIGNS[text])]
    token = marked.tokens[mark.first]
    if token.key == "change" and found and found[-1].kind == "item" and isinstance(found[-1].value, Item):
        found[-1] = replace(found[-1], value=Call("change", (found[-1].value,)))
        return []
    if token.key == "by" and any(lexeme.kind == "list" and lexeme.text == "/" for lexeme in found):
        return [Lexeme("operator", "to")]
    if token.text[0].isdigit():
        return [Lexeme("item", text, Number(float(token.text.replace(",", ""))))]
    if token.key == "and":
        return [] if found and found[-1].kind == "spans" else [Lexeme("operator", "and", None)]
    if mark.has("fillers", "neutral", "statement") or text in {".", ":", '"', "”", "“", "'"}:
        return []
    raise UnreadExpressionError(f"{text!r} is not known")


def _mathematics(value: str, text: str, *, listed: bool) -> list[Lexeme]:
    if value in {"average", "change"}:
        return [Lexeme("function", value)]
    if value in _LISTS:
        return [Lexeme("list", _LISTS[value])]
    return [Lexeme("operator", "to" if listed and text.lower() == "to" else value)]


def expression_of(mark: Mark) -> Expression:
    """Return the expression of a mark that names a line item or a formula."""
    if "formula" in mark.meanings:
        return formulas()[mark.meanings["formula"]].expression
    return Item(concept=mark.meanings["concept"])


def _names(marked: Marked, first: int, last: int, defined: Mapping[str, Expression], fixed: Sequence[Mark]) -> list[Mark]:
    """Return marks for the names that the question itself defines."""
    found: list[Mark] = []
    taken = {position for mark in fixed for position in range(mark.first, mark.last)}
    for name in sorted(defined, key=len, reverse=True):
        size = len(name.split())
        for position in range(first, last - size + 1):
            run = range(position, position + size)
            if taken.isdisjoint(run) and " ".join(marked.tokens[at].key for at in run) == name:
                found.append(Mark(position, position + size, {"defined": name}))
                taken.update(run)
    return found
