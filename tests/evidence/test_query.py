"""Query preparation: what is asked of the index, and what follow-ups take over."""

import pytest

from jacie_flask.events import Turn
from jacie_flask.evidence.query import ADDED, NUMBER, WORD, cleaned, figures_asked, point, prepare, weigh
from jacie_flask.evidence.selection import Selection
from jacie_flask.facts.page_figures import figure_id
from jacie_flask.question.carryover import resolve
from jacie_flask.question.companies import CompanyNames
from jacie_flask.text.lexicon import without_instructions
from jacie_flask.text.terms import term_ids

NAMES = CompanyNames({"Northwind Paper": (), "Contoso Foods": ()})


def terms(text):
    """Return the ids of a text."""
    return set(term_ids(text))


def asked(*turns):
    """Return the last of the user's turns as it stands without the others."""
    return resolve(turns[-1], [Turn(role="user", content=turn) for turn in turns[:-1]], NAMES)


def test_instructions_are_no_terms():
    """How to answer is not what is asked."""
    weights = weigh("Give a response to the question in USD millions, rounded to two decimal places: goodwill impairment")
    assert terms("goodwill impairment") <= set(weights)
    assert not terms("response question decimal") & set(weights)


@pytest.mark.parametrize(
    ("question", "rest"),
    [
        ("What was Zanobela's revenue in 2024, and how did it change against 2023?", "revenue in 2024, and how did it 2023?"),
        ("How did revenue develop since 2019?", "How did revenue since 2019?"),
        ("What was the change in working capital?", "What was the change in working capital?"),
        ("How did the change in inventories affect cash?", "How did the change in inventories affect cash?"),
    ],
)
def test_how_something_developed_is_no_search_for_changes(question, rest):
    """The verb goes, since lines about changes in other things would answer; a change that is asked for by name stays."""
    assert cleaned(question, ("Zanobela",)).removeprefix("What was ") == rest.removeprefix("What was ")


def test_the_clause_about_useless_metrics_is_dropped():
    """What to say should the metric make no sense does not steer the search."""
    text = cleaned(
        "Is the gross margin improving? If gross margin is not a useful metric for a company like this, then state that."
    )
    assert text == "Is the gross margin improving?"


def test_the_company_is_no_term():
    """Every page of its report says the company's name."""
    assert cleaned("What is Northwind Paper's goodwill?", ("Northwind Paper",)) == "What is goodwill?"


def test_numbers_weigh_less_than_words():
    """A year stands on every page."""
    weights = weigh("goodwill 2019")
    assert weights[term_ids("2019")[0]] < weights[term_ids("goodwill")[0]]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("capex in FY2018", "cash_flow"),
        ("capital expenditures", "cash_flow"),
        ("net PP&E at year end", "balance_sheet"),
        ("working capital ratio", "balance_sheet"),
        ("gross margin", "income_statement"),
        ("EPS", "income_statement"),
        ("free cash flow", "cash_flow"),
        ("what drove the change in sales", "mda"),
        ("ongoing legal battles", "legal"),
        ("which segment grew most", "segments"),
    ],
)
def test_metrics_point_to_where_they_are_reported(text, label):
    """A figure is looked for in its statement, an explanation in its section."""
    assert point(text)[label] > 0


def test_metrics_bring_the_words_of_their_pages():
    """Capex is written out on the cash flow statement."""
    assert terms("purchases property plant equipment") <= set(weigh("capex"))


def test_prepare_follows_the_selection():
    """Documents, scores and whether to stay inside them come from the selection."""
    selection = Selection([], "", True, "What is Northwind's goodwill?", {"a": 0.9}, ("Northwind",))
    query = prepare(selection, top_k=7)
    assert set(query.terms) == set(weigh("What is goodwill?"))
    assert (query.text, query.documents, query.exclusive, query.top_k) == ("What is Northwind's goodwill?", {"a": 0.9}, True, 7)


def test_a_question_of_nothing_but_instructions_keeps_its_words():
    """Some terms are better than none."""
    assert weigh("give the total amount") != {}
    assert weigh("report") != {}


def test_the_first_question_stands_as_it_is():
    """Without a conversation nothing is added."""
    assert asked("What is Northwind's goodwill in 2020?") == "What is Northwind's goodwill in 2020?"


@pytest.mark.parametrize(
    ("followup", "expected"),
    [
        ("And the year before?", "What was Northwind's revenue in FY2018?"),
        ("and in 2017?", "What was Northwind's revenue in 2017?"),
        ("What about Contoso?", "What was Contoso's revenue in FY2019?"),
        ("What about Globex?", "What was Globex's revenue in FY2019?"),
        ("the following year?", "What was Northwind's revenue in FY2020?"),
    ],
)
def test_a_follow_up_without_a_topic_asks_the_question_before_again(followup, expected):
    """Only what the follow-up names is replaced."""
    assert asked("What was Northwind's revenue in FY2019?", followup) == expected


