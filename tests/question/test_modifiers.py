"""A word that changes what is asked never vanishes: the plan declines, or the row that is looked for has the word."""

import re
from functools import cache

import pytest

from jacie_flask.facts.expressions import items
from jacie_flask.question.marks import NamedCompany
from jacie_flask.question.reading import plan_of
from jacie_flask.question.tokens import keys

ADJECTIVES = (
    """
adjusted|organic|underlying|normalized|normalised|core|pro forma|non-GAAP|non-IFRS|comparable|like-for-like|same-store|constant-currency|
currency-neutral|recurring|non-recurring|one-off|exceptional|extraordinary|discontinued|continuing|domestic|foreign|international|
overseas|European|Asian|American|US|Chinese|African|regional|segment|divisional|wholesale|retail|online|digital|subscription|product|
service|hardware|software|licensing|franchise|rental|advertising-related|restricted|unrestricted|deferred|accrued|unbilled|billed|
contracted|budgeted|planned|forecast|projected|expected|estimated|targeted|guided|preliminary|unaudited|restated|gross-up|
tax-adjusted|after-tax|pre-tax|per-share|per-employee|per-store|median|minimum|maximum|marginal|incremental|excess|undrawn|secured|
unsecured|senior|subordinated|convertible|noncontrolling|parent|standalone|intercompany|third-party|related-party|affiliate|
nonoperating|statutory|cash|noncash|realized|unrealized|levered|unlevered|diluted|headline|sustaining|maintenance|expansion|
nominal|real|inflation-adjusted|seasonally adjusted|annualized|run-rate|monthly|weekly|daily|quarterly|rolling|other|remaining|own|same|further|
""".replace("\n", "")
    .strip("|")
    .split("|")
)
LIMITS = """
in Europe|in the US|outside the US|in China|in North America|excluding acquisitions|excluding M&A|excluding one-off items|before taxes|
after tax|net of tax|net of cash|before minority interests|including leases|without leases|except for leases|per share|per employee|
per store|per customer|from discontinued operations|from continuing operations|from subscriptions|from its largest customer|
for the Cloud segment|of the Beverages division|at constant currency|on an organic basis|on a pro forma basis|on a like-for-like basis|
to related parties|with third parties|before exceptional items|before restructuring costs|excluding the impact of currency|
if currency effects are ignored|under IFRS 16|ex items|as originally reported|before the restatement|as restated|under its old segments|
for its parent company|attributable to noncontrolling interests|due within one year|due after five years|in the second week|
during the pandemic|since the merger|after the split|for women|by 2030|according to analysts|according to its guidance|
not including leases|other than leases|in Q5|in March|month by month|on average per day
""".replace("\n", "").split("|")
BASES = ("revenue", "net income", "inventory", "gross margin", "long-term debt")
FRAMES = (
    "What was Averlinde's {} in 2022?",
    "How much did Averlinde's {} grow from 2021 to 2022?",
    "Did Averlinde's {} increase in 2022?",
    "averlinde {} 2022",
    "What is the 3 year average of Averlinde's {} from 2020 to 2022?",
    "Why did Averlinde's {} fall in 2022?",
)


def find_names(text):
    """Find the company of these tests."""
    return [NamedCompany("Averlinde", match.start(), match.end()) for match in re.finditer("averlinde", text, re.I)]


@cache
def plain_plan(base):
    """Plan a question without the words that are added."""
    return plan_of(base, (), find_names)


def explained_by_rows(plan):
    """Return the words that only a row of these names can explain."""
    return {key for measure in plan.measures for item in items(measure.expression) for key in keys(item.phrase)}


def assert_kept(question, base, words):
    """Fail if a question is planned as the question without the words is."""
    plan, plain = plan_of(question, (), find_names), plain_plan(base)
    assert plain.complete, base
    if plan.complete and plan != plain and not explained_by_rows(plan):
        return  # another concept or formula, by its own phrase
    kept = explained_by_rows(plan) & set(keys(f"the {words}".replace("US", "U.S.")))
    assert not plan.complete or kept, (question, plan)


@pytest.mark.parametrize("word", ADJECTIVES)
def test_an_adjective_never_vanishes(word):
    """It stands before the measure, in questions of several forms."""
    for base in BASES:
        for frame in FRAMES:
            assert_kept(frame.format(f"{word} {base}"), frame.format(base), word)


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_never_vanishes(limit):
    """It stands behind the measure, in questions of several forms."""
    for base in BASES:
        for frame in FRAMES:
            assert_kept(frame.format(f"{base} {limit}"), frame.format(base), limit)


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_at_the_end_never_vanishes(limit):
    """It stands at the end of the question, behind the period."""
    for base in BASES:
        question = f"What was Averlinde's {base} in 2022"
        assert_kept(f"{question} {limit}?", f"{question}?", limit)
