"""The measures that a question asks for: line items, formulas, definitions of its own, and arithmetic over these."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from jacie_flask.facts.expressions import AMOUNT, Call, Expression, Item, UnreadExpressionError, dimension_of, items
from jacie_flask.facts.formulas import dimension, formulas
from jacie_flask.question.definitions import Definitions, meaning_of
from jacie_flask.question.expressions import expression_of, read_expression
from jacie_flask.question.marks import Mark, Marked, phrases
from jacie_flask.question.plan import Measure
from jacie_flask.question.vocabulary import vocabulary

_SIGNS = frozenset("+-*/×÷−")
_PREPOSITIONS = frozenset({"to", "per", "over", "times"})
_IN_PERCENT = frozenset({"%", "percent", "percentage", "pct", "share", "proportion", "fraction", "portion"})
_LEADS = frozenset({"ratio", "sum", "difference"})
_VERSIONS = frozenset({"ending", "end", "closing", "opening", "beginning", "average", "year", "period"})
_UNITS = {(0, 0): "ratio", (1, 0): "money", (1, -1): "per_share", (0, 1): "shares"}


@dataclass(frozen=True)
class Term:
    """A measure with the tokens that name it, and the names of the question's own definitions that it uses."""

    measure: Measure
    first: int
    last: int
    expression: Expression
    uses: frozenset[str] = frozenset()


def measure_of(mark: Mark) -> Measure:
    """Return the measure of a mark that names a line item or a formula."""
    if "concept" in mark.meanings:
        concept = mark.meanings["concept"]
        return Measure(vocabulary().names[concept], Item(concept=concept), vocabulary().units[concept])
    return formula_measure(mark.meanings["formula"])


def formula_measure(identifier: str) -> Measure:
    """Return the measure of a formula."""
    formula = formulas()[identifier]
    return Measure(formula.name, formula.expression, formula.unit, formula.text, formula.id)


def terms(marked: Marked, definitions: Definitions) -> list[Term]:
    """Return the measures of a question's open words in order, and explain the words that name them."""
    marks = [*_measure_marks(marked, definitions), *_phrases_in_ratios(marked)]
    found = [_term(marked, mark, definitions) for mark in sorted(marks, key=lambda mark: mark.first)]
    if not found:
        return _topic(marked)
    found = _without_cash(marked, _without_abbreviations(marked, found))
    found = _without_bases(marked, found)
    found = _joined(marked, [_with_margin(marked, term) for term in found], definitions)
    for term in found:
        marked.explained.update(range(term.first, term.last))
        _explain_ratio(marked, term)
        _explain_neutral(marked, term)
    return found


def _topic(marked: Marked) -> list[Term]:
    """Return the measures of a topic such as capital intensity, where the question names no measure."""
    for mark in marked.open_marks():
        if mark.has("topic"):
            marked.explain(mark)
            named = [formula_measure(identifier) for identifier in vocabulary().topics[mark.meanings["topic"]]]
            return [Term(measure, mark.first, mark.last, measure.expression) for measure in named]
    return []


def _measure_marks(marked: Marked, definitions: Definitions) -> list[Mark]:
    """Return the open marks of measures, with the names that the question defines in place of the vocabulary's."""
    names = _defined_marks(marked, definitions)
    if names:
        taken = {position for mark in names for position in range(mark.first, mark.last)}
        marks = list(names)
        for mark in marked.marks:
            rest = [at for at in range(mark.first, mark.last) if at not in taken]
            whole = len(rest) == mark.last - mark.first
            marks += [mark] if whole else phrases(marked.tokens, vocabulary().asking, rest[0], rest[-1] + 1) if rest else []
        marked.marks = sorted(marks, key=lambda mark: mark.first)
    return [mark for mark in marked.open_marks() if mark.measure or mark.has("defined")]


def _defined_marks(marked: Marked, definitions: Definitions) -> list[Mark]:
    """Return the open places where a name stands that the question defines."""
    found: list[Mark] = []
    taken: set[int] = set(marked.explained)
    for name in sorted(definitions.expressions, key=len, reverse=True):
        size = len(name.split())
        for position in range(len(marked.tokens) - size + 1):
            run = range(position, position + size)
            if taken.isdisjoint(run) and " ".join(marked.tokens[at].key for at in run) == name:
                found.append(Mark(position, position + size, {"defined": name}))
                taken.update(run)
        kind, identifier = meaning_of(marked, name)
        for mark in marked.open_marks():
            if kind and mark.meanings.get(kind) == identifier and taken.isdisjoint(range(mark.first, mark.last)):
                found.append(Mark(mark.first, mark.last, {"defined": name}))
                taken.update(range(mark.first, mark.last))
    return found


