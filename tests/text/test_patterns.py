"""Every regular expression of the package takes time in proportion to its text, counted in steps of a matcher."""

import random
import re

import pytest

from jacie_flask.answer.model import guard
from jacie_flask.events import Source
from jacie_flask.evidence import citations
from jacie_flask.evidence.citations import Evidence
from tests.support.package_patterns import patterns
from tests.support.pattern_steps import WORST, Matcher, growth
from tests.support.reliability import record


@pytest.mark.reliability
@pytest.mark.timeout(1800)
def test_every_pattern_is_linear():
    """No run of any class of characters, of a pair of them, or of what leads to a repeat makes a pattern take more than its share."""
    uses = patterns()
    assert len(uses) > 300
    found = {use.place: growth(use.pattern, anchored=use.anchored, whole=use.whole) for use in uses}
    slow = {place: grown for place, grown in found.items() if grown[0] > WORST}
    assert slow == {}
    rows = [{"patterns": len(uses), "texts": "runs of each class, of pairs, of what leads to a repeat", "not linear": len(slow)}]
    text = "Each regular expression is run by a matcher that counts its steps over texts of 64 and of 256 characters."
    record("52-patterns", "Regular expressions", text, rows)


@pytest.mark.parametrize(
    "pattern", [r"\s*\[\d\]", r"-\s*\n\s*x", r"(?:a|aa)+$", r"(\w+\s?)*$", r"\([^)]*\)", r"(?i)x\w+ y", r".*a.*b"]
)
def test_a_pattern_that_is_not_linear_is_found(pattern):
    """The count tells quadratic and exponential patterns from others."""
    assert growth(re.compile(pattern))[0] > WORST


@pytest.mark.parametrize("pattern", [r"(?<!\s)\s*+\[\d\]", r"-[^\S\n]*+\n\s*+x", r"(?<!\w)\w+", r"a{2,60}b", r"[^.]*\."])
def test_a_linear_pattern_passes(pattern):
    """A pattern that each character is looked at a bounded number of times by is not complained about."""
    assert growth(re.compile(pattern), anchored=pattern == r"[^.]*\.")[0] <= WORST


def test_the_matcher_finds_what_re_finds():
    """On random texts each pattern of the package has as many matches as in re: what is counted is what happens."""
    chance = random.Random(12)
    signs = 'a1 .\n,-($["é%Inc2024and'
    checked = 0
    for use in patterns():
        if isinstance(use.pattern.pattern, bytes) or any(most > 8 for _, most in _bounds(use.pattern.pattern)):
            continue
        matcher = Matcher(use.pattern)
        for _ in range(3):
            text = "".join(chance.choices(signs, k=40))
            matcher.search_all(text)
            assert len(matcher.matches) == len([*use.pattern.finditer(text)]), (use.place, text)
            checked += 1
    assert checked > 500


def _bounds(pattern: str) -> list[tuple[int, int]]:
    found = re.findall(r"\{(\d*)(,?)(\d*)\}", pattern)
    return [(int(least or 0), int(most or 0) if comma else int(least or 0)) for least, comma, most in found]


def test_a_sentence_of_many_abbreviations_is_cut_in_one_pass():
    """Pieces are joined once: what was found so far is not looked at again with each of them."""
    text = "Mr. " * 50_000
    assert citations.sentences(text) == [text]


def test_a_sentence_that_never_ends_is_not_checked_and_says_so():
    """A text of 300,000 characters without an end is cited with the reason why nobody compared it."""
    (citation,) = citations.cite("Revenue 12 " * 30_000 + "[1]", [_evidence("Revenue 12")])
    assert (citation.verified, citation.page) == (False, 3)
    assert citation.reason == "it is longer than 10,000 characters and was not checked"
    assert len(citation.quote) < 500


def test_a_model_that_never_ends_a_sentence_is_let_out_in_parts():
    """The guard keeps a bounded text, however long the model goes on."""
    watch = guard.FigureGuard([_evidence("the words")])
    shown = "".join(watch.feed("the words ") for _ in range(2000)) + watch.end()
    assert shown == "the words " * 2000


def _evidence(text: str) -> Evidence:
    source = Source(
        n=1, document_id="d", filename="f.pdf", company="", period="", document_type="", page=3, snippet=text, score=1.0, url=""
    )
    return Evidence(source, text)
