"""Questions become plans: what is explained is planned, what is not is named."""

import pytest

from jacie_flask.facts.expressions import Call, Item, Span
from jacie_flask.question.marks import NamedCompany
from jacie_flask.question.reading import plan_of


def find_names(text):
    """Find the one company of these tests."""
    start = text.find("Averlinde")
    return [NamedCompany("Averlinde", start, start + 9)] if start >= 0 else []


def test_a_figure_of_a_year():
    """A line item, a company and a year are all there is to explain."""
    plan = plan_of("What was Averlinde's revenue in 2022?", (), find_names)
    assert plan.complete
    assert plan.companies == ("Averlinde",)
    assert [measure.expression for measure in plan.measures] == [Item(concept="revenue")]
    assert plan.spans == (Span("year", 2022),)


@pytest.mark.parametrize("word", ["adjusted", "organic", "Nordic", "segment"])
def test_a_word_that_changes_the_meaning_is_not_passed_over(word):
    """An adjective that is not known stops the computation."""
    plan = plan_of(f"Did Averlinde grow {word} revenue in 2022?", (), find_names)
    assert not plan.complete
    assert word in plan.unexplained


@pytest.mark.parametrize(
    "question",
    [
        "Divide Averlinde's inventory in 2021 by its total assets",
        "Averlinde's inventory in 2021 is how many times its total assets?",
    ],
)
def test_a_task_is_no_name_of_a_measure(question):
    """The answer speaks of a ratio."""
    (measure,) = plan_of(question, (), find_names).measures
    assert (measure.name, measure.expression) == ("ratio", Call("/", (Item(concept="inventory"), Item(concept="total_assets"))))


def test_a_definition_that_is_spelt_out_is_read():
    """The periods that the definition names are the usual ones of the plan's year."""
    question = (
        "What is Averlinde's FY2019 DPO? DPO is defined as: 365 * (average accounts payable between FY2018 and FY2019) / "
        "(FY2019 COGS + change in inventory between FY2018 and FY2019)."
    )
    plan = plan_of(question, (), find_names)
    assert plan.complete
    (measure,) = plan.measures
    assert measure.defined
    assert isinstance(measure.expression, Call)
    assert measure.expression.arguments[1] == Call(
        "+", (Item(concept="cost_of_sales"), Call("change", (Item(concept="inventory"),)))
    )


def test_a_definition_that_is_not_wholly_read_declines():
    """The usual formula never replaces it."""
    plan = plan_of("What is Averlinde's FY2019 DPO? DPO is defined as: factored payables / COGS.", (), find_names)
    assert not plan.complete
    assert "definition" in plan.reason