def _phrases_in_ratios(marked: Marked) -> list[Mark]:
    """Return unknown words right before "as a percentage of": the row that they name."""
    found: list[Mark] = []
    for position, mark in enumerate(marked.marks):
        if "ratio_of" not in mark.operators or mark.first in marked.explained:
            continue
        begin = position
        while begin and _unknown(marked, marked.marks[begin - 1]):
            begin -= 1
        if begin < position and not (begin and marked.marks[begin - 1].measure):
            found.append(Mark(marked.marks[begin].first, mark.first, {"phrase": "phrase"}))
    return found


def _unknown(marked: Marked, mark: Mark) -> bool:
    known = set(mark.meanings) - {"ambiguous"}
    return (
        mark.first not in marked.explained and marked.tokens[mark.first].word and all(kind.startswith("group:") for kind in known)
    )


def _term(marked: Marked, mark: Mark, definitions: Definitions) -> Term:
    name = mark.meanings.get("defined")
    if mark.has("phrase"):
        phrase = marked.words(mark.first, mark.last)
        return Term(Measure(phrase, Item(phrase=phrase), ""), mark.first, mark.last, Item(phrase=phrase))
    if name is None:
        measure = measure_of(mark)
        return Term(measure, mark.first, mark.last, expression_of(mark))
    expression = definitions.expressions[name]
    kind, identifier = meaning_of(marked, name)
    unit = formulas()[identifier].unit if kind == "formula" else _unit(expression)
    spoken = formulas()[identifier].name if kind == "formula" else marked.words(mark.first, mark.last)
    measure = Measure(spoken, expression, unit, definitions.texts[name], "", defined=True)
    return Term(measure, mark.first, mark.last, expression, frozenset({name}))


def _unit(expression: Expression) -> str:
    try:
        return _UNITS.get(dimension_of(expression, dimension) or AMOUNT, "ratio")
    except UnreadExpressionError:
        return "ratio"


def _without_abbreviations(marked: Marked, found: Sequence[Term]) -> list[Term]:
    """Join "free cash flow (FCF)" to one term; a definition of either is the definition of both."""
    kept: list[Term] = []
    for term in found:
        before = kept[-1] if kept else None
        bracketed = before and marked.tokens[term.first - 1].text == "(" and before.last == term.first - 1
        closed = term.last < len(marked.tokens) and marked.tokens[term.last].text == ")"
        same = before and (before.expression == term.expression or term.measure.defined or before.measure.defined)
        if before and bracketed and closed and same:
            chosen = before if before.measure.defined or not term.measure.defined else term
            kept[-1] = replace(chosen, first=before.first, last=term.last + 1)
        else:
            kept.append(term)
    return kept


def _without_cash(marked: Marked, found: Sequence[Term]) -> list[Term]:
    """Read "how much cash was generated from operating activities" as the cash flow alone."""
    kept: list[Term] = []
    for term in found:
        before = kept[-1] if kept else None
        flows = isinstance(term.expression, Item) and term.expression.concept.endswith("_cash_flow")
        if before and flows and before.expression == Item(concept="cash") and not _separated(marked, before, term):
            marked.explained.update(range(before.first, before.last))
            kept.pop()
        kept.append(term)
    return kept


def _separated(marked: Marked, one: Term, other: Term) -> bool:
    between = marked.tokens[one.last : other.first]
    return any(token.key in {"and", "or", "plus"} or not token.word for token in between)


def _without_bases(marked: Marked, found: Sequence[Term]) -> list[Term]:
    """Leave out "(using dividends paid and net income)" behind a formula of just these; raise UnreadExpressionError for others."""
    start = next((at for at in range(1, len(found)) if _uses(marked, found[at - 1].last, found[at].first)), len(found))
    operands = {item.concept for term in found[:start] for item in items(term.expression)}
    for before, term in zip(found[start - 1 :], found[start:], strict=False):
        if not {item.concept for item in items(term.expression)} <= operands or before.last > term.first:
            raise UnreadExpressionError(f"it says to use {term.measure.name}, which {found[0].measure.name} does not rest on")
        versions = {marked.tokens[at].key for at in range(before.last, term.first)} & _VERSIONS
        if versions and not (versions == {"average"} and _averages(found[0].expression, term.expression)):
            raise UnreadExpressionError(f"it says which {term.measure.name} to use in words that are not understood")
    for before, term in zip(found[start - 1 :], found[start:], strict=False):
        marked.explained.update(at for at in range(before.last, term.first) if marked.tokens[at].key in _VERSIONS)
        marked.explained.update(range(term.first, term.last))
        _explain_neutral(marked, term)
    return list(found[:start])


def _averages(expression: Expression, item: Expression) -> bool:
    """Say whether an expression averages an item."""
    if not isinstance(expression, Call):
        return False
    here = expression.operator == "average" and expression.arguments == (item,)
    return here or any(_averages(argument, item) for argument in expression.arguments)


