"""Arithmetic between measures: margins, ratios, sums and differences in the words of a question."""

from collections.abc import Sequence

from jacie_flask.facts.expressions import Call, Item
from jacie_flask.question.definitions import Definitions
from jacie_flask.question.expressions import read_expression
from jacie_flask.question.marks import Mark, Marked, phrases
from jacie_flask.question.plan import Measure
from jacie_flask.question.terms import Term, unit_of
from jacie_flask.question.vocabulary import vocabulary

_SIGNS = frozenset("+-*/×÷−")
_PREPOSITIONS = frozenset({"to", "per", "over", "times"})
_LEADS = frozenset({"ratio", "sum", "difference"})
_OVER_YEARS = frozenset({"of", "for", "in", "over", "between", "from", "and", "&", "the", ",", "("})
_ASKING = frozenset({"divide", "dividing", "many"})
"""With these words the arithmetic of a question is no name: "divide A by B", "A is how many times B"."""
_IN_PERCENT = frozenset({"%", "percent", "percentage", "pct", "share", "proportion", "fraction", "portion"})


def with_margin(marked: Marked, term: Term) -> Term:
    """Read "X margin" and "X % margin" as X in percent of revenue."""
    position = term.last
    if position < len(marked.tokens) and marked.tokens[position].text == "%":
        position += 1
    if position >= len(marked.tokens) or marked.tokens[position].key != "margin" or term.measure.unit != "money":
        return term
    expression = Call("/", (term.expression, Item(concept="revenue")))
    formula = f"{term.measure.formula or term.measure.name} / revenue"
    if term.measure.defined:
        formula = f"({term.measure.formula}) / revenue"
    measure = Measure(f"{term.measure.name} margin", expression, "percent", formula, "", term.measure.defined)
    return Term(measure, term.first, position + 1, expression, term.uses)


def joined(marked: Marked, found: Sequence[Term], definitions: Definitions) -> list[Term]:
    """Join terms with arithmetic between them to one."""
    joined: list[Term] = []
    position = 0
    while position < len(found):
        lead = _lead(marked, found[position])
        end = position
        while end + 1 < len(found) and _links(marked, found[end], found[end + 1], lead is not None):
            end += 1
        if end == position:
            joined.append(found[position])
        else:
            joined.append(_arithmetic(marked, found[position : end + 1], lead, definitions))
        position = end + 1
    return joined


def _lead(marked: Marked, term: Term) -> int | None:
    """Return where "ratio of", "sum of" or "difference between" begins right before a term."""
    begin = max(0, term.first - 6)
    marks = phrases(marked.tokens, vocabulary().defining, begin, term.first)
    for mark in reversed(marks):
        if mark.meanings.get("math") in _LEADS:
            return mark.first
        if mark.first in marked.explained:
            continue
        if not mark.has("neutral", "fillers") or marked.tokens[mark.first].key in {"of", "between"}:
            return None
    return None


def _links(marked: Marked, one: Term, other: Term, listed: bool) -> bool:
    """Say whether arithmetic joins two terms."""
    gap = phrases(marked.tokens, vocabulary().defining, one.last, other.first)
    if marked.tokens[one.last].key in {"to", "over"} and all(_averages(marked, mark) for mark in gap[1:]):
        return True
    arithmetic = False
    for mark in gap:
        key = marked.tokens[mark.first].key
        if _operates(key, mark.meanings.get("math", "")) or (listed and key in {"and", "to", ",", "by"}):
            arithmetic = True
        elif key in {"and", "or"} or not _passed_over(marked, mark):
            return False
    return arithmetic


def _averages(marked: Marked, mark: Mark) -> bool:
    """Say whether a mark makes an average of what follows, or has no content: "sales over average inventory"."""
    return mark.meanings.get("math") == "average" or _passed_over(marked, mark)


def _operates(key: str, math: str) -> bool:
    """Say whether a word or a sign between two measures calculates; a preposition alone does not."""
    return key in _SIGNS or (bool(math) and math not in _LEADS | {"average", "change"} and key not in _PREPOSITIONS)


def _passed_over(marked: Marked, mark: Mark) -> bool:
    named = mark.first in marked.explained and marked.tokens[mark.first].word
    fixed = any(other.has("period", "company") and other.first <= mark.first < other.last for other in marked.marks)
    return named or fixed or mark.has("fillers", "neutral") or marked.tokens[mark.first].key in {"(", ")"}


def _arithmetic(marked: Marked, found: Sequence[Term], lead: int | None, definitions: Definitions) -> Term:
    """Read a run of terms as one expression; raise UnreadExpressionError where it is none."""
    first = found[0].first if lead is None else lead
    last = found[-1].last
    first = _dated(marked, first)
    while first and marked.tokens[first - 1].text == "(":
        first -= 1
    while last < len(marked.tokens) and marked.tokens[last].text == ")" and _unclosed(marked, first, last):
        last += 1
    last = _averaged_until(marked, found[-1], last)
    named = {" ".join(token.key for token in marked.tokens[term.first : term.last]): term.expression for term in found}
    expression = read_expression(marked, first, last, {**named, **definitions.expressions})
    text = " ".join(marked.words(first, last).split())
    keys = {token.key for token in marked.tokens[first:last]}
    unit = "percent" if keys & _IN_PERCENT else "times" if "multiple" in keys else unit_of(expression)
    uses = frozenset(name for term in found for name in term.uses)
    spelt_out = "".join(f", where {name} = {definitions.texts[name]}" for name in sorted(uses))
    name = "ratio" if keys & _ASKING else text
    measure = Measure(name, expression, unit, text + spelt_out, "", defined=True)
    return Term(measure, first, last, expression, uses)


def _dated(marked: Marked, first: int) -> int:
    """Return where the period begins that stands right before a token, else the token itself: "2018 sales over ..."."""
    return next((mark.first for mark in marked.marks if mark.period is not None and mark.last == first), first)


def _averaged_until(marked: Marked, term: Term, last: int) -> int:
    """Return where the two years end over which the last term is averaged: "average inventory of 2017 and 2018"."""
    lead = phrases(marked.tokens, vocabulary().defining, max(0, term.first - 3), term.first)
    if not any(mark.meanings.get("math") == "average" for mark in lead):
        return last
    periods = [mark for mark in marked.marks if mark.period is not None and last < mark.first <= last + 4]
    if len(periods) < 2:
        return last
    one, other = periods[:2]
    between = {token.key for token in (*marked.tokens[last : one.first], *marked.tokens[one.last : other.first])}
    return other.last if between <= _OVER_YEARS else last


def _unclosed(marked: Marked, first: int, last: int) -> bool:
    texts = [token.text for token in marked.tokens[first:last]]
    return texts.count("(") > texts.count(")")
