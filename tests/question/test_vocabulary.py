"""Every phrase of the vocabulary and of the formulas is reached by a question that uses it."""

import re

import pytest

from jacie_flask.facts.formulas import formulas
from jacie_flask.question.marks import NamedCompany
from jacie_flask.question.plan import Item
from jacie_flask.question.reading import plan_of
from jacie_flask.question.tokens import tokenize
from jacie_flask.question.vocabulary import entries, vocabulary

CONCEPTS = [(concept, phrase) for concept, entry in entries()["concepts"].items() for phrase in entry["phrases"]]
FORMULAS = [(formula.id, phrase) for formula in formulas().values() for phrase in formula.phrases]
SECTIONS = [
    (section, value, phrase)
    for section in ("operators", "groups", "statements")
    for value, phrases in entries()[section].items()
    for phrase in phrases
]


def find_names(text):
    """Find the company of these tests."""
    return [NamedCompany("Averlinde", match.start(), match.end()) for match in re.finditer("Averlinde", text)]


@pytest.mark.parametrize(("concept", "phrase"), CONCEPTS)
def test_each_phrase_of_a_concept_asks_for_it(concept, phrase):
    """A question with the phrase has a complete plan for the concept."""
    plan = plan_of(f"{phrase} of Averlinde in 2022", (), find_names)
    assert plan.complete, (plan.unexplained, plan.reason)
    assert [measure.expression for measure in plan.measures] == [Item(concept=concept)]


@pytest.mark.parametrize(("identifier", "phrase"), FORMULAS)
def test_each_phrase_of_a_formula_asks_for_it(identifier, phrase):
    """A question with the phrase has a complete plan for the formula."""
    plan = plan_of(f"{phrase} of Averlinde in 2022", (), find_names)
    assert plan.complete, (plan.unexplained, plan.reason)
    assert [measure.formula_id for measure in plan.measures] == [identifier]


@pytest.mark.parametrize(("section", "value", "phrase"), SECTIONS)
def test_each_phrase_of_a_section_is_found(section, value, phrase):
    """The longest phrase at its place is the phrase itself, with its meaning."""
    tokens = tokenize(phrase.replace("-", " "))
    end, meanings = vocabulary().asking.longest(tokens, 0, len(tokens))
    assert end == len(tokens)
    assert f"{section.removesuffix('s')}:{value}" in meanings


def test_every_concept_of_the_formulas_has_phrases():
    """Formulas rest on concepts that can be asked for as well."""
    known = set(entries()["concepts"])
    for formula in formulas().values():
        assert set(re.findall(r"[a-z_]{3,}", formula.text)) - {"average", "change"} <= known | set(formulas())