def _uses(marked: Marked, first: int, last: int) -> bool:
    """Say whether the words between two terms make the second what the first is computed from."""
    keys = [token.key for token in marked.tokens[first:last]]
    return "using" in keys or any(pair == ("based", "on") for pair in itertools.pairwise(keys))


def _with_margin(marked: Marked, term: Term) -> Term:
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


def _joined(marked: Marked, found: Sequence[Term], definitions: Definitions) -> list[Term]:
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
    if len(gap) == 1 and marked.tokens[one.last].key == "to":
        return True
    arithmetic = False
    for mark in gap:
        key = marked.tokens[mark.first].key
        if _operates(key, mark.meanings.get("math", "")) or (listed and key in {"and", "to", ","}):
            arithmetic = True
        elif key in {"and", "or"} or not _passed_over(marked, mark):
            return False
    return arithmetic


def _operates(key: str, math: str) -> bool:
    """Say whether a word or a sign between two measures calculates; a preposition alone does not."""
    return key in _SIGNS or (bool(math) and math not in _LEADS | {"average", "change"} and key not in _PREPOSITIONS)


def _passed_over(marked: Marked, mark: Mark) -> bool:
    named = mark.first in marked.explained and marked.tokens[mark.first].word
    return named or mark.has("fillers", "neutral") or marked.tokens[mark.first].key in {"(", ")"}


def _arithmetic(marked: Marked, found: Sequence[Term], lead: int | None, definitions: Definitions) -> Term:
    """Read a run of terms as one expression; raise UnreadExpressionError where it is none."""
    first = found[0].first if lead is None else lead
    last = found[-1].last
    while first and marked.tokens[first - 1].text == "(":
        first -= 1
    while last < len(marked.tokens) and marked.tokens[last].text == ")" and _unclosed(marked, first, last):
        last += 1
    named = {" ".join(token.key for token in marked.tokens[term.first : term.last]): term.expression for term in found}
    expression = read_expression(marked, first, last, {**named, **definitions.expressions})
    text = " ".join(marked.words(first, last).split())
    keys = {token.key for token in marked.tokens[first:last]}
    unit = "percent" if keys & _IN_PERCENT else "times" if "multiple" in keys else _unit(expression)
    uses = frozenset(name for term in found for name in term.uses)
    spelt_out = "".join(f", where {name} = {definitions.texts[name]}" for name in sorted(uses))
    measure = Measure(text, expression, unit, text + spelt_out, "", defined=True)
    return Term(measure, first, last, expression, uses)


def _unclosed(marked: Marked, first: int, last: int) -> bool:
    texts = [token.text for token in marked.tokens[first:last]]
    return texts.count("(") > texts.count(")")


def growing(marked: Marked, measures: tuple[Measure, ...]) -> tuple[Measure, ...]:
    """Return the growth of measures as measures where the question compares growth: "which year had the strongest growth"."""
    words = [mark for mark in marked.open_marks() if "growth" in mark.operators]
    rising = vocabulary().growing
    if not words or not all(isinstance(one.expression, Item) and one.expression.concept in rising for one in measures):
        return measures
    marked.explain(*words)
    return tuple(_growth(measure) for measure in measures)


def worsening(measures: Sequence[Measure]) -> str:
    """Return the direction, "up" or "down", in which the first measure gets worse."""
    if not measures:
        return "down"
    formula = formulas().get(measures[0].formula_id)
    expression = measures[0].expression
    lower = (
        formula.better == "lower"
        if formula
        else isinstance(expression, Item) and expression.concept in vocabulary().lower_is_better
    )
    return "up" if lower else "down"


def _growth(measure: Measure) -> Measure:
    change = Call("change", (measure.expression,))
    expression = Call("/", (change, Call("-", (measure.expression, change))))
    return Measure(
        f"{measure.name} growth", expression, "percent", f"change in {measure.name} / {measure.name} of the year before"
    )


def _explain_ratio(marked: Marked, term: Term) -> None:
    """Explain "ratio" around a measure that is one: "ratio of debt to equity"."""
    if term.measure.unit not in {"ratio", "times", "percent"}:
        return
    for at in range(max(0, term.first - 3), min(len(marked.tokens), term.last + 1)):
        beside = at == term.last or all(marked.tokens[between].key in {"of", "the"} for between in range(at + 1, term.first))
        key = marked.tokens[at].key
        if (key == "ratio" and beside) or (key == "%" and at == term.last and term.measure.unit == "percent"):
            marked.explained.add(at)


def _explain_neutral(marked: Marked, term: Term) -> None:
    """Explain the adjectives around a measure that leave it what it is."""
    for mark in (*reversed([m for m in marked.marks if m.last <= term.first]), None):
        if mark is None or not (mark.has("neutral") or marked.words(mark.first, mark.last).lower() in {"(", "the"}):
            break
        marked.explain(mark)
    for mark in [m for m in marked.marks if m.first >= term.last]:
        if not mark.has("neutral"):
            break
        marked.explain(mark)
