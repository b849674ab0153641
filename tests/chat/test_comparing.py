"""Several companies in one question: each has its pages and its line, in the order in which they were named."""

from jacie_flask.chat.comparing import MOST, compares, lines_of_each, spread
from jacie_flask.chat.query import weigh
from jacie_flask.chat.selection import select
from jacie_flask.interfaces import Passage
from tests.chat.test_selection import CATALOG
from tests.support.pages import page

NORTHWIND, CONTOSO, LOOMS = "Northwind Paper", "Contoso Foods International", "General Looms"
PAGES = [
    page(1, "USD millions 2020 2019\nRevenue 500 400", company=CONTOSO, period="2020"),
    page(2, "USD millions 2019 2018\nRevenue 400 300", company=NORTHWIND, period="2019"),
    page(3, "USD millions 2020 2019\nRevenue of all 900 800", company=NORTHWIND, period="2020"),
    page(4, "The looms were sold.", company=LOOMS),
]


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


def test_each_company_has_its_line():
    """The order is that of the names; a near row of the year that is asked for wins; a company may have none."""
    question = "Compare revenue in 2020"
    each = lines_of_each(question, weigh(question), PAGES, (NORTHWIND, LOOMS, CONTOSO))
    assert list(each) == [NORTHWIND, LOOMS, CONTOSO]
    assert each[LOOMS] is None
    assert each[NORTHWIND].quote(named=True).startswith("Northwind Paper 2020: “Revenue of all 900 800”")
    assert each[CONTOSO].item.source.n == 1
    assert list(lines_of_each(question, weigh(question), PAGES, ())) == [CONTOSO, NORTHWIND, LOOMS]
    many = [page(n, "Revenue 500 400", company=f"C{n}") for n in range(MOST + 3)]
    assert len(lines_of_each(question, weigh(question), many, ())) == MOST


def test_pages_come_from_every_company_in_turn():
    """A company whose pages match worse is not crowded out; what is kept stays best first."""
    passages = [Passage(document_id=name, page=1, score=1.0, text="", snippet=str(n)) for n, name in enumerate("aaaabbc")]
    assert [passage.snippet for passage in spread(passages, str, 4)] == ["0", "1", "4", "6"]
    assert spread(passages, str, 99) == passages
    assert spread([], str, 4) == []
