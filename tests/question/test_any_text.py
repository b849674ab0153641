"""Any text becomes a plan: nothing raises, words are not lost, and equal questions have equal plans."""

import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from jacie_flask.events import Turn
from jacie_flask.question.marks import NamedCompany
from jacie_flask.question.reading import LONGEST, plan_of
from jacie_flask.question.vocabulary import entries

data = entries()
PHRASES = [phrase for entry in data["concepts"].values() for phrase in entry["phrases"]]
PHRASES += [phrase for phrases in data["operators"].values() for phrase in phrases]
PHRASES += [phrase for phrases in data["math"].values() for phrase in phrases]
PHRASES += [
    "is defined as",
    "define",
    "as",
    "(",
    ")",
    "/",
    "*",
    "-",
    "+",
    "=",
    ",",
    ".",
    "?",
    ":",
    "between FY2021 and FY2022",
    "in 2021",
]
PHRASES += [
    "Q2 2021",
    "the last three years",
    "3 year",
    "Averlinde",
    "Borvik",
    "in USD millions",
    "round to two decimals",
    "365",
    "zorgs",
]


def find_names(text):
    """Find the companies of these tests."""
    return [NamedCompany(match.group(), match.start(), match.end()) for match in re.finditer("Averlinde|Borvik", text)]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=120), st.lists(st.text(max_size=60), max_size=3))
def test_no_text_raises(query, before):
    """Signs, scripts and control characters are words that are not understood."""
    plan_of(query, [Turn(role="user", content=text) for text in before], find_names)


def test_no_sequence_of_known_phrases_raises():
    """Phrases in any order, long and short, after a question and without one."""
    chance = random.Random(3)
    for _ in range(1_500):
        words = " ".join(chance.choices(PHRASES, k=chance.randint(1, 14)))
        history = [Turn(role="user", content="What was Averlinde's revenue in 2020?")] if chance.random() < 0.5 else []
        plan = plan_of(words, history, find_names)
        assert "zorgs" not in words or not plan.complete or "zorgs" in repr(plan.measures), words


def test_a_question_that_is_cut_is_declined():
    """What stands behind the limit may change everything."""
    question = "What was Averlinde's revenue in 2022?" + " " * 10 + "please " * LONGEST
    assert not plan_of(question, (), find_names).complete


def test_the_form_does_not_matter():
    """Line breaks, spaces, capitals and typographic quotes say nothing."""
    plain = plan_of("What was Averlinde's revenue in 2022?", (), find_names)
    for question in (
        "What  was\nAverlinde’s   revenue in 2022",
        "what was Averlinde's REVENUE in 2022?!",
        " What was Averlinde's revenue, in 2022 ? ",
    ):
        assert plan_of(question, (), find_names) == plain
