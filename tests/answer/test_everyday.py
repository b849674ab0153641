"""Everyday questions are recognised whole, and answered from the catalog alone."""

import tomllib
from pathlib import Path

import pytest

from jacie_flask.answer import everyday
from jacie_flask.answer.everyday import kind_of, reply
from jacie_flask.interfaces import CatalogDocument

PHRASES = tomllib.loads(Path(everyday.__file__).with_suffix(".toml").read_text(encoding="utf-8"))
PHRASES.pop("fillers")


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("Hi", "greeting"),
        ("Hello Jacie!", "greeting"),
        ("Thank you very much.", "thanks"),
        ("OK, thanks!", "thanks"),
        ("Thanks, that was great", "thanks"),
        ("Hi there, which documents do you have?", "documents"),
        ("What's in the collection?", "documents"),
        ("Which companies do you cover?", "companies"),
        ("what can you do", "abilities"),
        ("Bonjour", "greeting"),
    ],
)
def test_everyday_questions_are_recognised(query, kind):
    """Punctuation, case, fillers and several parts make no difference."""
    assert kind_of(query) == kind


@pytest.mark.parametrize(
    "query",
    [
        "Hello, what was revenue in 2023?",
        "Which documents mention the restructuring?",
        "What is Great Margin's revenue?",
        "Thanks. And 2022?",
        "great margin?",
        "Help me understand the debt",
        "",
        "hi " * 50,
    ],
)
def test_a_question_about_filings_is_none_of_them(query):
    """A word more than a phrase and its fillers makes it another question."""
    assert kind_of(query) == ""


@pytest.mark.parametrize(("kind", "phrase"), [(kind, phrase) for kind, listed in PHRASES.items() for phrase in listed])
def test_every_phrase_is_reached(kind, phrase):
    """No entry of the data file is shadowed by another."""
    assert kind_of(phrase.capitalize() + "?") == kind


def document(name, company, period):
    """Return a catalog entry."""
    return CatalogDocument(
        document_id=name, filename=name, key=name, company=company, period=period, document_type="annual report"
    )


HERE = [document("b.pdf", "Beta | Sons", "2023"), document("a.pdf", "Alpha", "2024"), document("c.pdf", "Alpha", "2023")]


def test_documents_are_listed_as_a_table_by_company():
    """A file's name cannot break the table."""
    assert reply("documents", HERE).splitlines() == [
        "The collection has 3 documents:",
        "",
        "| Document | Company | Period | Type |",
        "| --- | --- | --- | --- |",
        "| c.pdf | Alpha | 2023 | annual report |",
        "| a.pdf | Alpha | 2024 | annual report |",
        "| b.pdf | Beta / Sons | 2023 | annual report |",
    ]


def test_companies_are_listed_with_their_periods():
    """Each company once, with the periods of its documents."""
    assert "- Alpha: 2023, 2024" in reply("companies", HERE)
    assert "of 2 companies" in reply("companies", HERE)


@pytest.mark.parametrize("kind", sorted(PHRASES))
def test_every_kind_has_an_answer_for_an_empty_collection(kind):
    """Nothing is made up where there are no documents."""
    assert reply(kind, [])
    assert "no documents" in reply(kind, []) or kind in ("thanks", "farewell")