def test_a_follow_up_with_a_topic_takes_company_and_period():
    """The new topic is asked of the same company and year."""
    assert asked("What was Northwind's revenue in FY2019?", "And its net income?") == "And its net income? (Northwind, FY2019)"


def test_follow_ups_chain():
    """A follow-up to a follow-up still knows what it is about."""
    assert asked("What was Northwind's revenue in FY2019?", "What about Contoso?", "and the year before?") == (
        "What was Contoso's revenue in FY2018?"
    )


def test_a_whole_new_question_stands_alone():
    """A question that names its own company and year takes nothing over."""
    new = "What were Contoso's capital expenditures in 2020?"
    assert asked("What was Northwind's revenue in FY2019?", new) == new


def test_a_quarter_before_the_first_is_the_fourth_of_the_year_before():
    """Quarters turn with the year."""
    assert (
        asked("What was Northwind's revenue in Q1 2020?", "and the quarter before?") == "What was Northwind's revenue in Q4 2019?"
    )


@pytest.mark.parametrize("question", ["What does Northwind Paper do?", "What is Northwind Paper's business?"])
def test_what_a_company_does_is_told_where_its_business_is(question):
    """Without the company's name there is still something to look for."""
    query = prepare(Selection([], "", True, question, names=("Northwind Paper",)), top_k=3)
    assert query.labels["business_opening"] > 0
    assert terms("company products services") <= set(query.terms)


def test_a_question_of_another_language_looks_for_english_words():
    """Its basic terms are those of the pages, and its function words are no terms."""
    query = prepare(Selection([], "", True, "Wie hoch war der Umsatz im Jahr 2024?"), top_k=3)
    assert terms("revenue") <= set(query.terms)
    assert not terms("der Umsatz Jahr") & set(query.terms)
    assert query.labels["income_statement"] > 0


def test_a_question_asks_for_line_items_of_years():
    """A formula asks for all of its line items; shares add up to 1."""
    assert figures_asked("What were purchases of property, plant and equipment in 2021?") == {figure_id("capex", 2021): 1.0}
    ratio = figures_asked("What was the current ratio in FY2021?")
    assert ratio == {figure_id("current_assets", 2021): 0.5, figure_id("current_liabilities", 2021): 0.5}
    both = figures_asked("Did inventory rise from 2020 to 2021?")
    assert both == {figure_id("inventory", 2020): 0.5, figure_id("inventory", 2021): 0.5}
    assert figures_asked("What are total assets?") == {figure_id("total_assets"): 1.0}
    assert figures_asked("Who chairs the audit committee?") == {}


def test_parts_and_reasons_ask_less_for_statements():
    """What statements do not tell is not looked for there first, unless the question names one."""
    assert sum(figures_asked("Why did operating income fall in 2021?").values()) < 0.5
    assert sum(figures_asked("By the income statement, why did operating income fall in 2021?").values()) == 1.0


@pytest.mark.parametrize(
    ("question", "rest"),
    [
        ("Is the metric useful? Explain why if not.", "Is the metric useful?."),
        ("Does the firm use hedges, and if so, say which", "Does the firm use hedges, and"),
        ("Is goodwill impaired, or state why if it is not?", "Is goodwill impaired?"),
        ("Explain why margins fell", "Explain why margins fell"),
    ],
)
def test_what_to_say_otherwise_is_left_out(question, rest):
    """Instructions for the other case are no part of the question; questions for reasons are."""
    assert without_instructions(question) == rest


def test_a_number_in_a_name_weighs_as_a_word():
    """Other numbers weigh less: years, amounts, percentages."""
    (number,) = terms("365")
    assert weigh("Which customers use Orchard 365?")[number] == WORD
    for text in ("What fell by 365 million?", "In Fiscal 365 what fell?", "What was up in May 365"):
        assert weigh(text)[number] == NUMBER
    (percent,) = terms("12")
    assert weigh("Which Customers 12% of sales?")[percent] == NUMBER


def test_other_endings_of_a_word_are_looked_for():
    """They count less than the words of the question and than those of pages."""
    weights = weigh("How cyclical is demand? Who was retained?")
    (word,), (ending,), (irregular,) = terms("cyclical"), terms("cyclicality"), terms("retention")
    assert weights[word] == WORD
    assert 0 < weights[ending] < ADDED
    assert 0 < weights[irregular] < ADDED


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Where is the headquarters?", "cover"),
        ("Who is the chief executive officer?", "signatures"),
        ("What is paid to retirees?", "notes"),
        ("Who are the primary customers?", "business"),
    ],
)
def test_everyday_words_point_to_sections(text, label):
    """Addresses, people, pensions and customers have their pages."""
    assert point(text)[label] > 0


def test_phrases_that_mean_the_same_are_looked_for_as_well():
    """The words that were asked count more; a phrase counts as a whole only."""
    weights = weigh("suppliers and stock of goods")
    assert 0 < weights[term_ids("vendor")[0]] < weights[term_ids("suppliers")[0]]
    assert term_ids("inventory")[0] in weights
    assert term_ids("inventory")[0] not in weigh("goods in stock")
