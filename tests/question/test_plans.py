"""A table of questions and their plans: paraphrases, terse and wordy ones, traps that must be declined, follow-ups."""

import re
from pathlib import Path

import pytest

from jacie_flask.events import Turn
from jacie_flask.question.marks import NamedCompany
from jacie_flask.question.reading import plan_of
from tests.support.plan_notation import notation

LINES = [
    line for line in Path(__file__).with_name("plans.txt").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"
]
CASES = list(zip(LINES[::2], LINES[1::2], strict=True))
COMPANIES = ("Averlinde", "Borvik", "6M Foods", "Q1 Labs")


def find_names(text):
    """Find the companies of these tests, in capitals or not."""
    return [NamedCompany(name, match.start(), match.end()) for name in COMPANIES for match in re.finditer(name, text, re.I)]


def planned(conversation):
    """Return the plan of a conversation's last question, in notation."""
    *before, question = [part.strip() for part in conversation.split(">>")]
    return notation(plan_of(question, [Turn(role="user", content=text) for text in before], find_names))


def test_the_table_is_large():
    """There are hundreds of questions, and a good part of them must be declined."""
    assert len(CASES) >= 300
    assert sum(expected.strip().startswith("=> --") for _, expected in CASES) >= 60


@pytest.mark.parametrize(("conversation", "expected"), CASES)
def test_the_plan_is_the_expected_one(conversation, expected):
    """Each question has the plan that a reader would give it, or is declined for the words that are not understood."""
    assert f"=> {planned(conversation)}".strip() == expected.strip()
