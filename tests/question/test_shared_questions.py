"""The shared questions over real filings, where they are at hand: those that ask for a computed figure are all planned."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from jacie_flask.question.marks import NamedCompany
from jacie_flask.question.reading import plan_of

PATH = Path(__file__).parents[3] / "shared" / "filings" / "questions.jsonl"


def questions() -> Iterator[dict]:
    """Yield the shared questions; skip where they are not here."""
    if not PATH.exists():
        pytest.skip(f"{PATH} is not here: the shared questions were NOT planned")
    yield from map(msgspec.json.decode, PATH.read_text(encoding="utf-8").splitlines())


def finder(company):
    """Return a finder for one company by its name's words."""
    name = re.compile("|".join(map(re.escape, [company, company.split()[0]])), re.I)
    return lambda text: [NamedCompany(company, match.start(), match.end()) for match in name.finditer(text)]


def test_questions_for_a_computed_figure_are_planned():
    """Whatever is generated from a metric's definition has a complete plan with a measure."""
    declined = []
    for entry in questions():
        plan = plan_of(entry["question"], (), finder(entry["company"]))
        if entry["question_type"] == "metrics-generated" and not (plan.complete and plan.measures):
            declined.append((entry["question"], plan.unexplained, plan.reason))
    assert not declined


def test_questions_without_figures_are_declined():
    """What asks for events, people or reasons of a risk is not computed."""
    plans = [plan_of(entry["question"], (), finder(entry["company"])) for entry in questions()]
    assert 12 <= sum(not plan.complete for plan in plans) <= 24
