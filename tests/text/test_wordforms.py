"""Words of one family have one form, phrases that mean the same are one concept."""

import pytest

from jacie_flask.text.wordforms import concepts, word_form, word_forms


@pytest.mark.parametrize(
    "words",
    [
        ("acquire", "acquired", "acquiring", "acquisition", "acquisitions"),
        ("retain", "retention", "retained"),
        ("cyclical", "cyclicality", "cycle"),
        ("operate", "operating", "operations", "operator"),
        ("compete", "competitors", "competition", "competing"),
        ("appoint", "appointed", "appointment"),
        ("plan", "planned", "planning", "plans"),
        ("profitable", "profitability"),
        ("pay", "paid"),
    ],
)
def test_endings_are_folded(words):
    """All words of a family have the same form."""
    assert len({word_form(word) for word in words}) == 1


@pytest.mark.parametrize(
    ("one", "other"), [("cost", "customer"), ("rate", "ratio"), ("note", "notice"), ("share", "shareholder")]
)
def test_other_words_stay_apart(one, other):
    """Words that only begin alike have different forms."""
    assert word_form(one) != word_form(other)


def test_synonyms_match_as_phrases():
    """A phrase matches its synonyms word for word, not its words apart."""
    (concept,) = concepts("What was capital spending?")
    assert concept.within(word_forms("Capex was 5 million."))
    assert concept.within(word_forms("Purchases of property came to 5 million."))
    assert not concept.within(word_forms("Spending on marketing used capital."))


def test_weak_words_are_no_concepts():
    """What a question asks for is left; how it asks is not."""
    assert [one.words for one in concepts("What are the main risks of the company in March?")] == ["risk"]
