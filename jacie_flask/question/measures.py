"""The measures that a question asks for: line items, formulas, definitions of its own, and arithmetic over these."""

from collections.abc import Sequence

from jacie_flask.facts.expressions import Call, Item
from jacie_flask.facts.formulas import formulas
from jacie_flask.question.adjoining import explain_neutral, explain_ratio, without_abbreviations, without_bases, without_cash
from jacie_flask.question.arithmetic import joined, with_margin
from jacie_flask.question.definitions import Definitions, meaning_of
from jacie_flask.question.expressions import expression_of
from jacie_flask.question.marks import Mark, Marked, phrases
from jacie_flask.question.plan import Measure
from jacie_flask.question.rowwords import changed_row
from jacie_flask.question.terms import Term, unit_of
from jacie_flask.question.vocabulary import vocabulary


def measure_of(mark: Mark, written: str = "") -> Measure:
    """Return the measure of a mark that names a line item or a formula; ``written`` is the name in the question's own words."""
    if "concept" in mark.meanings:
        concept = mark.meanings["concept"]
        return Measure(vocabulary().names[concept], Item(concept=concept, written=written), vocabulary().units[concept])
    return formula_measure(mark.meanings["formula"])


def formula_measure(identifier: str) -> Measure:
    """Return the measure of a formula."""
    formula = formulas()[identifier]
    return Measure(formula.name, formula.expression, formula.unit, formula.text, formula.id)


def terms(marked: Marked, definitions: Definitions) -> list[Term]:
    """Return the measures of a question's open words in order, and explain the words that name them."""
    rows = _phrases_in_ratios(marked)
    inside = {at for row in rows for at in range(row.first, row.last)}
    marks = [*(mark for mark in _measure_marks(marked, definitions) if mark.first not in inside), *rows]
    found = [_term(marked, mark, definitions) for mark in sorted(marks, key=lambda mark: mark.first)]
    if not found:
        return _pronoun(marked, definitions) or _topic(marked) or _changed(marked)
    found = without_cash(marked, without_abbreviations(marked, found))
    found = without_bases(marked, found)
    found = joined(marked, [with_margin(marked, term) for term in found], definitions)
    for term in found:
        marked.explained.update(range(term.first, term.last))
        explain_ratio(marked, term)
        explain_neutral(marked, term)
    return found


def _pronoun(marked: Marked, definitions: Definitions) -> list[Term]:
    """Return "if X is defined as E, what was it": the only measure that the question defines."""
    names = [group[0] for name, group in definitions.aliases.items() if name == group[0] and definitions.nested.isdisjoint(group)]
    places = [at for at, token in enumerate(marked.tokens) if token.key == "it" and at not in marked.explained]
    if len(names) != 1 or len(places) != 1:
        return []
    return [_term(marked, Mark(places[0], places[0] + 1, {"defined": names[0]}), definitions)]


def _changed(marked: Marked) -> list[Term]:
    """Return the row in the question's own words of which a change is asked for."""
    measure = changed_row(marked)
    return [Term(measure, 0, 0, measure.expression)] if measure else []


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
        begin = position - 1 if _qualified(marked, position - 1) else position
        while begin and _unknown(marked, marked.marks[begin - 1]):
            begin -= 1
        if begin < position and not (begin and marked.marks[begin - 1].measure):
            found.append(Mark(marked.marks[begin].first, mark.first, {"phrase": "phrase"}))
    return found


def _qualified(marked: Marked, position: int) -> bool:
    """Say whether an unknown word stands right before a measure and makes another row of it: "discount revenue"."""
    if position < 1 or not marked.marks[position].measure or not _unknown(marked, marked.marks[position - 1]):
        return False
    return not marked.marks[position - 1].meanings


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
        measure = measure_of(mark, marked.words(mark.first, mark.last))
        return Term(measure, mark.first, mark.last, expression_of(mark))
    expression = definitions.expressions[name]
    kind, identifier = meaning_of(marked, name)
    unit = formulas()[identifier].unit if kind == "formula" else unit_of(expression)
    spoken = formulas()[identifier].name if kind == "formula" else marked.words(mark.first, mark.last)
    if spoken.lower() == "it":
        spoken = name
    measure = Measure(spoken, expression, unit, definitions.texts[name], "", defined=True)
    return Term(measure, mark.first, mark.last, expression, frozenset({name}))


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
