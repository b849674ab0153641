"""Several companies in one question: each has its pages."""

from jacie_flask.evidence.company_pages import compares, spread
from jacie_flask.evidence.selection import select
from jacie_flask.interfaces import Passage
from tests.evidence.test_selection import CATALOG

NORTHWIND, CONTOSO = "Northwind Paper", "Contoso Foods International"


def chosen(question):
    """Return the selection of a question from the invented catalog."""
    return select(question, CATALOG)


def test_which_questions_compare():
    """Two names, or the question which company; one company, by however many names, is not compared."""
    both = chosen("Compare the revenue of Northwind Paper and Contoso Foods in 2020")
    assert compares(both)
    assert both.companies == (NORTHWIND, CONTOSO)
    assert chosen("Compare the revenue of Contoso Foods and Northwind Paper in 2020").companies == (CONTOSO, NORTHWIND)
    assert compares(chosen("Which company had the highest revenue in 2020?"))
    assert not compares(chosen("What was Northwind Paper's revenue, and what did Northwind Paper sell?"))
    assert not compares(chosen("Which of Northwind Paper's business segments had the lowest revenue?"))


def test_pages_come_from_every_company_in_turn():
    """A company whose pages match worse is not crowded out; what is kept stays best first."""
    passages = [Passage(document_id=name, page=1, score=1.0, text="", snippet=str(n)) for n, name in enumerate("aaaabbc")]
    assert [passage.snippet for passage in spread(passages, str, 4)] == ["0", "1", "4", "6"]
    assert spread(passages, str, 99) == passages
    assert spread([], str, 4) == []
